-- Who is forgotten is nowhere: no name, no e-mail, none that they had before, no registration, key or account, in any table. And
-- nothing of anybody else changes, be it judged anew.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(44);

insert into users (id, email, name, role) values
  ('00000000-0000-4000-8000-000000000001', 'M.Lind@former.test', 'Maja Lindqvist', 'student'),
  ('00000000-0000-4000-8000-000000000002', 'ben@school.test', 'Ben Okafor', 'student'),
  ('00000000-0000-4000-8000-000000000003', 'chi@school.test', 'Chi Chen', 'student'),
  ('00000000-0000-4000-8000-000000000004', 'tia@school.test', 'Tia Thorn', 'teacher'),
  ('00000000-0000-4000-8000-000000000005', 'papa@home.test', 'Papa Okafor', 'parent'),
  ('00000000-0000-4000-8000-000000000006', 'Twin@school.test', 'Dora Diaz', 'student'),
  ('00000000-0000-4000-8000-000000000007', 'tWIN@school.test', 'Eli Evans', 'student');
insert into classes (id, name, grade, section, subject, teacher_id) values
  ('00000000-0000-4000-9000-000000000001', '7b', '7', 'b', 'Algebra', '00000000-0000-4000-8000-000000000004');
insert into class_students (class_id, student_id)
select '00000000-0000-4000-9000-000000000001', person.id from users person where person.role = 'student' and person.id::text like '00000000-0000-4000-8000-%';
insert into parent_children (parent_id, student_id) values ('00000000-0000-4000-8000-000000000005', '00000000-0000-4000-8000-000000000002');
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id, host_id) values
  ('00000000-0000-4000-a000-000000000001', '990000001', 'Algebra', 'recurring', '2024-03-04T08:00Z', 'https://zoom.test/1',
    '00000000-0000-4000-9000-000000000001', '00000000-0000-4000-8000-000000000004');
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values
  ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000001', 'registration-of-maja'),
  ('00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000002', 'registration-of-ben');
insert into zoom.keys (customer_key, meeting_id, user_id) values
  ('key-of-maja-aaaaaaaaaaaaaaaa', '00000000-0000-4000-a000-000000000001', '00000000-0000-4000-8000-000000000001');

create function pg_temp.id(who text) returns uuid language sql as $$
  select ('00000000-0000-4000-8000-00000000000' || strpos('mbctpde', left(who, 1)))::uuid
$$;
-- What changed just now changed at this moment.
create function pg_temp.that_was(at timestamptz) returns void language sql as $$
  update zoom.history set until = at where until = now();
  update zoom.history set since = at where since = now()
$$;
select pg_temp.that_was('2024-01-01');
update users set email = 'maja@school.test', name = 'Maja Lind' where id = pg_temp.id('maja');
update meeting_registrants set zoom_registrant_id = 'latest-of-maja' where user_id = pg_temp.id('maja');
select pg_temp.that_was('2024-03-10');

create function pg_temp.told(kind text, at timestamptz, shows jsonb default '{}') returns text language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', kind, 'meeting', '990000001', 'instance', 'run of ' || at::date,
    'at', at, 'host_id', 'account-of-tia', 'host_email', 'Tia@school.test') || shows)) ->> 0
$$;
create function pg_temp.came(who text, day date, shows jsonb, until time default '09:00') returns void language plpgsql as $$
begin
  shows := case when shows ? 'name' and not shows ? 'segment' then '{}' else jsonb_build_object('segment', who, 'connection', who) end || shows;
  perform pg_temp.told('joined', day + time '08:00', shows);
  perform pg_temp.told('left', day + until, shows);
end
$$;
create function pg_temp.catch_up() returns void language plpgsql as $$
begin
  for i in 1 .. 20 loop
    exit when (public.catch_up_zoom() ->> 'left')::int = 0 and not exists (select from zoom.changes) and not exists (select from zoom.due);
  end loop;
end
$$;
create function pg_temp.judge() returns void language sql as $$
  select public.rejudge_zoom('{"meeting": "990000001"}');
  select pg_temp.catch_up();
$$;
set timezone = 'UTC';

