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
