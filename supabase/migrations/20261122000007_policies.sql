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
--                         record of that class and date, to present, while the code is open and nobody else wrote the
--                         record since
--   delete                nobody

call zoom.take_over('public.attendance_records', replaces => array['Parents can view their children''s attendance']);

alter table public.attendance_records enable row level security;
revoke all on public.attendance_records from public, anon, authenticated;
grant select, insert, update on public.attendance_records to authenticated;
grant select, insert, update, delete on public.attendance_records to service_role;

create policy "families and class teachers see attendance" on public.attendance_records
for select to authenticated using (
  -- Most of those who follow a lesson are its students: two questions tell that a record is not theirs.
  case (select zoom.caller_role())
    when 'student' then student_id = (select zoom.claimed_id())
    when 'admin' then true
    else student_id = any ((select zoom.children())::uuid[])
      or class_id = any ((select zoom.classes_taught())::uuid[])
      or student_id = (select zoom.caller())
  end
);

create policy "class teachers record it, and a check-in marks present" on public.attendance_records
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or status = 'present' and student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
);

create policy "class teachers correct it, and a check-in marks present" on public.attendance_records
for update to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
) with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or status = 'present' and student_id = (select zoom.caller()) and zoom.checked_in(class_id, date)
);

call zoom.avoid_recursion('public.attendance_records');

create or replace trigger a_record_stays_whose_it_is
before update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'student_id', 'class_id', 'date', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_date_is_a_school_day
before insert or update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('date');

create or replace trigger what_a_person_wrote_is_noted
after insert or update on public.attendance_records
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_correction();


-- policies/class_students.sql
------------------------------------------------------------------------------------------------------------------------

-- Who is enrolled in which class. Only they get attendance records.
--
--   students              their own enrolments
--   parents               those of their children
--   class teachers, hosts those of the classes they teach or host a meeting for
--   admins                all
--
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay.

call zoom.add_readers('public.class_students', 'people see the enrolments they have to do with', $$
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id = any ((select zoom.children())::uuid[])
  or class_id = any ((select zoom.classes_overseen())::uuid[])
$$);

create or replace trigger an_enrolment_stays_whose_it_is
before update on public.class_students
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.class_students
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('enrolled_at');


-- policies/classes.sql
------------------------------------------------------------------------------------------------------------------------

-- Classes.
--
--   students, parents     the classes they, or their children, are enrolled in
--   teachers, admins      all: they plan meetings for them
--
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay, but who teaches a class is for admins to say.

call zoom.add_readers('public.classes', 'people see the classes they have to do with', $$
  (select zoom.is_staff())
  or id = any ((select zoom.classes_of_family())::uuid[])
$$);

create or replace trigger a_class_stays_the_same
before update on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');

create or replace trigger admins_say_who_teaches
before insert or update on public.classes
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_class();


-- policies/meeting_registrants.sql
------------------------------------------------------------------------------------------------------------------------

-- Who registered for a meeting. Zoom recognises people by it, so who is who is not for them to write.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        the meeting's host, the class's teacher and admins for anybody; everybody for themselves, in a meeting
--                         they may see, and then it is pending, and without Zoom's id and an address to join by
--   delete                nobody

call zoom.take_over('public.meeting_registrants', replaces => array[
  'Users can view their own registrations', 'Admins can view all registrations', 'Teachers can view registrations for their meetings']);

alter table public.meeting_registrants enable row level security;
revoke all on public.meeting_registrants from public, anon, authenticated;
grant select, insert, update on public.meeting_registrants to authenticated;
grant select, insert, update, delete on public.meeting_registrants to service_role;

