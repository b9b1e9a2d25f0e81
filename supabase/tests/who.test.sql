-- Who somebody is: the first that fits of a key, a registration beside an address of nobody, an address, and a name.
begin;
\ir school.psql
select no_plan();

create function pg_temp.day() returns date language sql as $$ select date '2026-03-02' $$;
select pg_temp.lesson('who', '2026-03-02T08:00Z');
insert into users (id, email, name, role)
select pg_temp.id(who), email, name, role
from (values
  ('mother', 'mother@home.test', 'Mother Lind', 'parent'), ('Twin', 'Twin@School.test', 'Twin One', 'student'), ('twin', 'twin@school.test', 'Twin Two', 'student'),
  ('only', 'Only@School.test', 'José Muñoz', 'student'), ('blank', ' blank@school.test ', 'Ana  Silva', 'student'), ('ana', 'ana@school.test', 'ana silva', 'student'),
  ('stranger', 'stranger@school.test', 'Sam Stranger', 'student')
) as person (who, email, name, role);
insert into class_students (class_id, student_id) select pg_temp.id('who'), pg_temp.id(who) from unnest(array['only', 'blank', 'ana']) who;
insert into parent_children (parent_id, student_id) values (pg_temp.id('mother'), pg_temp.id('a'));
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values (pg_temp.id('who'), pg_temp.id('a'), 'reg-a'), (pg_temp.id('who'), pg_temp.id('b'), ' reg-b ');
insert into zoom.keys (customer_key, meeting_id, user_id) values ('key-of-a-for-this-meeting', pg_temp.id('who'), pg_temp.id('a')), ('key-of-b-for-this-meeting', pg_temp.id('who'), pg_temp.id('b'));
update zoom.history set since = '2026-01-01' where since = now();

-- A guest in a seat of their own, and whom they are taken for.
create function pg_temp.seat(seat text, shows jsonb, run text default 'r') returns text language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object('kind', 'joined', 'meeting', pg_temp.number('who'), 'instance', run, 'start', '2026-03-02T08:00:00Z',
    'at', '2026-03-02T08:00:00Z', 'segment', seat, 'connection', coalesce(shows ->> 'connection', seat)) || shows)) ->> 0
$$;
create function pg_temp.who(seat text, run text default 'r') returns text language sql as $$
  select coalesce(person, 'nobody') || coalesce(', ' || seg.known_by, '')
  from zoom.segments seg join zoom.instances own using (run_id)
  left join unnest(array['a', 'b', 'c', 'mother', 'Twin', 'twin', 'only', 'blank', 'late']) person on pg_temp.id(person) = seg.user_id
  where seg.segment = seat and own.instance = run and own.meeting_id = pg_temp.id('who')
$$;

-- The order --------------------------------------------------------------------------------------------------------------------
select pg_temp.seat(seat, shows::jsonb)
from (values
  ('1', '{"customer_key": "key-of-a-for-this-meeting", "registrant_id": "reg-b", "email": "c@school.test"}'),
  ('2', '{"customer_key": "a-key-that-nobody-was-given", "email": "c@school.test"}'),
  ('3', '{"customer_key": "a-key-that-nobody-was-given", "registrant_id": "reg-b"}'),
  ('4', '{"registrant_id": "reg-a", "email": "visitor@home.test"}'),
  ('5', '{"registrant_id": "reg-a", "email": "b@school.test"}'),
  ('6', '{"registrant_id": "reg-a", "email": "mother@home.test"}'),
  ('7', '{"registrant_id": "reg-b", "email": "mother@home.test"}'),
  ('8', '{"email": "mother@home.test", "name": "A Lind"}'),
  ('9', '{"zoom_user_id": "reg-b"}'), ('10', '{"participant_id": "reg-b"}'), ('11', '{"registrant_id": "", "zoom_user_id": "reg-b", "email": ""}'),
  ('12', '{"registrant_id": "reg-of-another-meeting"}'),
  ('13', '{"email": " TWIN@school.test"}'), ('14', '{"email": "Twin@School.test"}'), ('15', '{"email": "TWIN@SCHOOL.TEST"}'),
  ('16', '{"email": "oNLY@school.test "}'), ('17', '{"email": "blank@school.test"}'), ('18', '{"email": "nobody@school.test"}'),
  ('19', '{"name": "Nobody Known"}')
) as seat (seat, shows);
select is(pg_temp.who(seat), taken_for, says)
from (values
  ('1', 'a, key', 'a key goes before all'),
  ('2', 'c, email', 'a key of nobody does not hide an address'),
  ('3', 'b, registration', 'nor a registration'),
  ('4', 'a, registration', 'a registration counts beside an address of nobody'),
  ('5', 'b, email', 'and not beside somebody else''s'),
  ('6', 'a, registration', 'but beside their own parent''s'),
  ('7', 'mother, email', 'and not beside another''s parent'),
  ('8', 'mother, email', 'a parent''s address is the parent, whatever the name'),
  ('9', 'b, registration', 'a registrant''s id may come as the Zoom user''s'),
  ('10', 'b, registration', 'or as the participant''s'),
  ('11', 'b, registration', 'an empty text is none'),
  ('12', 'nobody', 'a registration of another meeting is nobody''s'),
  ('13', 'nobody', 'two have the address in other letters'),
  ('14', 'Twin, email', 'the exact spelling goes first'),
  ('15', 'nobody', 'in a third spelling it is nobody''s'),
  ('16', 'only, email', 'the only user who has it in any case'),
  ('17', 'blank, email', 'blanks at the ends of what the school wrote are none'),
  ('18', 'nobody', 'an address of nobody'),
  ('19', 'nobody', 'and a name alone is nobody')
) as seat (seat, taken_for, says);

