-- A year of the school of twin.sql: 400 people, 24 classes, 900 meetings, 20,000 participants and 13,000 attendance records.
-- Nobody in it is real, and nothing is left to chance but ids that nobody asks for.
--
-- The last digits of an id tell what a row is. Users: 1 and 2 admins, 11 to 34 teachers, 101 to 394 students, 501 to 580
-- parents. Classes: 1 to 24, class c taught by teacher 10 + c; student n is in class n % 24 + 1. Meetings: 1 to 24 go on all
-- year, 31 to 42 are for more than a class or for none, 100 * day + class are the lessons.

create function pg_temp.person(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
$$;
create function pg_temp.class(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid
$$;
create function pg_temp.meeting(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-a000-' || lpad(n::text, 12, '0'))::uuid
$$;
create function pg_temp.code(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-b000-' || lpad(n::text, 12, '0'))::uuid
$$;

create temp table school_days as
select row_number() over (order by day)::integer as n, day::date as day
from generate_series('2025-09-01'::timestamp, '2026-07-10', '1 day') day
where extract(isodow from day) <= 5
order by day
limit 180;

-- People and classes --------------------------------------------------------------------------------------------------

insert into users (id, email, name, role, phone, address, must_change_password)
select pg_temp.person(n), kind || '.' || n || '@school.test', initcap(kind) || ' ' || n, kind,
  '+00 555 ' || lpad(n::text, 4, '0'), n || ' School Lane', n % 10 = 0
from (
  select n, case when n <= 2 then 'admin' when n <= 34 then 'teacher' when n <= 394 then 'student' else 'parent' end as kind
  from generate_series(1, 580) n
  where n <= 2 or n between 11 and 34 or n between 101 and 394 or n > 500
) numbered;
-- Typed by hand over the years: capitals, two addresses that differ only in them, and some who have left.
update users set email = 'Student.103@School.test' where id = pg_temp.person(103);
update users set email = 'student.104@School.test', name = 'Student 104' where id = pg_temp.person(394);
update users set is_active = null where id = pg_temp.person(393);
update users set is_active = false where id in (pg_temp.person(149), pg_temp.person(570), pg_temp.person(34));

insert into classes (id, name, grade, section, subject, teacher_id, room)
select pg_temp.class(n), 'Class ' || n, (5 + n % 8)::text, chr(65 + n % 3), 'Mathematics', pg_temp.person(10 + n), 'R' || n
from generate_series(1, 24) n;
insert into class_students (class_id, student_id)
select pg_temp.class(n % 24 + 1), pg_temp.person(n) from generate_series(101, 394) n
union all
select pg_temp.class((n + 5) % 24 + 1), pg_temp.person(n) from generate_series(104, 394, 4) n;
insert into parent_children (parent_id, student_id, relationship)
select pg_temp.person(501 + n % 80), pg_temp.person(n), case n % 3 when 0 then 'mother' when 1 then 'father' else 'guardian' end
from generate_series(101, 394) n;

-- Meetings and who was there ------------------------------------------------------------------------------------------

insert into zoom_meetings (id, zoom_meeting_id, host_id, title, meeting_type, start_time, join_url, start_url, status, class_id)
select pg_temp.meeting(n), (82000000000 + n)::text, pg_temp.person(10 + n), 'Every morning, class ' || n, 'recurring',
  '2025-09-01T07:00Z', 'https://zoom.test/j/' || n, 'https://zoom.test/s/' || n,
  case n % 3 when 0 then 'started' when 1 then 'scheduled' end, pg_temp.class(n)
from generate_series(1, 24) n;

-- For all, students, teachers, oneself; and those of class 6 and class 7 that are still to come.
insert into zoom_meetings (id, zoom_meeting_id, host_id, title, start_time, join_url, class_id, target_audience, registration_enabled)
select pg_temp.meeting(n), (82000000000 + n)::text, pg_temp.person(case n when 40 then 16 when 41 then 17 else 1 end),
  'Meeting ' || n, now() + interval '1 day', 'https://zoom.test/j/' || n,
  case n when 40 then pg_temp.class(6) when 41 then pg_temp.class(7) end,
  case when n >= 40 then 'class' else (array['all', 'students', 'teachers', 'personal'])[n % 4 + 1] end, n >= 40
from generate_series(31, 42) n;

insert into zoom_meetings (id, zoom_meeting_id, host_id, title, meeting_type, start_time, timezone, join_url, start_url, status, class_id,
  target_audience, created_at)
select pg_temp.meeting(100 * d.n + c), (83000000000 + 100 * d.n + c)::text, case when (d.n + c) % 50 > 0 then pg_temp.person(10 + c) end,
  'Lesson ' || d.n || ' of class ' || c, case when (d.n + c) % 40 > 0 then 'scheduled' end, d.day + make_time(8 + c / 4, 0, 0),
  case d.n % 3 when 0 then 'Europe/Berlin' when 1 then 'UTC' else 'CEST' end, 'https://zoom.test/j/' || 100 * d.n + c,
  'https://zoom.test/s/' || 100 * d.n + c,
  case when d.n < 20 then null when (d.n + c) % 30 = 0 then 'started' when (d.n + c) % 35 = 0 then 'cancelled' else 'ended' end,
  pg_temp.class(c), case when d.n < 20 then null when (d.n + c) % 25 = 0 then 'all' else 'class' end, d.day
from school_days d, generate_series(1, 24) c
where (d.n + c) % 5 = 0;

-- The enrolled: left, left without a duration, still "joined", only invited, or said nothing of.
insert into zoom_participants (meeting_id, user_id, zoom_participant_id, name, email, join_time, leave_time, duration, status, created_at)
select m.id, cs.student_id, md5(m.id::text || cs.student_id::text), person.name, case said.n % 4 when 0 then upper(person.email) end,
  case when said.status in ('joined', 'left') then m.start_time end,
  case said.status when 'left' then m.start_time + interval '45 minutes' end, case when said.status = 'left' and said.n % 7 > 0 then 60 * said.n end,
  said.status, m.created_at
from zoom_meetings m
join class_students cs on cs.class_id = m.class_id
join users person on person.id = cs.student_id
cross join lateral (select (right(m.id::text, 5)::integer + right(cs.student_id::text, 3)::integer * 13) % 41 as n) number
cross join lateral (select n, case when n < 3 then 'joined' when n < 6 then 'invited' when n > 6 then 'left' end as status) said
where right(m.id::text, 5)::integer >= 100;

-- Guests: nobody knows who they are, the same name comes twice, and the app never heard that some of them left.
insert into zoom_participants (meeting_id, zoom_participant_id, name, email, join_time, leave_time, duration, status, created_at)
select m.id, md5(m.id::text || n), case when n <= 2 then 'iPad' else 'Guest ' || n end, case n when 3 then '' end, m.start_time,
  case when n % 4 = 0 then m.start_time + interval '20 minutes' end, case when n % 4 = 0 then 1200 end,
  case when n % 4 = 0 then 'left' else 'joined' end, m.created_at
from zoom_meetings m, generate_series(1, 8) n
where right(m.id::text, 5)::integer >= 100;

-- A meeting's row was lost at some time, and its participants were not.
insert into zoom_participants (meeting_id, name, status, created_at) select null, 'Guest', 'joined', '2025-10-01' from generate_series(1, 5);

insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, status, registered_at)
select m.id, cs.student_id, 'reg-' || right(m.id::text, 5) || '-' || right(cs.student_id::text, 3),
  case right(cs.student_id::text, 1) when '1' then 'pending' when '2' then null else 'approved' end, m.created_at
from zoom_meetings m join class_students cs on cs.class_id = m.class_id
where right(m.id::text, 2) = '06' or m.id = pg_temp.meeting(41);

-- Attendance: mostly by machine, some of it by teachers; and codes, those of today still shown -------------------------------

insert into attendance_records (student_id, class_id, date, status, created_at)
select cs.student_id, cs.class_id, d.day, case
    when said.n = 0 then 'excused' when said.n < 3 then 'late' when said.n < 6 then 'absent' when said.n < 8 then 'partial'
    else 'present' end, d.day
from class_students cs
join school_days d on (d.n + right(cs.class_id::text, 2)::integer) % 5 = 0
cross join lateral (select (right(cs.student_id::text, 3)::integer * 7 + d.n * 3) % 53 as n) said;

insert into qr_attendance_sessions (id, class_id, teacher_id, date, start_time, end_time, qr_code, status)
select pg_temp.code(100 * d.n + c), pg_temp.class(c), pg_temp.person(10 + c), d.day, time '08:00', time '08:15', 'code-' || 100 * d.n + c, 'expired'
from school_days d, generate_series(1, 24) c
where d.n % 10 = 0
union all
select pg_temp.code(c), pg_temp.class(c), pg_temp.person(10 + c), current_date, '08:00', null, 'code-' || c, 'active'
from generate_series(1, 24) c;
insert into qr_checkins (session_id, student_id, location_verified, ip_address, checked_in_at)
select s.id, cs.student_id, true, '192.0.2.' || right(cs.student_id::text, 2)::integer, s.date + time '08:01'
from qr_attendance_sessions s join class_students cs on cs.class_id = s.class_id
where s.status = 'expired' and right(cs.student_id::text, 1)::integer % 3 = 0;
-- Class 6 has more codes: by two of them student 101 has checked in, today and for a lesson of tomorrow, for which they are
-- down as absent.
insert into qr_attendance_sessions (id, class_id, teacher_id, date, start_time, qr_code)
values (pg_temp.code(106), pg_temp.class(6), pg_temp.person(16), current_date, '07:00', 'code-106'),
  (pg_temp.code(206), pg_temp.class(6), pg_temp.person(16), current_date + 1, '07:00', 'code-206');
insert into qr_checkins (session_id, student_id)
values (pg_temp.code(6), pg_temp.person(125)), (pg_temp.code(106), pg_temp.person(101)), (pg_temp.code(206), pg_temp.person(101));
insert into attendance_records (student_id, class_id, date, status)
values (pg_temp.person(101), pg_temp.class(6), current_date + 1, 'absent');

insert into announcements (author_id, audience, body, created_at)
select pg_temp.person(1), case d.n % 3 when 0 then 'everyone' when 1 then 'student' else 'teacher' end, 'Notice ' || d.n, d.day from school_days d;
insert into grades (student_id, class_id, points)
select cs.student_id, cs.class_id, n + right(cs.student_id::text, 1)::integer / 10.0 from class_students cs, generate_series(1, 10) n;
insert into audit_logs (user_id, action, created_at) select pg_temp.person(10 + n % 24 + 1), 'signed in', '2026-01-01' from generate_series(1, 200) n;

analyze;