create policy "people see their registration and those for meetings they run" on public.meeting_registrants
for select to authenticated using (
  user_id = (select zoom.caller())
  or (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
);

create policy "people register, and hosts register others" on public.meeting_registrants
for insert to authenticated with check (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
    and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

create policy "people change their registration, and hosts those of others" on public.meeting_registrants
for update to authenticated using (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  or user_id = (select zoom.caller())
    and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

call zoom.avoid_recursion('public.meeting_registrants');

create or replace trigger a_row_stays_whose_it_is
before update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.meeting_registrants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('registered_at', 'updated_at');

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
-- A project whose app lets somebody read here keeps its own rules, and nothing of this is added. Nobody writes here
-- through us; policies of the app that let somebody do so stay.

call zoom.add_readers('public.parent_children', 'people see the families they have to do with', $$
  parent_id = (select zoom.caller())
  or student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or student_id = any ((select zoom.students_overseen())::uuid[])
$$);

create or replace trigger a_family_stays_the_same
before update on public.parent_children
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.parent_children
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');


-- policies/qr_attendance_sessions.sql
------------------------------------------------------------------------------------------------------------------------

-- QR codes shown in class, by which students check in.
--
--   see                   the students of the class, its teacher, admins
--   create, change, delete  the class's teacher, admins

call zoom.take_over('public.qr_attendance_sessions');

alter table public.qr_attendance_sessions enable row level security;
revoke all on public.qr_attendance_sessions from public, anon, authenticated;
grant select, insert, update, delete on public.qr_attendance_sessions to authenticated, service_role;

create policy "a class and its teacher see its codes" on public.qr_attendance_sessions
for select to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
  or class_id = any ((select zoom.classes_enrolled())::uuid[])
);

create policy "class teachers show codes" on public.qr_attendance_sessions
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

create policy "class teachers change their codes" on public.qr_attendance_sessions
for update to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
) with check (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

create policy "class teachers delete their codes" on public.qr_attendance_sessions
for delete to authenticated using (
  (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
);

call zoom.avoid_recursion('public.qr_attendance_sessions');

create or replace trigger a_code_stays_the_same
before update on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.qr_attendance_sessions
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('date');


-- policies/qr_checkins.sql
------------------------------------------------------------------------------------------------------------------------

-- Check-ins by QR code: one is what lets a student mark themselves present.
--
--   see                   the student, the class's teacher, admins
--   create                a student, for themselves, to an active code of a class they are enrolled in
--   delete                the class's teacher, admins
--   change                nobody; when it was is the database's to say

call zoom.take_over('public.qr_checkins');

alter table public.qr_checkins enable row level security;
revoke all on public.qr_checkins from public, anon, authenticated;
grant select, insert, delete on public.qr_checkins to authenticated;
grant select, insert, update, delete on public.qr_checkins to service_role;

create policy "students see their check-ins, and class teachers the class's" on public.qr_checkins
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or session_id = any ((select zoom.sessions_shown())::uuid[])
);

create policy "students check in to open codes of their classes" on public.qr_checkins
for insert to authenticated with check (
  student_id = (select zoom.caller())
  and session_id = any ((select zoom.open_sessions())::uuid[])
);

create policy "class teachers delete check-ins" on public.qr_checkins
for delete to authenticated using (
  (select zoom.is_admin())
  or session_id = any ((select zoom.sessions_shown())::uuid[])
);

call zoom.avoid_recursion('public.qr_checkins');

create or replace trigger the_database_stamps_it
before insert on public.qr_checkins
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'checked_in_at');


-- policies/users.sql
------------------------------------------------------------------------------------------------------------------------

-- The people of the school: who sees whom.
--
--   everybody             themselves, the teachers of their classes (or their children's), the hosts of meetings they see
--   parents               their children
--   teachers, admins      everybody: they invite, register and mark people
--
-- Nobody reads a telephone number or an address here: those are for the school's server. A project whose app lets somebody
-- read here keeps its own rules, and nothing of this is added. Nobody writes here through us; what the app lets users write
-- about themselves stays the app's, but never their role, whether they are active, nor the e-mail that Zoom knows them by.

call zoom.add_readers('public.users', 'people see those they have to do with', $$
  id = (select zoom.claimed_id())
  or (select zoom.is_staff())
  or id = any ((select zoom.children())::uuid[])
  or id = any ((select zoom.acquaintances())::uuid[])
$$, columns => 'id, email, name, role, avatar, is_active, must_change_password, created_at, updated_at');

create or replace trigger a_user_stays_the_same
before update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('updated_at');

create or replace trigger users_do_not_promote_themselves
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_user();

create or replace trigger a_new_name_of_their_own_is_noted
after insert or update of name on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_name('session');

create or replace trigger the_school_names_them
after update of name on public.users
for each row when (current_user not in ('anon', 'authenticated'))
execute function zoom.note_name('school');

create or replace trigger what_zoom_said_of_them_goes
before delete on public.users
for each row execute function zoom.forget_user();

-- Named so that it comes after the trigger that notes the deletion in the history.
create or replace trigger zzz_what_they_went_by_goes
after delete on public.users
for each row execute function zoom.forget_user();


-- policies/zoom_meetings.sql
------------------------------------------------------------------------------------------------------------------------

-- Meetings at Zoom: seen by those they are meant for, planned by teachers and admins.
--
--   see                   the host, the class's teacher, admins; and by audience: everybody of the school (all), students,
--                         teachers, or the enrolled and their parents (class); personal is the host's alone
--   create                teachers for themselves, admins for anybody
--   change, delete        the host and admins; its number is digits that no other meeting has
--
-- A meeting whose class its host does not teach makes no attendance until an admin saves it.

call zoom.take_over('public.zoom_meetings', replaces => array['Users can view meetings they have access to']);

alter table public.zoom_meetings enable row level security;
revoke all on public.zoom_meetings from public, anon, authenticated;
grant select, insert, update, delete on public.zoom_meetings to authenticated, service_role;

create policy "people see the meetings meant for them" on public.zoom_meetings
for select to authenticated using (
  -- First what makes most of those who follow a lesson see it.
  target_audience = 'class' and class_id = any ((select zoom.classes_of_family())::uuid[])
  or target_audience = any ((select zoom.audiences())::text[])
  or host_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id = any ((select zoom.classes_taught())::uuid[])
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

call zoom.avoid_recursion('public.zoom_meetings');

create or replace trigger a_meeting_stays_the_same
before update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('start_time', 'updated_at');

create or replace trigger its_number_is_its_own
before insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_meeting();

create or replace trigger the_class_of_another_teacher_is_noted
after insert or update on public.zoom_meetings
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_class('session');

create or replace trigger the_school_gives_it_a_class
after update of class_id on public.zoom_meetings
for each row when (current_user not in ('anon', 'authenticated'))
execute function zoom.note_class('school');


-- policies/zoom_participants.sql
------------------------------------------------------------------------------------------------------------------------

-- Who takes part in a meeting. What Zoom saw is written by the service role alone.
--
--   see                   the person, the meeting's host, the class's teacher, admins
--   create, change        one's own row, in a meeting one may see: the page that opens a meeting says "joined" and "left".
--                         It is under the name and e-mail that users has, never writes over what Zoom said, and makes no
--                         attendance, however long it says that somebody was there.
--   delete                nobody

call zoom.take_over('public.zoom_participants',
  replaces => array['Users can view participants for meetings they can access']);

alter table public.zoom_participants enable row level security;
revoke all on public.zoom_participants from public, anon, authenticated;
grant select, insert, update on public.zoom_participants to authenticated;
grant select, insert, update, delete on public.zoom_participants to service_role;

create policy "people see themselves and those whose meeting they run" on public.zoom_participants
for select to authenticated using (
  -- Most of those who follow a lesson are its students: two questions tell that a row is not theirs.
  case (select zoom.caller_role())
    when 'student' then user_id = (select zoom.claimed_id())
    when 'admin' then true
    else user_id = (select zoom.caller()) or meeting_id = any ((select zoom.meetings_overseen())::uuid[])
  end
);

create policy "people enter the meetings they see" on public.zoom_participants
for insert to authenticated with check (
  user_id = (select zoom.caller())
  and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

create policy "people change their own entry" on public.zoom_participants
for update to authenticated using (
  user_id = (select zoom.caller())
) with check (
  user_id = (select zoom.caller())
  and meeting_id = any ((select zoom.meetings_seen())::uuid[])
);

call zoom.avoid_recursion('public.zoom_participants');

create or replace trigger a_row_stays_whose_it_is
before update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'meeting_id', 'user_id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('id', 'created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('join_time', 'leave_time');

create or replace trigger zoom_outranks_the_page
before insert or update on public.zoom_participants
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_participant();


notify pgrst, 'reload schema';
