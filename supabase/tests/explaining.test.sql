-- Why a student's attendance is what it is: each verdict, each event that counts or does not, and whose word stands.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(87);

-- A day that is still to come: none of its runs is over by the clock.
create function pg_temp.day(later integer default 0) returns date language sql as $$ select current_date + 1 + later $$;

-- A class of ten, two of whom have one name; somebody who is not in it; a lesson and an extra one.
insert into users (id, email, name, role)
select md5('why ' || name)::uuid, initcap(name) || '@school.test', case name when 'twin' then 'Ana Silva' when 'ana' then 'ana silva ' else initcap(name) || ' Lind' end, 'student'
from unnest(array['maria', 'ben', 'chen', 'dora', 'ema', 'finn', 'gil', 'hana', 'ana', 'twin', 'visitor']) name;
insert into classes (id, name, grade, section, subject) values (md5('why 7b')::uuid, '7b', '7', 'b', 'Algebra');
insert into classes (id, name, grade, section, subject) values (md5('why other class')::uuid, '8a', '8', 'a', 'Algebra');
insert into class_students (class_id, student_id) values (md5('why other class')::uuid, md5('why dora')::uuid), (md5('why other class')::uuid, md5('why ema')::uuid);
insert into class_students (class_id, student_id)
select md5('why 7b')::uuid, id from users where id in (select md5('why ' || name)::uuid from unnest(array['maria', 'ben', 'chen', 'dora', 'ema', 'finn', 'gil', 'hana', 'ana', 'twin']) name);
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id) values
  (md5('why lesson')::uuid, '990000021', 'Mathematics', 'recurring', pg_temp.day() + timetz '08:00Z', 'https://zoom.test/1', md5('why 7b')::uuid),
  (md5('why extra')::uuid, '990000022', 'Extra', 'recurring', pg_temp.day() + timetz '15:00Z', 'https://zoom.test/2', md5('why 7b')::uuid),
  (md5('why never')::uuid, '990000023', 'Never', 'recurring', pg_temp.day() + timetz '15:00Z', 'https://zoom.test/3', md5('why 7b')::uuid),
  (md5('why classless')::uuid, '990000024', 'Assembly', 'recurring', pg_temp.day() + timetz '15:00Z', 'https://zoom.test/4', null);
insert into zoom.keys (customer_key, meeting_id, user_id) values ('key-of-gil-for-the-lesson', md5('why lesson')::uuid, md5('why gil')::uuid);
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values (md5('why lesson')::uuid, md5('why hana')::uuid, 'reg-hana');

-- Zoom tells of somebody: told(kind, 'hh:mm', segment, who …); the app saw(kind, 'hh:mm', who).
create function pg_temp.told(kind text, at text, segment text default null, who text default null, connection text default null, key text default null,
  name text default null, registrant text default null, email text default null, instance text default 'first==', meeting text default '990000021',
  day date default pg_temp.day(), policy jsonb default '{}') returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object(
    'kind', kind, 'meeting', meeting, 'instance', instance, 'at', day || 'T' || at || 'Z', 'start', day || 'T08:00:00Z', 'segment', segment,
    'connection', coalesce(connection, 'C' || segment), 'customer_key', key, 'name', name, 'registrant_id', registrant,
    'email', coalesce(email, who || '@school.test')))), policy)
$$;
create function pg_temp.saw(kind text, at text, who text, policy jsonb default '{}') returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object(
    'kind', kind, 'meeting', '990000021', 'at', pg_temp.day() || 'T' || at || 'Z', 'user', md5('why ' || who)::uuid)), policy)
$$;
-- What the sidecar is answered: why(who), and one field of it.
create function pg_temp.why(who text, day date default pg_temp.day(), meeting text default '990000021') returns jsonb language plpgsql as $$
begin
  perform set_config('request.jwt.claims', '{"role": "service_role"}', true);
  return public.explain_attendance(meeting, who || '@school.test', day);
end $$;
create function pg_temp.rule(who text) returns text language sql as $$ select pg_temp.why(who) ->> 'rule' $$;
create function pg_temp.set_record(who text, says text) returns void language sql as $$
  insert into attendance_records (student_id, class_id, date, status) values (md5('why ' || who)::uuid, md5('why 7b')::uuid, pg_temp.day(), says)
  on conflict (student_id, class_id, date) do update set status = excluded.status
