-- How long what Zoom told is kept: for ever, unless the school removes it.
--
-- zoom.forget removes who was where and when in lessons of long ago, and what users went by in those days; the rows that the
-- app reads, the attendance above all, stay as they are. The run itself is remembered, so that an event of it that comes once
-- more is still a repetition. Nobody calls it but the school:
--
--   select zoom.forget(now() - interval '2 years');                                              until it returns 0
--   select cron.schedule('forget', '0 3 * * *', $$select zoom.forget(now() - interval '2 years')$$);
--
-- zoom.forget_person removes what Zoom said of who somebody is, and what they went by at the school. It is called when a user
-- is deleted (triggers, see policies/users.sql), and by the school for a guest:
--
--   select zoom.forget_person(address => 'somebody@home.test');
--
-- When they were where, whom they were taken for and whether they were staff stays: the verdicts of others stand on it. A
-- connection that was forgotten is looked up no more.
--
-- Locks: it only makes functions.

create function zoom.forget(before timestamptz, most integer default 1000) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  meetings uuid[];
  forgotten integer;
begin
  -- As apply_zoom_events does: lock the meetings first, in id order.
  meetings := array(
    select distinct run.meeting_id from zoom.instances run
    where run.ended_at < before and run.forgotten_at is null and run.meeting_id is not null);
  perform zoom.lock_meetings(meetings);

  with due as (
    -- Of a meeting that recurs, the latest lesson stays: the participants show it.
    select run.run_id, run.meeting_id, run.started_at, run.ended_at
    from zoom.instances run
    join zoom.meetings meeting on meeting.meeting_id = run.meeting_id
    where meeting.meeting_id = any (meetings) and run.ended_at < before and run.forgotten_at is null
      and (not zoom.is_shown(run, meeting)
        or zoom.as_of('zoom_meetings', run.meeting_id::text, now()) ->> 'meeting_type' = 'scheduled')
    order by run.ended_at
    limit most
  ), noted as (
    update zoom.instances run set forgotten_at = now() from due where run.run_id = due.run_id
    returning run.run_id
  ), gone as (
    delete from zoom.segments seg using due where seg.run_id = due.run_id
  ), unmarked as (
    delete from zoom.marks mark using due where mark.run_id = due.run_id
  ), unvisited as (
    delete from zoom.visits visit using due
    where visit.meeting_id = due.meeting_id and visit.at between due.started_at - zoom.early() and due.ended_at
  )
  select count(*) into forgotten from noted;

  -- What users went by, and were registered as, until before the earliest lesson that is kept: nothing is judged by it. The
  -- last of a user stays, for their role.
  delete from zoom.history own
  where own.until < least(before, (select min(run.started_at) from zoom.instances run where run.forgotten_at is null))
    and (own.relation = 'meeting_registrants' or own.relation = 'users' and exists (
      select from zoom.history later
      where later.row_key = own.row_key and later.relation = own.relation and later.until > own.until));
  return forgotten;
end
$$;
comment on function zoom.forget is
  'Removes the segments, marks and visits of runs that ended before an instant, the longest ago first, of at '
  'most so many runs; returns of how many. The latest lesson of a recurring meeting is kept. Former names, addresses and '
  'registrations go too, once they ended before that instant and before every lesson that is kept began. Attendance and all '
  'other public rows stay, can no longer be explained, and are not changed by what Zoom may say of these lessons '
  'later.';
revoke execute on function zoom.forget from public;
grant execute on function zoom.forget to service_role;


-- A person ------------------------------------------------------------------------------------------------------------

create function zoom.own_addresses(person uuid) returns text[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct lower(btrim(own.was ->> 'email'))
    from zoom.history own
    where own.row_key = person::text and own.relation = 'users' and own.was ->> 'email' is not null
      and not exists (
        select from zoom.history other
        where other.relation = 'users' and lower(btrim(other.was ->> 'email')) collate "C" = lower(btrim(own.was ->> 'email'))
          and other.row_key <> own.row_key));
end
$$;
comment on function zoom.own_addresses is 'The e-mails that a user ever had and no other user did, in small letters.';

create type zoom.trace as (run_id bigint, segment text collate "C", connection_key text collate "C", user_id uuid);
comment on type zoom.trace is 'A segment that shows something of a person, and the user it is taken for.';

create function zoom.traces_of(person uuid, addresses text[]) returns zoom.trace[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    with shown as (
      select seg.* from zoom.segments seg where seg.user_id = person
      union all
      select seg.* from zoom.segments seg where seg.email is not null and zoom.folded(seg.email) = any (addresses)
      union all
      select seg.* from zoom.keys key join zoom.segments seg on seg.customer_key = key.customer_key where key.user_id = person
      union all
      select seg.* from zoom.history own
      join zoom.instances run on run.meeting_id = (own.was ->> 'meeting_id')::uuid
      join zoom.segments seg on seg.run_id = run.run_id
        and own.was ->> 'zoom_registrant_id' in (seg.registrant_id, seg.zoom_user_id, seg.participant_id)
      where own.relation = 'meeting_registrants' and own.was ->> 'user_id' = person::text
    )
    -- With all segments of the same connection.
    select distinct row(seg.run_id, seg.segment, seg.connection_key, seg.user_id)::zoom.trace
    from shown
    join zoom.segments seg on seg.connection_key = shown.connection_key and seg.run_id = shown.run_id);
