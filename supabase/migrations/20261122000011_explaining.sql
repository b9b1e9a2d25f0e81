-- Why is Maria marked partial? Every verdict can be explained: by which events, which intervals, which rule and which
-- threshold, and by whom it was overridden.
--
-- public.explain_attendance answers for one student, one meeting and one date, from the same facts as the rows. It changes
-- nothing and decides nothing: how long somebody was there it asks of zoom.add_up and zoom.app_stay, and what a person's word
-- is worth of zoom.weighed, as zoom.record_attendance does. A test plays random lessons and holds it to the rows.
--
--   judge               what each meeting of the class on that date says (judge_all: of many students)
--   recognised_by       by what a connection is known
--   explain_marks       each coming and going that Zoom told of, and why it does not count
--   explain_stay        what Zoom told of them: the events, and the intervals that count
--   explain_others      connections under their name that were not taken for them
--   explain_app         what the app saw of them, and what that was worth
--   explain_rule        the rule that decided, in a sentence
--   explain_record      whose word stands in the record, and why
--
-- It looks past the policies (security definer), so it asks first what they would say: who does not oversee the meeting is
-- told that there is none; who oversees it is told of those who are or were in it, and of attendance only if it is theirs to
-- see (class teachers and admins; not the host of a single meeting).
--
-- Locks: nothing.

create function zoom.spelt(seconds integer) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case
    when seconds < 60 then format('%s second%s', seconds, case when seconds <> 1 then 's' end)
    when seconds % 60 = 0 then format('%s minute%s', seconds / 60, case when seconds <> 60 then 's' end)
    else zoom.spelt(seconds / 60 * 60) || ' ' || zoom.spelt(seconds % 60)
  end;
end
$$;
comment on function zoom.spelt is 'A length of time in words: 23 minutes 10 seconds.';

create function zoom.judge_all(students uuid[], class uuid, day date, min_seconds integer, app_joins text)
returns table (student_id uuid, n bigint, meeting_id uuid, seconds integer, of_app boolean, is_in boolean, is_unseen boolean, verdict text)
language plpgsql stable set search_path = '' as $$
declare
  people zoom.person[] := array(
    select row(held.meeting_id, day, class, student.id, null, null)::zoom.person
    from (
      select run.meeting_id, min(run.started_at) as started_at
      from zoom.instances run
      where run.class_id = class and run.held_on = day
      group by run.meeting_id
    ) held
    cross join unnest(students) student (id)
    order by held.started_at, held.meeting_id);
begin
  return query
  with said as (
    -- The rule of zoom.record_attendance.
    select seen.n, seen.meeting_id, seen.user_id, seen.is_in, app.is_settled is not null as of_app, held.has_ended,
      seen.connection is null and app.is_settled is null as is_unseen,
      coalesce(app.is_settled, seen.is_settled) as is_settled, coalesce(app.duration, seen.duration) as seconds
    from unnest(people, zoom.add_up(people)) with ordinality seen (meeting_id, held_on, class_id, user_id, run_id, connection_key,
      connection, name, email, join_time, leave_time, duration, is_in, is_settled, n)
    cross join lateral (
      select bool_or(run.ended_at is not null) as has_ended from zoom.instances run
      where run.class_id = class and run.held_on = day and run.meeting_id = seen.meeting_id
    ) held
    left join lateral (
      select own.* from zoom.app_stay(row(seen.meeting_id, day, class, seen.user_id, null, null)::zoom.person) own
      where app_joins = 'count' and seen.connection is null
    ) app on app.is_settled is not null
  )
  select said.user_id,
    row_number() over (partition by said.user_id
      order by rank.verdict desc nulls last, said.is_in desc nulls last, said.is_unseen, said.seconds desc, said.n),
    said.meeting_id, said.seconds, said.of_app, said.is_in, said.is_unseen, (array['absent', 'partial', 'present'])[rank.verdict]
  from said
  cross join lateral (
    select case
        when said.is_unseen and said.has_ended then 1
        when said.is_settled and said.seconds < min_seconds then 2
        when said.is_settled then 3
      end as verdict
  ) rank;
