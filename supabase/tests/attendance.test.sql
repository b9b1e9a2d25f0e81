-- What the rows say, rule by rule, on one small class. The set property itself is tested with random lessons elsewhere.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(36);

-- A day that is still to come: none of its runs is over by the clock.
create function pg_temp.day(later integer default 0) returns date language sql as $$ select current_date + 1 + later $$;

-- A class with four students and their teacher; a recurring lesson and a one-off one.
insert into users (id, email, name, role) values
  ('00000000-0000-4000-8000-000000000001', 'Maria@School.test', 'Maria Lind', 'student'),
  ('00000000-0000-4000-8000-000000000002', 'ben@school.test', 'Ben Okafor', 'student'),
  ('00000000-0000-4000-8000-000000000003', 'chen@school.test', 'Chen Wei', 'student'),
  ('00000000-0000-4000-8000-000000000004', 'dora@school.test', 'Dora Kiss', 'student'),
  ('00000000-0000-4000-8000-000000000009', 'teacher@school.test', 'Tom Berg', 'teacher');
insert into classes (id, name, grade, section, subject, teacher_id)
values ('00000000-0000-4000-9000-000000000001', '7b', '7', 'b', 'Algebra', '00000000-0000-4000-8000-000000000009');
insert into class_students (class_id, student_id)
select '00000000-0000-4000-9000-000000000001', id from users where role = 'student' and email ilike '%@school.test'
  and id::text like '00000000-0000-4000-8000-%';
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, timezone, join_url, class_id) values
  ('00000000-0000-4000-a000-000000000001', '990000001', 'Algebra', 'recurring', pg_temp.day() + timetz '08:00Z', 'Pacific/Auckland', 'https://zoom.test/1', '00000000-0000-4000-9000-000000000001'),
  ('00000000-0000-4000-a000-000000000002', '990000002', 'Extra', 'scheduled', pg_temp.day() + timetz '15:00Z', 'UTC', 'https://zoom.test/2', '00000000-0000-4000-9000-000000000001');
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values
  ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000003', 'reg-chen');

-- Tells of one event: told(kind, 'hh:mm:ss', segment, email …) on the lesson's day.
create function pg_temp.told(kind text, at text, segment text default null, email text default null, registrant text default null,
  instance text default 'first==', meeting text default '990000001', day date default pg_temp.day(), connection text default null,
  policy jsonb default '{}') returns text language sql as $$
  select (public.apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'kind', kind, 'meeting', meeting, 'instance', instance, 'at', day || 'T' || at || 'Z', 'start', day || 'T08:00:00Z',
    'segment', segment, 'connection', coalesce(connection, segment), 'email', email, 'registrant_id', registrant))), policy)) ->> 0
$$;
create function pg_temp.row_of(who text) returns zoom_participants language sql as $$
  select p from zoom_participants p join users u on u.id = p.user_id where u.name like who || ' %' and p.meeting_id = '00000000-0000-4000-a000-000000000001'
$$;
create function pg_temp.attendance_of(who text, day date default pg_temp.day()) returns text language sql as $$
  select status from attendance_records r join users u on u.id = r.student_id where u.name like who || ' %' and r.date = day
$$;

-- An event takes effect once.
select is(pg_temp.told('joined', '08:00:00', '1', 'maria@school.TEST'), 'applied', 'a join is applied');
select is(pg_temp.told('joined', '08:00:00', '1', 'maria@school.TEST'), 'duplicate', 'the same join again is a duplicate');
select is(pg_temp.told('joined', '08:00:00', '1', meeting => '990000003', instance => 'nobody''s=='), 'unknown_meeting', 'a meeting the app does not have is unknown');
select is((pg_temp.row_of('Maria')).status, 'joined', 'an e-mail is matched whatever the case of its letters');
select is((select status from zoom_meetings where zoom_meeting_id = '990000001'), 'started', 'somebody in the room means it has started');
select is(pg_temp.attendance_of('Maria'), null, 'nobody is judged while they are in and never left');

-- The union of times; a late leave after a rejoin counts once.
select pg_temp.told('joined', '08:10:00', '2', 'maria@school.test');
select pg_temp.told('left', '08:11:30', '1', 'maria@school.test');
select pg_temp.told('left', '08:14:00', '2', 'maria@school.test');
select is((pg_temp.row_of('Maria')).duration, 14 * 60, 'overlapping visits count once');
select is((pg_temp.row_of('Maria')).leave_time, pg_temp.day() + timetz '08:14Z', 'they left when the last visit ended');
select is(pg_temp.attendance_of('Maria'), 'partial', 'fourteen minutes are partial');
select pg_temp.told('joined', '08:20:00', '3', 'maria@school.test');
select pg_temp.told('left', '08:21:00', '3', 'maria@school.test');
select is(pg_temp.attendance_of('Maria'), 'present', 'fifteen minutes are present');

-- Identity may come late, and registration counts where the e-mail is nobody's.
select pg_temp.told('joined', '08:01:00', '4');
select is((select count(*) from zoom_participants where user_id is null), 1::bigint, 'a guest has a row of their own');
select pg_temp.told('left', '08:41:00', '4', registrant => 'reg-chen', email => 'chen@home.test');
select is((pg_temp.row_of('Chen')).duration, 40 * 60, 'a guest becomes the user the registration names');
select is((select count(*) from zoom_participants where user_id is null), 0::bigint, 'and the guest row is theirs now');

