-- What cannot be matched, and what else an admin should look at: each reason, when it ends, and that nobody else is told.
begin;
\ir policies/people.psql
select plan(52);

update zoom_meetings set zoom_meeting_id = case title when 'lesson' then '83000000001' when 'other lesson' then '83000000002' when 'assembly' then '83000000003'
  when 'students'' council' then '83000000004' when 'staff room' then '83000000005' else '83000000006' end;

create function pg_temp.listed() returns text language sql as $$
  select coalesce(string_agg(format('%s: %s', item ->> 'title', item ->> 'reason'), ', ' order by item ->> 'title' collate "C", item ->> 'reason'), 'none')
  from jsonb_array_elements(public.unmatched_zoom() -> 'items') item
$$;
create function pg_temp.says(title text) returns text language sql as $$
  select item ->> 'says' from jsonb_array_elements(public.unmatched_zoom() -> 'items') item where item ->> 'title' = says.title
$$;
-- What they are after somebody's write, which stays.
create function pg_temp.does(who text, statement text) returns text language plpgsql as $$
begin
  perform pg_temp.become(who);
  execute statement;
  perform set_config('role', 'none', true);
  return pg_temp.listed();
end $$;

select is(public.unmatched_zoom(), '{"of": 0, "items": []}', 'a sound school has none');
select is(pg_temp.tries(who, 'select public.unmatched_zoom()'), outcome, format('%s: %s', who, outcome))
from (values ('anon', '42501'), ('student', '42501'), ('class teacher', '42501'), ('admin', '42501'), ('service role', '1 row')) as asker (who, outcome);

-- A class that its host does not teach.
select is(pg_temp.does('other teacher', format($$ update zoom_meetings set class_id = %L where title = 'staff room' $$, pg_temp.id('7b'))),
  'staff room: class_unconfirmed', 'a teacher gives their meeting another''s class');
select is(pg_temp.says('staff room'), 'It makes no attendance: its host is other teacher, and its class is 7b, which class teacher teaches.', 'in words');
select is(public.unmatched_zoom() -> 'of', '1', 'they are counted');
select is((public.unmatched_zoom() #> '{items,0}') - '{says,remedy,since}'::text[], jsonb_build_object('id', pg_temp.id('staff room'),
  'number', '83000000005', 'title', 'staff room', 'host', 'other teacher', 'class', '7b', 'reason', 'class_unconfirmed'), 'with all there is to know');
