-- The operators' board: which lessons there are, and who was in one of them and when.
--
-- Both functions answer the sidecar alone, in one call for a whole lesson however many people are in it. They change nothing
-- and know no rule of their own: times are zoom.add_up's, verdicts zoom.judge_all's, what counts zoom.explain_marks' and whose
-- word stands zoom.explain_record's, so a line of the board and explain_attendance say the same. A test plays random lessons
-- and holds the two to each other.
--
-- Locks: zoom.instances against writes while an index is built, which has a row for each lesson there ever was: a moment.

grant execute on function zoom.judge_all, zoom.explain_marks, zoom.explain_record to service_role;

-- The newest lessons are looked for every other second while somebody watches.
create index instances_latest_idx on zoom.instances (started_at desc);

create function public.recent_lessons(most integer default 20) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
  return (
    with latest as (
      -- A lesson is the runs of a meeting on a date. Of the newest runs there are enough, unless one lesson was restarted again and again.
      select run.meeting_id, run.held_on
      from (select own.* from zoom.instances own order by own.started_at desc limit 4 * most) run
      where run.held_on is not null
      group by run.meeting_id, run.held_on
      order by max(run.started_at) desc, run.meeting_id
      limit most
    ), lesson as (
      select latest.meeting_id, latest.held_on, room.zoom_meeting_id, room.title, room.timezone, runs.*, coalesce(runs.run_class, room.class_id) as class_id
      from latest
      join public.zoom_meetings room on room.id = latest.meeting_id
      cross join lateral (
        select count(*) as how_many, min(run.started_at) as started_at, max(run.ended_at) as ended_at,
          -- An end that Zoom never told of is not waited for longer than a meeting can last.
          bool_or(run.ended_at is null and run.started_at > now() - interval '30 hours') as is_on,
          (array_agg(run.class_id order by run.class_id is not distinct from room.class_id desc, run.class_id is null, run.started_at desc, run.instance desc))[1] as run_class,
          run_of.latest_on
        from zoom.instances run
        cross join lateral (
          select max(other.held_on) as latest_on from zoom.instances other where other.meeting_id = latest.meeting_id
        ) run_of
        where run.meeting_id = latest.meeting_id and run.held_on = latest.held_on
        group by run_of.latest_on
      ) runs
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'meeting', lesson.zoom_meeting_id, 'date', lesson.held_on, 'title', lesson.title, 'timezone', lesson.timezone, 'class', class.name,
        'runs', lesson.how_many, 'started_at', lesson.started_at, 'ended_at', case when not lesson.is_on then lesson.ended_at end, 'is_on', lesson.is_on,
        'people_in', coalesce(inside.people, 0), 'enrolled', coalesce(marked.enrolled, 0), 'present', coalesce(marked.present, 0),
        'partial', coalesce(marked.partial, 0), 'absent', coalesce(marked.absent, 0), 'other', coalesce(marked.other, 0))
      order by lesson.is_on desc, lesson.started_at desc, lesson.zoom_meeting_id), '[]')
    from lesson
    left join public.classes class on class.id = lesson.class_id
    -- Those the school's pages show as joined, of whom Zoom told. Their rows are of the latest lesson of the meeting.
    left join lateral (
      select count(*) as people from public.zoom_participants shown
      where shown.meeting_id = lesson.meeting_id and shown.status = 'joined' and shown.zoom_participant_id is not null
    ) inside on lesson.is_on and lesson.held_on = lesson.latest_on
    left join lateral (
      select count(*) as enrolled, count(*) filter (where record.status = 'present') as present,
        count(*) filter (where record.status = 'partial') as partial, count(*) filter (where record.status = 'absent') as absent,
        count(*) filter (where record.status not in ('present', 'partial', 'absent')) as other
      from public.class_students seat
      left join lateral (
        select own.status from public.attendance_records own
        where own.student_id = seat.student_id and own.class_id = seat.class_id and own.date = lesson.held_on
        offset 0
      ) record on true
      where seat.class_id = lesson.class_id
    ) marked on true);
end
$$;
comment on function public.recent_lessons is 'The newest lessons (a meeting on a date), those in progress first, for the sidecar''s board: an array of objects with meeting (Zoom''s number), date, title, timezone, class, runs (how many), started_at, ended_at (null while it is on), is_on, people_in, and of the students enrolled in its class how many there are and how many records say present, partial, absent or other. No name of a person. Changes nothing.';

create function public.lesson_timeline(meeting text, date date, policy jsonb default '{}') returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  min_seconds constant integer := round(60 * coalesce((lesson_timeline.policy ->> 'min_minutes')::numeric, 15));
  app_joins constant text := coalesce(nullif(lesson_timeline.policy ->> 'app_joins', ''), 'corroborate');
  day constant pg_catalog.date := lesson_timeline.date;
  room public.zoom_meetings;
  class public.classes;
  people zoom.person[];
  students uuid[];
  is_forgotten boolean;
  answer jsonb;
