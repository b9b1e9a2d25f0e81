-- Who it was: the connections that show something of a student and were not taken for them, and what is odd about those that were.

create function zoom.registrants_of(meeting uuid, ids text[], at timestamptz) returns uuid[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct own.user_id from zoom.registrations own
    where own.meeting_id = meeting and own.registrant_id = any (ids) and own.user_id is not null
      and own.since <= registrants_of.at and registrants_of.at < own.until);
end
$$;
comment on function zoom.registrants_of is 'Whose these registrations for a meeting were at a moment.';

create function zoom.explain_stranger(seat zoom.connection, known_as uuid, known_by text, student uuid, is_named boolean) returns text
language plpgsql stable set search_path = '' as $$
declare
  run zoom.instances;
  owner text := (select own.name from public.users own where own.id = known_as);
  shown text;
  moment timestamptz;
  pupils uuid[];
  registered uuid[];
  owners integer;
begin
  select own.* into run from zoom.instances own where own.run_id = seat.run_id;
  registered := coalesce(nullif(zoom.registrants_of(seat.meeting_id, seat.registrations, run.as_of), '{}'),
    zoom.registrants_of(seat.meeting_id, seat.registrations, now()));
  if known_as is not null then
    return case
      when known_by = 'key' then format('the key it showed is that of %s', owner)
      when known_by = 'registration' and zoom.is_parent(student, known_as, run.as_of) then format('it is registered as %s, whose parent they are', owner)
      when known_by = 'registration' then format('it is registered as %s', owner)
      when known_by = 'email' and student = any (registered) then format('it is registered as them, but the e-mail is %s''s, and the e-mail decides', owner)
      when known_by = 'email' and exists (
          select from unnest(seat.addresses) told (address) where zoom.user_of_email(told.address, now()) = known_as) then format('its e-mail is that of %s', owner)
      when known_by = 'email' then format('its e-mail was that of %s when the run began', owner)
      when known_by = 'name' then format('it was taken for %s, by the name it showed', owner)
      else format('it was taken for %s', owner)
    end;
  end if;
  if not exists (
      select from zoom.segments own where own.connection_key = seat.connection_key and own.run_id = seat.run_id and own.was_in) then
    return 'it only waited to be let in, and whoever waits is not in the lesson';
  end if;
  if known_by = 'tie' then
    -- (Of one address several owners are no tie, but nobody.)
    owners := (select count(distinct zoom.user_of_email(told.address, run.as_of)) from unnest(seat.addresses) told (address));
    return case
      when (select count(distinct key.user_id) from zoom.keys key where key.customer_key = any (seat.keys) and key.meeting_id = seat.meeting_id) > 1
        then 'it showed the keys of several users, and a tie is nobody'
      when owners > 1 then 'it showed the e-mails of several users, and a tie is nobody'
      else 'its registrations are those of several users, and a tie is nobody'
    end;
  end if;
  shown := zoom.name_shown(seat.run_id, seat.connection_key);
  moment := case when student = any (zoom.namesakes(run.class_id, shown, run.as_of)) then run.as_of else now() end;
  pupils := zoom.namesakes(run.class_id, shown, moment);
  return coalesce(nullif(concat_ws('; ',
    case when seat.keys is not null then 'the key it showed is none that we gave out for this meeting' end,
    case when exists (select from zoom.segments own
        where own.connection_key = seat.connection_key and own.run_id = seat.run_id and own.registrant_id is not null) and cardinality(registered) = 0
      then 'its registration is not one of the school''s' end,
    case when seat.addresses is null then null
      when exists (select from unnest(seat.addresses) told (address)
          join zoom.held_addresses held on held.address = zoom.folded(told.address) and held.since <= now() and held.until > now()
          group by held.address having count(distinct held.user_id) > 1)
        then 'several users have its e-mail in other letters, and it is spelled as none of theirs'
      else 'its e-mail is nobody''s of the school' end,
    case when not is_named then null
      when (zoom.settings_at(run.as_of)).app_joins = 'ignore' then 'a name alone is nobody, and what the app sees is not used'
      when seat.keys is not null then 'a name beside a key is not looked at'
      when shown is distinct from zoom.as_of('users', student::text, moment) ->> 'name' then case
        when exists (select from zoom.history own where own.row_key = student::text and own.relation = 'users' and own.was ->> 'name' = shown)
          then 'the name it showed is one that the school had for them at another time'
        else 'it showed another name later'
      end
      when not student = any (pupils) then 'a name is believed only of students who are enrolled in the class'
      when cardinality(pupils) > 1 then format('%s students of the class have this name', cardinality(pupils))
      when not zoom.came_by_app(student, run)
        then 'a name alone is nobody: the app did not see them come in the lesson''s window, or from half an hour before that run until its end'
      else 'it was not looked at since something changed: that is done within seconds'
    end), ''), 'what it showed was nobody''s of the school when the run began, and came to be nobody''s later');