-- Two answers of one kind are none.
select pg_temp.seat('20', '{"customer_key": "key-of-a-for-this-meeting", "connection": "shared"}'), pg_temp.seat('21', '{"customer_key": "key-of-b-for-this-meeting", "connection": "shared", "email": "c@school.test"}');
select is(pg_temp.who('20'), 'nobody, tie', 'two keys of one connection are nobody''s');
select is(pg_temp.who('21'), 'nobody, tie', 'and no address decides it');
select pg_temp.seat('22', '{"email": "a@school.test", "connection": "two addresses"}'), pg_temp.seat('23', '{"email": "b@school.test", "connection": "two addresses"}');
select is(pg_temp.who('22'), 'nobody, tie', 'nor are two addresses');
select pg_temp.seat('24', '{"registrant_id": "reg-a", "connection": "two registrations"}'), pg_temp.seat('25', '{"registrant_id": "reg-b", "connection": "two registrations"}');
select is(pg_temp.who('24'), 'nobody, tie', 'nor two registrations');
select pg_temp.seat('26', '{"email": "a@school.test", "connection": "one of two"}'), pg_temp.seat('27', '{"email": "guest@home.test", "connection": "one of two"}');
select is(pg_temp.who('27'), 'a, email', 'what one seat of a connection shows is said of all');

-- Names: where the app saw them come --------------------------------------------------------------------------------------------
create function pg_temp.came(who text, at timestamptz, kind text default 'opened') returns void language sql as $$
  insert into zoom.visits (meeting_id, user_id, at, kind) values (pg_temp.id('who'), pg_temp.id(who), came.at, came.kind) on conflict do nothing
$$;
select pg_temp.came('only', '2026-03-02T07:59:30Z'), pg_temp.came('blank', '2026-03-02T07:59:30Z'), pg_temp.came('stranger', '2026-03-02T07:59:30Z'),
  pg_temp.came('a', '2026-03-02T06:59:59Z'), pg_temp.came('b', '2026-03-02T07:00Z', 'left'), pg_temp.came('c', '2026-03-02T09:59Z', 'joined');
