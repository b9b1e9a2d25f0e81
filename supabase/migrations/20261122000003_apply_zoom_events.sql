-- The only function that writes what Zoom said, and what the app saw: an event takes effect once, whatever the order, the
-- repetition and the batch it comes in.
--
--   read_events         what was said, checked
--   keep_facts          added to the set of facts; a repeat adds nothing, and then nothing else happens
--   keep_visits         the same for what the app saw, whose word its rows are
--   date_instances      which lesson (class and date) each run counts for
--   recognise           who each connection is, looked up anew (name_of, a student who came through the app)
--   show_participants   the people it touched, in public.zoom_participants (their times: add_up)
--   close_app_joins     those whom only the app had left at joined
--   show_meetings       started or ended, in public.zoom_meetings
--   record_attendance   the verdicts, in public.attendance_records (add_up again)
--   tell_changes        how many rows that changed, for the sidecar's metrics
--
-- Every step works on sets and writes only what differs. The steps hand each other arrays, not temporary tables, whose
-- making costs more than a batch. A batch locks its meetings and then their classes, each in id order, so any number of
-- callers may run: those who share neither run side by side, the others wait for one another and never in a ring.
--
-- The plans are made once per connection, perhaps while the tables were small, and are kept: so the settings of
-- apply_zoom_events allow only plans that are right for every size, which go from the batch to each row by an index, and a
-- lateral lookup (offset 0 keeps it one) stands where a join could be turned round. Even the small helpers are plpgsql: it
-- keeps the plan of a function that has settings of its own, and language sql does not.
--
-- Locks nothing: it only makes types, a view and functions.

create type zoom.fact as (
  n integer,
  kind text collate "C",
  meeting text,
  meeting_id uuid,
  instance text collate "C",
  run_id bigint,
  at timestamptz,
  approximate boolean,
  start timestamptz,
  segment text collate "C",
  connection text collate "C",
  zoom_user_id text collate "C",
  registrant_id text collate "C",
  customer_key text collate "C",
  email text collate "C",
  name text collate "C",
  user_id uuid,
  host_email text collate "C"
);
comment on type zoom.fact is 'One event as the sidecar sends it; n is its place in the call, from 1. What the app saw has a user_id.';

create type zoom.visit as (run_id bigint, segment text collate "C");
comment on type zoom.visit is 'The key of one segment.';

create type zoom.sighting as (meeting_id uuid, run_id bigint, connection_key text collate "C", user_id uuid);
comment on type zoom.sighting is 'A connection, and the user it is or was taken for; null for a guest.';

create type zoom.person as (
  meeting_id uuid, held_on date, class_id uuid, user_id uuid, run_id bigint, connection_key text collate "C"
);
comment on type zoom.person is 'Somebody in a meeting on a date: a user in all its runs (if a class is given, in those that count for it), or a guest, who is one connection in one run.';

create type zoom.stay as (
  connection text collate "C", name text collate "C", email text collate "C", join_time timestamptz, leave_time timestamptz,
  duration integer, is_in boolean, is_settled boolean
);
comment on type zoom.stay is 'What Zoom saw of a person: the connection that joined last, the newest name, the time in seconds, whether they are in, and whether their time counts already. The connection is null if it saw nothing.';

create type zoom.lesson as (class_id uuid, held_on date);
comment on type zoom.lesson is 'A class on a date.';


create view zoom.shared_keys with (security_invoker) as
with shown as not materialized (
  select key.customer_key, key.meeting_id, key.user_id, seg.run_id, seg.segment, seg.connection_key, seg.zoom_user_id,
    stay.came, stay.went, stay.name
  from zoom.keys key
  join zoom.segments seg on seg.customer_key = key.customer_key and seg.meeting_id = key.meeting_id
  join zoom.instances run on run.run_id = seg.run_id
  cross join lateral (
    select min(mark.at) as came, coalesce(max(mark.at) filter (where mark.kind = 'left'), run.ended_at, 'infinity') as went,
      lower(btrim((array_agg(mark.name order by mark.at desc, mark.name desc) filter (where mark.name is not null))[1] collate "default")) as name
    from zoom.marks mark where mark.run_id = seg.run_id and mark.segment = seg.segment
  ) stay
)
select one.customer_key, one.meeting_id, one.user_id, one.run_id, one.segment, one.zoom_user_id,
  other.segment as other_segment, other.zoom_user_id as other_zoom_user_id
from shown one
join shown other on other.customer_key = one.customer_key and other.meeting_id = one.meeting_id and other.run_id = one.run_id
where one.connection_key <> other.connection_key and one.came < other.went and other.came < one.went
  -- Two accounts; or, of guests, two names. Two devices of one person show neither.
  and (other.zoom_user_id <> one.zoom_user_id or other.name <> one.name);

comment on view zoom.shared_keys is
  'Keys that two Zoom users, or guests of two names, showed at the same time: somebody passed theirs on. Both count as the user whose key it is; look whom to ask.';
comment on column zoom.shared_keys.customer_key is 'The key.';
comment on column zoom.shared_keys.meeting_id is 'The meeting it was issued for.';
comment on column zoom.shared_keys.user_id is 'Whose it is.';
comment on column zoom.shared_keys.run_id is 'The run.';
comment on column zoom.shared_keys.segment is 'The visit of one of the two.';
comment on column zoom.shared_keys.zoom_user_id is 'Who that was, for Zoom; null for a guest.';
comment on column zoom.shared_keys.other_segment is 'The visit of the other.';
comment on column zoom.shared_keys.other_zoom_user_id is 'Who the other was; null for a guest.';
grant select on zoom.shared_keys to service_role;


create function zoom.seconds(counted tstzmultirange) returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return (select floor(coalesce(sum(extract(epoch from upper(piece) - lower(piece))), 0))::integer from unnest(counted) piece);
end
$$;
comment on function zoom.seconds is 'The length of a union of times, in whole seconds; 0 for null.';
revoke execute on function zoom.seconds from public;
grant execute on function zoom.seconds to service_role;