end
$$;
comment on function zoom.judge_all is 'What each meeting of a class on a date says of each of these students: its place among them (the one that decides is 1), how many seconds count, whether they are the app''s, whether they are in, whether nobody saw them, and the verdict; null for none yet.';

create function zoom.judge(student uuid, class uuid, day date, min_seconds integer, app_joins text)
returns table (meeting_id uuid, seconds integer, of_app boolean, is_in boolean, is_unseen boolean, verdict text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select judged.meeting_id, judged.seconds, judged.of_app, judged.is_in, judged.is_unseen, judged.verdict
  from zoom.judge_all(array[student], class, day, min_seconds, app_joins) judged
  order by judged.n;
end
$$;
comment on function zoom.judge is 'What each meeting of a class on a date says of one student, the one that decides first: see zoom.judge_all.';

create function zoom.recognised_by(seat_run bigint, seat_key text, out way text, out user_id uuid)
language plpgsql stable set search_path = '' as $$
begin
  -- The rungs of zoom.recognise.
  select (array['key', 'registration', 'email'])[found.rung], found.user_id into way, user_id
  from zoom.segments seg
  cross join lateral (
    select 1 as rung, key.user_id from zoom.keys key
    where key.customer_key = seg.customer_key and key.meeting_id = seg.meeting_id
    union all
    select 2, registrant.user_id from public.meeting_registrants registrant
    where registrant.meeting_id = seg.meeting_id and registrant.zoom_registrant_id = seg.registrant_id collate "default"
      and registrant.user_id is not null
    union all
    select 3, zoom.user_of_email(seg.email)
  ) found
  where seg.run_id = seat_run and seg.connection_key = seat_key and found.user_id is not null
  order by found.rung, found.user_id
  limit 1;
  if way is null then
    user_id := zoom.name_of(seat_run, seat_key);
    way := case when user_id is not null then 'name' end;
  end if;
end
$$;
comment on function zoom.recognised_by is 'By what a connection would be recognised now (key, registration, email, name; null for nothing), and as whom.';

create function zoom.explain_marks(people zoom.person[])
returns table (n bigint, run_id bigint, instance text, segment text, connection_key text, connection text,
  kind text, at timestamptz, until timestamptz, name text, approximate boolean, reason text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  with seat as (
    -- Each looked up for its person, as zoom.add_up does; but of all the day's runs, so that it can be said of one that it does not count.
    select person.n, person.class_id as for_class, seg.*
    from unnest(people) with ordinality person (meeting_id, held_on, class_id, user_id, run_id, connection_key, n)
    cross join lateral (
      select run.run_id, run.instance, run.ended_at, run.class_id, here.segment, here.connection_key, here.connection
      from zoom.instances run
      cross join lateral (
        select own.* from zoom.segments own
        where own.user_id = person.user_id and own.meeting_id = person.meeting_id and own.run_id = run.run_id
        offset 0
      ) here
      where run.meeting_id = person.meeting_id and run.held_on = person.held_on and person.user_id is not null
      union all
      select run.run_id, run.instance, run.ended_at, run.class_id, guest.segment, guest.connection_key, guest.connection
      from zoom.segments guest
      join zoom.instances run on run.run_id = guest.run_id
      where guest.connection_key = person.connection_key and guest.run_id = person.run_id and guest.user_id is null
    ) seg
  ), mark as (
    select seat.n, seat.for_class, seat.run_id, seat.instance, seat.ended_at, seat.class_id, seat.segment, seat.connection_key,
      coalesce(seat.connection, seat.segment) as connection, told.kind, told.at, told.name, told.approximate,
      lead(told.at) over visit as next_at, lag(told.kind) over visit as last_kind
    from seat
    cross join lateral (
      select own.* from zoom.marks own where own.run_id = seat.run_id and own.segment = seat.segment offset 0
    ) told
    window visit as (partition by seat.n, seat.run_id, seat.segment order by told.at, told.kind)
  ), part as (
    -- What ends it, as zoom.add_up has it.
    select mark.*, coalesce(mark.next_at, case when mark.ended_at is not null then greatest(mark.at, mark.ended_at) end) as until
    from mark
  ), span as (
    select part.*, case
        when part.for_class is not null and part.class_id is distinct from part.for_class then 'that run counts for another class'
        when part.kind = 'left' and part.last_kind is null then 'a leave without a join'
        when part.kind = 'left' and part.last_kind = 'left' then 'they had left already'
        when part.kind = 'left' then null
        when part.until is null then 'nothing closed it yet: the lesson is going on'
        when part.until - part.at > interval '30 hours' then 'longer than any meeting lasts'
        when part.until = part.at and part.next_at is null then 'the lesson had ended by then'
        when part.until = part.at then 'it ended in the same second'
      end as flaw
    from part
  ), judged as (
    -- One that began before it, or with it, and lasts as long covers it; of two that are the same, the first counts.
    select span.*, coalesce(span.flaw, case when span.kind = 'joined' and span.until <= max(span.until) filter (where span.kind = 'joined' and span.flaw is null)
        over (partition by span.n order by span.at, span.until desc, span.run_id, span.segment rows between unbounded preceding and 1 preceding)
      then 'another one of theirs covers it already' end) as why
    from span
  )
  -- A leave counts if the stay that it ends does.
  select judged.n, judged.run_id, judged.instance::text, judged.segment::text, judged.connection_key::text, judged.connection::text,
    judged.kind::text, judged.at, judged.until, judged.name::text, judged.approximate,
    coalesce(judged.why, case when judged.kind = 'left' then lag(judged.why) over visit end)
  from judged
  window visit as (partition by judged.n, judged.run_id, judged.segment order by judged.at, judged.kind);
end
$$;
comment on function zoom.explain_marks is 'What Zoom told of each of these people (n: their place): each joined or left, when a stay ended (null while it lasts), and why it does not count; null if it does.';

create function zoom.explain_stay(person zoom.person, out events jsonb, out intervals jsonb, out counted tstzmultirange)
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
  select
    coalesce(jsonb_agg(jsonb_build_object(
        'at', told.at, 'kind', told.kind, 'instance', told.instance, 'connection', told.connection, 'name', told.name,
        'approximate', told.approximate, 'by', (select case when known.user_id = person.user_id then known.way end from zoom.recognised_by(told.run_id, told.connection_key) known),
        'counted', told.reason is null, 'why', told.reason)
      order by told.at, told.kind, told.run_id, told.segment collate "C"), '[]'),
    coalesce(jsonb_agg(jsonb_build_object('from', told.at, 'to', told.until, 'connection', told.connection)
      order by told.at, told.until, told.run_id, told.segment collate "C") filter (where told.kind = 'joined' and told.reason is null), '[]'),
    range_agg(tstzrange(told.at, told.until)) filter (where told.kind = 'joined' and told.reason is null)
  into events, intervals, counted
  from zoom.explain_marks(array[person]) told;
end
$$;
comment on function zoom.explain_stay is 'What Zoom told of a user in a meeting on a date: each event with how they were recognised and why it does not count if it does not, the intervals that count, and their union. If a class is given, only runs that count for it do.';

create function zoom.explain_others(person zoom.person, app_joins text) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  wanted text := lower(btrim(zoom.staff_name(person.user_id)));
begin
  return (
    with seat as (
      select run.run_id, run.instance, run.class_id, run.started_at, run.ended_at, seg.connection_key,
        max(coalesce(seg.connection, seg.segment)) as connection, max(seg.customer_key) as customer_key, max(seg.registrant_id) as registrant_id,
        max(seg.email) as email, max(seg.user_id::text)::uuid as user_id, min(mark.at) as first_at, max(mark.at) as last_at,
        (array_agg(mark.name order by mark.at desc, mark.name desc) filter (where mark.name is not null))[1] as name,
        bool_or(lower(btrim(mark.name collate "default")) = wanted) as has_name
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.meeting_id = run.meeting_id
      join zoom.marks mark on mark.run_id = seg.run_id and mark.segment = seg.segment
      where run.meeting_id = person.meeting_id and run.held_on = person.held_on
      group by run.run_id, seg.connection_key
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'instance', seat.instance, 'connection', seat.connection, 'name', seat.name, 'email', seat.email,
        'from', seat.first_at, 'to', seat.last_at, 'why', case
          when seat.user_id is not null then case case when known.user_id = seat.user_id then known.way end
            when 'key' then 'the key it showed is that of ' when 'registration' then 'it is registered as '
            when 'email' then 'its e-mail is that of ' else 'it was taken for ' end || owner.name
          else concat_ws('; ',
            case when seat.customer_key is not null then 'the key it showed is none that we gave out for this meeting' end,
            case when seat.registrant_id is not null then 'its registration is not one of the school''s' end,
            case when seat.email is not null then 'its e-mail is nobody''s of the school' end,
            case
              when app_joins = 'ignore' then 'a name alone is nobody, and what the app sees is not used'
              when seat.customer_key is not null then 'a name beside a key is not looked at'
              when lower(btrim(seat.name collate "default")) <> wanted then 'it showed another name later'
              when namesakes.own = 0 then 'a name is believed only of students who are enrolled in the class'
              when namesakes.all > 1 then format('%s students of the class have this name', namesakes.all)
              when namesakes.came = 0 then 'a name alone is nobody: the app did not see them come during the lesson or in the half hour before'
              else 'it was not looked at since: the next event of the lesson does that'
            end)
        end) order by seat.first_at, seat.run_id, seat.connection_key), '[]')
    from seat
    cross join lateral zoom.recognised_by(seat.run_id, seat.connection_key) known
    left join public.users owner on owner.id = seat.user_id
    cross join lateral (
      select count(*) as all, count(*) filter (where pupil.id = person.user_id) as own, count(*) filter (where exists (
          select from zoom.visits visit
          where visit.meeting_id = person.meeting_id and visit.user_id = pupil.id and visit.kind in ('joined', 'opened')
            and visit.at >= seat.started_at - zoom.early() and visit.at <= coalesce(seat.ended_at, 'infinity'))) as came
      from public.class_students enrolled
      join zoom.named_users pupil on pupil.id = enrolled.student_id
      where enrolled.class_id = seat.class_id and lower(btrim(pupil.name)) = wanted
    ) namesakes
    where seat.has_name and seat.user_id is distinct from person.user_id);
