-- What the rows say: the files of supabase/schemas, one rule each, one after another.
--
-- Written by ./scripts/generate; change the files, not this. Once a version of it has shipped, make room for the next with
-- `supabase migration new rules` and run the script again: it writes the newest.
--
-- Locks: users, classes, class_students, parent_children, meeting_registrants and zoom_meetings against writes, while each
-- gets a trigger and is read once.


-- supabase/schemas/01_words.sql
------------------------------------------------------------------------------------------------------------------------

-- The few words that every rule uses: how a text is compared, how long a time is, and what a call tells the sidecar.

create function zoom.trimmed(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return nullif(btrim(regexp_replace(normalize(told, NFKC), '\s+', ' ', 'g')), '');
end
$$;
comment on function zoom.trimmed is 'A name or an address in one spelling: NFKC, blanks joined, none at its ends; null for an empty one.';
revoke execute on function zoom.trimmed from public;
grant execute on function zoom.trimmed to service_role;

create function zoom.folded(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return lower(zoom.trimmed(told collate "default"));
end
$$;
comment on function zoom.folded is 'As zoom.trimmed, in small letters: what is the same in any case has one folded form.';
revoke execute on function zoom.folded from public;
grant execute on function zoom.folded to service_role;

create function zoom.digits(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return regexp_replace(told, '[^0-9]', '', 'g');
end
$$;
comment on function zoom.digits is 'The digits of a meeting''s number, however it is spelled. Indexes have the expression itself.';
revoke execute on function zoom.digits from public;
grant execute on function zoom.digits to service_role;

create function zoom.longest() returns interval
language plpgsql immutable set search_path = '' as $$
begin
  return interval '30 hours';
end
$$;
comment on function zoom.longest is
  'The longest that a meeting lasts, by Zoom''s own limit: a stay beyond it is a mistake, and a run whose end was never told is over by then.';
revoke execute on function zoom.longest from public;
grant execute on function zoom.longest to service_role;

create function zoom.early() returns interval
language plpgsql immutable set search_path = '' as $$
begin
  return interval '30 minutes';
end
$$;
comment on function zoom.early is 'How long before a run somebody may come through the app for it.';
revoke execute on function zoom.early from public;
grant execute on function zoom.early to service_role;

create function zoom.seconds(counted tstzmultirange) returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return (select floor(coalesce(sum(extract(epoch from upper(piece) - lower(piece))), 0))::integer from unnest(counted) piece);
end
$$;
comment on function zoom.seconds is 'The length of a union of times, in whole seconds; 0 for null.';
revoke execute on function zoom.seconds from public;
grant execute on function zoom.seconds to service_role;

create function zoom.rank(verdict text) returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return array_position(array['nothing', 'absent', 'partial', 'present'], coalesce(verdict, 'nothing'));
end
$$;
comment on function zoom.rank is 'The order of verdicts: nothing (or null) 1, absent 2, partial 3, present 4; null for what only people write.';
revoke execute on function zoom.rank from public;
grant execute on function zoom.rank to service_role;

create function zoom.rows_written() returns bigint[]
language plpgsql volatile set search_path = '' as $$
begin
  -- PostgreSQL's own counters (track_counts, on by default): they know of every statement, and of triggers that are not
  -- ours. One expression, which costs a few microseconds.
  return array[
    pg_stat_get_xact_tuples_inserted('public.attendance_records'::regclass)
      + pg_stat_get_xact_tuples_updated('public.attendance_records'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.attendance_records'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_meetings'::regclass)
      + pg_stat_get_xact_tuples_updated('public.zoom_meetings'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_meetings'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_participants'::regclass)
      + pg_stat_get_xact_tuples_updated('public.zoom_participants'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_participants'::regclass)];
end
$$;
comment on function zoom.rows_written is
  'How many rows of the published tables (attendance_records, zoom_meetings, zoom_participants) this session has written '
  'and not yet reported to PostgreSQL''s statistics. It means something only less what it was a moment before in the same '
  'transaction.';
revoke execute on function zoom.rows_written from public;
grant execute on function zoom.rows_written to service_role;

create function zoom.tell(header text, value text) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('response.headers', (
    coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb
    || jsonb_build_object(header, value))::text, true);
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
comment on function zoom.tell_changes is
  'Has PostgREST say in the header Sidecar-Row-Changes how many rows of each published table were written since '
  'zoom.rows_written was before, each of them a message to everybody who watches. Without a change it says nothing; outside '
  'PostgREST nobody hears it.';
revoke execute on function zoom.tell_changes from public;
grant execute on function zoom.tell_changes to service_role;

-- Who is looked up anew when an address is given to somebody, and whose segments are forgotten with it.
create index segments_address_idx on zoom.segments (zoom.folded(email)) where email is not null;


-- supabase/schemas/02_history.sql
------------------------------------------------------------------------------------------------------------------------

-- The history of the school's data: for a run counts what was so when it began.
--
-- One trigger on each table that decides keeps the values of its deciding columns in zoom.history, from when to when they
-- stood. zoom.as_of answers for a row, the views for a value. The first value that is known of a row counts since ever,
-- since nobody noted what it said before; but a number or an address that another row held before counts from when it was
-- given, and an enrolment, a registration and a parent from when they were written.
--
-- The trigger never makes a write of the app fail or wait.
--
-- Names and addresses of a user who is deleted go (zoom.forget_history); ids, role and times stay, since what others were
-- is judged by them.

create view zoom.named_users with (security_invoker) as
select own.id, case when noted.user_id is not null then noted.name else own.name end as name
from public.users own
left join zoom.staff_names noted on noted.user_id = own.id;

comment on view zoom.named_users is 'Users by the name that staff last wrote, or had when the project was adopted.';
comment on column zoom.named_users.id is 'The user.';
comment on column zoom.named_users.name is 'The name; null for somebody who signed up themselves and whom staff did not name yet.';
grant select on zoom.named_users to service_role;

create function zoom.staff_name(person uuid) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (select named.name from zoom.named_users named where named.id = person);
end
$$;
comment on function zoom.staff_name is
  'The name of a user as staff last wrote it, or as it was when the project was adopted; null for none.';
revoke execute on function zoom.staff_name from public;
grant execute on function zoom.staff_name to service_role;

create function zoom.personal_number(settings jsonb, join_url text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case when settings ->> 'use_pmi' = 'true' then substring(join_url from '/j/([0-9]+)') end;
end
$$;
comment on function zoom.personal_number is
  'The number of the personal room that a meeting is held in, by its settings and its join_url; null for a meeting with a number of its own.';
revoke execute on function zoom.personal_number from public;
grant execute on function zoom.personal_number to service_role;

create function zoom.deciding(relation text, told jsonb, before jsonb) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select case relation
    when 'users' then jsonb_build_object(
      'email', zoom.trimmed(told ->> 'email'),
      'name', zoom.folded(zoom.staff_name((told ->> 'id')::uuid)),
      'shown_name', told -> 'name', 'shown_email', told -> 'email',
      'role', told -> 'role',
      'is_active', coalesce((told ->> 'is_active')::boolean, true))
    when 'classes' then jsonb_build_object('teacher_id', told -> 'teacher_id')
    when 'class_students' then jsonb_build_object('class_id', told -> 'class_id', 'student_id', told -> 'student_id')
    when 'parent_children' then jsonb_build_object('parent_id', told -> 'parent_id', 'student_id', told -> 'student_id')
    when 'meeting_registrants' then jsonb_build_object(
      'meeting_id', told -> 'meeting_id', 'user_id', told -> 'user_id',
      'zoom_registrant_id', zoom.trimmed(told ->> 'zoom_registrant_id'))
    when 'zoom_meetings' then jsonb_build_object(
      'zoom_meeting_id', told -> 'zoom_meeting_id',
      -- A personal room: its row has a number of its own, and events come with that of the room.
      'personal_number', zoom.personal_number(told -> 'settings', told ->> 'join_url'),
      'meeting_type', coalesce(told ->> 'meeting_type', 'scheduled'),
      'start_time', told -> 'start_time', 'duration', told -> 'duration', 'timezone', told -> 'timezone',
      'host_id', told -> 'host_id', 'class_id', told -> 'class_id', 'created_at', told -> 'created_at',
      'is_confirmed', not exists (select from zoom.unconfirmed noted where noted.meeting_id = (told ->> 'id')::uuid),
      -- A status that the sidecar wrote is no word on whether people cancelled.
      'status', word.status, 'is_cancelled', coalesce(word.status = 'cancelled', false))
  end
  from (
    select case when before is null or (before ->> 'status') is distinct from (told ->> 'status') then told ->> 'status'
      else before ->> 'said' end as status
  ) word);
end
$$;
comment on function zoom.deciding is
  'The values that decide, of a row as JSON: e-mail, name (as staff wrote it, folded), both as the app shows them, role and is_active of users; who '
  'teaches a class; who is enrolled, registered, whose parent; of a meeting its numbers, plan, class, host, and whether the '
  'class is confirmed (see zoom.unconfirmed), and the status that people gave it. before: the status before this change, and what '
  'people had said.';

create function zoom.history_key(relation text, told jsonb) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case relation
    when 'class_students' then concat_ws(' ', told ->> 'class_id', told ->> 'student_id')
    when 'parent_children' then concat_ws(' ', told ->> 'parent_id', told ->> 'student_id')
    else told ->> 'id'
  end;
end
$$;
comment on function zoom.history_key is 'How zoom.history names a row: by its id; who belongs to whom by both.';

create function zoom.note_version(named text, key text, says jsonb) returns void
language plpgsql volatile set search_path = '' as $$
declare
  latest zoom.history;
  standing zoom.history;
  moment timestamptz := now();
begin
  -- The last that is known (in this order: so the index is the right way to it, however small the table was when this was planned).
  select own.* into latest from zoom.history own
  where own.row_key = key and own.relation = named
  order by own.row_key desc, own.relation desc, own.until desc
  limit 1;
  if latest.until = 'infinity' then
    standing := latest;
  end if;
  if says is not distinct from standing.was then
    return;
  end if;
  if standing.since = moment then -- twice in one transaction: only the last is seen by anybody
    delete from zoom.history own where own.version_id = standing.version_id;
  elsif standing.version_id is not null then
    moment := greatest(moment, standing.since + interval '1 microsecond');
    update zoom.history own set until = moment where own.version_id = standing.version_id;
  end if;
  if says is not null then
    insert into zoom.history (relation, row_key, was, since, is_first)
    values (named, key, says, moment, latest.version_id is null or coalesce(standing.since = moment and standing.is_first, false))
    returning version_id into standing.version_id;
  end if;
  insert into zoom.changes (relation, row_key, was, version_id, is_gone)
  values (named, key, coalesce(says, latest.was), standing.version_id, says is null);
end
$$;
comment on function zoom.note_version is 'Notes what a row says from now on; null for one that is gone. What says the same is no change.';

create function zoom.note_history() returns trigger
language plpgsql security definer
set search_path = ''
-- A plan that was made while the table was empty is kept: it must be right when it is large.
set plan_cache_mode = force_generic_plan set enable_seqscan = off
as $$
declare
  before jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
  told jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
  standing jsonb;
begin
  if tg_table_name = 'zoom_meetings' and before is not null then
    standing := jsonb_build_object('status', before -> 'status', 'said', (
      select own.was -> 'status' from zoom.history own
      where own.row_key = before ->> 'id' and own.relation = 'zoom_meetings' and own.until = 'infinity'));
  end if;
  if told is null or zoom.history_key(tg_table_name, before) <> zoom.history_key(tg_table_name, told) then
    perform zoom.note_version(tg_table_name, zoom.history_key(tg_table_name, before), null);
  end if;
  if told is not null then
    perform zoom.note_version(tg_table_name, zoom.history_key(tg_table_name, told), zoom.deciding(tg_table_name, told, standing));
  end if;
  return null;
exception when others then
  raise warning 'the history of % could not be kept: %', tg_table_name, sqlerrm;
  return null;
end
$$;
comment on function zoom.note_history is
  'Trigger: keeps what a table says of the columns that decide (see zoom.deciding). A failure is a warning, and the write goes on.';

revoke execute on function zoom.deciding, zoom.history_key, zoom.note_version, zoom.note_history from public;

-- Named so that it comes after the triggers that note whose word a name and a class are.
create trigger zz_its_history_is_kept after insert or update or delete on public.users
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept after insert or update or delete on public.classes
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept after insert or update or delete on public.class_students
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept after insert or update or delete on public.parent_children
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept after insert or update or delete on public.meeting_registrants
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept after insert or delete on public.zoom_meetings
for each row execute function zoom.note_history();
create trigger zz_its_history_is_kept_too after update on public.zoom_meetings
for each row when (current_setting('zoom.writes_status', true) is distinct from 'on') execute function zoom.note_history();

-- What is there already counts since ever.
insert into zoom.history (relation, row_key, was, since, is_first)
select told.relation, zoom.history_key(told.relation, told.says), zoom.deciding(told.relation, told.says, null), '-infinity', true
from (
  select 'users' as relation, to_jsonb(own) as says from public.users own
  union all select 'classes', to_jsonb(own) from public.classes own
  union all select 'class_students', to_jsonb(own) from public.class_students own where own.class_id is not null and own.student_id is not null
  union all select 'parent_children', to_jsonb(own) from public.parent_children own where own.parent_id is not null and own.student_id is not null
  union all select 'zoom_meetings', to_jsonb(own) from public.zoom_meetings own
  union all select 'meeting_registrants', to_jsonb(own) from public.meeting_registrants own
) told;


create function zoom.as_of(named text, key text, at timestamptz) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return (
    select own.was from zoom.history own
    where own.row_key = key and own.relation = named
    -- The one in force; before the first that is known, the first; after the row was deleted, the last.
    order by own.until > as_of.at desc, case when own.until > as_of.at then own.since end, own.until desc
    limit 1);
end
$$;
comment on function zoom.as_of is 'What a row said at a moment, as zoom.deciding has it; null for one that never was.';

create view zoom.held_addresses with (security_invoker) as
select own.row_key::uuid as user_id, own.was ->> 'email' as email, lower(btrim(own.was ->> 'email')) collate "C" as address,
  case when own.is_first and not exists (
      select from zoom.history other
      where other.relation = 'users' and lower(btrim(other.was ->> 'email')) collate "C" = lower(btrim(own.was ->> 'email'))
        and other.row_key <> own.row_key and other.since < own.since)
    then '-infinity' else own.since end as since,
  own.until
from zoom.history own
where own.relation = 'users';

comment on view zoom.held_addresses is 'Whose an e-mail was, and from when to when.';
comment on column zoom.held_addresses.user_id is 'The user.';
comment on column zoom.held_addresses.email is 'The e-mail as it is spelled, trimmed.';
comment on column zoom.held_addresses.address is 'The same in small letters: by it an index finds the row.';
comment on column zoom.held_addresses.since is 'From when; -infinity for the first that is known of the user, unless another had it before.';
comment on column zoom.held_addresses.until is 'Until when.';

create view zoom.held_numbers with (security_invoker) as
select own.row_key::uuid as meeting_id, regexp_replace(own.was ->> 'zoom_meeting_id', '[^0-9]', '', 'g') collate "C" as number,
  case when own.is_first and not exists (
      select from zoom.history other
      where other.relation = 'zoom_meetings'
        and regexp_replace(other.was ->> 'zoom_meeting_id', '[^0-9]', '', 'g') collate "C" = regexp_replace(own.was ->> 'zoom_meeting_id', '[^0-9]', '', 'g')
        and other.row_key <> own.row_key and other.since < own.since)
    then '-infinity' else own.since end as since,
  own.until
from zoom.history own
where own.relation = 'zoom_meetings';

comment on view zoom.held_numbers is 'Which meeting had a number of Zoom''s, and from when to when.';
comment on column zoom.held_numbers.meeting_id is 'The meeting.';
comment on column zoom.held_numbers.number is 'The number''s digits: by them an index finds the row.';
comment on column zoom.held_numbers.since is 'From when; -infinity for the first that is known of the meeting, unless another had the number before.';
comment on column zoom.held_numbers.until is 'Until when.';

create view zoom.personal_rooms with (security_invoker) as
select own.row_key::uuid as meeting_id, (own.was ->> 'personal_number') collate "C" as number, (own.was ->> 'host_id')::uuid as host_id,
  (own.was ->> 'start_time')::timestamptz as starts_at,
  case when own.is_first then '-infinity' else own.since end as since, own.until
from zoom.history own
where own.relation = 'zoom_meetings' and own.was ->> 'personal_number' is not null;

comment on view zoom.personal_rooms is 'Meetings that are held in a host''s personal room, and from when to when.';
comment on column zoom.personal_rooms.meeting_id is 'The meeting.';
comment on column zoom.personal_rooms.number is 'The number of the room, from the join_url.';
comment on column zoom.personal_rooms.host_id is 'The host.';
comment on column zoom.personal_rooms.starts_at is 'For when it was planned.';
comment on column zoom.personal_rooms.since is 'From when; -infinity for the first that is known of the meeting.';
comment on column zoom.personal_rooms.until is 'Until when.';

create view zoom.enrolments with (security_invoker) as
select (own.was ->> 'class_id')::uuid as class_id, (own.was ->> 'student_id')::uuid as student_id, own.since, own.until
from zoom.history own
where own.relation = 'class_students';

comment on view zoom.enrolments is 'Who was enrolled in which class, and from when to when.';
comment on column zoom.enrolments.class_id is 'The class.';
comment on column zoom.enrolments.student_id is 'The student.';
comment on column zoom.enrolments.since is 'From when.';
comment on column zoom.enrolments.until is 'Until when.';

create view zoom.registrations with (security_invoker) as
select (own.was ->> 'meeting_id')::uuid as meeting_id, (own.was ->> 'zoom_registrant_id') collate "C" as registrant_id,
  (own.was ->> 'user_id')::uuid as user_id, own.since, own.until
from zoom.history own
where own.relation = 'meeting_registrants';

comment on view zoom.registrations is 'Who was registered for which meeting, and from when to when.';
comment on column zoom.registrations.meeting_id is 'The meeting.';
comment on column zoom.registrations.registrant_id is 'Zoom''s id of the registration, trimmed.';
comment on column zoom.registrations.user_id is 'The user; null where the school left that out.';
comment on column zoom.registrations.since is 'From when.';
comment on column zoom.registrations.until is 'Until when.';

grant select on zoom.held_addresses, zoom.held_numbers, zoom.personal_rooms, zoom.enrolments, zoom.registrations to service_role;

create function zoom.enrolled(student uuid, class uuid, at timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.enrolments own
    where own.student_id = student and own.class_id = class
      and own.since <= enrolled.at and enrolled.at < own.until);
end
$$;
comment on function zoom.enrolled is 'Whether a student was enrolled in a class at a moment. Never null.';

revoke execute on function zoom.as_of, zoom.enrolled from public;
grant execute on function zoom.as_of, zoom.enrolled to service_role;


-- supabase/schemas/03_which_meeting.sql
------------------------------------------------------------------------------------------------------------------------

-- Which meeting a run is of: by its number as it was when the run began; else a personal room; else a run that is known.

create function zoom.meeting_at(number text, host_email text, begin timestamptz, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid[];
begin
  found := array(
    select distinct held.meeting_id from zoom.held_numbers held
    where held.number = meeting_at.number and held.since <= meeting_at.at and meeting_at.at < held.until);
  if cardinality(found) > 0 then
    return case when cardinality(found) = 1 then found[1] end;
  end if;
  -- The room of a host: of several meetings in it the one whose host is Zoom's, then the nearest.
  found := (
    select array_agg(near.meeting_id)
    from (
      select room.meeting_id, rank() over (order by
        (zoom.folded(zoom.as_of('users', room.host_id::text, meeting_at.at) ->> 'email') = zoom.folded(meeting_at.host_email)) is true desc,
        abs(extract(epoch from room.starts_at - meeting_at.begin)) nulls last) as place
      from zoom.personal_rooms room
      where room.number = meeting_at.number and room.since <= meeting_at.at and meeting_at.at < room.until
    ) near
    where near.place = 1);
  return case when cardinality(found) = 1 then found[1] end;
end
$$;
comment on function zoom.meeting_at is
  'The meeting that has a number of Zoom''s at a moment, for a run that began then and was hosted by this e-mail: the one row '
  'with its digits, else the row that is held in the personal room of that number. Null for none, and for a tie.';

create function zoom.meeting_of(number text, instance text, host_email text, begin timestamptz, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid := zoom.meeting_at(number, host_email, begin, at);
  moment timestamptz;
begin
  if found is not null then
    return found;
  end if;
  -- The same run under another number.
  select case when count(distinct run.meeting_id) = 1 then (array_agg(run.meeting_id))[1] end into found
  from zoom.instances run
  where run.instance = meeting_of.instance and run.number <> meeting_of.number and run.meeting_id is not null;
  if found is not null then
    return found;
  end if;
  -- What it lacked then is taken from later, the earliest first.
  for moment in
    select later.at from (
      select unnest(array[held.since, held.until]) as at from zoom.held_numbers held where held.number = meeting_of.number
      union
      select unnest(array[room.since, room.until]) from zoom.personal_rooms room where room.number = meeting_of.number
    ) later
    where later.at > meeting_of.at and later.at < 'infinity'
    order by later.at
  loop
    found := zoom.meeting_at(number, host_email, begin, moment);
    if found is not null then
      return found;
    end if;
  end loop;
  return null;
end
$$;
comment on function zoom.meeting_of is
  'The meeting that a run is of, by the data of a moment (see zoom.meeting_at); else the meeting of the same uuid under another '
  'number; else the first that came to have its number later. Null for none.';

revoke execute on function zoom.meeting_at, zoom.meeting_of from public;
grant execute on function zoom.meeting_at, zoom.meeting_of to service_role;


-- supabase/schemas/04_which_class.sql
------------------------------------------------------------------------------------------------------------------------

-- Which class a run makes attendance for: its meeting's, if the host teaches it or the school confirmed it.

create function zoom.class_at(meeting uuid, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  room constant jsonb := zoom.as_of('zoom_meetings', meeting::text, at);
begin
  if room ->> 'class_id' is null then
    return null;
  end if;
  if (room ->> 'is_confirmed')::boolean
      or room ->> 'host_id' = zoom.as_of('classes', room ->> 'class_id', at) ->> 'teacher_id' then
    return (room ->> 'class_id')::uuid;
  end if;
  return null;
end
$$;
comment on function zoom.class_at is
  'The class that a meeting counted for at a moment: its own, if its host taught it, or if an admin or somebody outside a '
  'user''s session had written it; else null.';

create function zoom.class_of(meeting uuid, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid := zoom.class_at(meeting, at);
  moment timestamptz;
begin
  if found is not null then
    return found;
  end if;
  for moment in
    select later.since from (
      select own.since from zoom.history own where own.row_key = meeting::text and own.relation = 'zoom_meetings'
      union
      select taught.since
      from zoom.history own
      join zoom.history taught on taught.row_key = own.was ->> 'class_id' and taught.relation = 'classes'
      where own.row_key = meeting::text and own.relation = 'zoom_meetings'
    ) later
    where later.since > class_of.at
    order by later.since
  loop
    found := zoom.class_at(meeting, moment);
    if found is not null then
      return found;
    end if;
  end loop;
  return null;
end
$$;
comment on function zoom.class_of is
  'The class that a run of a meeting makes attendance for, by the data of a moment (see zoom.class_at); where it had none then, '
  'the first that it came to count for later.';

create function zoom.counted_class(meeting uuid) returns uuid
language plpgsql stable set search_path = '' as $$
begin
  return zoom.class_at(meeting, now());
end
$$;
comment on function zoom.counted_class is 'The class that a meeting makes attendance for today: see zoom.class_at.';

revoke execute on function zoom.class_at, zoom.class_of, zoom.counted_class from public;
grant execute on function zoom.class_at, zoom.class_of, zoom.counted_class to service_role;


-- supabase/schemas/05_settings.sql
------------------------------------------------------------------------------------------------------------------------

-- The school's settings of attendance, and the calendar: a lesson goes by those that were in force when its first run began.

create function zoom.note_settings(policy jsonb) returns void
language plpgsql volatile set search_path = '' as $$
declare
  given constant zoom.settings := row(now(), coalesce((policy ->> 'min_minutes')::numeric, 15),
    coalesce(nullif(policy ->> 'timezone', ''), 'UTC'), coalesce(nullif(policy ->> 'app_joins', ''), 'corroborate'),
    coalesce((policy ->> 'plan_margin_minutes')::numeric, 60) * interval '1 minute');
  known zoom.settings;
begin
  select own.* into known from zoom.settings own order by own.since desc limit 1;
  if (known.min_minutes, known.timezone, known.app_joins, known.plan_margin)
      is distinct from (given.min_minutes, given.timezone, given.app_joins, given.plan_margin) then
    insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin)
    values (given.since, given.min_minutes, given.timezone, given.app_joins, given.plan_margin)
    on conflict (since) do update set min_minutes = excluded.min_minutes, timezone = excluded.timezone,
      app_joins = excluded.app_joins, plan_margin = excluded.plan_margin;
    insert into zoom.changes (relation, row_key, was) values ('settings', 'settings', policy);
  end if;
end
$$;
comment on function zoom.note_settings is 'Notes the settings that a sidecar gives with a call, if they are others than the last.';

create function zoom.settings_at(at timestamptz) returns zoom.settings
language plpgsql stable set search_path = '' as $$
declare
  found zoom.settings;
begin
  select own.* into found from zoom.settings own
  -- The first that are known count since ever.
  order by own.since <= settings_at.at desc, case when own.since <= settings_at.at then own.since end desc, own.since
  limit 1;
  if found.since is null then
    return row('-infinity', 15, 'UTC', 'corroborate', interval '60 minutes')::zoom.settings;
  end if;
  return found;
end
$$;
comment on function zoom.settings_at is 'The settings at a moment; those that .env.example has, where none were ever given.';

create function zoom.zone_of(named text) returns text
language plpgsql stable set search_path = '' as $$
declare
  offset_told text[] := regexp_match(btrim(named), '^(?:utc|gmt) ?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?$', 'i');
  windows constant jsonb := '{
    "Singapore Standard Time": "Asia/Singapore", "China Standard Time": "Asia/Shanghai", "Taipei Standard Time": "Asia/Taipei",
    "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "SE Asia Standard Time": "Asia/Bangkok",
    "India Standard Time": "Asia/Kolkata", "Sri Lanka Standard Time": "Asia/Colombo", "Nepal Standard Time": "Asia/Kathmandu",
    "Bangladesh Standard Time": "Asia/Dhaka", "Myanmar Standard Time": "Asia/Yangon", "Pakistan Standard Time": "Asia/Karachi",
    "West Asia Standard Time": "Asia/Tashkent", "Central Asia Standard Time": "Asia/Almaty", "Afghanistan Standard Time": "Asia/Kabul",
    "Iran Standard Time": "Asia/Tehran", "Arabian Standard Time": "Asia/Dubai", "Arab Standard Time": "Asia/Riyadh",
    "Arabic Standard Time": "Asia/Baghdad", "Israel Standard Time": "Asia/Jerusalem", "Jordan Standard Time": "Asia/Amman",
    "Syria Standard Time": "Asia/Damascus", "Middle East Standard Time": "Asia/Beirut", "Turkey Standard Time": "Europe/Istanbul",
    "W. Australia Standard Time": "Australia/Perth", "AUS Eastern Standard Time": "Australia/Sydney",
    "E. Australia Standard Time": "Australia/Brisbane", "Cen. Australia Standard Time": "Australia/Adelaide",
    "AUS Central Standard Time": "Australia/Darwin", "Tasmania Standard Time": "Australia/Hobart",
    "New Zealand Standard Time": "Pacific/Auckland", "Fiji Standard Time": "Pacific/Fiji", "Tonga Standard Time": "Pacific/Tongatapu",
    "Hawaiian Standard Time": "Pacific/Honolulu", "West Pacific Standard Time": "Pacific/Port_Moresby",
    "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik", "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris", "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw", "GTB Standard Time": "Europe/Bucharest", "FLE Standard Time": "Europe/Kyiv",
    "E. Europe Standard Time": "Europe/Chisinau", "Russian Standard Time": "Europe/Moscow", "Belarus Standard Time": "Europe/Minsk",
    "Kaliningrad Standard Time": "Europe/Kaliningrad", "Georgian Standard Time": "Asia/Tbilisi", "Caucasus Standard Time": "Asia/Yerevan",
    "Azerbaijan Standard Time": "Asia/Baku", "Ekaterinburg Standard Time": "Asia/Yekaterinburg",
    "N. Central Asia Standard Time": "Asia/Novosibirsk", "North Asia Standard Time": "Asia/Krasnoyarsk",
    "Vladivostok Standard Time": "Asia/Vladivostok", "Morocco Standard Time": "Africa/Casablanca", "Egypt Standard Time": "Africa/Cairo",
    "South Africa Standard Time": "Africa/Johannesburg", "E. Africa Standard Time": "Africa/Nairobi",
    "W. Central Africa Standard Time": "Africa/Lagos", "Namibia Standard Time": "Africa/Windhoek", "Libya Standard Time": "Africa/Tripoli",
    "Mauritius Standard Time": "Indian/Mauritius", "Azores Standard Time": "Atlantic/Azores", "Cape Verde Standard Time": "Atlantic/Cape_Verde",
    "Eastern Standard Time": "America/New_York", "US Eastern Standard Time": "America/Indiana/Indianapolis",
    "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver", "US Mountain Standard Time": "America/Phoenix",
    "Pacific Standard Time": "America/Los_Angeles", "Alaskan Standard Time": "America/Anchorage", "Atlantic Standard Time": "America/Halifax",
    "Newfoundland Standard Time": "America/St_Johns", "Canada Central Standard Time": "America/Regina",
    "Central America Standard Time": "America/Guatemala", "Central Standard Time (Mexico)": "America/Mexico_City",
    "SA Pacific Standard Time": "America/Bogota", "SA Western Standard Time": "America/La_Paz", "SA Eastern Standard Time": "America/Cayenne",
    "Venezuela Standard Time": "America/Caracas", "Paraguay Standard Time": "America/Asuncion", "Pacific SA Standard Time": "America/Santiago",
    "E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Argentina/Buenos_Aires",
    "Montevideo Standard Time": "America/Montevideo", "Coordinated Universal Time": "UTC"}'::jsonb;
begin
  if offset_told is not null then
    -- People count east as plus. In PostgreSQL the bare name has the sign of POSIX, where west is plus.
    return format('<%s%s>%s%s:%s', offset_told[1], lpad(offset_told[2], 2, '0'),
      case offset_told[1] when '+' then '-' else '+' end, offset_told[2], coalesce(offset_told[3], '00'));
  end if;
  return coalesce(windows ->> btrim(named), nullif(btrim(named), ''));
end
$$;
comment on function zoom.zone_of is
  'A time zone as PostgreSQL means it: GMT+8 and UTC+8 are eight hours east, as people mean them; Windows'' names are '
  'translated (Unicode CLDR, windowsZones); any other stays as it is. Null for an empty name.';

create function zoom.is_zone(named text) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  if zoom.zone_of(named) is null then
    return false;
  end if;
  perform now() at time zone zoom.zone_of(named);
  -- PostgreSQL takes almost anything for a POSIX zone of its own (Mars/Olympus is refused, Berlin is UTC under another name).
  return zoom.zone_of(named) ~ '^<' or exists (
    select from pg_catalog.pg_timezone_names known where lower(known.name) = lower(zoom.zone_of(named)))
    or exists (select from pg_catalog.pg_timezone_abbrevs known where lower(known.abbrev) = lower(zoom.zone_of(named)));
exception when invalid_parameter_value then
  return false;
end
$$;
comment on function zoom.is_zone is 'Whether a text is a time zone that is known. Slow: it is asked for lists, not for events. Never null.';

create function zoom.local_date(at timestamptz, timezone text) returns date
language plpgsql stable set search_path = '' as $$
begin
  return (at at time zone coalesce(zoom.zone_of(timezone), 'UTC'))::date;
exception when invalid_parameter_value then
  return (at at time zone 'UTC')::date;
end
$$;
comment on function zoom.local_date is
  'The date of an instant in a time zone (see zoom.zone_of); in UTC where the zone is unknown, for an app may store any text. '
  'Such zones are listed by public.unmatched_zoom.';

create function zoom.school_date(start timestamptz, meeting uuid, setting zoom.settings, at timestamptz) returns date
language plpgsql stable set search_path = '' as $$
begin
  return zoom.local_date(start, case when setting.timezone = 'meeting'
    then zoom.as_of('zoom_meetings', meeting::text, school_date.at) ->> 'timezone' else setting.timezone end);
end
$$;
comment on function zoom.school_date is
  'The date of a start in the school''s zone, by these settings; where that is each meeting''s own, by the zone it had at a moment.';

revoke execute on function
  zoom.note_settings, zoom.settings_at, zoom.zone_of, zoom.is_zone, zoom.local_date, zoom.school_date
from public;
grant execute on function
  zoom.note_settings, zoom.settings_at, zoom.zone_of, zoom.is_zone, zoom.local_date, zoom.school_date
to service_role;


-- supabase/schemas/06_which_lesson.sql
------------------------------------------------------------------------------------------------------------------------

-- Which lesson a run belongs to.
--
-- A one-off meeting has a lesson for each start that it was given. A run belongs to the lesson whose window it touches. A run
-- that no window takes makes a lesson itself, if the meeting recurs or is held at once; or, of a one-off, if the lesson that
-- was planned when it began was not held, and it came after that start or before the row was made. Any other run belongs to
-- none, and is listed, until the meeting is planned for its time.

create function zoom.last_heard(run bigint) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return (
    select max(mark.at) from zoom.marks mark
    join zoom.kinds kind on kind.kind = mark.kind and kind.counts is not null
    where mark.run_id = last_heard.run);
end
$$;
comment on function zoom.last_heard is 'The last instant that Zoom told of a run, by kinds that count; null for none.';

create function zoom.run_end(run zoom.instances) returns timestamptz
language plpgsql stable set search_path = '' as $$
declare
  heard timestamptz;
  told timestamptz;
  is_past boolean;
begin
  if run.told_end is not null or run.forgotten_at is not null then
    return coalesce(run.told_end, run.ended_at);
  end if;
  if run.instance like 'day %' then
    -- Events without a uuid: the end may have stated a start, and hang on a run of its own.
    select max(own.told_end) into told from zoom.instances own
    where own.number = run.number and own.instance like 'start %' and own.told_end >= run.started_at
      and 'day ' || (own.started_at at time zone 'UTC')::date = run.instance;
    if told is not null then
      return told;
    end if;
  end if;
  is_past := exists (
    select from zoom.instances later
    where later.meeting_id = run.meeting_id and (later.started_at, later.instance) > (run.started_at, run.instance));
  if not is_past and now() <= run.started_at + zoom.longest() then
    return null;
  end if;
  heard := greatest(zoom.last_heard(run.run_id), run.started_at);
  return case when is_past or now() > heard + interval '1 hour' then heard end;
end
$$;
comment on function zoom.run_end is
  'When a run was over: as told; else, once a later run of the meeting began, or 30 hours after it began and an hour after it '
  'was last heard of, at the last thing heard. Null while it runs.';

create function zoom.room_of(run zoom.instances) returns jsonb
language plpgsql stable set search_path = '' as $$
begin
  return zoom.as_of('zoom_meetings', run.meeting_id::text, run.as_of);
end
$$;
comment on function zoom.room_of is 'What the meeting of a run said when that began, as zoom.deciding has it.';

create function zoom.was_cancelled(run zoom.instances, room jsonb) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return coalesce((room ->> 'is_cancelled')::boolean, false)
    and not (run.has_staff and run.has_others);
end
$$;
comment on function zoom.was_cancelled is
  'Whether a run began while people had cancelled its meeting (room: see zoom.room_of), and counts for nothing: one of the '
  'staff and somebody else in it '
  'would make it count. Never null.';

create function zoom.plans(meeting uuid)
returns table (starts_at timestamptz, given_at timestamptz, replaced_at timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  with version as (
    select (own.was ->> 'start_time')::timestamptz as start, case when own.is_first then '-infinity' else own.since end as since, own.until,
      lag(own.was ->> 'start_time') over (order by own.since) is distinct from own.was ->> 'start_time' as is_given
    from zoom.history own
    where own.row_key = meeting::text and own.relation = 'zoom_meetings' and own.was ->> 'meeting_type' = 'scheduled'
  )
  select version.start, max(version.since) filter (where version.is_given), max(version.until)
  from version
  where version.start is not null
  group by version.start;
end
$$;
comment on function zoom.plans is 'The starts that a one-off meeting was given, each with when it was given last, and when another took its place (infinity for the one in force).';

create function zoom.plan_end(meeting uuid, start timestamptz, at timestamptz) returns timestamptz
language plpgsql stable set search_path = '' as $$
begin
  return start + interval '1 minute' * (
    select coalesce((own.was ->> 'duration')::integer, 60) from zoom.history own
    where own.row_key = meeting::text and own.relation = 'zoom_meetings' and (own.was ->> 'start_time')::timestamptz = start
    order by own.since <= plan_end.at desc, case when own.since <= plan_end.at then own.since end desc, own.since
    limit 1);
end
$$;
comment on function zoom.plan_end is 'The end of the lesson that a meeting was given for a start, by its length at a moment, or at the nearest one at which it had that start.';

create type zoom.place as (
  run_id bigint, meeting_id uuid, starts_at timestamptz, ends_at timestamptz, is_planned boolean, no_lesson text, margin interval
);
comment on type zoom.place is
  'The lesson of a run, by its start and whether that was planned; or why it belongs to none: cancelled, or unplanned. margin: how '
  'far the window of a lesson reaches that this run makes, by the settings of that time.';

create function zoom.planned_place(run zoom.instances, room jsonb) returns zoom.place
language plpgsql stable set search_path = '' as $$
declare
  place zoom.place;
  margin interval;
  heard timestamptz;
begin
  if room ->> 'meeting_type' <> 'scheduled' then
    return null;
  end if;
  margin := (zoom.settings_at(run.as_of)).plan_margin;
  heard := coalesce(run.ended_at, zoom.last_heard(run.run_id), run.started_at);
  select run.run_id, run.meeting_id, plan.starts_at, finish.at, true, null, null into place
  from zoom.plans(run.meeting_id) plan
  cross join lateral (select zoom.plan_end(run.meeting_id, plan.starts_at, run.as_of) as at) finish
  where run.as_of < plan.replaced_at and run.started_at <= finish.at + margin and heard >= plan.starts_at - margin
  order by abs(extract(epoch from run.started_at - plan.starts_at)), plan.given_at desc, plan.starts_at
  limit 1;
  return place;
end
$$;
comment on function zoom.planned_place is
  'The planned lesson whose window a run touches: the nearest start, then the one given later; null for none, and for one that began while the meeting was no one-off. A start that '
  'another took the place of takes only runs that began before that.';

create function zoom.may_make_lesson(run zoom.instances, room jsonb) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return room ->> 'meeting_type' in ('recurring', 'instant')
    or coalesce(run.started_at >= (room ->> 'start_time')::timestamptz or run.started_at < (room ->> 'created_at')::timestamptz, false);
end
$$;
comment on function zoom.may_make_lesson is
  'Whether a run that no window takes may make a lesson itself: its meeting recurs or is held at once, or it came after the start '
  'that was planned, or before the row was made.';

create function zoom.is_held(has_others boolean, has_staff boolean, staff_seen boolean) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return coalesce(has_others and (has_staff or not staff_seen), false);
end
$$;
comment on function zoom.is_held is
  'Whether a lesson was held: somebody beside the staff was in the runs of it that count and, if staff was ever recognised in that '
  'meeting (staff_seen), one of the staff too. Never null.';

create function zoom.was_held(places zoom.place[], start timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return (
    with run as (
      select own.*, max(own.people) over () as most
      from unnest(places) place
      join zoom.instances own on own.run_id = place.run_id
      where place.is_planned and place.starts_at = start
    )
    select zoom.is_held(bool_or(run.has_others), bool_or(run.has_staff), bool_or(meeting.staff_seen))
    from run
    join zoom.meetings meeting on meeting.meeting_id = run.meeting_id
    where run.people = 2 or run.most < 2);
end
$$;
comment on function zoom.was_held is 'Whether the lesson that was planned for a start was held, by the runs that belong to it: see zoom.is_held.';

create function zoom.places_from(meetings uuid[], runs bigint[]) returns table (meeting_id uuid, first timestamptz)
language plpgsql stable set search_path = '' as $$
begin
  return query
  select told.meeting_id, case
      when exists (
        select from zoom.history own
        where own.row_key = told.meeting_id::text and own.relation = 'zoom_meetings' and own.was ->> 'meeting_type' = 'scheduled'
        offset 0) then '-infinity'
      else coalesce(min(told.at), '-infinity')
    end
  from (
    -- (A run may begin later than was thought.)
    select either.meeting_id, least(run.started_at, lesson.starts_at) as at
    from unnest(runs) changed (run_id)
    join zoom.instances run on run.run_id = changed.run_id
    left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    cross join lateral unnest(array[run.meeting_id, lesson.meeting_id]) either (meeting_id)
    where either.meeting_id = any (meetings)
    union all
    select own.meeting_id, null from unnest(meetings) own (meeting_id)
  ) told
  group by told.meeting_id;
end
$$;
comment on function zoom.places_from is
  'From which run on the lessons of each of these meetings may be others, where something of these runs changed: a run of a meeting that was '
  'never a one-off asks only for the lessons of those before it.';

create function zoom.places(meeting uuid, first timestamptz) returns setof zoom.place
language plpgsql stable set search_path = '' as $$
declare
  run zoom.instances;
  room jsonb;
  heard timestamptz;
  start timestamptz;
  place zoom.place;
  planned zoom.place[] := '{}';
  made zoom.place[] := '{}';
  rest bigint[] := '{}';
begin
  for run in
    select own.* from zoom.instances own
    where own.meeting_id = meeting and (own.started_at >= first or own.started_at is null)
    order by own.started_at, own.instance
  loop
    if run.started_at is null then -- nothing that counts was told of it
      return next row(run.run_id, meeting, null, null, null, null, null)::zoom.place;
      continue;
    end if;
    room := zoom.room_of(run);
    place := zoom.planned_place(run, room);
    if zoom.was_cancelled(run, room) then
      return next row(run.run_id, meeting, null, null, null, 'cancelled', null)::zoom.place;
    elsif place.run_id is not null then
      planned := planned || place;
      return next place;
    else
      rest := rest || run.run_id;
    end if;
  end loop;

  -- Those that earlier runs made are what they were.
  made := array(
    select row(null, meeting, lesson.starts_at, lesson.ends_at, false, null, setting.plan_margin)::zoom.place
    from (
      select own.* from zoom.lessons own
      where own.meeting_id = meeting and not own.is_planned and own.starts_at < first
        and own.ends_at >= first - (select max(known.plan_margin) from zoom.settings known)
      offset 0
    ) lesson
    cross join lateral zoom.settings_at(lesson.as_of) setting
    where lesson.ends_at + setting.plan_margin >= first
    order by lesson.starts_at);
  for run in
    select own.* from zoom.instances own where own.run_id = any (rest) order by own.started_at, own.instance
  loop
    room := zoom.room_of(run);
    heard := coalesce(run.ended_at, zoom.last_heard(run.run_id), run.started_at);
    start := (room ->> 'start_time')::timestamptz;
    select earlier.* into place
    from unnest(made) earlier
    where run.started_at <= earlier.ends_at + earlier.margin and heard >= earlier.starts_at - earlier.margin
    order by abs(extract(epoch from run.started_at - earlier.starts_at)), earlier.starts_at desc
    limit 1;
    if place.meeting_id is not null then -- a restart
      return next row(run.run_id, meeting, place.starts_at, place.ends_at, false, null, null)::zoom.place;
    elsif zoom.may_make_lesson(run, room) and (room ->> 'meeting_type' <> 'scheduled' or not zoom.was_held(planned, start)) then
      place := row(run.run_id, meeting, run.started_at,
        case when room ->> 'meeting_type' = 'instant' or room ->> 'duration' is null
            then greatest(coalesce(run.ended_at, 'infinity'), run.started_at)
          else run.started_at + interval '1 minute' * (room ->> 'duration')::integer end, false, null,
        (zoom.settings_at(run.as_of)).plan_margin)::zoom.place;
      made := made || place;
      return next place;
    else
      return next row(run.run_id, meeting, null, null, null, 'unplanned', null)::zoom.place;
    end if;
  end loop;
end
$$;
comment on function zoom.places is 'The lesson of each run of a meeting that began since then (see zoom.places_from). It decides by what is known of the runs: their times, and who was in them (see zoom.weigh_runs).';

create type zoom.lesson_key as (class_id uuid, date date);
comment on type zoom.lesson_key is 'A class on a date.';

create function zoom.end_runs(runs bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  ended bigint[];
begin
  with worked_out as materialized (
    select own.run_id, own.ended_at as was, zoom.run_end(own) as ended_at
    from zoom.instances own
    where own.run_id = any (runs) and own.started_at is not null
  ), changed as (
    update zoom.instances run set ended_at = worked_out.ended_at
    from worked_out
    where run.run_id = worked_out.run_id and worked_out.ended_at is distinct from worked_out.was
    returning run.run_id
  )
  select array_agg(changed.run_id) into ended from changed;
  return ended;
end
$$;
comment on function zoom.end_runs is 'Notes when these runs were over; returns those of which that changed.';

create function zoom.assign_lessons(
  meetings uuid[], runs bigint[], out moved_runs bigint[], out changed_lessons bigint[], out left_behind zoom.lesson_key[]
)
language plpgsql volatile set search_path = '' as $$
declare
  placed zoom.place[];
  flipped uuid[];
  emptied zoom.lesson_key[];
begin
  -- Was one of the staff ever recognised, in a run that may be a lesson's?
  with worked_out as materialized (
    select meeting.meeting_id, meeting.staff_seen as was, exists (
      select from zoom.instances run
      cross join lateral (select zoom.room_of(run) as said offset 0) room
      where run.meeting_id = meeting.meeting_id and run.has_staff and run.started_at is not null and not zoom.was_cancelled(run, room.said)
        and (zoom.may_make_lesson(run, room.said) or (zoom.planned_place(run, room.said)).run_id is not null)
      offset 0) as staff_seen
    from zoom.meetings meeting
    where meeting.meeting_id = any (meetings)
  ), kept as (
    update zoom.meetings meeting set staff_seen = worked_out.staff_seen
    from worked_out
    where meeting.meeting_id = worked_out.meeting_id and worked_out.staff_seen <> worked_out.was
    returning meeting.meeting_id
  )
  select array_agg(kept.meeting_id) into flipped from kept;

  placed := array(
    select place from zoom.places_from(meetings, runs) told
    cross join lateral zoom.places(told.meeting_id, told.first) place);
  -- A lesson is what its first run found.
  with wanted as (
    select distinct on (place.meeting_id, place.is_planned, place.starts_at)
      place.meeting_id, place.is_planned, place.starts_at, place.ends_at, run.as_of, run.class_id
    from unnest(placed) place
    join zoom.instances run on run.run_id = place.run_id
    where place.starts_at is not null and (place.is_planned or run.started_at = place.starts_at)
    order by place.meeting_id, place.is_planned, place.starts_at, run.started_at, run.instance
  ), valued as (
    select wanted.*, setting.app_joins, round(60 * setting.min_minutes)::integer as min_seconds,
      zoom.school_date(wanted.starts_at, wanted.meeting_id, setting, wanted.as_of) as held_on
    from wanted
    cross join lateral zoom.settings_at(wanted.as_of) setting
  ), before as materialized (
    select valued.*, own.lesson_id, own.class_id as was_class_id, own.held_on as was_held_on
    from valued
    left join zoom.lessons own
      on own.meeting_id = valued.meeting_id and own.is_planned = valued.is_planned and own.starts_at = valued.starts_at
    where own.lesson_id is null
      or (own.ends_at, own.as_of, own.class_id, own.held_on, own.min_seconds, own.app_joins)
        is distinct from (valued.ends_at, valued.as_of, valued.class_id, valued.held_on, valued.min_seconds, valued.app_joins)
  ), kept as (
    insert into zoom.lessons as own (meeting_id, is_planned, starts_at, ends_at, as_of, class_id, held_on, min_seconds, app_joins)
    select before.meeting_id, before.is_planned, before.starts_at, before.ends_at, before.as_of, before.class_id, before.held_on,
      before.min_seconds, before.app_joins
    from before
    on conflict (meeting_id, is_planned, starts_at) do update set ends_at = excluded.ends_at, as_of = excluded.as_of,
      class_id = excluded.class_id, held_on = excluded.held_on, min_seconds = excluded.min_seconds, app_joins = excluded.app_joins
    returning own.lesson_id
  )
  select (select array_agg(kept.lesson_id) from kept), (
    select array_agg(distinct row(before.was_class_id, before.was_held_on)::zoom.lesson_key) from before
    where before.was_class_id is not null
      and (before.was_class_id, before.was_held_on) is distinct from (before.class_id, before.held_on))
  into changed_lessons, left_behind;

  with worked_out as materialized (
    select run.run_id, run.lesson_id as was, own.lesson_id, place.no_lesson
    from unnest(placed) place
    join zoom.instances run on run.run_id = place.run_id
    left join zoom.lessons own
      on own.meeting_id = place.meeting_id and own.is_planned = place.is_planned and own.starts_at = place.starts_at
    where (run.lesson_id, run.no_lesson) is distinct from (own.lesson_id, place.no_lesson)
    union all
    -- A run that is nobody's now has no lesson.
    select run.run_id, run.lesson_id, null, null
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.meeting_id is null and run.lesson_id is not null
  ), moved as (
    update zoom.instances run set lesson_id = worked_out.lesson_id, no_lesson = worked_out.no_lesson
    from worked_out
    where run.run_id = worked_out.run_id
    returning run.run_id
  )
  select (select array_agg(moved.run_id) from moved),
    changed_lessons || array(select worked_out.lesson_id from worked_out where worked_out.lesson_id is not null
      union select worked_out.was from worked_out where worked_out.was is not null)
  into moved_runs, changed_lessons;

  with gone as (
    delete from zoom.lessons own
    where own.lesson_id = any (changed_lessons)
      and not exists (select from zoom.instances run where run.lesson_id = own.lesson_id)
    returning own.lesson_id, own.class_id, own.held_on
  )
  select array_agg(distinct row(gone.class_id, gone.held_on)::zoom.lesson_key) filter (where gone.class_id is not null),
    array(select lesson.id from unnest(changed_lessons) lesson (id) except select gone.lesson_id from gone)
  into emptied, changed_lessons
  from gone;
  left_behind := left_behind || emptied;
  changed_lessons := changed_lessons || array(
    select lesson.lesson_id from zoom.lessons lesson
    where lesson.meeting_id = any (flipped) and lesson.lesson_id <> all (changed_lessons));
end
$$;
comment on function zoom.assign_lessons is
  'Gives the runs of these meetings their lessons, and notes whether staff was ever recognised in them. runs: those of which '
  'something changed; one that is of no meeting any more loses its lesson. Returns the runs that '
  'moved, the lessons that are new, changed, or have other runs (all, where staff was recognised for the first time), and the classes and dates that a lesson left.';

revoke execute on function
  zoom.last_heard, zoom.run_end, zoom.room_of, zoom.was_cancelled, zoom.plans, zoom.plan_end, zoom.planned_place,
  zoom.may_make_lesson, zoom.is_held, zoom.was_held, zoom.places_from, zoom.places,
  zoom.end_runs, zoom.assign_lessons
from public;
grant execute on function
  zoom.last_heard, zoom.run_end, zoom.room_of, zoom.was_cancelled, zoom.plans, zoom.plan_end, zoom.planned_place,
  zoom.may_make_lesson, zoom.is_held, zoom.was_held, zoom.places_from, zoom.places,
  zoom.end_runs, zoom.assign_lessons
to service_role;


-- supabase/schemas/07_who.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/08_stays.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/09_lesson_time.sql
------------------------------------------------------------------------------------------------------------------------

-- When a lesson was: the planned time, widened by the staff's first coming and last leaving; without staff the whole of its
-- runs. And what follows from who was in it: whether it is over, whether it was held, and whether it makes anybody absent.

create function zoom.weigh_runs(runs bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  changed bigint[];
begin
  with worked_out as materialized (
    select run.run_id, run.people as was_people, run.has_staff as had_staff, run.has_others as had_others,
      least(2, who.people)::integer as people, coalesce(who.has_staff, false) as has_staff, coalesce(who.has_others, false) as has_others
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.forgotten_at is null
    cross join lateral (
      select count(*) as people, bool_or(person.is_staff) as has_staff, bool_or(not person.is_staff) as has_others
      from (
        -- A user is one person, however many connections are theirs; a guest is a connection.
        select bool_or(seg.is_staff) as is_staff
        from zoom.segments seg
        where seg.run_id = run.run_id and seg.was_in
        group by seg.user_id, case when seg.user_id is null then seg.connection_key end
      ) person
    ) who
  ), kept as (
    update zoom.instances run set people = worked_out.people, has_staff = worked_out.has_staff, has_others = worked_out.has_others
    from worked_out
    where run.run_id = worked_out.run_id
      and (worked_out.people, worked_out.has_staff, worked_out.has_others)
        is distinct from (worked_out.was_people, worked_out.had_staff, worked_out.had_others)
    returning run.run_id
  )
  select array_agg(kept.run_id) into changed from kept;
  return changed;
end
$$;
comment on function zoom.weigh_runs is
  'Works out how many people were in these runs, and whether staff and others were. Returns the runs of which that changed.';

create function zoom.weigh_lessons(lessons bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  recounted bigint[];
  changed bigint[];
begin
  -- The run that a single person was in does not count, where another had two.
  with worked_out as materialized (
    select run.run_id, run.counts as did_count, run.lesson_id is not null and (run.people <> 1 or not exists (
        select from zoom.instances other where other.lesson_id = run.lesson_id and other.people = 2 offset 0)) as counts, run.lesson_id
    from unnest(lessons) told (lesson_id)
    join zoom.instances run on run.lesson_id = told.lesson_id
  ), kept as (
    update zoom.instances run set counts = worked_out.counts
    from worked_out
    where run.run_id = worked_out.run_id and worked_out.counts <> worked_out.did_count
    returning worked_out.lesson_id
  )
  select array_agg(distinct kept.lesson_id) into recounted from kept;

  with run_of as materialized (
    select lesson.lesson_id, lesson.is_planned, lesson.starts_at, lesson.ends_at, lesson.min_seconds, meeting.staff_seen, runs.*, staff.*
    from unnest(lessons) told (lesson_id)
    join zoom.lessons lesson on lesson.lesson_id = told.lesson_id
    join zoom.meetings meeting on meeting.meeting_id = lesson.meeting_id
    cross join lateral (
      select bool_and(run.ended_at is not null) as are_over, min(run.started_at) as first_start, max(run.ended_at) as last_end,
        (array_agg(greatest(run.ended_at, run.told_at) order by run.ended_at desc nulls last, run.started_at desc, run.instance desc))[1] as expected_at,
        bool_or(run.counts and run.has_others) as has_others, bool_or(run.counts and run.has_staff) as has_staff
      from zoom.instances run
      where run.lesson_id = lesson.lesson_id
    ) runs
    left join lateral (
      select min(stay.at) filter (where stay.counts = 'opens') as came,
        max(case when stay.counts = 'closes' then stay.at when stay.next_at is null then coalesce(stay.until, 'infinity') end) as went
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.was_in and run.has_staff and zoom.is_of_staff(seg)
      cross join lateral (
        select own.* from zoom.stays own where own.run_id = seg.run_id and own.segment = seg.segment offset 0
      ) stay
      where run.lesson_id = lesson.lesson_id and run.counts and run.has_staff
    ) staff on runs.has_staff
  ), worked_out as (
    select run_of.lesson_id,
      case when run_of.has_staff then least(run_of.starts_at, run_of.came) else '-infinity' end as counts_from,
      case when run_of.has_staff then greatest(run_of.ends_at, run_of.went) else 'infinity' end as counts_until,
      coalesce(run_of.has_staff, false) as has_staff,
      coalesce(run_of.are_over and run_of.last_end >= run_of.starts_at, false) as is_over,
      zoom.is_held(run_of.has_others, run_of.has_staff, run_of.staff_seen) as is_held,
      coalesce(case when run_of.is_planned then run_of.has_staff or not run_of.staff_seen
        else zoom.is_held(run_of.has_others, run_of.has_staff, run_of.staff_seen)
          and run_of.last_end - run_of.first_start >= run_of.min_seconds * interval '1 second' end, false) as makes_absent,
      case when run_of.are_over and run_of.last_end >= run_of.starts_at then run_of.expected_at end as expected_at
    from run_of
  ), kept as (
    update zoom.lessons lesson set counts_from = worked_out.counts_from, counts_until = worked_out.counts_until,
      has_staff = worked_out.has_staff, is_over = worked_out.is_over, is_held = worked_out.is_held,
      makes_absent = worked_out.makes_absent, expected_at = worked_out.expected_at
    from worked_out
    where lesson.lesson_id = worked_out.lesson_id
      and (lesson.counts_from, lesson.counts_until, lesson.has_staff, lesson.is_over, lesson.is_held, lesson.makes_absent, lesson.expected_at)
        is distinct from (worked_out.counts_from, worked_out.counts_until, worked_out.has_staff, worked_out.is_over, worked_out.is_held,
          worked_out.makes_absent, worked_out.expected_at)
    returning lesson.lesson_id
  )
  select array_agg(kept.lesson_id) into changed from kept;
  return array(select unnest(recounted) union select unnest(changed));
end
$$;
comment on function zoom.weigh_lessons is
  'Works out which runs of these lessons count, when their lesson time was, and whether they are over, were held and make '
  'anybody absent. Returns the lessons of which anything changed, and with it perhaps what they say of everybody.';

revoke execute on function zoom.weigh_runs, zoom.weigh_lessons from public;
grant execute on function zoom.weigh_runs, zoom.weigh_lessons to service_role;


-- supabase/schemas/10_facts.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/11_verdict.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/12_refusals.sql
------------------------------------------------------------------------------------------------------------------------

-- A row that the school's database refuses is set aside by itself: all others are written, and the facts are kept.

create function zoom.is_refusal(code text, named_schema text) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  -- Not what another try, or an operator, mends for all rows alike: lost connections, conflicts, lack of room or of rights,
  -- limits, a stop, read only, a fault of the server. And not what our own tables refuse, which is a fault of ours.
  return code <> '42501' and coalesce(named_schema, '') <> 'zoom' and left(code, 2) not in ('08', '0A', '25', '40', '53', '54', '55', '57', '58', 'F0', 'XX');
end
$$;
comment on function zoom.is_refusal is 'Whether an error (its SQLSTATE, and the schema it names) says that the school''s own check or trigger refuses a row.';

create function zoom.refused_key(named text, told jsonb) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case named when 'attendance_records' then concat_ws(' ', told ->> 'student_id', told ->> 'class_id', told ->> 'date')
    else concat_ws(' ', told ->> 'meeting_id', coalesce(told ->> 'user_id', told ->> 'connection_key')) end;
end
$$;
comment on function zoom.refused_key is 'How zoom.refused names a row.';

create function zoom.write_singly(named text, writer text, changes anyarray) returns integer
language plpgsql volatile set search_path = '' as $$
declare
  told jsonb;
  key text;
  code text;
  reason text;
  constraint_told text;
  schema_told text;
  refused integer := 0;
begin
  for i in 1 .. coalesce(cardinality(changes), 0) loop
    told := to_jsonb(changes[i]);
    key := zoom.refused_key(named, told);
    begin
      execute format('select zoom.%I($1)', writer) using changes[i:i];
      delete from zoom.refused own where own.relation = named and own.row_key = key;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, reason = message_text, constraint_told = constraint_name, schema_told = schema_name;
      if not zoom.is_refusal(code, schema_told) then
        raise;
      end if;
      refused := refused + 1;
      insert into zoom.refused as own (relation, row_key, meeting_id, student_id, class_id, date, wanted, code, reason)
      values (named, key, (told ->> 'meeting_id')::uuid, coalesce(told ->> 'student_id', told ->> 'user_id')::uuid, (told ->> 'class_id')::uuid,
        (told ->> 'date')::date, coalesce(told ->> 'status', told #>> '{says,status}'), code, coalesce(nullif(constraint_told, ''), reason))
      on conflict (relation, row_key) do update set wanted = excluded.wanted, code = excluded.code, reason = excluded.reason, tried_at = now();
      if named = 'attendance_records' then
        perform zoom.withdraw_record(changes[i]);
      end if;
    end;
  end loop;
  return refused;
end
$$;
comment on function zoom.write_singly is
  'Writes these changes of a table one by one, by the function that writes many. Those that the school''s database refuses are '
  'set aside in zoom.refused. Returns how many.';

create function zoom.write(named text, writer text, changes anyarray) returns integer
language plpgsql volatile set search_path = '' as $$
declare
  schema_told text;
begin
  if coalesce(cardinality(changes), 0) = 0 then
    return 0;
  end if;
  begin
    execute format('select zoom.%I($1)', writer) using changes;
  exception when others then
    get stacked diagnostics schema_told = schema_name;
    if not zoom.is_refusal(sqlstate, schema_told) then
      raise;
    end if;
    return zoom.write_singly(named, writer, changes);
  end;
  if exists (select from zoom.refused own where own.relation = named) then
    delete from zoom.refused own
    where own.relation = named
      and own.row_key in (select zoom.refused_key(named, to_jsonb(told)) from unnest(changes) told);
  end if;
  return 0;
end
$$;
comment on function zoom.write is
  'Writes these changes of a table at once; where the school''s database refuses one of them, one by one. Returns how many it refused.';

revoke execute on function zoom.is_refusal, zoom.refused_key, zoom.write_singly, zoom.write from public;
grant execute on function zoom.is_refusal, zoom.refused_key, zoom.write_singly, zoom.write to service_role;


-- supabase/schemas/13_participants.sql
------------------------------------------------------------------------------------------------------------------------

-- Who takes part, in public.zoom_participants: one row for a meeting and user, guests one for a connection.
--
-- The rows show the lesson that the meeting's newest run belongs to, or that run alone. People who were seen in earlier ones
-- only go back to invited. Zoom's facts outrank what the app's own page wrote into the same row.

create function zoom.show_latest(meetings uuid[]) returns uuid[]
language plpgsql volatile set search_path = '' as $$
declare
  turned uuid[];
begin
  with worked_out as materialized (
    select meeting.meeting_id, meeting.shown_run as was_run, meeting.shown_lesson as was_lesson, newest.run_id, newest.lesson_id
    from zoom.meetings meeting
    left join lateral (
      select run.run_id, run.lesson_id from zoom.instances run
      where run.meeting_id = meeting.meeting_id and run.started_at is not null
      order by run.started_at desc, run.instance desc
      limit 1
    ) newest on true
    where meeting.meeting_id = any (meetings)
  ), kept as (
    update zoom.meetings meeting set shown_run = worked_out.run_id, shown_lesson = worked_out.lesson_id
    from worked_out
    where meeting.meeting_id = worked_out.meeting_id
      and (worked_out.was_run, worked_out.was_lesson) is distinct from (worked_out.run_id, worked_out.lesson_id)
    returning worked_out.meeting_id,
      worked_out.was_lesson is null or worked_out.lesson_id is null or worked_out.was_lesson <> worked_out.lesson_id as is_another
  )
  select array_agg(kept.meeting_id) filter (where kept.is_another) into turned from kept;
  return turned;
end
$$;
comment on function zoom.show_latest is 'Notes which runs the participants of these meetings show; returns the meetings in which these are others now.';

create function zoom.is_shown(run zoom.instances, meeting zoom.meetings) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return run.run_id = meeting.shown_run or coalesce(run.lesson_id = meeting.shown_lesson, false);
end
$$;
comment on function zoom.is_shown is 'Whether the participants of a meeting show this run.';

create function zoom.app_word(meeting uuid, visitor uuid) returns zoom.said
language plpgsql stable set search_path = '' as $$
begin
  return (
    select row(null, person.was ->> 'shown_name', person.was ->> 'shown_email', latest.join_time, case latest.kind when 'left' then latest.at end, null,
      latest.kind)::zoom.said
    from (
      select visit.at, visit.kind, (
          select max(came.at) from zoom.visits came
          where came.meeting_id = meeting and came.user_id = visitor and came.kind = 'joined'
        ) as join_time
      from zoom.visits visit
      where visit.meeting_id = meeting and visit.user_id = visitor and visit.kind <> 'opened'
      order by visit.at desc, visit.kind desc
      limit 1
    ) latest
    cross join lateral zoom.as_of('users', visitor::text, latest.at) person (was));
end
$$;
comment on function zoom.app_word is 'What the app''s page would have written of a visitor: their latest visit. Null for none.';

create function zoom.show_visitors(visitors zoom.visitor[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  -- The app's row says what its page would have written. Where Zoom's facts are shown instead, it is remembered.
  with word as (
    select visitor.meeting_id, visitor.user_id, shown.id as row_id, memory.row_id is not null and memory.closed_at is null as is_ours, told.says
    from (select distinct told.meeting_id, told.user_id from unnest(visitors) told) visitor
    join public.zoom_meetings room on room.id = visitor.meeting_id
    cross join lateral (select zoom.app_word(visitor.meeting_id, visitor.user_id) as says) told
    left join public.zoom_participants shown on shown.meeting_id = visitor.meeting_id and shown.user_id = visitor.user_id
    left join zoom.rows memory on memory.row_id = shown.id
    -- A row that was closed, and of which the app says the same, stays closed.
    where (told.says).status is not null and not (memory.closed_at is not null and shown.leave_time is not distinct from memory.closed_at
      and memory.was is not distinct from told.says)
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
  )
  insert into public.zoom_participants as shown (meeting_id, user_id, name, email, join_time, leave_time, status)
  select word.meeting_id, word.user_id, (word.says).name, (word.says).email, (word.says).join_time, (word.says).leave_time, (word.says).status
  from word
  where word.row_id is null
  -- The app's page wrote it a moment ago.
  on conflict (meeting_id, user_id) do update set
    join_time = excluded.join_time, leave_time = excluded.leave_time, status = excluded.status;
end
$$;
comment on function zoom.show_visitors is 'Brings the rows of these visitors to what the app said of them last.';

create type zoom.row_change as (
  fate text, row_id uuid, meeting_id uuid, user_id uuid, run_id bigint, connection_key text collate "C", is_known boolean, was zoom.said, says zoom.said
);
comment on type zoom.row_change is
  'What is to be done with a row of public.zoom_participants: insert, update, keep (it says so already) or delete. is_known: '
  'the row shows what Zoom saw; was: what the app had said in it.';

create function zoom.participants_wanted(
  sightings zoom.sighting[], visitors zoom.visitor[], out wanted zoom.row_change[], out people zoom.person[], out presences zoom.presence[]
)
language plpgsql stable set search_path = '' as $$
declare
  rooms uuid[];
begin
  -- A user is one person in all runs that are shown; a guest is one connection.
  select array_agg(told.meeting_id order by told.meeting_id, told.user_id, told.run_id, told.connection_key),
    array_agg(row(case when told.user_id is not null then meeting.shown_lesson end,
      case when told.user_id is null then told.run_id when meeting.shown_lesson is null then meeting.shown_run end,
      told.user_id, told.connection_key)::zoom.person order by told.meeting_id, told.user_id, told.run_id, told.connection_key)
  into rooms, people
  from (
    select run.meeting_id, seen.user_id, case when seen.user_id is null then seen.run_id end as run_id,
      case when seen.user_id is null then seen.connection_key end as connection_key
    from unnest(sightings) seen
    join zoom.instances run on run.run_id = seen.run_id
    union
    select visitor.meeting_id, visitor.user_id, null, null from unnest(visitors) visitor
  ) told
  join zoom.meetings meeting on meeting.meeting_id = told.meeting_id
  join public.zoom_meetings room on room.id = told.meeting_id; -- a deleted meeting has no rows
  presences := zoom.add_up(people);

  with former as materialized (
    -- A guest who turned out to be a user leaves them the row.
    select told.user_id, run.meeting_id, (array_agg(guest.row_id order by guest.row_id))[1] as row_id
    from (select distinct own.run_id, own.connection_key, own.user_id from unnest(sightings) own where own.user_id is not null) told
    cross join lateral (
      select here.row_id from zoom.rows here where here.run_id = told.run_id and here.connection_key = told.connection_key offset 0
    ) guest
    cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = told.run_id offset 0) run
    group by told.user_id, run.meeting_id
  ), known as (
    select seen.*, rooms[seen.n] as meeting_id, coalesce(own.id, guest.row_id, heir.row_id) as row_id,
      -- Zoom told us of them in what is shown, or be it in an earlier run.
      place.is_here, place.has_marks, own as shown,
      -- Or the app did, and its row is what there is to show.
      not place.is_here and exists (
        select from zoom.visits visit
        where visit.meeting_id = rooms[seen.n] and visit.user_id = seen.user_id and visit.kind = 'joined'
          -- (A look of its own, so that it is made only for whom the app saw.)
          and visit.at >= (
            select min(run.started_at) from (
              select own.started_at from zoom.instances own where own.run_id = meeting.shown_run
              union all
              select own.started_at from zoom.instances own where own.lesson_id = meeting.shown_lesson
            ) run) - zoom.early()
        offset 0) as is_in_app,
      memory.closed_at is not null and own.leave_time = memory.closed_at as is_closed,
      place.has_marks or exists (
        select from (select here.run_id from zoom.segments here where here.user_id = seen.user_id and here.was_in offset 0) seg
        cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = seg.run_id offset 0) run
        where run.meeting_id = rooms[seen.n]) as is_known,
      -- The row shows Zoom's facts already; and what the app had said in it, null for a row we made.
      memory.row_id is not null and memory.closed_at is null or guest.row_id is not null as is_ours,
      case
        when memory.row_id is not null and (memory.closed_at is null or own.leave_time = memory.closed_at) then memory.was
        when own.id is not null then row(own.zoom_participant_id, own.name, own.email, own.join_time, own.leave_time, own.duration, coalesce(own.status, 'invited'))::zoom.said
      end as was
    from unnest(people, presences) with ordinality seen (lesson_id, run_id, user_id, connection_key, segment, name, email, join_time,
      leave_time, duration, is_in, has_left, is_seen, is_settled, seconds, n)
    -- Each looked up for its person (offset keeps the planner from joining in another order).
    cross join lateral (
      select here as itself, here.shown_run, here.shown_lesson from zoom.meetings here where here.meeting_id = rooms[seen.n] offset 0
    ) meeting
    left join zoom.instances of_guest on seen.user_id is null and of_guest.run_id = seen.run_id
    cross join lateral (
      select here.has_marks, here.has_marks and (seen.user_id is not null or zoom.is_shown(of_guest, meeting.itself)) as is_here
      from (select seen.join_time is not null or seen.leave_time is not null as has_marks) here
    ) place
    left join public.zoom_participants own on own.meeting_id = rooms[seen.n] and own.user_id = seen.user_id
    left join zoom.rows memory on memory.row_id = own.id
    left join lateral (
      select here.row_id from zoom.rows here
      where here.run_id = seen.run_id and here.connection_key = seen.connection_key and seen.user_id is null
      offset 0
    ) guest on true
    left join former heir on own.id is null and heir.user_id = seen.user_id and heir.meeting_id = rooms[seen.n]
  ), want as (
    -- Here: as Zoom saw them. Known from an earlier occurrence: invited. Wrongly taken for this user: as the app had it.
    select known.*,
      case when known.is_known and not known.is_in_app then row(
        known.segment, coalesce(known.name, person.was ->> 'shown_name'), coalesce(known.email, person.was ->> 'shown_email'),
        case when known.is_here then known.join_time end,
        case when known.is_here then known.leave_time end,
        case when known.is_here and known.has_left then known.duration end,
        case when not known.is_here then 'invited' when known.is_in then 'joined' else 'left' end
      )::zoom.said else known.was end as says,
      (known.is_known or known.is_ours and (known.was).status is not null)
        and not (known.is_in_app and known.is_closed) as is_wanted -- closed, it says all that the app does
    from known
    -- Who showed no name goes by the one they had then.
    cross join lateral (
      select case when known.user_id is not null and (known.name is null or known.email is null) then (
        select zoom.as_of('users', known.user_id::text, coalesce(lesson.as_of, run.as_of))
        from zoom.meetings meeting
        left join zoom.lessons lesson on lesson.lesson_id = meeting.shown_lesson
        left join zoom.instances run on run.run_id = meeting.shown_run
        where meeting.meeting_id = known.meeting_id) end as was
      offset 0
    ) person
  ), decided as (
    select want.*, case
        when want.is_wanted and want.row_id is null and want.user_id is null and exists (
          select from zoom.segments seg
          where seg.connection_key = want.connection_key and seg.run_id = want.run_id and seg.is_forgotten
          offset 0) then null
        when want.is_wanted and want.row_id is null then 'insert'
        when want.is_wanted then 'update'
        -- Nobody's row any more: we made it, and whoever it stood for was never there.
        when want.row_id is not null and want.is_ours and (want.was).status is null and not want.is_known then 'delete'
      end as fate
    from want
  )
  select array_agg(row(decided.fate, coalesce(decided.row_id, gen_random_uuid()), decided.meeting_id, decided.user_id,
    case when decided.user_id is null then decided.run_id end, case when decided.user_id is null then decided.connection_key end, decided.is_known, decided.was, decided.says)::zoom.row_change order by decided.n)
  into wanted
  from decided
  where decided.fate is not null
    -- A row that one person leaves and another takes is not deleted.
    and (decided.fate <> 'delete' or not exists (select from decided heir where heir.fate in ('insert', 'update') and heir.row_id = decided.row_id));
end
$$;
comment on function zoom.participants_wanted is
  'What the rows of these people in public.zoom_participants should say, by what Zoom''s facts say of the runs that are shown; and the '
  'people, with what Zoom saw of each.';

create function zoom.write_participants(changes zoom.row_change[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  was_overtaken boolean;
begin
  with want as (
    select told.* from unnest(changes) told
  ), inserted as (
    insert into public.zoom_participants
      (id, meeting_id, user_id, zoom_participant_id, name, email, join_time, leave_time, duration, status)
    select want.row_id, want.meeting_id, want.user_id, (want.says).*
    from want
    where want.fate = 'insert'
    on conflict (meeting_id, user_id) do nothing
    returning id
  ), updated as (
    update public.zoom_participants shown set
      user_id = want.user_id, zoom_participant_id = (want.says).zoom_participant_id, name = (want.says).name, email = (want.says).email,
      join_time = (want.says).join_time, leave_time = (want.says).leave_time, duration = (want.says).duration, status = (want.says).status
    from want
    where want.fate = 'update' and shown.id = want.row_id
      and (shown.user_id, shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)
        is distinct from (want.user_id, (want.says).zoom_participant_id, (want.says).name, (want.says).email, (want.says).join_time,
          (want.says).leave_time, (want.says).duration, (want.says).status)
  ), deleted as (
    delete from public.zoom_participants shown using want
    where want.fate = 'delete' and shown.id = want.row_id
  )
  select (select count(*) from inserted) < (select count(*) from want where want.fate = 'insert') into was_overtaken;

  if was_overtaken then
    raise exception 'the app inserted a participant at the same moment' using
      errcode = 'serialization_failure', hint = 'Nothing was written. Call again.';
  end if;

  -- Remember which rows are ours, what the app's said, and which guest a row stands for.
  delete from zoom.rows memory using unnest(changes) told
  where memory.row_id = told.row_id and told.fate = 'update' and not told.is_known;
  insert into zoom.rows as memory (row_id, was, run_id, connection_key, closed_at)
  select told.row_id, told.was, told.run_id, told.connection_key, null
  from unnest(changes) told
  where told.is_known and told.fate in ('insert', 'update')
    and not exists (
      select from zoom.rows known
      where known.row_id = told.row_id and (known.was, known.run_id, known.connection_key, known.closed_at)
        is not distinct from (told.was, told.run_id, told.connection_key, null))
  on conflict (row_id) do update set
    was = excluded.was, run_id = excluded.run_id, connection_key = excluded.connection_key, closed_at = null;
end
$$;
comment on function zoom.write_participants is 'Writes these changes of public.zoom_participants, and remembers them. Raises 40001 if the app inserted one of the rows meanwhile.';

create function zoom.close_app_joins(meetings uuid[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with left_open as (
    -- Joined, says the app, or we closed it; and Zoom saw nothing of them in what is shown.
    select shown.id, shown.meeting_id, shown.join_time, is_closed,
      case when is_closed then memory.was
        else row(shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)::zoom.said
      end as was, (
        select min(run.ended_at) from zoom.instances run
        where run.meeting_id = shown.meeting_id and run.ended_at >= coalesce(shown.join_time, '-infinity')
      ) as ended_at
    from unnest(meetings) told (id)
    join zoom.meetings meeting on meeting.meeting_id = told.id
    join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited'
    left join zoom.rows memory on memory.row_id = shown.id
    cross join lateral (select shown.status = 'left' and memory.closed_at is not null and shown.leave_time = memory.closed_at) note (is_closed)
    where shown.user_id is not null and (shown.status = 'joined' or is_closed)
      and not exists (
        select from zoom.segments seg
        join zoom.instances run on run.run_id = seg.run_id and run.meeting_id = shown.meeting_id
        where seg.user_id = shown.user_id and seg.was_in
          and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson))
  ), closed as (
    update public.zoom_participants shown set status = 'left', leave_time = left_open.ended_at,
      duration = floor(extract(epoch from left_open.ended_at - left_open.join_time))::integer
    from left_open
    where shown.id = left_open.id and left_open.ended_at is not null
      and (shown.status, shown.leave_time) is distinct from ('left', left_open.ended_at)
    returning shown.id, left_open.was, shown.leave_time
  ), opened as (
    -- There is no such end any more: it says what the app said.
    update public.zoom_participants shown set status = (left_open.was).status, leave_time = (left_open.was).leave_time,
      duration = (left_open.was).duration
    from left_open
    where shown.id = left_open.id and left_open.ended_at is null and left_open.is_closed
    returning shown.id
  ), forgotten as (
    delete from zoom.rows memory using opened where memory.row_id = opened.id
  )
  insert into zoom.rows as memory (row_id, was, closed_at)
  select closed.id, closed.was, closed.leave_time from closed
  on conflict (row_id) do update set was = excluded.was, closed_at = excluded.closed_at;
end
$$;
comment on function zoom.close_app_joins is
  'Closes rows that only the app left at joined, at the first end of a run after that join, with their duration. Zoom never saw '
  'these people in that lesson: their time is no evidence.';

revoke execute on function
  zoom.show_latest, zoom.is_shown, zoom.app_word, zoom.show_visitors, zoom.participants_wanted, zoom.write_participants, zoom.close_app_joins
from public;
grant execute on function
  zoom.show_latest, zoom.is_shown, zoom.app_word, zoom.show_visitors, zoom.participants_wanted, zoom.write_participants, zoom.close_app_joins
to service_role;


-- supabase/schemas/14_meetings.sql
------------------------------------------------------------------------------------------------------------------------

-- What a meeting's status is, in public.zoom_meetings: its newest run decides, unless people cancelled it.

create type zoom.status_change as (meeting_id uuid, status text);
comment on type zoom.status_change is 'The status that a meeting should have.';

create function zoom.status_of(meeting uuid) returns text
language plpgsql stable set search_path = '' as $$
declare
  newest zoom.instances;
  cancelled_since timestamptz;
begin
  select run.* into newest from zoom.instances run
  where run.meeting_id = meeting and run.started_at is not null
  order by run.started_at desc, run.instance desc
  limit 1;
  if newest.run_id is null then -- what people said last
    return zoom.as_of('zoom_meetings', meeting::text, 'infinity') ->> 'status';
  end if;
  -- Cancelled stays, until whoever cancelled takes it back, or a run that began later counts.
  select min(case when own.is_first then '-infinity' else own.since end) into cancelled_since
  from zoom.history own
  where own.row_key = meeting::text and own.relation = 'zoom_meetings' and (own.was ->> 'is_cancelled')::boolean
    and own.since >= coalesce((
      select max(other.until) from zoom.history other
      where other.row_key = meeting::text and other.relation = 'zoom_meetings' and not (other.was ->> 'is_cancelled')::boolean), '-infinity');
  if cancelled_since is not null and not exists (
      select from zoom.instances run
      where run.meeting_id = meeting and run.lesson_id is not null and run.as_of >= cancelled_since) then
    return 'cancelled';
  end if;
  return case when newest.ended_at is null then 'started' else 'ended' end;
end
$$;
comment on function zoom.status_of is
  'The status that a meeting has by its newest run: ended if that is over, else started; cancelled while people cancelled it and '
  'no later run counts; what people said last, of a meeting without a run.';

create function zoom.statuses_wanted(meetings uuid[]) returns zoom.status_change[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select row(room.id, wanted.status)::zoom.status_change
    from public.zoom_meetings room
    cross join lateral zoom.status_of(room.id) wanted (status)
    where room.id = any (meetings) and wanted.status is distinct from room.status and wanted.status is not null
    order by room.id);
end
$$;
comment on function zoom.statuses_wanted is 'Which of these meetings should have another status.';

create function zoom.write_statuses(changes zoom.status_change[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  -- Ours is no word of people on whether it was cancelled: see zoom.deciding.
  perform set_config('zoom.writes_status', 'on', true);
  update public.zoom_meetings room set status = told.status, updated_at = now()
  from unnest(changes) told
  where room.id = told.meeting_id;
  perform set_config('zoom.writes_status', '', true);
end
$$;
comment on function zoom.write_statuses is 'Sets the status of these meetings.';

revoke execute on function zoom.status_of, zoom.statuses_wanted, zoom.write_statuses from public;
grant execute on function zoom.status_of, zoom.statuses_wanted, zoom.write_statuses to service_role;


-- supabase/schemas/15_records.sql
------------------------------------------------------------------------------------------------------------------------

-- The attendance, in public.attendance_records: the verdict, and what people wrote against what we had said then.

create function zoom.part_size() returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return 300;
end
$$;
comment on function zoom.part_size is 'How many records of one lesson a transaction writes when it ends. Realtime takes a transaction as a whole, and has 15 seconds for it: changes times listening pages stay below 150,000.';

create function zoom.everybody_of(lessons zoom.lesson_key[]) returns zoom.record_key[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select row(told.student_id, told.class_id, told.date)::zoom.record_key
    from (
      -- Whoever was in it, whoever we said something of, and once it is over whoever was enrolled at some time.
      select seg.user_id as student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.lessons held on held.class_id = lesson.class_id and held.held_on = lesson.date
      join zoom.instances run on run.lesson_id = held.lesson_id
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is not null
      union
      select memory.student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.verdicts memory on memory.class_id = lesson.class_id and memory.date = lesson.date
      union
      select pupil.student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.enrolments pupil on pupil.class_id = lesson.class_id
      where exists (
        select from zoom.lessons held
        where held.class_id = lesson.class_id and held.held_on = lesson.date and (held.is_over or held.app_joins = 'count'))
    ) told);
end
$$;
comment on function zoom.everybody_of is 'The records that these classes have, or may come to have, on these dates.';

create function zoom.due_records(
  sightings zoom.sighting[], visitors zoom.visitor[], lessons zoom.lesson_key[], out due zoom.record_key[], out later zoom.record_key[]
)
language plpgsql stable set search_path = '' as $$
begin
  -- Whose verdict may have changed: the students touched, and whole classes whose lesson changed.
  with told as (
    -- (Of whom nothing can be said yet, their lesson goes on, and they are in it.)
    select seen.user_id as student_id, lesson.class_id, lesson.held_on as date, true as is_touched,
      lesson.is_over or lesson.app_joins = 'count' or run.ended_at is not null or exists (
        select from zoom.segments seg
        join zoom.marks mark on mark.run_id = seg.run_id and mark.segment = seg.segment
        join zoom.kinds kind on kind.kind = mark.kind and kind.counts = 'closes'
        where seg.user_id = seen.user_id and seg.run_id = seen.run_id
        offset 0) as is_due
    from unnest(sightings) seen
    join zoom.instances run on run.run_id = seen.run_id
    join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    where seen.user_id is not null and lesson.class_id is not null
    union all
    select visitor.user_id, lesson.class_id, lesson.held_on, true, true
    from unnest(visitors) visitor
    join zoom.lessons lesson on lesson.meeting_id = visitor.meeting_id
    where lesson.class_id is not null and lesson.app_joins = 'count'
    union all
    select everybody.student_id, everybody.class_id, everybody.date, false, true
    from unnest(zoom.everybody_of(lessons)) everybody
  ), record as (
    select told.student_id, told.class_id, told.date, bool_or(told.is_touched) as is_touched, bool_or(told.is_due) as is_due
    from told
    group by told.student_id, told.class_id, told.date
  ), numbered as (
    select record.*, count(*) filter (where not record.is_touched)
      over (partition by record.class_id, record.date order by record.student_id) as n
    from record
    where not record.is_touched
      or exists (
          select from zoom.enrolments pupil where pupil.student_id = record.student_id and pupil.class_id = record.class_id offset 0)
        -- It was said, or may be said by now.
        and (record.is_due or exists (
            select from zoom.verdicts memory
            where memory.student_id = record.student_id and memory.class_id = record.class_id and memory.date = record.date
            offset 0))
  )
  select
    array_agg(row(numbered.student_id, numbered.class_id, numbered.date)::zoom.record_key)
      filter (where numbered.is_touched or numbered.n <= zoom.part_size()),
    array_agg(row(numbered.student_id, numbered.class_id, numbered.date)::zoom.record_key)
      filter (where not numbered.is_touched and numbered.n > zoom.part_size())
  into due, later
  from numbered;
end
$$;
comment on function zoom.due_records is
  'The records that may have to say something else: of the students touched, and of everybody in these lessons. Of a large '
  'lesson those beyond one part (see zoom.part_size) are for later.';

create type zoom.record_change as (
  student_id uuid, class_id uuid, date date, record_id uuid, status text, current text, verdict text, theirs text, said text
);
comment on type zoom.record_change is
  'What a record should say (status; null: nothing) in place of what it says (current), and what is to be remembered of it.';

create function zoom.records_wanted(due zoom.record_key[], known zoom.person[], presences zoom.presence[]) returns zoom.record_change[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    with judged as materialized (
      -- (Both in one list, and not joined: a join would look at all of one for each of the other.)
      select told.student_id, told.class_id, told.date, max(told.verdict) as verdict
      from (
        select own.student_id, own.class_id, own.date, own.verdict from zoom.judge(due, known, presences) own where own.place = 1
        union all
        select due_one.student_id, due_one.class_id, due_one.date, null from unnest(due) due_one
      ) told
      group by told.student_id, told.class_id, told.date
    ), remembered as (
      select judged.*, record.id as record_id, record.status as current, memory.student_id is not null as is_remembered,
        memory.verdict as was, memory.theirs, memory.said, zoom.weighed(memory.theirs, memory.said, memory.verdict) as ours
      from judged
      left join public.attendance_records record
        on record.student_id = judged.student_id and record.class_id = judged.class_id and record.date = judged.date
      left join zoom.verdicts memory
        on memory.student_id = judged.student_id and memory.class_id = judged.class_id and memory.date = judged.date
      -- Nothing new from Zoom: leave what people wrote meanwhile.
      where judged.verdict is distinct from memory.verdict
    ), weighed as (
      -- What we find that we did not leave there is somebody else's word: against what we had said until then.
      select remembered.*,
        case when remembered.current is distinct from remembered.ours then remembered.current else remembered.theirs end as their_word,
        case when remembered.current is distinct from remembered.ours then coalesce(remembered.was, 'nothing') else remembered.said end as our_word
      from remembered
    )
    select row(weighed.student_id, weighed.class_id, weighed.date, weighed.record_id,
      zoom.weighed(weighed.their_word, weighed.our_word, weighed.verdict), weighed.current, weighed.verdict, weighed.their_word,
      weighed.our_word)::zoom.record_change
    from weighed
    order by weighed.class_id, weighed.date, weighed.student_id);
end
$$;
comment on function zoom.records_wanted is 'Which of these records should say something else, or are to be remembered otherwise.';

create function zoom.write_records(changes zoom.record_change[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with want as (
    select told.* from unnest(changes) told
  ), remembered as (
    insert into zoom.verdicts as memory (student_id, class_id, date, verdict, theirs, said)
    select want.student_id, want.class_id, want.date, want.verdict, want.theirs, want.said from want
    on conflict (student_id, class_id, date) do update set verdict = excluded.verdict, theirs = excluded.theirs, said = excluded.said
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
  on conflict (student_id, class_id, date) do update set status = zoom.weighed(record.status, 'nothing', excluded.status)
  where record.status is distinct from zoom.weighed(record.status, 'nothing', excluded.status);
end
$$;
comment on function zoom.write_records is 'Writes these changes of public.attendance_records, and remembers them.';

create function zoom.withdraw_record(change zoom.record_change) returns void
language plpgsql volatile set search_path = '' as $$
begin
  if change.record_id is null or change.said is not null then
    return;
  end if;
  delete from public.attendance_records record where record.id = change.record_id;
  insert into zoom.verdicts as memory (student_id, class_id, date, verdict)
  values (change.student_id, change.class_id, change.date, null)
  on conflict (student_id, class_id, date) do update set verdict = null;
exception when others then
  return; -- that is refused too
end
$$;
comment on function zoom.withdraw_record is 'Removes a record of our own that is known to be wrong, where the right one was refused.';

create function zoom.was_forgotten(class uuid, day date) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.lessons lesson
    join zoom.instances gone on gone.lesson_id = lesson.lesson_id and gone.forgotten_at is not null
    where lesson.class_id = class and lesson.held_on = day);
end
$$;
comment on function zoom.was_forgotten is 'Whether a lesson of a class on a date was forgotten, be it in part (see zoom.forget): nothing can be said of that date any more. Never null.';

create function zoom.record_attendance(due zoom.record_key[], known zoom.person[] default '{}', presences zoom.presence[] default '{}') returns void
language plpgsql volatile set search_path = '' as $$
declare
  forgotten zoom.lesson_key[];
  changes zoom.record_change[];
begin
  forgotten := array(
    select row(day.class_id, day.date)::zoom.lesson_key
    from (select distinct told.class_id, told.date from unnest(due) told offset 0) day
    where zoom.was_forgotten(day.class_id, day.date));
  -- For a student or a class that is gone there is nothing to write; and of a lesson that was forgotten in part nothing can be
  -- said any more.
  due := array(
    select row(told.*)::zoom.record_key from unnest(due) told
    where exists (select from public.users person where person.id = told.student_id)
      and exists (select from public.classes class where class.id = told.class_id)
      and row(told.class_id, told.date)::zoom.lesson_key <> all (forgotten));

  -- A teacher may be saving the same records: whoever comes second sees what the first wrote.
  perform from unnest(due) told
  join public.attendance_records record
    on record.student_id = told.student_id and record.class_id = told.class_id and record.date = told.date
  order by record.id
  for update of record;

  changes := zoom.records_wanted(due, known, presences);
  perform zoom.write('attendance_records', 'write_records', changes);
  -- What was refused once, and is not wanted any more.
  if exists (select from zoom.refused own where own.relation = 'attendance_records') then
    delete from zoom.refused own
    where own.relation = 'attendance_records'
      and own.row_key in (select zoom.refused_key('attendance_records', to_jsonb(told)) from unnest(due) told)
      and own.row_key not in (select zoom.refused_key('attendance_records', to_jsonb(told)) from unnest(changes) told);
  end if;
end
$$;
comment on function zoom.record_attendance is
  'Brings these of public.attendance_records to what Zoom''s facts say. known: people of whom it was added up already (see zoom.judge).';

revoke execute on function
  zoom.part_size, zoom.everybody_of, zoom.due_records, zoom.records_wanted, zoom.write_records, zoom.withdraw_record, zoom.was_forgotten, zoom.record_attendance
from public;
grant execute on function
  zoom.part_size, zoom.everybody_of, zoom.due_records, zoom.records_wanted, zoom.write_records, zoom.withdraw_record, zoom.was_forgotten, zoom.record_attendance
to service_role;


-- supabase/schemas/16_apply.sql
------------------------------------------------------------------------------------------------------------------------

-- The only function that writes what Zoom said, and what the app saw: an event takes effect once, whatever the order, the
-- repetition and the batch it comes in.
--
--   read_events, place_facts     what was said, checked; which meeting of the school it is of
--   keep_facts, keep_visits      added to the set of facts; a repeat adds nothing, and then nothing else happens
--   work_out                     the rows, of whatever that concerns:
--     end_runs                     when the runs were over
--     recognise, weigh_runs        who was in them
--     assign_lessons               which lesson each run belongs to
--     weigh_lessons                when the lesson was, whether it is over and makes anybody absent
--     participants_wanted, ...     public.zoom_participants
--     statuses_wanted, ...         public.zoom_meetings
--     due_records, record_attendance   public.attendance_records, by judge
--
-- Every step works on sets and writes only what differs. The steps hand each other arrays, not temporary tables, whose
-- making costs more than a batch. A batch locks its meetings and then their classes, each in id order, so any number of
-- callers may run: those who share neither run side by side, the others wait for one another and never in a ring.
--
-- The plans are made once per connection, perhaps while the tables were small, and are kept: so the settings of
-- apply_zoom_events allow only plans that are right for every size, which go from the batch to each row by an index, and a
-- lateral lookup (offset 0 keeps it one) stands where a join could be turned round. An exists that is no condition by itself
-- (in an or, a case, or what is selected) has it too: else the planner may make a list of the whole table first.
-- Even the small helpers are plpgsql: it keeps the plan of a function that has settings of its own, and language sql does not.

create function zoom.place_runs(runs bigint[], meetings uuid[], out left_meetings uuid[], out left_visitors zoom.visitor[])
language plpgsql volatile set search_path = '' as $$
declare
  moved bigint[];
begin
  with worked_out as materialized (
    select run.run_id, run.meeting_id as was_meeting, run.class_id as was_class, run.host_user as was_host, run.teacher as was_teacher,
      place.meeting_id, class.id as class_id, (zoom.as_of('zoom_meetings', place.meeting_id::text, run.as_of) ->> 'host_id')::uuid as host_user,
      (zoom.as_of('classes', class.id::text, run.as_of) ->> 'teacher_id')::uuid as teacher
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.as_of is not null and run.forgotten_at is null
    cross join lateral (select zoom.meeting_of(run.number, run.instance, run.host_email, run.started_at, run.as_of) as meeting_id) place
    cross join lateral (select zoom.class_of(place.meeting_id, run.as_of) as id) class
  ), kept as (
    update zoom.instances run set meeting_id = worked_out.meeting_id, class_id = worked_out.class_id, host_user = worked_out.host_user,
      teacher = worked_out.teacher
    from worked_out
    where run.run_id = worked_out.run_id
      and (worked_out.was_meeting, worked_out.was_class, worked_out.was_host, worked_out.was_teacher)
        is distinct from (worked_out.meeting_id, worked_out.class_id, worked_out.host_user, worked_out.teacher)
      and (worked_out.meeting_id is null or worked_out.meeting_id = any (meetings))
    returning run.run_id, worked_out.was_meeting, worked_out.was_meeting <> run.meeting_id or run.meeting_id is null as has_left
  ), later as (
    -- (A later look locks both.)
    insert into zoom.due (run_id)
    select worked_out.run_id from worked_out
    where worked_out.meeting_id is not null and worked_out.meeting_id <> all (meetings)
    order by worked_out.run_id
    on conflict do nothing
  )
  select array_agg(kept.run_id), array_agg(distinct kept.was_meeting) into moved, left_meetings
  from kept where kept.has_left and kept.was_meeting is not null;
  if moved is null then
    return;
  end if;
  -- Whom these runs showed in the meeting that they left is looked at there.
  left_visitors := array(
    select distinct row(told.meeting_id, seg.user_id)::zoom.visitor
    from unnest(left_meetings) told (meeting_id)
    cross join (select distinct own.user_id from zoom.segments own where own.run_id = any (moved) and own.user_id is not null) seg);
  delete from public.zoom_participants shown
  using zoom.rows memory
  where memory.run_id = any (moved) and shown.id = memory.row_id and shown.meeting_id = any (left_meetings);
end
$$;
comment on function zoom.place_runs is
  'Looks up anew which meeting these runs are of, for which class, and whose both were. meetings: those that are locked. Returns the '
  'meetings that a run left, and the users it may have shown there; rows of its guests there are removed.';

create function zoom.lock_classes(meetings uuid[], runs bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform from public.classes class
  where class.id in (
    select run.class_id from zoom.instances run where run.run_id = any (runs)
    union
    select lesson.class_id from zoom.lessons lesson where lesson.meeting_id = any (meetings))
  order by class.id
  for no key update;
end
$$;
comment on function zoom.lock_classes is 'Locks the classes of these meetings and runs, in the order of their ids: two meetings of one class write the same records.';

create function zoom.work_out(
  runs bigint[], changed_runs bigint[], touched zoom.sighting[], visitors zoom.visitor[], whole_runs bigint[], left_lessons zoom.lesson_key[],
  left_meetings uuid[]
) returns void
language plpgsql volatile set search_path = '' as $$
declare
  meetings uuid[];
  ended bigint[];
  weighed bigint[];
  moved bigint[] := '{}';
  turned uuid[];
  lessons bigint[];
  keys zoom.lesson_key[];
  seen zoom.sighting[];
  participants record;
  given_back uuid[];
  assigned record;
  records record;
begin
  runs := array(select unnest(runs) union select seen_in.run_id from unnest(touched) seen_in union select unnest(whole_runs));
  meetings := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (runs) and run.meeting_id is not null
    union
    select visitor.meeting_id from unnest(visitors) visitor
    union
    select unnest(left_meetings));

  -- A run may end one that was open before it.
  ended := zoom.end_runs(array(
    select unnest(runs)
    union
    select running.run_id from zoom.instances running
    where running.meeting_id = any (meetings) and running.told_end is null and running.forgotten_at is null));

  -- Of whom nothing new was told but that they came or went is known already.
  seen := zoom.recognise(array(select told from unnest(touched) told where told.user_id is null))
    || array(select told from unnest(touched) told where told.user_id is not null);
  weighed := zoom.weigh_runs(array(
    select distinct told.run_id from unnest(touched) told where told.user_id is null union select unnest(whole_runs)));

  select own.* into assigned from zoom.assign_lessons(array(
    select distinct run.meeting_id from zoom.instances run
    where run.meeting_id is not null and (
      run.run_id = any (changed_runs || weighed || ended || whole_runs) or run.run_id = any (runs) and run.lesson_id is null)
    union
    select unnest(left_meetings)), runs || ended) own;
  moved := assigned.moved_runs;
  if moved is not null and exists (select from zoom.visits visit where visit.meeting_id = any (meetings)) then
    -- In another lesson's window others came by the app.
    seen := seen || zoom.recognise(array(
      select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting from zoom.segments seg
      where seg.run_id = any (moved) and (seg.user_id is null or seg.known_by = 'name')));
    perform zoom.weigh_runs(moved);
  end if;

  lessons := array(
    select run.lesson_id from zoom.instances run
    where run.run_id = any (changed_runs || weighed || ended || moved || whole_runs) and run.lesson_id is not null
    union
    select run.lesson_id
    from unnest(touched) told
    join zoom.instances run on run.run_id = told.run_id and run.lesson_id is not null and run.has_staff
    where exists (
      -- (Of the run, and not of the sighting, so that it is asked only where staff was in.)
      select from zoom.segments seg where seg.connection_key = told.connection_key and seg.run_id = run.run_id and zoom.is_of_staff(seg)
      offset 0)
    union
    select unnest(assigned.changed_lessons));
  lessons := zoom.weigh_lessons(lessons) || assigned.changed_lessons;

  turned := zoom.show_latest(meetings);
  -- Look at the connections touched, at everyone in a run that moved, or is shown now, and in one that ended at whoever was in it
  -- to the end.
  seen := seen || array(
    select distinct row(seg.run_id, seg.connection_key, seg.user_id)::zoom.sighting
    from unnest(ended) told (run_id)
    join zoom.segments seg on seg.run_id = told.run_id
    cross join lateral (
      select kind.counts from zoom.marks mark
      join zoom.kinds kind on kind.kind = mark.kind and kind.counts in ('opens', 'closes')
      where mark.run_id = seg.run_id and mark.segment = seg.segment
      order by mark.at desc, kind.counts, mark.body_hash desc
      limit 1
    ) latest
    where latest.counts = 'opens') || array(
    select distinct row(seg.run_id, seg.connection_key, seg.user_id)::zoom.sighting
    from (
      select unnest(moved || whole_runs) as run_id
      union
      select run.run_id
      from unnest(turned) told (id)
      join zoom.meetings meeting on meeting.meeting_id = told.id
      join zoom.instances run on run.meeting_id = told.id and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson)
    ) run
    join zoom.segments seg on seg.run_id = run.run_id);

  perform zoom.show_visitors(visitors);
  -- Where other runs are shown now, those shown before go back to invited.
  participants := zoom.participants_wanted(seen || array(
      select row(memory.run_id, memory.connection_key, null)::zoom.sighting
      from unnest(turned) told (id)
      join public.zoom_participants shown on shown.meeting_id = told.id and shown.user_id is null
      cross join lateral (select own.run_id, own.connection_key from zoom.rows own where own.row_id = shown.id offset 0) memory
      where memory.run_id is not null),
    visitors || array(
      select row(shown.meeting_id, shown.user_id)::zoom.visitor
      from unnest(turned) told (id)
      join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited' and shown.user_id is not null
      union
      -- And those who were in none of them go by the name that they had then.
      select row(shown.meeting_id, shown.user_id)::zoom.visitor
      from unnest(whole_runs) told (run_id)
      join zoom.instances run on run.run_id = told.run_id
      join public.zoom_participants shown on shown.meeting_id = run.meeting_id and shown.status = 'invited' and shown.user_id is not null));
  perform zoom.write('zoom_participants', 'write_participants', participants.wanted);

  given_back := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (ended)
    union
    select visitor.meeting_id from unnest(visitors) visitor
    union
    select told.meeting_id from unnest(participants.wanted) told where told.fate = 'update' and told.says is not distinct from told.was
    union
    select unnest(turned || left_meetings));
  perform zoom.close_app_joins(given_back);

  perform zoom.write('zoom_meetings', 'write_statuses', zoom.statuses_wanted(array(
    select run.meeting_id from zoom.instances run
    where run.run_id = any (changed_runs || ended || moved || whole_runs) and run.meeting_id is not null
    union
    select unnest(turned || left_meetings))));

  keys := array(
    select told from unnest(left_lessons || assigned.left_behind) told
    union
    select row(lesson.class_id, lesson.held_on)::zoom.lesson_key
    from zoom.lessons lesson
    where lesson.class_id is not null and lesson.lesson_id = any (lessons || array(
      select run.lesson_id from zoom.instances run where run.run_id = any (ended || moved || whole_runs))));
  records := zoom.due_records(seen, visitors, keys);
  perform zoom.record_attendance(records.due, participants.people, participants.presences);
  if records.later is not null then
    insert into zoom.unfinished (student_id, class_id, date)
    select told.student_id, told.class_id, told.date from unnest(records.later) told
    on conflict do nothing;
    perform zoom.tell('Sidecar-Unfinished', 'true'); -- so that the sidecar calls catch_up_zoom
  end if;
end
$$;
comment on function zoom.work_out is
  'Brings the public rows to what the facts say, of whatever these concern: runs of which anything is new, those of them of which '
  'their times or who told of them are new, connections to look '
  'up, users whom the app saw, runs to be judged as a whole, lessons (class and date) and meetings that lost a run. The meetings and '
  'classes are locked.';

create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb
language plpgsql volatile security invoker
set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
-- PostgREST sets this before it calls (in the statement itself it would come too late): a batch with a meeting that takes too
-- long fails in half of a project's eight seconds, and the sidecar applies the others by themselves.
set statement_timeout = '4s'
as $$
declare
  written bigint[] := zoom.rows_written();
  facts zoom.fact[] := zoom.read_events(events);
  kept record;
  app record;
  placed record;
  meetings uuid[];
begin
  perform zoom.note_settings(policy);
  facts := zoom.place_facts(facts);
  meetings := array(select distinct f.meeting_id from unnest(facts) f where f.meeting_id is not null);
  perform zoom.lock_meetings(meetings);

  kept := zoom.keep_facts(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is null));
  app := zoom.keep_visits(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is not null));

  if cardinality(kept.told_runs) > 0 or app.fresh is not null then
    placed := zoom.place_runs(kept.new_runs, meetings);
    perform zoom.lock_classes(meetings, kept.told_runs);
    perform zoom.work_out(kept.told_runs, kept.changed_runs, kept.touched || zoom.guests_near(app.visitors),
      app.visitors || placed.left_visitors, '{}', '{}', placed.left_meetings);
    perform zoom.tell_changes(written);
  end if;

  return (
    select coalesce(jsonb_agg(case
        when f.meeting_id is null then 'unknown_meeting'
        when not coalesce(f.n = any (app.fresh) or f.counts in ('begins', 'ends') and f.run_id = any (kept.told_runs)
          or (f.run_id, coalesce(f.segment, '')) in (select told.run_id, told.segment from unnest(kept.changed_visits) told), false) then 'duplicate'
        when f.customer_key is null then 'applied'
        when not exists (
          select from zoom.keys key where key.customer_key = f.customer_key and key.meeting_id = f.meeting_id offset 0) then 'unknown_key'
        when exists (
          select from zoom.shared_keys shared
          where shared.customer_key = f.customer_key and shared.run_id = f.run_id and shared.segment = f.segment
          offset 0) then 'shared_key'
        else 'applied'
      end order by f.n), '[]')
    from unnest(kept.facts || array(select f from unnest(facts) f where f.meeting_id is null or f.user_id is not null)) f);
end
$$;
comment on function public.apply_zoom_events is
  'Adds Zoom''s events, and what the app saw, to the facts and brings the public rows to what the facts say, in one transaction. '
  'events: an array of objects. Zoom''s have kind (see zoom.kinds), meeting, at, and optionally instance, segment, approximate, '
  'start, accepted (when the door took it), connection, zoom_user_id, participant_id, registrant_id, customer_key, email, name, '
  'host_id, host_email; an event without any time has body_hash and accepted in place of at; the app''s have kind (app_joined, '
  'app_left), meeting, at, user. policy: min_minutes (default 15), timezone (IANA name, default UTC, or "meeting"), app_joins '
  '(corroborate, the default: a name counts for a student who joined through the app; count: the app''s word does where Zoom saw '
  'nothing; ignore) and plan_margin_minutes (default 60). Returns one outcome per event, in order: applied, duplicate, '
  'unknown_meeting; or applied with a customer_key that is none of ours for that meeting (unknown_key) or that another Zoom user '
  'shows at the same time (shared_key). Raises 22xxx for bad input, 40001 and 40P01 when it should be called again.';
revoke execute on function public.apply_zoom_events from public, anon, authenticated;
grant execute on function public.apply_zoom_events to service_role;

create function zoom.guests_near(visitors zoom.visitor[]) returns zoom.sighting[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting
    from (select distinct told.meeting_id, told.user_id from unnest(visitors) told) visitor
    join zoom.instances run on run.meeting_id = visitor.meeting_id and run.forgotten_at is null
    cross join lateral (
      select here.* from zoom.segments here
      where here.run_id = run.run_id and (here.user_id is null or here.known_by = 'name')
      offset 0
    ) seg
    where zoom.came_by_app(visitor.user_id, run));
end
$$;
comment on function zoom.guests_near is 'The connections that may be these visitors by their names (see zoom.person_by_name), in the runs they came for.';

create view zoom.shared_keys with (security_invoker) as
with shown as not materialized (
  select key.customer_key, key.meeting_id, key.user_id, seg.run_id, seg.segment, seg.connection_key, seg.zoom_user_id,
    stay.came, stay.went, stay.name
  from zoom.keys key
  join zoom.segments seg on seg.customer_key = key.customer_key
  join zoom.instances run on run.run_id = seg.run_id and run.meeting_id = key.meeting_id
  cross join lateral (
    select min(own.at) as came, coalesce(max(own.at) filter (where own.counts = 'closes'), run.ended_at, 'infinity') as went,
      lower(btrim((array_agg(own.name order by own.at desc, own.name desc) filter (where own.name is not null))[1] collate "default")) as name
    from zoom.stays own where own.run_id = seg.run_id and own.segment = seg.segment
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
comment on column zoom.shared_keys.segment is 'The segment of one of the two.';
comment on column zoom.shared_keys.zoom_user_id is 'Who that was, for Zoom; null for a guest.';
comment on column zoom.shared_keys.other_segment is 'The segment of the other.';
comment on column zoom.shared_keys.other_zoom_user_id is 'Who the other was; null for a guest.';
grant select on zoom.shared_keys to service_role;

revoke execute on function zoom.place_runs, zoom.lock_classes, zoom.work_out, zoom.guests_near from public;
grant execute on function zoom.place_runs, zoom.lock_classes, zoom.work_out, zoom.guests_near to service_role;


-- supabase/schemas/17_catch_up.sql
------------------------------------------------------------------------------------------------------------------------

-- What a lesson lacked, and now has: a change of the school's data, the clock, and a row that was refused make runs due, and
-- public.catch_up_zoom judges them anew, in small transactions of their own.

create function zoom.note_visit() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into zoom.changes (relation, row_key, was)
  values ('visits', new.user_id::text, jsonb_build_object('meeting_id', new.meeting_id, 'user_id', new.user_id));
  return null;
end
$$;
comment on function zoom.note_visit is 'Trigger: somebody who opened the page may be the guest of their name.';

create trigger who_opened_the_page_may_be_a_guest after insert on zoom.visits
for each row when (new.kind = 'opened') execute function zoom.note_visit();

create function zoom.runs_concerned(change zoom.changes) returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return case change.relation
    when 'users' then array(
      -- Who shows an address of theirs (one that they gave up may be another's alone now) and is not known as them by it: of
      -- two addresses the other may be somebody else's; and where a student of this name came by the app.
      select seg.run_id from zoom.segments seg
      where seg.email is not null and seg.known_by is distinct from 'key'
        and (seg.known_by is distinct from 'email' or seg.user_id is distinct from change.row_key::uuid)
        and zoom.folded(seg.email) = any (array(
          select lower(own.was ->> 'email') from zoom.history own where own.row_key = change.row_key and own.relation = 'users'))
      union
      select seg.run_id
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null
      where run.meeting_id = any (array(select visit.meeting_id from zoom.visits visit where visit.user_id = change.row_key::uuid))
        and run.forgotten_at is null)
    when 'class_students' then array(
      select run.run_id
      from zoom.segments seg
      join zoom.instances run on run.run_id = seg.run_id
      join zoom.lessons lesson on lesson.lesson_id = run.lesson_id and lesson.class_id = (change.was ->> 'class_id')::uuid
      where seg.user_id = (change.was ->> 'student_id')::uuid
      union
      select run.run_id
      from zoom.instances run
      where run.meeting_id = any (array(
          select visit.meeting_id from zoom.visits visit where visit.user_id = (change.was ->> 'student_id')::uuid))
        and run.class_id = (change.was ->> 'class_id')::uuid)
    when 'classes' then array(
      select run.run_id
      from (
        -- (In the order of the index: so it is the right way, however small the table was when this was planned.)
        select distinct on (own.row_key) own.row_key from zoom.history own
        where own.relation = 'zoom_meetings' and (own.was ->> 'class_id')::uuid = change.row_key::uuid
        order by own.row_key
      ) taught
      join zoom.instances run on run.meeting_id = taught.row_key::uuid and run.class_id is null)
    when 'zoom_meetings' then array(
      select run.run_id from zoom.instances run
      where run.meeting_id = change.row_key::uuid and (run.class_id is null or run.lesson_id is null)
      union
      -- A plan that it was given takes what no other took; one run of it looks at all of them.
      select newest.run_id from (
        select run.run_id from zoom.instances run
        where run.meeting_id = change.row_key::uuid and run.started_at is not null
        order by run.started_at desc, run.instance desc limit 1) newest
      union
      select run.run_id from zoom.instances run
      where run.meeting_id is null and run.number = any (array(
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number'])
        from zoom.history own where own.row_key = change.row_key and own.relation = 'zoom_meetings'))
      union
      -- A new row has its number since ever, unless another had it: also where a personal room took its runs.
      select run.run_id from zoom.instances run
      where run.number = zoom.digits(change.was ->> 'zoom_meeting_id') and run.meeting_id is distinct from change.row_key::uuid
        and exists (select from zoom.history own where own.version_id = change.version_id and own.is_first))
    when 'meeting_registrants' then array(
      select seg.run_id
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null
        and array[seg.registrant_id, seg.zoom_user_id, seg.participant_id]::text[] && array(
          select own.was ->> 'zoom_registrant_id' from zoom.history own
          where own.row_key = change.row_key and own.relation = 'meeting_registrants')
      where run.meeting_id = (change.was ->> 'meeting_id')::uuid)
    when 'visits' then array(
      select run.run_id from zoom.instances run
      where run.meeting_id = (change.was ->> 'meeting_id')::uuid and run.forgotten_at is null
        and zoom.came_by_app((change.was ->> 'user_id')::uuid, run)
        and exists (select from zoom.segments seg where seg.run_id = run.run_id and seg.user_id is null))
    else '{}'
  end;
end
$$;
comment on function zoom.runs_concerned is 'The runs that a change of the school''s data may give what they lacked; no others.';

create function zoom.look_at_changes(most integer) returns void
language plpgsql volatile set search_path = '' as $$
declare
  change zoom.changes;
  moment timestamptz;
  earliest timestamptz := 'infinity';
  visitors zoom.visitor[] := '{}';
  are_others boolean;
begin
  for change in
    select own.* from zoom.changes own
    where own.again_from is null or own.again_from <= pg_snapshot_xmin(pg_current_snapshot())
    order by own.change_id
    limit most
    for update skip locked
  loop
    -- A transaction that ran when it was made may hold an event that nobody sees yet: then it is looked at once more. (Asked
    -- before the look: who begins later sees the change.)
    are_others := exists (select from pg_snapshot_xip(pg_current_snapshot()));
    insert into zoom.due (run_id)
    select told.run_id from unnest(zoom.runs_concerned(change)) told (run_id)
    order by told.run_id
    on conflict do nothing;
    moment := (
      select case when change.is_gone then own.until else own.since end from zoom.history own where own.version_id = change.version_id);
    -- (What counts since ever concerns nothing that was judged without it.)
    earliest := least(earliest, nullif(moment, '-infinity'), (
      select max(own.since) from zoom.settings own where change.relation = 'settings' and own.since > '-infinity'));
    if change.relation = 'users' then
      visitors := visitors || array(
        select distinct row(visit.meeting_id, visit.user_id)::zoom.visitor from zoom.visits visit
        where visit.user_id = change.row_key::uuid and visit.at >= moment);
    end if;
    if change.again_from is null and are_others then
      update zoom.changes own set again_from = pg_snapshot_xmax(pg_current_snapshot()) where own.change_id = change.change_id;
    else
      delete from zoom.changes own where own.change_id = change.change_id;
    end if;
  end loop;
  -- And what began or ended after a change, and was judged before it: there is nothing, as a rule.
  if isfinite(earliest) then
    insert into zoom.due (run_id)
    select run.run_id from zoom.instances run
    where greatest(run.started_at, run.ended_at, run.told_at) > earliest and run.forgotten_at is null and run.meeting_id is not null
    order by run.run_id
    on conflict do nothing;
  end if;
  if cardinality(visitors) > 0 then
    perform zoom.lock_meetings(array(select told.meeting_id from unnest(visitors) told));
    perform zoom.show_visitors(visitors);
    perform zoom.close_app_joins(array(select distinct told.meeting_id from unnest(visitors) told));
  end if;
end
$$;
comment on function zoom.look_at_changes is 'Notes the runs that the next changes concern, at most so many changes.';

create function zoom.judge_runs(chosen bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  meetings uuid[];
  left_lessons zoom.lesson_key[];
  placed record;
begin
  -- Those they are of, and those they may come to be of.
  meetings := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (chosen) and run.meeting_id is not null
    union
    select found.meeting_id from zoom.instances run
    cross join lateral (select zoom.meeting_of(run.number, run.instance, run.host_email, run.started_at, run.as_of) as meeting_id) found
    where run.run_id = any (chosen) and run.as_of is not null and found.meeting_id is not null);
  perform zoom.lock_meetings(meetings);
  left_lessons := array(
    select distinct row(lesson.class_id, lesson.held_on)::zoom.lesson_key
    from zoom.instances run
    join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    where run.run_id = any (chosen) and lesson.class_id is not null);
  placed := zoom.place_runs(chosen, meetings);
  perform zoom.lock_classes(meetings, chosen);
  perform zoom.work_out('{}', '{}', array(
      select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting from zoom.segments seg where seg.run_id = any (chosen)),
    placed.left_visitors, chosen, left_lessons, meetings);
end
$$;
comment on function zoom.judge_runs is 'Judges these runs anew, wholly: their meeting, class and lesson, who was in them, and everybody''s verdict.';

create function zoom.finish_lessons() returns void
language plpgsql volatile set search_path = '' as $$
declare
  first zoom.unfinished;
  due zoom.record_key[];
begin
  select later.* into first from zoom.unfinished later order by later.class_id, later.date, later.student_id limit 1;
  if first.class_id is null then
    return;
  end if;
  -- Locked as apply_zoom_events locks it: nobody else writes this class's records meanwhile.
  perform from public.classes class where class.id = first.class_id for no key update;
  with taken as (
    delete from zoom.unfinished later
    using (
      select own.class_id, own.date, own.student_id from zoom.unfinished own
      where own.class_id = first.class_id
      order by own.date, own.student_id
      limit zoom.part_size()
    ) part
    where (later.class_id, later.date, later.student_id) = (part.class_id, part.date, part.student_id)
    returning later.student_id, later.class_id, later.date
  )
  select array_agg(row(taken.student_id, taken.class_id, taken.date)::zoom.record_key) into due from taken;
  perform zoom.record_attendance(due);
end
$$;
comment on function zoom.finish_lessons is 'Writes the next part of the attendance that large lessons left for later.';

create function zoom.try_refused() returns void
language plpgsql volatile set search_path = '' as $$
declare
  tried zoom.refused[];
begin
  tried := array(
    select own from zoom.refused own where own.tried_at < now() - interval '1 hour'
    order by own.tried_at
    limit zoom.part_size()
    for update skip locked);
  if cardinality(tried) = 0 then
    return;
  end if;
  update zoom.refused own set tried_at = now()
  from unnest(tried) told where own.relation = told.relation and own.row_key = told.row_key;
  insert into zoom.unfinished (student_id, class_id, date)
  select told.student_id, told.class_id, told.date from unnest(tried) told where told.relation = 'attendance_records'
  on conflict do nothing;
  -- Of a participant, or a status: the run that is shown.
  insert into zoom.due (run_id)
  select distinct run.run_id
  from unnest(tried) told
  join zoom.meetings meeting on meeting.meeting_id = told.meeting_id
  join zoom.instances run on run.meeting_id = meeting.meeting_id and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson)
  where told.relation <> 'attendance_records'
  on conflict do nothing;
  delete from zoom.refused own
  where own.relation <> 'attendance_records' and own.meeting_id is not null
    and not exists (select from public.zoom_meetings room where room.id = own.meeting_id);
end
$$;
comment on function zoom.try_refused is 'Has rows that were refused an hour ago tried again.';

create function zoom.note_silent_runs() returns void
language plpgsql volatile set search_path = '' as $$
begin
  insert into zoom.due (run_id)
  select run.run_id from zoom.instances run
  where run.ended_at is null and run.started_at < now() - zoom.longest() and run.forgotten_at is null and run.meeting_id is not null
    and zoom.run_end(run) is not null
  order by run.run_id
  limit 100
  on conflict do nothing;
end
$$;
comment on function zoom.note_silent_runs is 'Has runs judged whose end was never told, once they are over by the clock.';

create function public.catch_up_zoom(since timestamptz default null, most integer default 20) returns jsonb
language plpgsql volatile security invoker
set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  written bigint[] := zoom.rows_written();
  moment constant timestamptz := now();
  taken bigint[];
  next_one bigint;
  failed jsonb := '[]';
  sqlstate_told text;
begin
  perform zoom.look_at_changes(500);
  perform zoom.note_silent_runs();
  perform zoom.try_refused();
  -- Those of one meeting together, so that one that fails is not all of them.
  select own.run_id into next_one from zoom.due own
  where own.not_before <= moment order by own.is_chosen, own.run_id limit 1 for update skip locked;
  if next_one is not null then
    taken := array(
      select own.run_id from zoom.due own
      cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = own.run_id offset 0) run
      where run.meeting_id is not distinct from (select first.meeting_id from zoom.instances first where first.run_id = next_one)
      order by own.run_id
      limit greatest(most, 1)
      for update of own skip locked);
    begin
      perform zoom.judge_runs(taken);
      delete from zoom.due own where own.run_id = any (taken);
    exception when query_canceled or others then
      -- Trouble of one meeting is its own: it is put off, and the others go on.
      get stacked diagnostics sqlstate_told = returned_sqlstate;
      if left(sqlstate_told, 2) in ('08', '25', '40', '53', '58') or sqlstate_told in ('57P01', '57P02', '57P03') then
        raise;
      end if;
      update zoom.due own set failures = own.failures + 1, failed_at = coalesce(own.failed_at, moment), code = sqlstate_told,
        not_before = moment + least(interval '10 seconds' * 2 ^ least(own.failures, 10), interval '1 hour')
      where own.run_id = any (taken);
      failed := (
        select jsonb_agg(distinct jsonb_build_object('meeting', run.number, 'code', sqlstate_told))
        from zoom.instances run where run.run_id = any (taken));
    end;
  else
    perform zoom.finish_lessons();
  end if;
  perform zoom.tell_changes(written);
  return jsonb_build_object(
    'left', (select count(*) from zoom.due own where own.not_before <= moment) + (select count(*) from zoom.unfinished)
      + (select count(*) from zoom.changes own where own.again_from is null),
    'numbers', case when since is null then '[]' else (
      -- A transaction may have noted a number some time ago, and ended just now.
      select coalesce(jsonb_agg(distinct told.number), '[]')
      from (
        -- (A range is planned as a few rows, so by the index of its column.)
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number']) as number
        from zoom.history own
        where own.relation = 'zoom_meetings' and own.since > catch_up_zoom.since - interval '1 minute' and own.since < 'infinity'
        union all
        -- Where one of two gave a number up, the other has it alone.
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number'])
        from zoom.history own
        where own.relation = 'zoom_meetings' and own.until > catch_up_zoom.since - interval '1 minute' and own.until < 'infinity'
      ) told
      where told.number <> '')
    end,
    'until', moment, 'failed', failed,
    'held', (
      select coalesce(jsonb_agg(jsonb_build_object('meeting', told.number, 'since', told.since, 'code', told.code) order by told.since, told.number), '[]')
      from (
        select run.number, min(own.failed_at) as since, (array_agg(own.code order by own.not_before desc, own.run_id))[1] as code
        from zoom.due own
        cross join lateral (select here.number from zoom.instances here where here.run_id = own.run_id offset 0) run
        where own.failures > 0
        group by run.number
        order by min(own.failed_at), run.number
        limit 100
      ) told));
end
$$;
comment on function public.catch_up_zoom is
  'Judges anew what the school''s changes, the clock and refused rows make due, and writes what large lessons left: the runs of '
  'one meeting, at most so many (most), or one part of a large lesson. Returns left (how much is still due: call again at once '
  'when it is more than 0), numbers (Zoom''s numbers that a meeting was given, or gave up, after since, '
  'as digits; some of a minute before are told again) until (the next since) and failed (meetings, by number, that '
  'could not be judged in this call and are put off, with the SQLSTATE) and held (all that are put off, each with since when). Raises 40001 and 40P01 when it should be called again.';
revoke execute on function public.catch_up_zoom from public, anon, authenticated;
grant execute on function public.catch_up_zoom to service_role;

create function public.rejudge_zoom(chosen jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  classes uuid[];
  runs bigint[];
  lessons bigint;
begin
  if nullif(chosen ->> 'class', '') is not null then
    classes := array(
      select own.id from public.classes own
      where own.id::text = chosen ->> 'class' or zoom.folded(own.name) = zoom.folded(chosen ->> 'class')
      order by own.id);
    if cardinality(classes) <> 1 then
      return jsonb_build_object('outcome', case when cardinality(classes) = 0 then 'unknown_class' else 'ambiguous_class' end,
        'lessons', 0, 'runs', 0, 'classes', (
          select coalesce(jsonb_agg(jsonb_build_object('id', own.id, 'name', own.name) order by own.id), '[]')
          from public.classes own where own.id = any (classes)));
    end if;
  end if;
  if nullif(chosen ->> 'meeting', '') is not null and not exists (
      select from zoom.held_numbers held where held.number = zoom.digits(chosen ->> 'meeting')
      union all select from zoom.instances run where run.number = zoom.digits(chosen ->> 'meeting')) then
    return jsonb_build_object('outcome', 'unknown_meeting', 'lessons', 0, 'runs', 0);
  end if;
  select array_agg(run.run_id), count(distinct coalesce(run.lesson_id, -run.run_id)) into runs, lessons
  from zoom.instances run
  left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
  where run.forgotten_at is null and run.started_at is not null
    and (nullif(chosen ->> 'meeting', '') is null or run.number = zoom.digits(chosen ->> 'meeting')
      or run.meeting_id in (select held.meeting_id from zoom.held_numbers held where held.number = zoom.digits(chosen ->> 'meeting')))
    and (classes is null or coalesce(lesson.class_id, run.class_id) = classes[1]
      or run.meeting_id in (select room.id from public.zoom_meetings room where room.class_id = classes[1]))
    and (nullif(chosen ->> 'date', '') is null
      or coalesce(lesson.held_on, (run.started_at at time zone 'UTC')::date) = (chosen ->> 'date')::date)
    and (nullif(chosen ->> 'since', '') is null or run.started_at >= (chosen ->> 'since')::timestamptz);
  if not coalesce((chosen ->> 'dry_run')::boolean, false) then
    update zoom.instances run set judged_as_of = case when (chosen ->> 'as_of_now')::boolean then now() end
    where run.run_id = any (runs)
      and (coalesce((chosen ->> 'as_of_now')::boolean, false) or run.judged_as_of is not null);
    insert into zoom.due as own (run_id, is_chosen)
    select told.run_id, true from unnest(runs) told (run_id) order by told.run_id
    on conflict (run_id) do update set is_chosen = true;
  end if;
  return jsonb_build_object('outcome', 'ok', 'lessons', lessons, 'runs', coalesce(cardinality(runs), 0));
end
$$;
comment on function public.rejudge_zoom is
  'Has lessons judged anew by catch_up_zoom: those that meet all that chosen names: meeting (Zoom''s number), class (name or id), '
  'date, since (a time); by the data of today if as_of_now is true, else of when their runs began; dry_run only counts. Returns '
  'outcome (ok, unknown_meeting, unknown_class, ambiguous_class with classes), lessons and runs.';

create function public.rejudge_left() returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
begin
  return jsonb_build_object('left', (select count(*) from zoom.due own where own.is_chosen));
end
$$;
comment on function public.rejudge_left is 'How many runs that somebody chose are still to be judged anew: left.';

create function public.refused_zoom_rows(most integer default 50) returns jsonb
language plpgsql stable security invoker set search_path = '' set timezone = 'UTC' as $$
begin
  return jsonb_build_object('of', (select count(*) from zoom.refused), 'rows', coalesce((
    select jsonb_agg(jsonb_build_object('table', told.relation, 'student', person.name, 'class', class.name, 'meeting', room.zoom_meeting_id,
      'date', told.date, 'wanted', told.wanted, 'reason', told.reason, 'code', told.code, 'since', told.since, 'tried_at', told.tried_at)
      order by told.since desc, told.row_key)
    from (select own.* from zoom.refused own order by own.since desc, own.row_key limit greatest(most, 0)) told
    left join public.users person on person.id = told.student_id
    left join public.classes class on class.id = told.class_id
    left join public.zoom_meetings room on room.id = told.meeting_id), '[]'));
end
$$;
comment on function public.refused_zoom_rows is
  'Rows that the school''s database refused, the newest first: of (how many), rows (table, student, class, meeting, date, wanted, '
  'reason, code, since, tried_at). They are tried again when something of them changes, and once an hour.';

revoke execute on function public.rejudge_zoom, public.rejudge_left, public.refused_zoom_rows from public, anon, authenticated;
grant execute on function public.rejudge_zoom, public.rejudge_left, public.refused_zoom_rows to service_role;

revoke execute on function
  zoom.note_visit, zoom.runs_concerned, zoom.look_at_changes, zoom.judge_runs, zoom.finish_lessons, zoom.try_refused, zoom.note_silent_runs
from public;
grant execute on function
  zoom.runs_concerned, zoom.look_at_changes, zoom.judge_runs, zoom.finish_lessons, zoom.try_refused, zoom.note_silent_runs
to service_role;


-- supabase/schemas/20_explain_attendance.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/20_explain_rule.sql
------------------------------------------------------------------------------------------------------------------------

-- What decided: the lesson, the rule, whose word stands in the record, and whether anything more is expected. In words that
-- are true at that moment.

create function zoom.explain_lesson(lesson zoom.lessons) returns text
language plpgsql stable set search_path = '' as $$
declare
  room constant jsonb := zoom.as_of('zoom_meetings', lesson.meeting_id::text, lesson.as_of);
  recurs constant boolean := room ->> 'meeting_type' = 'recurring';
begin
  return case
    when lesson.is_planned then 'the meeting was planned for it'
    when recurs and zoom.as_of('zoom_meetings', lesson.meeting_id::text, now()) ->> 'meeting_type' is distinct from 'recurring'
      then 'its own run made it, since the meeting recurred then'
    when recurs then 'its own run made it, since the meeting recurs'
    when room ->> 'meeting_type' = 'instant' then 'its own run made it, since the meeting was held at once'
    when lesson.starts_at < (room ->> 'created_at')::timestamptz then 'its own run made it, which came before the meeting was written down'
    else 'its own run made it, which came after the planned start, for which no lesson had been held'
  end;
end
$$;
comment on function zoom.explain_lesson is 'Why there is a lesson, in words.';

create function zoom.explain_run(run zoom.instances) returns text
language plpgsql stable set search_path = '' as $$
begin
  return case
    when run.no_lesson = 'cancelled' then 'it belongs to no lesson, since the meeting had been cancelled when it began'
    when run.no_lesson is not null then 'it belongs to no lesson, since the meeting was not planned for its time'
    when run.lesson_id is null then 'it belongs to no lesson'
    when not run.counts then 'only one person was in it, and in another run of the lesson there were more'
  end;
end
$$;
comment on function zoom.explain_run is 'Why a run counts nothing for attendance, in words; null if it does.';

create function zoom.end_was_told(run zoom.instances) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  -- The end of a run without uuid may hang on a run of its own: see zoom.run_end.
  return run.told_end is not null or run.instance like 'day %' and exists (
    select from zoom.instances own
    where own.number = run.number and own.instance like 'start %' and own.told_end = run.ended_at);
end
$$;
comment on function zoom.end_was_told is 'Whether Zoom told the end of a run. Else the last thing heard of it stands in its place, once it is over. Never null.';

create function zoom.enrolled_since(student uuid, class uuid, at timestamptz) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.enrolments own
    where own.student_id = student and own.class_id = class
      and own.until > enrolled_since.at);
end
$$;
comment on function zoom.enrolled_since is
  'Whether a student was enrolled in a class at a moment or came to be later. Unenrolling takes nothing from a run that had begun. Never null.';

create function zoom.explain_absence(judged zoom.judgement, lesson zoom.lessons) returns text
language plpgsql stable set search_path = '' as $$
declare
  moment text;
begin
  if not lesson.is_over then
    if not (select bool_and(run.ended_at is not null) from zoom.instances run where run.lesson_id = lesson.lesson_id) then
      return 'nothing yet: they were not seen in lesson time, and Zoom has not told the end';
    end if;
    return 'nobody is absent: what was held of the lesson ended before its start';
  end if;
  if not lesson.makes_absent then
    return case
      when lesson.is_planned then 'nobody is absent: the lesson was not held, since none of the staff was recognised in what counts of it, as they were in the meeting before or after'
      when not lesson.is_held then 'nobody is absent: a lesson that was not planned makes nobody absent unless it was held, and ' || case
        when lesson.has_staff then 'nobody but the staff was in what counts of it'
        when exists (select from zoom.instances run where run.lesson_id = lesson.lesson_id and run.counts and run.has_others)
          then 'none of the staff was recognised in what counts of it'
        else 'nobody was in it'
      end
      else format('nobody is absent: a lesson that was not planned makes nobody absent unless it lasted for %s', zoom.spelt(lesson.min_seconds))
    end;
  end if;
  if judged.verdict = 'absent' then
    return 'absent: the lesson is over, and they were not seen in it';
  end if;
  -- What decides is the later of the two.
  moment := case
    when lesson.expected_at > (select max(run.ended_at) from zoom.instances run where run.lesson_id = lesson.lesson_id) then 'when Zoom first told of the lesson'
    else 'when the lesson ended'
  end;
  return case
    when zoom.enrolled(judged.student_id, lesson.class_id, lesson.expected_at) then 'not absent: they were not active ' || moment
    when zoom.enrolled_since(judged.student_id, lesson.class_id, lesson.expected_at) then 'not absent: they were not enrolled yet ' || moment
    when zoom.enrolled_since(judged.student_id, lesson.class_id, lesson.as_of) then 'not absent: they were not enrolled any more ' || moment
    else 'not enrolled in the class, so no attendance is kept'
  end;
end
$$;
comment on function zoom.explain_absence is 'Why somebody who was not seen in a lesson is absent, or is not, in words.';

create function zoom.explain_rule(judged zoom.judgement, lessons integer) returns text
language plpgsql stable set search_path = '' as $$
declare
  lesson zoom.lessons;
begin
  select own.* into lesson from zoom.lessons own where own.lesson_id = judged.lesson_id;
  return case
    when judged.verdict = 'present' then format('present from %s: %s', zoom.spelt(lesson.min_seconds), zoom.spelt(judged.seconds))
    when judged.verdict = 'partial' then format('partial%s: %s of the %s that %s needed', case when judged.is_in then ' so far' end, zoom.spelt(judged.seconds),
      zoom.spelt(lesson.min_seconds), case when lesson.min_seconds in (1, 60) then 'is' else 'are' end)
    when not judged.is_seen then zoom.explain_absence(judged, lesson)
    when not judged.was_enrolled then 'not enrolled in the class, so no attendance is kept'
    when judged.of_app then 'nothing yet: the app saw them come, and Zoom has not told the end'
    else 'nothing yet: they are in, and Zoom has told neither that they left nor the end'
  end
  || case when judged.of_app and judged.verdict in ('present', 'partial') then ', by the word of the app' else '' end
  || case when judged.is_in and judged.verdict = 'partial' then ', and they are in' else '' end
  || case when lessons > 1 and judged.verdict = 'absent' then format(', and none of the %s lessons of that day says more', lessons)
    when lessons > 1 and judged.verdict is not null then format(', in the best of the %s lessons of that day', lessons) else '' end;
end
$$;
comment on function zoom.explain_rule is 'Which rule gave what a lesson says of a student, in a sentence. lessons: how many the class had that day.';

create function zoom.explain_standing(theirs text, said text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  -- As zoom.weighed has it: only what exceeds both raises it, and nothing exceeds present.
  return ' People outrank Zoom: that stands' || case
    when greatest(zoom.rank(theirs), zoom.rank(said)) = zoom.rank('present') then '.'
    when zoom.rank(theirs) > zoom.rank(said) then ' until Zoom tells more than that.'
    else ' until Zoom tells more than we had said then.'
  end;
end
$$;
comment on function zoom.explain_standing is
  'How long what somebody wrote stands (theirs; null: they removed the record) when we had said this, in words. Not for late and excused.';

create function zoom.explain_record(
  verdict text, current text, memory zoom.verdicts, refused zoom.refused, is_operator boolean, out overridden boolean, out note text
)
language plpgsql immutable set search_path = '' as $$
declare
  ours constant text := zoom.weighed(memory.theirs, memory.said, memory.verdict); -- what we left there
  is_known constant boolean := memory.student_id is not null;
  then_said constant text := case when memory.said = 'nothing' then 'there was no verdict of Zoom''s' else 'Zoom''s verdict was ' || memory.said end;
begin
  -- Our word would be another one, and a person's stands.
  overridden := verdict is not null and current is distinct from verdict and refused.relation is null and case
      when not is_known then current is not null
      else current is distinct from ours or memory.said is not null and current is not distinct from memory.theirs
    end;
  note := case
    when refused.relation is not null then format('The school''s database refused the record%s%s. It is tried again when something of it changes, and once an hour.',
      ' ' || refused.wanted, case when is_operator then ': ' || refused.reason end)
    when not is_known and current is null and verdict is not null
      then 'There is no record yet: the verdict is written within seconds, while a sidecar runs.'
    when not is_known and current is null then null
    when not is_known then format('Somebody wrote %s, and nothing that Zoom told has changed it.', current)
    when current is null and ours is not null
      then format('Somebody removed the record after it said %s.', ours) || zoom.explain_standing(null, memory.verdict)
    when current is distinct from ours and current in ('late', 'excused')
      then format('Somebody wrote %s%s, which only people write: it is never touched.', current, ' after it said ' || ours)
    when current is distinct from ours
      then format('Somebody wrote %s %s.', current, coalesce('after it said ' || ours, 'where there was no record')) || zoom.explain_standing(current, memory.verdict)
    when verdict is distinct from memory.verdict
      then format('By what is known now it would be %s, and %s was the verdict when it was judged last. That is done anew within seconds, while a sidecar runs.',
        coalesce(verdict, 'nothing yet'), coalesce(memory.verdict, 'nothing'))
    when memory.said is null then null
    when memory.theirs is null and current is null
      then format('Somebody removed the record when %s.', then_said) || zoom.explain_standing(null, memory.said)
    when memory.theirs is null then format('Somebody removed the record when %s, and Zoom told more than that since.', then_said)
    when memory.theirs in ('late', 'excused') then format('Somebody had written %s, which only people write: it is never touched.', memory.theirs)
    when memory.theirs = memory.verdict then null
    when current = memory.theirs and zoom.rank(memory.verdict) <= zoom.rank(memory.said)
      then format('Somebody had written %s when %s.', memory.theirs, then_said) || zoom.explain_standing(memory.theirs, memory.said)
    when current = memory.theirs
      then format('Somebody had written %s, which is better than %s. People outrank Zoom: what they wrote is only ever raised.', memory.theirs, coalesce(memory.verdict, 'nothing'))
    else format('Somebody had written %s, and Zoom told more than we had said then: it was raised to %s.', memory.theirs, current)
  end;
end
$$;
comment on function zoom.explain_record is
  'Whether a person''s word stands in a record in place of the verdict, and in a sentence how the two came together; null if '
  'there is nothing to say. refused: what the school''s database did not take; its reason is for operators.';

create function zoom.explain_outlook(
  runs bigint[], lessons bigint[], student uuid, class uuid, day date, is_theirs boolean, out outlook text, out changes text
)
language plpgsql stable set search_path = '' as $$
begin
  -- (What is asked is asked of these runs alone: an index of the few that are open, say, would be read as a whole.)
  outlook := case
    when exists (select from zoom.due own where own.run_id = any (runs))
        or exists (select from zoom.unfinished own where own.class_id = class and own.date = day and own.student_id = student)
      then 'It is about to be judged anew, which takes seconds while a sidecar runs.'
    when not (select bool_and(run.ended_at is not null) from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id)
      then 'More is expected: Zoom has not told that it ended.'
    when is_theirs and not coalesce((
        select bool_and(run.ended_at is not null) from zoom.lessons own
        join zoom.instances run on run.lesson_id = own.lesson_id
        where own.class_id = class and own.held_on = day and not own.lesson_id = any (lessons)), true)
      then 'More may come: another lesson of the class on that date has not ended, and the best of them decides.'
    when not (select bool_and(own.is_over) from unnest(lessons) told (id) join zoom.lessons own on own.lesson_id = told.id)
      then 'More is expected only if the lesson is still to be held: all that was told of it ended before its start.'
    when not (select bool_and(zoom.end_was_told(run)) from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id)
      then 'Nothing more is expected. Zoom never told the end, and the last thing heard stands in its place.'
    else 'Nothing more is expected.'
  end;
  changes := case when lessons = '{}'
    then 'If it was a lesson, planning the meeting for that time makes it count; one that had been cancelled is judged by today''s data with sidecar rejudge --as-of now.'
    when not exists (select from zoom.lessons own where own.lesson_id = any (lessons) and own.class_id is not null)
    then 'What would change it: a class of the meeting that its host teaches; or, if it has the right one, an admin who saves the meeting as it is.'
    else 'What would change it: an event that comes late; an address, a registration or an enrolment that was lacking and is written now; or, where they were wrong and are corrected, sidecar rejudge --as-of now.'
  end;
end
$$;
comment on function zoom.explain_outlook is
  'Whether anything more is expected of the runs of a date, and what would change what they say: in words. is_theirs: whether the '
  'attendance of the class is theirs to see who ask, and so its other lessons.';

revoke execute on function
  zoom.explain_lesson, zoom.explain_run, zoom.end_was_told, zoom.enrolled_since, zoom.explain_absence, zoom.explain_rule,
  zoom.explain_standing, zoom.explain_record, zoom.explain_outlook
from public;
grant execute on function
  zoom.explain_lesson, zoom.explain_run, zoom.end_was_told, zoom.enrolled_since, zoom.explain_absence, zoom.explain_rule,
  zoom.explain_standing, zoom.explain_record, zoom.explain_outlook
to service_role;


-- supabase/schemas/20_explain_times.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/20_explain_who.sql
------------------------------------------------------------------------------------------------------------------------

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


-- supabase/schemas/21_unmatched.sql
------------------------------------------------------------------------------------------------------------------------

-- What cannot be matched: everything that an admin should look at, each reason once.
--
-- A teacher may write any class and any number into a meeting of theirs. Nothing of that is refused, since most of it is
-- right, and nothing here decides: what counts is said by the other rules. A school hears of it here before a parent does.
--
-- zoom.unmatched has one branch for a reason; public.unmatched_zoom puts them into words. sidecar doctor, sidecar list and the
-- operators' board show what it finds.
--
-- Locks: zoom.instances against writes while an index is built.

create index instances_without_lesson_idx on zoom.instances (started_at desc) where no_lesson is not null and people > 0;

create function zoom.recent_runs() returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select own.run_id
    from (
      select newest.run_id, newest.meeting_id, newest.started_at, newest.forgotten_at from zoom.instances newest
      where newest.started_at is not null order by newest.started_at desc limit 300
    ) own
    where own.started_at > now() - interval '30 days' and own.meeting_id is not null and own.forgotten_at is null);
end
$$;
comment on function zoom.recent_runs is 'The newest runs, of the last thirty days and 300 at most: what is odd in older ones is not told any more.';

create view zoom.shared_addresses with (security_invoker) as
select lower(btrim(person.email)) as address, count(*) as people,
  string_agg(person.name, ', ' order by person.name, person.id) as names
from public.users person
where btrim(person.email) <> ''
group by lower(btrim(person.email))
having count(*) > 1;

comment on view zoom.shared_addresses is
  'E-mails that several users have in different letters, or with blanks at their ends: each of them is recognised '
  'by the exact spelling alone.';
comment on column zoom.shared_addresses.address is 'The address, in small letters.';
comment on column zoom.shared_addresses.people is 'How many have it.';
comment on column zoom.shared_addresses.names is 'Their names.';
grant select on zoom.shared_addresses to service_role;

create view zoom.unmatched with (security_invoker) as
with room as materialized (
  select own.id, own.title, own.host_id, own.class_id, own.created_at, own.start_time, own.timezone,
    regexp_replace(own.zoom_meeting_id, '[^0-9]', '', 'g') as number,
    zoom.personal_number(own.settings, own.join_url) as personal_number
  from public.zoom_meetings own
), recent as materialized (
  select zoom.recent_runs() as runs
), zone as materialized (
  -- Whether it is known is asked once for each, since that is slow.
  select told.*, zoom.is_zone(told.timezone) as is_known
  from (
    select own.timezone, max(own.created_at) as since, (array_agg(own.id order by own.created_at desc, own.id))[1] as meeting_id
    from room own
    where btrim(own.timezone) <> ''
    group by own.timezone
    offset 0
  ) told
)
select 'class_unconfirmed' as reason, room.id as meeting_id, null::bigint as run_id, noted.noted_at as since, null::uuid as user_id, null::text as detail
from zoom.unconfirmed noted
join room on room.id = noted.meeting_id
where room.class_id is not null and zoom.counted_class(room.id) is null
union all
select 'number_twice', told.id, null, told.latest, null, told.title
from (
  select room.id, twin.title, twin.latest
  from room
  join (
    select own.number, max(own.created_at) as latest, array_agg(own.id order by own.created_at, own.id) as ids, array_agg(own.title order by own.created_at, own.id) as titles
    from room own where own.number <> '' group by own.number having count(*) > 1
  ) shared on shared.number = room.number
  cross join lateral (
    select case when shared.ids[1] = room.id then shared.titles[2] else shared.titles[1] end as title, shared.latest
  ) twin
) told
union all
-- Zoom's numbers have nine to twelve digits; one with which events came is one.
select 'number_not_digits', room.id, null, room.created_at, null, null
from room
where length(room.number) not between 9 and 12 and room.personal_number is null
  and not exists (select from zoom.instances run where run.meeting_id = room.id)
union all
select 'other_host', room.id, run.run_id, run.started_at, owner.id, null
from zoom.meetings own
join room on room.id = own.meeting_id and room.host_id is not null
join zoom.instances run on run.run_id = own.shown_run and run.host_email is not null
join public.users host on host.id = room.host_id and zoom.folded(host.email) <> zoom.folded(run.host_email)
-- One user of Zoom may hold every meeting of a school: then that is an admin's.
join public.users owner on owner.id = zoom.user_of_email(run.host_email, now()) and owner.id <> room.host_id and owner.role <> 'admin'
union all
-- Of several rows in one room the host and the start tell them apart: see zoom.meeting_at.
select 'personal_room_tie', told.id, null, told.created_at, null, told.others::text
from (
  select room.id, room.created_at, count(*) over same - 1 as others
  from room
  where room.personal_number is not null
  window same as (partition by room.personal_number, room.host_id, room.start_time)
) told
where told.others > 0
union all
select 'run_without_lesson', run.meeting_id, run.run_id, run.started_at, null, run.no_lesson
from zoom.instances run
join room on room.id = run.meeting_id
where run.no_lesson is not null and run.people > 0 and run.forgotten_at is null
union all
select distinct 'registration_against_email', run.meeting_id, run.run_id, told.since, told.registered_as,
  (select own.name from public.users own where own.id = told.user_id)
from recent
cross join lateral zoom.registered_against(recent.runs) told
join zoom.instances run on run.run_id = told.run_id
union all
select 'tie', run.meeting_id, run.run_id, run.started_at, null, null
from recent
join zoom.instances run on run.run_id = any (recent.runs)
where exists (select from zoom.segments seg where seg.run_id = run.run_id and seg.known_by = 'tie')
union all
-- Strangers whose name several students of the class have.
select distinct 'name_tie', run.meeting_id, run.run_id, run.started_at, null::uuid, twin.name
from recent
join zoom.instances run on run.run_id = any (recent.runs)
join (
  select seat.class_id, zoom.folded(person.name) as folded, min(person.name) as name
  from public.class_students seat
  join public.users person on person.id = seat.student_id
  where seat.class_id in (select own.class_id from recent join zoom.instances own on own.run_id = any (recent.runs))
  group by seat.class_id, zoom.folded(person.name)
  having count(*) > 1
) twin on twin.class_id = run.class_id
join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null and seg.was_in and seg.customer_key is null
join zoom.marks mark on mark.run_id = seg.run_id and mark.segment = seg.segment and zoom.folded(mark.name) = twin.folded
cross join lateral (select zoom.name_shown(seg.run_id, seg.connection_key) as name offset 0) shown
where coalesce(nullif(cardinality(zoom.namesakes(run.class_id, shown.name, run.as_of)), 0), cardinality(zoom.namesakes(run.class_id, shown.name, now()))) > 1
union all
select 'two_names', run.meeting_id, run.run_id, told.since, told.user_id, format('%s and %s', told.name, told.other_name)
from recent
cross join lateral zoom.names_at_once(recent.runs) told
join zoom.instances run on run.run_id = told.run_id
union all
select 'end_never_told', run.meeting_id, run.run_id, run.started_at, null, null
from recent
join zoom.instances run on run.run_id = any (recent.runs) and run.ended_at is not null and run.told_end is null
where not zoom.end_was_told(run)
union all
select 'shared_address', null, null, null, null, shared.names
from zoom.shared_addresses shared
union all
-- One for each zone, with the newest meeting that has it.
select case when zone.is_known then 'zone_taken_as_east' else 'zone_unknown' end, zone.meeting_id, null, zone.since, null, zone.timezone
from zone
where not zone.is_known or zoom.zone_of(zone.timezone) ~ '^<' and zoom.zone_of(zone.timezone) !~ '[+-]0+:00$';

comment on view zoom.unmatched is 'What an admin should look at, and why. A meeting may be there for several reasons.';
comment on column zoom.unmatched.reason is
  'class_unconfirmed: a user gave the meeting a class that its host does not teach. number_twice: another meeting has the same '
  'digits. number_not_digits: no event of Zoom''s has such a number. other_host: it is held at Zoom by another user of the school '
  'than its host. personal_room_tie: other meetings in the same personal room have the same host and start. run_without_lesson: '
  'people were in a run of it that belongs to no lesson. registration_against_email: somebody was registered as one user and '
  'showed the e-mail of another. tie: a connection showed the keys, registrations or e-mails of two users. name_tie: it showed a '
  'name that several students of the class have. two_names: two names were shown under one account at the same time. '
  'end_never_told: Zoom never told the end of a run. shared_address: several users have one e-mail in other letters. '
  'zone_taken_as_east: its time zone is one that PostgreSQL reads the other way round. zone_unknown: it is none that is known.';
comment on column zoom.unmatched.meeting_id is 'The meeting; null for users who share an address. Of a time zone the newest that has it.';
comment on column zoom.unmatched.run_id is 'The run, where it is about one.';
comment on column zoom.unmatched.since is 'Since when, as far as is known.';
comment on column zoom.unmatched.user_id is 'Who holds it at Zoom (other_host), is registered (registration_against_email), or whose account it is (two_names).';
comment on column zoom.unmatched.detail is 'What else the words need: a name, a title, a time zone, why there is no lesson.';
grant select on zoom.unmatched to service_role;

create function zoom.unmatched_words(told zoom.unmatched, out says text, out remedy text)
language plpgsql stable set search_path = '' as $$
declare
  room public.zoom_meetings;
  run zoom.instances;
  person text := (select own.name from public.users own where own.id = told.user_id);
  host text;
  class text;
  teacher text;
begin
  select own.* into room from public.zoom_meetings own where own.id = told.meeting_id;
  select own.* into run from zoom.instances own where own.run_id = told.run_id;
  host := (select own.name from public.users own where own.id = room.host_id);
  select own.name, (select tutor.name from public.users tutor where tutor.id = own.teacher_id) into class, teacher
  from public.classes own where own.id = room.class_id;
  says := case told.reason
    when 'class_unconfirmed' then format('It makes no attendance: its host is %s, and its class is %s, which %s teaches.', coalesce(host, 'gone'), class, coalesce(teacher, 'nobody'))
    when 'number_twice' then format('Another meeting, %s, has the same number: what Zoom tells of it is nobody''s.', told.detail)
    when 'number_not_digits' then 'No event of Zoom''s has its number: that has nine to twelve digits.'
    when 'other_host' then format('It is held at Zoom by %s, and its host here is %s.', person, host)
    when 'personal_room_tie' then format('%s more in the same personal room %s the same host and start: what Zoom tells of the room is nobody''s.',
      told.detail, case when told.detail = '1' then 'has' else 'have' end)
    when 'run_without_lesson' then format('It was held with %s, and that counts for nothing: %s.',
      case when run.people = 1 then 'one person' else 'people' end,
      case run.no_lesson when 'cancelled' then 'the meeting had been cancelled' else 'it was not planned for that time' end)
    when 'registration_against_email' then format('Somebody was registered as %s and showed the e-mail of %s: they count as %s.', person, told.detail, told.detail)
    when 'tie' then 'Somebody showed what belongs to several users (keys, registrations or e-mails), and counts as nobody.'
    when 'name_tie' then format('Somebody was in it as %s, a name that several students of the class have, and counts as nobody.', told.detail)
    when 'two_names' then format('Two names were shown under the account of %s at the same time, %s: both count as %s.', person, told.detail, person)
    when 'end_never_told' then 'Zoom never told the end of it: it is taken to have ended when Zoom last told of it.'
    when 'shared_address' then format('Several users have one e-mail in other letters: %s.', told.detail)
    when 'zone_taken_as_east' then format('Its time zone is %s, which is taken as %s UTC. PostgreSQL reads such names the other way round.', told.detail,
      case when told.detail ~ '\+' then 'east of' else 'west of' end)
    when 'zone_unknown' then format('Its time zone, %s, is none that is known: dates by it are those of UTC.', told.detail)
  end;
  remedy := case told.reason
    when 'class_unconfirmed' then 'If that is right, an admin saves the meeting as it is; if not, gives it another class or host.'
    when 'number_twice' then 'An admin deletes the one that is not Zoom''s, or corrects its number.'
    when 'number_not_digits' then 'An admin writes the number as Zoom has it; blanks and dashes do no harm.'
    when 'other_host' then 'An admin sees whose it is: the host here may have written another''s number. If the number is right, the host is corrected.'
    when 'personal_room_tie' then 'An admin gives each the time for which it is planned, or deletes those that are not held.'
    when 'run_without_lesson' then case run.no_lesson
      when 'cancelled' then 'If it was a lesson, an admin takes the cancellation back, and it is judged by that with sidecar rejudge --as-of now.'
      else 'If it was a lesson, an admin plans the meeting for that time (start_time): then it counts, within seconds.' end
    when 'registration_against_email' then 'Ask whose device it was. If the address or the registration is wrong, correct it, and have the lesson judged by that with sidecar rejudge --as-of now.'
    when 'tie' then 'Ask who it was, and write the attendance by hand: that stands.'
    when 'name_tie' then 'Ask who it was, and write the attendance by hand: that stands. Who is signed in at Zoom with the school''s address is known by it.'
    when 'two_names' then 'Ask who the other was: two people share the account, and only one can be marked by it.'
    when 'end_never_told' then 'If there are more of these, see that the Zoom app has the event "End Meeting" among its subscriptions.'
    when 'shared_address' then 'An admin gives each their own: Zoom''s participants are recognised by it, in another spelling as nobody.'
    when 'zone_taken_as_east' then 'Nothing has to be done. A name such as Asia/Singapore leaves no doubt.'
    when 'zone_unknown' then 'An admin writes a name such as Europe/Berlin.'
  end;
end
$$;
comment on function zoom.unmatched_words is 'What is wrong, and what to do about it, in words. No address is in them.';

create function public.unmatched_zoom(most integer default 50) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set enable_seqscan = off set random_page_cost = 1 set jit = off
as $$
begin
  return (
    with told as materialized (
      select own.*, row_number() over (order by own.since desc, own.reason, own.meeting_id, own.run_id, own.detail) as place
      from zoom.unmatched own
    )
    select jsonb_build_object(
      'of', (select count(*) from told),
      'items', coalesce((
        select jsonb_agg(jsonb_build_object('reason', item.reason, 'id', item.meeting_id, 'number', room.zoom_meeting_id,
            'title', coalesce(room.title, case when item.meeting_id is not null then 'a meeting that was deleted' end), 'host', host.name, 'class', class.name,
            'since', item.since, 'says', words.says, 'remedy', words.remedy) order by item.place)
        from told item
        left join public.zoom_meetings room on room.id = item.meeting_id
        left join public.users host on host.id = room.host_id
        left join zoom.instances run on run.run_id = item.run_id
        left join public.classes class on class.id = coalesce(run.class_id, room.class_id)
        cross join lateral zoom.unmatched_words(row(item.reason, item.meeting_id, item.run_id, item.since, item.user_id, item.detail)::zoom.unmatched) words
        where item.place <= greatest(most, 0)), '[]')));
end
$$;
comment on function public.unmatched_zoom is
  'What cannot be matched, and what else an admin should look at, for the sidecar, as an object: of (how much there is) and items '
  '(what has no date, and the newest of the rest: reason (see zoom.unmatched), id, number and title of the meeting (null for users who share an address), host, '
  'class, since, says and remedy, in words). No address is in it. Changes nothing.';

revoke execute on function zoom.recent_runs, zoom.unmatched_words from public;
grant execute on function zoom.recent_runs, zoom.unmatched_words to service_role;
revoke execute on function public.unmatched_zoom from public, anon, authenticated;
grant execute on function public.unmatched_zoom to service_role;


-- supabase/schemas/22_board.sql
------------------------------------------------------------------------------------------------------------------------

-- The operators' board: which lessons there are, and who was in one of them and when.
--
-- Both functions answer the sidecar alone, in one call for a whole lesson however many people are in it. They change nothing
-- and know no rule of their own: what counts is zoom.explain_marks', verdicts zoom.judge's and whose word stands
-- zoom.explain_record's, so a line of the board and explain_attendance say the same. A test plays random lessons and holds the
-- two to each other.

create function public.recent_lessons(most integer default 20) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
begin
  return (
    with latest as materialized (
      -- The lessons of a meeting on a date, and its runs that belong to none. Of the newest runs there are enough, unless one
      -- meeting was restarted again and again.
      select run.meeting_id, run.held_on
      from (
        select own.meeting_id, own.started_at, zoom.run_date(own) as held_on
        from (
          select newest.* from zoom.instances newest
          where newest.started_at is not null and newest.meeting_id is not null order by newest.started_at desc limit 4 * greatest(most, 0)
        ) own
      ) run
      group by run.meeting_id, run.held_on
      order by max(run.started_at) desc, run.meeting_id
      limit greatest(most, 0)
    ), lesson as materialized (
      select latest.meeting_id, latest.held_on, room.zoom_meeting_id, room.title, room.timezone, runs.*, meeting.shown_run = any (runs.ids) as is_shown,
        coalesce((
          select own.class_id from unnest(zoom.lessons_on(latest.meeting_id, latest.held_on)) told (id)
          join zoom.lessons own on own.lesson_id = told.id and own.class_id is not null
          order by own.class_id is not distinct from room.class_id desc, own.starts_at desc limit 1), room.class_id) as class_id
      from latest
      join public.zoom_meetings room on room.id = latest.meeting_id
      join zoom.meetings meeting on meeting.meeting_id = latest.meeting_id
      cross join lateral (
        select array_agg(run.run_id) as ids, count(*) as how_many, min(run.started_at) as started_at, max(run.ended_at) as ended_at,
          -- An end that Zoom never told is noted soon after it is due; until then the rule itself is asked.
          bool_or(run.ended_at is null and zoom.run_end(run) is null) as is_on,
          count(*) filter (where run.lesson_id is not null) as counted
        from unnest(zoom.runs_on(latest.meeting_id, latest.held_on)) told (run_id)
        join zoom.instances run on run.run_id = told.run_id
      ) runs
    )
    select coalesce(jsonb_agg(jsonb_build_object(
        'meeting', zoom.digits(lesson.zoom_meeting_id), 'date', lesson.held_on, 'title', lesson.title, 'timezone', lesson.timezone, 'class', class.name,
        'runs', lesson.how_many, 'started_at', lesson.started_at, 'ended_at', case when not lesson.is_on then lesson.ended_at end, 'is_on', lesson.is_on,
        'is_lesson', lesson.counted > 0,
        'people_in', coalesce(inside.people, 0), 'enrolled', coalesce(marked.enrolled, 0), 'present', coalesce(marked.present, 0),
        'partial', coalesce(marked.partial, 0), 'absent', coalesce(marked.absent, 0), 'other', coalesce(marked.other, 0))
      order by lesson.is_on desc, lesson.started_at desc, lesson.zoom_meeting_id), '[]')
    from lesson
    left join public.classes class on class.id = lesson.class_id
    -- Those the school's pages show as joined, of whom Zoom told. Their rows are of the latest lesson of the meeting.
    left join lateral (
      select count(*) as people from public.zoom_participants shown
      join zoom.rows memory on memory.row_id = shown.id and memory.closed_at is null
      where shown.meeting_id = lesson.meeting_id and shown.status = 'joined'
    ) inside on lesson.is_on and lesson.is_shown
    left join lateral (
      select count(*) as enrolled, count(*) filter (where record.status = 'present') as present,
        count(*) filter (where record.status = 'partial') as partial, count(*) filter (where record.status = 'absent') as absent,
        count(*) filter (where record.status not in ('present', 'partial', 'absent')) as other
      from public.class_students seat
      left join lateral (
        select own.status from public.attendance_records own
        where lesson.counted > 0 and own.student_id = seat.student_id and own.class_id = lesson.class_id and own.date = lesson.held_on
        offset 0
      ) record on true
      where seat.class_id = lesson.class_id
    ) marked on true);
end
$$;
comment on function public.recent_lessons is
  'The newest lessons (of a meeting on a date), those in progress first, for the sidecar''s board: an array of objects with meeting '
  '(Zoom''s number, in digits), date, title, timezone, class, runs (how many), started_at, ended_at (null while it is on), is_on, is_lesson '
  '(whether any of the runs belongs to a lesson), people_in, and of the students enrolled in its class how many there are and how '
  'many records say present, partial, absent or other. No name of a person. Changes nothing.';

create function public.lesson_timeline(meeting text, date date, policy jsonb default '{}') returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  day constant pg_catalog.date := lesson_timeline.date;
  room_id constant uuid := (zoom.meetings_asked(lesson_timeline.meeting, day))[1];
  room public.zoom_meetings;
  class public.classes;
  lesson zoom.lessons;
  setting zoom.settings;
  runs bigint[];
  lessons bigint[];
  people zoom.person[];
  whose bigint[];
  keys zoom.person[];
  students uuid[];
  judged zoom.judgement[] := '{}';
  is_forgotten boolean;
  answer jsonb;
begin
  if room_id is null then
    return jsonb_build_object('outcome', 'unknown_meeting');
  end if;
  select own.* into room from public.zoom_meetings own where own.id = room_id;
  lessons := zoom.lessons_on(room_id, day);
  runs := zoom.runs_on(room_id, day);
  -- The class that its lessons count for, and the settings it goes by, as explain_attendance has them.
  select own.* into lesson from zoom.lessons own
  where own.lesson_id = any (lessons)
  order by own.class_id is null, own.class_id is not distinct from room.class_id desc, own.starts_at desc
  limit 1;
  select own.* into class from public.classes own where own.id = coalesce(lesson.class_id, room.class_id);
  setting := zoom.settings_at(now());
  answer := jsonb_build_object(
    'meeting', jsonb_build_object('number', zoom.digits(coalesce(room.zoom_meeting_id, lesson_timeline.meeting)),
      'title', coalesce(room.title, 'a meeting that was deleted'), 'timezone', coalesce(room.timezone,
        zoom.as_of('zoom_meetings', room_id::text, now()) ->> 'timezone'), 'class', class.name),
    'date', day, 'now', date_trunc('second', now()),
    'policy', jsonb_build_object('min_seconds', coalesce(lesson.min_seconds, round(60 * setting.min_minutes)::integer),
      'app_joins', coalesce(lesson.app_joins, setting.app_joins)));
  if runs = '{}' then
    return jsonb_build_object('outcome', 'no_lesson') || answer;
  end if;

  -- Everybody: those who are enrolled or were then, others of the school, and each guest, who is a connection.
  if class.id is not null then
    judged := array(select own from zoom.judge(zoom.everybody_of(array[row(class.id, day)::zoom.lesson_key])) own where own.place = 1);
  end if;
  students := array(
    select seat.student_id from public.class_students seat where seat.class_id = class.id
    union
    select told.student_id from unnest(judged) told where told.was_enrolled or told.is_expected);
  keys := array(
    select row(null, told.run_id, told.user_id, told.connection_key)::zoom.person
    from (
      select null::bigint as run_id, student.id as user_id, null::text as connection_key from unnest(students) student (id)
      union
      select case when seg.user_id is null then seg.run_id end, seg.user_id, case when seg.user_id is null then seg.connection_key end
      from unnest(runs) run (id)
      join zoom.segments seg on seg.run_id = run.id
    ) told
    order by told.user_id, told.run_id, told.connection_key);
  -- A user is somebody in each of the lessons and in each run that belongs to none; a guest in one run.
  select array_agg(told.person order by told.n, told.place), array_agg(told.n order by told.n, told.place) into people, whose
  from (
    select who.n, place.n as place, row(place.lesson_id, place.run_id, who.user_id, null)::zoom.person as person
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    cross join (
      select own.id as lesson_id, null::bigint as run_id, own.n from unnest(lessons) with ordinality own (id, n)
      union all
      select null, run.run_id, 1000 + run.run_id from zoom.instances run where run.run_id = any (runs) and run.lesson_id is null
    ) place
    where who.user_id is not null
    union all
    select who.n, 0, row(null, who.run_id, null, who.connection_key)::zoom.person
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    where who.user_id is null
  ) told;
  is_forgotten := zoom.was_forgotten(class.id, day)
    or exists (select from zoom.instances gone where gone.run_id = any (runs) and gone.forgotten_at is not null);

  with told as materialized (
    select own.*, min(own.at) over (partition by own.n, own.connection) as first_at from zoom.explain_marks(people, whose, class.id) own
  ), numbered as (
    -- Devices are numbered as they came.
    select told.*, dense_rank() over (partition by told.n order by told.first_at, told.connection collate "C") as device from told
  ), stay as materialized (
    select numbered.n, max(numbered.device) as devices,
      jsonb_agg(jsonb_build_object('from', numbered.at, 'to', numbered.until, 'device', numbered.device, 'fate', numbered.fate, 'why', numbered.why)
        order by numbered.at, numbered.until, numbered.device) filter (where numbered.is_open) as intervals,
      range_agg(numbered.lesson_time) filter (where numbered.is_open and numbered.why is null) as counted,
      coalesce(bool_or(numbered.is_open and numbered.until is null), false) as is_in,
      (array_agg(numbered.name order by numbered.at desc, numbered.name desc) filter (where numbered.name is not null))[1] as name
    from numbered
    group by numbered.n
  ), line as (
    select who.n, who.user_id, coalesce(person.name, stay.name collate "default") as name, zoom.seconds(stay.counted) as seconds,
      coalesce(stay.is_in, false) as is_in, coalesce(who.user_id = any (students), false) as is_enrolled, stay.devices, stay.intervals, stay.counted,
      case when is_forgotten then memory.verdict else verdict.verdict end as verdict, record.status as record, memory, refusal
    from unnest(keys) with ordinality who (lesson_id, run_id, user_id, connection_key, n)
    left join public.users person on person.id = who.user_id
    left join stay on stay.n = who.n
    left join unnest(judged) verdict on verdict.student_id = who.user_id
    left join zoom.verdicts memory on memory.student_id = who.user_id and memory.class_id = class.id and memory.date = day
    left join public.attendance_records record on record.student_id = who.user_id and record.class_id = class.id and record.date = day
    left join zoom.refused refusal on refusal.relation = 'attendance_records'
      and refusal.student_id = who.user_id and refusal.class_id = class.id and refusal.date = day
  )
  select jsonb_build_object('outcome', 'ok', 'forgotten', is_forgotten,
    'is_on', (
      select coalesce(bool_or(run.ended_at is null and zoom.run_end(run) is null), false)
      from unnest(runs) told (run_id) join zoom.instances run on run.run_id = told.run_id),
    'people', coalesce(jsonb_agg(jsonb_build_object(
        'n', line.n, 'id', line.user_id, 'name', line.name,
        'kind', case when line.is_enrolled then 'enrolled' when line.user_id is not null then 'other' else 'guest' end,
        'is_in', line.is_in, 'seconds', line.seconds, 'devices', coalesce(line.devices, 0), 'intervals', coalesce(line.intervals, '[]'),
        'union', (
          select coalesce(jsonb_agg(jsonb_build_object('from', lower(piece), 'to', upper(piece)) order by piece), '[]')
          from unnest(line.counted) piece),
        'verdict', line.verdict, 'record', line.record, 'refused', (line.refusal).relation is not null,
        'overridden', (select weight.overridden from zoom.explain_record(line.verdict, line.record, line.memory, line.refusal, true) weight))
      order by line.name, line.user_id, line.n), '[]')) || zoom.explain_held(runs, lessons) || answer
  into answer
  from line;
  return answer;
end
$$;
comment on function public.lesson_timeline is
  'A lesson, for the sidecar''s board, as an object: outcome (ok, unknown_meeting, no_lesson), meeting, date, now, policy (the settings '
  'it goes by; the argument is not used any more); if ok also forgotten (zoom.forget removed what was known), is_on, lessons and runs '
  '(as explain_attendance has them), and people: the enrolled, others of the school (other), and guests, each with name, is_in, seconds '
  '(of lesson time), devices, intervals (each stay with its device, to null while it lasts; fate: counts, covered, open or void; and '
  'why it does not count), union (the times that count), and of the enrolled verdict, record (what stands there), refused (by the '
  'school''s database) and overridden (a person''s word stands in place of the verdict). Changes nothing.';

revoke execute on function public.recent_lessons, public.lesson_timeline from public, anon, authenticated;
grant execute on function public.recent_lessons, public.lesson_timeline to service_role;


notify pgrst, 'reload schema';
