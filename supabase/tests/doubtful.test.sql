-- Meetings that an admin should look at: each reason, when it ends, and that nobody else is told.
begin;
\ir policies/people.psql
select plan(30);

update zoom_meetings set zoom_meeting_id = case title when 'lesson' then '83000000001' when 'other lesson' then '83000000002' when 'assembly' then '83000000003'
  when 'students'' council' then '83000000004' when 'staff room' then '83000000005' else '83000000006' end;

create function pg_temp.doubts() returns text language sql as $$
  select coalesce(string_agg(format('%s: %s', doubt ->> 'title', doubt ->> 'reason'), ', ' order by doubt ->> 'title' collate "C", doubt ->> 'reason'), 'none')
  from jsonb_array_elements(public.doubtful_meetings() -> 'meetings') doubt
$$;
create function pg_temp.says(title text) returns text language sql as $$
  select doubt ->> 'says' from jsonb_array_elements(public.doubtful_meetings() -> 'meetings') doubt where doubt ->> 'title' = says.title
$$;
-- What they are after somebody's write, which stays.
create function pg_temp.does(who text, statement text) returns text language plpgsql as $$
begin
  perform pg_temp.become(who);
  execute statement;
  perform set_config('role', 'none', true);
  return pg_temp.doubts();
end $$;

select is(public.doubtful_meetings(), '{"of": 0, "meetings": [], "addresses": []}', 'a sound school has none');
select is(pg_temp.tries(who, 'select public.doubtful_meetings()'), outcome, format('%s: %s', who, outcome))
from (values ('anon', '42501'), ('student', '42501'), ('class teacher', '42501'), ('admin', '42501'), ('service role', '1 row')) as asker (who, outcome);

-- A class that its host does not teach.
select is(pg_temp.does('other teacher', format($$ update zoom_meetings set class_id = %L where title = 'staff room' $$, pg_temp.id('7b'))),
  'staff room: class_unconfirmed', 'a teacher gives their meeting another''s class');
select is(pg_temp.says('staff room'), 'It makes no attendance: other teacher gave it the class 7b, which class teacher teaches.', 'in words');
select is(public.doubtful_meetings() -> 'of', '1', 'they are counted');
select is((public.doubtful_meetings() #> '{meetings,0}') - '{says,remedy,since}'::text[], jsonb_build_object('id', pg_temp.id('staff room'),
  'number', '83000000005', 'title', 'staff room', 'host', 'other teacher', 'class', '7b', 'reason', 'class_unconfirmed'), 'with all there is to know');
select ok((public.doubtful_meetings() #>> '{meetings,0,since}')::timestamptz <= now(), 'and since when');
update classes set teacher_id = pg_temp.id('other teacher') where name = '7b';
select is(pg_temp.doubts(), 'none', 'until the host teaches it');
update classes set teacher_id = pg_temp.id('class teacher') where name = '7b';
select is(pg_temp.does('admin', $$ update zoom_meetings set title = title where title = 'staff room' $$), 'none', 'or an admin saves the meeting');
select is(pg_temp.does('other teacher', format($$ update zoom_meetings set class_id = %L where title = 'staff room' $$, pg_temp.id('chess'))),
  'staff room: class_unconfirmed', 'another class is another doubt');
select is(pg_temp.says('staff room'), 'It makes no attendance: other teacher gave it the class chess, which nobody teaches.', 'a class without a teacher, too');
select is(pg_temp.does('other teacher', $$ update zoom_meetings set class_id = null where title = 'staff room' $$), 'none', 'or it has no class any more');

-- Numbers.
update zoom_meetings set zoom_meeting_id = '830 0000 0007' where title = 'private';
select is(pg_temp.doubts(), 'private: number_not_digits', 'a number that is not digits alone');
update zoom_meetings set zoom_meeting_id = '830-0000-0001' where title = 'private';
select is(pg_temp.doubts(), 'lesson: number_twice, private: number_not_digits, private: number_twice', 'one that another meeting has in another spelling: both');
select is(pg_temp.says('lesson'), 'Another meeting, private, has the same number.', 'in words');
update zoom_meetings set zoom_meeting_id = 'to be told' where title = 'private';
update zoom_meetings set zoom_meeting_id = 'not known' where title = 'assembly';
select is(pg_temp.doubts(), 'assembly: number_not_digits, private: number_not_digits', 'what has no digits is the same as nothing');
update zoom_meetings set zoom_meeting_id = case title when 'private' then '83000000006' else '83000000003' end where title in ('private', 'assembly');
select is(pg_temp.doubts(), 'none', 'corrected');

-- Who holds it at Zoom.
create function pg_temp.ran(title text, host text, days integer default 0) returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'started', 'meeting', zoom_meeting_id, 'instance', title || days,
    'at', now() - days * interval '1 day', 'start', now() - days * interval '1 day', 'host_email', host)))
  from zoom_meetings own where own.title = ran.title
$$;
do $$ begin
  perform pg_temp.ran('lesson', 'Host@policies.test'); -- their own, in other letters
  perform pg_temp.ran('other lesson', 'admin@policies.test'); -- an admin may hold every meeting of a school
  perform pg_temp.ran('assembly', 'zoom@elsewhere.test'); -- nobody of the school
  perform pg_temp.ran('private', 'class.teacher@policies.test', 7);
end $$;
select is(pg_temp.doubts(), 'private: other_host', 'a meeting that another user holds at Zoom');
select is(pg_temp.says('private'), 'It is held at Zoom by class teacher, and its host here is host.', 'in words');
do $$ begin perform pg_temp.ran('private', 'host@policies.test', 1); end $$;
select is(pg_temp.doubts(), 'none', 'the latest run decides');
do $$ begin perform pg_temp.ran('private', 'class.teacher@policies.test'); end $$;
update zoom_meetings set host_id = null where title = 'private';
select is(pg_temp.doubts(), 'none', 'without a host there is none to be another');

-- One e-mail in different letters.
insert into users (email, name, role) values (' Student@Policies.test', 'Maria Two', 'student');
select is(public.doubtful_meetings() -> 'addresses' #>> '{0,says}', '2 users have one e-mail in different letters: Maria Two, student.', 'users whom one e-mail confuses');
select is(public.doubtful_meetings()::text ~ '@', false, 'no address is in it');

-- No more than were asked for, the newest first, and all are counted.
insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url, created_at)
select 'number ' || n, 'Lesson ' || n, now(), 'https://zoom.test/j', now() - n * interval '1 hour' from generate_series(1, 60) n;
select is((select format('%s of %s, %s to %s', jsonb_array_length(said -> 'meetings'), said -> 'of', said #>> '{meetings,0,title}', said #>> '{meetings,49,title}')
  from public.doubtful_meetings() said), '50 of 60, Lesson 1 to Lesson 50', 'the newest of them');
select is(jsonb_array_length(public.doubtful_meetings(3) -> 'meetings'), 3, 'as many as were asked for');
select is(jsonb_array_length(public.doubtful_meetings(-1) -> 'meetings'), 0, 'and never fewer than none');

select * from finish();
rollback;