end
$$;
comment on function zoom.explain_others is 'The connections of a meeting on a date that showed a user''s name and were not taken for them, each with why.';

create function zoom.explain_app(person zoom.person, app_joins text, is_unseen boolean, is_known_by_name boolean) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  visits jsonb;
  stay record;
begin
  -- From half an hour before the first run to half an hour before that of a later date.
  select coalesce(jsonb_agg(jsonb_build_object('at', visit.at, 'kind', visit.kind) order by visit.at, visit.kind), '[]') into visits
  from zoom.visits visit
  where visit.meeting_id = person.meeting_id and visit.user_id = person.user_id
    and visit.at >= (
      select min(run.started_at) - zoom.early() from zoom.instances run
      where run.meeting_id = person.meeting_id and run.held_on = person.held_on)
    and visit.at < coalesce((
      select min(run.started_at) - zoom.early() from zoom.instances run
      where run.meeting_id = person.meeting_id and run.held_on > person.held_on), 'infinity');
  select own.* into stay from zoom.app_stay(person) own;
  return jsonb_build_object(
    'visits', visits, 'seconds', case when stay.is_settled is not null then stay.duration end,
    'counted', app_joins = 'count' and is_unseen and stay.is_settled is not null,
    'worth', case
      when visits = '[]' then 'the app did not see them'
      when app_joins = 'ignore' then 'nothing: what the app sees is not used'
      when is_known_by_name then 'it is how we know that the guest with their name is them'
      when app_joins <> 'count' then 'nothing by itself: it helps to tell who a guest with their name is'
      when not is_unseen then 'nothing: Zoom saw them itself, and that goes first'
      when stay.is_settled is null then 'nothing: they did not press join on the page for the lesson'
      when not stay.is_settled then 'nothing yet: they have not left, and the lesson goes on'
      else zoom.spelt(stay.duration) || ': Zoom saw nothing of them, so the app''s word counts'
    end);
