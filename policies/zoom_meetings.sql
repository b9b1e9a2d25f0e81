-- Meetings at Zoom: seen by those they are meant for, planned by teachers and admins.
--
--   see                   the host, the class's teacher, admins; and by audience: everybody of the school (all), students,
--                         teachers, or the enrolled and their parents (class); personal is the host's alone
--   create                teachers for themselves, admins for anybody
--   change, delete        the host and admins; its number is digits that no other meeting has
--
-- A meeting whose class its host does not teach makes no attendance until an admin saves it.

call zoom.take_over('public.zoom_meetings', replaces => array['Users can view meetings they have access to']);

alter table public.zoom_meetings enable row level security;
revoke all on public.zoom_meetings from public, anon, authenticated;
grant select, insert, update, delete on public.zoom_meetings to authenticated, service_role;

create policy "people see the meetings meant for them" on public.zoom_meetings
for select to authenticated using (
  -- First what makes most of those who follow a lesson see it.
  target_audience = 'class' and class_id = any ((select zoom.classes_of_family())::uuid[])
  or target_audience = any ((select zoom.audiences())::text[])
  or host_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

create policy "teachers and admins create meetings" on public.zoom_meetings
for insert to authenticated with check (
  (select zoom.is_admin())
  or (select zoom.is_staff()) and host_id = (select zoom.caller())
);

create policy "hosts and admins change meetings" on public.zoom_meetings
for update to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);

create policy "hosts and admins delete meetings" on public.zoom_meetings
for delete to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);

call zoom.avoid_recursion('public.zoom_meetings');

create or replace trigger a_meeting_stays_the_same
before update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('start_time', 'updated_at');

create or replace trigger its_number_is_its_own
before insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_meeting();

create or replace trigger the_class_of_another_teacher_is_noted
after insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_class('session');

create or replace trigger the_school_gives_it_a_class
after update of class_id on public.zoom_meetings
for each row when (current_user not in ('anon', 'authenticated'))
execute function zoom.note_class('school');
