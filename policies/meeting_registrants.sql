-- Who registered for a meeting. Zoom recognises people by it, so who is who is not for them to write.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        the meeting's host, the class's teacher and admins for anybody; everybody for themselves, in a meeting
--                         they may see, and then it is pending, and without Zoom's id and an address to join by
--   delete                nobody

call zoom.take_over('public.meeting_registrants', replaces => array[
  'Users can view their own registrations', 'Admins can view all registrations', 'Teachers can view registrations for their meetings']);

alter table public.meeting_registrants enable row level security;
revoke all on public.meeting_registrants from public, anon, authenticated;
grant select, insert, update on public.meeting_registrants to authenticated;
grant select, insert, update, delete on public.meeting_registrants to service_role;

create policy "people see their registration and those for meetings they run" on public.meeting_registrants
for select to authenticated using (
  user_id = (select zoom.caller())
  or (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
);

create policy "people register, and hosts register others" on public.meeting_registrants
for insert to authenticated with check (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
    and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

create policy "people change their registration, and hosts those of others" on public.meeting_registrants
for update to authenticated using (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
    and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

call zoom.avoid_recursion('public.meeting_registrants');

create or replace trigger a_row_stays_whose_it_is
before update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('registered_at', 'updated_at');

create or replace trigger registering_oneself_is_asking
before insert or update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_registrant();
