-- What the sidecars watch for together: that Zoom still speaks to us.
--
-- Several sidecars may share the work, and each is started anew with every deploy. Zoom's challenge, every 72 hours, reaches
-- only one of them, and so does each event. Whether Zoom is silent can therefore be said by none alone: here is what all of
-- them saw, which lessons should be running, and what somebody was already told about.
--
--   watch     one row: the latest that any of them saw
--   alerts    what is wrong now, who is telling it, and when it was last told
--
-- A sidecar calls watch_zoom once a minute. The calls go one after another (each locks the one row), so that of two that see
-- the same only one tells it.
--
-- Locks nothing: it only makes tables and a function.

create table zoom.watch (
  is_the_only_one boolean primary key default true check (is_the_only_one),
  began_at timestamptz not null default now(),
  challenge_at timestamptz,
  event_at timestamptz,
  looked_at timestamptz not null default now(),
  unbroken_since timestamptz not null default now(),
  behind_until timestamptz
) with (fillfactor = 50);

comment on table zoom.watch is 'The latest that any sidecar saw of Zoom. One row.';
comment on column zoom.watch.is_the_only_one is 'Always true: there is one row.';
comment on column zoom.watch.began_at is 'When the first sidecar looked.';
comment on column zoom.watch.challenge_at is 'When Zoom last checked the endpoint; null before the first time.';
comment on column zoom.watch.event_at is 'When the last event was kept; null before the first.';
comment on column zoom.watch.looked_at is 'When a sidecar last looked, to the minute.';
comment on column zoom.watch.unbroken_since is 'Since when a sidecar has looked every minute or two: what was not seen before may have come while all were away.';
comment on column zoom.watch.behind_until is 'A sidecar has events that are not applied yet: until then nobody can say that Zoom told nothing.';

alter table zoom.watch enable row level security;
grant select, insert, update on zoom.watch to service_role;


create table zoom.alerts (
  key text collate "C" primary key,
  name text collate "C" not null,
  meeting text collate "C",
  says text not null,
  remedy text not null default '',
  since timestamptz not null,
  seen_at timestamptz not null,
  claimed_until timestamptz,
  told_at timestamptz
) with (fillfactor = 50);

comment on table zoom.alerts is 'What the sidecars find wrong, for as long as it is and until somebody was told that it is over.';
comment on column zoom.alerts.key is 'What it is about: the name, and of a lesson the meeting''s number and planned start.';
comment on column zoom.alerts.name is 'Which of the things that are watched, such as no_challenge.';
comment on column zoom.alerts.meeting is 'Zoom''s number of the meeting, if it is about one.';
comment on column zoom.alerts.says is 'What a sidecar last said of it. Nothing personal.';
comment on column zoom.alerts.remedy is 'What to do about it.';
comment on column zoom.alerts.since is 'Since when.';
comment on column zoom.alerts.seen_at is 'When a sidecar last found it so, to half a minute.';
comment on column zoom.alerts.claimed_until is 'A sidecar is telling it; if it has not said by then that it did, another one may.';
comment on column zoom.alerts.told_at is 'When it was last told; null if it was not.';

alter table zoom.alerts enable row level security;
grant select, insert, update, delete on zoom.alerts to service_role;


create function zoom.silent_lessons(slack interval, unbroken_since timestamptz) returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
begin
  return (
    with due as (
      -- Of a recurring meeting the row says when it is held first, and not when again.
      select meeting.zoom_meeting_id as number, meeting.start_time, exists (
          select from zoom.instances run
          where run.meeting_id = meeting.id and coalesce(run.ended_at, 'infinity') >= meeting.start_time - zoom.early()) as ran
      from public.zoom_meetings meeting
      where meeting.meeting_type in ('scheduled', 'recurring') and meeting.status in ('scheduled', 'started')
        and meeting.start_time > now() - interval '1 day'
        and now() >= greatest(meeting.start_time, meeting.created_at, silent_lessons.unbroken_since) + slack
        and now() < meeting.start_time + make_interval(mins => meeting.duration)
    )
    select jsonb_build_object(
      'due', count(*),
      'silent', count(*) filter (where not ran),
      'first', coalesce((
        select jsonb_agg(jsonb_build_object('meeting', few.number, 'start', few.start_time) order by few.start_time, few.number)
        from (select due.number, due.start_time from due where not due.ran order by due.start_time, due.number limit 50) few), '[]'))
    from due);
end
$$;
comment on function zoom.silent_lessons is 'Lessons that should be running, and of which Zoom has told nothing. due: how many should (planned, not cancelled or ended, begun for longer than the slack and not over); silent: of how many no run is known that went on after half an hour before the planned start; first: meeting (Zoom''s number) and start of up to 50 of these, the earliest first. The slack counts from the planned start, from when the row was made, and from when sidecars have looked without a break.';


create function public.watch_zoom(saw jsonb default '{}') returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  quiet constant interval := interval '10 minutes'; -- of this long nobody found it so: it is over
  remind constant interval := interval '1 day';
  lease constant interval := interval '10 minutes';
  tells constant boolean := coalesce((saw ->> 'tells')::boolean, false);
  -- A sidecar's clock may be ahead: nothing was seen later than now.
  challenge constant timestamptz := case when saw ->> 'challenge_at' is not null then least((saw ->> 'challenge_at')::timestamptz, now()) end;
  event constant timestamptz := case when saw ->> 'event_at' is not null then least((saw ->> 'event_at')::timestamptz, now()) end;
  is_behind constant boolean := coalesce((saw ->> 'behind')::boolean, false);
  watch zoom.watch;
  tell jsonb := '[]';
