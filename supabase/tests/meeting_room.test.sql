-- Who a guest is, by the key we issued or by a name that the app saw come; and what the app's own word is worth.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(54);

-- A day that is still to come: none of its runs is over by the clock.
create function pg_temp.day() returns date language sql as $$ select current_date + 1 $$;

-- A class of five, two of whom have one name, and a visitor from another class.
insert into users (id, email, name, role)
select md5('room ' || name)::uuid, name || '@school.test', case name when 'twin' then 'Ana Silva' when 'ana' then 'ana silva ' else initcap(name) || ' Lind' end, 'student'
from unnest(array['maria', 'ben', 'chen', 'ana', 'twin', 'visitor']) name;
insert into classes (id, name, grade, section, subject) values (md5('room 7b')::uuid, '7b', '7', 'b', 'Algebra');
insert into class_students (class_id, student_id)
select md5('room 7b')::uuid, id from users where id in (select md5('room ' || name)::uuid from unnest(array['maria', 'ben', 'chen', 'ana', 'twin']) name);
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id) values
  (md5('room lesson')::uuid, '990000011', 'Lesson', 'recurring', pg_temp.day() + time '08:00', 'https://zoom.test/1', md5('room 7b')::uuid),
  (md5('room other')::uuid, '990000012', 'Other', 'recurring', pg_temp.day() + time '08:00', 'https://zoom.test/2', md5('room 7b')::uuid),
  (md5('room guests')::uuid, '990000013', 'Guests', 'recurring', pg_temp.day() + time '08:00', 'https://zoom.test/3', md5('room 7b')::uuid);
insert into zoom.keys (customer_key, meeting_id, user_id) values
  ('key-of-maria-for-the-lesson', md5('room lesson')::uuid, md5('room maria')::uuid),
  ('key-of-maria-for-the-guests', md5('room guests')::uuid, md5('room maria')::uuid),
  ('key-of-ben-for-the-other', md5('room other')::uuid, md5('room ben')::uuid);

-- Zoom tells of somebody: told(kind, 'hh:mm', segment, key, name …); the app saw(kind, 'hh:mm', who).
create function pg_temp.told(kind text, at text, segment text default null, key text default null, name text default null,
  instance text default 'first==', zoom_user text default null, email text default null, meeting text default '990000011', day date default pg_temp.day()) returns text language sql as $$
  select (public.apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'kind', kind, 'meeting', meeting, 'instance', instance, 'at', day || 'T' || at || ':00Z', 'start', day || 'T08:00:00Z', 'segment', segment,
    'connection', 'C' || segment, 'customer_key', key, 'name', name, 'zoom_user_id', zoom_user, 'email', email))))) ->> 0
$$;
create function pg_temp.saw(kind text, at text, who text, day date default pg_temp.day()) returns text language sql as $$
  select (public.apply_zoom_events(jsonb_build_array(jsonb_build_object(
    'kind', kind, 'meeting', '990000011', 'at', day || 'T' || at || 'Z', 'user', md5('room ' || who)::uuid)))) ->> 0
$$;
create function pg_temp.user_of(segment text) returns text language sql as $$
  select coalesce((select split_part(u.email, '@', 1) from zoom.segments s join zoom.instances run using (run_id) left join users u on u.id = s.user_id
    where s.segment = user_of.segment and run.meeting_id = md5('room lesson')::uuid), 'nobody')
$$;
create function pg_temp.row_of(who text) returns zoom_participants language sql as $$
  select p from zoom_participants p where p.user_id = md5('room ' || who)::uuid and p.meeting_id = md5('room lesson')::uuid
$$;
create function pg_temp.attendance_of(who text, day date default pg_temp.day()) returns text language sql as $$
  select status from attendance_records r where r.student_id = md5('room ' || who)::uuid and r.date = day
$$;

