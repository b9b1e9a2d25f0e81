-- The explanation itself: for one student, one meeting and one date.
--
-- It looks past the policies (security definer), so it asks first what they would say: who does not oversee the meeting is
-- told that there is none; who oversees it is told of those who are or were in it, and of attendance only if it is theirs to
-- see (class teachers and admins; not the host of a single meeting).

create function zoom.meetings_asked(number text, day date) returns uuid[]
language plpgsql stable set search_path = '' as $$
declare
  wanted constant text := nullif(zoom.digits(number), '');
begin
  return array(
    select asked.id
    from (
      -- Whose number it is; whose it was; and whose room has it.
      select own.id, 1 as way from public.zoom_meetings own where regexp_replace(own.zoom_meeting_id, '[^0-9]', '', 'g') = wanted
      union all
      select held.meeting_id, 2 from zoom.held_numbers held where held.number = wanted
      union all
      select room.meeting_id, 3 from zoom.personal_rooms room where room.number = wanted
    ) asked
    left join lateral (
      select max(own.held_on) as latest, bool_or(own.held_on = day) as is_on from zoom.lessons own where own.meeting_id = asked.id
    ) lesson on true
    order by coalesce(lesson.is_on, false) desc, asked.way, lesson.latest desc nulls last, asked.id);
end
$$;
comment on function zoom.meetings_asked is
  'The meetings that somebody may mean by a number of Zoom''s, in any spelling, the first that fits first: one that had a lesson on '
  'the date; the row with that number, a row that had it, a row that is held in the personal room of that number.';

create function zoom.explain_held(runs bigint[], lessons bigint[]) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
  return jsonb_build_object(
    'lessons', (
      select coalesce(jsonb_agg(jsonb_build_object('starts_at', own.starts_at, 'ends_at', nullif(own.ends_at, 'infinity'), 'is_planned', own.is_planned,
          'why', zoom.explain_lesson(own), 'class', class.name, 'counts_from', nullif(own.counts_from, '-infinity'),
          'counts_until', nullif(own.counts_until, 'infinity'), 'has_staff', own.has_staff, 'is_over', own.is_over, 'is_held', own.is_held,
          'makes_absent', own.makes_absent, 'min_seconds', own.min_seconds) order by own.starts_at, own.lesson_id), '[]')
      from zoom.lessons own
      left join public.classes class on class.id = own.class_id
      where own.lesson_id = any (lessons)),
    'runs', (
      select coalesce(jsonb_agg(jsonb_build_object('instance', run.instance, 'started_at', run.started_at, 'ended_at', run.ended_at,
          'end_told', zoom.end_was_told(run), 'counts', run.counts, 'people', run.people, 'no_lesson', run.no_lesson,
          'why', zoom.explain_run(run)) order by run.started_at, run.instance), '[]')
      from zoom.instances run
      where run.run_id = any (runs)));
end
$$;
comment on function zoom.explain_held is 'What was held: lessons (each with why there is one and when its time counts) and runs (each with whether its end was told, and why it counts nothing if it does not).';

create function zoom.explain_stay(student uuid, runs bigint[], lessons bigint[], class uuid, out events jsonb, out intervals jsonb, out counted tstzmultirange)
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  people constant zoom.person[] := array(
    select row(told.id, null, student, null)::zoom.person from unnest(lessons) told (id)
    union all
    select row(null, run.run_id, student, null)::zoom.person from zoom.instances run where run.run_id = any (runs) and run.lesson_id is null);
