-- Why a student's attendance is what it is. First, the times: each coming and going that Zoom told of, and why it does not count.
--
-- The explanation changes nothing and knows no rule of its own. When somebody was there it asks of zoom.parts,
-- which lesson a run belongs to of zoom.lessons, what follows of zoom.judge, and what a person's word is worth of zoom.weighed;
-- what was decided already (who a connection is, whether a run counts) it reads. So it says what the rows say, as of now.

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

create function zoom.run_date(run zoom.instances) returns date
language plpgsql stable set search_path = '' as $$
begin
  if run.lesson_id is not null then
    return (select own.held_on from zoom.lessons own where own.lesson_id = run.lesson_id);
  end if;
  return zoom.school_date(run.started_at, run.meeting_id, zoom.settings_at(run.as_of), run.as_of);
end
$$;
comment on function zoom.run_date is 'The date of a run: that of its lesson; of one that belongs to none the date on which it began, in the school''s zone. Null while nothing that counts was told of it.';

create function zoom.lessons_on(meeting uuid, day date) returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select own.lesson_id from zoom.lessons own
    -- (By the key of the lessons, since a meeting may have had them for years.)
    where own.meeting_id = meeting and own.is_planned = any ('{t, f}') and own.held_on = day
      and own.starts_at >= day - interval '2 days' and own.starts_at < day + interval '3 days'
    order by own.starts_at, own.lesson_id);
end
$$;
comment on function zoom.lessons_on is 'The lessons of a meeting on a date, in their order.';

create function zoom.runs_on(meeting uuid, day date) returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select told.run_id
    from (
      select run.run_id, run.started_at, run.instance
      from unnest(zoom.lessons_on(meeting, day)) lesson (id)
      join zoom.instances run on run.lesson_id = lesson.id
      union all
      select run.run_id, run.started_at, run.instance
      from zoom.instances run
      where run.meeting_id = meeting and run.lesson_id is null
        and run.started_at >= day - interval '2 days' and run.started_at < day + interval '3 days' and zoom.run_date(run) = day
    ) told
    order by told.started_at, told.instance);
end
$$;
comment on function zoom.runs_on is 'The runs of a meeting on a date, in their order: those of its lessons, and those that began on it and belong to none.';

create function zoom.explain_no_class(lesson zoom.lessons) returns text
language plpgsql stable set search_path = '' as $$
begin
  -- What zoom.class_of looked at: the meeting as it was then, and as it came to be later.
  return case
    when exists (
      select from zoom.history own
      where own.row_key = lesson.meeting_id::text and own.relation = 'zoom_meetings' and own.until > lesson.as_of
        and own.was ->> 'class_id' is not null)
      then 'nobody who teaches the class of the meeting hosts it, and no admin has confirmed it'
    else 'the meeting has none'
  end;
end
$$;
comment on function zoom.explain_no_class is 'Why a lesson that makes attendance for no class makes none, in words: see zoom.class_of.';

