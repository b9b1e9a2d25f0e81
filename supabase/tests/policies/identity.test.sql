-- Identity is guarded as attendance is: who may write each column that decides whose a row is, and the forgeries.
begin;
\ir people.psql
select no_plan();

-- The app lets people write here, as apps do.
grant insert, update on users, classes, class_students, parent_children to authenticated;
create policy "people change themselves" on users for update to authenticated using (id = (select zoom.claimed_id()));
create policy "people sign up" on users for insert to authenticated with check (id = (select zoom.claimed_id()));
create policy "admins change people" on users for update to authenticated using ((select zoom.is_admin()));
create policy "admins add people" on users for insert to authenticated with check ((select zoom.is_admin()));
create policy "staff keep classes" on classes for update to authenticated using ((select zoom.is_staff()));
create policy "staff make classes" on classes for insert to authenticated with check ((select zoom.is_staff()));

-- What somebody is told whose write is refused.
create function pg_temp.told(who text, statement text) returns text language plpgsql as $$
declare
  outcome text := 'nothing';
begin
  begin
    perform pg_temp.become(who);
    execute statement;
    raise exception using errcode = 'UNDO1';
  exception
    when sqlstate 'UNDO1' then null;
    when others then outcome := sqlstate || ' ' || sqlerrm;
  end;
  perform set_config('role', 'none', true);
  return outcome;
end $$;

-- Users ----------------------------------------------------------------------------------------------------------------
select is(pg_temp.told('student', format('update users set %s where id = pg_temp.id(''student'')', change)), '42501 ' || says, change)
from (values
  ('role = ''teacher''', 'users.role is for admins to change'),
  ('is_active = null', 'users.is_active is for admins to change'),
  ('email = ''classmate@home.test''', 'users.email is for admins to change: Zoom''s participants are recognised by it'),
  ('email = upper(email)', 'users.email is for admins to change: Zoom''s participants are recognised by it'),
  ('id = pg_temp.id(''new'')', 'users.id of a row never changes'),
  ('created_at = ''2020-01-01''', 'users.created_at of a row never changes')
) as forgery (change, says);
select is(pg_temp.told('admin', $$ update users set created_at = '2020-01-01' where id = pg_temp.id('student') $$), '42501 users.created_at of a row never changes', 'not an admin either');
select is(pg_temp.tries('student', $$ update users set name = 'Another', avatar = 'x', phone = '1', must_change_password = false, role = 'student',
  email = 'student@policies.test' where id = pg_temp.id('student') $$), '1 row', 'a profile is saved whole, as it was');
select is(pg_temp.told('unknown', format($$ insert into users (id, email, name, role) values (pg_temp.id('unknown'), %L, 'new', %L) $$, email, role)),
  says, format('signs up as %s with %s', role, email))
from (values
  ('unknown@policies.test', 'student', 'nothing'), ('Unknown@Policies.test', 'parent', 'nothing'),
  ('unknown@policies.test', 'teacher', '42501 users.role: whoever signs up is a student or a parent, until an admin says otherwise'),
  ('STUDENT@policies.test', 'student', '42501 users.email: whoever signs up has the address of their login'),
  ('new@policies.test', 'student', '42501 users.email: whoever signs up has the address of their login')
) as forgery (email, role, says);
insert into users (email, name, role) values (' UNKNOWN@policies.test', 'first', 'student');
select is(pg_temp.told('unknown', $$ insert into users (id, email, name, role) values (pg_temp.id('unknown'), 'unknown@policies.test', 'new', 'student') $$),
  '42501 users.email: a user has this address already, in whatever letters', 'who signs up takes nobody''s address');
delete from users where name = 'first';
select is(pg_temp.told('student', $$ insert into users (id, email, name, role) values (pg_temp.id('student'), 'student@policies.test', 'Upserted', 'student')
  on conflict (id) do update set name = excluded.name $$), 'nothing', 'an upsert of one''s own row is an update');
