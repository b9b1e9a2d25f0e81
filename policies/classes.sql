-- Classes.
--
--   students, parents     the classes they, or their children, are enrolled in
--   teachers, admins      all: they plan meetings for them
--
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay, but who teaches a class is for admins to say.

call zoom.add_readers('public.classes', 'people see the classes they have to do with', $$
  (select zoom.is_staff())
  or id = any ((select zoom.classes_of_family())::uuid[])
$$);

create or replace trigger a_class_stays_the_same
before update on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');

create or replace trigger admins_say_who_teaches
before insert or update on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_class();
