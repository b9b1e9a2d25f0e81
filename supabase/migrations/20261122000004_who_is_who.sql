-- Who is asking, and what is theirs: this is what "seen only by those entitled" is decided by.
--
-- The policies (policies/, shipped by a later migration) ask these functions. Each answers for the caller alone, by one
-- query, with a single word or an array, so that a policy asks once per statement, `(select zoom.is_admin())`, and never
-- once per row. They look past the policies of the tables they read (security definer), and no policy of ours reads a
-- table itself: a policy of the app may read ours, and the two would ask each other for ever (42P17).
--
-- **None of them ever raises.** A token whose `sub` is missing, empty or no uuid is nobody's. If one raised for a single
-- subscriber, Realtime would lose the change for everybody who watches.
--
-- They live in the private schema: a policy may use them, but nobody can call them by name. In plpgsql, which keeps its
-- plans: a function in SQL would plan anew each time Realtime asks about a row.
--
-- Locks: nothing.

-- The caller ----------------------------------------------------------------------------------------------------------

create function zoom.claimed_id() returns uuid
language plpgsql stable security definer set search_path = '' as $$
declare
  said text;
  claimed uuid;
begin
  said := coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub');
  claimed := said; -- to try is half as dear as to look first
  return case when claimed::text = lower(said) then claimed end; -- PostgreSQL reads other spellings too
exception when data_exception then
  return null; -- no uuid, or claims that are no JSON
end
$$;
comment on function zoom.claimed_id is
  'The user that the token names, be they known or not; null where it names none, or what is no uuid. Never raises.';

create function zoom.claimed_email() returns text
language plpgsql stable security definer set search_path = '' as $$
begin
  return nullif(btrim(nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email'), '');
exception when others then
  return null;
end
$$;
comment on function zoom.claimed_email is
  'The e-mail that the token names, which the login has proved; null for none. Never raises.';

create function zoom.caller() returns uuid
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return (select person.id from public.users person where person.id = claimed and person.is_active is not false);
end
$$;
comment on function zoom.caller is
  'The user whose token it is; null for visitors, for users the school does not know, and for those who have left it.';

create function zoom.caller_role() returns text
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return (select person.role from public.users person where person.id = claimed and person.is_active is not false);
end
$$;
comment on function zoom.caller_role is 'admin, teacher, student or parent; null when there is no caller.';

create function zoom.is_admin() returns boolean
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return exists(
    select from public.users person
    where person.id = claimed and person.is_active is not false and person.role = 'admin');
end
$$;
comment on function zoom.is_admin is 'Whether the caller is an admin. Never null.';

create function zoom.is_staff() returns boolean
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return exists(
    select from public.users person
    where person.id = claimed and person.is_active is not false and person.role in ('admin', 'teacher'));
end
$$;
comment on function zoom.is_staff is 'Whether the caller is a teacher or an admin. Never null.';

-- What is theirs ------------------------------------------------------------------------------------------------------
-- Each begins with the caller's row in users: somebody who has left the school has nothing.

create function zoom.children() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select family.student_id
    from public.users me
    join public.parent_children family on family.parent_id = me.id
    where me.id = claimed and me.is_active is not false and family.student_id is not null);
end
$$;
comment on function zoom.children is 'The children of the caller.';

create function zoom.classes_taught() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select class.id
    from public.users me
    join public.classes class on class.teacher_id = me.id
    where me.id = claimed and me.is_active is not false);
end
$$;
comment on function zoom.classes_taught is 'The classes whose teacher the caller is.';

create function zoom.classes_enrolled() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select seat.class_id
    from public.users me
    join public.class_students seat on seat.student_id = me.id
    where me.id = claimed and me.is_active is not false and seat.class_id is not null);
end
$$;
comment on function zoom.classes_enrolled is 'The classes the caller is enrolled in.';

create function zoom.classes_of_family() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return coalesce((
    select array(
        select seat.class_id from public.class_students seat
        where seat.student_id = me.id and seat.class_id is not null)
      || array(
        select seat.class_id
        from public.parent_children family
        join public.class_students seat on seat.student_id = family.student_id
        where family.parent_id = me.id and seat.class_id is not null)
    from public.users me
    where me.id = claimed and me.is_active is not false), '{}');
end
$$;
comment on function zoom.classes_of_family is 'The classes the caller or a child of theirs is enrolled in.';

create function zoom.meetings_overseen() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return coalesce((
    select array(
      select meeting.id
      from public.zoom_meetings meeting
      where meeting.host_id = me.id
        or meeting.class_id = any (array(select class.id from public.classes class where class.teacher_id = me.id)))
    from public.users me
    where me.id = claimed and me.is_active is not false), '{}');