end
$$;
comment on function zoom.explain_app is 'What the app saw of a user around a meeting on a date: visits, the seconds that they make (null if none is of the lesson), whether these count, and what it was worth in words.';

create function zoom.explain_rule(verdict text, seconds integer, min_seconds integer, of_app boolean, is_in boolean, is_unseen boolean, meetings integer)
returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case
    when verdict = 'present' then format('present from %s: %s', zoom.spelt(min_seconds), zoom.spelt(seconds))
    when verdict = 'partial' then format('partial%s: %s of %s', case when is_in then ' so far' end, zoom.spelt(seconds),
      case when seconds % 60 = 0 and min_seconds % 60 = 0 then (min_seconds / 60)::text else zoom.spelt(min_seconds) end)
    when verdict = 'absent' then 'absent: the lesson ended and nobody saw them'
    when of_app then 'nothing yet: the app saw them come, and the lesson goes on'
    when is_unseen then 'nothing yet: they have not come, and the lesson goes on'
    else 'nothing yet: they are in and the lesson goes on'
  end
  || case when of_app and verdict is not null then ', by the word of the app' else '' end
  || case when is_in and verdict = 'partial' then ', and they are in' else '' end
  || case when meetings > 1 then format(', in the best of the %s meetings of that day', meetings) else '' end;