end
$$;
comment on function zoom.explain_stranger is
  'Why a connection that shows something of a student (is_named: their name) was taken for another, or for nobody: in words.';

create function zoom.explain_others(student uuid, runs bigint[]) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  -- All that they ever went by.
  names text[] := array(
    select distinct own.was ->> 'name' from zoom.history own
    where own.row_key = student::text and own.relation = 'users' and own.was ->> 'name' is not null);
  addresses text[] := array(
    select distinct zoom.folded(own.was ->> 'email') from zoom.history own
    where own.row_key = student::text and own.relation = 'users' and own.was ->> 'email' is not null);
begin
  return (
    with seat as materialized (
      select seg.run_id, run.instance, seg.connection_key, max(coalesce(seg.connection, seg.segment)) as connection, max(seg.email) as email,
        max(seg.user_id::text)::uuid as user_id, max(seg.known_by) as known_by, bool_or(seg.was_in) as was_in,
        min(heard.first_at) as first_at, max(heard.last_at) as last_at, (array_agg(heard.name order by heard.named_at desc nulls last, heard.name desc))[1] as name,
        bool_or(heard.is_named) as is_named,
        bool_or(seg.email is not null and zoom.folded(seg.email) = any (addresses)) as has_address,
        bool_or(exists (
          select from zoom.history own
          where own.relation = 'meeting_registrants' and (own.was ->> 'meeting_id')::uuid = run.meeting_id
            and (own.was ->> 'zoom_registrant_id') collate "C" = any (array[seg.registrant_id, seg.zoom_user_id, seg.participant_id])
            and own.was ->> 'user_id' = student::text)) as is_registered,
        bool_or(exists (
          select from zoom.keys key
          where key.customer_key = seg.customer_key and key.meeting_id = run.meeting_id and key.user_id = student
          offset 0)) as has_key
      from unnest(runs) told (run_id)
      join zoom.instances run on run.run_id = told.run_id
      join zoom.segments seg on seg.run_id = run.run_id
      cross join lateral (
        select min(mark.at) as first_at, max(mark.at) as last_at, max(mark.at) filter (where mark.name is not null) as named_at,
          (array_agg(mark.name order by mark.at desc, mark.name desc) filter (where mark.name is not null))[1] as name,
          bool_or(zoom.folded(mark.name) = any (names)) as is_named
        from zoom.marks mark
        where mark.run_id = seg.run_id and mark.segment = seg.segment
        offset 0
      ) heard
      group by seg.run_id, run.instance, seg.connection_key
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'instance', seat.instance, 'connection', seat.connection, 'name', seat.name, 'email', seat.email, 'from', seat.first_at, 'to', seat.last_at,
        'was_in', seat.was_in,
        'shows', to_jsonb(array_remove(array[case when seat.is_named then 'name' end, case when seat.has_address then 'email' end,
          case when seat.is_registered then 'registration' end, case when seat.has_key then 'key' end], null)),
        'why', zoom.explain_stranger(linked, seat.user_id, seat.known_by, student, coalesce(seat.is_named, false)))
      order by seat.first_at, seat.run_id, seat.connection_key), '[]')
    from seat
    cross join lateral zoom.connections(array[row(seat.run_id, seat.connection_key, null)::zoom.sighting]) linked
    where seat.user_id is distinct from student and (seat.is_named or seat.has_address or seat.is_registered or seat.has_key));
