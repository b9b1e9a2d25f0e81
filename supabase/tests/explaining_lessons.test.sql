-- Why a student's attendance is what it is, where it depends on which lesson, whose connection, and what counted: in words that are true.
begin;
\ir school.psql
select plan(44);
select set_config('request.jwt.claims', '{"role": "service_role"}', true);

create function pg_temp.why(called text, who text, day date default '2026-03-02', number text default null) returns jsonb language sql as $$
  select public.explain_attendance(coalesce(number, pg_temp.number(called)), who || '@school.test', day)
$$;
-- The events in short: kind hh:mm, what is cut off, and why it does not count.
create function pg_temp.events(answer jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', e ->> 'kind', to_char((e ->> 'at')::timestamptz at time zone 'UTC', 'HH24:MI'), 'cut ' || nullif(replace(e ->> 'cut', '"', ''), '[]'),
    case when e ->> 'why' is not null then format('(%s)', e ->> 'why') end), ', ' order by n)
  from jsonb_array_elements(answer -> 'events') with ordinality t (e, n)
$$;
create function pg_temp.others(answer jsonb) returns text language sql as $$
  select string_agg(concat_ws(' ', replace(replace(o ->> 'shows', '"', ''), ' ', ''), case when not (o ->> 'was_in')::boolean then 'waiting' end, o ->> 'why'), ' | ' order by n)
  from jsonb_array_elements(answer -> 'others') with ordinality t (o, n)
$$;
create function pg_temp.span(found jsonb, first text, last text) returns text language sql as $$
  select concat_ws('-', to_char((found ->> first)::timestamptz at time zone 'UTC', 'HH24:MI'), to_char((found ->> last)::timestamptz at time zone 'UTC', 'HH24:MI'))
$$;

-- Time before the lesson, staff, and who only waited.
select pg_temp.lesson('time', '2026-03-02 08:00Z');
select pg_temp.told('time', 't', '2026-03-02', array['S 07:50', 'J teacher t 07:55', 'waiting_joined a 1 07:50', 'J a 1 07:51', 'L a 1 08:10', 'waiting_joined c 3 08:00', 'waiting_left c 3 08:20',
  'J b 2 08:50', 'L b 2 09:30', 'L teacher t 09:10', 'E 09:40']);
select is(pg_temp.events(pg_temp.why('time', 'a')),
  'waiting_joined 07:50 (whoever waits to be let in is not in the lesson), joined 07:51 cut [before], left 08:10', 'time before the lesson does not count');