select is(pg_temp.told('class teacher', $$ insert into users (id, email, name, role) values (pg_temp.id('class teacher'), 'class.teacher@policies.test', 'Upserted', 'teacher')
  on conflict (id) do update set name = excluded.name, role = excluded.role $$), 'nothing', 'a teacher''s, too');
select is(pg_temp.told('student', $$ insert into users (id, email, name, role) values (pg_temp.id('student'), 'student@policies.test', 'Upserted', 'admin')
  on conflict (id) do update set role = excluded.role $$), '42501 users.role is for admins to change', 'and nobody promotes themselves by one');
select is(pg_temp.tries('admin', $$ insert into users (id, email, name, role) values (pg_temp.id('new'), 'new@policies.test', 'new', 'teacher') $$), '1 row', 'an admin adds a teacher');

-- Two spellings of an address.
insert into users (id, email, name, role) values (pg_temp.id('twin'), 'Student@Policies.test', 'twin', 'student');
select is(zoom.user_of_email(address, now()), pg_temp.id(whose), format('%s is %s', address, coalesce(whose, 'nobody')))
from (values ('student@policies.test', 'student'), (' student@policies.test ', 'student'), ('Student@Policies.test', 'twin'), ('STUDENT@policies.test', null),
  ('CLASSMATE@policies.test', 'classmate'), ('', null), (null, null)) as address (address, whose);
delete from users where name = 'twin';

-- Classes --------------------------------------------------------------------------------------------------------------
select is(pg_temp.told(who, statement), says, format('%s: %s', who, statement))
from (values
  ('other teacher', $$ update classes set teacher_id = pg_temp.id('other teacher') where name = '7b' $$, '42501 classes.teacher_id is for admins to write: whoever teaches a class keeps its attendance'),
  ('other teacher', $$ update classes set room = '1', teacher_id = pg_temp.id('class teacher') where name = '7b' $$, 'nothing'),
  ('other teacher', $$ insert into classes (name, grade, section, subject, teacher_id) values ('n', '', '', '', pg_temp.id('other teacher')) $$, '42501 classes.teacher_id is for admins to write: whoever teaches a class keeps its attendance'),
  ('other teacher', $$ insert into classes (name, grade, section, subject) values ('n', '', '', '') $$, 'nothing'),
  ('admin', $$ update classes set teacher_id = pg_temp.id('other teacher') where name = '7b' $$, 'nothing')
) as attempt (who, statement, says);

-- Meetings -------------------------------------------------------------------------------------------------------------
insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, join_url) values ('830 000-6275', 'spelt', pg_temp.id('admin'), now(), 'https://zoom.test/1');
select is(pg_temp.told(who, format($$ insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, duration, join_url)
  values (%L, 'new', pg_temp.id(%L), %L, %s, %L) $$, number, who, start, minutes, url)), says, format('%s: %s %s %s %s', who, number, start, minutes, url))
