-- Who may see and do what: the files of policies/, one after another.
--
-- Written by ./scripts/generate; change the files, not this. Once a version of it has shipped, make room for the next with
-- `supabase migration new policies` and run the script again: it writes the newest.
--
-- Locks: each of the tables for a moment, while its policies are replaced. Nobody ever sees it without: a migration is
-- one transaction.


-- policies/attendance_records.sql
------------------------------------------------------------------------------------------------------------------------

-- Attendance.
--
--   see                   the student, their parents, the class's teacher, admins
--   create, change        the class's teacher, admins; and a student who checked in to that lesson by QR code: their own
--                         record of that class and date, to present
--   delete                nobody

call zoom.take_over('public.attendance_records', closes_writes => true);

alter table public.attendance_records enable row level security;
revoke all on public.attendance_records from public, anon, authenticated;
grant select, insert, update on public.attendance_records to authenticated;
grant select, insert, update, delete on public.attendance_records to service_role;

create policy "families and class teachers see attendance" on public.attendance_records
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or student_id in (select zoom.children())
);

create policy "class teachers record it, and a check-in marks present" on public.attendance_records
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or status = 'present' and student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
);

create policy "class teachers correct it, and a check-in marks present" on public.attendance_records
for update to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
) with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or status = 'present' and student_id = (select zoom.caller())
    and (class_id, date) in (select lesson.class_id, lesson.date from zoom.lessons_checked_in() lesson)
);

create or replace trigger a_record_stays_whose_it_is
before update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'student_id', 'class_id', 'date');


-- policies/class_students.sql
------------------------------------------------------------------------------------------------------------------------

-- Who is enrolled in which class. Only they get attendance records.
--
--   students              their own enrolments
--   parents               those of their children
--   class teachers, hosts those of the classes they teach or host a meeting for
--   admins                all
--
-- Nobody writes here through us; policies of the app that let somebody do so stay.

call zoom.take_over('public.class_students');

alter table public.class_students enable row level security;
revoke all on public.class_students from public, anon;
revoke truncate, references, trigger on public.class_students from authenticated;
grant select on public.class_students to authenticated;
grant select, insert, update, delete on public.class_students to service_role;

create policy "people see the enrolments they have to do with" on public.class_students
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id in (select zoom.children())
  or class_id in (select zoom.classes_overseen())
);


-- policies/classes.sql
------------------------------------------------------------------------------------------------------------------------

-- Classes.
--
--   students, parents     the classes they, or their children, are enrolled in
--   teachers, admins      all: they plan meetings for them
--
-- Nobody writes here through us; policies of the app that let somebody do so stay.

call zoom.take_over('public.classes');

alter table public.classes enable row level security;
revoke all on public.classes from public, anon;
revoke truncate, references, trigger on public.classes from authenticated;
grant select on public.classes to authenticated;
grant select, insert, update, delete on public.classes to service_role;

create policy "people see the classes they have to do with" on public.classes
for select to authenticated using (
  (select zoom.is_staff())
  or id in (select zoom.classes_of_family())
);


-- policies/meeting_registrants.sql
------------------------------------------------------------------------------------------------------------------------

-- Who registered for a meeting. Zoom recognises people by it, so who is who is not for them to write.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        the meeting's host, the class's teacher and admins for anybody; everybody for themselves, in a meeting
--                         they may see, and then it is pending and without Zoom's id
--   delete                nobody

call zoom.take_over('public.meeting_registrants', closes_writes => true, replaces => array[
  'Users can view their own registrations', 'Admins can view all registrations', 'Teachers can view registrations for their meetings']);

alter table public.meeting_registrants enable row level security;
revoke all on public.meeting_registrants from public, anon, authenticated;
grant select, insert, update on public.meeting_registrants to authenticated;
grant select, insert, update, delete on public.meeting_registrants to service_role;

create policy "people see their registration and those for meetings they run" on public.meeting_registrants
for select to authenticated using (
  user_id = (select zoom.caller())
  or (select zoom.is_admin())
  or meeting_id in (select zoom.meetings_overseen())
);

create policy "people register, and hosts register others" on public.meeting_registrants
for insert to authenticated with check (
  (select zoom.is_admin())
  or meeting_id in (select zoom.meetings_overseen())
  or user_id = (select zoom.caller())
    and meeting_id in (select zoom.meetings_seen())
);

create policy "people change their registration, and hosts those of others" on public.meeting_registrants
for update to authenticated using (
  (select zoom.is_admin())
  or meeting_id in (select zoom.meetings_overseen())
  or user_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or meeting_id in (select zoom.meetings_overseen())
  or user_id = (select zoom.caller())
    and meeting_id in (select zoom.meetings_seen())
);

create or replace trigger a_row_stays_whose_it_is
before update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id');

create or replace trigger registering_oneself_is_asking
before insert or update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_registrant();


-- policies/parent_children.sql
------------------------------------------------------------------------------------------------------------------------

-- Which parent may see which student.
--
--   parents, students     the families they belong to
--   class teachers, hosts those of the students in the classes they teach or host a meeting for
--   admins                all
--
-- Nobody writes here through us; policies of the app that let somebody do so stay.

call zoom.take_over('public.parent_children');

alter table public.parent_children enable row level security;
revoke all on public.parent_children from public, anon;
revoke truncate, references, trigger on public.parent_children from authenticated;
grant select on public.parent_children to authenticated;
grant select, insert, update, delete on public.parent_children to service_role;

create policy "people see the families they have to do with" on public.parent_children
for select to authenticated using (
  parent_id = (select zoom.caller())
  or student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id in (select zoom.students_overseen())
);


-- policies/qr_attendance_sessions.sql
------------------------------------------------------------------------------------------------------------------------