begin
  -- One after another.
  select own.* into watch from zoom.watch own for update;
  if not found then
    insert into zoom.watch (is_the_only_one) values (true) on conflict do nothing;
    select own.* into watch from zoom.watch own for update;
  end if;

  -- What this one saw.
  update zoom.watch own set
    challenge_at = greatest(own.challenge_at, challenge),
    event_at = greatest(own.event_at, event),
    unbroken_since = case when own.looked_at < now() - interval '150 seconds' then now() else own.unbroken_since end,
    looked_at = case when own.looked_at < now() - interval '50 seconds' then now() else own.looked_at end,
    behind_until = case when is_behind then now() + interval '150 seconds' else own.behind_until end
  where challenge > coalesce(own.challenge_at, '-infinity') or event > coalesce(own.event_at, '-infinity')
    or own.looked_at < now() - interval '50 seconds'
    or is_behind and coalesce(own.behind_until, '-infinity') < now() + interval '90 seconds'
  returning own.* into watch;
  if not found then
    select own.* into watch from zoom.watch own;
  end if;

  -- What it told meanwhile. What is so again after it was told to be over is told anew.
  delete from zoom.alerts alert
  using jsonb_to_recordset(saw -> 'told') told (key text, status text)
  where alert.key = told.key and told.status = 'resolved' and alert.seen_at <= now() - quiet;
  update zoom.alerts alert set told_at = case told.status when 'firing' then now() end, claimed_until = null
  from jsonb_to_recordset(saw -> 'told') told (key text, status text)
  where alert.key = told.key;

  -- What it finds wrong; told_at if it had to tell it by itself, for want of an answer from here.
  insert into zoom.alerts as alert (key, name, meeting, says, remedy, since, seen_at, told_at)
  select mark.key, mark.name, mark.meeting, mark.says, coalesce(mark.remedy, ''), least(mark.since, now()), now(), case when mark.told_at is not null then least(mark.told_at, now()) end
  from jsonb_to_recordset(saw -> 'marks') mark (key text, name text, meeting text, says text, remedy text, since timestamptz, told_at timestamptz)
  on conflict (key) do update set says = excluded.says, remedy = excluded.remedy, seen_at = now(), told_at = greatest(alert.told_at, excluded.told_at)
  where alert.says <> excluded.says or alert.seen_at < now() - interval '30 seconds' or excluded.told_at > coalesce(alert.told_at, '-infinity');

  -- What it finds right, and nobody has found wrong for a while, is over; if nobody was told of it, nobody need be.
  delete from zoom.alerts alert
  where alert.seen_at <= now() - quiet and coalesce(alert.claimed_until < now(), true)
    and (alert.told_at is null and saw -> 'clear' ? alert.key or alert.seen_at < now() - interval '7 days');

  -- What it shall tell.
  if tells then
    with mine as (
      update zoom.alerts alert set claimed_until = now() + lease
      where coalesce(alert.claimed_until < now(), true) and case
        when alert.seen_at > now() - quiet then coalesce(alert.told_at <= now() - remind, true)
        else alert.told_at is not null and saw -> 'clear' ? alert.key
      end
      returning alert.*
    )
    select coalesce(jsonb_agg(jsonb_build_object('key', mine.key, 'name', mine.name, 'meeting', mine.meeting, 'says', mine.says,
      'remedy', mine.remedy, 'since', mine.since, 'status', case when mine.seen_at > now() - quiet then 'firing' else 'resolved' end) order by mine.key), '[]')
    into tell from mine;
  end if;

  return jsonb_build_object(
    'at', now(), 'began_at', watch.began_at, 'challenge_at', watch.challenge_at, 'event_at', watch.event_at,
    'lessons', case when coalesce(watch.behind_until < now(), true) then
      zoom.silent_lessons(make_interval(secs => coalesce((saw ->> 'slack_seconds')::numeric, 600)), watch.unbroken_since) end,
    'open', (
      select coalesce(jsonb_agg(jsonb_build_object('key', alert.key, 'says', alert.says, 'since', alert.since, 'told_at', alert.told_at) order by alert.key), '[]')
      from zoom.alerts alert),
    'tell', tell);
end
$$;
comment on function public.watch_zoom is 'For the sidecar, once a minute: takes what this one saw and returns what all saw. saw: challenge_at and event_at (the latest that it saw itself), behind (it has events not applied yet), slack_seconds (after which a lesson should have begun, 600), marks (what it finds wrong: key, name, meeting, says, remedy, since, told_at), clear (keys of what it finds right), tells (whether it can tell anybody) and told (key and status of what it told since). Returns at (now), began_at, challenge_at, event_at, lessons (see zoom.silent_lessons; null while a sidecar is behind), open (key, says, since, told_at of all that is wrong) and tell: what the caller shall tell, and nobody else will for ten minutes, with status firing (first, and once a day) or resolved (nobody found it so for ten minutes).';

revoke execute on function zoom.silent_lessons from public;
revoke execute on function public.watch_zoom from public, anon, authenticated;
grant execute on function zoom.silent_lessons, public.watch_zoom to service_role;

notify pgrst, 'reload schema';