from (values
  ('host', '8300006276', '2026-03-02', 60, 'https://zoom.test/j', 'nothing'),
  ('host', '830 000 6276', '2026-03-02', 60, 'https://zoom.test/j', '42501 zoom_meetings.zoom_meeting_id: Zoom''s number has digits only'),
  ('host', '８３０００００６２７６', '2026-03-02', 60, 'https://zoom.test/j', '42501 zoom_meetings.zoom_meeting_id: Zoom''s number has digits only'),
  ('host', '', '2026-03-02', 60, 'https://zoom.test/j', '42501 zoom_meetings.zoom_meeting_id: Zoom''s number has digits only'),
  ('host', '8300006275', '2026-03-02', 60, 'https://zoom.test/j', '42501 zoom_meetings.zoom_meeting_id: another meeting has this number'),
  ('admin', '8300006275', '2026-03-02', 60, 'https://zoom.test/j', '42501 zoom_meetings.zoom_meeting_id: another meeting has this number'),
  ('host', '8300006276', 'infinity', 60, 'https://zoom.test/j', '42501 zoom_meetings.start_time is no time of a school: between the year 2000 and ten years from now'),
  ('host', '8300006276', '9999-01-01', 60, 'https://zoom.test/j', '42501 zoom_meetings.start_time is no time of a school: between the year 2000 and ten years from now'),
  ('host', '8300006276', '-infinity', 60, 'https://zoom.test/j', '42501 zoom_meetings.start_time is no time of a school: between the year 2000 and ten years from now'),
  ('host', '8300006276', '2026-03-02', 2000000000, 'https://zoom.test/j', '42501 zoom_meetings.duration is in minutes: no meeting lasts longer than 30 hours'),
  ('host', '8300006276', '2026-03-02', 60, 'javascript:alert(1)', '42501 zoom_meetings.join_url is an address that begins with https://'),
  ('host', '8300006276', '2026-03-02', 60, ' javascript:alert(1)//https://', '42501 zoom_meetings.join_url is an address that begins with https://')
) as attempt (who, number, start, minutes, url, says);
select is(pg_temp.told('host', format('update zoom_meetings set %s where title = ''lesson''', change)), says, change)
from (values
  ('zoom_meeting_id = ''8300006275''', '42501 zoom_meetings.zoom_meeting_id: another meeting has this number'),
  ('zoom_meeting_id = ''83 1''', '42501 zoom_meetings.zoom_meeting_id: Zoom''s number has digits only'),
  ('zoom_meeting_id = ''831''', 'nothing'),
  ('join_url = ''data:text/html,x''', '42501 zoom_meetings.join_url is an address that begins with https://'),
  ('start_url = ''javascript:x''', '42501 zoom_meetings.start_url is an address that begins with https://'),
  ('id = pg_temp.id(''new'')', '42501 zoom_meetings.id of a row never changes'),
  ('created_at = ''2020-01-01''', '42501 zoom_meetings.created_at of a row never changes'),
  ('title = ''renamed'', zoom_meeting_id = zoom_meeting_id', 'nothing')
) as forgery (change, says);

-- A meeting for a class that its host does not teach makes no attendance until an admin saves it.
create function pg_temp.counted(statement text, who text default 'other teacher') returns text language sql as $$
  select pg_temp.after(who, statement, $q$ select coalesce((select name from classes where id = zoom.counted_class(own.id)), 'none') from zoom_meetings own where title in ('new', 'lesson 8a') $q$)
$$;
select is(pg_temp.counted(format($$ insert into zoom_meetings (zoom_meeting_id, title, host_id, class_id, start_time, join_url)
  values ('831', 'new', pg_temp.id(%L), pg_temp.id(%L), now(), 'https://zoom.test/j') $$, who, class), who), counted, format('%s plans a meeting of %s', who, class))
from (values ('other teacher', '7b', 'none'), ('class teacher', '7b', '7b'), ('admin', '7b', '7b'), ('host', '7b', 'none')) as attempt (who, class, counted);
insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, start_time, join_url)
values (pg_temp.id('lesson 8a'), '832', 'lesson 8a', pg_temp.id('other teacher'), pg_temp.id('8a'), now(), 'https://zoom.test/j');
select is(pg_temp.counted($$ update zoom_meetings set class_id = pg_temp.id('7b') where title = 'lesson 8a' $$), 'none', 'a meeting moved to another''s class');
select is(pg_temp.counted($$ update zoom_meetings set class_id = pg_temp.id('7b') where title = 'lesson 8a';
  update zoom_meetings set class_id = pg_temp.id('8a') where title = 'lesson 8a' $$), '8a', 'and back to their own');
