-- The facts: what was said, checked, and added to the set. A repeat adds nothing, and then nothing else happens.
--
-- An event that lacks what Zoom always sends counts too: without uuid its run is the number and the stated start, else the
-- number and the UTC day; without user_id its segment is the e-mail, else the name; without any time it happened when its body
-- was first accepted.

create type zoom.fact as (
  n integer,
  kind text collate "C",
  counts text,
  number text collate "C",
  instance text collate "C",
  meeting_id uuid,
  run_id bigint,
  at timestamptz,
  approximate boolean,
  body_hash text collate "C",
  accepted timestamptz,
  start timestamptz,
  segment text collate "C",
  connection text collate "C",
  zoom_user_id text collate "C",
  participant_id text collate "C",
  registrant_id text collate "C",
  customer_key text collate "C",
  email text collate "C",
  name text collate "C",
  host_id text collate "C",
  host_email text collate "C",
  user_id uuid
);
comment on type zoom.fact is 'One event as the sidecar sends it; n is its place in the call, from 1. What the app saw has a user_id.';

create type zoom.visit as (run_id bigint, segment text collate "C");
comment on type zoom.visit is 'The key of one segment.';

create type zoom.visitor as (meeting_id uuid, user_id uuid);
comment on type zoom.visitor is 'A user whom the app saw at a meeting.';