$$;
-- The events in short: kind hh:mm by connection, with why they do not count.
create function pg_temp.events(who text) returns text language sql as $$
  select string_agg(concat_ws(' ', e ->> 'kind', to_char((e ->> 'at')::timestamptz at time zone 'UTC', 'HH24:MI'), coalesce(e ->> 'by', '-'), e ->> 'connection',
    case when e ->> 'why' is not null then format('(%s)', e ->> 'why') end), ', ' order by n)
  from jsonb_array_elements(pg_temp.why(who) -> 'events') with ordinality t (e, n)
$$;
create function pg_temp.spans(who text, field text) returns text language sql as $$
  select string_agg(to_char((s ->> 'from')::timestamptz at time zone 'UTC', 'HH24:MI-') || to_char((s ->> 'to')::timestamptz at time zone 'UTC', 'HH24:MI'), ' ' order by n)
  from jsonb_array_elements(pg_temp.why(who) -> field) with ordinality t (s, n)
$$;
create function pg_temp.others(who text) returns text language sql as $$
  select string_agg(concat_ws(' ', o ->> 'connection', o ->> 'why'), ' | ' order by n) from jsonb_array_elements(pg_temp.why(who) -> 'others') with ordinality t (o, n)
$$;

-- Lengths in words.
select is(zoom.spelt(n), words, words) from (values
  (0, '0 seconds'), (1, '1 second'), (59, '59 seconds'), (60, '1 minute'), (61, '1 minute 1 second'), (1390, '23 minutes 10 seconds'), (7200, '120 minutes')) as spelt (n, words);

-- What there is not.
select is(public.explain_attendance('990000021', 'maria@school.test'), '{"outcome": "unknown_meeting"}', 'who is nobody is told of no meeting');
select is(pg_temp.why('maria', meeting => '1') ->> 'outcome', 'unknown_meeting', 'nobody knows the meeting');
select is(pg_temp.why('nobody') ->> 'outcome', 'unknown_student', 'nobody knows the student');
select is(pg_temp.why('maria') ->> 'outcome', 'no_lesson', 'nothing was held');
select is(pg_temp.why('maria', day => null, meeting => '990000023') - 'meeting' - 'student', '{"outcome": "no_lesson", "date": null, "latest": null}', 'nothing was ever held');

-- The lesson goes on.
select pg_temp.told('started', '08:00:00');
select is(pg_temp.rule('maria'), 'nothing yet: they were not seen in lesson time, and Zoom has not told the end', 'not there yet');
select pg_temp.told('joined', '08:00:00', '1', 'maria', 'laptop', name => 'Maria');
select is(pg_temp.rule('maria'), 'nothing yet: they are in, and Zoom has told neither that they left nor the end', 'in');
select is(pg_temp.events('maria'), 'joined 08:00 email laptop (nothing closed it yet: that run is still open)', 'and nothing counts yet');
select is(pg_temp.why('maria') -> 'seconds', '0', 'not a second');
select is(pg_temp.why('maria') - '{runs,events,others,app,rule,student,meeting,policy,date,lessons,meetings,changes}'::text[], '{"outcome": "ok", "seconds": 0, "intervals": [], "union": [],
  "attendance_is_theirs": true, "forgotten": false, "verdict": null, "record": null, "said_before": null, "said_then": null, "overridden": false, "note": null, "refused": null, "remarks": [],
  "outlook": "More is expected: Zoom has not told that it ended."}', 'and nothing is written');
select is(pg_temp.why('MARIA') -> 'student', jsonb_build_object('id', md5('why maria')::uuid, 'name', 'Maria Lind', 'email', 'Maria@school.test', 'enrolled', true), 'an e-mail in any case');
select is((public.explain_attendance('99-000 0021', upper(md5('why maria')::uuid::text))) ->> 'outcome', 'ok', 'or the id; a number in any spelling; and the latest lesson');
select is(pg_temp.why('maria') -> 'meeting', jsonb_build_object('id', md5('why lesson')::uuid, 'number', '990000021', 'title', 'Mathematics', 'timezone', 'UTC',
  'class', jsonb_build_object('id', md5('why 7b')::uuid, 'name', '7b')), 'the meeting and its class');
