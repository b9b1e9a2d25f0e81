-- zoom.forget removes what Zoom told of old lessons, and changes nothing that the app reads.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(28);

-- Two students; a lesson each week, and one that is held once.
insert into users (id, email, name, role) values
  ('00000000-0000-4000-8000-000000000001', 'maria@school.test', 'Maria Lind', 'student'),
  ('00000000-0000-4000-8000-000000000002', 'ben@school.test', 'Ben Okafor', 'student');
insert into classes (id, name, grade, section, subject) values
  ('00000000-0000-4000-9000-000000000001', '7b', '7', 'b', 'Algebra'), ('00000000-0000-4000-9000-000000000002', 'Extra', '7', 'b', 'Algebra');
insert into class_students (class_id, student_id)
select class.id, pupil.id from classes class, users pupil
where class.id::text like '00000000-0000-4000-9000-%' and pupil.id::text like '00000000-0000-4000-8000-%';
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id) values
  ('00000000-0000-4000-a000-000000000001', '990000001', 'Algebra', 'recurring', '2024-03-04T08:00Z', 'https://zoom.test/1', '00000000-0000-4000-9000-000000000001'),
  ('00000000-0000-4000-a000-000000000002', '990000002', 'Extra', 'scheduled', '2024-03-04T15:00Z', 'https://zoom.test/2', '00000000-0000-4000-9000-000000000002');

create function pg_temp.told(kind text, at timestamptz, who text default null, meeting text default '990000001', run text default null)
returns text language sql as $$
  select (public.apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'kind', kind, 'meeting', meeting, 'instance', coalesce(run, 'run of ' || at::date), 'at', at,
    'segment', who, 'connection', who, 'email', who || '@school.test'))))) ->> 0
$$;
create function pg_temp.attendance_of(who text, day date, class text default '7b') returns text language sql as $$
  select record.status from attendance_records record
  join users person on person.id = record.student_id join classes class on class.id = record.class_id
  where person.email = who || '@school.test' and record.date = day and class.name = attendance_of.class
$$;
create function pg_temp.facts() returns bigint language sql as $$
  select count(*) from zoom.marks mark join zoom.instances run using (run_id)
  where run.meeting_id::text like '00000000-0000-4000-a000-%'
$$;
-- All that the app reads of these lessons.
create function pg_temp.shown() returns text language sql as $$
  select md5(coalesce((select string_agg(p::text, ' ' order by p.id) from zoom_participants p), '')
    || coalesce((select string_agg(r::text, ' ' order by r.id) from attendance_records r), '')
    || coalesce((select string_agg(m::text, ' ' order by m.id) from zoom_meetings m), ''))
$$;

-- Maria is there for an hour in the first week, Ben in the second and the third; both come to the extra lesson.
select pg_temp.told('joined', '2024-03-04T08:00Z', 'maria');
select pg_temp.told('left', '2024-03-04T09:00Z', 'maria');
select pg_temp.told('ended', '2024-03-04T09:00Z');
select pg_temp.told('joined', '2024-03-11T08:00Z', 'ben');
select pg_temp.told('ended', '2024-03-11T09:00Z');
select pg_temp.told('joined', '2024-03-18T08:00Z', 'ben');
select pg_temp.told('ended', '2024-03-18T09:00Z');
select pg_temp.told('joined', '2024-03-04T15:00Z', 'maria', '990000002');
select pg_temp.told('joined', '2024-03-04T15:00Z', 'ben', '990000002');
select pg_temp.told('ended', '2024-03-04T15:30Z', meeting => '990000002');
create temporary table before as select pg_temp.shown() as shown;

select is(pg_temp.facts(), 10::bigint, 'ten marks are kept');
select is(zoom.forget('2024-03-01'), 0, 'nothing is older than that');
select is(zoom.forget('2024-03-12', 1), 1, 'so many runs at a time');
select is(zoom.forget('2024-03-12'), 2, 'and the others after it');
select is(zoom.forget('2024-03-12'), 0, 'once');
select is(pg_temp.facts(), 2::bigint, 'what was told of them is gone');
select is(zoom.forget('2030-01-01'), 0, 'the latest lesson of a recurring meeting is kept');
select is(pg_temp.shown(), (select shown from before), 'no row of the app changed');