end
$$;
comment on function zoom.explain_rule is 'Which rule gave a verdict, in a sentence.';

create function zoom.explain_record(verdict text, current text, memory zoom.verdicts, out overridden boolean, out note text)
language plpgsql immutable set search_path = '' as $$
declare
  ours text := zoom.weighed(memory.theirs, memory.verdict);
begin
  -- Our word would have been another one, and a person's stands.
  overridden := verdict is not null and current is distinct from verdict
    and (memory.student_id is null and current is not null or memory.theirs is not distinct from current and current is not null
      or memory.student_id is not null and current is distinct from ours);
  note := case
    when memory.student_id is null and current is null and verdict is not null
      then 'There is no record yet: they were enrolled, or recognised, after the last event of the lesson. The next one brings it up to date.'
    when memory.student_id is null and current is null then null
    when memory.student_id is null
      then format('Somebody wrote %s, and nothing of Zoom''s has changed it.', current)
    when current is null and ours is not null
      then format('Somebody removed the record after it said %s. That stands until Zoom tells something that changes the verdict.', ours)
    when current is distinct from ours
      then format('Somebody wrote %s after it said %s. People outrank Zoom: that stands until Zoom tells something that changes the verdict.', current, coalesce(ours, 'nothing'))
    when verdict is distinct from memory.verdict
      then format('By what is known now it would be %s, but %s was the verdict at the last event of the lesson. The next one brings it up to date.',
        coalesce(verdict, 'nothing yet'), coalesce(memory.verdict, 'nothing yet'))
    when memory.theirs is null or memory.theirs = memory.verdict then null
    when memory.theirs in ('late', 'excused')
      then format('Somebody had written %s, which only people write: it is never touched.', memory.theirs)
    when current = memory.theirs
      then format('Somebody had written %s, which is better than %s. People outrank Zoom: what they wrote is only ever raised.', memory.theirs, coalesce(memory.verdict, 'nothing yet'))
    else format('Somebody had written %s, and Zoom saw more than that: it was raised to %s.', memory.theirs, current)
  end;
end
$$;
comment on function zoom.explain_record is 'Whether a person''s word stands in a record in place of the verdict, and in a sentence how the two came together; null if there is nothing to say.';

create function public.explain_attendance(meeting text, student text, date date default null, policy jsonb default '{}') returns jsonb
language plpgsql stable security definer set search_path = '' set timezone = 'UTC' as $$
declare
  min_seconds constant integer := round(60 * coalesce((explain_attendance.policy ->> 'min_minutes')::numeric, 15));
  app_joins constant text := coalesce(nullif(explain_attendance.policy ->> 'app_joins', ''), 'corroborate');
  asked constant text := btrim(explain_attendance.student);
  is_ours constant boolean := coalesce(auth.role() = 'service_role', false);
  room public.zoom_meetings;
  person public.users;
  class public.classes;
  day pg_catalog.date := explain_attendance.date;
  subject zoom.person;
  stay record;
  best record;
  meetings jsonb;
  is_enrolled boolean;
  is_theirs boolean;
  is_forgotten boolean;
  is_unconfirmed boolean;
  verdict text;
  rule text;
  stands text;
  memory zoom.verdicts;
  weight record;
  answer jsonb;
