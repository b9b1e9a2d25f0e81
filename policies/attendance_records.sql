-- Attendance.
--
--   see                   the student, their parents, the class's teacher, admins
--   create, change        the class's teacher, admins; and a student who checked in to that lesson by QR code: their own
--                         record of that class and date, to present, while the code is open and nobody else wrote the
--                         record since
--   delete                nobody

call zoom.take_over('public.attendance_records', replaces => array['Parents can view their children''s attendance']);

alter table public.attendance_records enable row level security;
revoke all on public.attendance_records from public, anon, authenticated;
grant select, insert, update on public.attendance_records to authenticated;
grant select, insert, update, delete on public.attendance_records to service_role;

create policy "families and class teachers see attendance" on public.attendance_records
for select to authenticated using (
  -- Most of those who follow a lesson are its students: two questions tell that a record is not theirs.
  case (select zoom.caller_role())
    when 'student' then student_id = (select zoom.claimed_id())
    when 'admin' then true
    else student_id = any ((select zoom.children())::uuid[])
      or class_id = any ((select zoom.classes_taught())::uuid[])
      or student_id = (select zoom.caller())
  end
);

create policy "class teachers record it, and a check-in marks present" on public.attendance_records
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or status = 'present' and student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
);

create policy "class teachers correct it, and a check-in marks present" on public.attendance_records
for update to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
) with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or status = 'present' and student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
);

call zoom.avoid_recursion('public.attendance_records');

create or replace trigger a_record_stays_whose_it_is
before update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'student_id', 'class_id', 'date', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_date_is_a_school_day
before insert or update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('date');

create or replace trigger what_a_person_wrote_is_noted
after insert or update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_correction();
