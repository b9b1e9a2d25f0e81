-- The meeting room: who may enter, what each is told, and who may see who is there.
begin;
\ir people.psql
select plan(80);

-- A lesson with its secrets, another for everybody of the school that belongs to 7b all the same, and one that is called off.
update zoom_meetings set start_url = 'https://zoom.test/start/' || title, password = 'pass ' || title;
insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, target_audience, start_time, join_url, status) values
  (pg_temp.id('open day'), 'open day', 'open day', pg_temp.id('host'), pg_temp.id('7b'), 'all', '2026-03-02T08:00Z', 'https://zoom.test/o', 'scheduled'),
  (pg_temp.id('called off'), 'called off', 'called off', pg_temp.id('host'), pg_temp.id('7b'), 'class', '2026-03-02T08:00Z', 'https://zoom.test/c', 'cancelled');
update meeting_registrants set join_url = 'https://zoom.test/w/ben' where zoom_registrant_id = 'reg classmate';

-- What somebody is answered by a function of the room: one field of it.
create function pg_temp.answered(who text, call text, field text default 'outcome') returns text language sql as $$
  select pg_temp.sees(who, format('select public.%s ->> %L', call, field))
$$;
create function pg_temp.enters(who text, meeting text, field text default 'outcome', domain text default null) returns text language sql as $$
  select pg_temp.answered(who, format('enter_zoom_meeting(%L, %L)', pg_temp.id(meeting), domain), field)
$$;

select is(pg_temp.enters(who, meeting), outcome, format('%s enters %s: %s', who, meeting, outcome))
from (values
  ('anon', 'lesson', '42501'), ('service role', 'lesson', '42501'), ('unknown', 'assembly', 'not_found'), ('former admin', 'lesson', 'not_found'),
  ('student', 'lesson', 'ok'), ('classmate', 'lesson', 'ok'), ('other student', 'lesson', 'not_found'), ('parent', 'lesson', 'ok'),
  ('other parent', 'lesson', 'not_found'), ('class teacher', 'lesson', 'ok'), ('other teacher', 'lesson', 'not_found'), ('host', 'lesson', 'ok'),
  ('admin', 'lesson', 'ok'),
  ('student', 'open day', 'ok'), ('other student', 'open day', 'not_enrolled'), ('parent', 'open day', 'ok'), ('other parent', 'open day', 'not_enrolled'),
  ('other teacher', 'open day', 'ok'),
  ('student', 'called off', 'cancelled'), ('other student', 'called off', 'not_found'), ('host', 'called off', 'cancelled'),
  ('student', 'no such meeting', 'not_found')
) as matrix (who, meeting, outcome);

select is(pg_temp.answered(who, format('zoom_meeting_admission(%L)', pg_temp.id(meeting))), pg_temp.enters(who, meeting),
  format('%s is admitted to %s as they enter it', who, meeting))
from unnest(array['anon', 'student', 'other student', 'parent', 'host', 'admin']) who, unnest(array['lesson', 'open day', 'called off']) meeting;

-- The rule is that of the policy.
select is(
  (select pg_temp.sees(who, 'select title from zoom_meetings')),
  (select coalesce(string_agg(title, ', ' order by title collate "C"), 'nothing') from zoom_meetings
   where pg_temp.enters(who, title) <> 'not_found'),
  format('%s is shown the meetings that exist for them, and no other', who))
from unnest(array['unknown', 'former admin', 'student', 'other student', 'parent', 'other parent', 'class teacher', 'other teacher', 'host', 'admin']) who;

-- What they are told.
select is(pg_temp.enters(who, 'lesson', field), said, format('%s of the %s: %s', field, who, said))
from (values
  ('host', 'start_url', 'https://zoom.test/start/lesson'), ('host', 'is_host', 'true'), ('host', 'password', 'pass lesson'),
  ('class teacher', 'start_url', 'nothing'), ('class teacher', 'is_host', 'false'), ('admin', 'start_url', 'nothing'),
  ('student', 'start_url', 'nothing'), ('student', 'is_host', 'false'), ('student', 'password', 'pass lesson'),
  ('student', 'join_url', 'https://zoom.test/lesson'), ('student', 'is_registered', 'false'), ('student', 'user_name', 'student'),
  ('student', 'user_email', 'student@policies.test'), ('student', 'meeting_number', pg_temp.id('lesson')::text),
  ('classmate', 'join_url', 'https://zoom.test/w/ben'), ('classmate', 'is_registered', 'true'),
  ('other student', 'join_url', 'nothing'), ('other student', 'password', 'nothing'), ('other student', 'customer_key', 'nothing')
) as matrix (who, field, said);

-- A domain binds students alone.
select is(pg_temp.enters('student', 'lesson', domain => 'elsewhere.test'), 'wrong_domain', 'a student of another domain');
select is(pg_temp.enters('student', 'lesson', domain => 'POLICIES.test'), 'ok', 'a student of the domain, whatever the case');
select is(pg_temp.enters('parent', 'lesson', domain => 'elsewhere.test'), 'ok', 'parents have addresses of their own');

-- The key, and the row.
select is(pg_temp.enters('student', 'lesson', 'customer_key'), pg_temp.enters('student', 'lesson', 'customer_key'), 'a key stays the same');
select ok(pg_temp.enters('student', 'lesson', 'customer_key') ~ '^[0-9a-f]{32}$', 'and is one that Zoom takes');
select is((select count(distinct customer_key) from zoom.keys), (select count(*) from zoom.keys), 'nobody has that of another');
select is((select status from zoom_participants where meeting_id = pg_temp.id('lesson') and user_id = pg_temp.id('student')), 'invited', 'who enters is invited');
select is((select count(*) from zoom_participants where meeting_id = pg_temp.id('lesson') and user_id = pg_temp.id('other student')), 0::bigint,
  'who may not enter leaves nothing behind');

-- Who is there.
select is(pg_temp.answered(who, format('zoom_meeting_people(%L)', pg_temp.id('open day'))), outcome, format('%s asks who is there: %s', who, outcome))
from (values ('student', 'forbidden'), ('parent', 'forbidden'), ('host', 'ok')) as matrix (who, outcome);

select * from finish();
rollback;
