-- Which times count: each mark of a person with what ends it, and what it is worth for attendance.
--
-- A stay is from a joined to the next mark of its segment, else to the end of the run. For attendance only lesson time counts
-- (zoom.lessons.counts_from, counts_until), in runs that count (zoom.instances.counts).

create view zoom.stays with (security_invoker) as
select mark.run_id, mark.segment, mark.at, mark.body_hash, mark.kind, mark.name, mark.approximate, kind.counts,
  lag(mark.kind) over visit as last_kind,
  lead(mark.at) over visit as next_at,
  -- The next mark, else the end of the run; null while they are in.
  coalesce(lead(mark.at) over visit, case when run.ended_at is not null then greatest(mark.at, run.ended_at) end) as until
from zoom.marks mark
join zoom.kinds kind on kind.kind = mark.kind and kind.counts in ('opens', 'closes')
join zoom.instances run on run.run_id = mark.run_id
window visit as (partition by mark.run_id, mark.segment order by mark.at, kind.counts desc, mark.body_hash);

comment on view zoom.stays is 'Each coming (opens) and going (closes) of a segment, and what ends it.';
comment on column zoom.stays.run_id is 'The run.';
comment on column zoom.stays.segment is 'The segment.';
comment on column zoom.stays.at is 'When.';
comment on column zoom.stays.body_hash is 'As in zoom.marks.';
comment on column zoom.stays.kind is 'As in zoom.marks.';
comment on column zoom.stays.name is 'The name that was shown.';
comment on column zoom.stays.approximate is 'As in zoom.marks.';
comment on column zoom.stays.counts is 'opens or closes: see zoom.kinds.';
comment on column zoom.stays.last_kind is 'The kind of the mark before it; null for the first.';
comment on column zoom.stays.next_at is 'When the next mark of the segment was; null for the last.';
comment on column zoom.stays.until is 'What ends it: the next mark, else the end of the run (no earlier than itself); null while the run goes on.';
grant select on zoom.stays to service_role;

create type zoom.person as (
  lesson_id bigint, run_id bigint, user_id uuid, connection_key text collate "C"
);
comment on type zoom.person is
  'Somebody in the runs of a lesson (or in one run that belongs to none): a user, or a guest, who is one connection in one run.';

create type zoom.presence as (
  segment text collate "C", name text collate "C", email text collate "C", join_time timestamptz, leave_time timestamptz,
  duration integer, is_in boolean, has_left boolean, is_seen boolean, is_settled boolean, seconds integer
);
comment on type zoom.presence is
  'What Zoom saw of a person: the segment that joined last (Zoom''s user_id; null where it told none), the newest name, the '
  'e-mail, when they joined and left last, how many seconds in all, whether they are in and whether they left once; and for '
  'attendance whether they were seen in lesson time, whether they left in it, and how many seconds of it.';

create function zoom.seats(people zoom.person[])
returns table (n bigint, run_id bigint, segment text, is_made_up boolean, email text, counts_from timestamptz, counts_until timestamptz, counts boolean)
language plpgsql stable set search_path = '' as $$
begin
  return query
  -- Each looked up for its person (offset keeps the planner from joining in another order): by the whole key of an index.
  select person.n, run.run_id, here.segment::text, here.is_made_up, here.email::text, coalesce(lesson.counts_from, '-infinity'), coalesce(lesson.counts_until, 'infinity'),
    run.counts
  from unnest(people) with ordinality person (lesson_id, run_id, user_id, connection_key, n)
  cross join lateral (
    select own.run_id, own.counts, own.lesson_id from zoom.instances own
    where own.lesson_id = person.lesson_id and person.user_id is not null
    union all
    select own.run_id, own.counts, own.lesson_id from zoom.instances own
    where own.run_id = person.run_id and (person.user_id is null or person.lesson_id is null)
  ) run
  left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
  cross join lateral (
    select own.segment, own.is_made_up, own.email from zoom.segments own
    where person.user_id is not null and own.user_id = person.user_id and own.run_id = run.run_id and own.was_in
    union all
    select own.segment, own.is_made_up, own.email from zoom.segments own
    where person.user_id is null and own.connection_key = person.connection_key and own.run_id = run.run_id
      and own.user_id is null and own.was_in
    offset 0
  ) here;
