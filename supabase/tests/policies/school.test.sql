-- The school itself: people, classes, enrolments and families are seen by those who have to do with them, and written by nobody here.
begin;
\ir people.psql
select plan(125);

select is(pg_temp.sees(who, $$ select name from users $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'former admin'),
  -- themselves, their class's teacher, and the hosts of the meetings they see
  ('student', 'admin, class teacher, host, student'),
  ('other student', 'admin, other student, other teacher'),
  ('parent', 'admin, class teacher, host, parent, student'),
  ('class teacher', 'admin, class teacher, classmate, former admin, host, other parent, other student, other teacher, parent, student'),
  ('host', 'admin, class teacher, classmate, former admin, host, other parent, other student, other teacher, parent, student'),
  ('admin', 'admin, class teacher, classmate, former admin, host, other parent, other student, other teacher, parent, student'),
  ('service role', 'admin, class teacher, classmate, former admin, host, other parent, other student, other teacher, parent, student')
) as matrix (who, seen);

select is(pg_temp.sees(who, $$ select name from classes $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'), ('unknown', 'nothing'), ('former admin', 'nothing'), ('student', '7b'), ('other student', '8a'), ('parent', '7b'), ('other parent', '8a'),
  ('class teacher', '7b, 8a, chess'), ('host', '7b, 8a, chess'), ('admin', '7b, 8a, chess'), ('service role', '7b, 8a, chess')
) as matrix (who, seen);

select is(pg_temp.sees(who, $$ select seat.name from class_students join (select unnest(array['7b/student', '7b/classmate', '8a/other student']) as name) seat
    on class_students.id = pg_temp.id(seat.name) $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'), ('unknown', 'nothing'), ('former admin', 'nothing'), ('student', '7b/student'), ('other student', '8a/other student'), ('parent', '7b/student'),
  ('other parent', '8a/other student'), ('class teacher', '7b/classmate, 7b/student'), ('other teacher', '8a/other student'), ('host', '7b/classmate, 7b/student'),
  ('admin', '7b/classmate, 7b/student, 8a/other student'), ('service role', '7b/classmate, 7b/student, 8a/other student')
) as matrix (who, seen);

select is(pg_temp.sees(who, $$ select family.name from parent_children join (select unnest(array['parent/student', 'other parent/other student']) as name) family
    on parent_children.id = pg_temp.id(family.name) $$), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'), ('unknown', 'nothing'), ('former admin', 'nothing'), ('student', 'parent/student'), ('classmate', 'nothing'), ('other student', 'other parent/other student'),
  ('parent', 'parent/student'), ('other parent', 'other parent/other student'), ('class teacher', 'parent/student'), ('other teacher', 'other parent/other student'),
  ('host', 'parent/student'), ('admin', 'other parent/other student, parent/student'), ('service role', 'other parent/other student, parent/student')
) as matrix (who, seen);

select is(pg_temp.tries(who, statement), '42501', format('%s may not: %s', who, statement))
from unnest(array['anon', 'student', 'parent', 'class teacher', 'admin']) as who, unnest(array[
  $$ insert into users (email, name, role) values ('new@policies.test', 'new', 'admin') $$,
  $$ update users set role = 'admin' $$,
  $$ delete from users $$,
  $$ insert into classes (name, grade, section, subject) values ('new', '7', 'b', 'Algebra') $$,
  $$ update classes set teacher_id = pg_temp.id('student') $$,
  $$ delete from classes $$,
  $$ insert into class_students (class_id, student_id) values (pg_temp.id('8a'), pg_temp.id('student')) $$,
  $$ update class_students set class_id = pg_temp.id('8a') $$,
  $$ delete from class_students $$,
  $$ insert into parent_children (parent_id, student_id) values (pg_temp.id('parent'), pg_temp.id('classmate')) $$,
  $$ update parent_children set student_id = pg_temp.id('classmate') $$,
  $$ delete from parent_children $$,
  $$ truncate users cascade $$
]) as statement;
select is(pg_temp.tries('service role', $$ update users set role = 'teacher' where name = 'student' $$), '1 row', 'the service role decides who is who');
select is(pg_temp.tries('unknown', $$ insert into users (id, email, name, role)
  values (pg_temp.id('unknown'), 'unknown@policies.test', 'new', 'student') $$), '42501', 'nobody signs up here');

-- An app may let people change their own entry, and let them sign up. Then still nobody promotes themselves.
grant insert, update on users to authenticated;
create policy "people change themselves" on users for update to authenticated using (id = (select auth.uid()));
create policy "people sign up" on users for insert to authenticated with check (id = (select auth.uid()));
select is(pg_temp.tries('student', $$ update users set name = 'Maria', phone = '+00 555 0100' where name = 'student' $$), '1 row', 'a student changes their name');
select is(pg_temp.tries('student', format($$ update users set %s where name = 'student' $$, change)), '42501', format('a student does not: %s', change))
from unnest(array['role = ''admin''', 'email = ''classmate@home.test''', 'is_active = null', 'id = pg_temp.id(''unknown'')']) as change;
select is(pg_temp.tries('unknown', format($$ insert into users (id, email, name, role) values (pg_temp.id('unknown'), 'unknown@policies.test', 'new', %L) $$, role)),
  outcome, format('somebody signs up as %s: %s', role, outcome))
from (values ('student', '1 row'), ('parent', '1 row'), ('teacher', '42501'), ('admin', '42501')) as matrix (role, outcome);
create policy "admins change everybody" on users for update to authenticated using ((select zoom.is_admin()));
select is(pg_temp.tries('admin', $$ update users set role = 'teacher', email = 'new@policies.test' where name = 'student' $$), '1 row', 'an admin does, where the app lets them');

-- Who has left sees nothing any more, whatever is theirs.
update users set is_active = false where name = 'parent';
select is(pg_temp.sees('parent', $$ select id from class_students $$), 'nothing', 'who has left sees no enrolment');
select is(pg_temp.sees('parent', $$ select id from parent_children $$), 'nothing', 'nor a family');

select * from finish();
rollback;