-- People outrank us.
insert into attendance_records (student_id, class_id, date, status) values
  ('00000000-0000-4000-8000-000000000002', '00000000-0000-4000-9000-000000000001', pg_temp.day(), 'excused'),
  ('00000000-0000-4000-8000-000000000004', '00000000-0000-4000-9000-000000000001', pg_temp.day(), 'present');
-- The app says Dora is in; Zoom never saw her.
insert into zoom_participants (meeting_id, user_id, status, join_time) values
  ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000004', 'joined', pg_temp.day() + timetz '08:05Z');
select pg_temp.told('joined', '08:30:00', '5', 'ben@school.test');
select is(pg_temp.told('ended', '08:45:00'), 'applied', 'the lesson ends');
select is((select status from zoom_meetings where zoom_meeting_id = '990000001'), 'ended', 'the newest run has ended');
select is((pg_temp.row_of('Ben')).duration, 15 * 60, 'a visit without a leave ends with the run');
select is(pg_temp.attendance_of('Ben'), 'excused', 'excused is never touched');
select is(pg_temp.attendance_of('Dora'), 'present', 'what a teacher set is not lowered');
select is((pg_temp.row_of('Dora')).leave_time, pg_temp.day() + timetz '08:45Z', 'a row that only the app left at joined is closed at the end');
select is((pg_temp.row_of('Dora')).duration, 40 * 60, 'with the time that it says');
select pg_temp.told('left', '08:31:00', '5', 'ben@school.test');
select is((pg_temp.row_of('Ben')).duration, 60, 'a real leave that comes late replaces the one the end stood in for');
select is(pg_temp.told('started', '08:00:00'), 'applied', 'a late start is kept');
select is(pg_temp.told('started', '08:00:00'), 'duplicate', 'once');
select is((select status from zoom_meetings where zoom_meeting_id = '990000001'), 'ended', 'and reopens nothing');
update attendance_records set status = 'absent' where student_id = '00000000-0000-4000-8000-000000000001';
select pg_temp.told('joined', '08:20:00', '3', 'maria@school.test');
select is(pg_temp.attendance_of('Maria'), 'absent', 'what a teacher changed stays when an event is repeated');

-- A later occurrence: those seen before go back to invited, and the never seen are absent once it ends.
select pg_temp.told('joined', '08:00:00', '1', 'ben@school.test', instance => 'second==', day => pg_temp.day(7));
select is((pg_temp.row_of('Maria')).status, 'invited', 'who was seen only in an earlier occurrence is invited again');
select is((pg_temp.row_of('Maria')).duration, null, 'with no time');
select pg_temp.told('ended', '09:00:00', instance => 'second==', day => pg_temp.day(7));
select is(pg_temp.attendance_of('Maria', pg_temp.day(7)), 'absent', 'never seen is absent once it ended');
select is(pg_temp.attendance_of('Ben', pg_temp.day(7)), 'present', 'there to the end is present');

-- The date: that of the plan, or of the run that made a lesson itself; the zone is the policy's, or the meeting's own.
select pg_temp.told('joined', '15:10:00', '1', 'chen@school.test', instance => 'third==', meeting => '990000002');
select pg_temp.told('ended', '16:59:00', instance => 'third==', meeting => '990000002');
select is(pg_temp.attendance_of('Chen'), 'present', 'the best of several meetings on a date counts');
select is((select count(*) from zoom.lessons where meeting_id = '00000000-0000-4000-a000-000000000002' and is_planned and held_on = pg_temp.day()), 1::bigint, 'a one-off meeting counts for the day it was planned');
select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'ended', 'meeting', '990000001', 'instance', 'fourth==',
  'start', pg_temp.day(14) + timetz '12:00Z', 'at', pg_temp.day(14) + timetz '13:00Z')));
select is((select held_on from zoom.lessons where starts_at = pg_temp.day(14) + timetz '12:00Z'), pg_temp.day(14), 'the date is that of UTC');
insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values (pg_temp.day(15), 15, 'meeting', 'corroborate', '1 hour');
select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'ended', 'meeting', '990000001', 'instance', 'fifth==',
  'start', pg_temp.day(21) + timetz '12:00Z', 'at', pg_temp.day(21) + timetz '13:00Z')));
select is((select held_on from zoom.lessons where starts_at = pg_temp.day(21) + timetz '12:00Z'), pg_temp.day(22), 'or of the meeting: noon in UTC is the next day in Auckland');
select is(pg_temp.attendance_of('Ben', pg_temp.day(22)), null, 'and nobody is absent from a lesson that nobody came to');

-- What is not a fact is refused, with its place.
select throws_ok($$ select public.apply_zoom_events('[{"kind": "waved", "meeting": "990000001", "instance": "first==", "at": "2026-03-02T08:00:00Z"}]') $$,
  '22023', 'event 1 is not a fact', 'a kind nobody knows is refused');
select throws_ok($$ select public.apply_zoom_events('[{"kind": "joined", "meeting": "990000001", "instance": "first==", "at": "2026-03-02T08:00:00Z"}]') $$,
  '22023', 'event 1 is not a fact', 'a join that names nobody is refused');

select * from finish();
rollback;