begin
  select own.* into room from public.zoom_meetings own where own.zoom_meeting_id = explain_attendance.meeting;
  if room.id is null or not (is_ours or zoom.oversees_meeting(room.id)) then
    return jsonb_build_object('outcome', 'unknown_meeting');
  end if;

  -- Which lesson: the latest, unless they say. Its class is the one its runs count for.
  day := coalesce(day, (select max(run.held_on) from zoom.instances run where run.meeting_id = room.id));
  select own.* into class
  from public.classes own
  where own.id = coalesce((
    select run.class_id from zoom.instances run
    where run.meeting_id = room.id and run.held_on = day
    order by run.class_id is not distinct from room.class_id desc, run.class_id is null, run.started_at desc, run.instance desc
    limit 1), room.class_id);

  select own.* into person
  from public.users own
  where own.id = case when asked ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then asked::uuid else zoom.user_of_email(asked) end;
  is_enrolled := exists (select from public.class_students seat where seat.class_id = class.id and seat.student_id = person.id);

  answer := jsonb_build_object(
    'meeting', jsonb_build_object('id', room.id, 'number', room.zoom_meeting_id, 'title', room.title, 'timezone', room.timezone,
      'class', case when class.id is not null then jsonb_build_object('id', class.id, 'name', class.name) end),
    'date', day, 'policy', jsonb_build_object('min_seconds', min_seconds, 'app_joins', app_joins));

  -- Who oversees a meeting knows whom it was held for and who was there, and nobody else.
  if person.id is null or not (is_ours or zoom.is_admin() or is_enrolled
      or exists (select from zoom.segments seg where seg.user_id = person.id and seg.meeting_id = room.id)
      or exists (select from zoom.visits visit where visit.user_id = person.id and visit.meeting_id = room.id)
      or exists (select from public.zoom_participants shown where shown.user_id = person.id and shown.meeting_id = room.id)) then
    return jsonb_build_object('outcome', 'unknown_student') || answer;
  end if;
  answer := answer || jsonb_build_object(
    'student', jsonb_build_object('id', person.id, 'name', person.name, 'email', person.email, 'enrolled', is_enrolled));

  if not exists (select from zoom.instances run where run.meeting_id = room.id and run.held_on = day) then
    return jsonb_build_object('outcome', 'no_lesson', 'latest', (select max(run.held_on) from zoom.instances run where run.meeting_id = room.id)) || answer;
  end if;

  subject := row(room.id, day, class.id, person.id, null, null)::zoom.person;
  select own.* into stay from zoom.explain_stay(subject) own;
  answer := answer || jsonb_build_object(
    'outcome', 'ok',
    'runs', (
      select jsonb_agg(jsonb_build_object('instance', run.instance, 'started_at', run.started_at, 'ended_at', run.ended_at) order by run.started_at, run.instance)
      from zoom.instances run where run.meeting_id = room.id and run.held_on = day),
    'events', stay.events,
    'others', zoom.explain_others(subject, app_joins),
    'app', zoom.explain_app(subject, app_joins, stay.events = '[]', stay.events @> '[{"by": "name"}]'),
    'intervals', stay.intervals,
    'union', (
      select coalesce(jsonb_agg(jsonb_build_object('from', lower(piece), 'to', upper(piece)) order by piece), '[]')
      from unnest(stay.counted) piece),
    'seconds', (zoom.add_up(array[subject]))[1].duration);

  -- Attendance is for those whom the policy of attendance_records shows it to.
  is_theirs := is_ours or zoom.is_admin() or coalesce(class.id = any (zoom.classes_taught()), false);
  if not is_theirs then
    return answer || jsonb_build_object('attendance_is_theirs', false, 'meetings', '[]'::jsonb, 'verdict', null,
      'rule', case when class.id is null then 'the meeting belongs to no class, so no attendance is kept'
        else 'the attendance of the class is shown to its teacher and to admins' end,
      'record', null, 'said_before', null, 'overridden', false, 'note', null);
  end if;

  -- Several meetings of a class on one date: the best of them.
  select jsonb_agg(jsonb_build_object('number', other.zoom_meeting_id, 'title', other.title, 'seconds', judged.seconds,
      'by_the_app', judged.of_app, 'verdict', judged.verdict) order by judged.n)
  into meetings
  from zoom.judge(person.id, class.id, day, min_seconds, app_joins) with ordinality
    judged (meeting_id, seconds, of_app, is_in, is_unseen, verdict, n)
  join public.zoom_meetings other on other.id = judged.meeting_id;
  select own.* into best from zoom.judge(person.id, class.id, day, min_seconds, app_joins) own limit 1;
  select own.* into memory from zoom.verdicts own where own.student_id = person.id and own.class_id = class.id and own.date = day;
  stands := (select own.status from public.attendance_records own where own.student_id = person.id and own.class_id = class.id and own.date = day);
  is_forgotten := exists (select from zoom.instances run where run.forgotten_at is not null and (run.class_id = class.id and run.held_on = day
    or run.meeting_id = room.id and run.held_on = day));

  -- The class of the meeting, and none that its runs count for.
  is_unconfirmed := zoom.counted_class(room.id) is null
    and not exists (select from zoom.instances run where run.meeting_id = room.id and run.held_on = day and run.class_id is not null);

  verdict := case when is_forgotten then memory.verdict when is_enrolled then best.verdict end;
  rule := case
    when class.id is null then 'the meeting belongs to no class, so no attendance is kept'
    when is_unconfirmed then 'the meeting''s host does not teach the class, so no attendance is kept until an admin saves the meeting'
    when is_forgotten then 'what Zoom told of this lesson was removed after the time the school keeps it, so the verdict of then stands'
    when not is_enrolled then 'not enrolled in the class, so no attendance is kept'
    else zoom.explain_rule(best.verdict, best.seconds, min_seconds, best.of_app, best.is_in, best.is_unseen, jsonb_array_length(meetings))
  end;
  select own.* into weight from zoom.explain_record(verdict, stands, memory) own;
  return answer || jsonb_build_object('attendance_is_theirs', true, 'forgotten', is_forgotten,
    'meetings', case when is_forgotten then '[]' else coalesce(meetings, '[]') end, 'verdict', verdict, 'rule', rule,
    'record', stands, 'said_before', memory.theirs, 'overridden', weight.overridden, 'note', weight.note);
