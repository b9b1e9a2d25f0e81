-- Attendance is seen by families and class teachers, kept by class teachers and admins; a student's word counts with a check-in only.
begin;
\ir people.psql
select plan(74);

select is(pg_temp.sees(who, $$ select person.name from attendance_records record join (select unnest(array['student', 'classmate', 'other student']) as name) person
    on record.student_id = pg_temp.id(person.name) $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'nothing'),
  ('student', 'student'),
  ('classmate', 'classmate'),
  ('other student', 'other student'),
  ('parent', 'student'),
  ('other parent', 'other student'),
  ('class teacher', 'classmate, student'),
  ('other teacher', 'other student'),
  ('host', 'nothing'),
  ('admin', 'classmate, other student, student'),
  ('service role', 'classmate, other student, student')
) as matrix (who, seen);

-- A teacher saves a class's attendance, some of it new and some of it not.
select is(pg_temp.tries(who, $$
    insert into attendance_records (student_id, class_id, date, status)
    values (pg_temp.id('student'), pg_temp.id('7b'), current_date, 'late'), (pg_temp.id('student'), pg_temp.id('7b'), current_date - 1, 'excused')
    on conflict (student_id, class_id, date) do update
      set student_id = excluded.student_id, class_id = excluded.class_id, date = excluded.date, status = excluded.status $$),
  outcome, format('%s saves the attendance of 7b: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('student', '42501'), ('classmate', '42501'), ('other student', '42501'), ('parent', '42501'),
  ('class teacher', '2 rows'), ('other teacher', '42501'), ('host', '42501'), ('admin', '2 rows'), ('service role', '2 rows')
) as matrix (who, outcome);
select is(pg_temp.tries(who, $$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('student'), pg_temp.id('7b'), current_date + 3, 'present') $$),
  outcome, format('%s writes a record: %s', who, outcome))
from (values ('anon', '42501'), ('student', '42501'), ('classmate', '42501'), ('parent', '42501'), ('class teacher', '1 row'), ('other teacher', '42501'), ('host', '42501'), ('admin', '1 row')) as matrix (who, outcome);
select is(pg_temp.tries(who, $$ update attendance_records set status = 'present' where student_id = pg_temp.id('student') $$),
  outcome, format('%s corrects the student''s record: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('former admin', '0 rows'), ('student', '0 rows'), ('classmate', '0 rows'), ('other student', '0 rows'), ('parent', '0 rows'),
  ('class teacher', '1 row'), ('other teacher', '0 rows'), ('host', '0 rows'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);

-- The classmate has checked in to 7b's lesson of today, the student has not.
select is(pg_temp.tries('classmate', $$ update attendance_records set status = 'present' where student_id = pg_temp.id('classmate') $$), '1 row', 'who checked in marks themselves present');
select is(pg_temp.tries('classmate', format($$ update attendance_records set status = %L where student_id = pg_temp.id('classmate') $$, status)), '42501', format('and not %s', status))
from unnest(array['late', 'excused', 'absent', 'partial']) as status;
select is(pg_temp.tries('classmate', $$ update attendance_records set status = 'present' $$), '1 row', 'nobody else is marked with them');
select is(pg_temp.tries('classmate', $$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('student'), pg_temp.id('7b'), current_date + 7, 'present') $$), '42501', 'nor written for');
select is(pg_temp.tries('classmate', $$ update attendance_records set status = 'present', date = current_date + 2 where student_id = pg_temp.id('classmate') $$), '42501', 'the record cannot be taken to another lesson');
select is(pg_temp.tries('classmate', $$ update attendance_records set status = 'present', student_id = pg_temp.id('student') where student_id = pg_temp.id('classmate') $$), '42501', 'nor be made over');
insert into qr_checkins (session_id, student_id) values (pg_temp.id('7b old code'), pg_temp.id('classmate'));
select is(pg_temp.tries('classmate', $$ update attendance_records set status = 'present', date = current_date + 2 where student_id = pg_temp.id('classmate') $$), '42501', 'not even to one they checked in to');
select is(pg_temp.tries('class teacher', $$ update attendance_records set class_id = pg_temp.id('8a') where student_id = pg_temp.id('student') $$), '42501', 'nor by the teacher to another class');
delete from attendance_records;
select is(pg_temp.tries(who, format($$ insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id(%L), pg_temp.id(%L), current_date + %L::integer, %L) $$, whose, class, day, status)),
  outcome, format('%s marks %s in %s on day %s as %s: %s', who, whose, class, day, status, outcome))
from (values
  ('classmate', 'classmate', '7b', 0, 'present', '1 row'),
  ('classmate', 'classmate', '7b', 0, 'excused', '42501'),
  ('classmate', 'classmate', '7b', 1, 'present', '42501'),
  ('classmate', 'classmate', '8a', 0, 'present', '42501'),
  ('classmate', 'student', '7b', 0, 'present', '42501'),
  ('student', 'student', '7b', 0, 'present', '42501'),
  ('other student', 'other student', '7b', 0, 'present', '42501'),
  ('parent', 'student', '7b', 0, 'present', '42501')
) as matrix (who, whose, class, day, status, outcome);

-- The whole of a check-in, as the app does it.
select is(pg_temp.after('student', $$
    insert into qr_checkins (session_id, student_id, location_verified) values (pg_temp.id('7b code'), pg_temp.id('student'), true);
    insert into attendance_records (student_id, class_id, date, status)
    select pg_temp.id('student'), class_id, date, 'present' from qr_attendance_sessions where id = pg_temp.id('7b code') $$,
    $$ select status from attendance_records where student_id = pg_temp.id('student') $$), 'present', 'a student checks in and is present');

insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('student'), pg_temp.id('7b'), current_date, 'absent');
select is(pg_temp.tries(who, $$ delete from attendance_records $$), outcome, format('%s deletes records: %s', who, outcome))
from (values ('anon', '42501'), ('student', '42501'), ('class teacher', '42501'), ('admin', '42501'), ('service role', '1 row')) as matrix (who, outcome);
select is(pg_temp.tries(who, 'truncate attendance_records'), '42501', format('%s cannot empty the table', who))
from (values ('anon'), ('student'), ('class teacher'), ('admin')) as matrix (who);

select * from finish();
rollback;