-- Keys.
select is(pg_temp.told('joined', '08:00', '1', 'key-of-maria-for-the-lesson', 'an iPad'), 'applied', 'a key of ours is nothing to remark on');
select is(pg_temp.user_of('1'), 'maria', 'and is who it was issued to, whatever the name');
select is(pg_temp.told('joined', '08:00', '2', 'key-of-ben-for-the-other'), 'unknown_key', 'a key for another meeting is counted');
select is(pg_temp.user_of('2'), 'nobody', 'and is nobody');
select is(pg_temp.told('joined', '08:00', '2', 'key-of-ben-for-the-other'), 'duplicate', 'once');
select is(pg_temp.told('joined', '08:00', '3', 'key-of-nobody-we-know'), 'unknown_key', 'a key we never issued is counted');
select is(pg_temp.user_of('3'), 'nobody', 'and is nobody');
select is(pg_temp.told('joined', '08:00', '4', 'KEY-OF-MARIA-FOR-THE-LESSON'), 'unknown_key', 'an altered key is another');
select is(pg_temp.told('joined', '08:00', '5', 'key-of-maria-for-the-lesson', email => 'ben@school.test'), 'applied', 'a key goes before an e-mail');
select is(pg_temp.user_of('5'), 'maria', 'so it is Maria');
select is(pg_temp.told('joined', '08:01', '6', 'key-of-nobody-we-know', email => 'chen@school.test'), 'unknown_key', 'a key that is none');
select is(pg_temp.user_of('6'), 'chen', 'does not hide an e-mail');

-- One key, two Zoom users.
select is(pg_temp.told('joined', '08:02', '7', 'key-of-maria-for-the-lesson', zoom_user => 'zoom-maria'), 'applied', 'a Zoom user with her key');
select is(pg_temp.told('joined', '08:03', '8', 'key-of-maria-for-the-lesson', zoom_user => 'zoom-thief'), 'shared_key', 'another at the same time is remarked on');
select is((select count(distinct segment) from zoom.shared_keys where user_id = md5('room maria')::uuid), 2::bigint, 'and both can be looked up');
select is(pg_temp.told('left', '08:04', '7', zoom_user => 'zoom-maria'), 'applied', 'the first has gone');
select is(pg_temp.told('joined', '08:05', '9', 'key-of-maria-for-the-lesson', zoom_user => 'zoom-maria', instance => 'another==', day => pg_temp.day() - 7), 'applied', 'in another run, nobody else has it');

-- One key, two guests: they show other names, and Zoom knows neither.
select is(pg_temp.told('joined', '08:20', '71', 'key-of-maria-for-the-guests', name => 'Maria', instance => 'guests==', meeting => '990000013'), 'applied', 'a guest with her key');
select is(pg_temp.told('joined', '08:21', '72', 'key-of-maria-for-the-guests', name => ' maria', instance => 'guests==', meeting => '990000013'), 'applied', 'on a second device, under the same name');
select is(pg_temp.told('joined', '08:22', '73', 'key-of-maria-for-the-guests', name => 'Ben', instance => 'guests==', meeting => '990000013'), 'shared_key', 'under another name at the same time');
select is(pg_temp.told('left', '08:30', '71', instance => 'guests==', meeting => '990000013'), 'applied', 'she goes');
select is(pg_temp.told('left', '08:30', '72', instance => 'guests==', meeting => '990000013'), 'applied', 'with both');
select is(pg_temp.told('left', '08:31', '73', instance => 'guests==', meeting => '990000013'), 'applied', 'and so does the other');
select is(pg_temp.told('joined', '08:40', '74', 'key-of-maria-for-the-guests', name => 'Zoë', instance => 'guests==', meeting => '990000013'), 'applied', 'later, alone, another name is no matter');
select is((select apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'joined', 'meeting', '990000013', 'instance', 'guests==', 'at', pg_temp.day() + time '08:41',
  'start', pg_temp.day() + time '08:00', 'segment', '75', 'connection', 'C74', 'customer_key', 'key-of-maria-for-the-guests', 'name', 'Zoë (room 1)'))) ->> 0), 'applied', 'nor that one connection goes by two');

-- Names: somebody who came through the app, and only one has the name.
select is(pg_temp.told('joined', '08:06', '20', name => ' BEN lind'), 'applied', 'a guest with a name');
select is(pg_temp.user_of('20'), 'nobody', 'a name alone is nobody');
select is(pg_temp.saw('app_joined', '06:55:00', 'ben'), 'applied', 'the app saw him, but long before the lesson');
select is(pg_temp.user_of('20'), 'nobody', 'which is for something else');
select is(pg_temp.saw('app_joined', '07:50:00', 'ben'), 'applied', 'the app saw him come');
select is(pg_temp.user_of('20'), 'ben', 'now it is he');
select is(pg_temp.saw('app_joined', '07:50:00', 'ben'), 'duplicate', 'seen once');
select is((pg_temp.row_of('ben')).status, 'joined', 'his row is Zoom''s');
select is((pg_temp.row_of('ben')).join_time, pg_temp.day() + timetz '08:06Z', 'with Zoom''s times');
select pg_temp.told('joined', '08:06', '21', name => 'Ana Silva');
select pg_temp.saw('app_joined', '08:05:30', 'ana');
select is(pg_temp.user_of('21'), 'nobody', 'two of the class have the name, so it is nobody');
select pg_temp.told('joined', '08:06', '22', name => 'Visitor Lind');
select pg_temp.saw('app_joined', '08:05:30', 'visitor');
select is(pg_temp.user_of('22'), 'nobody', 'nor is one who is not enrolled');
select pg_temp.told('joined', '08:07', '20', name => 'Somebody else');
select is(pg_temp.user_of('20'), 'nobody', 'a new name is another');
select pg_temp.told('joined', '08:08', '20', name => 'Ben Lind');
select is(pg_temp.user_of('20'), 'ben', 'and back');