begin
  select
    coalesce(jsonb_agg(jsonb_build_object(
        'at', told.at, 'kind', told.kind, 'instance', told.instance, 'connection', told.connection, 'name', told.name,
        'approximate', told.approximate, 'by', told.known_by, 'counted', told.why is null, 'why', told.why,
        'from', lower(told.lesson_time), 'to', upper(told.lesson_time),
        'cut', case when told.lesson_time is not null then array_remove(array[case when lower(told.lesson_time) > told.at then 'before' end,
          case when upper(told.lesson_time) < told.until then 'after' end], null) else '{}' end)
      order by told.at, told.is_open desc, told.kind, told.run_id, told.segment collate "C"), '[]'),
    coalesce(jsonb_agg(jsonb_build_object('from', lower(told.lesson_time), 'to', upper(told.lesson_time), 'connection', told.connection)
      order by told.lesson_time, told.run_id, told.segment collate "C") filter (where told.is_open and told.why is null), '[]'),
    range_agg(told.lesson_time) filter (where told.is_open and told.why is null)
  into events, intervals, counted
  from zoom.explain_marks(people, array_fill(1::bigint, array[cardinality(people)]), class) told;
end
$$;
comment on function zoom.explain_stay is
  'What Zoom told of a user in these lessons and runs: each event with how they were recognised, why it does not count if it does '
  'not, what of lesson time it makes and where it was cut to that (cut: before, after); the intervals that count, and their union.';

create function public.explain_attendance(meeting text, student text, date date default null, policy jsonb default '{}') returns jsonb
language plpgsql stable security definer set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  asked constant text := btrim(explain_attendance.student);
  is_ours constant boolean := coalesce(auth.role() = 'service_role', false);
  room_id uuid;
  room public.zoom_meetings;
  person public.users;
  class public.classes;
  day pg_catalog.date := explain_attendance.date;
  latest pg_catalog.date;
  runs bigint[];
  lessons bigint[];
  lesson zoom.lessons;
  setting zoom.settings;
  stay record;
  best zoom.judgement;
  held integer;
  memory zoom.verdicts;
  refusal zoom.refused;
  weight record;
  is_enrolled boolean;
  is_forgotten boolean;
  is_theirs boolean;
  verdict text;
  rule text;
  stands text;
  answer jsonb;
