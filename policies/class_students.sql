-- Who is enrolled in which class. Only they get attendance records.
--
--   students              their own enrolments
--   parents               those of their children
--   class teachers, hosts those of the classes they teach or host a meeting for
--   admins                all
--
-- Nobody writes here through us; policies of the app that let somebody do so stay.

call zoom.take_over('public.class_students');

alter table public.class_students enable row level security;
revoke all on public.class_students from public, anon;
revoke truncate, references, trigger on public.class_students from authenticated;
grant select on public.class_students to authenticated;
grant select, insert, update, delete on public.class_students to service_role;

create policy "people see the enrolments they have to do with" on public.class_students
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id in (select zoom.children())
  or class_id in (select zoom.classes_overseen())
);
