-- The meeting room: who may enter, what each is told, and who may see who is there.
begin;
\ir people.psql
select plan(133);

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
  ('host', 'may_host', 'true'), ('class teacher', 'may_host', 'false'), ('student', 'may_host', 'false'),
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

-- A token whose sub is no uuid is nobody's, and nothing raises.
create function pg_temp.with_sub(claims jsonb, call text) returns text language plpgsql as $$
declare
  outcome text;
begin
  perform set_config('role', 'authenticated', true), set_config('request.jwt.claims', claims::text, true);
  execute format('select public.%s ->> %L', call, 'outcome') into outcome;
  perform set_config('role', 'none', true), set_config('request.jwt.claims', '', true);
  return outcome;
end
$$;
select is(pg_temp.with_sub(claims, format('%s(%L)', called, pg_temp.id('open day'))), 'unauthorized', format('%s as %s: unauthorized', called, claims))
from unnest(array['enter_zoom_meeting', 'zoom_meeting_admission', 'zoom_meeting_people']) called,
  unnest(array['{"role": "authenticated"}', '{"sub": null}', '{"sub": ""}', '{"sub": "student"}', '{"sub": 42}', '{"sub": {}}',
    '{"sub": "00000000000040008000000000000001"}']::jsonb[]) claims;

-- A registration that was denied refuses those who do not oversee the meeting.
insert into meeting_registrants (meeting_id, user_id, status) values
  (pg_temp.id('lesson'), pg_temp.id('student'), 'denied'), (pg_temp.id('lesson'), pg_temp.id('class teacher'), 'denied'),
  (pg_temp.id('lesson'), pg_temp.id('host'), 'denied'), (pg_temp.id('lesson'), pg_temp.id('admin'), 'denied'),
  (pg_temp.id('called off'), pg_temp.id('student'), 'denied');
select is(pg_temp.enters(who, meeting), outcome, format('%s, whose registration for %s was denied: %s', who, meeting, outcome))
from (values
  ('student', 'lesson', 'denied'), ('student', 'called off', 'cancelled'), ('student', 'open day', 'ok'), ('classmate', 'lesson', 'ok'),
  ('parent', 'lesson', 'ok'), ('class teacher', 'lesson', 'ok'), ('host', 'lesson', 'ok'), ('admin', 'lesson', 'ok')
) as matrix (who, meeting, outcome);
delete from meeting_registrants where status = 'denied';

-- That they opened the page is noted to the minute, once, and for ten meetings at most.
delete from zoom.visits;
select is(pg_temp.enters('student', 'lesson'), 'ok', 'entered once more') from generate_series(1, 3);
select is(
  (select array_agg(row(visit.kind, visit.at, visit.user_id, visit.meeting_id)::text) from zoom.visits visit),
  array[row('opened', date_trunc('minute', now()), pg_temp.id('student'), pg_temp.id('lesson'))::text], 'and noted once');
insert into zoom_meetings (zoom_meeting_id, title, target_audience, start_time, join_url)
select '9000000' || n, 'one of many', 'all', '2026-03-02T08:00Z', 'https://zoom.test' from generate_series(100, 120) n;
do $$ begin perform pg_temp.answered('student', format('enter_zoom_meeting(%L)', id)) from public.zoom_meetings where title = 'one of many'; end $$;
select is((select count(*) from zoom.visits where user_id = pg_temp.id('student')), 10::bigint, 'who opens all pages at once is noted on ten');
select throws_ok(
  $$ insert into zoom.visits (meeting_id, user_id, at, kind) values (pg_temp.id('lesson'), pg_temp.id('student'), now(), 'looked') $$,
  '23514', null, 'there is no other kind of visit');

-- Which addresses a page may open.
select is(zoom.web_address(address), said, format('%s is %L', to_json(address), said))
from (values
  ('https://zoom.test/j/1?pwd=a', 'https://zoom.test/j/1?pwd=a'), ('HTTP://zoom.test', 'HTTP://zoom.test'), (' https://zoom.test ', 'https://zoom.test'),
  ('javascript:alert(1)', null), (' JavaScript:alert(1)', null), ('data:text/html,x', null), ('//zoom.test', null), ('https://', null),
  (E'https://zoom.test/\njavascript:alert(1)', null), (E'java\tscript:alert(1)', null), ('', null), (null, null)
) as web (address, said);

-- Whose number it is.
update zoom_meetings set zoom_meeting_id = '830 000 6275' where id = pg_temp.id('other lesson');
update zoom_meetings set zoom_meeting_id = '8300006275' where id = pg_temp.id('lesson');
select is(pg_temp.enters('host', 'lesson', 'may_host'), 'false', 'nobody is host of a number that another row has in another spelling');
select is(pg_temp.enters('host', 'lesson', 'is_host'), 'true', 'though the meeting stays theirs');

-- Times are those of UTC, whatever the database's zone.
set local timezone = 'Asia/Tokyo';
select is(pg_temp.answered('host', format('zoom_meeting_people(%L)', pg_temp.id('open day')), 'meeting')::jsonb ->> 'start_time',
  '2026-03-02T08:00:00+00:00', 'a start in UTC');
set local timezone = 'UTC';

-- Who is there.
select is(pg_temp.answered(who, format('zoom_meeting_people(%L)', pg_temp.id('open day'))), outcome, format('%s asks who is there: %s', who, outcome))
from (values ('student', 'forbidden'), ('parent', 'forbidden'), ('host', 'ok')) as matrix (who, outcome);

select * from finish();
rollback;
