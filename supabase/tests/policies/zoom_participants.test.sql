-- Participants are seen by those who run the meeting and by themselves; people write their own entry, and what Zoom said stays.
begin;
\ir people.psql
select plan(79);

select is(pg_temp.sees(who, $$ select name from zoom_participants $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'nothing'),
  ('student', 'nothing'),
  ('classmate', 'classmate'),
  ('other student', 'other student'),
  ('parent', 'nothing'),
  ('other parent', 'nothing'),
  ('class teacher', 'classmate, guest'),
  ('other teacher', 'other student'),
  ('host', 'classmate, guest'),
  ('admin', 'classmate, guest, other student'),
  ('service role', 'classmate, guest, other student')
) as matrix (who, seen);

-- What the app's page does when somebody opens a meeting, joins and leaves.
select is(pg_temp.tries(who, format($$
    insert into zoom_participants (meeting_id, user_id, name, email, status)
    values (pg_temp.id('lesson'), pg_temp.id(%1$L), %1$L, %1$L, 'invited') on conflict (meeting_id, user_id) do nothing $$, who)),
  outcome, format('%s opens the lesson: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('student', '1 row'), ('classmate', '0 rows'), ('other student', '42501'),
  ('parent', '1 row'), ('other parent', '42501'), ('class teacher', '1 row'), ('other teacher', '42501'), ('host', '1 row'), ('admin', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, format($$
    insert into zoom_participants (meeting_id, user_id, join_time, status) values (pg_temp.id('lesson'), pg_temp.id(%1$L), now(), 'joined')
    on conflict (meeting_id, user_id) do update set meeting_id = excluded.meeting_id, user_id = excluded.user_id, join_time = excluded.join_time, status = excluded.status $$, who)),
  outcome, format('%s joins the lesson: %s', who, outcome))
from (values
  ('student', '1 row'), ('classmate', '1 row'), ('other student', '42501'), ('parent', '1 row'), ('other teacher', '42501'), ('admin', '1 row')
) as matrix (who, outcome);
select is(pg_temp.after('classmate', $$
    update zoom_participants set leave_time = now(), duration = 5400, status = 'left' where meeting_id = pg_temp.id('lesson') and user_id = pg_temp.id('classmate') $$,
    $$ select status || ', ' || coalesce(duration::text, 'no duration') from zoom_participants where name = 'classmate' $$),
  'left, 5400', 'whoever leaves is shown as left, for as long as their page says until Zoom says it');

-- Forgeries.
select is(pg_temp.tries(who, $$
    insert into zoom_participants (meeting_id, user_id, name, status) values (pg_temp.id('lesson'), pg_temp.id('student'), 'forged', 'joined') $$),
  outcome, format('%s lets the student join: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('classmate', '42501'), ('other student', '42501'), ('parent', '42501'), ('class teacher', '42501'),
  ('other teacher', '42501'), ('host', '42501'), ('admin', '42501'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, $$ insert into zoom_participants (meeting_id, name, status) values (pg_temp.id('lesson'), 'a guest', 'joined') $$),
  outcome, format('%s invents a guest: %s', who, outcome))
from (values ('anon', '42501'), ('student', '42501'), ('host', '42501'), ('admin', '42501'), ('service role', '1 row')) as matrix (who, outcome);
select is(pg_temp.tries(who, $$ update zoom_participants set status = 'joined', duration = 5400 where name in ('classmate', 'guest') $$),
  outcome, format('%s writes the entries of others: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('former admin', '0 rows'), ('student', '0 rows'), ('other student', '0 rows'), ('parent', '0 rows'),
  ('class teacher', '0 rows'), ('other teacher', '0 rows'), ('host', '0 rows'), ('admin', '0 rows'), ('service role', '2 rows')
) as matrix (who, outcome);
select is(pg_temp.tries('classmate', $$ update zoom_participants set user_id = pg_temp.id('student') where name = 'classmate' $$), '42501', 'an entry cannot be made over to somebody else');
select is(pg_temp.tries('classmate', $$ update zoom_participants set meeting_id = pg_temp.id('assembly') where name = 'classmate' $$), '42501', 'nor taken to another meeting');
select is(pg_temp.tries('classmate', $$ update zoom_participants set id = pg_temp.id('new') where name = 'classmate' $$), '42501', 'nor to another id');
select is(pg_temp.tries('class teacher', $$ update zoom_participants set user_id = pg_temp.id('class teacher') where name = 'guest' $$), '0 rows', 'a guest''s entry cannot be claimed');
select is(pg_temp.tries('student', $$ update zoom_participants set status = 'left' $$), '0 rows', 'not even by a change that reads nothing');
select is(pg_temp.after('student', $$
    insert into zoom_participants (meeting_id, user_id, name, zoom_participant_id, duration, join_time, leave_time, status)
    values (pg_temp.id('lesson'), pg_temp.id('student'), 'student', 'forged', 5400, now() - interval '90 min', now(), 'left') $$,
    $$ select coalesce(duration::text, 'no duration') || ', ' || coalesce(zoom_participant_id, 'no connection') from zoom_participants where name = 'student' $$),
  '5400, no connection', 'a new entry does not say as which connection: only Zoom knows');

-- Once Zoom has seen somebody, their page changes nothing in the row.
select apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'joined', 'meeting', pg_temp.id('lesson')::text, 'instance', 'i==', 'at', now() - interval '90 minutes',
  'start', now() - interval '90 minutes', 'segment', '1', 'connection', 'c1', 'email', 'classmate@policies.test', 'name', 'Ben')));
select is(pg_temp.after('classmate', $$ update zoom_participants set status = 'left', leave_time = now(), name = 'nobody' where user_id = pg_temp.id('classmate') $$,
  $$ select name || ' ' || status from zoom_participants where user_id = pg_temp.id('classmate') $$), 'Ben joined', 'what Zoom said outranks the page, and the page goes on');
select is(pg_temp.tries('classmate', $$ update zoom_participants set status = 'left', leave_time = now() where user_id = pg_temp.id('classmate') $$), '1 row', 'the write itself succeeds');

select is(pg_temp.tries(who, $$ delete from zoom_participants where name = 'Ben' $$), outcome, format('%s deletes an entry: %s', who, outcome))
from (values
  ('anon', '42501'), ('classmate', '42501'), ('class teacher', '42501'), ('host', '42501'), ('admin', '42501'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, 'truncate zoom_participants cascade'), '42501', format('%s cannot empty the table', who))
from (values ('anon'), ('student'), ('host'), ('admin')) as matrix (who);

delete from class_students where student_id = pg_temp.id('other student');
select is(pg_temp.tries('other student', $$ update zoom_participants set status = 'joined' where name = 'other student' $$), '42501', 'whoever has left the class changes nothing in their entry');

-- Attendance is made of what Zoom saw, never of an entry, whatever it says.
select pg_temp.become('student');
insert into zoom_participants (meeting_id, user_id, name, duration, join_time, leave_time, status)
values (pg_temp.id('lesson'), pg_temp.id('student'), 'student', 5400, now() - interval '90 minutes', now(), 'joined');
reset role;
select apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'ended', 'meeting', pg_temp.id('lesson')::text, 'instance', 'i==',
  'at', now(), 'start', now() - interval '90 minutes')));
select is((select verdict from zoom.verdicts where student_id = pg_temp.id('student')), 'absent', 'whoever only says that they were there was absent');
select is((select verdict from zoom.verdicts where student_id = pg_temp.id('classmate')), 'present', 'whom Zoom saw was present');

select * from finish();
rollback;