end
$$;
comment on function zoom.explain_others is
  'The connections of some runs that showed a student''s name, e-mail, registration or key (shows) and were not taken for them, each with why.';

create function zoom.names_at_once(runs bigint[], person uuid default null)
returns table (run_id bigint, user_id uuid, name text, other_name text, since timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  with several as materialized (
    select seg.run_id, seg.user_id
    from unnest(runs) told (run_id)
    join zoom.segments seg on seg.run_id = told.run_id and seg.user_id is not null and seg.was_in
    where person is null or seg.user_id = person
    group by seg.run_id, seg.user_id
    having count(distinct seg.connection_key) > 1
  ), shown as materialized (
    select seg.run_id, seg.user_id, seg.connection_key, min(stay.came) as came, max(stay.went) as went,
      (array_agg(stay.name order by stay.named_at desc nulls last))[1] as name
    from several
    join zoom.segments seg on seg.user_id = several.user_id and seg.run_id = several.run_id and seg.was_in
    cross join lateral (
      select min(own.at) as came, max(case when own.counts = 'closes' then own.at else coalesce(own.until, 'infinity') end) as went,
        max(own.at) filter (where own.name is not null) as named_at,
        (array_agg(own.name order by own.at desc, own.name desc) filter (where own.name is not null))[1] as name
      from zoom.stays own where own.run_id = seg.run_id and own.segment = seg.segment
      offset 0
    ) stay
    group by seg.run_id, seg.user_id, seg.connection_key
  )
  select distinct on (one.run_id, one.user_id) one.run_id, one.user_id, one.name::text, other.name::text, greatest(one.came, other.came)
  from shown one
  join shown other on other.run_id = one.run_id and other.user_id = one.user_id and other.connection_key > one.connection_key
  where one.came < other.went and other.came < one.went and zoom.folded(one.name) <> zoom.folded(other.name)
  order by one.run_id, one.user_id, greatest(one.came, other.came);
end
$$;
comment on function zoom.names_at_once is 'Users under whose account two names were shown at the same time, in some runs; of one user alone, if one is given.';

create function zoom.registered_against(runs bigint[], person uuid default null)
returns table (run_id bigint, connection_key text, user_id uuid, registered_as uuid, since timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select distinct on (seg.run_id, seg.connection_key) seg.run_id, seg.connection_key, seg.user_id, other.registered_as, seg.started_at
  from (
    select own.run_id, own.connection_key::text, own.user_id, run.started_at, run.meeting_id,
      array[own.registrant_id, own.zoom_user_id, own.participant_id] as ids
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id
    join zoom.segments own on own.run_id = run.run_id and own.known_by = 'email' and own.was_in and (person is null or own.user_id = person)
    where own.registrant_id is not null or own.zoom_user_id is not null or own.participant_id is not null
    offset 0
  ) seg
  -- One lookup by the whole key of an index for each.
  cross join lateral (
    select (own.was ->> 'user_id')::uuid as registered_as, own.since, own.version_id from zoom.history own
    where own.relation = 'meeting_registrants' and (own.was ->> 'meeting_id')::uuid = seg.meeting_id
      and (own.was ->> 'zoom_registrant_id') collate "C" = any (seg.ids)
    offset 0
  ) other
  where other.registered_as <> seg.user_id
  order by seg.run_id, seg.connection_key, other.since, other.version_id;
end
$$;
comment on function zoom.registered_against is
  'Connections of some runs that are registered as one user and show the e-mail of another, which decides; of the latter alone, if one is given.';

create function zoom.explain_remarks(student uuid, runs bigint[]) returns text[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct format('A connection that counts as theirs is registered as %s, but the e-mail is their own: the e-mail decides.', person.name)
    from zoom.registered_against(runs, student) told
    join public.users person on person.id = told.registered_as)
  || array(
    select distinct format('Two names were shown under their account at the same time, %s and %s: both count as theirs.', told.name, told.other_name)
    from zoom.names_at_once(runs, student) told);
end
$$;
comment on function zoom.explain_remarks is 'What is odd about the connections that were taken for a student: a registration against the e-mail, and two names at once. In words.';

create function zoom.explain_app(student uuid, meeting uuid, runs bigint[], lesson zoom.lessons, is_known_by_name boolean) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
declare
  visits jsonb;
  stay record;
  is_unseen boolean;
begin
  -- From the window's begin, or half an hour before the first run, to half an hour before that of a later date.
  select coalesce(jsonb_agg(jsonb_build_object('at', visit.at, 'kind', visit.kind) order by visit.at, visit.kind), '[]') into visits
  from (
    select least(min(run.started_at) - zoom.early(), min(held.starts_at - (zoom.settings_at(held.as_of)).plan_margin)) as first_at, max(run.started_at) as last_start
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id
    left join zoom.lessons held on held.lesson_id = run.lesson_id
  ) span
  join zoom.visits visit on visit.user_id = student and visit.meeting_id = meeting and visit.at >= span.first_at
    and visit.at < coalesce((
      select min(later.started_at) - zoom.early() from zoom.instances later
      where later.meeting_id = meeting and later.started_at > span.last_start and not later.run_id = any (runs)), 'infinity');
  if lesson.lesson_id is not null then
    -- In that lesson, as zoom.judge asks.
    is_unseen := not exists (select from zoom.parts(array[row(lesson.lesson_id, null, student, null)::zoom.person]));
    select own.* into stay from zoom.app_stay(student, lesson) own;
  else
    select null::integer as seconds, null::boolean as is_settled into stay;
  end if;
  return jsonb_build_object(
    'visits', visits, 'seconds', case when stay.is_settled is not null then stay.seconds end,
    'counted', coalesce(lesson.app_joins = 'count' and is_unseen and stay.is_settled is not null, false),
    'worth', case
      when visits = '[]' then 'the app did not see them around that time'
      when lesson.lesson_id is null then 'nothing: there was no lesson'
      when lesson.app_joins = 'ignore' then 'nothing: what the app sees is not used'
      when is_known_by_name then 'it is how we know that the guest with their name is them'
      when lesson.app_joins <> 'count' then 'nothing by itself: it helps to tell who a guest with their name is'
      when not is_unseen then 'nothing: Zoom saw them itself, and that goes first'
      when stay.is_settled is null and visits @> '[{"kind": "joined"}]' then 'nothing: from their join on the page to what it said next, nothing lies in what counts of the lesson'
      when stay.is_settled is null then 'nothing: they did not press join on the page'
      when not stay.is_settled then 'nothing yet: they have not left the page, and Zoom has told no end'
      else zoom.spelt(stay.seconds) || ': Zoom saw nothing of them in the lesson, so the app''s word counts'
    end);
end
$$;
comment on function zoom.explain_app is
  'What the app saw of a student around the runs of a date: visits, the seconds that they make in a lesson (null if none is of it), whether these count, and what it was worth in words.';

revoke execute on function
  zoom.registrants_of, zoom.explain_stranger, zoom.explain_others, zoom.names_at_once, zoom.registered_against,
  zoom.explain_remarks, zoom.explain_app
from public;
grant execute on function
  zoom.registrants_of, zoom.explain_stranger, zoom.explain_others, zoom.names_at_once, zoom.registered_against,
  zoom.explain_remarks, zoom.explain_app
to service_role;
