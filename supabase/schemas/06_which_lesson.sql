-- Which lesson a run belongs to.
--
-- A one-off meeting has a lesson for each start that it was given. A run belongs to the lesson whose window it touches. A run
-- that no window takes makes a lesson itself, if the meeting recurs or is held at once; or, of a one-off, if the lesson that
-- was planned when it began was not held, and it came after that start or before the row was made. Any other run belongs to
-- none, and is listed, until the meeting is planned for its time.

create function zoom.last_heard(run bigint) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return (
    select max(mark.at) from zoom.marks mark
    join zoom.kinds kind on kind.kind = mark.kind and kind.counts is not null
    where mark.run_id = last_heard.run);
end
$$;
comment on function zoom.last_heard is 'The last instant that Zoom told of a run, by kinds that count; null for none.';

create function zoom.run_end(run zoom.instances) returns timestamptz
language plpgsql stable set search_path = '' as $$
declare
  heard timestamptz;
  told timestamptz;
  is_past boolean;
begin
  if run.told_end is not null or run.forgotten_at is not null then
    return coalesce(run.told_end, run.ended_at);
  end if;
  if run.instance like 'day %' then
    -- Events without a uuid: the end may have stated a start, and hang on a run of its own.
    select max(own.told_end) into told from zoom.instances own
    where own.number = run.number and own.instance like 'start %' and own.told_end >= run.started_at
      and 'day ' || (own.started_at at time zone 'UTC')::date = run.instance;
    if told is not null then
      return told;
    end if;
  end if;
  is_past := exists (
    select from zoom.instances later
    where later.meeting_id = run.meeting_id and (later.started_at, later.instance) > (run.started_at, run.instance));
  if not is_past and now() <= run.started_at + zoom.longest() then
    return null;
  end if;
  heard := greatest(zoom.last_heard(run.run_id), run.started_at);
  return case when is_past or now() > heard + interval '1 hour' then heard end;
end
$$;
comment on function zoom.run_end is
  'When a run was over: as told; else, once a later run of the meeting began, or 30 hours after it began and an hour after it '
  'was last heard of, at the last thing heard. Null while it runs.';

create function zoom.room_of(run zoom.instances) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return zoom.as_of('zoom_meetings', run.meeting_id::text, run.as_of);
end
$$;
comment on function zoom.room_of is 'What the meeting of a run said when that began, as zoom.deciding has it.';

create function zoom.was_cancelled(run zoom.instances, room jsonb) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return coalesce((room ->> 'is_cancelled')::boolean, false)
    and not (run.has_staff and run.has_others);
end
$$;
comment on function zoom.was_cancelled is
  'Whether a run began while people had cancelled its meeting (room: see zoom.room_of), and counts for nothing: one of the '
  'staff and somebody else in it '
  'would make it count. Never null.';