-- In the first lesson with the former address, by registration, and on a device without a segment of Zoom's; in the second by key, on two devices at once.
select pg_temp.came('tia', '2024-03-04', '{"segment": "t", "email": "tia@school.test", "name": "Tia Thorn", "zoom_user_id": "account-of-tia"}');
select pg_temp.came('maja', '2024-03-04', '{"segment": "m", "email": "m.lind@FORMER.test", "name": "Maja Lindqvist", "zoom_user_id": "account-of-maja"}', '08:40');
select pg_temp.came('maja', '2024-03-04', '{"email": "m.lind@former.test", "name": "maja on the phone"}', '08:45');
select pg_temp.came('ben', '2024-03-04', '{"segment": "b", "email": "papa@home.test", "registrant_id": "registration-of-ben", "name": "Ben"}');
select pg_temp.told('ended', '2024-03-04T09:00Z');
select pg_temp.came('tia', '2024-03-11', '{"segment": "t", "email": "tia@school.test", "name": "Tia Thorn", "zoom_user_id": "account-of-tia"}');
select pg_temp.came('maja', '2024-03-11', '{"segment": "m1", "customer_key": "key-of-maja-aaaaaaaaaaaaaaaa", "name": "Maja Lind"}', '08:10');
select pg_temp.came('maja 2', '2024-03-11', '{"segment": "m2", "registrant_id": "latest-of-maja", "name": "Maja L."}', '08:20');
select pg_temp.came('chi', '2024-03-11', '{"segment": "c", "email": "chi@school.test", "registrant_id": "latest-of-maja", "name": "Chi"}');
select pg_temp.came('both', '2024-03-11', '{"segment": "2", "email": "ben@school.test", "name": "Two"}');
select pg_temp.told('joined', '2024-03-11T08:00Z', '{"segment": "2b", "connection": "both", "email": "maja@school.test", "name": "Two"}');
select pg_temp.came('twin', '2024-03-11', '{"segment": "tw", "email": "TWIN@school.test", "name": "A twin"}');
select pg_temp.told('ended', '2024-03-11T09:00Z');
select pg_temp.judge();

-- Where a word is written, in any row of any table.
create function pg_temp.found(word text) returns text language plpgsql as $$
declare
  place text;
  is_here boolean;
  places text[] := '{}';
begin
  for place in
    select format('%I.%I', nspname, relname) from pg_class join pg_namespace space on space.oid = relnamespace
    where nspname in ('zoom', 'public') and relkind in ('r', 'p', 'm') order by 1
  loop
    execute format('select exists (select from %s own where own::text ilike $1)', place) into is_here using '%' || word || '%';
    if is_here then
      places := places || place;
    end if;
  end loop;
  return array_to_string(places, ' ');
end
$$;
create function pg_temp.records() returns text language sql as $$
  select coalesce(string_agg(concat_ws(' ', record.date, person.name, record.status), ', ' order by record.date, person.name), 'none')
  from attendance_records record join users person on person.id = record.student_id
  where person.id not in (pg_temp.id('maja'), pg_temp.id('dora'))
$$;
-- All that is said of the lessons and of everybody's row but Maja's and Dora's.
create function pg_temp.rest() returns text language sql as $$
  select pg_temp.records() || (select string_agg(concat_ws(' ', run.run_id, run.people, run.has_staff, run.has_others, run.counts), ', ' order by run.run_id) from zoom.instances run)
    || (select string_agg(concat_ws(' ', own.starts_at, own.counts_from, own.counts_until, own.has_staff, own.is_held, own.makes_absent), ', ' order by own.lesson_id) from zoom.lessons own)
    || (select string_agg(concat_ws(' ', own.status, own.join_time, own.leave_time, own.duration, own.zoom_participant_id), ', ' order by own.id) from zoom_participants own)
$$;

select is(pg_temp.records(), '2024-03-04 Ben Okafor present, 2024-03-04 Chi Chen absent, 2024-03-04 Eli Evans absent, '
  '2024-03-11 Ben Okafor absent, 2024-03-11 Chi Chen present, 2024-03-11 Eli Evans absent', 'two lessons were held');
select isnt(pg_temp.found(told.word), '', told.word || ' is known') from (values
  ('lind@former.test'), ('maja@school.test'), ('Maja Lind'), ('Lindqvist'), ('maja on the phone'), ('Maja L.'), ('registration-of-maja'), ('latest-of-maja'),
  ('key-of-maja'), ('account-of-maja')) told (word);
create temporary table before on commit drop as select pg_temp.rest() as rest;
-- Something is still to be looked at, and says so, too.
update users set email = 'MAJA@school.test' where id = pg_temp.id('maja');
select matches(pg_temp.found('maja@school.test'), 'zoom.changes', 'a change is still to be looked at');

-- The user is deleted --------------------------------------------------------------------------------------------------
delete from users where id = pg_temp.id('maja');
select is(pg_temp.found(told.word), '', told.word || ' is nowhere') from (values
  ('lind@former.test'), ('maja@school.test'), ('Maja Lind'), ('Lindqvist'), ('maja on the phone'), ('Maja L.'), ('registration-of-maja'), ('latest-of-maja'),
  ('key-of-maja'), ('account-of-maja')) told (word);
