-- The people of the school: who sees whom.
--
--   everybody             themselves, the teachers of their classes (or their children's), the hosts of meetings they see
--   parents               their children
--   teachers, admins      everybody: they invite, register and mark people
--
-- Nobody writes here through us; what the app lets users write about themselves stays the app's, but never their role.

call zoom.take_over('public.users');

alter table public.users enable row level security;
revoke all on public.users from public, anon;
revoke truncate, references, trigger on public.users from authenticated;
grant select on public.users to authenticated;
grant select, insert, update, delete on public.users to service_role;

create policy "people see those they have to do with" on public.users
for select to authenticated using (
  id = (select auth.uid())
  or (select zoom.is_staff())
  or id in (select zoom.children())
  or id in (select zoom.acquaintances())
);

create or replace trigger users_do_not_promote_themselves
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_user();
