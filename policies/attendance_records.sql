-- Attendance.
--
--   see                   the student, their parents, the class's teacher, admins
--   create, change        the class's teacher, admins; and a student who checked in to that lesson by QR code: their own
--                         record of that class and date, to present
--   delete                nobody

call zoom.take_over('public.attendance_records', closes_writes => true);

alter table public.attendance_records enable row level security;
revoke all on public.attendance_records from public, anon, authenticated;
grant select, insert, update on public.attendance_records to authenticated;
grant select, insert, update, delete on public.attendance_records to service_role;

create policy "families and class teachers see attendance" on public.attendance_records
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or student_id in (select zoom.children())
);

create policy "class teachers record it, and a check-in marks present" on public.attendance_records
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or status = 'present' and student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
);

create policy "class teachers correct it, and a check-in marks present" on public.attendance_records
for update to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
) with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or status = 'present' and student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
);

create or replace trigger a_record_stays_whose_it_is
before update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'student_id', 'class_id', 'date');