begin
  room_id := (
    select told.id from unnest(zoom.meetings_asked(explain_attendance.meeting, explain_attendance.date)) with ordinality told (id, n)
    where is_ours or zoom.oversees_meeting(told.id)
    order by told.n limit 1);
  if room_id is null then
    return jsonb_build_object('outcome', 'unknown_meeting');
  end if;
  select own.* into room from public.zoom_meetings own where own.id = room_id;

  -- Which lessons: those of the latest date, unless they say. Their class is the one they count for.
  latest := (select max(own.held_on) from zoom.lessons own where own.meeting_id = room_id);
  day := coalesce(day, latest, (
    select zoom.run_date(run) from zoom.instances run
    where run.meeting_id = room_id and run.started_at is not null order by run.started_at desc, run.instance desc limit 1));
  lessons := zoom.lessons_on(room_id, day);
  runs := zoom.runs_on(room_id, day);
  select own.* into class
  from public.classes own
  where own.id = coalesce((
    select told.class_id from zoom.lessons told
    where told.lesson_id = any (lessons) and told.class_id is not null
    order by told.class_id is not distinct from room.class_id desc, told.starts_at desc limit 1), room.class_id);

  -- Attendance is for those whom the policy of attendance_records shows it to.
  is_theirs := is_ours or zoom.is_admin() or coalesce(class.id = any (zoom.classes_taught()), false);

  select own.* into person
  from public.users own
  where own.id = case when asked ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then asked::uuid else zoom.user_of_email(asked, now()) end;
  is_enrolled := class.id is not null and person.id is not null and zoom.enrolled(person.id, class.id, now());

  answer := jsonb_build_object(
    'meeting', jsonb_build_object('id', room_id, 'number', coalesce(room.zoom_meeting_id, zoom.digits(explain_attendance.meeting)),
      'title', coalesce(room.title, 'a meeting that was deleted'), 'timezone', coalesce(room.timezone,
        zoom.as_of('zoom_meetings', room_id::text, now()) ->> 'timezone'),
      'class', case when class.id is not null then jsonb_build_object('id', class.id, 'name', class.name) end),
    'date', day);

  -- Who oversees a meeting knows whom it was held for and who was there, and nobody else.
  if person.id is null or not (is_ours or zoom.is_admin() or is_enrolled
      or exists (
        select from zoom.instances run
        cross join lateral (select from zoom.segments seg where seg.user_id = person.id and seg.run_id = run.run_id offset 0) seg
        where run.meeting_id = room_id)
      or exists (select from zoom.visits visit where visit.user_id = person.id and visit.meeting_id = room_id)
      or exists (select from public.zoom_participants shown where shown.user_id = person.id and shown.meeting_id = room_id)) then
    return jsonb_build_object('outcome', 'unknown_student') || answer;
  end if;
  answer := answer || jsonb_build_object(
    'student', jsonb_build_object('id', person.id, 'name', person.name, 'email', person.email, 'enrolled', is_enrolled));

  if runs = '{}' then
    return jsonb_build_object('outcome', 'no_lesson', 'latest', coalesce(latest, case when explain_attendance.date is not null then (
      select zoom.run_date(run) from zoom.instances run
      where run.meeting_id = room_id and run.started_at is not null order by run.started_at desc, run.instance desc limit 1) end)) || answer;
  end if;

  -- What the lessons of the class on that date say: the best of them. The first of this meeting is the one that is spoken of.
  if class.id is not null then
    select own.* into best from zoom.judge(array[row(person.id, class.id, day)::zoom.record_key]) own where own.place = 1;
    select own.* into memory from zoom.verdicts own where own.student_id = person.id and own.class_id = class.id and own.date = day;
    stands := (select own.status from public.attendance_records own where own.student_id = person.id and own.class_id = class.id and own.date = day);
    select own.* into refusal from zoom.refused own
    where own.relation = 'attendance_records'
      and own.student_id = person.id and own.class_id = class.id and own.date = day;
  end if;
  select own.* into lesson from zoom.lessons own
  where own.lesson_id = any (lessons)
  order by own.lesson_id = best.lesson_id desc nulls last, own.class_id is not distinct from class.id desc, own.starts_at
  limit 1;
  setting := zoom.settings_at(now());
  is_forgotten := zoom.was_forgotten(class.id, day)
    or exists (select from zoom.instances gone where gone.run_id = any (runs) and gone.forgotten_at is not null);

  select own.* into stay from zoom.explain_stay(person.id, runs, lessons, class.id) own;
  answer := answer || zoom.explain_held(runs, lessons) || jsonb_build_object(
    'outcome', 'ok',
    'policy', jsonb_build_object('min_seconds', coalesce(lesson.min_seconds, round(60 * setting.min_minutes)::integer),
      'app_joins', coalesce(lesson.app_joins, setting.app_joins)),
    'events', stay.events,
    'others', zoom.explain_others(person.id, runs),
    'remarks', to_jsonb(zoom.explain_remarks(person.id, runs)),
    'app', zoom.explain_app(person.id, room_id, runs, lesson, stay.events @> '[{"by": "name"}]'),
    'intervals', stay.intervals,
    'union', (
      select coalesce(jsonb_agg(jsonb_build_object('from', lower(piece), 'to', upper(piece)) order by piece), '[]')
      from unnest(stay.counted) piece),
    'seconds', zoom.seconds(stay.counted))
    || case when is_forgotten then '{"outlook": null, "changes": null}' else (
      select to_jsonb(own) from zoom.explain_outlook(runs, lessons, person.id, class.id, day, is_theirs) own) end;

  if not is_theirs then
    return answer || jsonb_build_object('attendance_is_theirs', false, 'meetings', '[]'::jsonb, 'verdict', null,
      'rule', case when class.id is null then 'the meeting belongs to no class, so no attendance is kept'
        else 'the attendance of the class is shown to its teacher and to admins' end,
      'record', null, 'said_before', null, 'said_then', null, 'overridden', false, 'note', null, 'refused', null);
  end if;

  held := (select count(*) from zoom.lessons own where own.class_id = class.id and own.held_on = day);
  verdict := case when is_forgotten then memory.verdict else best.verdict end;
  rule := case
    when class.id is null then 'the meeting belongs to no class, so no attendance is kept'
    when is_forgotten then 'what Zoom told of this lesson was removed after the time the school keeps it, '
      || case when memory.verdict is not null then 'so the verdict of then stands' else 'and there was no verdict then' end
    when lessons = '{}' and held = 0 then 'no attendance is kept: ' || (
      select coalesce(string_agg(distinct zoom.explain_run(run), '; '), 'there was no lesson') from zoom.instances run where run.run_id = any (runs))
    when held = 0 then 'the meeting''s host does not teach the class, so no attendance is kept until an admin saves the meeting'
    else zoom.explain_rule(best, held) || case
      when lessons = '{}' then '; nothing of this meeting counts'
      when lesson.class_id is null then '; nothing of this meeting counts: ' || zoom.explain_no_class(lesson)
      else ''
    end
  end;
  select own.* into weight from zoom.explain_record(verdict, stands, memory, refusal, is_ours) own;
  return answer || jsonb_build_object('attendance_is_theirs', true, 'forgotten', is_forgotten,
    'meetings', case when is_forgotten or class.id is null then '[]' else (
      select coalesce(jsonb_agg(jsonb_build_object('number', coalesce(other.zoom_meeting_id, 'deleted'), 'title', coalesce(other.title, 'a meeting that was deleted'),
          'seconds', judged.seconds, 'by_the_app', judged.of_app, 'verdict', judged.verdict, 'starts_at', own.starts_at,
          'ends_at', nullif(own.ends_at, 'infinity'), 'is_planned', own.is_planned, 'why', zoom.explain_lesson(own),
          'rule', zoom.explain_rule(judged, 1)) order by judged.place), '[]')
      from zoom.judge(array[row(person.id, class.id, day)::zoom.record_key]) judged
      join zoom.lessons own on own.lesson_id = judged.lesson_id
      left join public.zoom_meetings other on other.id = own.meeting_id) end,
    'verdict', verdict, 'rule', rule, 'record', stands, 'said_before', memory.theirs, 'said_then', nullif(memory.said, 'nothing'), 'overridden', weight.overridden, 'note', weight.note,
    'refused', case when refusal.relation is not null then jsonb_build_object('wanted', refusal.wanted, 'code', refusal.code,
      'reason', case when is_ours then refusal.reason end, 'since', refusal.since, 'tried_at', refusal.tried_at) end);