select is(pg_temp.counted($$ update zoom_meetings set title = 'new' where title = 'lesson 8a' $$), '8a', 'a meeting renamed');
select pg_temp.become('other teacher');
update zoom_meetings set class_id = pg_temp.id('7b') where title = 'lesson 8a';
reset role;
select is(pg_temp.counted($$ update zoom_meetings set title = 'new' where title = 'lesson 8a' $$), 'none', 'the host cannot confirm it');
select is(pg_temp.counted($$ update zoom_meetings set title = 'new' where title = 'lesson 8a' $$, 'admin'), '7b', 'an admin does, by saving it');
select is(pg_temp.counted($$ update zoom_meetings set status = 'started' where title = 'lesson 8a' $$, 'service role'), 'none', 'a write of the server that is not about the class does not');
select is(pg_temp.counted($$ update zoom_meetings set class_id = pg_temp.id('7b') where title = 'lesson 8a' $$, 'service role'), '7b', 'one of the class does');
select is(pg_temp.counted($$ update classes set teacher_id = pg_temp.id('other teacher') where name = '7b' $$, 'admin'), '7b', 'and so does the class, when the host teaches it');
-- Its lesson is held, and nobody of 7b is marked.
select apply_zoom_events(jsonb_build_array(
  jsonb_build_object('kind', 'joined', 'meeting', '832', 'instance', 'f==', 'at', '2026-03-05T08:00:00Z', 'start', '2026-03-05T08:00:00Z', 'segment', '1', 'email', 'student@policies.test'),
  jsonb_build_object('kind', 'left', 'meeting', '832', 'instance', 'f==', 'at', '2026-03-05T08:40:00Z', 'start', '2026-03-05T08:00:00Z', 'segment', '1'),
  jsonb_build_object('kind', 'ended', 'meeting', '832', 'instance', 'f==', 'at', '2026-03-05T08:45:00Z', 'start', '2026-03-05T08:00:00Z')));
select is((select count(*) from zoom.verdicts), 0::bigint, 'a meeting of somebody who does not teach the class marks nobody');
select is((select status || ' ' || duration from zoom_participants where meeting_id = pg_temp.id('lesson 8a')), 'left 2400', 'who was there is shown all the same');

-- Participants ----------------------------------------------------------------------------------------------------------
select is(pg_temp.after('student', $$
    insert into zoom_participants (meeting_id, user_id, name, email, status) values (pg_temp.id('lesson'), pg_temp.id('student'), 'classmate', 'classmate@policies.test', 'joined');
    update zoom_participants set name = 'guest', email = 'guest@policies.test' where user_id = pg_temp.id('student') $$,
    $$ select name || ' ' || email from zoom_participants where user_id = pg_temp.id('student') and meeting_id = pg_temp.id('lesson') $$),
  'student student@policies.test', 'one''s own entry is under one''s own name');
select is(pg_temp.told('student', format($$ insert into zoom_participants (meeting_id, user_id, status, join_time) values (pg_temp.id('lesson'), pg_temp.id('student'), 'joined', %L) $$, at)),
  '42501 zoom_participants.join_time is no time of a school: between the year 2000 and ten years from now', 'joins at ' || at)
from unnest(array['infinity', '-infinity', '9999-12-31', '0001-01-01']) at;

select is(pg_temp.told('student', format($$ insert into zoom_participants (meeting_id, user_id, status, duration) values (pg_temp.id('lesson'), pg_temp.id('student'), 'left', %s) $$, seconds)),
  says, format('leaves after %s seconds', seconds))
from (values (0, 'nothing'), (2400, 'nothing'), (-1, '42501 zoom_participants.duration is in seconds: no meeting lasts longer than 30 hours'),
  (2147483647, '42501 zoom_participants.duration is in seconds: no meeting lasts longer than 30 hours')) as page (seconds, says);

-- Registrants -----------------------------------------------------------------------------------------------------------
select is(pg_temp.after('student', $$
    insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url, status, registered_at, created_at)
    values (pg_temp.id('lesson'), pg_temp.id('student'), 'reg classmate', 'https://evil.test/', 'approved', '2020-01-01', '2020-01-01') $$,
    $$ select concat_ws(', ', status, coalesce(zoom_registrant_id, 'no id'), coalesce(join_url, 'no address'), registered_at = now(), created_at = now())
       from meeting_registrants where user_id = pg_temp.id('student') $$),
  'pending, no id, no address, t, t', 'registering oneself is asking');