select ok((public.unmatched_zoom() #>> '{items,0,since}')::timestamptz <= now(), 'and since when');
update classes set teacher_id = pg_temp.id('other teacher') where name = '7b';
select is(pg_temp.listed(), 'none', 'until the host teaches it');
update classes set teacher_id = pg_temp.id('class teacher') where name = '7b';
select is(pg_temp.does('admin', $$ update zoom_meetings set title = title where title = 'staff room' $$), 'none', 'or an admin saves the meeting');
select is(pg_temp.does('other teacher', format($$ update zoom_meetings set class_id = %L where title = 'staff room' $$, pg_temp.id('chess'))),
  'staff room: class_unconfirmed', 'another class is another reason');
select is(pg_temp.says('staff room'), 'It makes no attendance: its host is other teacher, and its class is chess, which nobody teaches.', 'a class without a teacher, too');
select is(pg_temp.does('other teacher', $$ update zoom_meetings set class_id = null where title = 'staff room' $$), 'none', 'or it has no class any more');

-- Numbers.
update zoom_meetings set zoom_meeting_id = '830 0000 0007' where title = 'private';
select is(pg_temp.listed(), 'none', 'blanks do no harm');
update zoom_meetings set zoom_meeting_id = '83000007' where title = 'private';
select is(pg_temp.listed(), 'private: number_not_digits', 'a number that no event can have: too few digits');
update zoom_meetings set zoom_meeting_id = '8300000000007' where title = 'private';
select is(pg_temp.listed(), 'private: number_not_digits', 'or too many');
update zoom_meetings set settings = '{"use_pmi": true}', join_url = 'https://zoom.test/j/5551000017' where title = 'private';
select is(pg_temp.listed(), 'none', 'which does no harm where the room has a number');
insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, join_url, settings)
select '83000000077', 'private too', host_id, start_time, 'https://zoom.test/j/5551000017?pwd=x', '{"use_pmi": true}' from zoom_meetings where title = 'private';
select is(pg_temp.listed(), 'private: personal_room_tie, private too: personal_room_tie', 'two of one host and start in one room: a tie');
select is(pg_temp.says('private'), '1 more in the same personal room has the same host and start: what Zoom tells of the room is nobody''s.', 'in words');
update zoom_meetings set start_time = start_time + interval '1 day' where title = 'private too';
select is(pg_temp.listed(), 'none', 'another start tells them apart');
delete from zoom_meetings where title = 'private too';
update zoom_meetings set settings = '{}' where title = 'private';
update zoom_meetings set zoom_meeting_id = '830-0000-0001' where title = 'private';
select is(pg_temp.listed(), 'lesson: number_twice, private: number_twice', 'one that another meeting has in another spelling: both');
select is(pg_temp.says('lesson'), 'Another meeting, private, has the same number: what Zoom tells of it is nobody''s.', 'in words');
update zoom_meetings set zoom_meeting_id = 'to be told' where title = 'private';
update zoom_meetings set zoom_meeting_id = 'not known' where title = 'assembly';
select is(pg_temp.listed(), 'assembly: number_not_digits, private: number_not_digits', 'what has no digits is not the same as nothing');
update zoom_meetings set zoom_meeting_id = case title when 'private' then '83000000006' else '83000000003' end where title in ('private', 'assembly');
select is(pg_temp.listed(), 'none', 'corrected');

-- Time zones, one for all meetings that have it.
update zoom_meetings set timezone = 'GMT+8' where title in ('private', 'assembly');
select is(pg_temp.listed(), 'assembly: zone_taken_as_east', 'one that is read the other way round is told once');
select is(pg_temp.says('assembly'), 'Its time zone is GMT+8, which is taken as east of UTC. PostgreSQL reads such names the other way round.', 'in words');
update zoom_meetings set timezone = 'Singapore Standard Time' where title = 'private';
update zoom_meetings set timezone = 'utc+0' where title = 'assembly';
select is(pg_temp.listed(), 'none', 'a name of Windows'' is known, and nought is nought');
update zoom_meetings set timezone = 'Mars/Olympus' where title = 'private';
select is(pg_temp.says('private'), 'Its time zone, Mars/Olympus, is none that is known: dates by it are those of UTC.', 'one that nobody knows');
update zoom_meetings set timezone = 'UTC';

-- Who holds it at Zoom.
create function pg_temp.ran(title text, host text, days integer default 0) returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'started', 'meeting', zoom_meeting_id, 'instance', title || days,
    'at', now() - days * interval '1 day', 'start', now() - days * interval '1 day', 'host_email', host), jsonb_build_object('kind', 'ended', 'meeting', zoom_meeting_id,
    'instance', title || days, 'at', now() - days * interval '1 day')))
  from zoom_meetings own where own.title = ran.title
$$;
do $$ begin
  perform pg_temp.ran('lesson', 'Host@policies.test'); -- their own, in other letters
  perform pg_temp.ran('other lesson', 'admin@policies.test'); -- an admin may hold every meeting of a school
  perform pg_temp.ran('assembly', 'zoom@elsewhere.test'); -- nobody of the school
  perform pg_temp.ran('private', 'class.teacher@policies.test', 7);
end $$;
select is(pg_temp.listed(), 'private: other_host', 'a meeting that another user holds at Zoom');
select is(pg_temp.says('private'), 'It is held at Zoom by class teacher, and its host here is host.', 'in words');
do $$ begin perform pg_temp.ran('private', 'host@policies.test', 1); end $$;
select is(pg_temp.listed(), 'none', 'the latest run decides');
do $$ begin perform pg_temp.ran('private', 'class.teacher@policies.test'); end $$;
update zoom_meetings set host_id = null where title = 'private';
select is(pg_temp.listed(), 'none', 'without a host there is none to be another');

delete from zoom.instances;

-- Runs that belong to no lesson, or whose end was never told; and who is in doubt.
create function pg_temp.told(title text, run text, day integer, events jsonb) returns void language sql as $$
  select public.apply_zoom_events(jsonb_agg(jsonb_build_object('meeting', own.zoom_meeting_id, 'instance', run, 'start', date_trunc('day', now()) - day * interval '1 day',
    'at', date_trunc('day', now()) - day * interval '1 day' + (event ->> 'minute')::integer * interval '1 minute') || (event - 'minute')))
  from zoom_meetings own cross join jsonb_array_elements(events) event where own.title = told.title
