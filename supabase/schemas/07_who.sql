-- Who a connection is, the first that fits: a key we issued for that meeting, the e-mail, the registration, or a name, where
-- the app saw that student come. A tie is nobody. For a run counts whose it was when it began; where it was nobody's then, the
-- first whose it came to be later.
--
-- A connection is all its segments in one run: what one of them says is said of all.

create function zoom.is_parent(person uuid, child uuid, at timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.history own
    where own.row_key = concat_ws(' ', person, child) and own.relation = 'parent_children'
      and own.since <= is_parent.at and is_parent.at < own.until);
end
$$;
comment on function zoom.is_parent is 'Whether somebody was the parent of a student at a moment. Never null.';

create function zoom.name_shown(seat_run bigint, seat_key text) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (
    select zoom.folded(mark.name)
    from zoom.segments seg
    cross join lateral (
      select told.at, told.name from zoom.marks told
      join zoom.kinds kind on kind.kind = told.kind and kind.counts is not null
      where told.run_id = seg.run_id and told.segment = seg.segment and told.name is not null
      offset 0
    ) mark
    where seg.connection_key = seat_key and seg.run_id = seat_run
    order by mark.at desc, mark.name desc
    limit 1);
end
$$;
comment on function zoom.name_shown is 'The name that a connection showed last, folded; null for none.';

create function zoom.came_by_app(visitor uuid, run zoom.instances) returns boolean
language plpgsql stable set search_path = '' as $$
declare
  lesson zoom.lessons;
  margin interval;
begin
  select own.* into lesson from zoom.lessons own where own.lesson_id = run.lesson_id;
  margin := (zoom.settings_at(run.as_of)).plan_margin;
  return exists (
    select from zoom.visits visit
    where visit.meeting_id = run.meeting_id and visit.user_id = visitor and visit.kind in ('joined', 'opened')
      -- Of a year of visits only those from the first of these moments to the last are looked at.
      and visit.at between least(run.started_at - zoom.early(), lesson.starts_at - margin)
        and greatest(coalesce(run.ended_at, 'infinity'), lesson.ends_at + margin)
      and (visit.at >= run.started_at - zoom.early() and visit.at <= coalesce(run.ended_at, 'infinity')
        or visit.at >= lesson.starts_at - margin and visit.at <= lesson.ends_at + margin));
end
$$;
comment on function zoom.came_by_app is
  'Whether somebody opened or joined the meeting on its page in the lesson''s window, or from 30 minutes before the run until its end. Never null.';

create function zoom.namesakes(class uuid, shown text, at timestamptz) returns uuid[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct pupil.student_id
    from zoom.enrolments pupil
    where pupil.class_id = class and pupil.since <= namesakes.at and namesakes.at < pupil.until
      and zoom.as_of('users', pupil.student_id::text, namesakes.at) ->> 'name' = shown);
end
$$;
comment on function zoom.namesakes is 'The students who were enrolled in a class at a moment and went by this folded name, as staff wrote it.';

