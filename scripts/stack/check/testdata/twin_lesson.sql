-- Two lessons of class 2, in the adopted project of twin_rows.sql: the one-off lesson of a day on which a teacher had written
-- late and excused, and, after the summer, the morning meeting that has gone on for a year. The students with even numbers
-- come two minutes late and stay for half an hour; Zoom shows their e-mails in capitals.

-- Somebody of another class, of whom the app said nothing but that they are expected; Zoom first shows their e-mail, and
-- then names the registration of somebody else.
insert into zoom_participants (meeting_id, user_id, status)
values ('00000000-0000-4000-a000-000000000002', '00000000-0000-4000-8000-000000000103', null);
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id)
values ('00000000-0000-4000-a000-000000000002', '00000000-0000-4000-8000-000000000115', 'reg-115');

update attendance_records record
set status = (array['late', 'excused', 'absent', 'partial', 'present'])[right(student_id::text, 3)::integer / 2 % 5 + 1]
from zoom_meetings meeting
where meeting.id = '00000000-0000-4000-a000-000000016802'
  and record.class_id = meeting.class_id and record.date = meeting.start_time::date;

create temp table old_records as table attendance_records;
create temp table old_participants as table zoom_participants;
create temp table old_meetings as table zoom_meetings;

-- A teacher excuses a student for after the summer.
insert into attendance_records (student_id, class_id, date, status)
select student_id, class_id, '2026-09-01', 'excused' from class_students
where student_id = '00000000-0000-4000-8000-000000000116' and class_id = '00000000-0000-4000-9000-000000000002';
insert into old_records select * from attendance_records where date = '2026-09-01';

create temp table lessons as
select id as meeting_id, zoom_meeting_id, start_time as began from zoom_meetings where id = '00000000-0000-4000-a000-000000016802'
union all
select id, zoom_meeting_id, '2026-09-01T07:00Z' from zoom_meetings where id = '00000000-0000-4000-a000-000000000002';

create temp table students as
select person.id, upper(person.email) as email, right(person.id::text, 3) as number, right(person.id::text, 1)::integer % 2 = 0 as comes
from class_students seat
join users person on person.id = seat.student_id
where seat.class_id = '00000000-0000-4000-9000-000000000002';

grant select on lessons, students to service_role;
set role service_role;
select public.apply_zoom_events(jsonb_agg(jsonb_build_object(
  'kind', kind, 'meeting', zoom_meeting_id, 'instance', 'of ' || zoom_meeting_id, 'start', began, 'at', at,
  'segment', number, 'connection', number, 'email', email)))
from (
  select kind, zoom_meeting_id, began, began + after as at, number, email
  from lessons, students, (values ('joined', interval '2 min'), ('left', interval '32 min')) mark (kind, after)
  where comes
  union all
  select 'ended', zoom_meeting_id, began, began + interval '45 min', null, null from lessons
) event;
select public.apply_zoom_events('[
  {"kind": "joined", "meeting": "82000000002", "instance": "of 82000000002", "at": "2026-09-01T07:03:00Z", "segment": "900",
    "email": "student.103@school.test"}]');
select public.apply_zoom_events('[
  {"kind": "left", "meeting": "82000000002", "instance": "of 82000000002", "at": "2026-09-01T07:04:00Z", "segment": "900",
    "registrant_id": "reg-115"}]');
reset role;