$$;
update zoom_meetings set created_at = '2026-01-01', meeting_type = 'scheduled', start_time = now() + interval '30 days', class_id = pg_temp.id('7b'), host_id = pg_temp.id('class teacher') where title = 'private';
select pg_temp.told('private', 'unplanned', 3, '[{"kind": "joined", "minute": 0, "segment": "1", "email": "student@policies.test"}, {"kind": "ended", "minute": 40}]');
select is(pg_temp.listed(), 'private: run_without_lesson', 'a run that was not planned');
select is(pg_temp.says('private'), 'It was held with one person, and that counts for nothing: it was not planned for that time.', 'in words');
update zoom_meetings set start_time = date_trunc('day', now()) - interval '3 days' where title = 'private';
select public.catch_up_zoom(), public.catch_up_zoom();
select is(pg_temp.listed(), 'none', 'until the meeting is planned for its time');
select pg_temp.told('private', 'open', 2, '[{"kind": "started", "minute": -1440}]');
select pg_temp.told('private', 'next', 1, '[{"kind": "started", "minute": -1440}, {"kind": "ended", "minute": -1400}]');
select is(pg_temp.listed(), 'private: end_never_told', 'an end that Zoom never told');
select is(pg_temp.says('private'), 'Zoom never told the end of it: it is taken to have ended when Zoom last told of it.', 'in words');
delete from zoom.instances;

update zoom_meetings set meeting_type = 'recurring' where title = 'private';
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url) values (pg_temp.id('private'), pg_temp.id('classmate'), 'reg-1', '');
select pg_temp.told('private', 'who', 1, '[{"kind": "joined", "minute": 0, "segment": "1", "connection": "one", "email": "student@policies.test", "registrant_id": "reg-1", "name": "student"},
  {"kind": "left", "minute": 30, "segment": "1"}, {"kind": "ended", "minute": 40}]');
select is(pg_temp.listed(), 'private: registration_against_email', 'a registration against the e-mail');
select is(pg_temp.says('private'), 'Somebody was registered as classmate and showed the e-mail of student: they count as student.', 'in words');
select pg_temp.told('private', 'who', 1, '[{"kind": "joined", "minute": 5, "segment": "2", "connection": "two", "email": "student@policies.test", "name": "classmate"}]');
select is(pg_temp.listed(), 'private: registration_against_email, private: two_names', 'two names at once');
delete from zoom.instances;
delete from meeting_registrants;
select pg_temp.told('private', 'tie', 1, '[{"kind": "joined", "minute": 0, "segment": "1", "connection": "one", "email": "student@policies.test"},
  {"kind": "joined", "minute": 5, "segment": "2", "connection": "one", "email": "classmate@policies.test"}, {"kind": "ended", "minute": 40}]');
select is(pg_temp.listed(), 'private: tie', 'two users at once');
select is(pg_temp.says('private'), 'Somebody showed what belongs to several users (keys, registrations or e-mails), and counts as nobody.', 'in words');
delete from zoom.instances;
update users set name = 'Ana Lima' where id in (pg_temp.id('student'), pg_temp.id('classmate'));
select pg_temp.told('private', 'name', 1, '[{"kind": "joined", "minute": 0, "segment": "1", "connection": "one", "name": "ANA  lima"}, {"kind": "ended", "minute": 40}]');
select is(pg_temp.listed(), 'private: name_tie', 'a name that two students have');
select is(pg_temp.says('private'), 'Somebody was in it as Ana Lima, a name that several students of the class have, and counts as nobody.', 'in words');
delete from zoom.instances;
update users set name = 'student' where id = pg_temp.id('student');

-- One e-mail in different letters.
insert into users (email, name, role) values (' Student@Policies.test', 'Maria Two', 'student');
select is(public.unmatched_zoom() #> '{items,0}', '{"reason": "shared_address", "id": null, "number": null, "title": null, "host": null, "class": null, "since": null,
  "says": "Several users have one e-mail in other letters: Maria Two, student.",
  "remedy": "An admin gives each their own: Zoom''s participants are recognised by it, in another spelling as nobody."}', 'users whom one e-mail confuses');
select is(public.unmatched_zoom()::text ~ '@', false, 'no address is in it');

-- No more than were asked for, the newest first, and all are counted.
insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url, created_at)
select 'number ' || n, 'Lesson ' || n, now(), 'https://zoom.test/j', now() - n * interval '1 hour' from generate_series(1, 60) n;
select is((select format('%s of %s, %s to %s', jsonb_array_length(said -> 'items'), said -> 'of', said #>> '{items,1,title}', said #>> '{items,49,title}')
  from public.unmatched_zoom() said), '50 of 61, Lesson 1 to Lesson 49', 'the newest of them');
select is(jsonb_array_length(public.unmatched_zoom(3) -> 'items'), 3, 'as many as were asked for');
select is(jsonb_array_length(public.unmatched_zoom(-1) -> 'items'), 0, 'and never fewer than none');

select * from finish();
rollback;
