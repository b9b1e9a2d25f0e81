-- Check-ins by QR code: one is what lets a student mark themselves present.
--
--   see                   the student, the class's teacher, admins
--   create                a student, for themselves, to an active code of a class they are enrolled in
--   delete                the class's teacher, admins
--   change                nobody; when it was is the database's to say

call zoom.take_over('public.qr_checkins');

alter table public.qr_checkins enable row level security;
revoke all on public.qr_checkins from public, anon, authenticated;
grant select, insert, delete on public.qr_checkins to authenticated;
grant select, insert, update, delete on public.qr_checkins to service_role;

create policy "students see their check-ins, and class teachers the class's" on public.qr_checkins
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or session_id = any ((select zoom.sessions_shown())::uuid[])
);

create policy "students check in to open codes of their classes" on public.qr_checkins
for insert to authenticated with check (
  student_id = (select zoom.caller())
  and session_id = any ((select zoom.open_sessions())::uuid[])
);

create policy "class teachers delete check-ins" on public.qr_checkins
for delete to authenticated using (
  (select zoom.is_admin())
  or session_id = any ((select zoom.sessions_shown())::uuid[])
);

call zoom.avoid_recursion('public.qr_checkins');

create or replace trigger the_database_stamps_it
before insert on public.qr_checkins
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'checked_in_at');
