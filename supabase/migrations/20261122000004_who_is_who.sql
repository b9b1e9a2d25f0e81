-- Who is asking, and what is theirs: this is what "seen only by those entitled" is decided by.
--
-- The policies (policies/, shipped by a later migration) ask these functions. Each answers for the caller alone, as a
-- set or a single word, so that a policy asks once per statement and never once per row. They look past the policies of
-- the tables they read (security definer), and no policy of ours reads another table itself: a policy of the app may
-- read ours, and the two would ask each other for ever (42P17).
--
-- They live in the private schema: a policy may use them, but nobody can call them by name.
--
-- Locks: nothing.

-- The caller ----------------------------------------------------------------------------------------------------------
-- In plpgsql, which keeps its plans: a function in SQL would plan anew each time Realtime asks about a row. What stands in
-- `(select …)` is asked once, and not for every row of a small table that is read from end to end.

create function zoom.caller() returns uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select person.id from public.users person where person.id = (select auth.uid()) and person.is_active is not false);
end
$$;
comment on function zoom.caller is 'The user whose token it is; null for visitors, for users the school does not know, and for those who have left it.';

create function zoom.caller_role() returns text
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select person.role from public.users person where person.id = (select zoom.caller()));
end
$$;
comment on function zoom.caller_role is 'admin, teacher, student or parent; null when there is no caller.';

create function zoom.is_admin() returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return coalesce(zoom.caller_role() = 'admin', false);
end
$$;
comment on function zoom.is_admin is 'Whether the caller is an admin. Never null.';

create function zoom.is_staff() returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return coalesce(zoom.caller_role() in ('admin', 'teacher'), false);
end
$$;
comment on function zoom.is_staff is 'Whether the caller is a teacher or an admin. Never null.';

-- What is theirs ------------------------------------------------------------------------------------------------------

create function zoom.children() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select family.student_id from public.parent_children family where family.parent_id = (select zoom.caller());
end
$$;
comment on function zoom.children is 'The children of the caller.';

create function zoom.classes_taught() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select class.id from public.classes class where class.teacher_id = (select zoom.caller());
end
$$;
comment on function zoom.classes_taught is 'The classes whose teacher the caller is.';

create function zoom.classes_enrolled() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.class_id from public.class_students seat where seat.student_id = (select zoom.caller());
end
$$;
comment on function zoom.classes_enrolled is 'The classes the caller is enrolled in.';

create function zoom.classes_of_family() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.class_id from public.class_students seat where seat.student_id = (select zoom.caller())
  union
  select seat.class_id from public.class_students seat where seat.student_id in (select zoom.children());
end
$$;
comment on function zoom.classes_of_family is 'The classes the caller or a child of theirs is enrolled in.';

create function zoom.meetings_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select meeting.id from public.zoom_meetings meeting where meeting.host_id = (select zoom.caller())
  union
  select meeting.id from public.zoom_meetings meeting where meeting.class_id in (select zoom.classes_taught());
end
$$;
comment on function zoom.meetings_overseen is 'The meetings the caller hosts, and those of the classes they teach.';

create function zoom.classes_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select zoom.classes_taught()
  union
  select meeting.class_id from public.zoom_meetings meeting where meeting.host_id = (select zoom.caller()) and meeting.class_id is not null;
end
$$;
comment on function zoom.classes_overseen is 'The classes the caller teaches, and those they host a meeting for: they must know whom to invite.';

create function zoom.meetings_seen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select meeting.id
  from public.zoom_meetings meeting
  where meeting.host_id = (select zoom.caller())
    or (select zoom.is_admin())
    or meeting.class_id in (select zoom.classes_taught())
    or case meeting.target_audience
      when 'all' then (select zoom.caller()) is not null
      when 'students' then (select zoom.caller_role()) = 'student'
      when 'teachers' then (select zoom.caller_role()) = 'teacher'
      when 'class' then meeting.class_id in (select zoom.classes_of_family())
      else false
    end;
end
$$;
comment on function zoom.meetings_seen is 'The meetings meant for the caller. The same rule as the policy of zoom_meetings, which cannot ask this: it has to answer for a row that is being inserted.';

create function zoom.acquaintances() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select class.teacher_id from public.classes class where class.id in (select zoom.classes_of_family())
  union
  select meeting.host_id from public.zoom_meetings meeting where meeting.id in (select zoom.meetings_seen());
end
$$;
comment on function zoom.acquaintances is 'The teachers of the caller''s classes, or of their children''s, and the hosts of the meetings they see.';

create function zoom.students_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.student_id from public.class_students seat where seat.class_id in (select zoom.classes_overseen());
end
$$;
comment on function zoom.students_overseen is 'The students of the classes the caller teaches or hosts a meeting for.';

-- Checking in by QR code ----------------------------------------------------------------------------------------------

create function zoom.sessions_shown() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.id from public.qr_attendance_sessions code where code.class_id in (select zoom.classes_taught());
end
$$;
comment on function zoom.sessions_shown is 'The QR sessions of the classes the caller teaches.';

create function zoom.open_sessions() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.id
  from public.qr_attendance_sessions code
  where code.class_id in (select zoom.classes_enrolled()) and code.status = 'active'
    -- Some projects give a code an end, some do not have the column.
    and coalesce((to_jsonb(code) ->> 'expires_at')::timestamptz > now(), true);
end
$$;
comment on function zoom.open_sessions is 'The QR sessions the caller may check in to: active, not expired, of a class they are enrolled in.';

create function zoom.lessons_checked_in() returns table (class_id uuid, date date)
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.class_id, code.date
  from public.qr_checkins checkin
  join public.qr_attendance_sessions code on code.id = checkin.session_id
  where checkin.student_id = (select zoom.caller());
end
$$;
comment on function zoom.lessons_checked_in is 'The lessons (class and date) that the caller has checked in to by QR code.';

revoke execute on function
  zoom.caller, zoom.caller_role, zoom.is_admin, zoom.is_staff, zoom.children, zoom.classes_taught,
  zoom.classes_enrolled, zoom.classes_of_family, zoom.meetings_overseen, zoom.classes_overseen, zoom.open_sessions,
  zoom.lessons_checked_in, zoom.meetings_seen, zoom.acquaintances, zoom.students_overseen, zoom.sessions_shown
from public;
grant execute on function
  zoom.caller, zoom.caller_role, zoom.is_admin, zoom.is_staff, zoom.children, zoom.classes_taught,
  zoom.classes_enrolled, zoom.classes_of_family, zoom.meetings_overseen, zoom.classes_overseen, zoom.open_sessions,
  zoom.lessons_checked_in, zoom.meetings_seen, zoom.acquaintances, zoom.students_overseen, zoom.sessions_shown
to authenticated;
