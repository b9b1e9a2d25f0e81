-- catch_up_zoom judges anew what lacked something that the school has written since, and what the clock ended; rejudge_zoom
-- what somebody chooses.
begin;
\ir school.psql
select no_plan();

create function pg_temp.due() returns bigint language sql as $$ select count(*) from zoom.due $$;
create function pg_temp.settled() returns void language sql as $$ select pg_temp.catch_up(); delete from zoom.changes; $$;
select pg_temp.settled();

-- Nothing to do ----------------------------------------------------------------------------------------------------------------
select is(public.catch_up_zoom() - 'until', '{"left": 0, "numbers": [], "failed": [], "held": []}', 'where nothing is due, nothing is done');
select is((public.catch_up_zoom() ->> 'until')::timestamptz, now(), 'until now');
select is(public.rejudge_left(), '{"left": 0}', 'and nobody chose anything');

-- What a lesson lacked ----------------------------------------------------------------------------------------------------------
-- A class.
select pg_temp.lesson('class', '2026-03-02T08:00Z');
select pg_temp.at('2026-02-01', format('update zoom_meetings set class_id = null where id = %L', pg_temp.id('class')));
select pg_temp.told('class', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select pg_temp.settled();
select is(pg_temp.attendance('class', '2026-03-02'), 'none', 'a meeting of no class marks nobody');
update zoom_meetings set class_id = pg_temp.id('class') where id = pg_temp.id('class');
select pg_temp.settled();
select is(pg_temp.attendance('class', '2026-03-02'), 'a present, b absent, c absent', 'until it is given one');
-- The teacher of a class that a colleague's meeting is of.
select pg_temp.lesson('teacher', '2026-03-02T08:00Z');
insert into zoom.unconfirmed (meeting_id) values (pg_temp.id('teacher'));
select pg_temp.at('2026-02-01', format('update zoom_meetings set host_id = %L where id = %L', pg_temp.id('colleague'), pg_temp.id('teacher')));
select pg_temp.told('teacher', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select pg_temp.settled();
select is(pg_temp.attendance('teacher', '2026-03-02'), 'none', 'a meeting of somebody who does not teach the class marks nobody');
update classes set teacher_id = pg_temp.id('colleague') where id = pg_temp.id('teacher');
select pg_temp.settled();
select is(pg_temp.attendance('teacher', '2026-03-02'), 'a present, b absent, c absent', 'until they do');
-- An enrolment: who was there is present, and who was not is not made absent by it.
select pg_temp.lesson('enrolment', '2026-03-02T08:00Z');
insert into users (id, email, name, role) values (pg_temp.id('d'), 'd@school.test', 'D Lind', 'student'), (pg_temp.id('e'), 'e@school.test', 'E Lind', 'student');
select pg_temp.told('enrolment', 'l', '2026-03-02', '{S 08:00,J d 1 08:00,L d 1 08:40,E 08:45}', '{"accepted": "2026-03-02T08:46:00Z"}');
select pg_temp.settled();
insert into class_students (class_id, student_id) values (pg_temp.id('enrolment'), pg_temp.id('d')), (pg_temp.id('enrolment'), pg_temp.id('e'));
select pg_temp.settled();
select is(pg_temp.attendance('enrolment', '2026-03-02'), 'a absent, b absent, c absent, d present', 'who is enrolled after the lesson is present if they were there, and never absent');
delete from class_students where student_id = pg_temp.id('d');
select pg_temp.settled();
select pg_temp.told('enrolment', 'l', '2026-03-02', '{L d 1 08:41}');
select is(pg_temp.attendance('enrolment', '2026-03-02'), 'a absent, b absent, c absent, d present', 'unenrolling takes nothing away');
-- An address, and a registration.
select pg_temp.lesson('address', '2026-03-02T08:00Z');
select pg_temp.told('address', 'l', '2026-03-02', '{S 08:00,J x 1 08:00,L x 1 08:40,E 08:45}'), pg_temp.told('address', 'l', '2026-03-02', '{J y 2 08:00,L y 2 08:40}', '{"registrant_id": "reg-b"}');
select pg_temp.settled();
select is(pg_temp.attendance('address', '2026-03-02'), 'a absent, b absent, c absent', 'two guests whom nobody knows');
update users set email = 'X@school.test' where id = pg_temp.id('a');
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values (pg_temp.id('address'), pg_temp.id('b'), 'reg-b');
select pg_temp.settled();
select is(pg_temp.attendance('address', '2026-03-02'), 'b present, c absent, x present', 'until the school writes whose the address and the registration are');
update users set email = 'a@school.test' where id = pg_temp.id('a');
select pg_temp.settled();
select is(pg_temp.attendance('address', '2026-03-02'), 'a present, b present, c absent', 'giving the address up again takes nothing away');
-- A visit to the page.
select pg_temp.lesson('page', '2026-03-02T08:00Z');
select pg_temp.told('page', 'l', '2026-03-02', '{S 08:00,J =A_Lind 1 08:00,L =A_Lind 1 08:40,E 08:45}');
select pg_temp.settled();
select is(pg_temp.attendance('page', '2026-03-02'), 'a absent, b absent, c absent', 'a name alone is nobody');
insert into zoom.visits (meeting_id, user_id, at, kind) values (pg_temp.id('page'), pg_temp.id('a'), '2026-03-02T07:59Z', 'opened');
select pg_temp.settled();
select is(pg_temp.attendance('page', '2026-03-02'), 'a present, b absent, c absent', 'until it is known that she opened the page');
-- A row for the number: the sidecar is told of it.
select is(public.catch_up_zoom('2025-12-31') -> 'numbers' @> jsonb_build_array(pg_temp.number('page')), true, 'numbers that rows were given since are told');
select is(public.catch_up_zoom() -> 'numbers', '[]', 'and none, where nobody asks since when');
insert into zoom_meetings (id, zoom_meeting_id, title, start_time, join_url, settings) values
  (pg_temp.id('spelt'), '830 111 2222', 'spelt', now(), 'https://zoom.test/j/5551112222?pwd=x', '{"use_pmi": true}');
select is((select array_agg(told order by told) from jsonb_array_elements_text(public.catch_up_zoom(now()) -> 'numbers') told where told in ('8301112222', '5551112222')),
  array['5551112222', '8301112222'], 'as digits, and that of a personal room');
update zoom.history set since = since - interval '1 day';
select is(public.catch_up_zoom(now()) -> 'numbers', '[]', 'and not those of long before');

-- The clock: a run whose end was never told.
create function pg_temp.day() returns date language sql as $$ select current_date + 1 $$;
select pg_temp.lesson('silent', pg_temp.day() + timetz '08:00Z');
select pg_temp.told('silent', 'l', pg_temp.day(), '{S 08:00,J a 1 08:00,J b 2 08:00,L b 2 08:40}');
select pg_temp.settled();
select is(pg_temp.attendance('silent', pg_temp.day()), 'b present', 'while the run goes on, who is in it is not judged');
-- 40 hours go by.
update zoom_meetings set start_time = start_time - interval '72 hours' where id = pg_temp.id('silent');
update zoom.history set was = was || jsonb_build_object('start_time', (was ->> 'start_time')::timestamptz - interval '72 hours') where row_key = pg_temp.id('silent')::text and until < 'infinity';
update zoom.lessons set starts_at = starts_at - interval '72 hours' where meeting_id = pg_temp.id('silent');
update zoom.instances set stated_start = stated_start - interval '72 hours', first_at = first_at - interval '72 hours' where meeting_id = pg_temp.id('silent');
update zoom.marks mark set at = at - interval '72 hours' from zoom.instances run where run.run_id = mark.run_id and run.meeting_id = pg_temp.id('silent');
delete from zoom.changes;
select pg_temp.settled();
select is((select ended_at from zoom.instances where meeting_id = pg_temp.id('silent')), pg_temp.day() - 3 + timetz '08:40Z', 'thirty hours after its begin it is over, at the last thing heard of it');
select is(pg_temp.attendance('silent', pg_temp.day() - 3), 'a present, b present, c absent', 'and everybody is judged');
select is((select status from zoom_meetings where id = pg_temp.id('silent')), 'ended', 'and the meeting has ended');

-- A meeting that cannot be judged is put off by itself.
select pg_temp.lesson('broken', '2026-03-02T08:00Z'), pg_temp.lesson('sound', '2026-03-03T08:00Z');
select pg_temp.told('broken', 'l', '2026-03-02', '{S 08:00,J x 1 08:00,L x 1 08:40,E 08:45}'), pg_temp.told('sound', 'l', '2026-03-03', '{S 08:00,J x 1 08:00,L x 1 08:40,E 08:45}');
select pg_temp.settled();
create function pg_temp.break() returns trigger language plpgsql as $$ begin raise exception 'broken' using errcode = 'XX000'; end $$;
create trigger breaks before update on zoom_participants for each row when (old.meeting_id = '00000000-0000-4000-8000-000000000000') execute function pg_temp.break();
do $$ begin execute format('drop trigger breaks on zoom_participants; create trigger breaks before update or delete on zoom_participants for each row when (old.meeting_id = %L) execute function pg_temp.break()', pg_temp.id('broken')); end $$;
update users set email = 'x@school.test' where id = pg_temp.id('e');
insert into class_students (class_id, student_id) values (pg_temp.id('broken'), pg_temp.id('e')), (pg_temp.id('sound'), pg_temp.id('e'));
create temporary table answers as select public.catch_up_zoom() as said from generate_series(1, 6);
select is((select count(*) from answers where said -> 'failed' = jsonb_build_array(jsonb_build_object('meeting', pg_temp.number('broken'), 'code', 'XX000'))), 1::bigint, 'which is told once, by its number');
select is(pg_temp.attendance('sound', '2026-03-03'), 'a absent, b absent, c absent, x present', 'the others go on');
select is((select failures || ' ' || (not_before > now()) from zoom.due own join zoom.instances run using (run_id) where run.meeting_id = pg_temp.id('broken')), '1 true', 'it is put off');
select is(public.catch_up_zoom() -> 'held', jsonb_build_array(jsonb_build_object('meeting', pg_temp.number('broken'), 'code', 'XX000', 'since', now())), 'which every call tells');
drop trigger breaks on zoom_participants;
update zoom.due set not_before = now();
select pg_temp.settled();
select is(pg_temp.attendance('broken', '2026-03-02'), 'a absent, b absent, c absent, x present', 'and done when it can be');
select is(pg_temp.due(), 0::bigint, 'and then nothing is due');

-- What somebody chooses ----------------------------------------------------------------------------------------------------------
select pg_temp.lesson('chosen', '2026-03-02T08:00Z', 'recurring');
select pg_temp.told('chosen', 'o1', '2026-03-02', '{S 08:00,J z 1 08:00,L z 1 08:40,E 08:45}'), pg_temp.told('chosen', 'o2', '2026-03-09', '{S 08:00,J a 2 08:00,L a 2 08:40,E 08:45}'),
  pg_temp.told('chosen', 'o2 again', '2026-03-09', '{S 08:50,J b 2 08:50,L b 2 09:20,E 09:25}');
select pg_temp.settled();
select is(public.rejudge_zoom(chosen), says::jsonb, chosen::text)
from (values
  ('{"meeting": "8300000000000"}'::jsonb, '{"outcome": "unknown_meeting", "lessons": 0, "runs": 0}'),
  ('{"class": "nobody''s"}', '{"outcome": "unknown_class", "lessons": 0, "runs": 0, "classes": []}'),
  (jsonb_build_object('meeting', pg_temp.number('chosen'), 'dry_run', true), '{"outcome": "ok", "lessons": 2, "runs": 3}'),
  (jsonb_build_object('meeting', regexp_replace(pg_temp.number('chosen'), '^(...)', '\1 '), 'date', '2026-03-09', 'dry_run', true), '{"outcome": "ok", "lessons": 1, "runs": 2}'),
  ('{"class": " CHOSEN ", "dry_run": true}', '{"outcome": "ok", "lessons": 2, "runs": 3}'),
  (jsonb_build_object('class', pg_temp.id('chosen'), 'since', '2026-03-05T00:00:00Z', 'dry_run', true), '{"outcome": "ok", "lessons": 1, "runs": 2}'),
  ('{"class": "chosen", "date": "2026-03-10", "dry_run": true}', '{"outcome": "ok", "lessons": 0, "runs": 0}')
) as told (chosen, says);
select is(pg_temp.due(), 0::bigint, 'who only counts has nothing judged');
insert into classes (id, name, grade, section, subject) values (pg_temp.id('another'), 'Chosen', '', '', '');
select is(public.rejudge_zoom('{"class": "chosen"}') ->> 'outcome', 'ambiguous_class', 'two classes of one name are told');
select is(jsonb_array_length(public.rejudge_zoom('{"class": "chosen"}') -> 'classes'), 2, 'with their ids');

-- What was wrong, and not changed: a's address was z all the time.
select pg_temp.at('2026-03-20', format('update users set email = %L where id = %L', 'z@school.test', pg_temp.id('c')));
select pg_temp.settled();
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, b absent, z present', 'what it lacked it has by itself');
select pg_temp.at('2026-03-21', format('update users set email = %L where id = %L', 'c@school.test', pg_temp.id('c')));
select pg_temp.at('2026-03-22', format('update users set email = %L where id = %L', 'z@school.test', pg_temp.id('b')));
select pg_temp.settled();
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, c present, z absent', 'whose it was first it stays');
select is(public.rejudge_zoom(jsonb_build_object('meeting', pg_temp.number('chosen'), 'date', '2026-03-02')), '{"outcome": "ok", "lessons": 1, "runs": 1}', 'judged anew by the data of then');
select is(public.rejudge_left(), '{"left": 1}', 'which is noted');
select pg_temp.settled();
select is(public.rejudge_left(), '{"left": 0}', 'and done');
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, c present, z absent', 'it is the same');
select public.rejudge_zoom(jsonb_build_object('meeting', pg_temp.number('chosen'), 'date', '2026-03-02', 'as_of_now', true));
select pg_temp.settled();
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, c absent, z present', 'and by the data of today it is whose it is today');
select pg_temp.told('chosen', 'o1', '2026-03-02', '{L z 1 08:41}');
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, c absent, z present', 'which stays so when more is told');
select public.rejudge_zoom(jsonb_build_object('meeting', pg_temp.number('chosen'), 'date', '2026-03-02'));
select pg_temp.settled();
select is(pg_temp.attendance('chosen', '2026-03-02'), 'a absent, c present, z absent', 'until it is chosen by the data of then again');

-- Who may ask.
select is((select string_agg(role || ' ' || called, ', ') from unnest(array['anon', 'authenticated']) role,
  unnest(array['public.catch_up_zoom(timestamptz, integer)', 'public.rejudge_zoom(jsonb)', 'public.rejudge_left()', 'public.refused_zoom_rows(integer)', 'public.unmatched_zoom(integer)']) called
  where has_function_privilege(role, called, 'execute')), null, 'no visitor and no user may ask any of it');
set local role service_role;
select lives_ok($$ select public.catch_up_zoom(), public.rejudge_zoom('{}'), public.rejudge_left(), public.refused_zoom_rows(), public.unmatched_zoom() $$, 'the service role can, with all that it needs');
select lives_ok($$ select public.catch_up_zoom() from generate_series(1, 30) $$, 'and judge what it chose');
reset role;

select * from finish();
rollback;
