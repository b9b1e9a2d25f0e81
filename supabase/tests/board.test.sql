-- What the operators' board is told: which lessons there are, and who was in one of them and when.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(47);

-- A class of four, somebody of another, and a teacher; a lesson each week, and an assembly of no class.
insert into users (id, email, name, role)
select md5('board ' || name)::uuid, name || '@school.test', initcap(name) || ' Lind', case name when 'tara' then 'teacher' else 'student' end
from unnest(array['ana', 'ben', 'chen', 'dora', 'visitor', 'tara']) name;
insert into classes (id, name, grade, section, subject) values (md5('board 7b')::uuid, '7b', '7', 'b', 'Algebra');
insert into class_students (class_id, student_id)
select md5('board 7b')::uuid, md5('board ' || name)::uuid from unnest(array['ana', 'ben', 'chen', 'dora']) name;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, timezone, join_url, class_id) values
  (md5('board lesson')::uuid, '990000031', 'Mathematics', 'recurring', now(), 'Europe/Berlin', 'https://zoom.test/1', md5('board 7b')::uuid),
  (md5('board assembly')::uuid, '990000032', 'Assembly', 'recurring', now(), 'UTC', 'https://zoom.test/2', null);

-- Zoom tells of a lesson that began an hour ago, in a zone without a midnight in between; the times are minutes of it.
create function pg_temp.zero() returns timestamptz language sql stable as $$ select date_trunc('second', now()) - interval '1 hour' $$;
create function pg_temp.policy() returns jsonb language sql stable as $$
  select jsonb_build_object('timezone', case when extract(hour from now() at time zone 'UTC') < 2 then 'Etc/GMT+6' else 'UTC' end)
$$;
create function pg_temp.told(kind text, minute integer, segment text default null, who text default null, connection text default null, name text default null,
  meeting text default '990000031', instance text default 'first==', back interval default '0') returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('kind', kind, 'meeting', meeting, 'instance', instance,
    'at', pg_temp.zero() - back + minute * interval '1 minute', 'start', pg_temp.zero() - back, 'segment', segment, 'connection', coalesce(connection, 'C' || segment),
    'name', name, 'email', who || '@school.test'))), pg_temp.policy())
$$;
create function pg_temp.day() returns date language sql stable as $$
  select (pg_temp.zero() at time zone (pg_temp.policy() ->> 'timezone'))::date
$$;
create function pg_temp.lesson(field text, meeting text default '990000031', day date default pg_temp.day()) returns jsonb language sql as $$
  select found -> field from jsonb_array_elements(public.recent_lessons()) found where found ->> 'meeting' = lesson.meeting and found ->> 'date' = lesson.day::text
$$;
create function pg_temp.timeline(day date default pg_temp.day(), meeting text default '990000031') returns jsonb language sql as $$
  select public.lesson_timeline(meeting, day, pg_temp.policy())
$$;
create function pg_temp.line(who text) returns jsonb language sql as $$
  select found from jsonb_array_elements(pg_temp.timeline() -> 'people') found where found ->> 'name' = who
$$;
-- Times in minutes of the lesson: from-to.
create function pg_temp.spans(who text, field text) returns text language sql as $$
  select string_agg(format('%s-%s', round(extract(epoch from (s ->> 'from')::timestamptz - pg_temp.zero()) / 60), round(extract(epoch from (s ->> 'to')::timestamptz - pg_temp.zero()) / 60))
    || coalesce(' on ' || (s ->> 'device'), '') || coalesce(' (' || (s ->> 'why') || ')', ''), ', ' order by n)
  from jsonb_array_elements(pg_temp.line(who) -> field) with ordinality t (s, n)
$$;