select is(pg_temp.after('classmate', $$ update meeting_registrants set join_url = 'https://evil.test/', status = 'denied', zoom_registrant_id = 'x' where user_id = pg_temp.id('classmate') $$,
    $$ select concat_ws(', ', status, zoom_registrant_id, coalesce(join_url, 'no address')) from meeting_registrants where user_id = pg_temp.id('classmate') $$),
  'approved, reg classmate, no address', 'a registrant changes none of it');
select is(pg_temp.told('host', $$ update meeting_registrants set join_url = 'javascript:x' where user_id = pg_temp.id('classmate') $$),
  '42501 meeting_registrants.join_url is an address that begins with https://', 'a host gives nobody an address that runs');
select is(pg_temp.tries('host', $$ update meeting_registrants set join_url = 'https://zoom.test/w/1', zoom_registrant_id = 'y' where user_id = pg_temp.id('classmate') $$), '1 row', 'and registers people');

-- Checking in -----------------------------------------------------------------------------------------------------------
delete from attendance_records;
create function pg_temp.marks_present(who text) returns text language sql as $$
  select pg_temp.tries(who, format($q$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id(%L), pg_temp.id('7b'), current_date, 'present')
    on conflict (student_id, class_id, date) do update set status = excluded.status $q$, who))
$$;
select is(pg_temp.marks_present('classmate'), '1 row', 'whoever checked in marks themselves present');
select pg_temp.become('class teacher');
insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('classmate'), pg_temp.id('7b'), current_date, 'absent');
reset role;
select is(pg_temp.marks_present('classmate'), '42501', 'but not over what the teacher wrote since');
insert into qr_attendance_sessions (id, class_id, date, start_time, qr_code) values (pg_temp.id('7b second code'), pg_temp.id('7b'), current_date, '08:30', '7b second code');
select pg_temp.become('classmate');
insert into qr_checkins (session_id, student_id) values (pg_temp.id('7b second code'), pg_temp.id('classmate'));
reset role;
select is(pg_temp.marks_present('classmate'), '42501', 'nor by a second check-in');
delete from qr_checkins;
delete from zoom.corrections;
select pg_temp.become('class teacher');
update attendance_records set status = 'absent';
reset role;
update zoom.corrections set written_at = now() - interval '1 minute';
select pg_temp.become('classmate');
insert into qr_checkins (session_id, student_id) values (pg_temp.id('7b code'), pg_temp.id('classmate'));
reset role;
select is(pg_temp.marks_present('classmate'), '1 row', 'a check-in goes over what a teacher wrote before it');
update qr_attendance_sessions set status = 'expired' where qr_code = '7b code';
select is(pg_temp.marks_present('classmate'), '42501', 'a code that was closed marks nobody any more');
update qr_attendance_sessions set status = 'active', date = current_date - 2 where qr_code = '7b code';
select is(pg_temp.tries('classmate', $$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('classmate'), pg_temp.id('7b'), current_date - 2, 'present') $$),
  '42501', 'nor one of the day before yesterday');
update qr_attendance_sessions set date = current_date where qr_code = '7b code';
select is(pg_temp.marks_present('classmate'), '1 row', 'open again');
delete from class_students where student_id = pg_temp.id('classmate');
select is(pg_temp.marks_present('classmate'), '42501', 'and whoever left the class is not marked by one');
insert into class_students (class_id, student_id) values (pg_temp.id('7b'), pg_temp.id('classmate'));

-- Names -----------------------------------------------------------------------------------------------------------------
create function pg_temp.named(who text, statement text) returns text language sql as $$
  select pg_temp.after(who, statement, $q$ select coalesce(zoom.staff_name(pg_temp.id('student')), 'no name') $q$)
$$;
select is(pg_temp.named(who, $$ update users set name = 'classmate' where id = pg_temp.id('student') $$), named, format('%s renames the student: %s', who, named))
from (values ('student', 'student'), ('admin', 'classmate'), ('service role', 'classmate')) as rename (who, named);
select is(pg_temp.named('student', $$ update users set name = 'one' where id = pg_temp.id('student'); update users set name = 'two' where id = pg_temp.id('student') $$), 'student', 'twice: the name that staff wrote');
select is(pg_temp.after('unknown', $$ insert into users (id, email, name, role) values (pg_temp.id('unknown'), 'unknown@policies.test', 'classmate', 'student') $$,
  $$ select coalesce(zoom.staff_name(pg_temp.id('unknown')), 'no name') $$), 'no name', 'who signs up is known by no name yet');

