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
    where room.id = sees_meeting.meeting and case room.target_audience
      when 'all' then (select zoom.caller()) is not null
      when 'students' then (select zoom.caller_role()) = 'student'
      when 'teachers' then (select zoom.caller_role()) = 'teacher'
      when 'class' then room.class_id = any (zoom.classes_of_family())
      else false
    end);
end
$$;
comment on function zoom.sees_meeting is 'Whether this meeting is meant for the caller: the rule of zoom.meetings_seen and of the policy, for one meeting. A test holds the three to each other.';

create function zoom.admission(meeting uuid, email_domain text) returns text
language plpgsql stable security definer set search_path = '' as $$
declare
  room public.zoom_meetings;
  person public.users;
begin
  if not zoom.sees_meeting(meeting) then
    return 'not_found';
  end if;
  select * into room from public.zoom_meetings where zoom_meetings.id = meeting;
  select * into person from public.users where users.id = zoom.caller();
  return case
    when room.status = 'cancelled' then 'cancelled'
    when room.class_id is not null and person.role in ('student', 'parent')
      and room.class_id <> all (zoom.classes_of_family()) then 'not_enrolled'
    when person.role = 'student' and email_domain <> ''
      and lower(split_part(person.email, '@', -1)) <> lower(email_domain) then 'wrong_domain'
    else 'ok'
  end;
end
$$;
comment on function zoom.admission is 'Whether the caller may enter this meeting: ok, not_found (it is not meant for them, or is none), cancelled, not_enrolled (in its class; parents: a child of theirs), or wrong_domain (a student whose e-mail is not of email_domain; null for any).';

create function public.enter_zoom_meeting(meeting uuid, email_domain text default null) returns jsonb
language plpgsql volatile security definer set search_path = '' as $$
declare
  written bigint[] := zoom.rows_written();
  outcome text := zoom.admission(meeting, email_domain);
  visitor uuid := zoom.caller();
  room public.zoom_meetings;
  person public.users;
  registrant public.meeting_registrants;
  passed text;
begin
  if outcome <> 'ok' then
    return jsonb_build_object('outcome', outcome);
  end if;
  select * into room from public.zoom_meetings where zoom_meetings.id = meeting;
  select * into person from public.users where users.id = visitor;
  select * into registrant from public.meeting_registrants
  where meeting_registrants.meeting_id = meeting and meeting_registrants.user_id = visitor and meeting_registrants.status = 'approved';

  insert into public.zoom_participants (meeting_id, user_id, name, email, status)
  values (meeting, visitor, person.name, person.email, 'invited')
  on conflict (meeting_id, user_id) do nothing;
  perform zoom.tell_changes(written);

  -- 32 hexadecimal characters, 122 bits of them random: Zoom takes 35 at most.
  select key.customer_key into passed from zoom.keys key where key.meeting_id = meeting and key.user_id = visitor;
  if passed is null then
    insert into zoom.keys as key (customer_key, meeting_id, user_id)
    values (replace(gen_random_uuid()::text, '-', ''), meeting, visitor)
    on conflict (meeting_id, user_id) do update set user_id = key.user_id -- asked twice at once: one key for both
    returning key.customer_key into passed;
  end if;

  return jsonb_build_object(
    'outcome', outcome, 'meeting_number', room.zoom_meeting_id, 'is_host', room.host_id is not distinct from visitor,
    'join_url', coalesce(registrant.join_url, room.join_url), 'password', room.password,
    'start_url', case when room.host_id = visitor then room.start_url end,
    'is_registered', registrant.id is not null, 'user_name', person.name, 'user_email', person.email, 'customer_key', passed);
end
$$;
comment on function public.enter_zoom_meeting is 'What the caller needs to enter a meeting, as an object: outcome (see zoom.admission) and, if that is ok, meeting_number, is_host, join_url (the caller''s own, if they are an approved registrant), start_url (for the host, else null), password, is_registered, user_name, user_email, customer_key (what proves to us who they are when Zoom repeats it). Notes them as invited unless there is a row already.';