end
$$;
comment on function zoom.traces_of is
  'The connections that are taken for a user, or show one of these addresses, or a key or a registration of the user.';

create function zoom.rename_segments(told zoom.trace[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with renamed as materialized (
    select own.run_id, own.segment, own.connection_key, 'forgotten ' || gen_random_uuid() as name
    from unnest(told) own
    where own.segment ~ '^(waiting )?(email|name|account) '
  ), marks as (
    update zoom.marks mark set segment = renamed.name
    from renamed where mark.run_id = renamed.run_id and mark.segment = renamed.segment
  ), rows as (
    update zoom.rows memory set connection_key = 'segment ' || renamed.name
    from renamed
    where memory.run_id = renamed.run_id and memory.connection_key = renamed.connection_key
      and renamed.connection_key = 'segment ' || renamed.segment
  )
  update zoom.segments seg set segment = renamed.name
  from renamed where seg.run_id = renamed.run_id and seg.segment = renamed.segment;
end
$$;
comment on function zoom.rename_segments is 'Gives these segments a name that says nothing, where they have that of an e-mail, a name or an account.';

create function zoom.forget_history(person uuid, address text default null) returns void
language plpgsql volatile security invoker set search_path = '' as $$
declare
  what constant text[] := '{email,name,shown_name,shown_email,zoom_registrant_id}';
  -- What a user who is there says now is in public.users, and counts.
  is_there constant boolean := exists (select from public.users own where own.id = person);
  change zoom.changes;
begin
  for change in
    select own.* from zoom.changes own
    where (own.relation = 'users' and own.row_key = person::text
        or own.relation = 'users' and lower(btrim(own.was ->> 'email')) = address
        or own.relation = 'meeting_registrants' and own.was ->> 'user_id' = person::text)
      and (person is not null and not is_there or not exists (
        select from zoom.history standing where standing.version_id = own.version_id and standing.until = 'infinity'))
    order by own.change_id
  loop
    -- Whom it concerns is noted while it still tells.
    insert into zoom.due (run_id)
    select told.run_id from unnest(zoom.runs_concerned(change)) told (run_id)
    order by told.run_id
    on conflict do nothing;
    update zoom.changes own set was = own.was - what where own.change_id = change.change_id;
  end loop;
  update zoom.history own set was = own.was - what
  where own.row_key = person::text and own.relation = 'users' and (not is_there or own.until < 'infinity');
  update zoom.history own set was = own.was - what
  where own.relation = 'meeting_registrants' and own.was ->> 'user_id' = person::text and (not is_there or own.until < 'infinity');
  update zoom.history own set was = own.was - what
  where own.relation = 'users' and lower(btrim(own.was ->> 'email')) collate "C" = address and own.until < 'infinity';
end
$$;
comment on function zoom.forget_history is
  'Removes the names, e-mails and registrations of a user from the history, and from the changes that are still to be looked at: '
  'all, of a user who is deleted; the former ones, of one who is there, and of whoever had an address (in small letters). Ids, role and '
  'times stay.';

create function zoom.forget_connections(person uuid, address text) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  wanted constant text := zoom.folded(address);
  addresses constant text[] := array_remove(zoom.own_addresses(person) || wanted, null);
  traces zoom.trace[] := zoom.traces_of(person, addresses);
  theirs zoom.trace[];
  accounts text[];
  meetings uuid[];
  forgotten integer;
begin
  -- As apply_zoom_events does: lock the meetings first, in id order.
  meetings := array(
    select distinct run.meeting_id from unnest(traces) told
    join zoom.instances run on run.run_id = told.run_id
    where run.meeting_id is not null);
  perform zoom.lock_meetings(meetings);
  traces := zoom.traces_of(person, addresses);
  theirs := array(select told from unnest(traces) told where person is null or told.user_id is null or told.user_id = person);
  accounts := array(
    select seg.zoom_user_id from unnest(theirs) told
    join zoom.segments seg on seg.run_id = told.run_id and seg.segment = told.segment
    where seg.zoom_user_id is not null);

  with shown as (
    update public.zoom_participants shown set email = null,
      name = case when shown.user_id is null or shown.user_id = person or person is null then null else shown.name end
    where (shown.name is not null or shown.email is not null)
      and (shown.user_id = person or shown.id in (
          -- The rows of guests that stand for these connections.
          select memory.row_id from unnest(theirs) told
          join zoom.rows memory on memory.run_id = told.run_id and memory.connection_key = told.connection_key)
        -- (A user's address is looked for where Zoom told it: in all rows it would take the app's delete too long.)
        or (person is null or shown.meeting_id = any (meetings)) and zoom.folded(shown.email) = any (addresses))
    returning shown.id
  ), remembered as (
    update zoom.rows memory set was.name = null, was.email = null
    where memory.was is not null and (memory.row_id in (select own.id from public.zoom_participants own where own.user_id = person)
      or person is null and zoom.folded((memory.was).email) = any (addresses))
  ), refused as (
    delete from zoom.refused own
    using unnest(theirs) told
    join zoom.instances run on run.run_id = told.run_id
    where own.relation = 'zoom_participants' and own.row_key = concat_ws(' ', run.meeting_id, told.connection_key)
  ), unnamed as (
    update zoom.marks mark set name = null
    from unnest(theirs) told
    where mark.run_id = told.run_id and mark.segment = told.segment and mark.name is not null
  ), cleared as (
    update zoom.segments seg set email = null, registrant_id = null, participant_id = null, customer_key = null, zoom_user_id = null,
      known_by = nullif(seg.known_by, 'tie'), is_forgotten = true,
      -- All devices of a user stay one person.
      connection = coalesce('user ' || told.user_id, seg.connection)
    from unnest(theirs) told
    where seg.run_id = told.run_id and seg.segment = told.segment
    returning 1
  )
  select (select count(*) from shown) + (select count(*) from cleared) into forgotten;

  -- Of a connection that is somebody else's goes what is of this person: who it is does not depend on that.
  update zoom.segments seg set
    email = case when zoom.folded(seg.email) = any (addresses) then null else seg.email end,
    customer_key = case when seg.customer_key = any (own.ids) then null else seg.customer_key end,
    registrant_id = case when seg.registrant_id = any (own.ids) then null else seg.registrant_id end,
    participant_id = case when seg.participant_id = any (own.ids) then null else seg.participant_id end,
    zoom_user_id = case when seg.zoom_user_id = any (own.ids) then null else seg.zoom_user_id end
  from unnest(traces) told
  join zoom.instances run on run.run_id = told.run_id
  cross join lateral (
    select array(
      select key.customer_key::text from zoom.keys key where key.user_id = person
      union all
      select told_then.was ->> 'zoom_registrant_id' from zoom.history told_then
      where told_then.relation = 'meeting_registrants' and told_then.was ->> 'user_id' = person::text
        and (told_then.was ->> 'meeting_id')::uuid = run.meeting_id) as ids
  ) own
  where seg.run_id = told.run_id and seg.segment = told.segment and not seg.is_forgotten;
  -- The host's address decides nothing any more, nor their account where nobody else shows it.
  update zoom.instances run set host_email = null
  where lower(btrim(run.host_email collate "default")) = any (addresses);
  update zoom.instances run set host_id = null
  where run.host_id = any (accounts) and not exists (
    select from zoom.segments seg
    where seg.run_id = run.run_id and run.host_id in (seg.zoom_user_id, seg.registrant_id, seg.participant_id));
  perform zoom.rename_segments(array(
    select told from unnest(traces) told
    where told = any (theirs) or substring(told.segment from 'email (.*)') = any (addresses)));
  return forgotten;
end
$$;
comment on function zoom.forget_connections is
  'Removes what tells who somebody is from what Zoom told, and from the participants'' rows: see zoom.forget_person.';

create function zoom.forget_person(person uuid default null, address text default null) returns integer
language plpgsql volatile security invoker set search_path = '' as $$
declare
  forgotten constant integer := zoom.forget_connections(person, address);
begin
  perform zoom.forget_history(person, zoom.folded(address));
  return forgotten;
end
$$;
comment on function zoom.forget_person is
  'Removes the name, e-mail, registration, key and Zoom account of a user, or of whoever showed an e-mail, from '
  'what Zoom told, from the participants'' rows, and their former names and addresses from the history; when they were where, whether '
  'that was staff, and the attendance, stay. Returns how many rows that changed. An event that comes once more adds '
  'nothing to a connection that was forgotten; another connection is a guest''s.';

create function zoom.leave_to_guests(person uuid) returns void
language plpgsql volatile set search_path = '' as $$
begin
  insert into zoom.rows as memory (row_id, was, run_id, connection_key, closed_at)
  select distinct on (shown.id) shown.id, null::zoom.said, run.run_id, seg.connection_key, null::timestamptz
  from public.zoom_participants shown
  join zoom.instances run on run.meeting_id = shown.meeting_id
  join zoom.segments seg on seg.user_id = person and seg.run_id = run.run_id and seg.was_in
  where shown.user_id = person
  order by shown.id, run.started_at desc, run.instance desc
  on conflict (row_id) do update set
    was = excluded.was, run_id = excluded.run_id, connection_key = excluded.connection_key, closed_at = excluded.closed_at;
end
$$;
comment on function zoom.leave_to_guests is
  'Notes that the participants'' rows of a user who is being deleted are those of a guest from now on: of their newest connection.';

revoke execute on function
  zoom.own_addresses, zoom.traces_of, zoom.rename_segments, zoom.forget_history, zoom.forget_connections,
  zoom.forget_person, zoom.leave_to_guests
from public;
grant execute on function
  zoom.own_addresses, zoom.traces_of, zoom.rename_segments, zoom.forget_history, zoom.forget_connections,
  zoom.forget_person, zoom.leave_to_guests
to service_role;
