-- QR codes shown in class, by which students check in.
--
--   see                   the students of the class, its teacher, admins
--   create, change, delete  the class's teacher, admins

call zoom.take_over('public.qr_attendance_sessions');

alter table public.qr_attendance_sessions enable row level security;
revoke all on public.qr_attendance_sessions from public, anon, authenticated;
grant select, insert, update, delete on public.qr_attendance_sessions to authenticated, service_role;

create policy "a class and its teacher see its codes" on public.qr_attendance_sessions
for select to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or class_id = any ((select zoom.classes_enrolled())::uuid[])
);

create policy "class teachers show codes" on public.qr_attendance_sessions
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

create policy "class teachers change their codes" on public.qr_attendance_sessions
for update to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
) with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

create policy "class teachers delete their codes" on public.qr_attendance_sessions
for delete to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

call zoom.avoid_recursion('public.qr_attendance_sessions');

create or replace trigger a_code_stays_the_same
before update on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('date');