-- Nothing yet.
select is(public.recent_lessons() @> '[{"meeting": "990000031"}]', false, 'no lesson was held');
select is(pg_temp.timeline(meeting => '1'), '{"outcome": "unknown_meeting"}', 'nobody knows the meeting');
select is(pg_temp.timeline() ->> 'outcome', 'no_lesson', 'nothing was held');
select is(pg_temp.timeline() #>> '{meeting,title}', 'Mathematics', 'but it is known what it is');

-- The lesson goes on: two devices, a gap, a guest, somebody of another class.
select pg_temp.told('started', 0);
select pg_temp.told('joined', 0, '1', 'ana', 'laptop');
select pg_temp.told('left', 20, '1', 'ana', 'laptop');
select pg_temp.told('joined', 5, '2', 'ana', 'phone');
select pg_temp.told('left', 10, '2', 'ana', 'phone');
select pg_temp.told('joined', 30, '3', 'ana', 'laptop');
select pg_temp.told('joined', 2, '4', 'ben');
select pg_temp.told('left', 9, '4', 'ben');
select pg_temp.told('joined', 1, '5', name => '<img src=x>');
select pg_temp.told('joined', 1, '6', 'visitor');
select is(pg_temp.lesson('is_on'), 'true', 'it is on');
select is(pg_temp.lesson('people_in'), '3', 'with three in it');
select is(pg_temp.lesson('ended_at'), 'null', 'and has no end');
select is(pg_temp.lesson('enrolled'), '4', 'of a class of four');
select is(pg_temp.lesson('present') || pg_temp.lesson('partial') || pg_temp.lesson('absent'), '[1, 1, 0]', 'of whom two are marked');
select is(pg_temp.lesson('class') || pg_temp.lesson('timezone') || pg_temp.lesson('runs'), '["7b", "Europe/Berlin", 1]', 'and what else there is to say');
select is(public.recent_lessons()::text ~* 'lind|@|img', false, 'which names nobody');
select is((select string_agg(p ->> 'name', ', ' order by n) from jsonb_array_elements(pg_temp.timeline() -> 'people') with ordinality t (p, n)),
  (select string_agg(name, ', ' order by name) from unnest(array['<img src=x>', 'Ana Lind', 'Ben Lind', 'Chen Lind', 'Dora Lind', 'Visitor Lind']) name), 'everybody is there once');
select is((select jsonb_object_agg(p ->> 'name', p ->> 'kind') from jsonb_array_elements(pg_temp.timeline() -> 'people') p),
  '{"<img src=x>": "guest", "Ana Lind": "enrolled", "Ben Lind": "enrolled", "Chen Lind": "enrolled", "Dora Lind": "enrolled", "Visitor Lind": "other"}', 'and what they are');
select is(pg_temp.spans('Ana Lind', 'intervals'), '0-20 on 1, 5-10 on 2 (another one of theirs covers it already), 30- on 1 (nothing closed it yet: that run is still open)',
  'each stay, with its device, and why it does not count');
select is(pg_temp.spans('Ana Lind', 'union'), '0-20', 'the time that counts');
select is(pg_temp.line('Ana Lind') - '{n,id,name,intervals,union}'::text[],
  '{"kind": "enrolled", "is_in": true, "seconds": 1200, "devices": 2, "verdict": "present", "record": "present", "refused": false, "overridden": false}', 'what that makes');
select is(pg_temp.line('Chen Lind') - '{n,id,name}'::text[],
  '{"kind": "enrolled", "is_in": false, "seconds": 0, "devices": 0, "intervals": [], "union": [], "verdict": null, "record": null, "refused": false, "overridden": false}', 'somebody who has not come');
select is(pg_temp.line('Visitor Lind') -> 'verdict', 'null', 'who is not enrolled has no verdict');
select is(pg_temp.line('<img src=x>') -> 'id', 'null', 'a guest is nobody of the school');
select is((select string_agg(stay ->> 'fate', ' ' order by n) from jsonb_array_elements(pg_temp.line('Ana Lind') -> 'intervals') with ordinality t (stay, n)), 'counts covered open',
  'and what becomes of each, so that a page need not know');
select is(pg_temp.timeline() -> 'is_on', 'true', 'it goes on');
select is(pg_temp.timeline() #> '{lessons,0}' ->> 'why', 'its own run made it, since the meeting recurs', 'which lesson it is');
select is(pg_temp.timeline() -> 'policy', '{"min_seconds": 900, "app_joins": "corroborate"}', 'the policy');

-- It ends.
insert into attendance_records (student_id, class_id, date, status) values (md5('board dora')::uuid, md5('board 7b')::uuid, pg_temp.day(), 'excused');
select pg_temp.told('ended', 45);
select is(pg_temp.lesson('is_on') || pg_temp.lesson('people_in'), '[false, 0]', 'it is over');
select isnt(pg_temp.lesson('ended_at'), 'null', 'and has an end');
select is(pg_temp.lesson('present') || pg_temp.lesson('partial') || pg_temp.lesson('absent') || pg_temp.lesson('other'), '[1, 1, 1, 1]', 'everybody is marked');
select is(pg_temp.spans('Ana Lind', 'union'), '0-20, 30-45', 'with a gap');
select is(pg_temp.line('Dora Lind') - '{n,id,name,intervals,union,kind,is_in,seconds,devices}'::text[],
  '{"verdict": "absent", "record": "excused", "refused": false, "overridden": true}', 'a person''s word stands');
select is(pg_temp.spans('<img src=x>', 'union'), '1-45', 'the end closes a guest''s stay, too');

-- Who left the class since is still there; whose record was refused is said.
update zoom.history set since = since - interval '1 day' where relation = 'class_students';
delete from class_students where student_id = md5('board ben')::uuid;
select is(pg_temp.line('Ben Lind') - '{n,id,name,intervals,union,is_in,seconds,devices}'::text[],
  '{"kind": "enrolled", "verdict": "partial", "record": "partial", "refused": false, "overridden": false}', 'enrolled then');
insert into class_students (class_id, student_id) values (md5('board 7b')::uuid, md5('board ben')::uuid);
insert into zoom.refused (relation, row_key, student_id, class_id, date, wanted, code, reason)
values ('attendance_records', concat_ws(' ', md5('board ben')::uuid, md5('board 7b')::uuid, pg_temp.day()), md5('board ben')::uuid, md5('board 7b')::uuid, pg_temp.day(), 'absent', 'P0001', 'no');
select is(pg_temp.line('Ben Lind') -> 'refused', 'true', 'what the school''s database refused');
delete from zoom.refused;

-- An assembly of no class, and a lesson of long ago that never ended.
select pg_temp.told('joined', 3, '1', 'tara', meeting => '990000032', instance => 'second==');
select is(pg_temp.lesson('class', '990000032'), 'null', 'of no class');
select is(pg_temp.lesson('people_in', '990000032'), '1', 'somebody is in');
select is(jsonb_array_length(pg_temp.timeline(meeting => '990000032') -> 'people'), 1, 'and on the timeline');
select pg_temp.told('joined', 3, '1', 'tara', meeting => '990000032', instance => 'third==', back => '7 days');
select is(pg_temp.lesson('is_on', '990000032', pg_temp.day() - 7), 'false', 'an end that never came is not waited for');
select is(jsonb_array_length(public.recent_lessons(1)), 1, 'as many as were asked for');

-- A run that belongs to no lesson is shown, and says why; and a number in another spelling can be asked for.
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id, created_at)
values (md5('board once')::uuid, '990 000 033', 'Once', 'scheduled', now() + interval '3 days', 'https://zoom.test/3', md5('board 7b')::uuid, '2026-01-01');
select pg_temp.told('joined', 3, '1', 'ana', meeting => '990000033', instance => 'once==');
select is(pg_temp.lesson('is_lesson', '990000033') || pg_temp.lesson('present', '990000033'), '[false, 0]', 'it is no lesson, and has no records');
select is(pg_temp.timeline(meeting => '990000033') #>> '{runs,0,why}', 'it belongs to no lesson, since the meeting was not planned for its time', 'nothing of it counts');
select is(pg_temp.timeline(meeting => '990000033') #>> '{meeting,number}', '990000033', 'asked by the digits');
select is((select found -> 'is_in' from jsonb_array_elements(pg_temp.timeline(meeting => '990000033') -> 'people') found where found ->> 'name' = 'Ana Lind'), 'true', 'who is in it is shown');

-- The sidecar asks as the service role, which may call all that these functions ask.
set local role service_role;
select is(public.lesson_timeline('990000031', pg_temp.day()) ->> 'outcome', 'ok', 'the service role is told of a lesson');
select ok(jsonb_array_length(public.recent_lessons()) > 1, 'and of the newest');
select ok((public.unmatched_zoom() ->> 'of')::integer >= 0, 'and of what cannot be matched');
reset role;
set local role postgres;

-- What was removed is said to be. (The latest lesson of a meeting is never removed, so there is a later one.)
select pg_temp.told('started', 0, instance => 'fourth==', back => '-1 day');
select ok(zoom.forget(now()) > 0, 'the lesson is forgotten');
select is(pg_temp.timeline() -> 'forgotten', 'true', 'which is said');
select is(pg_temp.line('Ben Lind') - '{n,id,name}'::text[],
  '{"kind": "enrolled", "is_in": false, "seconds": 0, "devices": 0, "intervals": [], "union": [], "verdict": "partial", "record": "partial", "refused": false, "overridden": false}', 'the verdict of then stands');

select is(has_function_privilege('authenticated', 'public.recent_lessons(integer)', 'execute') or has_function_privilege('authenticated', 'public.lesson_timeline(text, date, jsonb)', 'execute')
  or has_function_privilege('anon', 'public.lesson_timeline(text, date, jsonb)', 'execute'), false, 'none of it is for users');

select * from finish();
rollback;
