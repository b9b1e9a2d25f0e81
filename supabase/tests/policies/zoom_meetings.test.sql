-- Meetings are seen by those they are meant for; teachers and admins create them; the host and admins change them.
begin;
\ir people.psql
select plan(74);

select is(pg_temp.sees(who, 'select title from zoom_meetings'), seen, format('%s sees %s', who, seen))
from (values
  ('anon', '42501'),
  ('unknown', 'nothing'),
  ('former admin', 'nothing'),
  ('student', 'assembly, lesson, students'' council'),
  ('other student', 'assembly, other lesson, students'' council'),
  ('parent', 'assembly, lesson'),
  ('other parent', 'assembly, other lesson'),
  ('class teacher', 'assembly, lesson, staff room'),
  ('other teacher', 'assembly, other lesson, staff room'),
  ('host', 'assembly, lesson, private, staff room'),
  ('admin', 'assembly, lesson, other lesson, private, staff room, students'' council'),
  ('service role', 'assembly, lesson, other lesson, private, staff room, students'' council')
) as matrix (who, seen);

-- The policy's rule and that of the function are the same.
select is(pg_temp.sees(who, 'select id from zoom_meetings'), seen, format('%s sees what zoom.meetings_seen says', who))
from unnest(array['unknown', 'former admin', 'student', 'other student', 'parent', 'other parent', 'class teacher', 'other teacher', 'host', 'admin']) as who,
  lateral (
    select coalesce(string_agg(id::text, ', ' order by id::text collate "C"), 'nothing') as seen
    from (select pg_temp.become(who)) as became (x), lateral (select unnest(zoom.meetings_seen()) as id where became is not null) as meeting
  ) as said;

-- The class's teacher sees every meeting of the class, whomever it is for.
update zoom_meetings set target_audience = 'personal' where title = 'lesson';
select is(pg_temp.sees(who, $$ select title from zoom_meetings where title = 'lesson' $$), seen, format('of a personal meeting of the class, %s sees %s', who, seen))
from (values ('student', 'nothing'), ('parent', 'nothing'), ('class teacher', 'lesson'), ('other teacher', 'nothing'), ('host', 'lesson')) as matrix (who, seen);
update zoom_meetings set target_audience = 'class' where title = 'lesson';

select is(pg_temp.tries(who, format($$
    insert into zoom_meetings (zoom_meeting_id, title, host_id, class_id, start_time, join_url)
    values ('1', 'new', pg_temp.id(%L), pg_temp.id('7b'), now(), 'https://zoom.test/new')$$, who)),
  outcome, format('%s plans a meeting of their own: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '42501'), ('former admin', '42501'), ('student', '42501'), ('other student', '42501'), ('parent', '42501'),
  ('class teacher', '1 row'), ('other teacher', '1 row'), ('host', '1 row'), ('admin', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, $$
    insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, join_url)
    values ('1', 'new', pg_temp.id('class teacher'), now(), 'https://zoom.test/new')$$),
  outcome, format('%s plans a meeting for somebody else: %s', who, outcome))
from (values ('other teacher', '42501'), ('host', '42501'), ('admin', '1 row'), ('service role', '1 row')) as matrix (who, outcome);
select is(pg_temp.after('host', $$
    insert into zoom_meetings (id, zoom_meeting_id, title, host_id, start_time, join_url, created_at)
    values (pg_temp.id('new'), '1', 'new', pg_temp.id('host'), now(), 'https://zoom.test/new', '2020-01-01') returning id $$,
    $$ select concat_ws(', ', title, id = pg_temp.id('new'), created_at = now()) from zoom_meetings where title = 'new' $$), 'new, f, t',
  'the host gets back the meeting they created; its id and when it was made are the database''s to say');

select is(pg_temp.tries(who, $$ update zoom_meetings set title = 'renamed' where title = 'lesson' $$), outcome, format('%s renames the lesson: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('former admin', '0 rows'), ('student', '0 rows'), ('other student', '0 rows'), ('parent', '0 rows'),
  ('class teacher', '0 rows'), ('other teacher', '0 rows'), ('host', '1 row'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries('host', $$ update zoom_meetings set host_id = pg_temp.id('other teacher') where title = 'lesson' $$), '42501', 'a host cannot give a meeting away');
select is(pg_temp.tries('host', $$ update zoom_meetings set host_id = pg_temp.id('other teacher') $$), '42501', 'not even by a change that reads nothing');
select is(pg_temp.tries('host', $$ update zoom_meetings set status = 'cancelled' where title = 'lesson' $$), '1 row', 'a host cancels a meeting');
select is(pg_temp.tries('student', $$ update zoom_meetings set status = 'ended' $$), '0 rows', 'a student ends no meeting');
select is(pg_temp.tries('student', $$ update zoom_meetings set host_id = pg_temp.id('student') $$), '0 rows', 'a student takes over no meeting');
select is(pg_temp.tries('admin', $$ update zoom_meetings set host_id = pg_temp.id('other teacher') where title = 'lesson' $$), '1 row', 'an admin gives a meeting to somebody else');

select is(pg_temp.tries(who, $$ delete from zoom_meetings where title = 'lesson' $$), outcome, format('%s deletes the lesson: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', '0 rows'), ('former admin', '0 rows'), ('student', '0 rows'), ('other student', '0 rows'), ('parent', '0 rows'),
  ('class teacher', '0 rows'), ('other teacher', '0 rows'), ('host', '1 row'), ('admin', '1 row'), ('service role', '1 row')
) as matrix (who, outcome);
select is(pg_temp.tries(who, 'truncate zoom_meetings cascade'), '42501', format('%s cannot empty the table', who))
from (values ('anon'), ('student'), ('host'), ('admin')) as matrix (who);

select * from finish();
rollback;