end
$$;
comment on function zoom.seats is 'The segments of each of these people (n: their place), with the lesson time of their run and whether that run counts.';

create function zoom.parts(people zoom.person[])
returns table (n bigint, run_id bigint, segment text, is_made_up boolean, email text, at timestamptz, body_hash text, kind text, name text, approximate boolean,
  is_open boolean, last_kind text, next_at timestamptz, until timestamptz, counts_from timestamptz, counts_until timestamptz, is_seen boolean,
  lesson_time tstzrange)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select part.*,
    case when part.is_open and part.is_seen and part.until > part.at
      then nullif(tstzrange(part.at, part.until) * tstzrange(part.counts_from, part.counts_until), 'empty') end
  from (
    select seat.n, seat.run_id, seat.segment, seat.is_made_up, seat.email, stay.at, stay.body_hash::text, stay.kind::text, stay.name::text, stay.approximate,
      stay.counts = 'opens' as is_open, stay.last_kind::text, stay.next_at, stay.until, seat.counts_from, seat.counts_until,
      -- In lesson time; longer than any meeting lasts is not believed.
      seat.counts and case when stay.counts = 'opens'
        then stay.at <= seat.counts_until and coalesce(stay.until, 'infinity') >= seat.counts_from
          and (stay.until is null or stay.until - stay.at <= zoom.longest())
        else stay.at between seat.counts_from and seat.counts_until end as is_seen
    from zoom.seats(people) seat
    cross join lateral (
      select own.* from zoom.stays own where own.run_id = seat.run_id and own.segment = seat.segment collate "C" offset 0
    ) stay
  ) part;
end
$$;
comment on function zoom.parts is
  'Each coming (is_open) and going of these people (n: their place), whether it shows that they were there in lesson time, and what of '
  'lesson time it makes; null for none.';

create function zoom.own_name_shown(person zoom.person) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (
    select stay.name
    from zoom.parts(array[person]) stay
    join zoom.instances run on run.run_id = stay.run_id
    where zoom.folded(stay.name) = zoom.folded(zoom.as_of('users', person.user_id::text, run.as_of) ->> 'shown_name')
    order by stay.at desc, stay.name collate "C" desc
    limit 1);
end
$$;
comment on function zoom.own_name_shown is 'Of several names that a user showed, the newest that is their own; null if none is.';

create function zoom.add_up(people zoom.person[]) returns zoom.presence[]
language plpgsql stable set search_path = '' as $$
declare
  presences zoom.presence[];