select is(pg_temp.why('time', 'a') -> 'seconds', '900', 'and the rest does');
select is(pg_temp.why('time', 'a') ->> 'rule', 'present from 15 minutes: 15 minutes', 'which is enough');
select is(pg_temp.events(pg_temp.why('time', 'b')), 'joined 08:50 cut [after], left 09:30', 'nor does time after it');
select is(pg_temp.span(pg_temp.why('time', 'b') #> '{intervals,0}', 'from', 'to'), '08:50-09:10', 'which ends with the planned time, or when the staff leaves');
select is(pg_temp.span(pg_temp.why('time', 'b') #> '{lessons,0}', 'counts_from', 'counts_until'), '07:55-09:10', 'the lesson says so');
select is(pg_temp.why('time', 'b') #>> '{lessons,0,why}', 'the meeting was planned for it', 'and why there is one');
select is(pg_temp.events(pg_temp.why('time', 'c')), 'waiting_joined 08:00 (whoever waits to be let in is not in the lesson), waiting_left 08:20 (whoever waits to be let in is not in the lesson)', 'who only waited is told of');
select is(pg_temp.why('time', 'c') ->> 'rule', 'absent: the lesson is over, and they were not seen in it', 'and was not in it');
select is(pg_temp.why('time', 'c') ->> 'outlook', 'Nothing more is expected.', 'nothing more is expected');
select matches(pg_temp.why('time', 'c') ->> 'changes', 'comes late.*enrolment.*rejudge', 'and it is said what would change it');

-- Runs: one of a single person, one beyond every window, one that was cancelled, and one whose end was never told.
select pg_temp.lesson('runs', '2026-03-02 08:00Z');
select pg_temp.told('runs', 'alone', '2026-03-02', array['S 07:30', 'J a 1 07:30', 'L a 1 07:50', 'E 07:50']);
select pg_temp.told('runs', 'held', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'J c 3 08:00', 'L b 2 08:00:59', 'L c 3 08:40']);
select pg_temp.told('runs', 'late', '2026-03-02', array['S 16:00', 'J a 5 16:00', 'J b 6 16:00', 'L a 5 16:20', 'E 16:30']);
select is(pg_temp.events(pg_temp.why('runs', 'a')),
  'joined 07:30 (that run does not count: only one person was in it, and in another run of the lesson there were more), left 07:50 (that run does not count: only one person was in it, and in another run of the lesson there were more), '
  || 'joined 16:00 (that run belongs to no lesson: the meeting was not planned for its time), left 16:20 (that run belongs to no lesson: the meeting was not planned for its time)', 'what does not count, and why');
select is(pg_temp.why('runs', 'a') ->> 'verdict', 'absent', 'so they were not seen');
select is((select string_agg(concat_ws(' ', r ->> 'instance', r ->> 'end_told', r ->> 'counts', r ->> 'no_lesson'), ', ' order by n) from jsonb_array_elements(pg_temp.why('runs', 'a') -> 'runs') with ordinality t (r, n)),
  'alone true false, held false true, late true false unplanned', 'the runs, and whether their ends were told');
select is(pg_temp.span(pg_temp.why('runs', 'a') #> '{runs,1}', 'started_at', 'ended_at'), '08:00-08:40', 'the last thing heard stands in the place of an end');
select is(pg_temp.why('runs', 'a') ->> 'outlook', 'Nothing more is expected. Zoom never told the end, and the last thing heard stands in its place.', 'which is said');
select is(pg_temp.why('runs', 'b') ->> 'rule', 'partial: 59 seconds of the 15 minutes that are needed', 'seconds are spelt, and minutes too');

select pg_temp.lesson('none', '2026-03-09 08:00Z');
select pg_temp.told('none', 'r', '2026-03-02', array['S 08:00', 'J a 1 08:00', 'J b 2 08:00', 'L a 1 08:20', 'E 08:45']);
select is(pg_temp.why('none', 'a') ->> 'rule', 'no attendance is kept: it belongs to no lesson, since the meeting was not planned for its time', 'no lesson');
select is(pg_temp.why('none', 'a') -> 'seconds', '0', 'no seconds');
select matches(pg_temp.why('none', 'a') ->> 'changes', '^If it was a lesson, planning the meeting for that time makes it count', 'and what would make one');
select pg_temp.at('2026-02-01', format('update zoom_meetings set status = ''cancelled'' where id = %L', pg_temp.id('none')));
select pg_temp.told('none', 'r2', '2026-03-09', array['S 08:00', 'J a 1 08:00', 'J b 2 08:00', 'L a 1 08:20', 'E 08:45']);
select is(pg_temp.why('none', 'a', '2026-03-09') ->> 'rule', 'no attendance is kept: it belongs to no lesson, since the meeting had been cancelled when it began', 'or a cancelled one');

-- Not absent, and why.
select pg_temp.lesson('before', '2026-03-02 08:00Z');
select pg_temp.told('before', 'r', '2026-03-02', array['S 07:30', 'J b 2 07:30', 'L b 2 07:50', 'E 07:50']);
select is(pg_temp.why('before', 'a') ->> 'rule', 'nobody is absent: what was held of the lesson ended before its start', 'nothing of the lesson was held yet');
select matches(pg_temp.why('before', 'a') ->> 'outlook', 'only if the lesson is still to be held', 'and perhaps it will be');
select pg_temp.lesson('short', '2026-03-02 08:00Z', 'recurring');
select pg_temp.told('short', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'J teacher t 08:00', 'L b 2 08:05', 'E 08:10']);
select is(pg_temp.why('short', 'a') ->> 'rule', 'nobody is absent: a lesson that was not planned makes nobody absent unless it lasted for 15 minutes', 'too short a lesson');
select pg_temp.told('short', 'r2', '2026-03-03', array['S 08:00', 'J b 2 08:00', 'J c 3 08:00', 'E 08:45']);
select is(pg_temp.why('short', 'a', '2026-03-03') ->> 'rule',
  'nobody is absent: a lesson that was not planned makes nobody absent unless it was held, and none of the staff was recognised in what counts of it', 'one without staff');
select pg_temp.lesson('later', '2026-03-02 08:00Z');
select pg_temp.at('2026-01-02', format('delete from class_students where class_id = %L and student_id = %L', pg_temp.id('later'), pg_temp.id('a')));
select pg_temp.told('later', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'E 08:45']);
select is(pg_temp.why('later', 'a') ->> 'rule', 'not enrolled in the class, so no attendance is kept', 'not enrolled');
select pg_temp.at(now() + interval '1 day', format('insert into class_students (class_id, student_id) values (%L, %L)', pg_temp.id('later'), pg_temp.id('a')));
select is(pg_temp.why('later', 'a') ->> 'rule', 'not absent: they were not enrolled yet when Zoom first told of the lesson', 'or only later');

-- Whose connection it was.
select pg_temp.lesson('who', '2026-03-02 08:00Z');
select pg_temp.at('2026-01-01', format('insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url) values (%L, %L, ''reg-a'', '''')', pg_temp.id('who'), pg_temp.id('a')));
select pg_temp.told('who', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'L b 2 08:40'], '{"registrant_id": "reg-a"}');
select pg_temp.told('who', 'r', '2026-03-02', array['S 08:00', 'J b 4 08:05', 'L b 4 08:40'], '{"name": "C Lind"}');
select pg_temp.told('who', 'r', '2026-03-02', array['S 08:00', 'J =B_Lind 6 08:00', 'L b 2 08:40', 'E 08:45'], '{"name": "B Lind"}');
select is(pg_temp.others(pg_temp.why('who', 'a')), '[registration] it is registered as them, but the e-mail is B Lind''s, and the e-mail decides', 'a registration against the e-mail: to who is registered');
select is(pg_temp.why('who', 'b') -> 'remarks', '["A connection that counts as theirs is registered as A Lind, but the e-mail is their own: the e-mail decides.",
  "Two names were shown under their account at the same time, B Lind and C Lind: both count as theirs."]', 'to whose e-mail it is; and two names at once');
select is(pg_temp.others(pg_temp.why('who', 'c')), '[name] its e-mail is that of B Lind', 'and whose name another account showed');
select is(pg_temp.why('who', 'c') -> 'events', '[]', 'of whom nothing was taken');

select pg_temp.lesson('tie', '2026-03-02 08:00Z');
select pg_temp.told('tie', 'r', '2026-03-02', array['S 08:00', 'J a 1 08:00'], '{"connection": "same"}');
select pg_temp.told('tie', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:10', 'E 08:45'], '{"connection": "same"}');
select is(pg_temp.others(pg_temp.why('tie', 'a')), '[email] it showed the e-mails of several users, and a tie is nobody', 'a tie is nobody, and both are told');
select is(pg_temp.others(pg_temp.why('tie', 'b')), '[email] it showed the e-mails of several users, and a tie is nobody', 'the other, too');

-- An address that was another's then; and one of which only waiting was told.
select pg_temp.lesson('former', '2026-03-02 08:00Z');
select pg_temp.told('former', 'r', '2026-03-02', array['S 08:00', 'J colleague 9 08:00', 'waiting_joined =B_Lind 3 08:00', 'J c 1 08:00', 'E 08:45']);
update zoom.history set since = '2026-01-01' where relation = 'users';
select pg_temp.at('2026-04-01', $$ update users set email = 'old@school.test' where email = 'colleague@school.test' $$);
select pg_temp.at('2026-04-02', $$ update users set email = 'colleague@school.test' where email = 'a@school.test' $$);
select is(pg_temp.others(pg_temp.why('former', 'colleague')), '[email] its e-mail was that of Colleague Lind when the run began', 'an address that was another''s');
select is(pg_temp.why('former', 'colleague') -> 'events', '[]', 'so that nothing was taken for its owner of today');
select matches(pg_temp.others(pg_temp.why('former', 'b')), '\[name\] waiting it only waited', 'somebody of their name only waited');

-- A personal room is found by its number, too; and a number in another spelling.
select pg_temp.lesson('personal', '2026-03-02 08:00Z');
select pg_temp.at('2026-01-02', format($q$ update zoom_meetings set settings = '{"use_pmi": true}', join_url = 'https://zoom.test/j/5551000017' where id = %L $q$, pg_temp.id('personal')));
select is(pg_temp.told('personal', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'L b 2 08:40', 'E 08:45'], number => '5551000017'), 'applied applied applied applied', 'events with the room''s number count');
select is(pg_temp.why('personal', 'b') ->> 'verdict', 'present', 'asked by the row''s number');
select is(pg_temp.why('personal', 'b', number => '555 100 0017') ->> 'verdict', 'present', 'asked by the room''s');

-- A record that the school's database refuses; and a meeting that is gone.
select pg_temp.lesson('refused', '2026-03-02 08:00Z');
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not on a Monday'; end $$;
create trigger refuse before insert or update on attendance_records for each row when (new.status = 'partial') execute function pg_temp.refuse();
select pg_temp.told('refused', 'r', '2026-03-02', array['S 08:00', 'J b 2 08:00', 'L b 2 08:10', 'J c 1 08:00', 'L c 1 08:40', 'E 08:45']);
select is(pg_temp.why('refused', 'b') ->> 'note', 'The school''s database refused the record partial: not on a Monday. It is tried again when something of it changes, and once an hour.', 'a refusal is told');
select is((pg_temp.why('refused', 'b') -> 'refused') - '{since,tried_at}'::text[], '{"wanted": "partial", "code": "P0001", "reason": "not on a Monday"}', 'with what it was');
select is(pg_temp.why('refused', 'b') -> 'overridden', 'false', 'and is nobody''s word');
delete from zoom_meetings where id = pg_temp.id('refused');
select is(pg_temp.why('refused', 'c') #>> '{meeting,title}', 'a meeting that was deleted', 'a meeting that is gone');
select is(pg_temp.why('refused', 'c') ->> 'record', 'present', 'can still be explained');

select * from finish();
rollback;
