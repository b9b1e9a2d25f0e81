-- The meeting room: what the page that opens a meeting asks the sidecar, which forwards the user's own token.
--
-- Three functions that users may call, each one question with one answer. They look past the policies (security definer), so
-- each asks first what the policies would say of this caller, and answers nothing that is not theirs to know. Whoever calls
-- them without the sidecar gets no more.
--
-- Locks: nothing.

create function zoom.oversees_meeting(meeting uuid) returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return exists (
    select from public.zoom_meetings room
    where room.id = oversees_meeting.meeting and (
      room.host_id = (select zoom.caller())
      or (select zoom.is_admin())
      or room.class_id = any (zoom.classes_taught())));
end
$$;
comment on function zoom.oversees_meeting is 'Whether the caller may see who takes part in this meeting: its host, its class''s teacher, an admin.';

create function zoom.sees_meeting(meeting uuid) returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return zoom.oversees_meeting(meeting) or exists (
    select from public.zoom_meetings room
    where room.id = sees_meeting.meeting and (
      room.target_audience = any (zoom.audiences())
      or room.target_audience = 'class' and room.class_id = any (zoom.classes_of_family())));
end
$$;
comment on function zoom.sees_meeting is 'Whether this meeting is meant for the caller: the rule of zoom.meetings_seen and of the policy, for one meeting. A test holds the three to each other.';

