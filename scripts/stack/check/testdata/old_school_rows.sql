-- A year of the school of old_school.sql: 200 school days, 257 people, 12 classes, 60,000 participants and 50,000
-- attendance records. Nobody in it is real, and nothing is left to chance but ids that nobody asks for.
--
-- The last digits of an id tell what a row is. Users: 1 and 2 admins, 11 to 22 teachers, 101 to 300 students, 301 to 340
-- parents. Classes: 1 to 12. Meetings: 1 to 12 the recurring ones of the classes; 100 * day + class those held once.

create function pg_temp.person(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid
$$;
create function pg_temp.class(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid
$$;
create function pg_temp.meeting(n bigint) returns uuid language sql immutable as $$
  select ('00000000-0000-4000-a000-' || lpad(n::text, 12, '0'))::uuid
$$;

create temp table school_days as
select row_number() over (order by day)::integer as n, day::date as day
from generate_series('2025-09-01'::timestamp, '2026-06-30', '1 day') day
where extract(isodow from day) <= 5
order by day
limit 200;

-- People and classes --------------------------------------------------------------------------------------------------

insert into users (id, email, name, role, phone)
select pg_temp.person(n), kind || '.' || n || '@old-school.test', initcap(kind) || ' ' || n, kind, '+00 555 ' || lpad(n::text, 4, '0')
from (
  select n, case when n <= 2 then 'admin' when n <= 22 then 'teacher' when n <= 300 then 'student' else 'parent' end as kind
  from generate_series(1, 340) n
  where n <= 2 or n between 11 and 22 or n > 100
) numbered;
-- Typed by hand over the years: capitals, two addresses that differ only in them, a user without a role, one who left.
update users set email = 'Student.103@Old-School.test' where id = pg_temp.person(103);
insert into users (id, email, name, role, is_active) values
  (pg_temp.person(401), 'student.104@Old-School.test', 'Student 104 Again', 'student', true),
  (pg_temp.person(402), 'nobody.yet@old-school.test', 'Nobody Yet', null, true),
  (pg_temp.person(403), 'left@old-school.test', 'Left Long Ago', 'teacher', false);

insert into classes (id, name, teacher_id) select pg_temp.class(n), 'Class ' || n, pg_temp.person(10 + n) from generate_series(1, 12) n;
insert into class_students (class_id, student_id)
select pg_temp.class(n % 12 + 1), pg_temp.person(n) from generate_series(101, 300) n
union all
select pg_temp.class((n + 5) % 12 + 1), pg_temp.person(n) from generate_series(104, 300, 4) n;
insert into parent_children (parent_id, student_id)
select pg_temp.person(301 + n % 40), pg_temp.person(n) from generate_series(101, 300) n;
-- One family was typed twice.
insert into parent_children (parent_id, student_id) values (pg_temp.person(322), pg_temp.person(101));

insert into houses (id, name, counsellor_id)
select pg_temp.class(100 + n), 'House ' || n, pg_temp.person(20 + n) from generate_series(1, 2) n;
insert into house_students (house_id, student_id) select pg_temp.class(101 + n % 2), pg_temp.person(n) from generate_series(101, 300) n;

-- Meetings and who was there ------------------------------------------------------------------------------------------

insert into zoom_meetings (id, zoom_meeting_id, host_id, title, meeting_type, start_time, join_url, status, class_id)
select pg_temp.meeting(n), (82000000000 + n)::text, pg_temp.person(10 + n), 'Every morning, class ' || n, 'recurring',
  '2025-09-01T07:00Z', 'https://zoom.test/j/' || n, case n % 3 when 0 then 'started' when 1 then 'scheduled' end, pg_temp.class(n)
from generate_series(1, 12) n;

insert into zoom_meetings (id, zoom_meeting_id, host_id, title, meeting_type, start_time, timezone, join_url, status, class_id, target_audience, created_at)
select pg_temp.meeting(100 * d.n + c), (83000000000 + 100 * d.n + c)::text, case when (d.n + c) % 50 > 0 then pg_temp.person(10 + c) end,
  'Lesson ' || d.n || ' of class ' || c, case when (d.n + c) % 40 > 0 then 'scheduled' end, d.day + make_time(8 + c / 3, 0, 0),
  case d.n % 3 when 0 then 'Europe/Berlin' when 1 then 'UTC' else 'CEST' end, 'https://zoom.test/j/' || 100 * d.n + c,
  case when d.n < 20 then null when (d.n + c) % 30 = 0 then 'started' when (d.n + c) % 31 = 0 then 'cancelled' else 'ended' end,
  pg_temp.class(c), case when d.n < 20 then null when (d.n + c) % 25 = 0 then 'all' else 'class' end, d.day
from school_days d, generate_series(1, 12) c;

-- The enrolled: left, left without a duration, still "joined", only invited, or said nothing of.
insert into zoom_participants (meeting_id, user_id, zoom_participant_id, name, join_time, leave_time, duration, status, created_at)
select m.id, cs.student_id, md5(m.id::text || cs.student_id::text), 'Student', case when said.status in ('joined', 'left') then m.start_time end,
  case said.status when 'left' then m.start_time + interval '45 minutes' end, case when said.status = 'left' and said.n % 7 > 0 then 60 * said.n end,
  said.status, m.created_at
from zoom_meetings m
join class_students cs on cs.class_id = m.class_id
cross join lateral (select (right(m.id::text, 5)::integer + right(cs.student_id::text, 3)::integer * 13) % 41 as n) number
cross join lateral (select n, case when n < 3 then 'joined' when n < 6 then 'invited' when n > 6 then 'left' end as status) said
where m.meeting_type is distinct from 'recurring';

-- Guests: nobody knows who they are, and the same name comes twice.
insert into zoom_participants (meeting_id, zoom_participant_id, name, email, join_time, leave_time, duration, status, created_at)
select m.id, md5(m.id::text || n), case when n <= 2 then 'iPad' else 'Guest ' || n end, case n when 3 then '' end, m.start_time,
  case when n % 4 > 0 then m.start_time + interval '20 minutes' end, case when n % 4 > 0 then 1200 end,
  case when n % 4 > 0 then 'left' else 'joined' end, m.created_at
from zoom_meetings m, generate_series(1, 4) n
where m.meeting_type is distinct from 'recurring';

-- A meeting's row was lost at some time, and its participants were not.
insert into zoom_participants (meeting_id, name, status, created_at) select null, 'Guest', 'joined', '2025-10-01' from generate_series(1, 5);

insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, status, registered_at)
select m.id, cs.student_id, 'reg-' || right(m.id::text, 5) || '-' || right(cs.student_id::text, 3),
  case right(cs.student_id::text, 1) when '1' then 'pending' when '2' then null else 'approved' end, m.created_at
from zoom_meetings m join class_students cs on cs.class_id = m.class_id
where right(m.id::text, 3) = '003';

-- Attendance: mostly by machine, some of it by teachers ------------------------------------------------------------------

insert into attendance_records (student_id, class_id, date, status, created_at)
select cs.student_id, cs.class_id, d.day, case
    when said.n = 0 then 'excused' when said.n < 3 then 'late' when said.n < 6 then 'absent' when said.n < 8 then 'partial'
    else 'present' end, d.day
from class_students cs
cross join school_days d
cross join lateral (select (right(cs.student_id::text, 3)::integer * 7 + d.n * 3) % 53 as n) said;

insert into qr_attendance_sessions (id, class_id, teacher_id, date, start_time, status)
select pg_temp.class(1000 * d.n + c), pg_temp.class(c), pg_temp.person(10 + c), d.day, '08:00', case when d.n = 200 then 'active' else 'closed' end
from school_days d, generate_series(1, 12) c
where d.n % 10 = 0;
insert into qr_checkins (session_id, student_id, location_verified, ip_address, checked_in_at)
select s.id, cs.student_id, true, '192.0.2.' || right(cs.student_id::text, 2)::integer, s.date + time '08:01'
from qr_attendance_sessions s join class_students cs on cs.class_id = s.class_id
where s.status = 'closed' and right(cs.student_id::text, 1)::integer % 3 = 0;

insert into announcements (author_id, audience, body, created_at)
select pg_temp.person(1), case d.n % 3 when 0 then 'everyone' when 1 then 'student' else 'teacher' end, 'Notice ' || d.n, d.day from school_days d;
insert into grades (student_id, class_id, points)
select cs.student_id, cs.class_id, n + right(cs.student_id::text, 1)::integer / 10.0 from class_students cs, generate_series(1, 10) n;

analyze users, class_students, parent_children, zoom_meetings, zoom_participants, meeting_registrants, attendance_records;