select is((select distinct own.was from zoom.history own where own.relation = 'users' and own.row_key = pg_temp.id('maja')::text),
  '{"role": "student", "is_active": true}', 'that there was a student stays');
select is(zoom.as_of('users', pg_temp.id('maja')::text, '2024-03-04') ->> 'role', 'student', 'and may be asked for');
select is(zoom.own_addresses(pg_temp.id('maja')) || zoom.registrants_of('00000000-0000-4000-a000-000000000001', '{latest-of-maja}', '2024-03-11')::text[],
  '{}', 'and nothing that tells who');
select is((select string_agg(concat_ws(' ', own.name, own.email, own.status, own.duration), ', ') from zoom_participants own
  join zoom.rows memory on memory.row_id = own.id and memory.connection_key = 'user ' || pg_temp.id('maja')), 'left 1200', 'nor does the row of whoever was there');
select pg_temp.judge();
select is(pg_temp.rest(), (select rest from before), 'nothing else changes, be it judged anew');
select is(pg_temp.found('Maja'), '', 'nor does that bring anything back');
select is(pg_temp.told('left', '2024-03-11T08:20Z', '{"segment": "m2", "connection": "maja 2", "registrant_id": "latest-of-maja", "name": "Maja L."}'), 'duplicate',
  'an event that comes once more is one that we know');
select pg_temp.told('left', '2024-03-11T08:20:30Z', '{"segment": "m2", "connection": "maja 2", "registrant_id": "latest-of-maja", "name": "Maja L."}');
select is(pg_temp.found('Maja') || pg_temp.found('latest-of-maja'), '', 'and one that is new tells when, and not who');

-- Whoever has the same address in other letters lacked it only as long as there were two.
delete from users where id = pg_temp.id('dora');
select pg_temp.catch_up();
select is((select status from attendance_records where student_id = pg_temp.id('eli') and date = '2024-03-11'), 'present', 'where two had an address, the other has it alone now');

-- The teacher, and a parent ---------------------------------------------------------------------------------------------
create temporary table later on commit drop as select pg_temp.rest() as rest;
delete from users where id in (pg_temp.id('tia'), pg_temp.id('papa'));
select is(pg_temp.found('tia@school.test') || pg_temp.found('Tia Thorn') || pg_temp.found('account-of-tia') || pg_temp.found('papa@home.test'), '',
  'of a teacher and a parent who are deleted nothing is left');
select pg_temp.judge();
select is(pg_temp.rest(), (select rest from later), 'and the lessons were held by staff, and the child was there');

-- Somebody who stays ----------------------------------------------------------------------------------------------------
update users set email = 'chi.chen@school.test' where id = pg_temp.id('chi');
select pg_temp.that_was('2024-04-01');
select cmp_ok(zoom.forget_person(address => ' CHI@school.test '), '>', 0, 'a former address is forgotten');
select is(pg_temp.found('chi@school.test'), '', 'and nowhere');
select is(zoom.as_of('users', pg_temp.id('chi')::text, now()) ->> 'email', 'chi.chen@school.test', 'that of today stays');
select pg_temp.judge();
select is(pg_temp.records(), '2024-03-04 Ben Okafor present, 2024-03-04 Chi Chen absent, 2024-03-04 Eli Evans absent, '
  '2024-03-11 Ben Okafor absent, 2024-03-11 Chi Chen present, 2024-03-11 Eli Evans present', 'and so does the attendance');

-- Of long ago -----------------------------------------------------------------------------------------------------------
update users set email = 'b.okafor@school.test' where id = pg_temp.id('ben');
select pg_temp.that_was('2024-03-08');
update users set email = 'ben.o@school.test' where id = pg_temp.id('ben');
select pg_temp.that_was('2024-03-20');
select is(zoom.forget('2024-03-05'), 1, 'the first lesson is forgotten');
select matches(pg_temp.found('ben@school.test'), 'zoom.history', 'what stood later is not');
select is(zoom.forget('2024-03-09'), 0, 'no other lesson is as old');
select doesnt_match(pg_temp.found('ben@school.test'), 'zoom.history', 'but an address that ended before that is, once no lesson before its end is kept');
select is(zoom.forget('2030-01-01'), 0, 'the latest lesson stays');
select matches(pg_temp.found('b.okafor@school.test'), 'zoom.history', 'and so does what Ben had in it');
select is(zoom.as_of('users', pg_temp.id('ben')::text, '2024-03-11') ->> 'email', 'b.okafor@school.test', 'and counts');

select * from finish();
rollback;
