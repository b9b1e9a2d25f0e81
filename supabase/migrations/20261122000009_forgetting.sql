-- How long what Zoom told is kept: for ever, unless the school removes it.
--
-- zoom.forget removes who was where and when in lessons of long ago, and nothing else: the rows that the app reads, the
-- attendance above all, stay as they are. The run itself is remembered, so that an event of it that comes once more is still
-- a repetition. Nobody calls it but the school:
--
--   select zoom.forget(now() - interval '2 years');                                              until it returns 0
--   select cron.schedule('forget', '0 3 * * *', $$select zoom.forget(now() - interval '2 years')$$);
--
-- zoom.forget_person removes what Zoom said of who somebody is. It is called when a user is deleted (a trigger, see
-- policies/users.sql), and by the school for a guest:
--
--   select zoom.forget_person(address => 'somebody@home.test');
--
-- Locks nothing: it only makes functions.

create function zoom.forget(before timestamptz, most integer default 1000) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  meetings uuid[];
  forgotten integer;
begin
  -- As apply_zoom_events does: lock the meetings first, in id order.
  meetings := array(
    select distinct run.meeting_id from zoom.instances run
    where run.ended_at < before and run.forgotten_at is null and run.meeting_id is not null);
  perform zoom.lock_meetings(meetings);

  with due as (
    -- Of a meeting that recurs, the latest lesson stays: the participants show it.
    select run.run_id, run.meeting_id, run.started_at, run.ended_at
    from zoom.instances run
    join zoom.meetings meeting on meeting.meeting_id = run.meeting_id
    where meeting.meeting_id = any (meetings) and run.ended_at < before and run.forgotten_at is null
      and (not zoom.is_shown(run, meeting)
        or zoom.as_of('zoom_meetings', run.meeting_id::text, now()) ->> 'meeting_type' = 'scheduled')
    order by run.ended_at
    limit most
  ), noted as (
    update zoom.instances run set forgotten_at = now() from due where run.run_id = due.run_id
    returning run.run_id
  ), gone as (
    delete from zoom.segments seg using due where seg.run_id = due.run_id
  ), unmarked as (
    delete from zoom.marks mark using due where mark.run_id = due.run_id
  ), unvisited as (
    delete from zoom.visits visit using due
    where visit.meeting_id = due.meeting_id and visit.at between due.started_at - zoom.early() and due.ended_at
  )
  select count(*) into forgotten from noted;
  return forgotten;
end
$$;
comment on function zoom.forget is
  'Removes the segments, marks and visits of runs that ended before an instant, the longest ago first, of at '
  'most so many runs; returns of how many. The latest lesson of a recurring meeting is kept. Attendance and all '
  'other public rows stay, can no longer be explained, and are not changed by what Zoom may say of these lessons '
  'later.';
revoke execute on function zoom.forget from public;
grant execute on function zoom.forget to service_role;


create function zoom.forget_person(person uuid default null, address text default null) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  wanted constant text := nullif(lower(btrim(address)), '');
  theirs zoom.visit[];
  forgotten integer;
begin
  theirs := array(
    select row(seg.run_id, seg.segment)::zoom.visit from zoom.segments seg
    where seg.user_id = person
    union
    select row(seg.run_id, seg.segment)::zoom.visit from zoom.segments seg
    where wanted is not null and lower(btrim(seg.email collate "default")) = wanted);

  -- As apply_zoom_events does: lock the meetings first, in id order.
  perform zoom.lock_meetings(array(
    select distinct run.meeting_id from unnest(theirs) told
    join zoom.instances run on run.run_id = told.run_id
    where run.meeting_id is not null));

  with unnamed as (
    update zoom.marks mark set name = null
    from unnest(theirs) told
    where mark.run_id = told.run_id and mark.segment = told.segment and mark.name is not null
  ), guests as (
    -- The rows of guests that stand for these connections.
    select memory.row_id from unnest(theirs) told
    join zoom.segments seg on seg.run_id = told.run_id and seg.segment = told.segment
    join zoom.rows memory on memory.run_id = seg.run_id and memory.connection_key = seg.connection_key
  ), shown as (
    update public.zoom_participants shown set name = null, email = null
    where (shown.user_id = person or wanted is not null and lower(btrim(shown.email)) = wanted or shown.id in (select guests.row_id from guests))
      and (shown.name is not null or shown.email is not null)
    returning shown.id
  ), remembered as (
    update zoom.rows memory set was.name = null, was.email = null
    where memory.was is not null and memory.row_id in (
      select own.id from public.zoom_participants own where own.user_id = person
      union all select guests.row_id from guests)
  ), hosted as (
    update zoom.instances run set host_email = null
    where wanted is not null and lower(btrim(run.host_email collate "default")) = wanted
  ), cleared as (
    update zoom.segments seg set email = null, registrant_id = null, participant_id = null, customer_key = null, zoom_user_id = null
    from unnest(theirs) told
    where seg.run_id = told.run_id and seg.segment = told.segment
    returning 1
  )
  select (select count(*) from shown) + (select count(*) from cleared) into forgotten;
  return forgotten;
end
$$;
comment on function zoom.forget_person is
  'Removes the name, e-mail, registration, key and Zoom account of a user, or of whoever showed an e-mail, from '
  'what Zoom told and from the participants'' rows; when they were where, and the attendance, stay. Returns how '
  'many rows that changed. An event of theirs that is applied once more brings its name back.';

revoke execute on function zoom.forget_person from public;
grant execute on function zoom.forget_person to service_role;
