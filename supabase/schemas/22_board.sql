-- The operators' board: which lessons there are, and who was in one of them and when.
--
-- Both functions answer the sidecar alone, in one call for a whole lesson however many people are in it. They change nothing
-- and know no rule of their own: what counts is zoom.explain_marks', verdicts zoom.judge's and whose word stands
-- zoom.explain_record's, so a line of the board and explain_attendance say the same. A test plays random lessons and holds the
-- two to each other.

create function public.recent_lessons(most integer default 20) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
begin
  return (
    with latest as materialized (
      -- The lessons of a meeting on a date, and its runs that belong to none. Of the newest runs there are enough, unless one
      -- meeting was restarted again and again.
      select run.meeting_id, run.held_on
      from (
        select own.meeting_id, own.started_at, zoom.run_date(own) as held_on
        from (
          select newest.* from zoom.instances newest
          where newest.started_at is not null and newest.meeting_id is not null order by newest.started_at desc limit 4 * greatest(most, 0)
        ) own
      ) run
      group by run.meeting_id, run.held_on
      order by max(run.started_at) desc, run.meeting_id
      limit greatest(most, 0)
    ), lesson as materialized (
      select latest.meeting_id, latest.held_on, room.zoom_meeting_id, room.title, room.timezone, runs.*, meeting.shown_run = any (runs.ids) as is_shown,
        coalesce((
          select own.class_id from unnest(zoom.lessons_on(latest.meeting_id, latest.held_on)) told (id)
          join zoom.lessons own on own.lesson_id = told.id and own.class_id is not null
          order by own.class_id is not distinct from room.class_id desc, own.starts_at desc limit 1), room.class_id) as class_id
      from latest
      join public.zoom_meetings room on room.id = latest.meeting_id
      join zoom.meetings meeting on meeting.meeting_id = latest.meeting_id
      cross join lateral (
        select array_agg(run.run_id) as ids, count(*) as how_many, min(run.started_at) as started_at, max(run.ended_at) as ended_at,
          -- An end that Zoom never told is noted soon after it is due; until then the rule itself is asked.
          bool_or(run.ended_at is null and zoom.run_end(run) is null) as is_on,
          count(*) filter (where run.lesson_id is not null) as counted
        from unnest(zoom.runs_on(latest.meeting_id, latest.held_on)) told (run_id)
        join zoom.instances run on run.run_id = told.run_id
      ) runs
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'meeting', zoom.digits(lesson.zoom_meeting_id), 'date', lesson.held_on, 'title', lesson.title, 'timezone', lesson.timezone, 'class', class.name,
        'runs', lesson.how_many, 'started_at', lesson.started_at, 'ended_at', case when not lesson.is_on then lesson.ended_at end, 'is_on', lesson.is_on,
        'is_lesson', lesson.counted > 0,
        'people_in', coalesce(inside.people, 0), 'enrolled', coalesce(marked.enrolled, 0), 'present', coalesce(marked.present, 0),
        'partial', coalesce(marked.partial, 0), 'absent', coalesce(marked.absent, 0), 'other', coalesce(marked.other, 0))
      order by lesson.is_on desc, lesson.started_at desc, lesson.zoom_meeting_id), '[]')
    from lesson
    left join public.classes class on class.id = lesson.class_id
    -- Those the school's pages show as joined, of whom Zoom told. Their rows are of the latest lesson of the meeting.
    left join lateral (
      select count(*) as people from public.zoom_participants shown
      join zoom.rows memory on memory.row_id = shown.id and memory.closed_at is null
      where shown.meeting_id = lesson.meeting_id and shown.status = 'joined'
    ) inside on lesson.is_on and lesson.is_shown
    left join lateral (
      select count(*) as enrolled, count(*) filter (where record.status = 'present') as present,
        count(*) filter (where record.status = 'partial') as partial, count(*) filter (where record.status = 'absent') as absent,
        count(*) filter (where record.status not in ('present', 'partial', 'absent')) as other
      from public.class_students seat
      left join lateral (
        select own.status from public.attendance_records own
        where lesson.counted > 0 and own.student_id = seat.student_id and own.class_id = lesson.class_id and own.date = lesson.held_on
        offset 0
      ) record on true
      where seat.class_id = lesson.class_id
    ) marked on true);