select is(pg_temp.why('maria') -> 'policy', '{"min_seconds": 900, "app_joins": "corroborate"}', 'the settings that it goes by');
select is(pg_temp.why('maria') -> 'runs', replace('[{"instance": "first==", "started_at": "DAYT08:00:00+00:00", "ended_at": null, "end_told": false, "counts": true, "people": 1,
  "no_lesson": null, "why": null}]', 'DAY', pg_temp.day()::text)::jsonb, 'the runs');
select is(pg_temp.why('maria') #> '{lessons,0}', replace('{"starts_at": "DAYT08:00:00+00:00", "ends_at": "DAYT09:00:00+00:00", "is_planned": false, "class": "7b",
  "why": "its own run made it, since the meeting recurs", "counts_from": null, "counts_until": null, "has_staff": false, "is_over": false, "is_held": true,
  "makes_absent": false, "min_seconds": 900}', 'DAY', pg_temp.day()::text)::jsonb, 'the lesson, and why there is one');

-- Two devices, the second of which another covers, and a late leave.
select pg_temp.told('joined', '08:02:00', '2', 'maria', 'phone');
select pg_temp.told('left', '08:04:00', '2', 'maria', 'phone');
select is(pg_temp.rule('maria'), 'partial so far: 2 minutes of the 15 minutes that are needed, and they are in', 'a device was left');
select pg_temp.told('left', '08:09:00', '1', 'maria', 'laptop');
select is(pg_temp.events('maria'), 'joined 08:00 email laptop, joined 08:02 email phone (another one of theirs covers it already), '
  || 'left 08:04 email phone (another one of theirs covers it already), left 08:09 email laptop', 'a second device adds nothing');
select is(pg_temp.rule('maria'), 'partial: 9 minutes of the 15 minutes that are needed', 'nine minutes');
select is(pg_temp.why('maria') ->> 'verdict', 'partial', 'are partial');
select is(pg_temp.why('maria') ->> 'record', 'partial', 'as the record says');
select pg_temp.told('joined', '08:08:00', '3', 'maria', 'phone');
select pg_temp.told('left', '08:10:30', '3', 'maria', 'phone');
select is(pg_temp.rule('maria'), 'partial: 10 minutes 30 seconds of the 15 minutes that are needed', 'overlaps count once');
select is(pg_temp.spans('maria', 'intervals'), '08:00-08:09 08:08-08:10', 'the intervals');
select is(pg_temp.spans('maria', 'union'), '08:00-08:10', 'are one');
select pg_temp.told('left', '08:12:00', '9', 'maria', 'tablet');
select pg_temp.told('left', '08:13:00', '9', 'maria', 'tablet');
select ok(pg_temp.events('maria') like '%left 08:12 email tablet (a leave without a join: it shows that they were there, and counts no time), left 08:13 email tablet (they had left already)', 'a leave alone counts nothing');

-- A breakout room and back: one connection, three visits.
select pg_temp.told('joined', '08:00:00', '20', 'ben', 'ben');
select pg_temp.told('left', '08:10:00', '20', 'ben', 'ben');
select pg_temp.told('joined', '08:10:00', '21', 'ben', 'ben');
select pg_temp.told('left', '08:20:00', '21', 'ben', 'ben');
select is(pg_temp.rule('ben'), 'present from 15 minutes: 20 minutes', 'breakout rooms are the lesson');
select is(pg_temp.spans('ben', 'union'), '08:00-08:20', 'without a gap');
select is(pg_temp.spans('ben', 'intervals'), '08:00-08:10 08:10-08:20', 'of two visits');

