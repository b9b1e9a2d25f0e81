-- Who takes part in a meeting. What Zoom saw is written by the service role alone.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        one's own row, in a meeting one may see: the page that opens a meeting says "joined" and "left".
--                         It is under the name and e-mail that users has, never writes over what Zoom said, and makes no
--                         attendance, however long it says that somebody was there.
--   delete                nobody

call zoom.take_over('public.zoom_participants',
  replaces => array['Users can view participants for meetings they can access']);

alter table public.zoom_participants enable row level security;
revoke all on public.zoom_participants from public, anon, authenticated;
grant select, insert, update on public.zoom_participants to authenticated;
grant select, insert, update, delete on public.zoom_participants to service_role;

create policy "people see themselves and those whose meeting they run" on public.zoom_participants
for select to authenticated using (
  -- Most of those who follow a lesson are its students: two questions tell that a row is not theirs.
  case (select zoom.caller_role())
    when 'student' then user_id = (select zoom.claimed_id())
    when 'admin' then true
    else user_id = (select zoom.caller()) or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  end
);

create policy "people enter the meetings they see" on public.zoom_participants
for insert to authenticated with check (
  user_id = (select zoom.caller())
  and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

create policy "people change their own entry" on public.zoom_participants
for update to authenticated using (
  user_id = (select zoom.caller())
) with check (
  user_id = (select zoom.caller())
  and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

call zoom.avoid_recursion('public.zoom_participants');

create or replace trigger a_row_stays_whose_it_is
before update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('join_time', 'leave_time');

create or replace trigger zoom_outranks_the_page
before insert or update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_participant();
