-- The guards that stand on many tables, each on every one of them: what of a row never changes, which times are a school's, and
-- what in a new row is the database's to write. Where identity.test.sql has one of them by heart, it is not said again.
begin;
\ir people.psql
select no_plan();

-- The app lets people write here, as apps do.
grant insert, update on users, classes, class_students, parent_children to authenticated;
create policy "staff write" on users for all to authenticated using ((select zoom.is_staff()));
create policy "people change themselves" on users for update to authenticated using (id = (select zoom.claimed_id()));
create policy "staff write" on classes for all to authenticated using ((select zoom.is_staff()));
create policy "staff write" on class_students for all to authenticated using ((select zoom.is_staff()));
create policy "staff write" on parent_children for all to authenticated using ((select zoom.is_staff()));

-- What somebody is told whose write is refused.
create function pg_temp.told(who text, statement text) returns text language plpgsql as $$
declare
  outcome text := 'nothing';
begin
  begin
    perform pg_temp.become(who);
    execute statement;
    raise exception using errcode = 'UNDO1';
  exception
    when sqlstate 'UNDO1' then null;
    when others then outcome := sqlstate || ' ' || sqlerrm;
  end;
  perform set_config('role', 'none', true);
  return outcome;
end $$;

-- What never changes ---------------------------------------------------------------------------------------------------
select is(pg_temp.told('class teacher', format('update %s set %s = %s where id = pg_temp.id(%L)', tab, col, value, named)),
  format('42501 %s.%s of a row never changes', tab, col), format('%s.%s', tab, col))
from (values
  ('classes', 'id', 'pg_temp.id(''new'')', '7b'), ('classes', 'created_at', '''2020-01-01''', '7b'),
  ('class_students', 'id', 'pg_temp.id(''new'')', '7b/student'),
  ('parent_children', 'id', 'pg_temp.id(''new'')', 'parent/student'), ('parent_children', 'created_at', '''2020-01-01''', 'parent/student'),
  ('qr_attendance_sessions', 'id', 'pg_temp.id(''new'')', '7b code'), ('qr_attendance_sessions', 'created_at', '''2020-01-01''', '7b code'),
  ('attendance_records', 'id', 'pg_temp.id(''new'')', 'record student'), ('attendance_records', 'created_at', '''2020-01-01''', 'record student'),
  ('attendance_records', 'date', '''2020-01-01''', 'record student'), ('attendance_records', 'student_id', 'pg_temp.id(''classmate'')', 'record student')
) as forgery (tab, col, value, named);

-- Times of a school ----------------------------------------------------------------------------------------------------
select is(pg_temp.told(who, format(statement, at)),
  format('42501 %s is no time of a school: between the year 2000 and ten years from now', col), format('%s: %s', col, at))
from (values
  ('class teacher', 'attendance_records.date', $$ insert into attendance_records (student_id, class_id, date, status)
    values (pg_temp.id('student'), pg_temp.id('7b'), %L, 'present') $$),
  ('class teacher', 'qr_attendance_sessions.date', $$ insert into qr_attendance_sessions (class_id, date, start_time, qr_code)
    values (pg_temp.id('7b'), %L, '08:00', 'new') $$),
  ('class teacher', 'qr_attendance_sessions.date', $$ update qr_attendance_sessions set date = %L where qr_code = '7b code' $$),
  ('host', 'meeting_registrants.registered_at', $$ insert into meeting_registrants (meeting_id, user_id, registered_at)
    values (pg_temp.id('lesson'), pg_temp.id('student'), %L) $$)
) as forgery (who, col, statement), unnest(array['infinity', '9999-12-31', '0001-01-01']) as at;

-- What the database writes ---------------------------------------------------------------------------------------------
select is(pg_temp.after(who, format('insert into %s', row),
    format('select concat_ws('', '', own.id <> pg_temp.id(''new''), own.created_at = now()) from %s own where %s',
      split_part(row, ' ', 1), which)), stamped, row)
from (values
  ('class teacher', $$attendance_records (id, student_id, class_id, date, status, created_at)
    values (pg_temp.id('new'), pg_temp.id('student'), pg_temp.id('7b'), '2026-03-09', 'late', '2020-01-01')$$, $$date = '2026-03-09'$$, 't, t'),
  ('class teacher', $$qr_attendance_sessions (id, class_id, date, start_time, qr_code, created_at)
    values (pg_temp.id('new'), pg_temp.id('7b'), '2026-03-09', '08:00', 'new', '2020-01-01')$$, $$qr_code = 'new'$$, 't, t'),
  ('student', $$zoom_participants (id, meeting_id, user_id, created_at)
    values (pg_temp.id('new'), pg_temp.id('lesson'), pg_temp.id('student'), '2020-01-01')$$, $$user_id = pg_temp.id('student')$$, 't, t'),
  -- The school's own ids are the app's to choose.
  ('class teacher', $$classes (id, name, grade, section, subject, created_at)
    values (pg_temp.id('new'), 'new', '', '', '', '2020-01-01')$$, $$name = 'new'$$, 'f, t'),
  ('class teacher', $$parent_children (id, parent_id, student_id, created_at)
    values (pg_temp.id('new'), pg_temp.id('parent'), pg_temp.id('classmate'), '2020-01-01')$$, $$student_id = pg_temp.id('classmate')$$, 'f, t'),
  ('admin', $$users (id, email, name, role, created_at)
    values (pg_temp.id('new'), 'new@policies.test', 'new', 'student', '2020-01-01')$$, $$name = 'new'$$, 'f, t')
) as inserted (who, row, which, stamped);

-- Names ----------------------------------------------------------------------------------------------------------------
select pg_temp.become('student');
update users set name = 'of their own' where id = pg_temp.id('student');
reset role;
select is(zoom.staff_name(pg_temp.id('student')), 'student', 'a user who renamed themselves goes by the name of before');
select is(pg_temp.after('service role', $$ update users set name = 'of the school' where id = pg_temp.id('student') $$,
  $$ select zoom.staff_name(pg_temp.id('student')) $$), 'of the school', 'until the school''s server writes one');

select * from finish();
rollback;