create function zoom.explain_marks(people zoom.person[], whose bigint[], class uuid)
returns table (n bigint, run_id bigint, instance text, segment text, connection_key text, connection text, known_by text, kind text,
  at timestamptz, until timestamptz, name text, approximate boolean, is_open boolean, lesson_time tstzrange, fate text, why text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  with waited as materialized (
    -- What is only told: of the same segments, and of those of which nothing else was told.
    select whose[person.n] as n, run.run_id, seg.segment::text, mark.at, mark.body_hash::text, mark.kind::text, mark.name::text, mark.approximate
    from unnest(people) with ordinality person (lesson_id, run_id, user_id, connection_key, n)
    cross join lateral (
      select own.run_id from zoom.instances own where own.lesson_id = person.lesson_id
      union all
      select own.run_id from zoom.instances own where own.run_id = person.run_id and person.lesson_id is null
    ) run
    cross join lateral (
      select own.segment from zoom.segments own
      where person.user_id is not null and own.user_id = person.user_id and own.run_id = run.run_id
      union all
      select own.segment from zoom.segments own
      where person.user_id is null and own.connection_key = person.connection_key and own.run_id = run.run_id and own.user_id is null
      offset 0
    ) seg
    cross join lateral (
      select own.* from zoom.marks own where own.run_id = run.run_id and own.segment = seg.segment offset 0
    ) mark
    join zoom.kinds rule on rule.kind = mark.kind and rule.counts is null
  ), part as (
    select whose[told.n] as n, told.run_id, told.segment, told.at, told.body_hash, told.kind, told.name, told.approximate, told.is_open,
      told.last_kind, told.next_at, told.until, told.counts_from, told.counts_until, told.is_seen, told.lesson_time, true as counts
    from zoom.parts(people) told
    union all
    select waited.n, waited.run_id, waited.segment, waited.at, waited.body_hash, waited.kind, waited.name, waited.approximate, false,
      null, null, null, null, null, false, null, false
    from waited
  ), span as (
    select part.*, run.instance, seg.connection_key, coalesce(seg.connection, seg.segment) as connection, seg.known_by, case
        when not part.counts and part.kind like 'waiting%' then 'whoever waits to be let in is not in the lesson'
        when not part.counts then 'it is only told, and counts for nothing'
        when run.no_lesson = 'cancelled' then 'that run belongs to no lesson: the meeting had been cancelled'
        when run.no_lesson is not null then 'that run belongs to no lesson: the meeting was not planned for its time'
        when lesson.lesson_id is null then 'that run belongs to no lesson'
        when explain_marks.class is not null and lesson.class_id is null then 'that lesson counts for no class: ' || zoom.explain_no_class(lesson)
        when explain_marks.class is not null and lesson.class_id <> explain_marks.class then 'that lesson counts for another class'
        when not run.counts then 'that run does not count: only one person was in it, and in another run of the lesson there were more'
        when not part.is_open and part.last_kind is null and part.is_seen then 'a leave without a join: it shows that they were there, and counts no time'
        when not part.is_open and part.last_kind is null then 'a leave without a join'
        when not part.is_open and before.counts = 'closes' then 'they had left already'
        when not part.is_open then null
        when part.until is null then 'nothing closed it yet: that run is still open'
        when part.until - part.at > zoom.longest() then 'longer than any meeting lasts'
        when part.until = part.at and part.next_at is null then 'the run had ended by then'
        when part.until = part.at then 'it ended in the same second'
        when part.until <= part.counts_from then 'before the lesson'
        when part.at >= part.counts_until then 'after the lesson'
        when part.lesson_time is null then 'it lies outside the lesson'
      end as flaw
    from part
    join zoom.instances run on run.run_id = part.run_id
    left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    join zoom.segments seg on seg.run_id = part.run_id and seg.segment = part.segment collate "C"
    left join zoom.kinds before on before.kind = part.last_kind collate "C"
  ), covered as (
    -- One that began before it, or with it, and lasts as long covers it; of two that are the same, the first counts.
    select span.*, coalesce(span.flaw, case when span.is_open and upper(span.lesson_time) <= max(upper(span.lesson_time)) filter (where span.flaw is null and span.is_open)
        over (partition by span.n order by lower(span.lesson_time), upper(span.lesson_time) desc, span.run_id, span.segment, span.at, span.body_hash
          rows between unbounded preceding and 1 preceding)
      then 'another one of theirs covers it already' end) as reason
    from span
  )
  -- A leave counts if the stay that it ends does.
  select told.n, told.run_id, told.instance::text, told.segment, told.connection_key::text, told.connection::text, told.known_by, told.kind, told.at,
    told.until, told.name, told.approximate, told.is_open, told.lesson_time, case
      when told.why is null then 'counts' when told.flaw is null then 'covered'
      when told.is_open and told.until is null then 'open' else 'void' end, told.why
  from (
    select covered.*, coalesce(covered.reason, case when covered.counts and not covered.is_open
      then lag(covered.reason) over (partition by covered.n, covered.run_id, covered.segment, covered.counts order by covered.at, covered.is_open desc, covered.body_hash) end) as why
    from covered
  ) told;
end
$$;
comment on function zoom.explain_marks is
  'What Zoom told of each of these people (n: of whose, since one may stand there for several lessons): each mark, when a stay '
  'ended (null while it lasts), what of lesson time it makes, and why it does not count; null if it does. fate: counts; covered '
  '(by another of theirs); open (it may count once it is over); void. class: the one whose attendance is asked for.';

revoke execute on function zoom.spelt, zoom.run_date, zoom.lessons_on, zoom.runs_on, zoom.explain_no_class, zoom.explain_marks from public;
grant execute on function zoom.spelt, zoom.run_date, zoom.lessons_on, zoom.runs_on, zoom.explain_no_class, zoom.explain_marks to service_role;