-- Ids and times of making ------------------------------------------------------------------------------------------------
grant update, insert on class_students, parent_children to authenticated;
create policy "staff enrol" on class_students for update to authenticated using ((select zoom.is_staff()));
create policy "admins keep families" on parent_children for all to authenticated using ((select zoom.is_admin()));
create policy "admins make classes" on classes for insert to authenticated with check ((select zoom.is_admin()));
insert into attendance_records (id, student_id, class_id, date, status) values (pg_temp.id('record'), pg_temp.id('student'), pg_temp.id('7b'), current_date - 1, 'absent');
select is(pg_temp.told('admin', format('update %s set %s where id = pg_temp.id(%L)', tab, change, row)), '42501 ' || says || ' of a row never changes', tab || ' ' || change)
from (values
  ('classes', '7b', 'id = pg_temp.id(''new'')', 'classes.id'), ('classes', '7b', 'created_at = ''2020-01-01''', 'classes.created_at'),
  ('class_students', '7b/student', 'id = pg_temp.id(''new'')', 'class_students.id'),
  ('parent_children', 'parent/student', 'id = pg_temp.id(''new'')', 'parent_children.id'),
  ('parent_children', 'parent/student', 'created_at = ''2020-01-01''', 'parent_children.created_at'),
  ('attendance_records', 'record', 'id = pg_temp.id(''new'')', 'attendance_records.id'),
  ('attendance_records', 'record', 'created_at = ''2020-01-01''', 'attendance_records.created_at'),
  ('attendance_records', 'record', 'date = current_date', 'attendance_records.date'),
  ('qr_attendance_sessions', '7b code', 'id = pg_temp.id(''new'')', 'qr_attendance_sessions.id'),
  ('qr_attendance_sessions', '7b code', 'created_at = ''2020-01-01''', 'qr_attendance_sessions.created_at'),
  ('meeting_registrants', 'registrant lesson/classmate', 'created_at = ''2020-01-01''', 'meeting_registrants.created_at')
) as forgery (tab, row, change, says);
select is(pg_temp.told('classmate', $$ update zoom_participants set created_at = '2020-01-01' where user_id = pg_temp.id('classmate') and meeting_id = pg_temp.id('lesson') $$),
  '42501 zoom_participants.created_at of a row never changes', 'zoom_participants created_at');
create function pg_temp.stamped(who text, tab text, made jsonb, cols text[] default '{id,created_at}') returns text language plpgsql as $$
declare
  sent jsonb := made || (select jsonb_object_agg(col, case col when 'id' then pg_temp.id('sent')::text else '2020-01-01' end) from unnest(cols) col);
begin
  return pg_temp.after(who, format('insert into %1$s (%2$s) select %2$s from jsonb_populate_record(null::%1$s, %3$L)', tab, (select string_agg(key, ', ') from jsonb_object_keys(sent) key), sent),
    format($q$ select string_agg(key || ' ' || coalesce(case key when 'id' then (said ->> 'id' is distinct from pg_temp.id('sent')::text)::text else (left(said ->> key, 4) <> '2020')::text end, 'null'), ', ' order by key)
      from (select to_jsonb(own) as said from %1$s own where to_jsonb(own) @> %2$L) found, unnest(%3$L::text[]) key $q$, tab, made, cols));