create function zoom.rows_written() returns bigint[]
language plpgsql volatile set search_path = '' as $$
begin
  -- PostgreSQL's own counters (track_counts, on by default): they know of every statement, and of triggers that are not
  -- ours. One expression, which costs a few microseconds.
  return array[
    pg_stat_get_xact_tuples_inserted('public.attendance_records'::regclass) + pg_stat_get_xact_tuples_updated('public.attendance_records'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.attendance_records'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_meetings'::regclass) + pg_stat_get_xact_tuples_updated('public.zoom_meetings'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_meetings'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_participants'::regclass) + pg_stat_get_xact_tuples_updated('public.zoom_participants'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_participants'::regclass)];
end
$$;
comment on function zoom.rows_written is 'How many rows of the published tables (attendance_records, zoom_meetings, zoom_participants) this session has written and not yet reported to PostgreSQL''s statistics. It means something only less what it was a moment before in the same transaction.';
revoke execute on function zoom.rows_written from public;
grant execute on function zoom.rows_written to service_role;


create function zoom.tell(header text, value text) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('response.headers', (
    coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb || jsonb_build_object(header, value))::text, true);
end
$$;
comment on function zoom.tell is 'Has PostgREST add a header to its answer. Outside PostgREST nobody hears it.';
revoke execute on function zoom.tell from public;
grant execute on function zoom.tell to service_role;


create function zoom.tell_changes(before bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  after bigint[] := zoom.rows_written();
begin
  if after <> before then
    perform zoom.tell('Sidecar-Row-Changes', (
      select string_agg(told.name || '=' || told.after - told.before, ', ' order by told.name)
      from unnest(array['attendance_records', 'zoom_meetings', 'zoom_participants'], before, after) told (name, before, after)
      where told.after > told.before));
  end if;
end
$$;
comment on function zoom.tell_changes is 'Has PostgREST say in the header Sidecar-Row-Changes how many rows of each published table were written since zoom.rows_written was before, each of them a message to everybody who watches. Without a change it says nothing; outside PostgREST nobody hears it.';
revoke execute on function zoom.tell_changes from public;
grant execute on function zoom.tell_changes to service_role;


create function zoom.early() returns interval
language plpgsql immutable set search_path = '' as $$
begin
  return interval '30 minutes';
end
$$;
comment on function zoom.early is 'How long before a run somebody may come through the app for it.';
revoke execute on function zoom.early from public;
grant execute on function zoom.early to service_role;


create function zoom.local_date(at timestamptz, timezone text) returns date
language plpgsql stable set search_path = '' as $$
begin
  return (at at time zone timezone)::date;
exception when invalid_parameter_value then
  return (at at time zone 'UTC')::date;
end
$$;
comment on function zoom.local_date is 'The date of an instant in a time zone; in UTC where the zone is unknown, for an app may store any text.';
revoke execute on function zoom.local_date from public;
grant execute on function zoom.local_date to service_role;


create function zoom.weighed(theirs text, verdict text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case
    when theirs in ('late', 'excused') then theirs
    when theirs is null or array_position(array['absent', 'partial', 'present'], verdict)
                         > array_position(array['absent', 'partial', 'present'], theirs) then verdict
    else theirs
  end;
end
$$;
comment on function zoom.weighed is 'What a record should say, from what somebody else had set (or null) and what Zoom''s facts say (or null). People outrank us: theirs is only ever raised, late and excused never touched.';
revoke execute on function zoom.weighed from public;
grant execute on function zoom.weighed to service_role;


create function zoom.add_up(people zoom.person[]) returns zoom.stay[]
language plpgsql stable set search_path = '' as $$
declare
  stays zoom.stay[];
begin
  with seat as (
    -- Each looked up for its person (offset keeps the planner from joining in another order): by the whole key of an index.
    select person.n, seg.*
    from unnest(people) with ordinality person (meeting_id, held_on, class_id, user_id, run_id, connection_key, n)
    left join lateral (
      select here.run_id, here.segment, here.connection, here.connection_key, here.email, run.ended_at
      from zoom.instances run
      cross join lateral (
        select own.* from zoom.segments own
        where own.user_id = person.user_id and own.meeting_id = person.meeting_id and own.run_id = run.run_id
        offset 0
      ) here
      where run.meeting_id = person.meeting_id and run.held_on = person.held_on and person.user_id is not null
        and (person.class_id is null or run.class_id = person.class_id)
      union all
      select guest.run_id, guest.segment, guest.connection, guest.connection_key, guest.email, run.ended_at
      from zoom.segments guest
      join zoom.instances run on run.run_id = guest.run_id
      where guest.connection_key = person.connection_key and guest.run_id = person.run_id and guest.user_id is null
    ) seg on true
  ), visit as (
    select seat.*, mark.kind, mark.at, mark.name,
      lead(mark.at) over (partition by seat.run_id, seat.segment order by mark.at, mark.kind) as next_at
    from seat
    left join lateral (
      select told.kind, told.at, told.name from zoom.marks told
      where told.run_id = seat.run_id and told.segment = seat.segment
      offset 0
    ) mark on true
  ), part as (
    -- What ends it: the next mark, else the end of the run; null while they are in.
    select visit.*, coalesce(visit.next_at, case when visit.ended_at is not null then greatest(visit.at, visit.ended_at) end) as until
    from visit
  ), timed as (
    select part.*,
      -- When they went: by a leave, or because the run ended with them in it.
      case when part.kind = 'left' then part.at when part.next_at is null then part.until end as left_at,
      -- Longer than any meeting lasts is not believed.
      case when part.kind = 'joined' and part.until - part.at <= interval '30 hours' then tstzrange(part.at, part.until) end as counted
    from part
  ), total as (
    select timed.n,
      -- The connection that joined last; of those that only ever left, the last to do so.
      (array_agg(coalesce(timed.connection, timed.segment) order by timed.kind, timed.at desc, timed.connection_key desc))[1] as connection,
      (array_agg(timed.name order by timed.at desc, timed.name desc) filter (where timed.name is not null))[1] as name,
      max(timed.email) as email,
      max(timed.at) filter (where timed.kind = 'joined') as join_time,
      max(timed.left_at) as leave_time,
      -- The union of their times, so two devices and a late leave count once.
      case when count(timed.counted) > 1 then zoom.seconds(range_agg(timed.counted))
        else coalesce(extract(epoch from max(upper(timed.counted) - lower(timed.counted))), 0)::integer end as duration,
      bool_or(timed.kind = 'joined' and timed.until is null) as is_in,
      -- They have left, or what they were in has ended.
      bool_or(timed.kind = 'left' or timed.ended_at is not null) as is_settled
    from timed
    group by timed.n
  )
  select array_agg(row(total.connection, total.name, total.email, total.join_time, case when not total.is_in then total.leave_time end,
    total.duration, total.is_in, total.is_settled)::zoom.stay order by total.n)
  into stays
  from total;
  return stays;
end
$$;
comment on function zoom.add_up is 'Adds up what Zoom saw of each of these people, in their order.';
revoke execute on function zoom.add_up from public;
grant execute on function zoom.add_up to service_role;


create function zoom.read_events(events jsonb) returns zoom.fact[]
language plpgsql stable set search_path = '' as $$
declare
  facts zoom.fact[];
  bad integer;
begin
  select array_agg(row(
      said.n, said.kind, said.meeting, null, said.instance, null,
      case when said.user_id is null then date_trunc('second', said.at) else said.at end, coalesce(said.approximate, false),
      date_trunc('second', said.start), said.segment, nullif(said.connection, ''), nullif(said.zoom_user_id, ''),
      nullif(said.registrant_id, ''), nullif(said.customer_key, ''), nullif(said.email, ''), nullif(said.name, ''), said.user_id,
      nullif(said.host_email, '')
    )::zoom.fact order by said.n)
  into facts
  from rows from (jsonb_to_recordset(events) as (
    kind text, meeting text, instance text, at timestamptz, approximate boolean, start timestamptz, segment text,
    connection text, zoom_user_id text, registrant_id text, customer_key text, email text, name text, "user" uuid,
    host_email text
  )) with ordinality as said (kind, meeting, instance, at, approximate, start, segment,
    connection, zoom_user_id, registrant_id, customer_key, email, name, user_id, host_email, n);

  select min(f.n) into bad
  from unnest(facts) f
  where coalesce(f.meeting, '') = '' or f.at is null or not isfinite(f.at)
    or case coalesce(f.kind, '')
      when 'started' then coalesce(f.instance, '') = '' or f.user_id is not null
      when 'ended' then coalesce(f.instance, '') = '' or f.user_id is not null
      when 'joined' then coalesce(f.instance, '') = '' or coalesce(f.segment, '') = '' or f.user_id is not null
      when 'left' then coalesce(f.instance, '') = '' or coalesce(f.segment, '') = '' or f.user_id is not null
      when 'app_joined' then f.user_id is null
      when 'app_left' then f.user_id is null
      else true
    end;
  if bad is not null then
    raise exception 'event % is not a fact', bad using
      errcode = 'invalid_parameter_value',
      hint = 'Zoom''s need kind (started, ended, joined or left), meeting, instance and at; joined and left need segment too. The app''s need kind (app_joined or app_left), meeting, at and user.';
  end if;

  return facts;
end
$$;
comment on function zoom.read_events is 'The events of one call as facts, in order; null for none. Raises 22023 (or 22P02, 22007) for what is not a fact.';
revoke execute on function zoom.read_events from public;
grant execute on function zoom.read_events to service_role;


create function zoom.keep_facts(
  inout facts zoom.fact[], out changed_runs bigint[], out ended_runs bigint[], out changed_visits zoom.visit[], out touched zoom.sighting[]
)
language plpgsql volatile set search_path = '' as $$
declare
  old_keys zoom.sighting[];
  new_marks zoom.visit[];
begin
  -- Runs: the least start and the greatest end of all that is ever said.
  with told as (
    select f.meeting_id, f.instance,
      least(min(f.start), min(f.at) filter (where f.kind = 'started')) as stated_start,
      min(f.at) as first_at,
      max(f.at) filter (where f.kind = 'ended') as ended_at,
      max(f.host_email) as host_email
    from unnest(facts) f
    group by f.meeting_id, f.instance
  ), before as (
    select told.*, run.stated_start as was_stated_start, run.first_at as was_first_at, run.ended_at as was_ended_at,
      run.host_email as was_host_email, run.forgotten_at is not null as is_forgotten
    from told left join zoom.instances run on run.meeting_id = told.meeting_id and run.instance = told.instance
  ), kept as (
    insert into zoom.instances as run (meeting_id, instance, stated_start, first_at, ended_at, host_email)
    select before.meeting_id, before.instance, before.stated_start, before.first_at, before.ended_at, before.host_email
    from before
    where not before.is_forgotten and (
      before.was_first_at is null
      or before.stated_start < coalesce(before.was_stated_start, 'infinity')
      or before.first_at < before.was_first_at
      or before.ended_at > coalesce(before.was_ended_at, '-infinity')
      or before.host_email > coalesce(before.was_host_email, ''))
    on conflict (meeting_id, instance) do update set
      stated_start = least(run.stated_start, excluded.stated_start),
      first_at = least(run.first_at, excluded.first_at),
      ended_at = greatest(run.ended_at, excluded.ended_at),
      host_email = greatest(run.host_email, excluded.host_email)
    returning run.run_id, run.meeting_id, run.instance
  )
  select array_agg(kept.run_id), array_agg(kept.run_id) filter (where before.ended_at > coalesce(before.was_ended_at, '-infinity'))
  into changed_runs, ended_runs
  from kept join before on before.meeting_id = kept.meeting_id and before.instance = kept.instance;

  -- The facts of a run that was forgotten get no run: nothing is done with them.
  facts := array(
    select row(f.n, f.kind, f.meeting, f.meeting_id, f.instance, case when run.forgotten_at is null then run.run_id end, f.at, f.approximate, f.start, f.segment, f.connection,
      f.zoom_user_id, f.registrant_id, f.customer_key, f.email, f.name, null, f.host_email)::zoom.fact
    from unnest(facts) f
    join zoom.instances run on run.meeting_id = f.meeting_id and run.instance = f.instance);

  -- Segments: the greatest of each id ever said (there is but one, in practice). Only those of which
  -- something new is told are touched: a conflict alone would lock and write the row.
  with told as (
    select f.run_id, f.segment, f.meeting_id,
      max(f.connection) as connection, max(f.zoom_user_id) as zoom_user_id, max(f.registrant_id) as registrant_id,
      max(f.customer_key) as customer_key, max(f.email) as email
    from unnest(facts) f
    where f.kind in ('joined', 'left') and f.run_id is not null
    group by f.run_id, f.segment, f.meeting_id
  ), news as materialized (
    select told.*, seg.connection_key as was_key, seg.run_id is null as is_new,
      told.connection > coalesce(seg.connection, '') as has_connection
    from told left join zoom.segments seg on seg.run_id = told.run_id and seg.segment = told.segment
    where seg.run_id is null
      or told.connection > coalesce(seg.connection, '')
      or told.zoom_user_id > coalesce(seg.zoom_user_id, '')
      or told.registrant_id > coalesce(seg.registrant_id, '')
      or told.customer_key > coalesce(seg.customer_key, '')
      or told.email > coalesce(seg.email, '')
  ), kept as (
    insert into zoom.segments as seg
      (run_id, segment, meeting_id, connection, zoom_user_id, registrant_id, customer_key, email, user_id)
    select news.run_id, news.segment, news.meeting_id, news.connection, news.zoom_user_id, news.registrant_id, news.customer_key,
      news.email,
      -- Almost always whom recognise will find; written at once, the row need not be written again.
      case when news.is_new and news.customer_key is null and news.registrant_id is null then zoom.user_of_email(news.email) end
    from news
    on conflict (run_id, segment) do update set
      connection = greatest(seg.connection, excluded.connection),
      zoom_user_id = greatest(seg.zoom_user_id, excluded.zoom_user_id),
      registrant_id = greatest(seg.registrant_id, excluded.registrant_id),
      customer_key = greatest(seg.customer_key, excluded.customer_key),
      email = greatest(seg.email, excluded.email)
    returning seg.run_id, seg.segment
  )
  select
    (select array_agg(row(kept.run_id, kept.segment)::zoom.visit) from kept),
    (select array_agg(row(news.meeting_id, news.run_id, news.was_key, null)::zoom.sighting)
     from news where news.has_connection and not news.is_new)
  into changed_visits, old_keys;

  -- Marks: a set. What is heard of one later clears the flag, if it has the exact time, or brings the name.
  with kept as (
    insert into zoom.marks as mark (run_id, segment, at, kind, approximate, name)
    select f.run_id, f.segment, f.at, f.kind, bool_and(f.approximate), max(f.name)
    from unnest(facts) f
    where f.kind in ('joined', 'left') and f.run_id is not null
    group by f.run_id, f.segment, f.at, f.kind
    on conflict (run_id, segment, at, kind) do update set
      approximate = mark.approximate and excluded.approximate, name = greatest(mark.name, excluded.name)
    where mark.approximate and not excluded.approximate or excluded.name > coalesce(mark.name, '')
    returning mark.run_id, mark.segment
  )
  select array_agg(distinct row(kept.run_id, kept.segment)::zoom.visit) into new_marks from kept;
  changed_visits := changed_visits || new_marks;

  -- Connections of whom something new is known, under the key they have now and, if that changed, the one they had.
  select old_keys || array_agg(distinct row(seg.meeting_id, seg.run_id, seg.connection_key, null)::zoom.sighting)
  into touched
  from unnest(changed_visits) news
  join zoom.segments seg on seg.run_id = news.run_id and seg.segment = news.segment;
end
$$;
comment on function zoom.keep_facts is 'Adds facts to the set. Returns them with their runs (null for one that was forgotten), the runs and segments that changed, the runs whose end changed, and the connections touched; null for none.';
revoke execute on function zoom.keep_facts from public;
grant execute on function zoom.keep_facts to service_role;


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
revoke execute on function zoom.visits_in_minute from public;
grant execute on function zoom.visits_in_minute to service_role;


create function zoom.keep_visits(facts zoom.fact[], out fresh integer[], out visitors zoom.sighting[], out given_back uuid[])
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
  select array_agg(told.n), array_agg(distinct row(told.meeting_id, run.run_id, null, told.user_id)::zoom.sighting)
  into fresh, visitors
  from kept
  join told on (told.meeting_id, told.user_id, told.at, told.kind) = (kept.meeting_id, kept.user_id, kept.at, kept.kind)
  -- The runs that it may have been for.
  left join zoom.instances run
    on run.meeting_id = told.meeting_id and told.at >= run.started_at - zoom.early() and told.at <= coalesce(run.ended_at, 'infinity');

  -- The app's row says what its page would have written: the latest visit. Where Zoom's facts are shown instead, it is remembered.
  with word as (
    select visitor.meeting_id, visitor.user_id, shown.id as row_id, memory.row_id is not null and memory.closed_at is null as is_ours,
      row(null, person.name, person.email, latest.join_time, case latest.kind when 'left' then latest.at end, null, latest.kind)::zoom.said as says
    from (select distinct told.meeting_id, told.user_id from unnest(visitors) told) visitor
    join public.users person on person.id = visitor.user_id
    cross join lateral (
      select visit.at, visit.kind, (
          select max(came.at) from zoom.visits came
          where came.meeting_id = visitor.meeting_id and came.user_id = visitor.user_id and came.kind = 'joined'
        ) as join_time
      from zoom.visits visit
      where visit.meeting_id = visitor.meeting_id and visit.user_id = visitor.user_id and visit.kind <> 'opened'
      order by visit.at desc, visit.kind desc
      limit 1
    ) latest
    left join public.zoom_participants shown on shown.meeting_id = visitor.meeting_id and shown.user_id = visitor.user_id
    left join zoom.rows memory on memory.row_id = shown.id
  ), remembered as (
    update zoom.rows memory set was = word.says
    from word
    where memory.row_id = word.row_id and word.is_ours
  ), forgotten as (
    delete from zoom.rows memory using word
    where memory.row_id = word.row_id and not word.is_ours
  ), updated as (
    update public.zoom_participants shown set
      name = (word.says).name, email = (word.says).email, join_time = (word.says).join_time, leave_time = (word.says).leave_time,
      duration = null, zoom_participant_id = null, status = (word.says).status
    from word
    where shown.id = word.row_id and not word.is_ours
      and (shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.zoom_participant_id, shown.status)
        is distinct from ((word.says).name, (word.says).email, (word.says).join_time, (word.says).leave_time, null, null, (word.says).status)
  ), inserted as (
    insert into public.zoom_participants as shown (meeting_id, user_id, name, email, join_time, leave_time, status)
    select word.meeting_id, word.user_id, (word.says).name, (word.says).email, (word.says).join_time, (word.says).leave_time, (word.says).status
    from word
    where word.row_id is null
    -- The app's page wrote it a moment ago.
    on conflict (meeting_id, user_id) do update set
      join_time = excluded.join_time, leave_time = excluded.leave_time, status = excluded.status
  )
  select array_agg(distinct word.meeting_id) into given_back from word;
end
$$;
comment on function zoom.keep_visits is 'Adds what the app saw to the set of visits. Returns the places of the facts that were new, whose they are (with the runs they may have been for), and the meetings in which the app''s rows changed; null for none.';
revoke execute on function zoom.keep_visits from public;
grant execute on function zoom.keep_visits to service_role;


create function zoom.date_instances(
  runs bigint[], school_timezone text, out turned uuid[], out moved_runs bigint[], out moved_lessons zoom.lesson[]
)
language plpgsql volatile set search_path = '' as $$
declare
  meetings uuid[] := array(select distinct run.meeting_id from zoom.instances run where run.run_id = any (runs));
  latest_before date[] := array(
    select (select max(run.held_on) from zoom.instances run where run.meeting_id = told.id)
    from unnest(meetings) with ordinality told (id, n) order by told.n);
begin
  with due as (
    -- Every run of a meeting that happens once has the date of its plan; else only the runs that changed can move.
    select run.run_id, run.class_id as was_class_id, run.held_on as was_held_on, zoom.counted_class(meeting.id) as class_id,
      zoom.local_date(
        case meeting.meeting_type when 'scheduled' then meeting.start_time else run.started_at end,
        case school_timezone when 'meeting' then coalesce(meeting.timezone, 'UTC') else school_timezone end) as held_on
    from (
      select told.run_id from unnest(runs) told (run_id)
      union
      select other.run_id
      from public.zoom_meetings once join zoom.instances other on other.meeting_id = once.id
      where once.id = any (meetings) and once.meeting_type = 'scheduled' and other.forgotten_at is null
    ) candidate
    join zoom.instances run on run.run_id = candidate.run_id
    join public.zoom_meetings meeting on meeting.id = run.meeting_id
  ), moved as (
    update zoom.instances run set class_id = due.class_id, held_on = due.held_on
    from due
    where run.run_id = due.run_id and (due.was_class_id, due.was_held_on) is distinct from (due.class_id, due.held_on)
    returning run.run_id, due.was_class_id, due.was_held_on
  )
  select
    array_agg(moved.run_id),
    array_agg(distinct row(moved.was_class_id, moved.was_held_on)::zoom.lesson) filter (where moved.was_class_id is not null)
  into moved_runs, moved_lessons
  from moved
  where moved.was_held_on is not null;

  -- Meetings whose latest occurrence is another one now.
  turned := array(
    select told.id
    from unnest(meetings, latest_before) told (id, was)
    where (select max(run.held_on) from zoom.instances run where run.meeting_id = told.id) is distinct from told.was);
end
$$;
comment on function zoom.date_instances is 'Works out which class and date each run counts for: a one-off meeting''s plan, else the run''s own start, in the given time zone (or "meeting" for each meeting''s own). Returns the meetings that turned to another latest occurrence, the runs that moved from one lesson to another, and the lessons they left.';
revoke execute on function zoom.date_instances from public;
grant execute on function zoom.date_instances to service_role;


create function zoom.name_of(seat_run bigint, seat_key text) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  run zoom.instances;
  shown text;
begin
  select * into run from zoom.instances where instances.run_id = seat_run;
  if not exists (select from zoom.visits visit where visit.meeting_id = run.meeting_id) then
    return null; -- as always in a school that does not use the meeting room
  end if;
  shown := (
    select lower(btrim(mark.name collate "default"))
    from zoom.segments seg
    cross join lateral (
      select told.at, told.name from zoom.marks told
      where told.run_id = seg.run_id and told.segment = seg.segment and told.name is not null
      offset 0
    ) mark
    where seg.connection_key = seat_key and seg.run_id = seat_run
      -- A key says whose it is, or that it is nobody's: a name beside it says nothing.
      and not exists (
        select from zoom.segments keyed
        where keyed.connection_key = seat_key and keyed.run_id = seat_run and keyed.customer_key is not null)
    order by mark.at desc, mark.name desc
    limit 1);
  if shown is null then
    return null; -- no name, and nobody to look for in the class
  end if;
  return (
    select case when count(*) = 1 then (array_agg(pupil.id))[1] end
    from public.class_students seat
    join zoom.named_users pupil on pupil.id = seat.student_id
    where seat.class_id = run.class_id and lower(btrim(pupil.name)) = shown
    having bool_and(exists (
      select from zoom.visits visit
      where visit.meeting_id = run.meeting_id and visit.user_id = pupil.id and visit.kind in ('joined', 'opened')
        and visit.at >= run.started_at - zoom.early() and visit.at <= coalesce(run.ended_at, 'infinity'))));
end
$$;
comment on function zoom.name_of is
  'The student whose name, as staff wrote it, a connection without a key last showed: the only one of that name (whatever the case) who is enrolled in the class, and opened or joined the meeting on its page during the run or in the 30 minutes before; else null. A name alone is nobody.';
revoke execute on function zoom.name_of from public;
grant execute on function zoom.name_of to service_role;


create function zoom.namesakes(visitors zoom.sighting[]) returns zoom.sighting[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct row(seg.meeting_id, seg.run_id, seg.connection_key, null)::zoom.sighting
    from unnest(visitors) visitor
    cross join lateral (select zoom.staff_name(visitor.user_id) as name) person
    cross join lateral (
      select here.* from zoom.segments here
      where here.run_id = visitor.run_id and (here.user_id is null or here.user_id = visitor.user_id)
      offset 0
    ) seg
    where exists (
      select from zoom.marks mark
      where mark.run_id = seg.run_id and mark.segment = seg.segment and lower(btrim(mark.name collate "default")) = lower(btrim(person.name))));
end
$$;
comment on function zoom.namesakes is 'The connections that may be these visitors by their names (see zoom.name_of), in the runs they came for.';
revoke execute on function zoom.namesakes from public;
grant execute on function zoom.namesakes to service_role;


create function zoom.recognise(connections zoom.sighting[], app_joins text) returns zoom.sighting[]
language plpgsql volatile set search_path = '' as $$
declare
  sightings zoom.sighting[];
begin
  with seat as (
    select connection.*, seg.segment, seg.customer_key, seg.registrant_id, seg.email, seg.user_id as was_user_id
    from (select distinct told.meeting_id, told.run_id, told.connection_key from unnest(connections) told) connection
    left join lateral (
      select here.* from zoom.segments here
      where here.connection_key = connection.connection_key and here.run_id = connection.run_id
      offset 0
    ) seg on true
  ), known as (
    -- First by the key we issued, then by registration, then by e-mail. Of several, the least id: any rule will do, if it is
    -- one. What one segment of a connection says is said of all.
    select distinct seat.meeting_id, seat.run_id, seat.connection_key, seat.segment, seat.was_user_id,
      first_value(found.user_id) over (partition by seat.run_id, seat.connection_key order by found.rung, found.user_id) as user_id
    from seat
    left join lateral (
      select 0 as rung, key.user_id from zoom.keys key
      where key.customer_key = seat.customer_key and key.meeting_id = seat.meeting_id
      union all
      select 1, registrant.user_id from public.meeting_registrants registrant
      where registrant.meeting_id = seat.meeting_id and registrant.zoom_registrant_id = seat.registrant_id collate "default"
        and registrant.user_id is not null
      union all
      select 2, zoom.user_of_email(seat.email) where seat.email is not null
    ) found on found.user_id is not null
  ), seen as (
    -- And last by a name, if the app saw that student come.
    select known.meeting_id, known.run_id, known.connection_key, known.segment, known.was_user_id,
      case when known.user_id is null and app_joins <> 'ignore' then zoom.name_of(known.run_id, known.connection_key)
        else known.user_id end as user_id
    from known
  ), renamed as (
    update zoom.segments seg set user_id = seen.user_id
    from seen
    where seg.run_id = seen.run_id and seg.segment = seen.segment and seen.user_id is distinct from seen.was_user_id
  )
  -- Both whom it was taken for (if that was shown) and whom it is: the rows of both change.
  select array_agg(row(either.meeting_id, either.run_id, either.connection_key, either.user_id)::zoom.sighting)
  into sightings
  from (
    select seen.meeting_id, seen.run_id, seen.connection_key, seen.user_id from seen
    union
    select seen.meeting_id, seen.run_id, seen.connection_key, seen.was_user_id from seen
    where seen.was_user_id is not null or exists (
      select from zoom.rows guest where guest.run_id = seen.run_id and guest.connection_key = seen.connection_key)
  ) either;
  return sightings;
end
$$;
comment on function zoom.recognise is 'Looks up anew who each connection is, and notes it on its segments. Returns whom each was and whom it is taken for.';
revoke execute on function zoom.recognise from public;
grant execute on function zoom.recognise to service_role;


create function zoom.show_participants(sightings zoom.sighting[]) returns uuid[]
language plpgsql volatile set search_path = '' as $$
declare
  people zoom.person[];
  was_overtaken boolean;
  written zoom.rows[];
  given_back uuid[];
  meetings uuid[];
begin
  -- A user is one person in all runs of the latest occurrence; a guest is one connection.
  select array_agg(row(told.meeting_id, latest.held_on, null, told.user_id, told.run_id, told.connection_key)::zoom.person) into people
  from (
    select distinct seen.meeting_id, seen.user_id,
      case when seen.user_id is null then seen.run_id end as run_id,
      case when seen.user_id is null then seen.connection_key end as connection_key
    from unnest(sightings) seen
  ) told
  cross join lateral (select max(run.held_on) as held_on from zoom.instances run where run.meeting_id = told.meeting_id) latest;

  with known as (
    select seen.*, coalesce(own.id, guest.row_id, heir.row_id) as row_id,
      -- Zoom told us of them in this occurrence, or be it in an earlier one.
      place.is_here,
      -- Or the app did, and its row is what there is to show.
      not place.is_here and exists (
        select from zoom.visits visit
        where visit.meeting_id = seen.meeting_id and visit.user_id = seen.user_id and visit.kind = 'joined' and visit.at >= (
          select min(run.started_at) - zoom.early() from zoom.instances run
          where run.meeting_id = seen.meeting_id and run.held_on = seen.held_on)
      ) as is_in_app,
      memory.closed_at is not null and own.leave_time = memory.closed_at as is_closed,
      place.is_here or seen.connection is not null or exists (
        select from zoom.segments seg where seg.user_id = seen.user_id and seg.meeting_id = seen.meeting_id) as is_known,
      -- The row shows Zoom's facts already; and what the app had said in it, null for a row we made.
      memory.row_id is not null and memory.closed_at is null or guest.row_id is not null as is_ours,
      case
        when memory.row_id is not null and (memory.closed_at is null or own.leave_time = memory.closed_at) then memory.was
        when own.id is not null then row(own.zoom_participant_id, own.name, own.email, own.join_time, own.leave_time, own.duration, coalesce(own.status, 'invited'))::zoom.said
      end as was
    from unnest(people, zoom.add_up(people)) seen (meeting_id, held_on, class_id, user_id, run_id, connection_key,
      connection, name, email, join_time, leave_time, duration, is_in, is_settled)
    cross join lateral (
      select seen.connection is not null and (
        seen.user_id is not null or (select run.held_on from zoom.instances run where run.run_id = seen.run_id) = seen.held_on) as is_here
    ) place
    left join public.zoom_participants own on own.meeting_id = seen.meeting_id and own.user_id = seen.user_id
    left join zoom.rows memory on memory.row_id = own.id
    left join zoom.rows guest on guest.run_id = seen.run_id and guest.connection_key = seen.connection_key
    left join lateral (
      -- A guest who turned out to be this user leaves them the row.
      select former.row_id
      from zoom.segments seg
      join zoom.rows former on former.run_id = seg.run_id and former.connection_key = seg.connection_key
      where own.id is null and seg.user_id = seen.user_id and seg.meeting_id = seen.meeting_id
      order by former.row_id
      limit 1
    ) heir on true
  ), want as materialized (
    -- Here: as Zoom saw them. Known from an earlier occurrence: invited. Wrongly taken for this user: as the app had it.
    select coalesce(known.row_id, gen_random_uuid()) as row_id, known.row_id is not null as is_there,
      known.meeting_id, known.user_id, known.run_id, known.connection_key, known.is_known, known.is_in_app, known.was,
      case when known.is_known and not known.is_in_app then row(
        known.connection, coalesce(known.name, person.name), coalesce(known.email, person.email),
        case when known.is_here then known.join_time end,
        case when known.is_here then known.leave_time end,
        case when known.is_here and known.is_settled then known.duration end,
        case when not known.is_here then 'invited' when known.is_in then 'joined' else 'left' end
      )::zoom.said else known.was end as says
    from known
    left join public.users person on person.id = known.user_id
    where (known.is_known or known.is_ours and (known.was).status is not null)
      and not (known.is_in_app and known.is_closed) -- closed, it says all that the app does
  ), inserted as (
    insert into public.zoom_participants
      (id, meeting_id, user_id, zoom_participant_id, name, email, join_time, leave_time, duration, status)
    select want.row_id, want.meeting_id, want.user_id, (want.says).*
    from want
    where not want.is_there
    on conflict (meeting_id, user_id) do nothing
    returning id
  ), updated as (
    update public.zoom_participants shown set
      user_id = want.user_id, zoom_participant_id = (want.says).zoom_participant_id, name = (want.says).name, email = (want.says).email,
      join_time = (want.says).join_time, leave_time = (want.says).leave_time, duration = (want.says).duration, status = (want.says).status
    from want
    where want.is_there and shown.id = want.row_id
      and (shown.user_id, shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)
        is distinct from (want.user_id, (want.says).zoom_participant_id, (want.says).name, (want.says).email, (want.says).join_time,
          (want.says).leave_time, (want.says).duration, (want.says).status)
  ), deleted as (
    -- Nobody's row any more: we made it, and whoever it stood for was never there.
    delete from public.zoom_participants shown
    using known
    where shown.id = known.row_id and known.is_ours and (known.was).status is null and not known.is_known
      and not exists (select from want where want.row_id = known.row_id)
  )
  select
    (select count(*) from inserted) < (select count(*) from want where not want.is_there),
    (select array_agg(row(want.row_id, want.was, want.run_id, want.connection_key, null)::zoom.rows) from want where want.is_known),
    (select array_agg(want.row_id) from want where not want.is_known),
    (select array_agg(distinct want.meeting_id) from want where not want.is_known or want.is_in_app)
  into was_overtaken, written, given_back, meetings;

  if was_overtaken then
    raise exception 'the app inserted a participant at the same moment' using
      errcode = 'serialization_failure', hint = 'Nothing was written. Call again.';
  end if;

  -- Remember which rows are ours, what the app's said, and which guest a row stands for.
  insert into zoom.rows as memory
  select (told).* from unnest(written) told
  where not exists (
    select from zoom.rows known
    where known.row_id = told.row_id and (known.was, known.run_id, known.connection_key, known.closed_at)
      is not distinct from (told.was, told.run_id, told.connection_key, null))
  on conflict (row_id) do update set
    was = excluded.was, run_id = excluded.run_id, connection_key = excluded.connection_key, closed_at = null;
  delete from zoom.rows memory where memory.row_id = any (given_back);
  return meetings;
end
$$;
comment on function zoom.show_participants is 'Brings the rows of these people in public.zoom_participants to what Zoom''s facts say of the latest occurrence. Returns the meetings in which the app got a row back. Raises 40001 if the app inserted one of them meanwhile.';
revoke execute on function zoom.show_participants from public;
grant execute on function zoom.show_participants to service_role;


create function zoom.close_app_joins(meetings uuid[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with left_open as (
    -- Joined, says the app, or we closed it; and Zoom saw nothing of them in the latest occurrence.
    select shown.id, shown.meeting_id,
      case when is_closed then memory.was
        else row(shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)::zoom.said
      end as was, (
        select min(run.ended_at) from zoom.instances run
        where run.meeting_id = shown.meeting_id and run.ended_at >= coalesce(shown.join_time, '-infinity')
      ) as ended_at
    from unnest(meetings) told (id)
    join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited'
    left join zoom.rows memory on memory.row_id = shown.id
    cross join lateral (select shown.status = 'left' and memory.closed_at is not null and shown.leave_time = memory.closed_at) note (is_closed)
    where shown.user_id is not null and (shown.status = 'joined' or is_closed)
      and not exists (
        select from zoom.instances run
        join zoom.segments seg on seg.run_id = run.run_id and seg.meeting_id = run.meeting_id and seg.user_id = shown.user_id
        where run.meeting_id = shown.meeting_id
          and run.held_on = (select max(other.held_on) from zoom.instances other where other.meeting_id = shown.meeting_id))
  ), closed as (
    update public.zoom_participants shown set status = 'left', leave_time = left_open.ended_at
    from left_open
    where shown.id = left_open.id and left_open.ended_at is not null
      and (shown.status, shown.leave_time) is distinct from ('left', left_open.ended_at)
    returning shown.id, left_open.was, shown.leave_time
  )
  insert into zoom.rows as memory (row_id, was, closed_at)
  select closed.id, closed.was, closed.leave_time from closed
  on conflict (row_id) do update set was = excluded.was, closed_at = excluded.closed_at;
end
$$;
comment on function zoom.close_app_joins is 'Closes rows that only the app left at joined, at the first end of a run after that join. Zoom never saw these people in that lesson: their time is no evidence.';
revoke execute on function zoom.close_app_joins from public;
grant execute on function zoom.close_app_joins to service_role;


create function zoom.show_meetings(meetings uuid[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  update public.zoom_meetings meeting set status = newest.status, updated_at = now()
  from (
    select told.id, (
        select case when run.ended_at is null then 'started' else 'ended' end
        from zoom.instances run
        where run.meeting_id = told.id
        order by run.started_at desc, run.instance desc
        limit 1
      ) as status
    from unnest(meetings) told (id)
  ) newest
  where meeting.id = newest.id and meeting.status is distinct from newest.status;
end
$$;
comment on function zoom.show_meetings is 'Sets the status of these meetings to what their newest run says: ended if it has ended, else started.';
revoke execute on function zoom.show_meetings from public;
grant execute on function zoom.show_meetings to service_role;


create function zoom.app_stay(person zoom.person, out duration integer, out is_settled boolean)
language plpgsql stable set search_path = '' as $$
begin
  select coalesce(zoom.seconds(range_agg(tstzrange(span.came, span.went)) filter (where span.went is not null)), 0), bool_or(span.went is not null)
  into duration, is_settled
  from (
    -- From a join on the page to what it said next, clipped to the run.
    select greatest(visit.at, run.started_at) as came, least(next.at, run.ended_at) as went
    from zoom.instances run
    join zoom.visits visit
      on visit.meeting_id = run.meeting_id and visit.user_id = person.user_id and visit.kind = 'joined'
      and visit.at >= run.started_at - zoom.early() and visit.at <= coalesce(run.ended_at, 'infinity')
    left join lateral (
      select later.at from zoom.visits later
      where later.meeting_id = visit.meeting_id and later.user_id = visit.user_id and (later.at, later.kind) > (visit.at, visit.kind)
        and later.kind <> 'opened'
      order by later.at, later.kind
      limit 1
    ) next on true
    where run.meeting_id = person.meeting_id and run.held_on = person.held_on and run.class_id = person.class_id
  ) span
  where span.went is null or span.went > span.came;
end
$$;
comment on function zoom.app_stay is 'How long the app says that a user was in a meeting of a class on a date: seconds, and whether any of it is over; is_settled is null if the app saw nothing.';
revoke execute on function zoom.app_stay from public;
grant execute on function zoom.app_stay to service_role;


create function zoom.part_size() returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return 300;
end
$$;
comment on function zoom.part_size is 'How many records of one lesson a transaction writes when it ends. Realtime takes a transaction as a whole, and has 15 seconds for it: changes times listening pages stay below 150,000.';
revoke execute on function zoom.part_size from public;
grant execute on function zoom.part_size to service_role;


create function zoom.due_records(
  sightings zoom.sighting[], lessons zoom.lesson[], out due zoom.verdicts[], out later zoom.verdicts[]
)
language plpgsql stable set search_path = '' as $$
begin
  -- Whose verdict may have changed: the students touched, and whole classes whose lesson ended or moved.
  with told as (
    select enrolled.student_id, enrolled.class_id, run.held_on, true as is_touched
    from unnest(sightings) seen
    join zoom.instances run on run.run_id = seen.run_id
    cross join lateral (
      select pupil.class_id, pupil.student_id from public.class_students pupil
      where pupil.class_id = run.class_id and pupil.student_id = seen.user_id
      limit 1
    ) enrolled
    union all
    select enrolled.student_id, enrolled.class_id, lesson.held_on, false
    from unnest(lessons) lesson
    join public.class_students enrolled on enrolled.class_id = lesson.class_id and enrolled.student_id is not null
  ), record as (
    select told.student_id, told.class_id, told.held_on, bool_or(told.is_touched) as is_touched
    from told
    group by told.student_id, told.class_id, told.held_on
  ), numbered as (
    select record.*, count(*) filter (where not record.is_touched)
      over (partition by record.class_id, record.held_on order by record.student_id) as n
    from record
  )
  select
    array_agg(row(numbered.student_id, numbered.class_id, numbered.held_on, null, null)::zoom.verdicts)
      filter (where numbered.is_touched or numbered.n <= zoom.part_size()),
    array_agg(row(numbered.student_id, numbered.class_id, numbered.held_on, null, null)::zoom.verdicts)
      filter (where not numbered.is_touched and numbered.n > zoom.part_size())
  into due, later
  from numbered;
end
$$;
comment on function zoom.due_records is
  'The records that may have to say something else, as student, class and date: of the students touched, and of everybody enrolled in these lessons. Of a large lesson those beyond one part (see zoom.part_size) are for later.';
revoke execute on function zoom.due_records from public;
grant execute on function zoom.due_records to service_role;


create function zoom.record_attendance(due zoom.verdicts[], min_seconds integer, app_joins text) returns void
language plpgsql volatile set search_path = '' as $$
declare
  people zoom.person[];
begin
  -- Of a lesson that was forgotten in part nothing can be said any more.
  due := array(
    select row(told.*)::zoom.verdicts from unnest(due) told
    where not exists (
      select from zoom.instances gone
      where gone.class_id = told.class_id and gone.held_on = told.date and gone.forgotten_at is not null));

  -- A teacher may be saving the same records: whoever comes second sees what the first wrote.
  perform from unnest(due) told
  join public.attendance_records record
    on record.student_id = told.student_id and record.class_id = told.class_id and record.date = told.date
  order by record.id
  for update of record;

  -- In every meeting of the class on that date; in none, if the lesson is gone.
  select array_agg(row(held.meeting_id, told.date, told.class_id, told.student_id, null, null)::zoom.person) into people
  from unnest(due) told
  left join lateral (
    select distinct run.meeting_id from zoom.instances run where run.class_id = told.class_id and run.held_on = told.date offset 0
  ) held on true;

  with judged as materialized ( -- worked out once, and looked at three times
    -- Several meetings of a class on one date: the best of them.
    select seen.user_id as student_id, seen.class_id, seen.held_on as date, (array['absent', 'partial', 'present'])[max(case
        when seen.connection is null and app.is_settled is null and exists (
          select from zoom.instances run
          where run.class_id = seen.class_id and run.held_on = seen.held_on and run.meeting_id = seen.meeting_id and run.ended_at is not null
        ) then 1
        when coalesce(app.is_settled, seen.is_settled) and coalesce(app.duration, seen.duration) < min_seconds then 2
        when coalesce(app.is_settled, seen.is_settled) then 3
      end)] as verdict
    from unnest(people, zoom.add_up(people)) seen (meeting_id, held_on, class_id, user_id, run_id, connection_key,
      connection, name, email, join_time, leave_time, duration, is_in, is_settled)
    -- Where Zoom saw nothing of them, and the school takes the app's word.
    left join lateral (
      select own.* from zoom.app_stay(row(seen.meeting_id, seen.held_on, seen.class_id, seen.user_id, null, null)::zoom.person) own
      where app_joins = 'count' and seen.connection is null
      offset 0
    ) app on true
    group by seen.user_id, seen.class_id, seen.held_on
  ), weighed as (
    select judged.*, record.id as record_id, record.status as current,
      -- What we find that we did not leave there is somebody else's word.
      case when memory.student_id is not null and record.status is not distinct from zoom.weighed(memory.theirs, memory.verdict)
           then memory.theirs else record.status end as theirs
    from judged
    left join public.attendance_records record
      on record.student_id = judged.student_id and record.class_id = judged.class_id and record.date = judged.date
    left join zoom.verdicts memory
      on memory.student_id = judged.student_id and memory.class_id = judged.class_id and memory.date = judged.date
    -- Nothing new from Zoom: leave what people wrote meanwhile.
    where judged.verdict is distinct from memory.verdict
  ), want as materialized (
    select weighed.*, zoom.weighed(weighed.theirs, weighed.verdict) as status from weighed
  ), remembered as (
    insert into zoom.verdicts as memory (student_id, class_id, date, verdict, theirs)
    select want.student_id, want.class_id, want.date, want.verdict, want.theirs from want
    on conflict (student_id, class_id, date) do update set verdict = excluded.verdict, theirs = excluded.theirs
  ), updated as (
    update public.attendance_records record set status = want.status
    from want
    where record.id = want.record_id and want.status is distinct from want.current and want.status is not null
  ), deleted as (
    -- Only a record of our own can come to say nothing.
    delete from public.attendance_records record
    using want
    where record.id = want.record_id and want.status is null
  )
  insert into public.attendance_records as record (student_id, class_id, date, status)
  select want.student_id, want.class_id, want.date, want.status
  from want
  where want.record_id is null and want.status is not null
  -- Somebody inserted it a moment ago: theirs is only raised.
  on conflict (student_id, class_id, date) do update set status = zoom.weighed(record.status, excluded.status)
  where record.status is distinct from zoom.weighed(record.status, excluded.status);
end
$$;
comment on function zoom.record_attendance is 'Brings these of public.attendance_records to what Zoom''s facts say: present from min_seconds, partial for less, absent for the enrolled who were never seen once it ended.';
revoke execute on function zoom.record_attendance from public;
grant execute on function zoom.record_attendance to service_role;


create table zoom.unfinished (
  student_id uuid not null references public.users (id) on delete cascade,
  class_id uuid not null references public.classes (id) on delete cascade,
  date date not null,
  min_seconds integer not null,
  app_joins text not null,
  primary key (class_id, date, student_id)
);

comment on table zoom.unfinished is 'Records that a large lesson left for calls of their own (public.finish_zoom_lessons), so that no transaction carries more changes than Realtime can tell its listeners of.';
comment on column zoom.unfinished.student_id is 'The student.';
comment on column zoom.unfinished.class_id is 'The class.';
comment on column zoom.unfinished.date is 'The date of the lesson.';
comment on column zoom.unfinished.min_seconds is 'From how many seconds a student counts as present, as it was when the lesson was applied.';
comment on column zoom.unfinished.app_joins is 'What the app''s word was worth then.';

create index unfinished_student_id_idx on zoom.unfinished (student_id);

alter table zoom.unfinished enable row level security;
grant select, insert, update, delete on zoom.unfinished to service_role;


create function public.finish_zoom_lessons() returns integer
language plpgsql volatile security invoker
set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  written bigint[] := zoom.rows_written();
  first zoom.unfinished;
  due zoom.verdicts[];
begin
  select later.* into first from zoom.unfinished later order by later.class_id, later.date, later.student_id limit 1;
  if first.class_id is null then
    return 0;
  end if;
  -- Locked as apply_zoom_events locks it: nobody else writes this class's records meanwhile.
  perform from public.classes class where class.id = first.class_id for no key update;
  with taken as (
    delete from zoom.unfinished later
    using (
      select own.class_id, own.date, own.student_id from zoom.unfinished own
      where own.class_id = first.class_id and (own.min_seconds, own.app_joins) = (first.min_seconds, first.app_joins)
      order by own.date, own.student_id
      limit zoom.part_size()
    ) part
    where (later.class_id, later.date, later.student_id) = (part.class_id, part.date, part.student_id)
    returning later.student_id, later.class_id, later.date
  )
  select array_agg(row(taken.student_id, taken.class_id, taken.date, null, null)::zoom.verdicts) into due from taken;
  perform zoom.record_attendance(due, first.min_seconds, first.app_joins);
  perform zoom.tell_changes(written);
  return (select count(*) from zoom.unfinished);
end
$$;
comment on function public.finish_zoom_lessons is
  'Writes the next part of the attendance that large lessons left for later, some hundred records; returns how many are left. The sidecar calls it until it returns 0. Raises 40001 and 40P01 when it should be called again.';
revoke execute on function public.finish_zoom_lessons from public, anon, authenticated;
grant execute on function public.finish_zoom_lessons to service_role;


create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb
language plpgsql volatile security invoker
set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  written bigint[] := zoom.rows_written();
  facts zoom.fact[] := zoom.read_events(events);
  min_seconds integer := round(60 * coalesce((policy ->> 'min_minutes')::numeric, 15));
  school_timezone text := coalesce(policy ->> 'timezone', 'UTC');
  app_joins text := coalesce(policy ->> 'app_joins', 'corroborate');
  meetings uuid[];
  kept record;
  app record;
  dates record;
  stirred bigint[];
  visitors zoom.sighting[];
  seen zoom.sighting[];
  given_back uuid[];
  lessons zoom.lesson[];
  records record;
begin
  -- Lock the meetings, in id order; those we do not find are unknown.
  meetings := array(
    select meeting.id from public.zoom_meetings meeting
    where meeting.zoom_meeting_id = any (array(select distinct f.meeting from unnest(facts) f))
    order by meeting.id
    for no key update);

  facts := array(
    select row(f.n, f.kind, f.meeting, meeting.id, f.instance, null, f.at, f.approximate, f.start, f.segment, f.connection,
      f.zoom_user_id, f.registrant_id, f.customer_key, f.email, f.name, f.user_id, f.host_email)::zoom.fact
    from unnest(facts) f
    left join public.zoom_meetings meeting on meeting.zoom_meeting_id = f.meeting and meeting.id = any (meetings)
    order by f.n);

  kept := zoom.keep_facts(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is null));
  app := zoom.keep_visits(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is not null));

  if kept.changed_runs is not null or kept.changed_visits is not null or app.fresh is not null then
    -- Lock the classes, in id order: two meetings of one class write the same records.
    perform from public.classes class
    where class.id = any (array(
      select meeting.class_id from public.zoom_meetings meeting where meeting.id = any (meetings)
      union
      select run.class_id from unnest(kept.facts) f
      join zoom.instances run on run.run_id = f.run_id))
    order by class.id
    for no key update;

    dates := zoom.date_instances(kept.changed_runs, school_timezone);

    -- Where the app saw somebody come, it matters when a run was.
    stirred := array(
      select run.run_id from zoom.instances run
      where run.run_id = any (kept.changed_runs || dates.moved_runs)
        and exists (select from zoom.visits visit where visit.meeting_id = run.meeting_id));
    visitors := app.visitors || array(
      select distinct row(run.meeting_id, run.run_id, null, visit.user_id)::zoom.sighting
      from zoom.instances run
      join zoom.visits visit
        on visit.meeting_id = run.meeting_id and visit.at >= least(run.first_at, run.started_at) - zoom.early()
        and visit.at <= coalesce(run.ended_at, 'infinity')
      where run.run_id = any (stirred));

    -- Look at the connections touched, at those that may be a visitor's, and at everyone in a run that ended or moved or
    -- became the latest.
    seen := zoom.recognise(kept.touched || zoom.namesakes(app.visitors) || array(
      select distinct row(seg.meeting_id, seg.run_id, seg.connection_key, null)::zoom.sighting
      from (
        select told.run_id from unnest(kept.ended_runs || dates.moved_runs || stirred) told (run_id)
        union
        select run.run_id
        from unnest(dates.turned) told (id)
        join zoom.instances run
          on run.meeting_id = told.id and run.held_on = (select max(other.held_on) from zoom.instances other where other.meeting_id = told.id)
      ) run
      join zoom.segments seg on seg.run_id = run.run_id), app_joins);

    -- Where another occurrence is the latest now, those shown for the one before go back to invited.
    given_back := app.given_back || zoom.show_participants(seen || visitors || array(
      select row(shown.meeting_id, memory.run_id, memory.connection_key, shown.user_id)::zoom.sighting
      from unnest(dates.turned) told (id)
      join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited'
      left join zoom.rows memory on memory.row_id = shown.id
      where shown.user_id is not null or memory.run_id is not null));

    given_back := given_back || array(select distinct run.meeting_id from zoom.instances run where run.run_id = any (kept.ended_runs));
    if cardinality(given_back) > 0 then
      perform zoom.close_app_joins(given_back);
    end if;

    perform zoom.show_meetings(array(select distinct run.meeting_id from zoom.instances run where run.run_id = any (kept.changed_runs)));

    lessons := dates.moved_lessons || array(
      select distinct row(run.class_id, run.held_on)::zoom.lesson
      from zoom.instances run
      where run.run_id = any (kept.ended_runs || dates.moved_runs) and run.class_id is not null);
    records := zoom.due_records(seen || visitors, lessons);
    perform zoom.record_attendance(records.due, min_seconds, app_joins);
    if records.later is not null then
      insert into zoom.unfinished as later (student_id, class_id, date, min_seconds, app_joins)
      select told.student_id, told.class_id, told.date, min_seconds, app_joins
      from unnest(records.later) told
      on conflict (student_id, class_id, date) do update set min_seconds = excluded.min_seconds, app_joins = excluded.app_joins;
      perform zoom.tell('Sidecar-Unfinished', 'true'); -- so that the sidecar calls finish_zoom_lessons
    end if;
    perform zoom.tell_changes(written);
  end if;

  return (
    select coalesce(jsonb_agg(case
        when f.meeting_id is null then 'unknown_meeting'
        when not coalesce(f.n = any (app.fresh) or f.run_id = any (kept.changed_runs) and f.kind in ('started', 'ended')
          or (f.run_id, f.segment) in (select told.run_id, told.segment from unnest(kept.changed_visits) told), false) then 'duplicate'
        when f.customer_key is null then 'applied'
        when not exists (
          select from zoom.keys key where key.customer_key = f.customer_key and key.meeting_id = f.meeting_id) then 'unknown_key'
        when exists (
          select from zoom.shared_keys shared
          where shared.customer_key = f.customer_key and shared.run_id = f.run_id and shared.segment = f.segment) then 'shared_key'
        else 'applied'
      end order by f.n), '[]')
    from unnest(kept.facts || array(select f from unnest(facts) f where f.meeting_id is null or f.user_id is not null)) f);
end
$$;
comment on function public.apply_zoom_events is 'Adds Zoom''s events, and what the app saw, to the facts and brings the public rows to what the facts say, in one transaction. events: an array of objects. Zoom''s have kind (started, ended, joined, left), meeting, instance, at, and optionally approximate, start, segment, connection, zoom_user_id, registrant_id, customer_key, email, name, host_email; the app''s have kind (app_joined, app_left), meeting, at, user. policy: min_minutes (default 15), timezone (IANA name, default UTC, or "meeting") and app_joins (corroborate, the default: a name counts for a student who joined through the app; count: the app''s word does where Zoom saw nothing; ignore). Returns one outcome per event, in order: applied, duplicate, unknown_meeting; or applied with a customer_key that is none of ours for that meeting (unknown_key) or that another Zoom user shows at the same time (shared_key). Raises 22xxx for bad input, 40001 and 40P01 when it should be called again.';
revoke execute on function public.apply_zoom_events from public, anon, authenticated;
grant execute on function public.apply_zoom_events to service_role;

notify pgrst, 'reload schema';
