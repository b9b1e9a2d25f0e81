-- Which parent may see which student.
--
--   parents, students     the families they belong to
--   class teachers, hosts those of the students in the classes they teach or host a meeting for
--   admins                all
--
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay.

call zoom.add_readers('public.parent_children', 'people see the families they have to do with', $$
  parent_id = (select zoom.caller())
  or student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id = any ((select zoom.students_overseen())::uuid[])
$$);

create or replace trigger a_family_stays_the_same
before update on public.parent_children
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.parent_children
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');
