-- Which parent may see which student.
--
--   parents, students     the families they belong to
--   class teachers, hosts those of the students in the classes they teach or host a meeting for
--   admins                all
--
-- Nobody writes here through us; policies of the app that let somebody do so stay.

call zoom.take_over('public.parent_children');

alter table public.parent_children enable row level security;
revoke all on public.parent_children from public, anon;
revoke truncate, references, trigger on public.parent_children from authenticated;
grant select on public.parent_children to authenticated;
grant select, insert, update, delete on public.parent_children to service_role;

create policy "people see the families they have to do with" on public.parent_children
for select to authenticated using (
  parent_id = (select zoom.caller())
  or student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id in (select zoom.students_overseen())
);