create function public.zoom_meeting_admission(meeting uuid, email_domain text default null) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  return jsonb_build_object('outcome', zoom.admission(meeting, email_domain)) || coalesce((
    select jsonb_build_object('user_id', zoom.caller(), 'meeting_number', room.zoom_meeting_id)
    from public.zoom_meetings room
    where room.id = meeting and zoom.sees_meeting(meeting)
  ), '{}');
end
$$;
comment on function public.zoom_meeting_admission is 'Whether the caller may enter a meeting, as an object: outcome (see zoom.admission) and, unless that is not_found, user_id and meeting_number. Changes nothing.';

create function public.zoom_meeting_people(meeting uuid) returns jsonb
language plpgsql stable security definer set search_path = '' as $$
begin
  if not zoom.oversees_meeting(meeting) then
    return jsonb_build_object('outcome', case when zoom.sees_meeting(meeting) then 'forbidden' else 'not_found' end);
  end if;

  return (
    with room as (
      select * from public.zoom_meetings where zoom_meetings.id = meeting
    ), present as (
      select shown.*, shown.status <> 'invited' as has_come, to_jsonb(shown)
        || jsonb_build_object('user', case when person.id is not null then
             jsonb_build_object('id', person.id, 'name', person.name, 'email', person.email, 'avatar', person.avatar, 'role', person.role) end) as says
      from public.zoom_participants shown
      left join public.users person on person.id = shown.user_id
      where shown.meeting_id = meeting
    ), expected as (
      select pupil.id, pupil.name, pupil.email, pupil.avatar, coalesce(present.status, 'invited') as status, coalesce(present.has_come, false) as has_come
      from room
      join public.class_students seat on seat.class_id = room.class_id
      join public.users pupil on pupil.id = seat.student_id
      left join present on present.user_id = pupil.id
    )
    select jsonb_build_object(
      'outcome', 'ok',
      'meeting', (select to_jsonb(room) - 'start_url' - 'password' from room),
      'participants', (select coalesce(jsonb_agg(present.says order by present.join_time desc nulls last, present.name, present.id), '[]') from present),
      'expectedAttendees', (
        select coalesce(jsonb_agg(jsonb_build_object('id', expected.id, 'name', expected.name, 'email', expected.email,
          'avatar', expected.avatar, 'status', expected.status, 'hasJoined', expected.has_come) order by expected.name, expected.id), '[]')
        from expected),
      'stats', (
        select jsonb_build_object(
          'totalParticipants', count(*),
          'joinedCount', count(*) filter (where present.has_come),
          'expectedCount', (select count(*) from expected),
          'attendanceRate', (select coalesce(round(100.0 * count(*) filter (where expected.has_come) / nullif(count(*), 0)), 0) from expected),
          'totalDurationSeconds', coalesce(sum(present.duration), 0),
          'avgDurationSeconds', coalesce(round(sum(present.duration) / nullif(count(*) filter (where present.has_come), 0)::numeric), 0))
        from present)));
end
$$;
comment on function public.zoom_meeting_people is 'Who takes part in a meeting, for its host, its class''s teacher and admins, as an object: outcome (ok, forbidden or not_found), meeting (its row without the secrets), participants (rows, the latest join first, each with its user), expectedAttendees (the enrolled of its class: id, name, email, avatar, status, hasJoined) and stats: totalParticipants, joinedCount (who came, be they gone), expectedCount, attendanceRate (of the expected, in percent), totalDurationSeconds, avgDurationSeconds (of who came).';

revoke execute on function zoom.sees_meeting, zoom.oversees_meeting, zoom.admission from public;
revoke execute on function public.enter_zoom_meeting, public.zoom_meeting_admission, public.zoom_meeting_people from public, anon, service_role;
grant execute on function public.enter_zoom_meeting, public.zoom_meeting_admission, public.zoom_meeting_people to authenticated;

notify pgrst, 'reload schema';