select pg_temp.seat(seat, shows::jsonb)
from (values
  ('30', '{"name": "José Muñoz"}'), ('31', '{"name": " josé  MUÑOZ "}'), ('32', '{"name": "Jose Munoz"}'), ('33', '{"name": "Ana Silva"}'),
  ('34', '{"name": "Sam Stranger"}'), ('35', '{"name": "A Lind"}'), ('36', '{"name": "B Lind"}'), ('37', '{"name": "C Lind"}'),
  ('38', '{"name": "José Muñoz", "customer_key": "a-key-that-nobody-was-given"}'), ('39', '{"name": "José Muñoz", "email": "visitor@home.test"}')
) as seat (seat, shows);
select is(pg_temp.who(seat), taken_for, says)
from (values
  ('30', 'only, name', 'the name of a student who opened the page, in another form of Unicode'),
  ('31', 'only, name', 'whatever its case and blanks'),
  ('32', 'nobody', 'a name that is only alike is another'),
  ('33', 'nobody', 'two of the class have it, one with two blanks'),
  ('34', 'nobody', 'who is not of the class is nobody by name'),
  ('35', 'nobody', 'who opened the page before the lesson''s window did not come for it'),
  ('36', 'nobody', 'who left it did not come'),
  ('37', 'c, name', 'who came to the page in the lesson''s window did'),
  ('38', 'nobody', 'a connection that showed a key is not known by a name'),
  ('39', 'only, name', 'an address of nobody is no hindrance')
) as seat (seat, taken_for, says);
-- A user who renames themselves goes by the name that staff wrote.
select pg_temp.at('2026-03-01T12:00Z', format('update users set name = %L where id = %L', 'Hugo Lind', pg_temp.id('c')));
select pg_temp.seat('40', '{"name": "Hugo Lind"}', 'r2');
select is(pg_temp.who('40', 'r2'), 'c, name', 'a name that staff wrote before the run');
select pg_temp.seat('41', '{"name": "C Lind"}', 'r2');
select is(pg_temp.who('41', 'r2'), 'nobody', 'the one of before is nobody''s');

-- As of the begin, and what was lacking then, later --------------------------------------------------------------------------
select pg_temp.at('2026-03-02T12:00Z', format('update users set email = %L where id = %L', 'a.new@school.test', pg_temp.id('a')));
select pg_temp.at('2026-03-02T13:00Z', format('update users set email = %L where id = %L', 'a@school.test', pg_temp.id('b')));
select pg_temp.seat('50', '{"email": "a@school.test"}');
select is(pg_temp.who('50'), 'a, email', 'an address is whose it was when the run began, whenever the event comes');
select pg_temp.told('who', 'later', '2026-03-03', '{S 08:00,J a 50 08:00}');
select is(pg_temp.who('later50', 'later'), 'b, email', 'and in a later run whose it is then');
select pg_temp.seat('51', '{"email": "a.new@school.test"}');
select is(pg_temp.who('51'), 'a, email', 'an address of nobody then is whose it came to be');
select pg_temp.seat('52', '{"email": "late@school.test"}');
select is(pg_temp.who('52'), 'nobody', 'an address of nobody yet');
insert into users (id, email, name, role) values (pg_temp.id('late'), 'Late@school.test', 'Late Lind', 'student');
select pg_temp.catch_up();
select is(pg_temp.who('52'), 'late, email', 'is whose it is as soon as the school writes it');
select pg_temp.seat('53', '{"registrant_id": "reg-late"}');
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values (pg_temp.id('who'), pg_temp.id('c'), 'reg-late');
select pg_temp.catch_up();
select is(pg_temp.who('53'), 'c, registration', 'and so is a registration');
delete from meeting_registrants where zoom_registrant_id = 'reg-a';
select pg_temp.catch_up();
select pg_temp.seat('4', '{"registrant_id": "reg-a", "email": "visitor@home.test", "name": "Said again"}');
select is(pg_temp.who('4'), 'a, registration', 'one that is deleted stays what it was');
select pg_temp.seat('54', '{"name": "Late Lind"}');
select pg_temp.came('late', '2026-03-02T08:10Z');
insert into class_students (class_id, student_id) values (pg_temp.id('who'), pg_temp.id('late'));
select pg_temp.catch_up();
select is(pg_temp.who('54'), 'late, name', 'and so is a name, once they are enrolled');

-- What a connection shows in the end counts, in whatever order it came.
select is((select count(*) from zoom.segments seg join zoom.instances own using (run_id) cross join lateral zoom.connections(array[row(seg.run_id, seg.connection_key, null)::zoom.sighting]) seat
  cross join lateral unnest(zoom.identities(array[seat], true)) told where own.meeting_id = pg_temp.id('who') and (told.user_id, told.known_by) is distinct from (seg.user_id, seg.known_by)), 0::bigint,
  'what is noted of each connection is what the rule says of it');

select * from finish();
rollback;
