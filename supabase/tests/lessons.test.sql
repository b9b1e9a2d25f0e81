-- Which lesson a run belongs to, and when that lesson was.
begin;
\ir school.psql
select no_plan();

-- Windows: an hour before the start to an hour after the end, both included ---------------------------------------------------
select pg_temp.lesson('windows', '2026-03-02T08:00Z');
select pg_temp.told('windows', 'early', '2026-03-02', '{S 06:00,J a 1 06:00,L a 1 06:30,E 06:59:59}');
select pg_temp.told('windows', 'just early', '2026-03-02', '{S 06:01,J a 1 06:01,L a 1 06:20,E 07:00}');
select pg_temp.told('windows', 'in it', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 09:00}');
select pg_temp.told('windows', 'just late', '2026-03-02', '{S 10:00,J b 1 10:00,L b 1 10:10,E 10:10}');
select pg_temp.told('windows', 'late', '2026-03-02', '{S 10:00:01,J c 1 10:00:01,L c 1 10:30,E 10:30}');
select is(pg_temp.lesson_of('windows', run), lesson, run)
from (values ('early', 'unplanned'), ('just early', 'planned 02 Mar 08:00'), ('in it', 'planned 02 Mar 08:00'), ('just late', 'planned 02 Mar 08:00'), ('late', 'unplanned')) as told (run, lesson);

-- The margin is the school's.
insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values ('-infinity', 15, 'UTC', 'corroborate', '1 hour'),
  ('2026-03-03T00:00Z', 15, 'UTC', 'corroborate', '10 minutes'), ('2026-03-04T00:00Z', 15, 'UTC', 'corroborate', '1 hour');
select pg_temp.lesson('margin', '2026-03-03T08:00Z');
select pg_temp.told('margin', 'early', '2026-03-03', '{S 07:30,J a 1 07:30,L a 1 07:45,E 07:49:59}');
select pg_temp.told('margin', 'just early', '2026-03-03', '{S 07:30:01,J a 1 07:30:01,L a 1 07:45,E 07:50}');
select is(pg_temp.lesson_of('margin', 'early'), 'unplanned', 'a run that ended before the margin of ten minutes');
select is(pg_temp.lesson_of('margin', 'just early'), 'planned 03 Mar 08:00', 'and one that reaches into it');