-- What is heard again changes nothing, and is a repetition.
select is(pg_temp.told('joined', '2024-03-04T08:00Z', 'maria'), 'duplicate', 'a join of a forgotten run is a repetition');
select is(pg_temp.told('left', '2024-03-04T08:01Z', 'ben'), 'duplicate', 'and one never heard of, too');
select is(pg_temp.told('ended', '2024-03-04T12:00Z'), 'duplicate', 'and a later end');
select is(pg_temp.shown(), (select shown from before), 'still no row changed');
select is((select ended_at from zoom.instances where instance = 'run of 2024-03-04'
  and meeting_id = '00000000-0000-4000-a000-000000000001'), '2024-03-04T09:00Z'::timestamptz, 'nor what is remembered of the run');

-- A lesson that was forgotten is judged no more, even if the meeting runs again.
select is(pg_temp.told('joined', '2024-03-04T15:40Z', 'maria', '990000002', 'again'), 'applied', 'the one-off meeting runs once more');
select pg_temp.told('left', '2024-03-04T15:41Z', 'maria', '990000002', 'again');
select pg_temp.told('ended', '2024-03-04T15:41Z', meeting => '990000002', run => 'again');
select is(pg_temp.attendance_of('maria', '2024-03-04', 'Extra'), 'present', 'a minute does not undo what was half an hour');
select is(pg_temp.attendance_of('ben', '2024-03-04', 'Extra'), 'present', 'and who is not there is not absent');
update zoom_meetings set start_time = '2024-03-05T15:00Z' where zoom_meeting_id = '990000002';
select pg_temp.told('ended', '2024-03-04T15:42Z', meeting => '990000002', run => 'again');
select is(pg_temp.attendance_of('ben', '2024-03-04', 'Extra'), 'present', 'nor when the meeting is moved to another day');

-- The next lesson is one like any other.
select pg_temp.told('joined', '2024-03-25T08:00Z', 'maria');
select pg_temp.told('ended', '2024-03-25T09:00Z');
select is(pg_temp.attendance_of('maria', '2024-03-25'), 'present', 'the next lesson counts');
select is(pg_temp.attendance_of('maria', '2024-03-04'), 'present', 'and the forgotten one stays as it was');

set role authenticated;
select throws_ok($$ select zoom.forget(now()) $$, '42501', null, 'no user may forget');
reset role;

-- A person ---------------------------------------------------------------------------------------------------------------
select pg_temp.told('joined', '2024-04-01T08:00Z', 'maria');
select apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'joined', 'meeting', '990000001', 'instance', 'run of 2024-04-01', 'at', '2024-04-01T08:00Z',
  'start', '2024-04-01T08:00Z', 'segment', 'guest', 'connection', 'guest', 'email', 'Aunt@Home.test', 'name', 'Aunt Ana', 'customer_key', 'some-key', 'registrant_id', 'r', 'zoom_user_id', 'z')));
select pg_temp.told('ended', '2024-04-01T09:00Z');
create function pg_temp.traces(word text) returns text language sql as $$
  select concat_ws(' ',
    (select 'shown' from zoom_participants p where p::text ilike '%' || word || '%' limit 1),
    (select 'segment' from zoom.segments s where s::text ilike '%' || word || '%' limit 1),
    (select 'mark' from zoom.marks m where m::text ilike '%' || word || '%' limit 1),
    (select 'memory' from zoom.rows r where r::text ilike '%' || word || '%' limit 1))
$$;
select is(pg_temp.traces('aunt'), 'shown segment mark', 'a guest is known by name and e-mail');
select cmp_ok(zoom.forget_person(address => ' aunt@home.test '), '>', 0, 'whom the school may forget');
select is(pg_temp.traces('aunt'), '', 'and then by neither');
select is((select concat_ws(' ', seg.customer_key, seg.registrant_id, seg.zoom_user_id, seg.email) from zoom.segments seg where seg.segment = 'guest'), '', 'nor by anything else');
select is((select status || ' ' || duration from zoom_participants where zoom_participant_id = 'guest'), 'left 3600', 'that somebody was there stays');
create temporary table hers as select id from zoom_participants where user_id = (select id from users where email = 'maria@school.test');
select isnt(pg_temp.traces('maria@'), '', 'a user is known, too');
select is(pg_temp.attendance_of('maria', '2024-04-01', '7b'), 'present', 'and present');
delete from users where email = 'maria@school.test';
select is(concat(pg_temp.traces('maria@'), (select string_agg(name, ' ') from zoom_participants where id in (select id from hers))), '',
  'a user who is deleted leaves no name and no e-mail in rows and facts');

select * from finish();
rollback;