end
$$;
comment on function public.explain_attendance is 'Why a student''s attendance is what it is, as an object, for the sidecar, admins, and those who oversee the meeting. meeting: Zoom''s number; student: an e-mail, whatever the case, or an id; date: the lesson''s, by default the latest; policy: as for apply_zoom_events (whose timezone gave the lesson its date when its events came). Answers outcome (ok, unknown_meeting, unknown_student, or no_lesson, with the latest date there was one) and what is known of meeting, student, date, policy; if ok also runs, events (what Zoom told of them, how they were recognised, whether it counted, else why not), others (connections under their name that were not taken for them, and why), app (what the app saw and what that was worth), intervals, union and seconds; and, where attendance_is_theirs to see (class teachers, admins), forgotten (zoom.forget removed what was known), meetings (those of the class on that date, the one that decides first), verdict, rule, record (what stands there), said_before (what somebody else had written), overridden (a person''s word stands in place of the verdict) and a note on that. Changes nothing.';

revoke execute on function
  zoom.spelt, zoom.judge_all, zoom.judge, zoom.recognised_by, zoom.explain_marks, zoom.explain_stay, zoom.explain_others, zoom.explain_app, zoom.explain_rule, zoom.explain_record
from public;
revoke execute on function public.explain_attendance from public, anon;
grant execute on function public.explain_attendance to authenticated, service_role;

notify pgrst, 'reload schema';
