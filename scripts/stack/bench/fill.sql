-- Gives a school classes, and some of them a past, as apply_zoom_events would have left it. Run by the superuser, in one
-- transaction, with bench.school_day, bench.classes, bench.with_past and bench.lessons set: classes are numbered from 0, the
-- first with_past of them had that many lessons each, one a day, the last the day before school_day. school.go says who the
-- students are. One in ten is absent.

set local session_replication_role = replica; -- neither triggers nor foreign keys: it is right by itself
set local synchronous_commit = off;
set local work_mem = '256MB';

create temporary table pupils on commit drop as
select c, i, md5(format('class %s', c))::uuid as class_id, md5(format('meeting %s', c))::uuid as meeting_id,
  md5(format('student %s %s', c, i))::uuid as student_id, format('s%s.%s@school.test', c, i) as email, format('Student %s %s', c, i) as name
from generate_series(0, current_setting('bench.classes')::int - 1) c, generate_series(0, 24) i;

insert into public.users (id, email, name, role)
select student_id, email, name, 'student' from pupils;

insert into public.classes (id, name, grade, section, subject)
select distinct class_id, 'Class', '7', 'b', 'Algebra' from pupils;

insert into public.class_students (class_id, student_id)
select class_id, student_id from pupils;

insert into public.zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status, join_url)
select meeting_id, (82000000000 + c)::text, 'Lesson', 'recurring', current_setting('bench.school_day')::timestamptz, 'UTC', class_id,
  case when c < current_setting('bench.with_past')::int then 'ended' else 'scheduled' end, 'https://zoom.test/j'
from pupils where i = 0;

-- Lesson k of class c was k days before school begins.
create temporary table past on commit drop as
select row_number() over () as run_id, c, k, current_setting('bench.school_day')::timestamptz - k * interval '1 day' as began
from generate_series(current_setting('bench.lessons')::int, 1, -1) k, generate_series(0, current_setting('bench.with_past')::int - 1) c;

-- What the school says has stood since ever.
insert into zoom.history (relation, row_key, was, since, is_first)
select told.relation, zoom.history_key(told.relation, told.says), zoom.deciding(told.relation, told.says, null), '-infinity', true
from (
  select 'users' as relation, to_jsonb(own) as says from public.users own where own.id in (select student_id from pupils)
  union all select 'classes', to_jsonb(own) from public.classes own where own.id in (select class_id from pupils)
  union all select 'class_students', to_jsonb(own) from public.class_students own where own.class_id in (select class_id from pupils)
  union all select 'zoom_meetings', to_jsonb(own) from public.zoom_meetings own where own.id in (select meeting_id from pupils)
) told;

-- Each run made a lesson itself, since the meeting recurs.
insert into zoom.meetings (meeting_id)
select distinct meeting_id from pupils where c < current_setting('bench.with_past')::int;

insert into zoom.lessons (lesson_id, meeting_id, is_planned, starts_at, ends_at, as_of, class_id, held_on, min_seconds, app_joins,
  is_over, is_held, makes_absent, expected_at)
overriding system value
select past.run_id, pupil.meeting_id, false, past.began, past.began + interval '60 minutes', past.began, pupil.class_id, past.began::date, 900,
  'corroborate', true, true, true, past.began + interval '45 minutes'
from past join pupils pupil on pupil.c = past.c and pupil.i = 0;
select setval(pg_get_serial_sequence('zoom.lessons', 'lesson_id'), (select count(*) + 1 from past));

insert into zoom.instances (run_id, number, instance, meeting_id, class_id, stated_start, first_at, told_end, ended_at, told_at, people, has_others,
  lesson_id, counts)
overriding system value
select past.run_id, (82000000000 + past.c)::text, encode(decode(md5(format('run %s', past.run_id)), 'hex'), 'base64'), pupil.meeting_id, pupil.class_id,
  past.began, past.began, past.began + interval '45 minutes', past.began + interval '45 minutes', past.began, 2, true, past.run_id, true
from past join pupils pupil on pupil.c = past.c and pupil.i = 0;
select setval(pg_get_serial_sequence('zoom.instances', 'run_id'), (select count(*) + 1 from past));

update zoom.meetings meeting set shown_run = latest.run_id, shown_lesson = latest.run_id
from past latest join pupils pupil on pupil.c = latest.c and pupil.i = 0
where latest.k = 1 and meeting.meeting_id = pupil.meeting_id;

create temporary table visits on commit drop as
select past.run_id, past.k, pupil.*, (16778240 + 1024 * pupil.i)::text as segment,
  past.began + (7 * pupil.i + past.k) % 120 * interval '1 second' as came, past.began + interval '45 minutes' as went
from past join pupils pupil using (c)
where (pupil.c + pupil.i + past.k) % 10 <> 0;
analyze visits;

insert into zoom.segments (run_id, segment, connection, zoom_user_id, email, was_in, user_id, known_by)
select run_id, segment, upper(md5(format('%s %s', run_id, i))::uuid::text), 'userDEMO' || left(md5(email), 14), email, true, student_id, 'email'
from visits;

insert into zoom.marks (run_id, segment, at, kind, name, recorded_at)
select run_id, segment, came, 'joined', name, came from visits
union all
select run_id, segment, went, 'left', name, went from visits
union all
select run_id, '', began, 'started', null, began from past
union all
select run_id, '', began + interval '45 minutes', 'ended', null, began + interval '45 minutes' from past;

-- Everybody who ever came has a row, which shows the latest lesson.
insert into public.zoom_participants (id, meeting_id, user_id, zoom_participant_id, name, email, join_time, leave_time, duration, status)
select md5(format('row %s %s', c, i))::uuid, meeting_id, student_id, case when k = 1 then segment end, name, email,
  case when k = 1 then came end, case when k = 1 then went end, case when k = 1 then extract(epoch from went - came)::int end,
  case when k = 1 then 'left' else 'invited' end
from (select distinct on (c, i) * from visits order by c, i, k) latest;

insert into zoom.rows (row_id)
select id from public.zoom_participants;

create temporary table judged on commit drop as
select pupil.student_id, pupil.class_id, past.began::date as date,
  case when (pupil.c + pupil.i + past.k) % 10 <> 0 then 'present' else 'absent' end as status
from past join pupils pupil using (c);

insert into public.attendance_records (student_id, class_id, date, status)
select student_id, class_id, date, status from judged;

insert into zoom.verdicts (student_id, class_id, date, verdict)
select student_id, class_id, date, status from judged;