begin
  with timed as (
    select part.n, part.segment, part.is_made_up, part.email, part.name, part.at, part.until, part.next_at, part.is_open, part.is_seen, part.lesson_time,
      -- When they went: by a leave, or because the run ended with them in it.
      case when not part.is_open then part.at when part.next_at is null then part.until end as left_at,
      case when part.is_open and part.until - part.at <= zoom.longest() then tstzrange(part.at, part.until) end as stayed
    from zoom.parts(people) part
    union all
    -- And everybody of whom nothing was seen. (In one list: a join would look at all people for each of them.)
    select person.n, null, null, null, null, null, null, null, null, null, null, null, null
    from generate_subscripts(people, 1) person (n)
  ), total as (
    select timed.n,
      -- The segment that joined last; of those that only ever left, the last to do so. Of two at once, one with a name of Zoom's.
      (array_agg(case when not timed.is_made_up then timed.segment end order by timed.segment is null, timed.is_open desc, timed.at desc,
        timed.is_made_up, timed.segment collate "C" desc))[1] as segment,
      (array_agg(timed.name order by timed.at desc, timed.name collate "C" desc) filter (where timed.name is not null))[1] as name,
      min(timed.name) <> max(timed.name) as has_names,
      max(timed.email collate "C") as email,
      max(timed.at) filter (where timed.is_open) as join_time,
      max(timed.left_at) as leave_time,
      -- The union of their times, so two devices and a late leave count once.
      case when count(timed.stayed) > 1 then zoom.seconds(range_agg(timed.stayed))
        else coalesce(floor(extract(epoch from max(upper(timed.stayed) - lower(timed.stayed)))), 0)::integer end as duration,
      coalesce(bool_or(timed.is_open and timed.until is null), false) as is_in,
      coalesce(bool_or(not timed.is_open or timed.until is not null and timed.next_at is null), false) as has_left,
      coalesce(bool_or(timed.is_seen), false) as is_seen,
      coalesce(bool_or(timed.is_seen and (not timed.is_open or timed.until is not null)), false) as is_settled,
      case when count(timed.lesson_time) > 1 then zoom.seconds(range_agg(timed.lesson_time))
        else coalesce(floor(extract(epoch from max(upper(timed.lesson_time) - lower(timed.lesson_time)))), 0)::integer end as seconds
    from timed
    group by timed.n
  )
  select array_agg(row(total.segment, case when total.has_names then coalesce(zoom.own_name_shown(people[total.n]), total.name) else total.name end, total.email,
    total.join_time, case when not total.is_in then total.leave_time end, coalesce(total.duration, 0), coalesce(total.is_in, false),
    coalesce(total.has_left, false), coalesce(total.is_seen, false), coalesce(total.is_settled, false), coalesce(total.seconds, 0)
    )::zoom.presence order by total.n)
  into presences
  from total;
  return presences;
end
$$;
comment on function zoom.add_up is 'Adds up what Zoom saw of each of these people, in their order. Where it saw nothing, all is null, 0 or false.';

create function zoom.presences(people zoom.person[], known zoom.person[], known_presences zoom.presence[]) returns zoom.presence[]
language plpgsql stable set search_path = '' as $$
declare
  found zoom.presence[];
  missing bigint[];
begin
  if coalesce(cardinality(known), 0) = 0 then
    return zoom.add_up(people);
  end if;
  -- (In one list: a join would look at all of one for each of the other.)
  select array_agg(told.presence order by told.n), array_agg(told.n order by told.n) filter (where told.presence is not distinct from null)
  into found, missing
  from (
    select max(either.n) as n, (array_agg(either.presence) filter (where either.presence is distinct from null))[1] as presence
    from (
      select person.lesson_id, person.user_id, person.n, null::zoom.presence as presence
      from unnest(people) with ordinality person (lesson_id, run_id, user_id, connection_key, n)
      union all
      select person.lesson_id, person.user_id, null, known_presences[person.n]
      from unnest(known) with ordinality person (lesson_id, run_id, user_id, connection_key, n)
      where person.lesson_id is not null and person.user_id is not null
    ) either
    group by either.lesson_id, either.user_id
    having max(either.n) is not null
  ) told;
  if missing is null then
    return found;
  end if;
  return array(
    select told.presence
    from (
      select seen.n, row(seen.segment, seen.name, seen.email, seen.join_time, seen.leave_time, seen.duration, seen.is_in, seen.has_left,
        seen.is_seen, seen.is_settled, seen.seconds)::zoom.presence as presence
      from unnest(missing, zoom.add_up(array(select people[one.n] from unnest(missing) with ordinality one (n, place) order by one.place))) seen
        (n, segment, name, email, join_time, leave_time, duration, is_in, has_left, is_seen, is_settled, seconds)
      union all
      select one.n, found[one.n] from generate_subscripts(people, 1) one (n) where found[one.n] is distinct from null
    ) told
    order by told.n);
end
$$;
comment on function zoom.presences is
  'What Zoom saw of each of these users in these lessons, in their order (see zoom.add_up). What is known of some of them, added up '
  'already, is not looked at again.';

revoke execute on function zoom.seats, zoom.parts, zoom.own_name_shown, zoom.add_up, zoom.presences from public;
grant execute on function zoom.seats, zoom.parts, zoom.own_name_shown, zoom.add_up, zoom.presences to service_role;