create function zoom.plans(meeting uuid)
returns table (starts_at timestamptz, given_at timestamptz, replaced_at timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  with version as (
    select (own.was ->> 'start_time')::timestamptz as start, case when own.is_first then '-infinity' else own.since end as since, own.until,
      lag(own.was ->> 'start_time') over (order by own.since) is distinct from own.was ->> 'start_time' as is_given
    from zoom.history own
    where own.row_key = meeting::text and own.relation = 'zoom_meetings' and own.was ->> 'meeting_type' = 'scheduled'
  )
  select version.start, max(version.since) filter (where version.is_given), max(version.until)
  from version
  where version.start is not null
  group by version.start;
end
$$;
comment on function zoom.plans is 'The starts that a one-off meeting was given, each with when it was given last, and when another took its place (infinity for the one in force).';

create function zoom.plan_end(meeting uuid, start timestamptz, at timestamptz) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return start + interval '1 minute' * (
    select coalesce((own.was ->> 'duration')::integer, 60) from zoom.history own
    where own.row_key = meeting::text and own.relation = 'zoom_meetings' and (own.was ->> 'start_time')::timestamptz = start
    order by own.since <= plan_end.at desc, case when own.since <= plan_end.at then own.since end desc, own.since
    limit 1);
end
$$;
comment on function zoom.plan_end is 'The end of the lesson that a meeting was given for a start, by its length at a moment, or at the nearest one at which it had that start.';

create type zoom.place as (
  run_id bigint, meeting_id uuid, starts_at timestamptz, ends_at timestamptz, is_planned boolean, no_lesson text, margin interval
);
comment on type zoom.place is
  'The lesson of a run, by its start and whether that was planned; or why it belongs to none: cancelled, or unplanned. margin: how '
  'far the window of a lesson reaches that this run makes, by the settings of that time.';

create function zoom.planned_place(run zoom.instances, room jsonb) returns zoom.place
language plpgsql stable set search_path = '' as $$
declare
  place zoom.place;
  margin interval;
  heard timestamptz;
begin
  if room ->> 'meeting_type' <> 'scheduled' then
    return null;
  end if;
  margin := (zoom.settings_at(run.as_of)).plan_margin;
  heard := coalesce(run.ended_at, zoom.last_heard(run.run_id), run.started_at);
  select run.run_id, run.meeting_id, plan.starts_at, finish.at, true, null, null into place
  from zoom.plans(run.meeting_id) plan
  cross join lateral (select zoom.plan_end(run.meeting_id, plan.starts_at, run.as_of) as at) finish
  where run.as_of < plan.replaced_at and run.started_at <= finish.at + margin and heard >= plan.starts_at - margin
  order by abs(extract(epoch from run.started_at - plan.starts_at)), plan.given_at desc, plan.starts_at
  limit 1;
  return place;
end
$$;
comment on function zoom.planned_place is
  'The planned lesson whose window a run touches: the nearest start, then the one given later; null for none, and for one that began while the meeting was no one-off. A start that '
  'another took the place of takes only runs that began before that.';

create function zoom.may_make_lesson(run zoom.instances, room jsonb) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return room ->> 'meeting_type' in ('recurring', 'instant')
    or coalesce(run.started_at >= (room ->> 'start_time')::timestamptz or run.started_at < (room ->> 'created_at')::timestamptz, false);
end
$$;
comment on function zoom.may_make_lesson is
  'Whether a run that no window takes may make a lesson itself: its meeting recurs or is held at once, or it came after the start '
  'that was planned, or before the row was made.';

create function zoom.is_held(has_others boolean, has_staff boolean, staff_seen boolean) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(has_others and (has_staff or not staff_seen), false);
end
$$;
comment on function zoom.is_held is
  'Whether a lesson was held: somebody beside the staff was in the runs of it that count and, if staff was ever recognised in that '
  'meeting (staff_seen), one of the staff too. Never null.';

create function zoom.was_held(places zoom.place[], start timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return (
    with run as (
      select own.*, max(own.people) over () as most
      from unnest(places) place
      join zoom.instances own on own.run_id = place.run_id
      where place.is_planned and place.starts_at = start
    )
    select zoom.is_held(bool_or(run.has_others), bool_or(run.has_staff), bool_or(meeting.staff_seen))
    from run
    join zoom.meetings meeting on meeting.meeting_id = run.meeting_id
    where run.people = 2 or run.most < 2);
end
$$;
comment on function zoom.was_held is 'Whether the lesson that was planned for a start was held, by the runs that belong to it: see zoom.is_held.';

create function zoom.places_from(meetings uuid[], runs bigint[]) returns table (meeting_id uuid, first timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select told.meeting_id, case
      when exists (
        select from zoom.history own
        where own.row_key = told.meeting_id::text and own.relation = 'zoom_meetings' and own.was ->> 'meeting_type' = 'scheduled'
        offset 0) then '-infinity'
      else coalesce(min(told.at), '-infinity')
    end
  from (
    -- (A run may begin later than was thought.)
    select either.meeting_id, least(run.started_at, lesson.starts_at) as at
    from unnest(runs) changed (run_id)
    join zoom.instances run on run.run_id = changed.run_id
    left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    cross join lateral unnest(array[run.meeting_id, lesson.meeting_id]) either (meeting_id)
    where either.meeting_id = any (meetings)
    union all
    select own.meeting_id, null from unnest(meetings) own (meeting_id)
  ) told
  group by told.meeting_id;
end
$$;
comment on function zoom.places_from is
  'From which run on the lessons of each of these meetings may be others, where something of these runs changed: a run of a meeting that was '
  'never a one-off asks only for the lessons of those before it.';

create function zoom.places(meeting uuid, first timestamptz) returns setof zoom.place
language plpgsql stable set search_path = '' as $$
declare
  run zoom.instances;
  room jsonb;
  heard timestamptz;
  start timestamptz;
  place zoom.place;
  planned zoom.place[] := '{}';
  made zoom.place[] := '{}';
  rest bigint[] := '{}';
begin
  for run in
    select own.* from zoom.instances own
    where own.meeting_id = meeting and (own.started_at >= first or own.started_at is null)
    order by own.started_at, own.instance
  loop
    if run.started_at is null then -- nothing that counts was told of it
      return next row(run.run_id, meeting, null, null, null, null, null)::zoom.place;
      continue;
    end if;
    room := zoom.room_of(run);
    place := zoom.planned_place(run, room);
    if zoom.was_cancelled(run, room) then
      return next row(run.run_id, meeting, null, null, null, 'cancelled', null)::zoom.place;
    elsif place.run_id is not null then
      planned := planned || place;
      return next place;
    else
      rest := rest || run.run_id;
    end if;
  end loop;

  -- Those that earlier runs made are what they were.
  made := array(
    select row(null, meeting, lesson.starts_at, lesson.ends_at, false, null, setting.plan_margin)::zoom.place
    from (
      select own.* from zoom.lessons own
      where own.meeting_id = meeting and not own.is_planned and own.starts_at < first
        and own.ends_at >= first - (select max(known.plan_margin) from zoom.settings known)
      offset 0
    ) lesson
    cross join lateral zoom.settings_at(lesson.as_of) setting
    where lesson.ends_at + setting.plan_margin >= first
    order by lesson.starts_at);
  for run in
    select own.* from zoom.instances own where own.run_id = any (rest) order by own.started_at, own.instance
  loop
    room := zoom.room_of(run);
    heard := coalesce(run.ended_at, zoom.last_heard(run.run_id), run.started_at);
    start := (room ->> 'start_time')::timestamptz;
    select earlier.* into place
    from unnest(made) earlier
    where run.started_at <= earlier.ends_at + earlier.margin and heard >= earlier.starts_at - earlier.margin
    order by abs(extract(epoch from run.started_at - earlier.starts_at)), earlier.starts_at desc
    limit 1;
    if place.meeting_id is not null then -- a restart
      return next row(run.run_id, meeting, place.starts_at, place.ends_at, false, null, null)::zoom.place;
    elsif zoom.may_make_lesson(run, room) and (room ->> 'meeting_type' <> 'scheduled' or not zoom.was_held(planned, start)) then
      place := row(run.run_id, meeting, run.started_at,
        case when room ->> 'meeting_type' = 'instant' or room ->> 'duration' is null
            then greatest(coalesce(run.ended_at, 'infinity'), run.started_at)
          else run.started_at + interval '1 minute' * (room ->> 'duration')::integer end, false, null,
        (zoom.settings_at(run.as_of)).plan_margin)::zoom.place;
      made := made || place;
      return next place;
    else
      return next row(run.run_id, meeting, null, null, null, 'unplanned', null)::zoom.place;
    end if;
  end loop;
end
$$;
comment on function zoom.places is 'The lesson of each run of a meeting that began since then (see zoom.places_from). It decides by what is known of the runs: their times, and who was in them (see zoom.weigh_runs).';

create type zoom.lesson_key as (class_id uuid, date date);
comment on type zoom.lesson_key is 'A class on a date.';

create function zoom.end_runs(runs bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  ended bigint[];
begin
  with worked_out as materialized (
    select own.run_id, own.ended_at as was, zoom.run_end(own) as ended_at
    from zoom.instances own
    where own.run_id = any (runs) and own.started_at is not null
  ), changed as (
    update zoom.instances run set ended_at = worked_out.ended_at
    from worked_out
    where run.run_id = worked_out.run_id and worked_out.ended_at is distinct from worked_out.was
    returning run.run_id
  )
  select array_agg(changed.run_id) into ended from changed;
  return ended;
end
$$;
comment on function zoom.end_runs is 'Notes when these runs were over; returns those of which that changed.';

create function zoom.assign_lessons(
  meetings uuid[], runs bigint[], out moved_runs bigint[], out changed_lessons bigint[], out left_behind zoom.lesson_key[]
)
language plpgsql volatile set search_path = '' as $$
declare
  placed zoom.place[];
  flipped uuid[];
  emptied zoom.lesson_key[];
begin
  -- Was one of the staff ever recognised, in a run that may be a lesson's?
  with worked_out as materialized (
    select meeting.meeting_id, meeting.staff_seen as was, exists (
      select from zoom.instances run
      cross join lateral (select zoom.room_of(run) as said offset 0) room
      where run.meeting_id = meeting.meeting_id and run.has_staff and run.started_at is not null and not zoom.was_cancelled(run, room.said)
        and (zoom.may_make_lesson(run, room.said) or (zoom.planned_place(run, room.said)).run_id is not null)
      offset 0) as staff_seen
    from zoom.meetings meeting
    where meeting.meeting_id = any (meetings)
  ), kept as (
    update zoom.meetings meeting set staff_seen = worked_out.staff_seen
    from worked_out
    where meeting.meeting_id = worked_out.meeting_id and worked_out.staff_seen <> worked_out.was
    returning meeting.meeting_id
  )
  select array_agg(kept.meeting_id) into flipped from kept;

  placed := array(
    select place from zoom.places_from(meetings, runs) told
    cross join lateral zoom.places(told.meeting_id, told.first) place);
  -- A lesson is what its first run found.
  with wanted as (
    select distinct on (place.meeting_id, place.is_planned, place.starts_at)
      place.meeting_id, place.is_planned, place.starts_at, place.ends_at, run.as_of, run.class_id
    from unnest(placed) place
    join zoom.instances run on run.run_id = place.run_id
    where place.starts_at is not null and (place.is_planned or run.started_at = place.starts_at)
    order by place.meeting_id, place.is_planned, place.starts_at, run.started_at, run.instance
  ), valued as (
    select wanted.*, setting.app_joins, round(60 * setting.min_minutes)::integer as min_seconds,
      zoom.school_date(wanted.starts_at, wanted.meeting_id, setting, wanted.as_of) as held_on
    from wanted
    cross join lateral zoom.settings_at(wanted.as_of) setting
  ), before as materialized (
    select valued.*, own.lesson_id, own.class_id as was_class_id, own.held_on as was_held_on
    from valued
    left join zoom.lessons own
      on own.meeting_id = valued.meeting_id and own.is_planned = valued.is_planned and own.starts_at = valued.starts_at
    where own.lesson_id is null
      or (own.ends_at, own.as_of, own.class_id, own.held_on, own.min_seconds, own.app_joins)
        is distinct from (valued.ends_at, valued.as_of, valued.class_id, valued.held_on, valued.min_seconds, valued.app_joins)
  ), kept as (
    insert into zoom.lessons as own (meeting_id, is_planned, starts_at, ends_at, as_of, class_id, held_on, min_seconds, app_joins)
    select before.meeting_id, before.is_planned, before.starts_at, before.ends_at, before.as_of, before.class_id, before.held_on,
      before.min_seconds, before.app_joins
    from before
    on conflict (meeting_id, is_planned, starts_at) do update set ends_at = excluded.ends_at, as_of = excluded.as_of,
      class_id = excluded.class_id, held_on = excluded.held_on, min_seconds = excluded.min_seconds, app_joins = excluded.app_joins
    returning own.lesson_id
  )
  select (select array_agg(kept.lesson_id) from kept), (
    select array_agg(distinct row(before.was_class_id, before.was_held_on)::zoom.lesson_key) from before
    where before.was_class_id is not null
      and (before.was_class_id, before.was_held_on) is distinct from (before.class_id, before.held_on))
  into changed_lessons, left_behind;

  with worked_out as materialized (
    select run.run_id, run.lesson_id as was, own.lesson_id, place.no_lesson
    from unnest(placed) place
    join zoom.instances run on run.run_id = place.run_id
    left join zoom.lessons own
      on own.meeting_id = place.meeting_id and own.is_planned = place.is_planned and own.starts_at = place.starts_at
    where (run.lesson_id, run.no_lesson) is distinct from (own.lesson_id, place.no_lesson)
    union all
    -- A run that is nobody's now has no lesson.
    select run.run_id, run.lesson_id, null, null
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.meeting_id is null and run.lesson_id is not null
  ), moved as (
    update zoom.instances run set lesson_id = worked_out.lesson_id, no_lesson = worked_out.no_lesson
    from worked_out
    where run.run_id = worked_out.run_id
    returning run.run_id
  )
  select (select array_agg(moved.run_id) from moved),
    changed_lessons || array(select worked_out.lesson_id from worked_out where worked_out.lesson_id is not null
      union select worked_out.was from worked_out where worked_out.was is not null)
  into moved_runs, changed_lessons;

  with gone as (
    delete from zoom.lessons own
    where own.lesson_id = any (changed_lessons)
      and not exists (select from zoom.instances run where run.lesson_id = own.lesson_id)
    returning own.lesson_id, own.class_id, own.held_on
  )
  select array_agg(distinct row(gone.class_id, gone.held_on)::zoom.lesson_key) filter (where gone.class_id is not null),
    array(select lesson.id from unnest(changed_lessons) lesson (id) except select gone.lesson_id from gone)
  into emptied, changed_lessons
  from gone;
  left_behind := left_behind || emptied;
  changed_lessons := changed_lessons || array(
    select lesson.lesson_id from zoom.lessons lesson
    where lesson.meeting_id = any (flipped) and lesson.lesson_id <> all (changed_lessons));
end
$$;
comment on function zoom.assign_lessons is
  'Gives the runs of these meetings their lessons, and notes whether staff was ever recognised in them. runs: those of which '
  'something changed; one that is of no meeting any more loses its lesson. Returns the runs that '
  'moved, the lessons that are new, changed, or have other runs (all, where staff was recognised for the first time), and the classes and dates that a lesson left.';

revoke execute on function
  zoom.last_heard, zoom.run_end, zoom.room_of, zoom.was_cancelled, zoom.plans, zoom.plan_end, zoom.planned_place,
  zoom.may_make_lesson, zoom.is_held, zoom.was_held, zoom.places_from, zoom.places,
  zoom.end_runs, zoom.assign_lessons
from public;
grant execute on function
  zoom.last_heard, zoom.run_end, zoom.room_of, zoom.was_cancelled, zoom.plans, zoom.plan_end, zoom.planned_place,
  zoom.may_make_lesson, zoom.is_held, zoom.was_held, zoom.places_from, zoom.places,
  zoom.end_runs, zoom.assign_lessons
to service_role;
