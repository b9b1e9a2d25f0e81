-- The guards: what a policy cannot keep, since it never sees a row before and after a change together.
--
-- Identity is guarded as attendance is. For each column that decides whose a row is, one of these functions says who may
-- change it: a refusal is 42501 with a sentence that names the column and why. Each is a trigger on a table, set up beside
-- its policies (policies/), and only for what visitors and users write:
-- `when (current_user in ('anon', 'authenticated'))`. The service role is not bound.
--
--   staff_names   a user who renamed themselves goes by the name that staff wrote
--   unconfirmed   a meeting that a user gave its class makes attendance only while its host teaches that
--   corrections   when a person last wrote a student's record
--
-- Locks: users, zoom_meetings and classes for a moment, which the new tables refer to.

-- Whatever the table --------------------------------------------------------------------------------------------------

create function zoom.keep_identity() returns trigger
language plpgsql security invoker set search_path = '' as $$
declare
  fixed text;
begin
  foreach fixed in array tg_argv loop
    if to_jsonb(new) -> fixed is distinct from to_jsonb(old) -> fixed then
      raise exception '%.% of a row never changes', tg_table_name, fixed using
        errcode = 'insufficient_privilege', hint = 'Insert another row.';
    end if;
  end loop;
  return new;
end
$$;
comment on function zoom.keep_identity is
  'Trigger: refuses (42501) an update that changes one of the columns it is given: those that say whose row it '
  'is, and since when.';

create function zoom.stamp_row() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  stamped text;
  is_there boolean;
begin
  -- An upsert names the row that is there: that one keeps its id, and what it becomes is for the guards of an update.
  execute format('select exists (select from %I.%I where id = $1)', tg_table_schema, tg_table_name) into is_there using new.id;
  if is_there then
    return new;
  end if;
  foreach stamped in array tg_argv loop
    new := jsonb_populate_record(new, jsonb_build_object(stamped, case stamped when 'id' then gen_random_uuid()::text else now()::text end));
  end loop;
  return new;
end
$$;
comment on function zoom.stamp_row is
  'Trigger: the columns it is given (an id, times) are the database''s to write in a new row; what a user sent '
  'for them is passed over.';

create function zoom.guard_times() returns trigger
language plpgsql security invoker set search_path = '' as $$
declare
  named text;
  told timestamptz;
begin
  foreach named in array tg_argv loop
    told := (to_jsonb(new) ->> named)::timestamptz;
    if told is not null and (tg_op = 'INSERT' or to_jsonb(new) -> named is distinct from to_jsonb(old) -> named)
        and (not isfinite(told) or told < '2000-01-01' or told > now() + interval '10 years') then
      raise exception '%.% is no time of a school: between the year 2000 and ten years from now', tg_table_name, named using
        errcode = 'insufficient_privilege';
    end if;
  end loop;
  return new;
end
$$;
comment on function zoom.guard_times is
  'Trigger: refuses (42501) a time or date in one of the columns it is given that is infinite or absurd.';

create function zoom.refuse(says text, hint text default null) returns void
language plpgsql volatile set search_path = '' as $$
begin
  if hint is null then
    raise exception '%', says using errcode = 'insufficient_privilege';
  end if;
  raise exception '%', says using errcode = 'insufficient_privilege', hint = refuse.hint;
end
$$;
comment on function zoom.refuse is 'Raises 42501 with this sentence: how a guard refuses a write.';

create function zoom.is_web_address(address text) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return address ~* '^https?://[^[:space:][:cntrl:]]+$';
end
$$;
comment on function zoom.is_web_address is
  'Whether a page may make a link of it: https:// or http://, and nothing that runs. Null for null.';

-- People --------------------------------------------------------------------------------------------------------------

create function zoom.note_name() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_argv[0] = 'school' or zoom.is_admin() or zoom.is_staff() and new.id is distinct from zoom.claimed_id() then
    delete from zoom.staff_names noted where noted.user_id = new.id;
  elsif tg_op = 'INSERT' then
    insert into zoom.staff_names (user_id, name) values (new.id, null) on conflict do nothing;
  elsif new.name is distinct from old.name then
    insert into zoom.staff_names (user_id, name) values (new.id, old.name) on conflict do nothing;
  end if;
  return null;
end
$$;
comment on function zoom.note_name is
  'Trigger: keeps the name that staff wrote when a user renames themselves (argument session), and lets it go '
  'when staff or the school''s server write one (school).';

create function zoom.guard_user() returns trigger
language plpgsql security definer set search_path = '' as $$
declare
  own_address constant text := zoom.claimed_email();