end
$$;
comment on function zoom.meetings_overseen is 'The meetings the caller hosts, and those of the classes they teach.';

create function zoom.classes_overseen() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select class.id
    from public.users me
    join public.classes class on class.teacher_id = me.id
    where me.id = claimed and me.is_active is not false
    union
    select meeting.class_id
    from public.users me
    join public.zoom_meetings meeting on meeting.host_id = me.id
    where me.id = claimed and me.is_active is not false and meeting.class_id is not null);
end
$$;
comment on function zoom.classes_overseen is
  'The classes the caller teaches, and those they host a meeting for: they must know whom to invite.';

create function zoom.audiences() returns text[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
  my_role text;
begin
  select person.role into my_role from public.users person where person.id = claimed and person.is_active is not false;
  if not found then
    return '{}';
  end if;
  return case my_role when 'student' then array['all', 'students'] when 'teacher' then array['all', 'teachers'] else array['all'] end;
end
$$;
comment on function zoom.audiences is
  'The audiences of meetings (target_audience) that the caller belongs to by their role; that of a class is '
  'another matter.';

create function zoom.meetings_seen() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select meeting.id
    from public.users me
    cross join lateral (
      select array(select class.id from public.classes class where class.teacher_id = me.id) as taught,
        array(
          select seat.class_id from public.class_students seat
          where seat.student_id = me.id
            or seat.student_id in (select family.student_id from public.parent_children family where family.parent_id = me.id)
        ) as family,
        zoom.audiences() as audiences
    ) theirs
    join public.zoom_meetings meeting
      on meeting.host_id = me.id
      or me.role = 'admin'
      or meeting.class_id = any (theirs.taught)
      or meeting.target_audience = any (theirs.audiences)
      or meeting.target_audience = 'class' and meeting.class_id = any (theirs.family)
    where me.id = claimed and me.is_active is not false);
end
$$;
comment on function zoom.meetings_seen is
  'The meetings meant for the caller. The same rule as the policy of zoom_meetings, which cannot ask this: it has to '
  'answer for a row that is being inserted.';

create function zoom.acquaintances() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
begin
  return array(
    select class.teacher_id from public.classes class where class.id = any (zoom.classes_of_family()) and class.teacher_id is not null
    union
    select meeting.host_id from public.zoom_meetings meeting where meeting.id = any (zoom.meetings_seen()) and meeting.host_id is not null);
end
$$;
comment on function zoom.acquaintances is
  'The teachers of the caller''s classes, or of their children''s, and the hosts of the meetings they see.';

create function zoom.students_overseen() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
begin
  return array(
    select distinct seat.student_id from public.class_students seat
    where seat.class_id = any (zoom.classes_overseen()) and seat.student_id is not null);
end
$$;
comment on function zoom.students_overseen is 'The students of the classes the caller teaches or hosts a meeting for.';

-- Checking in by QR code ----------------------------------------------------------------------------------------------

create function zoom.is_open(status text, day date) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  -- A day to either side, since the school's date is not always the database's (UTC).
  return status = 'active' and day between current_date - 1 and current_date + 1;
end
$$;
comment on function zoom.is_open is
  'Whether a QR code of this status and date may be used: active, and of today, yesterday or tomorrow. No code '
  'ends by itself.';

create function zoom.sessions_shown() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select code.id
    from public.users me
    join public.classes class on class.teacher_id = me.id
    join public.qr_attendance_sessions code on code.class_id = class.id
    where me.id = claimed and me.is_active is not false);
end
$$;
comment on function zoom.sessions_shown is 'The QR sessions of the classes the caller teaches.';

create function zoom.open_sessions() returns uuid[]
language plpgsql stable security definer set search_path = '' as $$
declare
  claimed constant uuid := zoom.claimed_id();
begin
  return array(
    select code.id
    from public.users me
    join public.class_students seat on seat.student_id = me.id
    join public.qr_attendance_sessions code on code.class_id = seat.class_id
    where me.id = claimed and me.is_active is not false and zoom.is_open(code.status, code.date));
end
$$;
comment on function zoom.open_sessions is
  'The QR sessions the caller may check in to: open (see zoom.is_open), of a class they are enrolled in.';

revoke execute on all functions in schema zoom from public;
grant execute on function
  zoom.claimed_id, zoom.caller, zoom.caller_role, zoom.is_admin, zoom.is_staff, zoom.children, zoom.classes_taught,
  zoom.classes_enrolled, zoom.classes_of_family, zoom.meetings_overseen, zoom.classes_overseen, zoom.open_sessions,
  zoom.audiences, zoom.meetings_seen, zoom.acquaintances, zoom.students_overseen, zoom.sessions_shown
to authenticated, service_role; -- the doctor looks with a user's claims at what is theirs
