-- Who is enrolled in which class. Only they get attendance records.
--
--   students              their own enrolments
--   parents               those of their children
--   class teachers, hosts those of the classes they teach or host a meeting for
--   admins                all
--
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay.

call zoom.add_readers('public.class_students', 'people see the enrolments they have to do with', $$
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id = any ((select zoom.children())::uuid[])
  or class_id = any ((select zoom.classes_overseen())::uuid[])
$$);

create or replace trigger an_enrolment_stays_whose_it_is
before update on public.class_students
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.class_students
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('enrolled_at');