begin
  if zoom.is_admin() then
    return new;
  end if;
  if tg_op = 'UPDATE' then
    if new.role is distinct from old.role then
      perform zoom.refuse('users.role is for admins to change');
    elsif new.is_active is distinct from old.is_active then
      perform zoom.refuse('users.is_active is for admins to change');
    elsif new.email is distinct from old.email then
      perform zoom.refuse('users.email is for admins to change: Zoom''s participants are recognised by it');
    end if;
    return new;
  end if;
  if exists (select from public.users known where known.id = new.id) then
    return new; -- an upsert: the update is looked at
  end if;
  if new.role is null or new.role not in ('student', 'parent') then
    perform zoom.refuse('users.role: whoever signs up is a student or a parent, until an admin says otherwise');
  elsif lower(btrim(new.email)) is distinct from lower(own_address) then
    perform zoom.refuse('users.email: whoever signs up has the address of their login');
  elsif exists (select from public.users known where lower(btrim(known.email)) = lower(btrim(new.email))) then
    perform zoom.refuse('users.email: a user has this address already, in whatever letters');
  end if;
  return new;
end
$$;
comment on function zoom.guard_user is
  'Trigger: whatever the app lets users write about themselves, it is not their role, nor whether they are '
  'active, nor the e-mail that Zoom knows them by; at sign-up the e-mail is the token''s own, if nobody has it '
  '(42501).';

create function zoom.forget_user() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_when = 'BEFORE' then -- while the rows still say whose they are
    perform zoom.forget_connections(old.id, null);
    perform zoom.leave_to_guests(old.id);
    return old;
  end if;
  begin
    perform zoom.forget_history(old.id);
  exception when others then -- the history stops no write of the app
    raise warning 'the name of user % is still in the history: % (zoom.forget_person removes it)', old.id, sqlerrm;
  end;
  return null;
end
$$;
comment on function zoom.forget_user is
  'Trigger: the name and e-mail of a user who is deleted go with them. A failure of the history is a warning.';

create function zoom.guard_class() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if not zoom.is_admin() and (
      tg_op = 'UPDATE' and new.teacher_id is distinct from old.teacher_id
      or tg_op = 'INSERT' and new.teacher_id is not null and not exists (select from public.classes known where known.id = new.id)) then
    perform zoom.refuse('classes.teacher_id is for admins to write: whoever teaches a class keeps its attendance');
  end if;
  return new;
end
$$;
comment on function zoom.guard_class is 'Trigger: who teaches a class is for admins to say (42501).';

-- Meetings ------------------------------------------------------------------------------------------------------------

create function zoom.guard_meeting() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'INSERT' or new.zoom_meeting_id is distinct from old.zoom_meeting_id then
    if new.zoom_meeting_id !~ '^[0-9]+$' then
      perform zoom.refuse('zoom_meetings.zoom_meeting_id: Zoom''s number has digits only', 'Leave blanks and dashes out.');
    elsif exists (
        select from public.zoom_meetings other
        where regexp_replace(other.zoom_meeting_id, '[^0-9]', '', 'g') = new.zoom_meeting_id and other.id <> new.id) then
      perform zoom.refuse('zoom_meetings.zoom_meeting_id: another meeting has this number');
    end if;
  end if;
  if (tg_op = 'INSERT' or new.join_url is distinct from old.join_url) and not zoom.is_web_address(new.join_url) then
    perform zoom.refuse('zoom_meetings.join_url is an address that begins with https://');
  elsif (tg_op = 'INSERT' or new.start_url is distinct from old.start_url) and not zoom.is_web_address(new.start_url) then
    perform zoom.refuse('zoom_meetings.start_url is an address that begins with https://');
  elsif (tg_op = 'INSERT' or new.duration is distinct from old.duration) and not new.duration between 0 and 1800 then
    perform zoom.refuse('zoom_meetings.duration is in minutes: no meeting lasts longer than 30 hours');
  end if;
  return new;
end
$$;
comment on function zoom.guard_meeting is
  'Trigger: Zoom''s number is digits that no other meeting has in any spelling, addresses are such as a page may '
  'link to, and a length is one of a meeting (42501).';

create function zoom.note_class() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_argv[0] = 'school' or zoom.is_admin() or new.class_id is null then
    delete from zoom.unconfirmed noted where noted.meeting_id = new.id;
  elsif tg_op = 'INSERT' or new.class_id is distinct from old.class_id or new.host_id is distinct from old.host_id then
    insert into zoom.unconfirmed (meeting_id) values (new.id) on conflict do nothing;
  end if;
  return null;
end
$$;
comment on function zoom.note_class is
  'Trigger: notes a meeting whose class a user wrote who is no admin: it counts while its host teaches it (argument '
  'session); an admin who saves the row, or whoever writes its class outside a user''s session (school), '
  'confirms it for good.';