-- A key, a registration, and a guest known by name.
select pg_temp.told('joined', '08:00:00', '30', key => 'key-of-gil-for-the-lesson', name => 'an iPad');
select pg_temp.told('joined', '08:00:00', '31', registrant => 'reg-hana');
select pg_temp.told('joined', '08:00:00', '32', name => ' FINN lind');
select is(pg_temp.events('gil'), 'joined 08:00 key C30 (nothing closed it yet: that run is still open)', 'known by a key');
select is(pg_temp.events('hana'), 'joined 08:00 registration C31 (nothing closed it yet: that run is still open)', 'known by a registration');
select is(pg_temp.events('finn'), null, 'a name alone is nobody');
select is(pg_temp.others('finn'), 'C32 a name alone is nobody: the app did not see them come in the lesson''s window, or from half an hour before that run until its end', 'which is said');
select is(pg_temp.why('finn') -> 'app' ->> 'worth', 'the app did not see them around that time', 'nor did the app see him');
select pg_temp.saw('app_joined', '07:55:00', 'finn');
select is(pg_temp.events('finn'), 'joined 08:00 name C32 (nothing closed it yet: that run is still open)', 'now it is he');
select is(pg_temp.why('finn') -> 'app', replace('{"visits": [{"at": "DAYT07:55:00+00:00", "kind": "joined"}], "seconds": 0, "counted": false,
  "worth": "it is how we know that the guest with their name is them"}', 'DAY', pg_temp.day()::text)::jsonb, 'by what the app saw');
select is(pg_temp.others('finn'), null, 'and there is no other');

-- Those who were not taken for them.
select pg_temp.told('joined', '08:00:00', '40', name => 'Ana Silva');
select pg_temp.told('joined', '08:00:00', '41', key => 'key-of-nobody-we-know', email => 'x@elsewhere.test', registrant => 'reg-nobody', name => 'Chen Lind');
select pg_temp.told('joined', '08:00:00', '42', 'ben', name => 'chen lind');
select pg_temp.told('joined', '08:00:00', '43', key => 'key-of-gil-for-the-lesson', name => 'CHEN LIND');
select pg_temp.told('joined', '08:00:00', '44', registrant => 'reg-hana', name => 'Chen Lind');
select pg_temp.told('joined', '08:00:00', '45', name => 'Chen Lind');
select pg_temp.told('joined', '08:01:00', '45', name => 'Somebody else');
select pg_temp.told('joined', '08:00:00', '46', name => 'Visitor Lind');
select is(pg_temp.others('ana'), 'C40 2 students of the class have this name', 'of two with one name it is neither');
select is(pg_temp.others('chen'), 'C41 the key it showed is none that we gave out for this meeting; its registration is not one of the school''s; its e-mail is nobody''s of the school; '
  || 'a name beside a key is not looked at'
  || ' | C42 its e-mail is that of Ben Lind | C43 the key it showed is that of Gil Lind | C44 it is registered as Hana Lind | C45 it showed another name later', 'somebody else, and who says so');
select is(pg_temp.others('visitor'), 'C46 a name is believed only of students who are enrolled in the class', 'a name of another class');

-- Who only opened the page, and what that is worth.
insert into zoom.visits (meeting_id, user_id, at, kind) values (md5('why lesson')::uuid, md5('why dora')::uuid, pg_temp.day() + timetz '08:00Z', 'opened');
select is(pg_temp.why('dora') -> 'app', replace('{"visits": [{"at": "DAYT08:00:00+00:00", "kind": "opened"}], "seconds": null,
  "counted": false, "worth": "nothing by itself: it helps to tell who a guest with their name is"}', 'DAY', pg_temp.day()::text)::jsonb, 'opening the page tells who a guest is');

-- The app's word, in a lesson that began when it counted.
create function pg_temp.other_rule(who text) returns text language sql as $$ select pg_temp.why(who, meeting => '990000025') ->> 'rule' $$;
create function pg_temp.saw_there(kind text, at text, who text) returns void language sql as $$
  select public.apply_zoom_events(jsonb_build_array(jsonb_build_object(
    'kind', kind, 'meeting', '990000025', 'at', pg_temp.day() || 'T' || at || 'Z', 'user', md5('why ' || who)::uuid)), '{"app_joins": "count"}')
$$;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id) values
  (md5('why by the app')::uuid, '990000025', 'By the app', 'recurring', pg_temp.day() + timetz '08:00Z', 'https://zoom.test/5', md5('why other class')::uuid);
select pg_temp.told('started', '08:00:00', meeting => '990000025', instance => 'app==', policy => '{"app_joins": "count"}');
select pg_temp.told('joined', '08:00:00', '1', 'ema', meeting => '990000025', instance => 'app==', policy => '{"app_joins": "count"}');
select is(pg_temp.why('dora', meeting => '990000025') -> 'policy', '{"min_seconds": 900, "app_joins": "count"}', 'a lesson goes by the settings of then');
insert into zoom.visits (meeting_id, user_id, at, kind) values (md5('why by the app')::uuid, md5('why dora')::uuid, pg_temp.day() + timetz '08:00Z', 'opened');
select is(pg_temp.why('dora', meeting => '990000025') #>> '{app,worth}', 'nothing: they did not press join on the page', 'opening the page is no word that counts');
select pg_temp.saw_there('app_joined', '08:01:00', 'dora');
select is(pg_temp.other_rule('dora'), 'nothing yet: the app saw them come, and Zoom has not told the end', 'in, says the app');
select pg_temp.saw_there('app_left', '08:08:00', 'dora');
select is(pg_temp.other_rule('dora'), 'partial: 7 minutes of the 15 minutes that are needed, by the word of the app', 'gone, says the app');
select is(pg_temp.why('dora', meeting => '990000025') #>> '{app,worth}', '7 minutes: Zoom saw nothing of them in the lesson, so the app''s word counts', 'whose word counts');
select is(pg_temp.why('ema', meeting => '990000025') #>> '{app,worth}', 'the app did not see them around that time', 'or there is none');

-- People outrank us.
select pg_temp.set_record('hana', 'excused'), pg_temp.set_record('ben', 'absent'), pg_temp.set_record('ema', 'present'), pg_temp.set_record('gil', 'absent');
select pg_temp.told('ended', '08:45:00');
select is(pg_temp.rule('ema'), 'absent: the lesson is over, and they were not seen in it', 'never seen');
select is(pg_temp.why('ema') - '{runs,events,others,app,rule,student,meeting,policy,date,intervals,union,meetings,seconds,lessons,remarks,outlook,changes,refused}'::text[], '{"outcome": "ok", "attendance_is_theirs": true, "forgotten": false,
  "verdict": "absent", "record": "present", "said_before": "present", "said_then": null, "overridden": true,
  "note": "Somebody had written present, which is better than absent. People outrank Zoom: what they wrote is only ever raised."}', 'a better word stays');
select is(pg_temp.why('hana') ->> 'note', 'Somebody had written excused, which only people write: it is never touched.', 'excused stays');
select is(pg_temp.why('hana') -> 'overridden', 'true', 'in place of ours');
select is(pg_temp.why('gil') ->> 'note', 'Somebody had written absent, and Zoom told more than we had said then: it was raised to present.', 'a worse word is raised');
select is(pg_temp.why('gil') -> 'overridden', 'false', 'to ours');
select is(pg_temp.rule('gil'), 'present from 15 minutes: 45 minutes', 'the end closes what nobody left');
select is(pg_temp.why('maria') ->> 'note', null, 'where nobody wrote there is nothing to say');
select pg_temp.set_record('maria', 'excused');
select is(pg_temp.why('maria') ->> 'note', 'Somebody wrote excused after it said partial, which only people write: it is never touched.', 'a later word stands');
select is(pg_temp.why('maria') -> 'overridden', 'true', 'in place of ours');
delete from attendance_records where student_id = md5('why maria')::uuid;
select is(pg_temp.why('maria') ->> 'note', 'Somebody removed the record after it said partial. People outrank Zoom: that stands until Zoom tells more than we had said then.', 'so does a removal');

-- How the two words came together: what stood there, our verdict then, and now.
select is((zoom.explain_record(verdict, current, row(md5('why ben')::uuid, md5('why 7b')::uuid, pg_temp.day(), was, theirs, said)::zoom.verdicts, null, true)).note, note, name) from (values
  ('partial', 'late', 'partial', null, null, 'Somebody wrote late after it said partial, which only people write: it is never touched.', 'late is never touched'),
  ('partial', 'present', 'partial', null, null, 'Somebody wrote present after it said partial. People outrank Zoom: that stands.', 'nothing exceeds present'),
  ('present', 'absent', 'present', null, null, 'Somebody wrote absent after it said present. People outrank Zoom: that stands.', 'nor what we had said, if that was present'),
  ('absent', 'partial', 'absent', null, null, 'Somebody wrote partial after it said absent. People outrank Zoom: that stands until Zoom tells more than that.', 'what is more than ours gives way to more than itself'),
  ('partial', 'absent', 'partial', null, null, 'Somebody wrote absent after it said partial. People outrank Zoom: that stands until Zoom tells more than we had said then.', 'what is less, to more than ours'),
  (null, 'partial', null, null, null, 'Somebody wrote partial where there was no record. People outrank Zoom: that stands until Zoom tells more than that.', 'there may have been none'),
  ('present', null, 'present', null, null, 'Somebody removed the record after it said present. People outrank Zoom: that stands.', 'a removed present stays removed'),
  (null, null, null, null, 'nothing', 'Somebody removed the record when there was no verdict of Zoom''s. People outrank Zoom: that stands until Zoom tells more than we had said then.', 'what it said then is not known any more'),
  ('partial', 'partial', 'partial', null, 'absent', 'Somebody removed the record when Zoom''s verdict was absent, and Zoom told more than that since.', 'nor where it came back'),
  (null, 'absent', null, 'absent', 'nothing', 'Somebody had written absent when there was no verdict of Zoom''s. People outrank Zoom: that stands until Zoom tells more than that.', 'there may have been no verdict')
) as word (verdict, current, was, theirs, said, note, name);

-- Not enrolled, and no class.
select pg_temp.told('joined', '08:00:00', '50', 'visitor');
select is(pg_temp.rule('visitor'), 'not enrolled in the class, so no attendance is kept', 'not of the class');
select is(pg_temp.why('visitor') -> 'verdict', 'null', 'so there is no verdict');
select is(pg_temp.why('visitor') -> 'seconds', '2700', 'but she was there');
select pg_temp.told('joined', '08:00:00', '1', 'maria', meeting => '990000024');
select is(pg_temp.why('maria', meeting => '990000024') ->> 'rule', 'the meeting belongs to no class, so no attendance is kept', 'no class');

-- Longer than any meeting; after the end; in the same second.
select pg_temp.told('joined', '08:00:00', '1', 'ben', day => pg_temp.day(7), instance => 'second==');
select pg_temp.told('left', '15:00:00', '1', 'ben', day => pg_temp.day(8), instance => 'second==');
select pg_temp.told('joined', '08:00:00', '2', 'ben', day => pg_temp.day(7), instance => 'second==');
select pg_temp.told('left', '08:00:00', '2', 'ben', day => pg_temp.day(7), instance => 'second==');
select pg_temp.told('joined', '09:30:00', '3', 'ben', day => pg_temp.day(7), instance => 'second==');
select pg_temp.told('ended', '09:00:00', day => pg_temp.day(7), instance => 'second==');
select is((select array_agg(e ->> 'why' order by n) from jsonb_array_elements(pg_temp.why('ben', day => null) -> 'events') with ordinality t (e, n)),
  array['longer than any meeting lasts', 'it ended in the same second', 'it ended in the same second', 'the run had ended by then', 'longer than any meeting lasts'],
  'nothing of it is believed');

-- Two meetings on one date: the best of them.
select pg_temp.told('joined', '15:00:00', '1', 'maria', meeting => '990000022', instance => 'extra==');
select is(pg_temp.why('maria') ->> 'outlook', 'More may come: another lesson of the class on that date has not ended, and the best of them decides.', 'the other one goes on');
select pg_temp.told('ended', '15:20:00', meeting => '990000022', instance => 'extra==');
select is(pg_temp.rule('maria'), 'present from 15 minutes: 20 minutes, in the best of the 2 lessons of that day', 'the best decides');
select is((select jsonb_agg(jsonb_build_array(m ->> 'number', m ->> 'title', m -> 'seconds', m -> 'by_the_app', m ->> 'verdict') order by n)
  from jsonb_array_elements(pg_temp.why('maria') -> 'meetings') with ordinality t (m, n)),
  '[["990000022", "Extra", 1200, false, "present"], ["990000021", "Mathematics", 630, false, "partial"]]', 'and both are told');
select is(pg_temp.why('maria') -> 'seconds', '630', 'the seconds are those of the meeting that was asked for');

-- What was removed cannot be explained.
select ok(zoom.forget(pg_temp.day(3)) > 0, 'the lesson is forgotten');
select is(pg_temp.why('ben') ->> 'verdict', 'present', 'the verdict of then stands');
select is(pg_temp.rule('ben'), 'what Zoom told of this lesson was removed after the time the school keeps it, so the verdict of then stands', 'and that is all there is to say');
select is(pg_temp.rule('visitor'), 'what Zoom told of this lesson was removed after the time the school keeps it, and there was no verdict then', 'of who had none there is not even that');

select * from finish();
rollback;