create function zoom.person_by_name(seat_run bigint, seat_key text, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  run zoom.instances;
  shown text;
  pupils uuid[];
begin
  select own.* into run from zoom.instances own where own.run_id = seat_run;
  if run.class_id is null or not exists (select from zoom.visits visit where visit.meeting_id = run.meeting_id)
      or (zoom.settings_at(run.as_of)).app_joins = 'ignore' then
    return null; -- the first is so in every school that does not use the meeting room
  end if;
  shown := zoom.name_shown(seat_run, seat_key);
  if shown is null then
    return null;
  end if;
  pupils := zoom.namesakes(run.class_id, shown, at);
  return case when cardinality(pupils) = 1 and zoom.came_by_app(pupils[1], run) then pupils[1] end;
end
$$;
comment on function zoom.person_by_name is
  'The student whose name a connection last showed, at a moment: the only one of that name who was enrolled in the class, if '
  'the app saw that one come. Null for nobody. A name alone is nobody.';

create type zoom.connection as (
  run_id bigint, connection_key text collate "C", meeting_id uuid, keys text[], registrations text[], addresses text[],
  at timestamptz, is_forgotten boolean
);
comment on type zoom.connection is
  'A connection in a run, all that it showed, and the moment by whose data it is looked up. is_forgotten: a segment of it was.';

create type zoom.identity as (user_id uuid, known_by text);
comment on type zoom.identity is
  'Who somebody is, and by what: key, registration, email or name; tie for two answers of one kind, which is nobody; null for a guest.';

create function zoom.identities_at(seats zoom.connection[], by_name boolean) returns zoom.identity[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select row(case when cardinality(found.people) = 1 then found.people[1] end,
      case cardinality(found.people) when 0 then null when 1 then found.known_by else 'tie' end)::zoom.identity
    from unnest(seats) with ordinality seat (run_id, connection_key, meeting_id, keys, registrations, addresses, at, is_forgotten, n)
    cross join lateral (
      select case when seat.keys is null then '{}' else array(
          select distinct key.user_id from zoom.keys key
          where key.customer_key = any (seat.keys) and key.meeting_id = seat.meeting_id) end as keepers,
        array(
          select distinct owner.user_id
          from (select zoom.trimmed(shown.address) as address from unnest(seat.addresses) shown (address) offset 0) told
          -- The exact spelling (blanks at the ends apart) goes first; else a single user who has it in any case. A tie is nobody.
          cross join lateral (
            select case
                when count(*) filter (where held.email = told.address) = 1
                  then (array_agg(held.user_id) filter (where held.email = told.address))[1]
                when count(*) = 1 then (array_agg(held.user_id))[1]
              end as user_id
            from zoom.held_addresses held
            where held.address = lower(told.address) and held.since <= seat.at and seat.at < held.until
          ) owner
          where owner.user_id is not null) as owners
      offset 0
    ) shown
    cross join lateral (
      -- A registration counts only where the e-mail is nobody's, or is the registrant's own parent's.
      select case when seat.registrations is null then '{}' else array(
          select distinct registrant.user_id from zoom.registrations registrant
          where registrant.meeting_id = seat.meeting_id and registrant.registrant_id = any (seat.registrations) and registrant.user_id is not null
            and registrant.since <= seat.at and seat.at < registrant.until
            and not exists (select from unnest(shown.owners) owner (id) where not zoom.is_parent(owner.id, registrant.user_id, seat.at))
        ) end as registrants
      offset 0
    ) registered
    cross join lateral (
      select case
          when cardinality(shown.keepers) > 0 then shown.keepers
          when cardinality(registered.registrants) > 0 then registered.registrants
          when cardinality(shown.owners) > 0 then shown.owners
          -- (A key says whose it is, or that it is nobody's: a name beside it says nothing.)
          when by_name and seat.keys is null then array_remove(array[zoom.person_by_name(seat.run_id, seat.connection_key, seat.at)], null)
          else '{}'
        end as people,
        case
          when cardinality(shown.keepers) > 0 then 'key'
          when cardinality(registered.registrants) > 0 then 'registration'
          when cardinality(shown.owners) > 0 then 'email'
          else 'name'
        end as known_by
      offset 0
    ) found
    order by seat.n);
end
$$;
comment on function zoom.identities_at is 'Who these connections were at their moments, in their order: by a name, too, if by_name.';

create function zoom.user_of_email(address text, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
begin
  return ((zoom.identities_at(array[row(null, null, null, null, null, array[address], at, false)::zoom.connection], false))[1]).user_id;
end
$$;
comment on function zoom.user_of_email is
  'The user with this e-mail at a moment: the exact spelling (blanks at the ends apart), else the only user who had it in any '
  'case; null for nobody, and where two had it in other letters.';

create function zoom.later_moments(seat zoom.connection) returns timestamptz[]
language plpgsql stable set search_path = '' as $$
declare
  class uuid;
begin
  if exists (select from zoom.visits visit where visit.meeting_id = seat.meeting_id) then
    class := (select run.class_id from zoom.instances run where run.run_id = seat.run_id);
  end if;
  return array(
    select distinct later.at
    from (
      select unnest(array[held.since, held.until]) as at
      from unnest(seat.addresses) told (address)
      join zoom.held_addresses held on held.address = zoom.folded(told.address)
      union all
      select unnest(array[own.since, own.until]) from zoom.registrations own
      where own.meeting_id = seat.meeting_id and own.registrant_id = any (seat.registrations)
      union all
      select unnest(array[pupil.since, pupil.until]) from zoom.enrolments pupil where pupil.class_id = class
      union all
      select own.since from zoom.enrolments pupil
      join zoom.history own on own.row_key = pupil.student_id::text and own.relation = 'users'
      where pupil.class_id = class
    ) later
    where later.at > seat.at and later.at < 'infinity'
    order by later.at);
end
$$;
comment on function zoom.later_moments is 'The moments after its own at which the school''s data changed what a connection may be known by.';

create function zoom.identities(seats zoom.connection[], by_name boolean) returns zoom.identity[]
language plpgsql stable set search_path = '' as $$
declare
  found zoom.identity[] := zoom.identities_at(seats, by_name);
  seat zoom.connection;
  later zoom.identity;
  n integer;
begin
  -- Where it was nobody then, the first that it came to be later.
  foreach n in array array(
    select told.n from unnest(found) with ordinality told (user_id, known_by, n) where told.user_id is null order by told.n)
  loop
    seat := seats[n];
    select came.user_id, came.known_by into later
    from unnest(zoom.identities_at(array(
      select row(seat.run_id, seat.connection_key, seat.meeting_id, seat.keys, seat.registrations, seat.addresses, moment.at, seat.is_forgotten)::zoom.connection
      from unnest(zoom.later_moments(seat)) with ordinality moment (at, place)
      order by moment.place), by_name)) with ordinality came (user_id, known_by, place)
    where came.user_id is not null
    order by came.place
    limit 1;
    if later.user_id is not null then
      found[n] := later;
    end if;
  end loop;
  return found;
end
$$;
comment on function zoom.identities is
  'Who these connections are, in their order, and by what (a name among it, if by_name), by the data of their moments; where one was nobody then, the '
  'first that it came to be later.';

create type zoom.sighting as (run_id bigint, connection_key text collate "C", user_id uuid);
comment on type zoom.sighting is 'A connection in a run, and the user it is or was taken for; null for a guest.';

create function zoom.connections(sightings zoom.sighting[]) returns setof zoom.connection
language plpgsql stable set search_path = '' as $$
begin
  return query
  select connection.run_id, connection.connection_key, run.meeting_id,
    array_agg(distinct seg.customer_key::text) filter (where seg.customer_key is not null),
    array_agg(distinct shown.id::text) filter (where shown.id is not null),
    array_agg(distinct seg.email::text) filter (where seg.email is not null),
    run.as_of, seg.some_forgotten
  from (select distinct told.run_id, told.connection_key from unnest(sightings) told) connection
  join zoom.instances run on run.run_id = connection.run_id
  cross join lateral (
    select here.*, bool_or(here.was_in) over () as came_in, bool_or(here.is_forgotten) over () as some_forgotten from zoom.segments here
    where here.connection_key = connection.connection_key and here.run_id = connection.run_id
    offset 0
  ) seg
  -- A registrant's id may also come as the participant's id.
  cross join lateral (
    select unnest(case when seg.registrant_id is null and seg.zoom_user_id is null and seg.participant_id is null then array[null::text]
      else array[seg.registrant_id, seg.zoom_user_id, seg.participant_id] end) as id
  ) shown
  where seg.was_in or not seg.came_in -- what only waited says nothing of who came in
  group by connection.run_id, connection.connection_key, run.run_id, seg.some_forgotten;
end
$$;
comment on function zoom.connections is 'These connections, each with all that its segments showed, and the moment of its run.';

create function zoom.are_staff(seats zoom.connection[], people uuid[]) returns boolean[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select case
        when exists (
          select from zoom.enrolments pupil
          where pupil.student_id = seat.user_id and pupil.class_id = run.class_id and pupil.since <= seat.at and seat.at < pupil.until) then false
        when run.host_id = any (seat.registrations) or seat.user_id in (run.host_user, run.teacher) then true
        when run.host_email is not null and exists (
          select from unnest(seat.addresses) shown (address) where zoom.folded(shown.address) = zoom.folded(run.host_email)) then true
        -- (Only of who ever was one it is asked what they were then.)
        else exists (
            select from zoom.history own
            where own.row_key = seat.user_id::text and own.relation = 'users' and own.was ->> 'role' in ('teacher', 'admin') offset 0)
          and coalesce(zoom.as_of('users', seat.user_id::text, seat.at) ->> 'role' in ('teacher', 'admin'), false)
      end
    from unnest(seats, people) with ordinality seat (run_id, connection_key, meeting_id, keys, registrations, addresses, at, is_forgotten, user_id, n)
    join zoom.instances run on run.run_id = seat.run_id
    order by seat.n);
end
$$;
comment on function zoom.are_staff is
  'Whether these connections, which are these people, are of the staff, in their order: Zoom''s host, the meeting''s host, the class''s '
  'teacher, teachers and admins; never somebody who was enrolled in the class.';

create function zoom.is_of_staff(seg zoom.segments) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return seg.is_staff or seg.user_id is not null and exists (
    select from zoom.segments other where other.user_id = seg.user_id and other.run_id = seg.run_id and other.is_staff);
end
$$;
comment on function zoom.is_of_staff is
  'Whether a segment is one of the staff''s: by what it shows (see zoom.are_staff), or because its user is of the staff on another '
  'device in that run. Never null.';

create function zoom.recognise(touched zoom.sighting[]) returns zoom.sighting[]
language plpgsql volatile set search_path = '' as $$
declare
  seats zoom.connection[];
  people zoom.identity[];
  staff boolean[];
  sightings zoom.sighting[];
begin
  seats := array(select seat from zoom.connections(touched) seat);
  people := zoom.identities(seats, true);
  -- Who came to the page in a lesson's window goes by a name: but whether there is a lesson hangs on the staff.
  staff := zoom.are_staff(seats, array(
    select case when told.known_by = 'name' then ((zoom.identities(array[seats[told.n]], false))[1]).user_id else told.user_id end
    from unnest(people) with ordinality told (user_id, known_by, n)
    order by told.n));
  with known as materialized (
    select seat.run_id, seat.connection_key, seat.known_by,
      (select own.id from public.users own where own.id = seat.user_id) as user_id, seat.is_staff
    from unnest(seats, people, staff) seat (run_id, connection_key, meeting_id, keys, registrations, addresses, at, is_forgotten,
      user_id, known_by, is_staff)
    where not seat.is_forgotten
    union all
    select gone.run_id, gone.connection_key, gone.known_by, gone.user_id, gone.is_staff
    from unnest(seats) seat
    cross join lateral (
      select here.* from zoom.segments here
      where here.connection_key = seat.connection_key and here.run_id = seat.run_id and here.is_forgotten
      order by here.segment
      limit 1
    ) gone
    where seat.is_forgotten
  ), seen as materialized (
    select known.run_id, known.connection_key, known.user_id, known.known_by, known.is_staff, seg.segment, seg.user_id as was_user_id,
      (seg.user_id, seg.known_by, seg.is_staff) is distinct from (known.user_id, known.known_by, known.is_staff) as is_new
    from known
    cross join lateral (
      select here.segment, here.user_id, here.known_by, here.is_staff from zoom.segments here
      where here.connection_key = known.connection_key and here.run_id = known.run_id
      offset 0
    ) seg
  ), renamed as (
    update zoom.segments seg set user_id = seen.user_id, known_by = seen.known_by, is_staff = seen.is_staff
    from seen
    where seen.is_new and seg.run_id = seen.run_id and seg.segment = seen.segment
  )
  -- Both whom it was taken for (if that was shown) and whom it is: the rows of both change.
  select array_agg(row(either.run_id, either.connection_key, either.user_id)::zoom.sighting)
  into sightings
  from (
    select seen.run_id, seen.connection_key, seen.user_id from seen
    union
    select seen.run_id, seen.connection_key, seen.was_user_id from seen
    where seen.was_user_id is not null or exists (
      select from zoom.rows guest where guest.run_id = seen.run_id and guest.connection_key = seen.connection_key offset 0)
    union
    -- A connection that all its segments left: whoever has the row of it gives it back. (In one list: a join would look at all
    -- that are known for each of them.)
    select told.run_id, told.connection_key, null
    from (
      select own.run_id, own.connection_key, false as is_known from unnest(touched) own
      union all
      select known.run_id, known.connection_key, true from known
    ) told
    group by told.run_id, told.connection_key
    having not bool_or(told.is_known)
  ) either;
  return sightings;
end
$$;
comment on function zoom.recognise is
  'Looks up who each of these connections is, and notes it on its segments, with by what, and whether that is one of the staff. '
  'One that was forgotten stays whom it was taken for. '
  'Returns whom each was and whom it is taken for.';

revoke execute on function
  zoom.is_parent, zoom.name_shown, zoom.came_by_app, zoom.namesakes, zoom.person_by_name,
  zoom.identities_at, zoom.user_of_email, zoom.later_moments, zoom.identities, zoom.connections, zoom.are_staff, zoom.is_of_staff, zoom.recognise
from public;
grant execute on function
  zoom.is_parent, zoom.name_shown, zoom.came_by_app, zoom.namesakes, zoom.person_by_name,
  zoom.identities_at, zoom.user_of_email, zoom.later_moments, zoom.identities, zoom.connections, zoom.are_staff, zoom.is_of_staff, zoom.recognise
to service_role;