end
$$;
comment on function public.recent_lessons is
  'The newest lessons (of a meeting on a date), those in progress first, for the sidecar''s board: an array of objects with meeting '
  '(Zoom''s number, in digits), date, title, timezone, class, runs (how many), started_at, ended_at (null while it is on), is_on, is_lesson '
  '(whether any of the runs belongs to a lesson), people_in, and of the students enrolled in its class how many there are and how '
  'many records say present, partial, absent or other. No name of a person. Changes nothing.';

create function public.lesson_timeline(meeting text, date date, policy jsonb default '{}') returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  day constant pg_catalog.date := lesson_timeline.date;
  room_id constant uuid := (zoom.meetings_asked(lesson_timeline.meeting, day))[1];
  room public.zoom_meetings;
  class public.classes;
  lesson zoom.lessons;
  setting zoom.settings;
  runs bigint[];
  lessons bigint[];
  people zoom.person[];
  whose bigint[];
  keys zoom.person[];
  students uuid[];
  judged zoom.judgement[] := '{}';
  is_forgotten boolean;
  answer jsonb;
begin
  if room_id is null then
    return jsonb_build_object('outcome', 'unknown_meeting');
  end if;
  select own.* into room from public.zoom_meetings own where own.id = room_id;
  lessons := zoom.lessons_on(room_id, day);
  runs := zoom.runs_on(room_id, day);
  -- The class that its lessons count for, and the settings it goes by, as explain_attendance has them.
  select own.* into lesson from zoom.lessons own
  where own.lesson_id = any (lessons)
  order by own.class_id is null, own.class_id is not distinct from room.class_id desc, own.starts_at desc
  limit 1;
  select own.* into class from public.classes own where own.id = coalesce(lesson.class_id, room.class_id);
  setting := zoom.settings_at(now());
  answer := jsonb_build_object(
    'meeting', jsonb_build_object('number', zoom.digits(coalesce(room.zoom_meeting_id, lesson_timeline.meeting)),
      'title', coalesce(room.title, 'a meeting that was deleted'), 'timezone', coalesce(room.timezone,
        zoom.as_of('zoom_meetings', room_id::text, now()) ->> 'timezone'), 'class', class.name),
    'date', day, 'now', date_trunc('second', now()),
    'policy', jsonb_build_object('min_seconds', coalesce(lesson.min_seconds, round(60 * setting.min_minutes)::integer),
      'app_joins', coalesce(lesson.app_joins, setting.app_joins)));
  if runs = '{}' then
    return jsonb_build_object('outcome', 'no_lesson') || answer;
  end if;

  -- Everybody: those who are enrolled or were then, others of the school, and each guest, who is a connection.
  if class.id is not null then
    judged := array(select own from zoom.judge(zoom.everybody_of(array[row(class.id, day)::zoom.lesson_key])) own where own.place = 1);
  end if;
  students := array(
    select seat.student_id from public.class_students seat where seat.class_id = class.id
    union
    select told.student_id from unnest(judged) told where told.was_enrolled or told.is_expected);
  keys := array(
    select row(null, told.run_id, told.user_id, told.connection_key)::zoom.person
    from (
      select null::bigint as run_id, student.id as user_id, null::text as connection_key from unnest(students) student (id)
      union
      select case when seg.user_id is null then seg.run_id end, seg.user_id, case when seg.user_id is null then seg.connection_key end
      from unnest(runs) run (id)
      join zoom.segments seg on seg.run_id = run.id
    ) told
    order by told.user_id, told.run_id, told.connection_key);
  -- A user is somebody in each of the lessons and in each run that belongs to none; a guest in one run.
  select array_agg(told.person order by told.n, told.place), array_agg(told.n order by told.n, told.place) into people, whose
  from (
    select who.n, place.n as place, row(place.lesson_id, place.run_id, who.user_id, null)::zoom.person as person
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    cross join (
      select own.id as lesson_id, null::bigint as run_id, own.n from unnest(lessons) with ordinality own (id, n)
      union all
      select null, run.run_id, 1000 + run.run_id from zoom.instances run where run.run_id = any (runs) and run.lesson_id is null
    ) place
    where who.user_id is not null
    union all
    select who.n, 0, row(null, who.run_id, null, who.connection_key)::zoom.person
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    where who.user_id is null
  ) told;
  is_forgotten := zoom.was_forgotten(class.id, day)
    or exists (select from zoom.instances gone where gone.run_id = any (runs) and gone.forgotten_at is not null);

  with told as materialized (
    select own.*, min(own.at) over (partition by own.n, own.connection) as first_at from zoom.explain_marks(people, whose, class.id) own
  ), numbered as (
    -- Devices are numbered as they came.
    select told.*, dense_rank() over (partition by told.n order by told.first_at, told.connection collate "C") as device from told
  ), stay as materialized (
    select numbered.n, max(numbered.device) as devices,
      jsonb_agg(jsonb_build_object('from', numbered.at, 'to', numbered.until, 'device', numbered.device, 'fate', numbered.fate, 'why', numbered.why)
        order by numbered.at, numbered.until, numbered.device) filter (where numbered.is_open) as intervals,
      range_agg(numbered.lesson_time) filter (where numbered.is_open and numbered.why is null) as counted,
      coalesce(bool_or(numbered.is_open and numbered.until is null), false) as is_in,
      (array_agg(numbered.name order by numbered.at desc, numbered.name desc) filter (where numbered.name is not null))[1] as name
    from numbered
    group by numbered.n
  ), line as (
    select who.n, who.user_id, coalesce(person.name, stay.name collate "default") as name, zoom.seconds(stay.counted) as seconds,
      coalesce(stay.is_in, false) as is_in, coalesce(who.user_id = any (students), false) as is_enrolled, stay.devices, stay.intervals, stay.counted,
      case when is_forgotten then memory.verdict else verdict.verdict end as verdict, record.status as record, memory, refusal
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    left join public.users person on person.id = who.user_id
    left join stay on stay.n = who.n
    left join unnest(judged) verdict on verdict.student_id = who.user_id
    left join zoom.verdicts memory on memory.student_id = who.user_id and memory.class_id = class.id and memory.date = day
    left join public.attendance_records record on record.student_id = who.user_id and record.class_id = class.id and record.date = day
    left join zoom.refused refusal on refusal.relation = 'attendance_records'
      and refusal.student_id = who.user_id and refusal.class_id = class.id and refusal.date = day
  )
  select jsonb_build_object('outcome', 'ok', 'forgotten', is_forgotten,
    'is_on', (
      select coalesce(bool_or(run.ended_at is null and zoom.run_end(run) is null), false)
      from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id),
    'people', coalesce(jsonb_agg(jsonb_build_object(
        'n', line.n, 'id', line.user_id, 'name', line.name,
        'kind', case when line.is_enrolled then 'enrolled' when line.user_id is not null then 'other' else 'guest' end,
        'is_in', line.is_in, 'seconds', line.seconds, 'devices', coalesce(line.devices, 0), 'intervals', coalesce(line.intervals, '[]'),
        'union', (
          select coalesce(jsonb_agg(jsonb_build_object('from', lower(piece), 'to', upper(piece)) order by piece), '[]')
          from unnest(line.counted) piece),
        'verdict', line.verdict, 'record', line.record, 'refused', (line.refusal).relation is not null,
        'overridden', (select weight.overridden from zoom.explain_record(line.verdict, line.record, line.memory, line.refusal, true) weight))
      order by line.name, line.user_id, line.n), '[]')) || zoom.explain_held(runs, lessons) || answer
  into answer
  from line;
  return answer;
end
$$;
comment on function public.lesson_timeline is
  'A lesson, for the sidecar''s board, as an object: outcome (ok, unknown_meeting, no_lesson), meeting, date, now, policy (the settings '
  'it goes by; the argument is not used any more); if ok also forgotten (zoom.forget removed what was known), is_on, lessons and runs '
  '(as explain_attendance has them), and people: the enrolled, others of the school (other), and guests, each with name, is_in, seconds '
  '(of lesson time), devices, intervals (each stay with its device, to null while it lasts; fate: counts, covered, open or void; and '
  'why it does not count), union (the times that count), and of the enrolled verdict, record (what stands there), refused (by the '
  'school''s database) and overridden (a person''s word stands in place of the verdict). Changes nothing.';

revoke execute on function public.recent_lessons, public.lesson_timeline from public, anon, authenticated;
grant execute on function public.recent_lessons, public.lesson_timeline to service_role;
