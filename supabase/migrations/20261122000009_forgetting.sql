-- How long what Zoom told is kept: for ever, unless the school removes it.
--
-- zoom.forget removes who was where and when in lessons of long ago, and nothing else: the rows that the app reads, the
-- attendance above all, stay as they are. The run itself is remembered, so that an event of it that comes once more is still
-- a repetition. Nobody calls it but the school:
--
--   select zoom.forget(now() - interval '2 years');                                              until it returns 0
--   select cron.schedule('forget', '0 3 * * *', $$select zoom.forget(now() - interval '2 years')$$);
--
-- Locks nothing: it only makes a function.

create function zoom.forget(before timestamptz, most integer default 1000) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  meetings uuid[];
  forgotten integer;
begin
  -- As apply_zoom_events does: lock the meetings first, in id order.
  meetings := array(
    select meeting.id from public.zoom_meetings meeting
    where meeting.id in (
      select run.meeting_id from zoom.instances run where run.ended_at < before and run.forgotten_at is null)
    order by meeting.id
    for no key update);

  with latest as (
    select run.meeting_id, max(run.held_on) as held_on
    from zoom.instances run
    where run.meeting_id = any (meetings)
    group by run.meeting_id
  ), due as (
    -- Of a meeting that recurs, the latest lesson stays: the participants show it.
    select run.run_id, run.meeting_id, run.started_at, run.ended_at
    from zoom.instances run
    join latest on latest.meeting_id = run.meeting_id
    join public.zoom_meetings meeting on meeting.id = run.meeting_id
    where run.ended_at < before and run.forgotten_at is null and (run.held_on < latest.held_on or meeting.meeting_type = 'scheduled')
    order by run.ended_at
    limit most
  ), noted as (
    update zoom.instances run set forgotten_at = now() from due where run.run_id = due.run_id
    returning run.run_id
  ), gone as (
    delete from zoom.segments seg using due where seg.run_id = due.run_id -- and their marks with them
  ), unvisited as (
    delete from zoom.visits visit using due
    where visit.meeting_id = due.meeting_id and visit.at between due.started_at - zoom.early() and due.ended_at
  )
  select count(*) into forgotten from noted;
  return forgotten;
end
$$;
comment on function zoom.forget is 'Removes the segments, marks and visits of runs that ended before an instant, the longest ago first, of at most so many runs; returns of how many. The latest lesson of a recurring meeting is kept. Attendance and all other public rows stay, can no longer be explained, and are not changed by what Zoom may say of these lessons later.';
revoke execute on function zoom.forget from public;
grant execute on function zoom.forget to service_role;
