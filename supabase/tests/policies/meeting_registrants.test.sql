-- Registrants: hosts, class teachers and admins register anybody; everybody asks for themselves. Zoom recognises people by it.
begin;
\ir people.psql
select plan(62);

select is(pg_temp.sees(who, 'select zoom_registrant_id from meeting_registrants'), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'nothing'),
  ('student', 'nothing'),
  ('classmate', 'reg classmate'),
  ('other student', 'reg other student'),
  ('parent', 'nothing'),
  ('class teacher', 'reg classmate'),
  ('other teacher', 'reg other student'),
  ('host', 'reg classmate'),
  ('admin', 'reg classmate, reg other student'),
  ('service role', 'reg classmate, reg other student')
) as matrix (who, seen);

-- What the app does when a meeting is planned or a student enrolled: it registers others, approved, with Zoom's id.
select is(pg_temp.tries(who, $$
    insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url, status)
    values (pg_temp.id('lesson'), pg_temp.id('student'), 'reg student', 'https://zoom.test/w', 'approved') $$),
  outcome, format('%s registers the student: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('classmate', '42501'), ('other student', '42501'), ('parent', '42501'),
  ('class teacher', '1 row'), ('other teacher', '42501'), ('host', '1 row'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.after('host', $$
    insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, status)
    values (pg_temp.id('lesson'), pg_temp.id('student'), 'reg student', 'approved'), (pg_temp.id('lesson'), pg_temp.id('classmate'), 'reg again', 'approved')
    on conflict (meeting_id, user_id) do nothing $$,
    $$ select string_agg(zoom_registrant_id || ' ' || status, ', ' order by zoom_registrant_id) from meeting_registrants where meeting_id = pg_temp.id('lesson') $$),
  'reg classmate approved, reg student approved', 'a host registers a class at once, and those who are registered stay as they are');

-- A user registers themselves.
select is(pg_temp.tries(who, format($$ insert into meeting_registrants (meeting_id, user_id) values (pg_temp.id('lesson'), pg_temp.id(%L)) $$, who)),
  outcome, format('%s registers themselves: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('student', '1 row'), ('other student', '42501'), ('parent', '1 row'),
  ('other parent', '42501'), ('other teacher', '42501'), ('host', '1 row')
) as matrix (who, outcome);
select is(pg_temp.after('student', $$
    insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, status)
    values (pg_temp.id('lesson'), pg_temp.id('student'), 'reg classmate', 'approved') $$,
    $$ select status || ', ' || coalesce(zoom_registrant_id, 'without an id') from meeting_registrants where user_id = pg_temp.id('student') $$),
  'pending, without an id', 'they ask: neither approved nor known to Zoom by what they wrote');
select is(pg_temp.after('classmate', $$
    insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, status) values (pg_temp.id('lesson'), pg_temp.id('classmate'), 'forged', 'denied')
    on conflict (meeting_id, user_id) do update set zoom_registrant_id = excluded.zoom_registrant_id, status = excluded.status $$,
    $$ select status || ', ' || zoom_registrant_id from meeting_registrants where user_id = pg_temp.id('classmate') $$),
  'approved, reg classmate', 'registering again changes neither');

select is(pg_temp.tries(who, $$ update meeting_registrants set status = 'denied' where user_id = pg_temp.id('classmate') $$),
  outcome, format('%s changes the classmate''s registration: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('student', '0 rows'), ('classmate', '1 row'), ('other student', '0 rows'), ('parent', '0 rows'),
  ('class teacher', '1 row'), ('other teacher', '0 rows'), ('host', '1 row'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.after(who, $$ update meeting_registrants set status = 'denied', zoom_registrant_id = 'new' where user_id = pg_temp.id('classmate') $$,
    $$ select status || ', ' || zoom_registrant_id from meeting_registrants where user_id = pg_temp.id('classmate') $$),
  said, format('after the %s wrote it, a registration is %s', who, said))
from (values ('classmate', 'approved, reg classmate'), ('class teacher', 'denied, new'), ('host', 'denied, new'), ('admin', 'denied, new')) as matrix (who, said);

-- Forgeries.
select is(pg_temp.tries('classmate', $$ update meeting_registrants set user_id = pg_temp.id('student') where user_id = pg_temp.id('classmate') $$), '42501', 'a registration cannot be made over to somebody else');
select is(pg_temp.tries('classmate', $$ update meeting_registrants set meeting_id = pg_temp.id('assembly') where user_id = pg_temp.id('classmate') $$), '42501', 'nor taken to another meeting');
select is(pg_temp.tries('host', $$ update meeting_registrants set user_id = pg_temp.id('student') where user_id = pg_temp.id('classmate') $$), '42501', 'not even by the host');
select is(pg_temp.tries('host', $$ insert into meeting_registrants (meeting_id, user_id) values (pg_temp.id('other lesson'), pg_temp.id('student')) $$), '42501', 'a host registers nobody for the meetings of others');
select is(pg_temp.tries('student', $$ update meeting_registrants set join_url = 'https://zoom.test/x' $$), '0 rows', 'a change that reads nothing reaches nobody else''s either');
delete from class_students where student_id = pg_temp.id('classmate');
select is(pg_temp.tries('classmate', $$ update meeting_registrants set join_url = 'https://zoom.test/x' where user_id = pg_temp.id('classmate') $$), '42501', 'whoever has left the class changes nothing in their registration');

select is(pg_temp.tries(who, $$ delete from meeting_registrants $$), outcome, format('%s deletes registrations: %s', who, outcome))
from (values ('anon', '42501'), ('classmate', '42501'), ('class teacher', '42501'), ('host', '42501'), ('admin', '42501'), ('service role', '2 rows')) as matrix (who, outcome);

select * from finish();
rollback;