create function zoom.guard_participant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' and old.status <> 'invited'
      and exists (select from zoom.rows shown where shown.row_id = old.id and shown.closed_at is null) then
    -- The row shows what Zoom saw in the latest occurrence: that outranks the page.
    return old;
  end if;
  -- The page says how long somebody was there: it is shown until Zoom says it, and never counts. As which connection, only
  -- Zoom knows.
  if (tg_op = 'INSERT' or new.duration is distinct from old.duration) and not new.duration between 0 and 108000 then
    perform zoom.refuse('zoom_participants.duration is in seconds: no meeting lasts longer than 30 hours');
  end if;
  new.zoom_participant_id := case when tg_op = 'UPDATE' then old.zoom_participant_id end;
  -- They come under their own name.
  select person.name, person.email into new.name, new.email from public.users person where person.id = new.user_id;
  return new;
end
$$;
comment on function zoom.guard_participant is
  'Trigger: what a user writes into their own row is under the name and e-mail that users has, and never '
  'replaces what Zoom said. The write succeeds, so that the app''s page goes on as it did.';

create function zoom.guard_registrant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- Zoom names people by their registration, so a student who could write it could be marked present as somebody else.
  if not zoom.is_admin() and not coalesce(new.meeting_id = any (zoom.meetings_overseen()), false) then
    new.zoom_registrant_id := case when tg_op = 'UPDATE' then old.zoom_registrant_id end;
    new.status := case when tg_op = 'UPDATE' then old.status else 'pending' end;
    new.join_url := case when tg_op = 'UPDATE' then old.join_url end;
    new.registered_at := case when tg_op = 'UPDATE' then old.registered_at else now() end;
  elsif (tg_op = 'INSERT' or new.join_url is distinct from old.join_url) and not zoom.is_web_address(new.join_url) then
    perform zoom.refuse('meeting_registrants.join_url is an address that begins with https://');
  end if;
  return new;
end
$$;
comment on function zoom.guard_registrant is
  'Trigger: whoever registers themselves asks (status pending). Who they are for Zoom, where they join, and '
  'whether they may come, is for the meeting''s host, the class''s teacher and admins to write.';

-- Attendance ----------------------------------------------------------------------------------------------------------

create table zoom.corrections (
  student_id uuid not null references public.users (id) on delete cascade,
  class_id uuid not null references public.classes (id) on delete cascade,
  date date not null,
  written_at timestamptz not null,
  primary key (student_id, class_id, date)
);

comment on table zoom.corrections is
  'When somebody other than the student last wrote a record in a user''s session: a check-in from before does '
  'not write over it.';
comment on column zoom.corrections.student_id is 'The student.';
comment on column zoom.corrections.class_id is 'The class.';
comment on column zoom.corrections.date is 'The date of the lesson.';
comment on column zoom.corrections.written_at is 'When, by the database''s clock.';

create index corrections_class_id_idx on zoom.corrections (class_id);

alter table zoom.corrections enable row level security;
grant select on zoom.corrections to service_role;

create function zoom.note_correction() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if new.student_id is distinct from zoom.claimed_id() and new.student_id is not null and new.class_id is not null then
    insert into zoom.corrections as noted (student_id, class_id, date, written_at)
    values (new.student_id, new.class_id, new.date, clock_timestamp())
    on conflict (student_id, class_id, date) do update set written_at = greatest(noted.written_at, excluded.written_at);
  end if;
  return null;
end
$$;
comment on function zoom.note_correction is
  'Trigger: notes when a person other than the student wrote an attendance record.';

create function zoom.checked_in(class uuid, day date) returns boolean
language plpgsql stable security definer set search_path = '' as $$
declare
  me constant uuid := zoom.caller();
begin
  return exists (
    select from public.qr_checkins checkin
    join public.qr_attendance_sessions code on code.id = checkin.session_id
    join public.class_students seat on seat.class_id = code.class_id and seat.student_id = checkin.student_id
    where checkin.student_id = me and code.class_id = class and code.date = day and zoom.is_open(code.status, code.date)
  ) and not exists (
    -- Since they first checked in to that lesson: another code does not undo what a teacher wrote meanwhile.
    select from zoom.corrections noted
    where noted.student_id = me and noted.class_id = class and noted.date = day
      and noted.written_at >= (
        select min(checkin.checked_in_at)
        from public.qr_checkins checkin
        join public.qr_attendance_sessions code on code.id = checkin.session_id
        where checkin.student_id = me and code.class_id = class and code.date = day));
end
$$;
comment on function zoom.checked_in is
  'Whether the caller may mark themselves present in a class on a date: they checked in to a code that is open '
  '(see zoom.is_open), are enrolled, and nobody else wrote the record since they first did. Never null.';

revoke execute on function
  zoom.keep_identity, zoom.stamp_row, zoom.guard_times, zoom.refuse, zoom.is_web_address,
  zoom.note_name, zoom.forget_user, zoom.guard_user,
  zoom.guard_class, zoom.guard_meeting, zoom.note_class, zoom.guard_participant,
  zoom.guard_registrant, zoom.note_correction, zoom.checked_in
from public;
grant execute on function zoom.checked_in to authenticated;
