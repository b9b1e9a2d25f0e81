-- What a meeting's status is, in public.zoom_meetings: its newest run decides, unless people cancelled it.

create type zoom.status_change as (meeting_id uuid, status text);
comment on type zoom.status_change is 'The status that a meeting should have.';

create function zoom.status_of(meeting uuid) returns text
language plpgsql stable set search_path = '' as $$
declare
  newest zoom.instances;
  cancelled_since timestamptz;
begin
  select run.* into newest from zoom.instances run
  where run.meeting_id = meeting and run.started_at is not null
  order by run.started_at desc, run.instance desc
  limit 1;
  if newest.run_id is null then -- what people said last
    return zoom.as_of('zoom_meetings', meeting::text, 'infinity') ->> 'status';
  end if;
  -- Cancelled stays, until whoever cancelled takes it back, or a run that began later counts.
  select min(case when own.is_first then '-infinity' else own.since end) into cancelled_since
  from zoom.history own
  where own.row_key = meeting::text and own.relation = 'zoom_meetings' and (own.was ->> 'is_cancelled')::boolean
    and own.since >= coalesce((
      select max(other.until) from zoom.history other
      where other.row_key = meeting::text and other.relation = 'zoom_meetings' and not (other.was ->> 'is_cancelled')::boolean), '-infinity');
  if cancelled_since is not null and not exists (
      select from zoom.instances run
      where run.meeting_id = meeting and run.lesson_id is not null and run.as_of >= cancelled_since) then
    return 'cancelled';
  end if;
  return case when newest.ended_at is null then 'started' else 'ended' end;
end
$$;
comment on function zoom.status_of is
  'The status that a meeting has by its newest run: ended if that is over, else started; cancelled while people cancelled it and '
  'no later run counts; what people said last, of a meeting without a run.';

create function zoom.statuses_wanted(meetings uuid[]) returns zoom.status_change[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select row(room.id, wanted.status)::zoom.status_change
    from public.zoom_meetings room
    cross join lateral zoom.status_of(room.id) wanted (status)
    where room.id = any (meetings) and wanted.status is distinct from room.status and wanted.status is not null
    order by room.id);
end
$$;
comment on function zoom.statuses_wanted is 'Which of these meetings should have another status.';

create function zoom.write_statuses(changes zoom.status_change[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  -- Ours is no word of people on whether it was cancelled: see zoom.deciding.
  perform set_config('zoom.writes_status', 'on', true);
  update public.zoom_meetings room set status = told.status, updated_at = now()
  from unnest(changes) told
  where room.id = told.meeting_id;
  perform set_config('zoom.writes_status', '', true);
end
$$;
comment on function zoom.write_statuses is 'Sets the status of these meetings.';

revoke execute on function zoom.status_of, zoom.statuses_wanted, zoom.write_statuses from public;
grant execute on function zoom.status_of, zoom.statuses_wanted, zoom.write_statuses to service_role;