end $$;
select is(pg_temp.stamped(who, tab, made::jsonb, cols::text[]), (select string_agg(col || ' true', ', ' order by col) from unnest(cols::text[]) col), format('%s of a new row in %s are the database''s', cols, tab))
from (values
  ('class teacher', 'attendance_records', format('{"student_id": "%s", "class_id": "%s", "date": "2026-05-05", "status": "late"}', pg_temp.id('student'), pg_temp.id('7b')), '{id,created_at}'),
  ('class teacher', 'qr_attendance_sessions', format('{"class_id": "%s", "date": "2026-05-05", "start_time": "08:00:00", "qr_code": "stamped", "status": "active"}', pg_temp.id('7b')), '{id,created_at}'),
  ('student', 'zoom_participants', format('{"meeting_id": "%s", "user_id": "%s", "status": "joined"}', pg_temp.id('lesson'), pg_temp.id('student')), '{id,created_at}'),
  ('student', 'meeting_registrants', format('{"meeting_id": "%s", "user_id": "%s"}', pg_temp.id('lesson'), pg_temp.id('student')), '{id,created_at}'),
  ('admin', 'classes', '{"name": "stamped", "grade": "", "section": "", "subject": ""}', '{created_at}'),
  ('admin', 'parent_children', format('{"parent_id": "%s", "student_id": "%s"}', pg_temp.id('parent'), pg_temp.id('classmate')), '{created_at}'),
  ('admin', 'users', format('{"id": "%s", "email": "stamped@policies.test", "name": "stamped", "role": "student"}', pg_temp.id('stamped')), '{created_at}')
) as new_row (who, tab, made, cols);
select is(pg_temp.told(who, statement), '42501 ' || says || ' is no time of a school: between the year 2000 and ten years from now', says)
from (values
  ('class teacher', $$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('student'), pg_temp.id('7b'), '9999-01-01', 'late') $$, 'attendance_records.date'),
  ('class teacher', $$ insert into qr_attendance_sessions (class_id, date, start_time, qr_code) values (pg_temp.id('7b'), 'infinity', '08:00', 'never') $$, 'qr_attendance_sessions.date'),
  ('host', $$ update meeting_registrants set registered_at = '-infinity' where user_id = pg_temp.id('classmate') $$, 'meeting_registrants.registered_at'),
  ('host', $$ update zoom_meetings set updated_at = 'infinity' where title = 'lesson' $$, 'zoom_meetings.updated_at'),
  ('host', $$ update meeting_registrants set updated_at = '9999-01-01' where user_id = pg_temp.id('classmate') $$, 'meeting_registrants.updated_at'),
  ('student', $$ update users set updated_at = '-infinity' where id = pg_temp.id('student') $$, 'users.updated_at'),
  ('admin', $$ update class_students set enrolled_at = '0001-01-01' where id = pg_temp.id('7b/student') $$, 'class_students.enrolled_at'),
  ('classmate', $$ update zoom_participants set leave_time = '9999-01-01' where user_id = pg_temp.id('classmate') and meeting_id = pg_temp.id('lesson') $$, 'zoom_participants.leave_time')
) as absurd (who, statement, says);

-- The server of the school names somebody again.
select pg_temp.become('student');
update users set name = 'renamed' where id = pg_temp.id('student');
reset role;
select is(zoom.staff_name(pg_temp.id('student')), 'student', 'a user who renamed themselves goes by the name of before');
select is(pg_temp.named('service role', $$ update users set name = 'Maria' where id = pg_temp.id('student') $$), 'Maria', 'until the school''s server writes one');
select is(pg_temp.named('admin', $$ update users set name = 'Maria' where id = pg_temp.id('student') $$), 'Maria', 'or an admin');
select is(pg_temp.named('admin', $$ update users set phone = '1' where id = pg_temp.id('student') $$), 'student', 'and not by a change of something else');

-- Who is deleted is forgotten.
update zoom_participants set name = 'classmate', email = 'classmate@policies.test' where user_id = pg_temp.id('classmate');
delete from users where id = pg_temp.id('classmate');
select is((select count(*) from zoom_participants where email = 'classmate@policies.test' or name = 'classmate'), 0::bigint, 'a deleted user leaves no name behind');
select is((select count(*) from (select was from zoom.history union all select was from zoom.changes) own where own.was::text like '%classmate%'), 0::bigint,
  'nor in the history');

select * from finish();
rollback;