create function zoom.web_address(address text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case when zoom.is_web_address(btrim(address)) then btrim(address) end;
end
$$;
comment on function zoom.web_address is
  'An address that a page may open, without blanks around it; else null: a javascript: or data: address would run '
  'in the page.';

create function zoom.admission(meeting uuid, email_domain text) returns text
language plpgsql stable security definer set search_path = '' as $$
declare
  room public.zoom_meetings;
  person public.users;
begin
  if zoom.claimed_id() is null then
    return 'unauthorized';
  end if;
  if not zoom.sees_meeting(meeting) then
    return 'not_found';
  end if;
  select * into room from public.zoom_meetings where zoom_meetings.id = meeting;
  select * into person from public.users where users.id = zoom.caller();
  return case
    when room.status = 'cancelled' then 'cancelled'
    when room.class_id is not null and person.role in ('student', 'parent')
      and room.class_id <> all (zoom.classes_of_family()) then 'not_enrolled'
    when exists (
        select from public.meeting_registrants registrant
        where registrant.meeting_id = meeting and registrant.user_id = person.id and registrant.status = 'denied')
      and not zoom.oversees_meeting(meeting) then 'denied'
    when person.role = 'student' and email_domain <> ''
      and lower(split_part(person.email, '@', -1)) <> lower(email_domain) then 'wrong_domain'
    else 'ok'
  end;
end
$$;
comment on function zoom.admission is
  'Whether the caller may enter this meeting: ok; unauthorized (the token is no user''s: its sub is no uuid); '
  'not_found (it is not meant for them, or is none); cancelled; not_enrolled (in its class; parents: a child of '
  'theirs); denied (their registration was, and they do not oversee it); or wrong_domain (a student whose e-mail is '
  'not of email_domain; null for any). The last is a courtesy: whoever calls the function themselves gives the '
  'domain they like.';

create function zoom.note_opened(meeting uuid, visitor uuid) returns void
language plpgsql volatile set search_path = '' as $$
declare
  minute timestamptz := date_trunc('minute', now());
begin
  insert into zoom.visits (meeting_id, user_id, at, kind)
  select meeting, visitor, minute, 'opened'
  where (
    select count(*) from zoom.visits visit
    where visit.user_id = visitor and visit.at = minute and visit.kind = 'opened') < 10
  on conflict do nothing;
end
$$;
comment on function zoom.note_opened is
  'Notes in zoom.visits that a user opened the page of a meeting: to the minute, so that asking without end makes '
  'one row a minute and meeting, and in one minute for ten meetings, so that asking for all of them does not make '
  'many more.';

create function public.enter_zoom_meeting(meeting uuid, email_domain text default null) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
  written bigint[] := zoom.rows_written();
  outcome text := zoom.admission(meeting, email_domain);
  visitor uuid;
  room public.zoom_meetings;
  person public.users;
  is_host boolean;
  own_join_url text;
  passed text;
begin
  if outcome <> 'ok' then
    return jsonb_build_object('outcome', outcome);
  end if;
  visitor := zoom.caller();
  select * into room from public.zoom_meetings where zoom_meetings.id = meeting;
  select * into person from public.users where users.id = visitor;
  is_host := room.host_id is not distinct from visitor;
  own_join_url := (
    select zoom.web_address(registrant.join_url) from public.meeting_registrants registrant
    where registrant.meeting_id = meeting and registrant.user_id = visitor and registrant.status = 'approved'
      and not is_host);

  insert into public.zoom_participants (meeting_id, user_id, name, email, status)
  values (meeting, visitor, person.name, person.email, 'invited')
  on conflict (meeting_id, user_id) do nothing;
  perform zoom.tell_changes(written);
  perform zoom.note_opened(meeting, visitor);

  -- 32 hexadecimal characters, 122 bits of them random: Zoom takes 35 at most.
  select key.customer_key into passed from zoom.keys key where key.meeting_id = meeting and key.user_id = visitor;
  if passed is null then
    insert into zoom.keys as key (customer_key, meeting_id, user_id)
    values (replace(gen_random_uuid()::text, '-', ''), meeting, visitor)
    on conflict (meeting_id, user_id) do update set user_id = key.user_id -- asked twice at once: one key for both
    returning key.customer_key into passed;
  end if;

  return jsonb_build_object(
    'outcome', outcome, 'meeting_number', room.zoom_meeting_id, 'is_host', is_host,
    'may_host', is_host and not exists (
      select from public.zoom_meetings other
      where other.id <> room.id
        and regexp_replace(other.zoom_meeting_id, '[^0-9]', '', 'g')
          = regexp_replace(room.zoom_meeting_id, '[^0-9]', '', 'g')),
    'join_url', coalesce(own_join_url, zoom.web_address(room.join_url)), 'password', nullif(room.password, ''),
    'start_url', case when is_host then zoom.web_address(zoom.start_url(meeting)) end,
    'is_registered', own_join_url is not null,
    'user_name', person.name, 'user_email', person.email, 'customer_key', passed);
end
$$;
comment on function public.enter_zoom_meeting is
  'What the caller needs to enter a meeting, as an object: outcome (see zoom.admission) and, if that is ok, '
  'meeting_number, is_host, may_host (and no other row has its number, in any spelling: so that nobody is host of '
  'another''s meeting), join_url (the caller''s own, if they are an approved registrant and not the host), '
  'start_url (for the host, else null), password, is_registered (join_url is their own), user_name, user_email, '
  'customer_key (what proves to us who they are when Zoom repeats it). An address that is not of http or https is '
  'null. Notes them as invited unless there is a row already, and that they opened the page.';

create function public.zoom_meeting_admission(meeting uuid, email_domain text default null) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  outcome text := zoom.admission(meeting, email_domain);
begin
  if outcome in ('unauthorized', 'not_found') then
    return jsonb_build_object('outcome', outcome);
  end if;
  return (
    select jsonb_build_object('outcome', outcome, 'user_id', zoom.caller(), 'meeting_number', room.zoom_meeting_id)
    from public.zoom_meetings room
    where room.id = meeting);
end
$$;
comment on function public.zoom_meeting_admission is
  'Whether the caller may enter a meeting, as an object: outcome (see zoom.admission) and, unless that is '
  'unauthorized or not_found, user_id and meeting_number. Changes nothing.';

create function public.zoom_meeting_people(meeting uuid) returns jsonb
language plpgsql stable security definer set search_path = '' set timezone = 'UTC' as $$
begin
  if zoom.claimed_id() is null then
    return jsonb_build_object('outcome', 'unauthorized');
  end if;
  if not zoom.oversees_meeting(meeting) then
    return jsonb_build_object('outcome', case when zoom.sees_meeting(meeting) then 'forbidden' else 'not_found' end);
  end if;

  return (
    with room as (
      select own.*, class.name as class_name
      from public.zoom_meetings own
      left join public.classes class on class.id = own.class_id
      where own.id = meeting
    ), present as (
      select shown.id, shown.user_id, shown.name, shown.join_time, shown.duration,
        coalesce(shown.status in ('joined', 'left'), false) as has_come,
        jsonb_build_object(
          'id', shown.id, 'user_id', shown.user_id, 'zoom_participant_id', shown.zoom_participant_id,
          'name', shown.name, 'email', shown.email, 'join_time', shown.join_time, 'leave_time', shown.leave_time,
          'duration', shown.duration, 'status', shown.status, 'created_at', shown.created_at,
          'user', case when person.id is not null then jsonb_build_object(
            'id', person.id, 'name', person.name, 'email', person.email, 'avatar', person.avatar,
            'role', person.role) end
        ) as says
      from public.zoom_participants shown
      left join public.users person on person.id = shown.user_id
      where shown.meeting_id = meeting
    ), expected as (
      -- As for the attendance: those of the class it counts for, whatever the audience; of those who have left the
      -- school, who came.
      select pupil.id, pupil.name, pupil.email, pupil.avatar, pupil.role, present.says,
        coalesce(present.has_come, false) as attended
      from public.class_students seat
      join public.users pupil on pupil.id = seat.student_id
      left join present on present.user_id = pupil.id
      where seat.class_id = zoom.counted_class(meeting) and (pupil.is_active is not false or present.has_come)
    ), counted as (
      select count(*) as rows, count(*) filter (where present.has_come) as joined,
        coalesce(sum(present.duration) filter (where present.has_come), 0) as seconds,
        (select count(*) from expected) as expected, (select count(*) from expected where expected.attended) as attended
      from present
    )
    select jsonb_build_object(
      'outcome', 'ok',
      'meeting', (
        select jsonb_build_object('id', room.id, 'title', room.title, 'class', case when room.class_id is not null
          then jsonb_build_object('id', room.class_id, 'name', room.class_name) end,
          'start_time', room.start_time, 'status', room.status)
        from room),
      'participants', (
        select coalesce(
          jsonb_agg(present.says order by present.join_time nulls last, present.name, present.id), '[]')
        from present),
      'expectedAttendees', (
        select coalesce(jsonb_agg(
          case when expected.says is null then '{}' else jsonb_build_object('participant', expected.says) end
          || jsonb_build_object('id', expected.id, 'name', expected.name, 'email', expected.email,
            'avatar', expected.avatar, 'role', expected.role, 'attended', expected.attended)
          order by expected.name, expected.id), '[]')
        from expected),
      'stats', (
        select jsonb_build_object(
          'totalParticipants', counted.rows, 'joinedCount', counted.joined, 'expectedCount', counted.expected,
          'attendanceRate', case
            when counted.expected > 0 then round(100.0 * counted.attended / counted.expected)
            when counted.joined > 0 then 100
            else 0
          end,
          'totalDurationSeconds', counted.seconds,
          'avgDurationSeconds', coalesce(round(counted.seconds::numeric / nullif(counted.joined, 0)), 0))
        from counted)));
end
$$;
comment on function public.zoom_meeting_people is
  'Who takes part in a meeting, for its host, its class''s teacher and admins, as an object: outcome (ok, '
  'forbidden, not_found or unauthorized), meeting (id, title, class, start_time, status), participants (rows, the '
  'earliest join first, each with its user), expectedAttendees (the enrolled of the class that it makes attendance '
  'for, by name: id, name, email, avatar, role, attended, which is joined or left, and their row as participant, if '
  'there is one) and stats: totalParticipants, joinedCount (who came, be they gone), expectedCount, attendanceRate '
  '(of the expected, in percent; where nobody is, 100 if somebody came), totalDurationSeconds, avgDurationSeconds '
  '(both of who came).';

revoke execute on function
  zoom.sees_meeting, zoom.oversees_meeting, zoom.admission, zoom.web_address, zoom.note_opened
from public;
revoke execute on function public.enter_zoom_meeting, public.zoom_meeting_admission, public.zoom_meeting_people
from public, anon, service_role;
grant execute on function public.enter_zoom_meeting, public.zoom_meeting_admission, public.zoom_meeting_people
to authenticated;

notify pgrst, 'reload schema';
