-- The verdict on a student: present, partial or absent, in the best of the lessons of a class on a date.

create type zoom.record_key as (student_id uuid, class_id uuid, date date);
comment on type zoom.record_key is 'An attendance record: a student in a class on a date.';

create function zoom.app_stay(student uuid, lesson zoom.lessons, out seconds integer, out is_settled boolean)
language plpgsql stable set search_path = '' as $$
begin
  select coalesce(zoom.seconds(range_agg(tstzrange(span.came, span.went)) filter (where span.went is not null)), 0), bool_or(span.went is not null)
  into seconds, is_settled
  from (
    -- From a join on the page to what it said next, clipped to the run and to lesson time. Until then it is not over.
    select greatest(visit.at, run.started_at, lesson.counts_from) as came,
      case when next.at is not null or run.ended_at is not null then least(next.at, run.ended_at, lesson.counts_until) end as went
    from zoom.instances run
    join zoom.visits visit
      on visit.meeting_id = run.meeting_id and visit.user_id = student and visit.kind = 'joined'
      and visit.at >= run.started_at - zoom.early() and visit.at <= coalesce(run.ended_at, 'infinity')
    left join lateral (
      select later.at from zoom.visits later
      where later.meeting_id = visit.meeting_id and later.user_id = visit.user_id and (later.at, later.kind) > (visit.at, visit.kind)
        and later.kind <> 'opened'
      order by later.at, later.kind
      limit 1
    ) next on true
    where run.lesson_id = lesson.lesson_id and run.counts
  ) span
  where span.went is null or span.went > span.came;
end
$$;
comment on function zoom.app_stay is
  'How long the app says that a student was in a lesson: seconds, and whether any of it is over; is_settled is null if the app '
  'saw nothing.';

create function zoom.verdict_of(
  is_seen boolean, is_settled boolean, seconds integer, was_enrolled boolean, is_expected boolean, lesson zoom.lessons
) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case
    when is_seen and was_enrolled and (is_settled or lesson.is_over) then
      case when seconds >= lesson.min_seconds then 'present' else 'partial' end
    when not is_seen and is_expected and lesson.is_over and lesson.makes_absent then 'absent'
  end;
end
$$;
comment on function zoom.verdict_of is
  'The rule: present and partial once they have left, or the lesson is over, of those who were enrolled when it began or later; '
  'absent once it is over, of those who were expected (enrolled and active at zoom.lessons.expected_at). Null for none yet.';

create type zoom.judgement as (
  student_id uuid, class_id uuid, date date, lesson_id bigint, place integer, verdict text, seconds integer, of_app boolean, is_in boolean,
  is_seen boolean, was_enrolled boolean, is_expected boolean
);
comment on type zoom.judgement is
  'What one lesson says of a student, and its place among those of that date: 1 decides. of_app: by the app''s word; was_enrolled: of who was '
  'seen; is_expected: of who was not.';

create function zoom.judge(due zoom.record_key[], known zoom.person[] default '{}', known_presences zoom.presence[] default '{}')
returns setof zoom.judgement
language plpgsql stable set search_path = '' as $$
declare
  people zoom.person[];
  presences zoom.presence[];
begin
  people := array(
    select row(lesson.lesson_id, null, told.student_id, null)::zoom.person
    from unnest(due) with ordinality told (student_id, class_id, date, n)
    cross join lateral (
      select own.lesson_id, own.starts_at from zoom.lessons own where own.class_id = told.class_id and own.held_on = told.date offset 0
    ) lesson
    order by told.n, lesson.starts_at, lesson.lesson_id);
  if cardinality(people) = 0 then
    return;
  end if;
  presences := zoom.presences(people, known, known_presences);
  return query
  with weighed as (
    select seen.n, seen.user_id as student_id, lesson.class_id, lesson.held_on, lesson.lesson_id, app.is_settled is not null as of_app,
      coalesce(app.seconds, seen.seconds) as seconds, seen.is_in, app.is_settled is not null or seen.is_seen as is_seen,
      coalesce(app.is_settled, seen.is_settled) as is_settled, enrolment.was_enrolled, enrolment.is_expected, lesson as held
    from unnest(people, presences) with ordinality seen (lesson_id, run_id, user_id, connection_key, segment, name, email, join_time,
      leave_time, duration, is_in, has_left, is_seen, is_settled, seconds, n)
    join zoom.lessons lesson on lesson.lesson_id = seen.lesson_id
    -- Where Zoom saw nothing of them in lesson time, and the school takes the app's word.
    left join lateral (
      select own.* from zoom.app_stay(seen.user_id, lesson) own
      where lesson.app_joins = 'count' and not seen.is_seen
      offset 0
    ) app on true
    cross join lateral (
      -- (Each is asked only where the rule looks at it.)
      select case when app.is_settled is not null or seen.is_seen then exists (
          -- When it began, or later: unenrolling takes nothing from a run that had begun.
          select from zoom.enrolments pupil
          where pupil.student_id = seen.user_id and pupil.class_id = lesson.class_id and pupil.until > lesson.as_of offset 0) end as was_enrolled,
        case when app.is_settled is null and not seen.is_seen and lesson.expected_at is not null
          then zoom.enrolled(seen.user_id, lesson.class_id, lesson.expected_at)
            and coalesce((zoom.as_of('users', seen.user_id::text, lesson.expected_at) ->> 'is_active')::boolean, true) end as is_expected
      offset 0
    ) enrolment
  ), judged as (
    select weighed.*, zoom.verdict_of(weighed.is_seen, weighed.is_settled, weighed.seconds, weighed.was_enrolled, weighed.is_expected, weighed.held)
      as verdict
    from weighed
    offset 0
  )
  select judged.student_id, judged.class_id, judged.held_on, judged.lesson_id,
    (row_number() over (partition by judged.student_id, judged.class_id, judged.held_on
      order by zoom.rank(judged.verdict) desc, judged.is_in desc, judged.is_seen desc, judged.seconds desc, judged.n))::integer,
    judged.verdict, judged.seconds, judged.of_app, judged.is_in, judged.is_seen, judged.was_enrolled, judged.is_expected
  from judged;
end
$$;
comment on function zoom.judge is
  'What each lesson of these classes and dates says of these students, the one that decides first: see zoom.verdict_of. known: people '
  'of whom it was added up already what Zoom saw.';

create function zoom.weighed(theirs text, said text, verdict text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case
    when said is null then verdict
    when theirs in ('late', 'excused') or zoom.rank(verdict) <= zoom.rank(said) then theirs
    when zoom.rank(verdict) > zoom.rank(theirs) then verdict
    else theirs
  end;
end
$$;
comment on function zoom.weighed is
  'What a record should say: the verdict; or, where somebody else wrote theirs (null: removed it) when we had said this, theirs, '
  'until the verdict exceeds what we had said: then it is raised. late and excused are never touched.';

revoke execute on function zoom.app_stay, zoom.verdict_of, zoom.judge, zoom.weighed from public;
grant execute on function zoom.app_stay, zoom.verdict_of, zoom.judge, zoom.weighed to service_role;