end
$$;
comment on function public.explain_attendance is
  'Why a student''s attendance is what it is, as an object, for the sidecar, admins, and those who oversee the meeting. meeting: '
  'Zoom''s number, in any spelling; student: an e-mail, whatever the case, or an id; date: the lesson''s, by default the latest; '
  'policy: not used any more, since a lesson goes by the settings that were in force when it began. Answers outcome (ok, '
  'unknown_meeting, unknown_student, or no_lesson, with the latest date there was one) and what is known of meeting, student and '
  'date; if ok also policy (the settings it goes by), lessons (of this meeting on that date: why there is one, when it was, when its '
  'time counts), runs (whether the end was told, and why one counts nothing), events (what Zoom told of them, how they were '
  'recognised, whether it counted, else why not, and what of lesson time it makes), others (connections that showed their name, '
  'e-mail, registration or key and were not taken for them, and why), remarks (a registration against the e-mail; two names at '
  'once), app (what the app saw and what that was worth), intervals, union and seconds (of lesson time), outlook (whether anything '
  'more is expected) and changes (what would change it); and, where attendance_is_theirs to see (class teachers, admins), forgotten '
  '(zoom.forget removed what was known), meetings (the lessons of the class on that date, the one that decides first), verdict, '
  'rule, record (what stands there), said_before (what somebody else had written), said_then (our verdict when they did, or removed it; null for none), overridden (a person''s word stands in place of '
  'the verdict), a note on that, and refused (what the school''s database did not take). Changes nothing.';

revoke execute on function zoom.meetings_asked, zoom.explain_held, zoom.explain_stay from public;
grant execute on function zoom.meetings_asked, zoom.explain_held, zoom.explain_stay to service_role;
revoke execute on function public.explain_attendance from public, anon;
grant execute on function public.explain_attendance to authenticated, service_role;