-- QR codes shown in class, by which students check in.
--
--   see                   the students of the class, its teacher, admins
--   create, change, delete  the class's teacher, admins

call zoom.take_over('public.qr_attendance_sessions', closes_writes => true);

alter table public.qr_attendance_sessions enable row level security;
revoke all on public.qr_attendance_sessions from public, anon, authenticated;
grant select, insert, update, delete on public.qr_attendance_sessions to authenticated, service_role;

create policy "a class and its teacher see its codes" on public.qr_attendance_sessions
for select to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or class_id in (select zoom.classes_enrolled())
);

create policy "class teachers show codes" on public.qr_attendance_sessions
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);

create policy "class teachers change their codes" on public.qr_attendance_sessions
for update to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
) with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);

create policy "class teachers delete their codes" on public.qr_attendance_sessions
for delete to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);


-- policies/qr_checkins.sql
------------------------------------------------------------------------------------------------------------------------

-- Check-ins by QR code: one is what lets a student mark themselves present.
--
--   see                   the student, the class's teacher, admins
--   create                a student, for themselves, to an active code of a class they are enrolled in
--   change, delete        nobody

call zoom.take_over('public.qr_checkins', closes_writes => true);

alter table public.qr_checkins enable row level security;
revoke all on public.qr_checkins from public, anon, authenticated;
grant select, insert on public.qr_checkins to authenticated;
grant select, insert, update, delete on public.qr_checkins to service_role;

create policy "students see their check-ins, and class teachers the class's" on public.qr_checkins
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or session_id in (select zoom.sessions_shown())
);

create policy "students check in to open codes of their classes" on public.qr_checkins
for insert to authenticated with check (
  student_id = (select zoom.caller())
  and session_id in (select zoom.open_sessions())
);


-- policies/users.sql
------------------------------------------------------------------------------------------------------------------------

-- The people of the school: who sees whom.
--
--   everybody             themselves, the teachers of their classes (or their children's), the hosts of meetings they see
--   parents               their children
--   teachers, admins      everybody: they invite, register and mark people
--
-- Nobody writes here through us; what the app lets users write about themselves stays the app's, but never their role.

call zoom.take_over('public.users');

alter table public.users enable row level security;
revoke all on public.users from public, anon;
revoke truncate, references, trigger on public.users from authenticated;
grant select on public.users to authenticated;
grant select, insert, update, delete on public.users to service_role;

create policy "people see those they have to do with" on public.users
for select to authenticated using (
  id = (select auth.uid())
  or (select zoom.is_staff())
  or id in (select zoom.children())
  or id in (select zoom.acquaintances())
);

create or replace trigger users_do_not_promote_themselves
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_user();


-- policies/zoom_meetings.sql
------------------------------------------------------------------------------------------------------------------------

-- Meetings at Zoom: seen by those they are meant for, planned by teachers and admins.
--
--   see                   the host, the class's teacher, admins; and by audience: everybody of the school (all), students,
--                         teachers, or the enrolled and their parents (class); personal is the host's alone
--   create                teachers for themselves, admins for anybody
--   change, delete        the host and admins

call zoom.take_over('public.zoom_meetings', closes_writes => true, replaces => array['Users can view meetings they have access to']);

alter table public.zoom_meetings enable row level security;
revoke all on public.zoom_meetings from public, anon, authenticated;
grant select, insert, update, delete on public.zoom_meetings to authenticated, service_role;

create policy "people see the meetings meant for them" on public.zoom_meetings
for select to authenticated using (
  host_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or case target_audience
    when 'all' then (select zoom.caller()) is not null
    when 'students' then (select zoom.caller_role()) = 'student'
    when 'teachers' then (select zoom.caller_role()) = 'teacher'
    when 'class' then class_id in (select zoom.classes_of_family())
    else false
  end
);

create policy "teachers and admins create meetings" on public.zoom_meetings
for insert to authenticated with check (
  (select zoom.is_admin())
  or (select zoom.is_staff()) and host_id = (select zoom.caller())
);

create policy "hosts and admins change meetings" on public.zoom_meetings
for update to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);

create policy "hosts and admins delete meetings" on public.zoom_meetings
for delete to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);


-- policies/zoom_participants.sql
------------------------------------------------------------------------------------------------------------------------

-- Who takes part in a meeting. What Zoom saw is written by the service role alone.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        one's own row, in a meeting one may see: the page that opens a meeting says "joined" and "left".
--                         It never writes over what Zoom said, nor how long somebody was there, and counts for nothing.
--   delete                nobody

call zoom.take_over('public.zoom_participants', closes_writes => true,
  replaces => array['Users can view participants for meetings they can access']);

alter table public.zoom_participants enable row level security;
revoke all on public.zoom_participants from public, anon, authenticated;
grant select, insert, update on public.zoom_participants to authenticated;
grant select, insert, update, delete on public.zoom_participants to service_role;

create policy "people see themselves and those whose meeting they run" on public.zoom_participants
for select to authenticated using (
  user_id = (select zoom.caller())
  or (select zoom.is_admin())
  or meeting_id in (select zoom.meetings_overseen())
);

create policy "people enter the meetings they see" on public.zoom_participants
for insert to authenticated with check (
  user_id = (select zoom.caller())
  and meeting_id in (select zoom.meetings_seen())
);

create policy "people change their own entry" on public.zoom_participants
for update to authenticated using (
  user_id = (select zoom.caller())
) with check (
  user_id = (select zoom.caller())
  and meeting_id in (select zoom.meetings_seen())
);

create or replace trigger a_row_stays_whose_it_is
before update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id');

create or replace trigger zoom_outranks_the_page
before insert or update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_participant();


notify pgrst, 'reload schema';