create function zoom.first_accepted(hashes text[], accepted timestamptz[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  earlier text[];
  meetings uuid[];
  runs bigint[];
begin
  with kept as (
    insert into zoom.timeless as known (body_hash, accepted_at)
    select given.body_hash, min(given.accepted) from unnest(hashes, accepted) given (body_hash, accepted)
    group by given.body_hash
    order by given.body_hash
    on conflict (body_hash) do update set accepted_at = excluded.accepted_at where known.accepted_at > excluded.accepted_at
    returning known.body_hash
  )
  select array_agg(kept.body_hash) into earlier from kept;
  -- (A later look than that of the insert, which may have waited for whoever kept another copy.)
  meetings := array(
    select distinct run.meeting_id from zoom.marks mark
    join zoom.instances run on run.run_id = mark.run_id
    where mark.body_hash = any (earlier) and mark.body_hash <> '');
  if cardinality(meetings) = 0 then
    return;
  end if;
  -- A copy that was accepted earlier than the one we know: what hangs on the later time goes. Nobody else works on these
  -- runs meanwhile (this lock comes before those of the batch: two that meet here may have to be called again).
  perform zoom.lock_meetings(meetings);
  with gone as (
    delete from zoom.marks mark using zoom.kinds kind
    where mark.body_hash = any (earlier) and mark.body_hash <> '' and kind.kind = mark.kind
    returning mark.run_id
  )
  select array_agg(distinct gone.run_id) into runs from gone;
  update zoom.instances run set
    first_at = heard.first_at, told_end = heard.told_end
  from (
    select told.run_id, min(mark.at) filter (where kind.counts is not null) as first_at, max(mark.at) filter (where kind.counts = 'ends') as told_end
    from unnest(runs) told (run_id)
    left join zoom.marks mark on mark.run_id = told.run_id
    left join zoom.kinds kind on kind.kind = mark.kind
    group by told.run_id
  ) heard
  where run.run_id = heard.run_id;
  insert into zoom.due (run_id) select unnest(runs) on conflict do nothing;
end
$$;
comment on function zoom.first_accepted is 'Keeps when each of these bodies was first accepted. What was kept of a later copy is undone.';

create function zoom.read_events(events jsonb) returns zoom.fact[]
language plpgsql volatile set search_path = '' as $$
declare
  facts zoom.fact[];
  lack_times boolean;
  lack_names boolean;
  bad integer;
begin
  select array_agg(row(said.n, said.kind, kind.counts, nullif(zoom.digits(said.meeting), ''), nullif(said.instance, ''), null, null,
      case when said.user_id is null then date_trunc('second', said.at) else said.at end, coalesce(said.approximate, false), '',
      coalesce(said.accepted, now()), date_trunc('second', said.start), nullif(said.segment, ''), nullif(said.connection, ''),
      nullif(said.zoom_user_id, ''), nullif(said.participant_id, ''), nullif(said.registrant_id, ''), nullif(said.customer_key, ''),
      nullif(said.email, ''), nullif(said.name, ''), nullif(said.host_id, ''), nullif(said.host_email, ''), said.user_id
    )::zoom.fact order by said.n),
    bool_or(said.at is null),
    -- (What is only told has a segment of its own: nothing that it says is said of who came in.)
    bool_or(said.user_id is null and (coalesce(said.instance, '') = '' or kind.counts is null
      or coalesce(said.segment, '') = '' and said.kind not in ('started', 'ended')))
  into facts, lack_times, lack_names
  from rows from (jsonb_to_recordset(events) as (
    kind text, meeting text, instance text, at timestamptz, approximate boolean, accepted timestamptz,
    start timestamptz, segment text, connection text, zoom_user_id text, participant_id text, registrant_id text, customer_key text,
    email text, name text, host_id text, host_email text, "user" uuid
  )) with ordinality as said (kind, meeting, instance, at, approximate, accepted, start, segment, connection, zoom_user_id,
    participant_id, registrant_id, customer_key, email, name, host_id, host_email, user_id, n)
  left join zoom.kinds kind on kind.kind = said.kind;

  if lack_times then
    facts := zoom.with_times(facts, events);
  end if;

  -- What lacks a name of its run, or of its segment, gets one.
  if lack_names then
    facts := array(
      select row(f.n, f.kind, f.counts, f.number,
        coalesce(f.instance, case when f.user_id is null then coalesce('start ' || to_char(f.start at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
          'day ' || (f.at at time zone 'UTC')::date) end),
        null, null, f.at, f.approximate, f.body_hash, f.accepted, f.start,
        case when f.user_id is null and kind.concerns = 'person' then case when f.counts is null then 'waiting ' else '' end || coalesce(f.segment, 'email ' || zoom.folded(f.email),
          'name ' || zoom.folded(f.name), 'connection ' || f.connection, 'account ' || coalesce(f.zoom_user_id, f.participant_id, f.registrant_id,
            f.customer_key)) end,
        f.connection, f.zoom_user_id, f.participant_id, f.registrant_id, f.customer_key, f.email, f.name, f.host_id, f.host_email,
        f.user_id)::zoom.fact
      from unnest(facts) f
      left join zoom.kinds kind on kind.kind = f.kind
      order by f.n);
  end if;

  select min(f.n) into bad
  from unnest(facts) f
  left join zoom.kinds kind on kind.kind = f.kind
  where f.number is null or f.at is null or not isfinite(f.at) or kind.kind is null or kind.kind = 'app_opened'
    or (kind.told_by = 'app') <> (f.user_id is not null)
    or kind.told_by = 'zoom' and kind.concerns = 'person' and f.segment is null;
  if bad is not null then
    raise exception 'event % is not a fact', bad using
      errcode = 'invalid_parameter_value',
      hint = 'Zoom''s need a kind that zoom.kinds lists, meeting, and at (or body_hash and accepted); those of a person need something that names it. '
        'The app''s need kind (app_joined or app_left), meeting, at and user.';
  end if;

  return facts;
end
$$;
comment on function zoom.read_events is
  'The events of one call as facts, in order; null for none. Raises 22023 (or 22P02, 22007) for what is not a fact.';

create function zoom.with_times(facts zoom.fact[], events jsonb) returns zoom.fact[]
language plpgsql volatile set search_path = '' as $$
declare
  hashes text[];
begin
  select array_agg(nullif(said.event ->> 'body_hash', '') order by said.n) into hashes
  from jsonb_array_elements(events) with ordinality said (event, n);
  perform zoom.first_accepted(
    array(select hashes[f.n] from unnest(facts) f where f.at is null and f.user_id is null and hashes[f.n] is not null order by f.n),
    array(select f.accepted from unnest(facts) f where f.at is null and f.user_id is null and hashes[f.n] is not null order by f.n));
  return array(
    select row(f.n, f.kind, f.counts, f.number, f.instance, null, null, coalesce(f.at, known.accepted_at), f.approximate or known.body_hash is not null,
      coalesce(known.body_hash, ''), coalesce(known.accepted_at, f.accepted), f.start, f.segment, f.connection, f.zoom_user_id, f.participant_id,
      f.registrant_id, f.customer_key, f.email, f.name, f.host_id, f.host_email, f.user_id)::zoom.fact
    from unnest(facts) f
    left join lateral (
      select own.body_hash, own.accepted_at from zoom.timeless own
      where own.body_hash = case when f.at is null and f.user_id is null then hashes[f.n] end
      offset 0) known on true
    order by f.n);
end
$$;
comment on function zoom.with_times is 'The same facts; those without a time have that of the first acceptance of their body.';

create function zoom.place_facts(facts zoom.fact[]) returns zoom.fact[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    with told as materialized (
      select f.*, dense_rank() over (order by f.number, f.instance, case when f.user_id is not null then f.at end) as place
      from unnest(facts) f -- (What the app saw is of no run: each has its own moment.)
    ), place as materialized (
      select run.place, run.instance, known.run_id, coalesce(known.meeting_id,
        zoom.meeting_of(run.number, run.instance, run.host_email, run.begin, coalesce(known.judged_as_of, run.begin))) as meeting_id
      from (
        select told.place, told.number, told.instance, max(told.host_email) filter (where told.counts is not null) as host_email,
          coalesce(least(min(told.start) filter (where told.counts is not null), min(told.at) filter (where told.counts = 'begins')),
            min(told.at) filter (where told.counts is not null), min(told.at)) as begin
        from told
        group by told.place, told.number, told.instance
      ) run
      left join zoom.instances known on known.number = run.number and known.instance = run.instance
    ), found as (
      select array_agg(place.run_id order by place.place) as runs,
        array_agg(coalesce(place.meeting_id, (
          -- The same run under another number, in this very call.
          select (array_agg(distinct other.meeting_id))[1] from place other
          where other.instance = place.instance and other.meeting_id is not null
          having count(distinct other.meeting_id) = 1)) order by place.place) as meetings
      from place
    )
    select row(f.n, f.kind, f.counts, f.number, f.instance, found.meetings[f.place], found.runs[f.place], f.at, f.approximate, f.body_hash,
      f.accepted, f.start, f.segment, f.connection, f.zoom_user_id, f.participant_id, f.registrant_id, f.customer_key, f.email, f.name,
      f.host_id, f.host_email, f.user_id)::zoom.fact
    from told f cross join found
    order by f.n);
end
$$;
comment on function zoom.place_facts is 'The same facts, each with the meeting of the school it is of, null for an unknown one; and with its run, if it is there already.';

create function zoom.lock_meetings(meetings uuid[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  insert into zoom.meetings (meeting_id)
  select told.id from (select distinct given.id from unnest(meetings) given (id) where given.id is not null) told
  where not exists (select from zoom.meetings own where own.meeting_id = told.id)
  order by told.id
  on conflict do nothing;
  perform from zoom.meetings own where own.meeting_id = any (meetings) order by own.meeting_id for update;
end
$$;
comment on function zoom.lock_meetings is
  'Locks these meetings, in the order of their ids: any number of callers may run; those who share none run side by side, the '
  'others wait for one another and never in a ring. The app''s own rows are not locked.';

create function zoom.keep_facts(
  inout facts zoom.fact[], out told_runs bigint[], out changed_runs bigint[], out new_runs bigint[], out changed_visits zoom.visit[], out touched zoom.sighting[]
)
language plpgsql volatile set search_path = '' as $$
declare
  old_keys zoom.sighting[];
  new_keys zoom.sighting[];
  new_marks zoom.visit[];
  new_begins bigint[];
  are_others boolean; -- whether the run of a fact was not there a moment ago, or was forgotten
begin
  -- Runs: the least start and the greatest end of all that is ever said.
  with told as (
    select f.meeting_id, f.number, f.instance,
      least(min(f.start) filter (where f.counts is not null), min(f.at) filter (where f.counts = 'begins')) as stated_start,
      min(f.at) filter (where f.counts is not null) as first_at,
      max(f.at) filter (where f.counts = 'ends') as told_end,
      max(f.host_id) filter (where f.counts is not null) as host_id, max(f.host_email) filter (where f.counts is not null) as host_email,
      min(f.accepted) filter (where f.counts is not null) as told_at,
      bool_or(f.run_id is null) as is_unplaced
    from unnest(facts) f
    group by f.meeting_id, f.number, f.instance
  ), before as (
    select told.*, run.run_id, run.started_at as was_started_at, run.stated_start as was_stated_start, run.first_at as was_first_at,
      run.told_end as was_told_end, run.host_id as was_host_id, run.host_email as was_host_email, run.told_at as was_told_at,
      run.forgotten_at is not null as is_forgotten
    from told left join zoom.instances run on run.number = told.number and run.instance = told.instance
  ), kept as (
    insert into zoom.instances as run (meeting_id, number, instance, stated_start, first_at, told_end, host_id, host_email, told_at)
    select before.meeting_id, before.number, before.instance, before.stated_start, before.first_at, before.told_end, before.host_id,
      before.host_email, before.told_at
    from before
    where not before.is_forgotten and (
      before.run_id is null
      or before.stated_start < coalesce(before.was_stated_start, 'infinity')
      or before.first_at < coalesce(before.was_first_at, 'infinity')
      or before.told_end > coalesce(before.was_told_end, '-infinity')
      or before.host_id > coalesce(before.was_host_id, '')
      or before.host_email > coalesce(before.was_host_email, '')
      or before.told_at < coalesce(before.was_told_at, 'infinity'))
    on conflict (number, instance) do update set
      meeting_id = coalesce(run.meeting_id, excluded.meeting_id),
      stated_start = least(run.stated_start, excluded.stated_start),
      first_at = least(run.first_at, excluded.first_at),
      told_end = greatest(run.told_end, excluded.told_end),
      host_id = greatest(run.host_id, excluded.host_id),
      host_email = greatest(run.host_email, excluded.host_email),
      told_at = least(run.told_at, excluded.told_at)
    returning run.run_id, run.number, run.instance, run.started_at, run.host_id, run.host_email
  )
  select array_agg(kept.run_id), array_agg(kept.run_id) filter (where before.run_id is null
      or (kept.started_at, kept.host_id, kept.host_email) is distinct from (before.was_started_at, before.was_host_id, before.was_host_email)),
    array_agg(kept.run_id) filter (where before.run_id is not null
      and (kept.started_at, kept.host_id, kept.host_email) is distinct from (before.was_started_at, before.was_host_id, before.was_host_email)),
    (select bool_or(before.is_unplaced or before.is_forgotten) from before)
  into changed_runs, new_runs, new_begins, are_others
  from kept join before on before.number = kept.number and before.instance = kept.instance;

  -- The facts of a run that was forgotten get no run: nothing is done with them.
  if are_others then
    facts := array(
      select row(f.n, f.kind, f.counts, f.number, f.instance, f.meeting_id, case when run.forgotten_at is null then run.run_id end, f.at,
        f.approximate, f.body_hash, f.accepted, f.start, f.segment, f.connection, f.zoom_user_id, f.participant_id, f.registrant_id,
        f.customer_key, f.email, f.name, f.host_id, f.host_email, null)::zoom.fact
      from unnest(facts) f
      join zoom.instances run on run.number = f.number and run.instance = f.instance);
  end if;

  -- Segments: the greatest of each id ever said (there is but one, in practice). Only those of which
  -- something new is told are touched: a conflict alone would lock and write the row.
  with told as (
    select f.run_id, f.segment, max(f.connection) as connection, max(f.zoom_user_id) as zoom_user_id, max(f.participant_id) as participant_id,
      max(f.registrant_id) as registrant_id, max(f.customer_key) as customer_key, max(f.email) as email, bool_or(f.counts is not null) as was_in
    from unnest(facts) f
    where f.segment is not null and f.run_id is not null
    group by f.run_id, f.segment
  ), news as materialized (
    select told.*, seg.connection_key as was_key, seg.run_id is null as is_new,
      told.connection > coalesce(seg.connection, '') as has_connection
    from told left join zoom.segments seg on seg.run_id = told.run_id and seg.segment = told.segment
    where seg.run_id is null
      or not seg.is_forgotten and (
        told.connection > coalesce(seg.connection, '')
        or told.zoom_user_id > coalesce(seg.zoom_user_id, '')
        or told.participant_id > coalesce(seg.participant_id, '')
        or told.registrant_id > coalesce(seg.registrant_id, '')
        or told.customer_key > coalesce(seg.customer_key, '')
        or told.email > coalesce(seg.email, '')
        or told.was_in and not seg.was_in)
  ), kept as (
    insert into zoom.segments as seg
      (run_id, segment, connection, zoom_user_id, participant_id, registrant_id, customer_key, email, was_in)
    select news.run_id, news.segment, news.connection, news.zoom_user_id, news.participant_id, news.registrant_id, news.customer_key,
      news.email, news.was_in
    from news
    on conflict (run_id, segment) do update set
      connection = greatest(seg.connection, excluded.connection),
      zoom_user_id = greatest(seg.zoom_user_id, excluded.zoom_user_id),
      participant_id = greatest(seg.participant_id, excluded.participant_id),
      registrant_id = greatest(seg.registrant_id, excluded.registrant_id),
      customer_key = greatest(seg.customer_key, excluded.customer_key),
      email = greatest(seg.email, excluded.email),
      was_in = seg.was_in or excluded.was_in
    returning seg.run_id, seg.segment, seg.connection_key
  )
  select
    (select array_agg(row(kept.run_id, kept.segment)::zoom.visit) from kept),
    (select array_agg(row(kept.run_id, kept.connection_key, null)::zoom.sighting) from kept),
    (select array_agg(row(news.run_id, news.was_key, null)::zoom.sighting) from news where news.has_connection and not news.is_new)
  into changed_visits, new_keys, old_keys;

  -- Marks: a set. What is heard of one later clears the flag, if it has the exact time, or brings the name.
  with kept as (
    insert into zoom.marks as mark (run_id, segment, at, kind, body_hash, approximate, name)
    select f.run_id, coalesce(f.segment, ''), f.at, f.kind, f.body_hash, bool_and(f.approximate),
      max(f.name) filter (where seg.is_forgotten is not true)
    from unnest(facts) f
    left join zoom.segments seg on seg.run_id = f.run_id and seg.segment = f.segment
    where f.run_id is not null
    group by f.run_id, f.segment, f.at, f.kind, f.body_hash
    on conflict (run_id, segment, at, kind, body_hash) do update set
      approximate = mark.approximate and excluded.approximate, name = greatest(mark.name, excluded.name)
    where mark.approximate and not excluded.approximate or excluded.name > coalesce(mark.name, '')
    returning mark.run_id, mark.segment
  )
  select array_agg(row(told.run_id, told.segment)::zoom.visit) into new_marks
  from (select distinct kept.run_id, kept.segment from kept) told;

  -- Connections of whom something new is known, under the key they have now and, if that changed, the one they had; and
  -- everybody in a run that began at another moment than was thought. Where nothing new is known but that they came or went,
  -- who it is stays as it is: with the user, then.
  select old_keys || array_agg(row(seg.run_id, seg.connection_key, seg.known_as)::zoom.sighting)
  into touched
  from (
    select news.run_id, news.connection_key, null::uuid as known_as from unnest(new_keys) news
    union
    select seg.run_id, seg.connection_key, case when seg.known_by <> 'name' then seg.user_id end
    from unnest(new_marks) news
    join zoom.segments seg on seg.run_id = news.run_id and seg.segment = news.segment
    union
    select seg.run_id, seg.connection_key, null from zoom.segments seg where seg.run_id = any (new_begins)
  ) seg;
  changed_visits := changed_visits || new_marks;
  told_runs := array(select unnest(changed_runs) union select (unnest(changed_visits)).run_id);
end
$$;
comment on function zoom.keep_facts is
  'Adds facts to the set. Returns them with their runs (null for one that was forgotten), the runs of which anything '
  'new is known, those whose times or host are, those of them that are new or began at another moment than was thought, the segments that changed (an empty one for the '
  'run itself), and the connections touched (with the user, where who it is cannot have changed); null for none.';

create function zoom.visits_in_minute(person uuid, at timestamptz) returns bigint
language plpgsql stable set search_path = '' as $$
begin
  return (
    select count(*) from zoom.visits visit
    where visit.user_id = person
      and visit.at >= date_trunc('minute', visits_in_minute.at) and visit.at < date_trunc('minute', visits_in_minute.at) + interval '1 minute');
end
$$;
comment on function zoom.visits_in_minute is 'How often somebody opened, joined or left meetings on their pages within the minute of an instant.';

create function zoom.keep_visits(facts zoom.fact[], out fresh integer[], out visitors zoom.visitor[])
language plpgsql volatile set search_path = '' as $$
begin
  with told as (
    select f.n, f.meeting_id, f.user_id, f.at, substr(f.kind, 5) as kind from unnest(facts) f
  ), kept as (
    insert into zoom.visits (meeting_id, user_id, at, kind)
    select distinct told.meeting_id, told.user_id, told.at, told.kind from told
    -- Nobody comes and goes more often than this; whoever sends more fills no table.
    where zoom.visits_in_minute(told.user_id, told.at) < 20
    on conflict do nothing
    returning meeting_id, user_id, at, kind
  )
  select array_agg(told.n), array_agg(distinct row(told.meeting_id, told.user_id)::zoom.visitor)
  into fresh, visitors
  from kept
  join told on (told.meeting_id, told.user_id, told.at, told.kind) = (kept.meeting_id, kept.user_id, kept.at, kept.kind);
end
$$;
comment on function zoom.keep_visits is
  'Adds what the app saw to the set of visits. Returns the places of the facts that were new, and whose they are; null for none.';

revoke execute on function
  zoom.first_accepted, zoom.read_events, zoom.with_times, zoom.place_facts, zoom.lock_meetings, zoom.keep_facts, zoom.visits_in_minute,
  zoom.keep_visits
from public;
grant execute on function
  zoom.first_accepted, zoom.read_events, zoom.with_times, zoom.place_facts, zoom.lock_meetings, zoom.keep_facts, zoom.visits_in_minute,
  zoom.keep_visits
to service_role;
