-- One attendance record per student, class and date, so that writers may upsert.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks public.attendance_records against writes while the index is built.

create unique index attendance_records_student_class_date_key
  on public.attendance_records (student_id, class_id, date);