-- Who only opened the page is known by their name, and that is all.
create function pg_temp.opened(at text, who text) returns void language sql as $$
  insert into zoom.visits (meeting_id, user_id, at, kind)
  values (md5('room lesson')::uuid, md5('room ' || who)::uuid, (pg_temp.day() || 'T' || at || 'Z')::timestamptz, 'opened')
$$;
select pg_temp.opened('08:08:00', 'chen');
select pg_temp.told('joined', '08:09', '24', name => 'Chen Lind');
select is(pg_temp.user_of('24'), 'chen', 'a guest whose name is that of a student who opened the page');

-- The app's row, without Zoom.
select is((pg_temp.row_of('ana')).status, 'joined', 'the app''s join is in her row');
select is((pg_temp.row_of('ana')).join_time, pg_temp.day() + timetz '08:05:30Z', 'by our clock');
select pg_temp.opened('08:01:00', 'ana');
select pg_temp.opened('08:06:00', 'ana');
select pg_temp.saw('app_left', '08:30:00.25', 'ana');
select is((pg_temp.row_of('ana')).leave_time, pg_temp.day() + timetz '08:30:00.25Z', 'and so is her leaving');
select is((pg_temp.row_of('ana')).duration, null, 'how long she was in the meeting, only Zoom knows');
select pg_temp.opened('08:35:00', 'ana');
select pg_temp.saw('app_left', '08:30:00.25', 'ana');
select is((pg_temp.row_of('ana')).status, 'left', 'opening the page again is no coming back');
select pg_temp.saw('app_joined', '08:40:00', 'twin');
select pg_temp.opened('08:41:00', 'twin');
select pg_temp.told('ended', '08:45');
select is((pg_temp.row_of('twin')).status, 'left', 'whom the app left at joined goes at the end');
select is((pg_temp.row_of('twin')).leave_time, pg_temp.day() + timetz '08:45Z', 'of the run');

-- What it is worth: as the school had set it when the lesson began.
select is(pg_temp.attendance_of('ben'), 'present', 'Zoom saw Ben');
select is(pg_temp.attendance_of('ana'), 'absent', 'the app alone is no evidence');
insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values (pg_temp.day() + 3, 15, 'UTC', 'count', '1 hour');
select pg_temp.told('joined', '08:00', '30', name => 'Somebody', instance => 'counted==', day => pg_temp.day() + 7);
select pg_temp.saw('app_joined', '08:40:00', 'twin', pg_temp.day() + 7);
select is(pg_temp.attendance_of('twin', pg_temp.day() + 7), null, 'whom the app only saw come is not judged yet');
select pg_temp.saw('app_left', '08:44:00', 'twin', pg_temp.day() + 7);
select is(pg_temp.attendance_of('twin', pg_temp.day() + 7), 'partial', 'unless the school counts it');
select pg_temp.saw('app_joined', '08:00:00', 'ana', pg_temp.day() + 7);
select pg_temp.told('ended', '08:45', instance => 'counted==', day => pg_temp.day() + 7);
select is(pg_temp.attendance_of('ana', pg_temp.day() + 7), 'present', 'from its join to its leave, or to the end of the lesson');
select is(pg_temp.attendance_of('ana'), 'absent', 'which changes nothing in a lesson of before');
select throws_ok($$ select pg_temp.saw('app_opened', '08:00:00', 'ana') $$, '22023', null, 'another word of the app is none');
select throws_ok($$ select public.apply_zoom_events('[{"kind":"app_joined","meeting":"990000011","at":"2026-03-02T08:00:00Z"}]') $$, '22023', null, 'nor is one of nobody');

select * from finish();
rollback;
