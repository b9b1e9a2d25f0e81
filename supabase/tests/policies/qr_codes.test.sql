-- QR codes are shown by class teachers, and students check in to the open ones of their class, each for themselves.
begin;
\ir people.psql
select plan(76);

select is(pg_temp.sees(who, 'select qr_code from qr_attendance_sessions'), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'nothing'),
  ('student', '7b closed code, 7b code, 7b old code'),
  ('other student', '8a code'),
  ('parent', 'nothing'),
  ('class teacher', '7b closed code, 7b code, 7b old code'),
  ('other teacher', '8a code'),
  ('host', 'nothing'),
  ('admin', '7b closed code, 7b code, 7b old code, 8a code'),
  ('service role', '7b closed code, 7b code, 7b old code, 8a code')
) as matrix (who, seen);
select is(pg_temp.tries(who, $$ insert into qr_attendance_sessions (class_id, date, start_time, qr_code) values (pg_temp.id('7b'), current_date, '08:00', 'new') $$),
  outcome, format('%s shows a code of 7b: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('student', '42501'), ('parent', '42501'), ('class teacher', '1 row'),
  ('other teacher', '42501'), ('host', '42501'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, $$ update qr_attendance_sessions set status = 'active' where qr_code = '7b closed code' $$),
  outcome, format('%s opens a closed code: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('student', '0 rows'), ('parent', '0 rows'), ('class teacher', '1 row'), ('other teacher', '0 rows'),
  ('host', '0 rows'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries('class teacher', $$ update qr_attendance_sessions set class_id = pg_temp.id('8a') where qr_code = '7b code' $$), '42501', 'a code is not given to another class');
select is(pg_temp.tries('class teacher', $$ update qr_attendance_sessions set class_id = pg_temp.id('8a') $$), '42501', 'not even by a change that reads nothing');
select is(pg_temp.tries(who, $$ delete from qr_attendance_sessions where qr_code = '7b code' $$), outcome, format('%s deletes a code: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('student', '0 rows'), ('class teacher', '1 row'), ('other teacher', '0 rows'), ('host', '0 rows'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);

select is(pg_temp.sees(who, 'select id = pg_temp.id(''checkin classmate'') from qr_checkins'), seen, format('%s sees the check-in: %s', who, seen))
from (values
  ('anon', '42501'), ('unknown', 'nothing'), ('former admin', 'nothing'), ('student', 'nothing'), ('classmate', 'true'), ('other student', 'nothing'), ('parent', 'nothing'),
  ('class teacher', 'true'), ('other teacher', 'nothing'), ('host', 'nothing'), ('admin', 'true'), ('service role', 'true')
) as matrix (who, seen);
select is(pg_temp.tries(who, format($$ insert into qr_checkins (session_id, student_id) values (pg_temp.id(%L), pg_temp.id(%L)) $$, code, whose)),
  outcome, format('%s checks in %s to the %s: %s', who, whose, code, outcome))
from (values
  ('anon', '7b code', 'student', '42501'),
  ('unknown', '7b code', 'unknown', '42501'),
  ('student', '7b code', 'student', '1 row'),
  ('student', '7b closed code', 'student', '42501'),
  ('student', '7b old code', 'student', '42501'),
  ('student', '8a code', 'student', '42501'),
  ('classmate', '7b code', 'student', '42501'),
  ('other student', '8a code', 'other student', '1 row'),
  ('other student', '7b code', 'other student', '42501'),
  ('parent', '7b code', 'student', '42501'),
  ('parent', '7b code', 'parent', '42501'),
  ('class teacher', '7b code', 'student', '42501'),
  ('admin', '7b code', 'student', '42501'),
  ('service role', '7b code', 'student', '1 row')
) as matrix (who, code, whose, outcome);
select is(pg_temp.tries(who, format($$ %s qr_checkins $$, verb) || case verb when 'update' then 'set location_verified = true' else '' end),
  outcome, format('%s may not %s check-ins', who, verb))
from (values
  ('anon', 'update', '42501'), ('classmate', 'update', '42501'), ('class teacher', 'update', '42501'), ('admin', 'update', '42501'),
  ('anon', 'delete from', '42501'), ('classmate', 'delete from', '0 rows'), ('other teacher', 'delete from', '0 rows')
) as matrix (who, verb, outcome);
select is(pg_temp.tries(who, $$ delete from qr_checkins $$), '1 row', format('%s deletes a check-in of the class', who)) from unnest(array['class teacher', 'admin']) as who;
select is(pg_temp.after('student', $$ insert into qr_checkins (id, session_id, student_id, checked_in_at)
    values (pg_temp.id('new'), pg_temp.id('7b code'), pg_temp.id('student'), now() - interval '1 hour') $$,
  $$ select concat_ws(', ', id = pg_temp.id('new'), checked_in_at = now()) from qr_checkins where student_id = pg_temp.id('student') $$),
  'f, t', 'when a check-in was is the database''s to say');

select * from finish();
rollback;