-- A one-off is moved ----------------------------------------------------------------------------------------------------------
select pg_temp.lesson('moved', '2026-03-02T08:00Z');
select pg_temp.told('moved', 'w1', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select pg_temp.at('2026-03-02T12:00Z', format('update zoom_meetings set start_time = %L where id = %L', '2026-03-09T08:00Z', pg_temp.id('moved')));
select pg_temp.told('moved', 'w2', '2026-03-09', '{S 08:00,J b 2 08:00,L b 2 08:40,E 08:45}');
select is(pg_temp.attendance('moved', '2026-03-02'), 'a present, b absent, c absent', 'the lesson that was held keeps its records');
select is(pg_temp.attendance('moved', '2026-03-09'), 'a absent, b present, c absent', 'and the moved plan has its own');
select pg_temp.told('moved', 'old place', '2026-03-02', '{S 08:50,J c 3 08:50,L c 3 09:20,E 09:20}');
select is(pg_temp.lesson_of('moved', 'old place'), 'planned 02 Mar 08:00', 'what began before the change belongs to the old start, whenever it is told');
select pg_temp.at('2026-03-09T09:10Z', format('update zoom_meetings set start_time = %L where id = %L', '2026-03-16T08:00Z', pg_temp.id('moved')));
select pg_temp.told('moved', 'too late', '2026-03-09', '{S 09:20,J c 4 09:20,L c 4 09:50,E 09:50}');
select is(pg_temp.lesson_of('moved', 'too late'), 'unplanned', 'a start that was replaced takes only runs that began before that');
select pg_temp.at('2026-03-16T07:00Z', format('update zoom_meetings set title = %L, duration = 30 where id = %L', 'renamed', pg_temp.id('moved')));
select pg_temp.told('moved', 'w3', '2026-03-16', '{S 08:00,J a 5 08:00,L a 5 08:40,E 08:45}');
select is((select count(*) from zoom.lessons where meeting_id = pg_temp.id('moved')), 3::bigint, 'changing anything else makes no new lesson');
select is((select ends_at from zoom.lessons where meeting_id = pg_temp.id('moved') and starts_at = '2026-03-16T08:00Z'), '2026-03-16T08:30Z'::timestamptz, 'its length is that of its first run''s begin');

-- Two windows: the nearest start, then the start that was given later.
select pg_temp.lesson('two', '2026-03-02T08:00Z', minutes => 30);
select pg_temp.at('2026-03-02T07:00Z', format('update zoom_meetings set start_time = %L where id = %L', '2026-03-02T10:00Z', pg_temp.id('two')));
select pg_temp.told('two', 'first', '2026-03-02', '{S 06:55,J a 1 06:55,L a 1 09:10,E 09:10}');
select is(pg_temp.lesson_of('two', 'first'), 'planned 02 Mar 08:00', 'of two windows that of the nearest start');
select pg_temp.lesson('tie', '2026-03-02T08:00Z', minutes => 30);
select pg_temp.at('2026-03-02T09:30Z', format('update zoom_meetings set start_time = %L where id = %L', '2026-03-02T10:00Z', pg_temp.id('tie')));
select pg_temp.told('tie', 'between', '2026-03-02', '{S 09:00,J a 1 09:00,L a 1 09:20,E 09:20}');
select is(pg_temp.lesson_of('tie', 'between'), 'planned 02 Mar 10:00', 'of two as near the one that was given later');

-- A run that no window takes --------------------------------------------------------------------------------------------------
select pg_temp.lesson('weekly', '2026-03-02T08:00Z', 'recurring');
select pg_temp.told('weekly', 'o1', '2026-03-04', '{S 22:30,J a 1 22:30,L a 1 23:10,E 23:20}');
select pg_temp.told('weekly', 'o2', '2026-03-05', '{S 00:20,J b 2 00:20,L b 2 00:40,E 00:41}');
select is(pg_temp.lesson_of('weekly', 'o1'), 'made 04 Mar 22:30', 'a run of a recurring meeting makes its own lesson');
select is(pg_temp.lesson_of('weekly', 'o2'), 'made 04 Mar 22:30', 'a restart joins it, past midnight, too');
select is(pg_temp.attendance('weekly', '2026-03-04'), 'a present, b present, c absent', 'and counts for its date');
select pg_temp.told('weekly', 'o3', '2026-03-11', '{S 08:00,J c 3 08:00,L c 3 08:40,E 08:45}');
select is(pg_temp.attendance('weekly', '2026-03-11'), 'a absent, b absent, c present', 'the next week is another');
select pg_temp.told('weekly', 'o4', '2026-03-12', '{S 08:00,J a 4 08:00,L a 4 08:03,E 08:03:10}');
select is(pg_temp.attendance('weekly', '2026-03-12'), 'a partial', 'one of three minutes makes nobody absent');
select pg_temp.told('weekly', 'o5', '2026-03-15', '{S 17:00,J teacher 5 17:00,L teacher 5 17:30,E 17:31}');
select is(pg_temp.attendance('weekly', '2026-03-15'), 'none', 'nor does one that only the teacher was in');

select pg_temp.lesson('at once', '2026-03-02T08:00Z', 'instant');
select pg_temp.told('at once', 'now', '2026-03-02', '{S 13:00,J a 1 13:00,L a 1 13:40,E 13:45}');
select is((select (starts_at, ends_at) from zoom.lessons where meeting_id = pg_temp.id('at once')), row('2026-03-02T13:00Z'::timestamptz, '2026-03-02T13:45Z'::timestamptz), 'an instant meeting''s lesson is as long as its run');

-- Of a one-off: if the planned lesson was not held, and it came after the start, or before the row was made.
select pg_temp.lesson('later', '2026-03-02T08:00Z');
select pg_temp.told('later', 'wednesday', '2026-03-04', '{S 10:00,J teacher 1 10:00,J a 2 10:00,L a 2 10:40,L teacher 1 10:45,E 10:45}');
select is(pg_temp.attendance('later', '2026-03-04'), 'a present, b absent, c absent', 'a lesson that was held on another day');
select is(pg_temp.attendance('later', '2026-03-02'), 'none', 'and none on the day it was planned for');
select pg_temp.told('later', 'planned', '2026-03-02', '{S 08:00,J teacher 1 08:00,J b 2 08:00,L b 2 08:40,L teacher 1 08:45,E 08:45}');
select is(pg_temp.lesson_of('later', 'wednesday'), 'unplanned', 'the planned one was held after all, as comes out late: the other counts nothing');
select is(pg_temp.attendance('later', '2026-03-04'), 'none', 'and what it had said is taken back');
select is(pg_temp.attendance('later', '2026-03-02'), 'a absent, b present, c absent', 'for what was held');

select pg_temp.lesson('before', '2026-03-02T08:00Z');
select pg_temp.told('before', 'sunday', '2026-03-01', '{S 15:00,J teacher 1 15:00,J a 2 15:01,L a 2 15:21,E 15:22}');
select is(pg_temp.lesson_of('before', 'sunday'), 'unplanned', 'a trial run before the planned lesson is none');
select is(pg_temp.attendance('before', '2026-03-01'), 'none', 'and marks nobody');
select pg_temp.at('2026-03-01T18:00Z', format('update zoom_meetings set start_time = %L where id = %L', '2026-03-01T15:00Z', pg_temp.id('before')));
select pg_temp.catch_up();
select is(pg_temp.lesson_of('before', 'sunday'), 'planned 01 Mar 15:00', 'until the meeting is planned for its time');
select is(pg_temp.attendance('before', '2026-03-01'), 'a present, b absent, c absent', 'then it is the lesson');

select pg_temp.lesson('typed in late', '2026-03-20T08:00Z', made => '2026-03-05');
select pg_temp.told('typed in late', 'held', '2026-03-03', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select is(pg_temp.lesson_of('typed in late', 'held'), 'made 03 Mar 08:00', 'a run of before its row was made is a lesson');

-- Cancelled -------------------------------------------------------------------------------------------------------------------
select pg_temp.lesson('cancelled', '2026-03-02T08:00Z');
select pg_temp.at('2026-03-01T08:00Z', format('update zoom_meetings set status = %L where id = %L', 'cancelled', pg_temp.id('cancelled')));
select pg_temp.told('cancelled', 'one', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select is(pg_temp.lesson_of('cancelled', 'one'), 'cancelled', 'a student alone in a cancelled meeting makes no lesson');
select is(pg_temp.attendance('cancelled', '2026-03-02'), 'none', 'and marks nobody');
select is((select status from zoom_meetings where id = pg_temp.id('cancelled')), 'cancelled', 'and it stays cancelled');
select pg_temp.told('cancelled', 'one', '2026-03-02', '{J teacher 2 08:01,L teacher 2 08:40}');
select is(pg_temp.attendance('cancelled', '2026-03-02'), 'a present, b absent, c absent', 'with one of the staff in it, it was held');
select is((select status from zoom_meetings where id = pg_temp.id('cancelled')), 'ended', 'and its status says so');
select pg_temp.lesson('cancelled later', '2026-03-02T08:00Z');
select pg_temp.told('cancelled later', 'one', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,E 08:45}');
select pg_temp.at('2026-03-02T09:00Z', format('update zoom_meetings set status = %L where id = %L', 'cancelled', pg_temp.id('cancelled later')));
select pg_temp.catch_up();
select is(pg_temp.attendance('cancelled later', '2026-03-02'), 'a present, b absent, c absent', 'cancelling takes nothing from a run that had begun');
select is((select status from zoom_meetings where id = pg_temp.id('cancelled later')), 'cancelled', 'and stays what people wrote');
select pg_temp.told('cancelled later', 'one', '2026-03-02', '{L a 1 08:41}');
select is((select status from zoom_meetings where id = pg_temp.id('cancelled later')), 'cancelled', 'whatever comes late of it');

-- Lesson time -----------------------------------------------------------------------------------------------------------------
select pg_temp.lesson('time', '2026-03-02T08:00Z');
select pg_temp.told('time', 'l', '2026-03-02', '{S 07:30,J a 1 07:30,L a 1 07:50,J b 2 07:30,L b 2 08:20,J teacher 3 07:55,L teacher 3 09:10,J c 4 09:00,L c 4 09:30,E 09:30}');
select is(pg_temp.attendance('time', '2026-03-02'), 'a absent, b present, c partial', 'what is before the staff came, or after they left and the plan was over, is no lesson time');
select is((select (counts_from, counts_until) from zoom.lessons where meeting_id = pg_temp.id('time')), row('2026-03-02T07:55Z'::timestamptz, '2026-03-02T09:10Z'::timestamptz), 'the plan is widened by the staff''s coming and leaving');
select pg_temp.lesson('alone', '2026-03-02T08:00Z');
select pg_temp.told('alone', 'l', '2026-03-02', '{S 07:30,J a 1 07:30,L a 1 07:50,J b 2 08:00,L b 2 08:40,E 08:45}');
select is(pg_temp.attendance('alone', '2026-03-02'), 'a present, b present, c absent', 'without staff all of it counts');
select pg_temp.lesson('somewhere else', '2026-03-02T08:00Z', 'recurring');
select pg_temp.told('somewhere else', 'with staff', '2026-03-02', '{S 08:00,J teacher 3 08:00,J a 1 08:00,E 09:00}');
select pg_temp.told('somewhere else', 'without', '2026-03-09', '{S 08:00,J a 1 08:00,J b 2 08:00,L a 1 08:40,E 09:00}');
select is(pg_temp.attendance('somewhere else', '2026-03-09'), 'a present, b present', 'where the staff is known and did not come, nobody is absent');

-- A run that only one person was in does not count beside one that two were in.
select pg_temp.lesson('two runs', '2026-03-02T08:00Z');
select pg_temp.told('two runs', 'trial', '2026-03-02', '{S 07:40,J c 1 07:40,L c 1 07:59,E 08:00}');
select pg_temp.told('two runs', 'lesson', '2026-03-02', '{S 08:01,J a 1 08:01,J b 2 08:01,L a 1 08:40,L b 2 08:40,E 08:45}');
select is(pg_temp.attendance('two runs', '2026-03-02'), 'a present, b present, c absent', 'who was alone in the first run was not there');
select is((select string_agg(instance || ' ' || counts, ', ' order by instance) from zoom.instances where meeting_id = pg_temp.id('two runs')), 'lesson true, trial false', 'which does not count');

-- When it is over -------------------------------------------------------------------------------------------------------------
select pg_temp.lesson('over', '2026-03-02T08:00Z', 'recurring');
select pg_temp.told('over', 'o1', '2026-03-02', '{S 08:00,J a 1 08:00,J b 2 08:00,L b 2 08:40}');
select is((select ended_at from zoom.instances where meeting_id = pg_temp.id('over') and instance = 'o1'), '2026-03-02T08:40Z'::timestamptz, 'a run of long ago is over by the clock, at the last thing heard of it');
select is(pg_temp.attendance('over', '2026-03-02'), 'a present, b present, c absent', 'and an open stay ends there');
-- On a day to come no clock says so.
create function pg_temp.day(n integer default 1) returns date language sql as $$ select current_date + n $$;
select pg_temp.lesson('running', pg_temp.day() + timetz '08:00Z', 'recurring');
select pg_temp.told('running', 'o1', pg_temp.day(), '{S 08:00,J a 1 08:00,J b 2 08:00,L b 2 08:40}');
select is(pg_temp.attendance('running', pg_temp.day()), 'b present', 'while it runs, who has left is judged');
select is((select status from zoom_meetings where id = pg_temp.id('running')), 'started', 'and the meeting runs');
select pg_temp.told('running', 'o2', pg_temp.day(8), '{S 08:00,J c 3 08:00}');
select is(pg_temp.attendance('running', pg_temp.day()), 'a present, b present, c absent', 'a later run says that it is over');
select pg_temp.told('running', 'o1', pg_temp.day(), '{E 08:10}');
select is((select ended_at from zoom.instances where meeting_id = pg_temp.id('running') and instance = 'o1'), pg_temp.day() + timetz '08:10Z', 'the end that was told is the end');
select is(pg_temp.attendance('running', pg_temp.day()), 'a partial, b present', 'whatever was thought before: of ten minutes, that makes nobody absent');
select pg_temp.lesson('early end', pg_temp.day() + timetz '08:00Z');
select pg_temp.told('early end', 'before', pg_temp.day(), '{S 07:30,J teacher 1 07:30,E 07:40}');
select is(pg_temp.attendance('early end', pg_temp.day()), 'none', 'a run that ended before the planned start makes nobody absent');

-- A kind that is only told.
select pg_temp.lesson('waiting', '2026-03-02T08:00Z');
select pg_temp.told('waiting', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,L a 1 08:40,waiting_joined b 2 08:00,waiting_left b 2 08:40,E 08:45}');
select is(pg_temp.attendance('waiting', '2026-03-02'), 'a present, b absent, c absent', 'who only waited was not there');
select is((select people from zoom.instances where meeting_id = pg_temp.id('waiting')), 1, 'and is no person in the run');
select is((select count(*) from zoom_participants where meeting_id = pg_temp.id('waiting')), 1::bigint, 'and is not shown');
select pg_temp.lesson('only waiting', '2026-03-02T08:00Z');
select is(pg_temp.told('only waiting', 'l', '2026-03-02', '{waiting_joined b 2 08:00}'), 'applied', 'a run of which only that is told is kept');
select is((select started_at from zoom.instances where meeting_id = pg_temp.id('only waiting')), null, 'and never began');
select is((select status from zoom_meetings where id = pg_temp.id('only waiting')), 'scheduled', 'nor did its meeting');
insert into zoom.kinds (kind, told_by, concerns, counts) values ('waved', 'zoom', 'person', null);
select is(pg_temp.told('waiting', 'l', '2026-03-02', '{waved c 3 08:10}'), 'applied', 'a kind that is listed as told only is taken');
select is(pg_temp.attendance('waiting', '2026-03-02'), 'a present, b absent, c absent', 'and counts for nothing');
select throws_ok($$ select pg_temp.told('waiting', 'l', '2026-03-02', '{sang c 3 08:10}') $$, '22023', 'event 1 is not a fact', 'one that is not listed is refused');

select * from finish();
rollback;