begin
  select own.* into room from public.zoom_meetings own where own.zoom_meeting_id = lesson_timeline.meeting;
  if room.id is null then
    return jsonb_build_object('outcome', 'unknown_meeting');
  end if;
  -- The class that its runs count for, as explain_attendance has it.
  select own.* into class
  from public.classes own
  where own.id = coalesce((
    select run.class_id from zoom.instances run
    where run.meeting_id = room.id and run.held_on = day
    order by run.class_id is not distinct from room.class_id desc, run.class_id is null, run.started_at desc, run.instance desc
    limit 1), room.class_id);
  answer := jsonb_build_object(
    'meeting', jsonb_build_object('number', room.zoom_meeting_id, 'title', room.title, 'timezone', room.timezone, 'class', class.name),
    'date', day, 'now', date_trunc('second', now()), 'policy', jsonb_build_object('min_seconds', min_seconds, 'app_joins', app_joins));
  if not exists (select from zoom.instances run where run.meeting_id = room.id and run.held_on = day) then
    return jsonb_build_object('outcome', 'no_lesson') || answer;
  end if;

  -- Everybody: the enrolled, others of the school, and each guest, who is a connection.
  students := array(select seat.student_id from public.class_students seat where seat.class_id = class.id order by seat.student_id);
  people := array(
    select row(room.id, day, case when own.id is not null then class.id end, own.id, own.run_id, own.connection_key)::zoom.person
    from (
      select student.id, null::bigint as run_id, null::text as connection_key from unnest(students) student (id)
      union
      select seg.user_id, case when seg.user_id is null then seg.run_id end, case when seg.user_id is null then seg.connection_key end
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.meeting_id = run.meeting_id
      where run.meeting_id = room.id and run.held_on = day
    ) own
    order by own.id, own.run_id, own.connection_key);
  is_forgotten := exists (select from zoom.instances run where run.forgotten_at is not null and (run.class_id = class.id and run.held_on = day
    or run.meeting_id = room.id and run.held_on = day));

  with told as (
    select own.*, min(own.at) over (partition by own.n, own.connection) as first_at from zoom.explain_marks(people) own
  ), numbered as (
    -- Devices are numbered as they came.
    select told.*, dense_rank() over (partition by told.n order by told.first_at, told.connection collate "C") as device from told
  ), stay as materialized (
    -- (No row is left out before they are grouped, nor of verdict: the planner would take the rest for a handful, and look at all for each.)
    select numbered.n, max(numbered.device) as devices,
      jsonb_agg(jsonb_build_object('from', numbered.at, 'to', numbered.until, 'device', numbered.device, 'why', numbered.reason)
        order by numbered.at, numbered.until, numbered.device) filter (where numbered.kind = 'joined') as intervals,
      range_agg(tstzrange(numbered.at, numbered.until)) filter (where numbered.kind = 'joined' and numbered.reason is null) as counted
    from numbered
    group by numbered.n
  ), verdict as materialized (
    select distinct on (judged.student_id) judged.student_id, judged.verdict
    from zoom.judge_all(students, class.id, day, min_seconds, app_joins) judged
    order by judged.student_id, judged.n
  ), line as (
    select seen.n, seen.user_id, coalesce(person.name, seen.name collate "default") as name, seen.duration, seen.is_in,
      coalesce(seen.user_id = any (students), false) as is_enrolled, stay.devices, stay.intervals, stay.counted,
      case when is_forgotten then memory.verdict else verdict.verdict end as verdict, record.status as record, memory
    from unnest(people, zoom.add_up(people)) with ordinality seen (meeting_id, held_on, class_id, user_id, run_id, connection_key,
      connection, name, email, join_time, leave_time, duration, is_in, is_settled, n)
    left join public.users person on person.id = seen.user_id
    left join stay on stay.n = seen.n
    left join verdict on verdict.student_id = seen.user_id
    left join zoom.verdicts memory on memory.student_id = seen.user_id and memory.class_id = class.id and memory.date = day
    left join public.attendance_records record on record.student_id = seen.user_id and record.class_id = class.id and record.date = day
  )
  select jsonb_build_object('outcome', 'ok', 'forgotten', is_forgotten,
    'runs', (
      select jsonb_agg(jsonb_build_object('started_at', run.started_at, 'ended_at', run.ended_at) order by run.started_at, run.instance)
      from zoom.instances run where run.meeting_id = room.id and run.held_on = day),
    'people', coalesce(jsonb_agg(jsonb_build_object(
        'n', line.n, 'id', line.user_id, 'name', line.name,
        'kind', case when line.is_enrolled then 'enrolled' when line.user_id is not null then 'other' else 'guest' end,
        'is_in', coalesce(line.is_in, false), 'seconds', coalesce(line.duration, 0), 'devices', coalesce(line.devices, 0), 'intervals', coalesce(line.intervals, '[]'),
        'union', (
          select coalesce(jsonb_agg(jsonb_build_object('from', lower(piece), 'to', upper(piece)) order by piece), '[]')
          from unnest(line.counted) piece),
        'verdict', line.verdict, 'record', line.record,
        'overridden', (select weight.overridden from zoom.explain_record(line.verdict, line.record, line.memory) weight))
      order by line.name, line.user_id, line.n), '[]')) || answer
  into answer
  from line;
  return answer;
end
$$;
comment on function public.lesson_timeline is 'A lesson, for the sidecar''s board, as an object: outcome (ok, unknown_meeting, no_lesson), meeting, date, now, policy (as for apply_zoom_events); if ok also forgotten (zoom.forget removed what was known), runs, and people: the enrolled, others of the school (other), and guests, each with name, is_in, seconds, devices, intervals (each stay with its device, to null while it lasts, and why it does not count), union (the times that count), and of the enrolled verdict, record (what stands there) and overridden (a person''s word stands in place of the verdict). Changes nothing.';

revoke execute on function public.recent_lessons, public.lesson_timeline from public, anon, authenticated;
grant execute on function public.recent_lessons, public.lesson_timeline to service_role;

notify pgrst, 'reload schema';
