-- watch_zoom: what all sidecars saw together, which lessons are silent, and who tells what, once.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(52);

delete from zoom.watch;
delete from zoom.alerts;

create function pg_temp.look(saw jsonb default '{}') returns jsonb language sql as $$ select public.watch_zoom(saw) $$;
-- A mark as a sidecar brings it, and what it is to tell.
create function pg_temp.found(key text, says text default 'It is so.', tells boolean default true) returns text language sql as $$
  select string_agg(tell ->> 'status', ' ') from jsonb_array_elements(public.watch_zoom(jsonb_build_object('tells', tells, 'marks',
    jsonb_build_array(jsonb_build_object('key', key, 'name', key, 'says', says, 'since', now())))) -> 'tell') tell
$$;
create function pg_temp.right(key text, tells boolean default true) returns text language sql as $$
  select string_agg(tell ->> 'status', ' ') from jsonb_array_elements(public.watch_zoom(jsonb_build_object('tells', tells, 'clear', jsonb_build_array(key))) -> 'tell') tell
$$;
create function pg_temp.told(key text, status text) returns void language sql as $$
  select public.watch_zoom(jsonb_build_object('told', jsonb_build_array(jsonb_build_object('key', key, 'status', status))))
$$;
-- Time goes by: every time that was noted lies further back.
create function pg_temp.later(wait interval) returns void language sql as $$
  update zoom.watch set began_at = began_at - wait, challenge_at = challenge_at - wait, event_at = event_at - wait,
    looked_at = looked_at - wait, unbroken_since = unbroken_since - wait, behind_until = behind_until - wait;
  update zoom.alerts set since = since - wait, seen_at = seen_at - wait, claimed_until = claimed_until - wait, told_at = told_at - wait;
$$;
create function pg_temp.minute_by_minute(minutes integer) returns void language plpgsql as $$
begin
  for minute in 1 .. minutes loop
    perform pg_temp.later('1 minute');
    perform public.watch_zoom();
  end loop;
end
$$;

-- What all saw.
select is(pg_temp.look() - 'at' - 'began_at', '{"challenge_at": null, "event_at": null, "open": [], "tell": [], "lessons": {"due": 0, "silent": 0, "first": []}}', 'before anything was seen');
select is((pg_temp.look() ->> 'began_at')::timestamptz, now(), 'it began with the first look');
select pg_temp.later('3 days');
select is((pg_temp.look() ->> 'began_at')::timestamptz, now() - interval '3 days', 'and not with a later one');
select pg_temp.look(jsonb_build_object('challenge_at', now() - interval '1 hour', 'event_at', now() - interval '2 hours'));
select is((pg_temp.look() ->> 'challenge_at')::timestamptz, now() - interval '1 hour', 'a sidecar that saw nothing hears of the challenge that another one saw');
select is((pg_temp.look() ->> 'event_at')::timestamptz, now() - interval '2 hours', 'and of the event');
select pg_temp.look(jsonb_build_object('challenge_at', now() - interval '5 hours', 'event_at', now() - interval '5 hours'));
select is((pg_temp.look() ->> 'challenge_at')::timestamptz, now() - interval '1 hour', 'an older one changes nothing');
select is((pg_temp.look() ->> 'event_at')::timestamptz, now() - interval '2 hours', 'nor an older event');
select pg_temp.look(jsonb_build_object('challenge_at', now() + interval '1 year'));
select is((pg_temp.look() ->> 'challenge_at')::timestamptz, now(), 'a sidecar whose clock is ahead does not silence the watch for a year');
create temporary table written as select own.ctid as place from zoom.watch own;
select pg_temp.look(jsonb_build_object('challenge_at', now() - interval '1 hour', 'event_at', now() - interval '2 hours'));
select is((select own.ctid from zoom.watch own), (select place from written), 'a look that brings nothing new writes nothing');

-- Lessons that should be running.
insert into zoom_meetings (zoom_meeting_id, title, meeting_type, status, start_time, duration, join_url, created_at) values
  ('990000101', 'Silent', 'scheduled', 'scheduled', now() - interval '20 minutes', 45, 'https://zoom.test/1', now() - interval '1 day'),
  ('990000102', 'Begun a moment ago', 'scheduled', 'scheduled', now() - interval '9 minutes', 45, 'https://zoom.test/2', now() - interval '1 day'),
  ('990000103', 'Over', 'scheduled', 'scheduled', now() - interval '46 minutes', 45, 'https://zoom.test/3', now() - interval '1 day'),
  ('990000104', 'Cancelled', 'scheduled', 'cancelled', now() - interval '20 minutes', 45, 'https://zoom.test/4', now() - interval '1 day'),
  ('990000105', 'Ended', 'scheduled', 'ended', now() - interval '20 minutes', 45, 'https://zoom.test/5', now() - interval '1 day'),
  ('990000106', 'At once', 'instant', 'scheduled', now() - interval '20 minutes', 45, 'https://zoom.test/6', now() - interval '1 day'),
  ('990000107', 'Each week, for the second time', 'recurring', 'scheduled', now() - interval '7 days 20 minutes', 45, 'https://zoom.test/7', now() - interval '8 days'),
  ('990000108', 'Each week, for the first time', 'recurring', 'scheduled', now() - interval '20 minutes', 45, 'https://zoom.test/8', null),
  ('990000109', 'Entered late', 'scheduled', 'scheduled', now() - interval '20 minutes', 45, 'https://zoom.test/9', now() - interval '5 minutes'),
  ('990000110', 'Running', 'scheduled', 'scheduled', now() - interval '20 minutes', 45, 'https://zoom.test/10', now() - interval '1 day'),
  ('990000111', 'Started, says the app alone', 'scheduled', 'started', now() - interval '19 minutes', 45, 'https://zoom.test/11', now() - interval '1 day'),
  ('990000112', 'Tried yesterday', 'scheduled', 'scheduled', now() - interval '18 minutes', 45, 'https://zoom.test/12', now() - interval '2 days');
insert into zoom.meetings (meeting_id) select id from zoom_meetings where zoom_meeting_id in ('990000110', '990000112');
insert into zoom.instances (meeting_id, number, instance, first_at, ended_at)
select id, zoom_meeting_id, 'run of ' || zoom_meeting_id, now() - back, now() - back + lasted
from zoom_meetings join (values ('990000110', interval '25 minutes', null), ('990000112', interval '1 day', interval '10 minutes')) run (number, back, lasted)
  on number = zoom_meeting_id;
create function pg_temp.silent(look jsonb) returns text language sql as $$
  select string_agg(lesson ->> 'meeting', ' ' order by n) from jsonb_array_elements(look -> 'lessons' -> 'first') with ordinality e (lesson, n)
$$;
select is(pg_temp.silent(pg_temp.look()), null, 'while nobody looked for long enough, nobody can say that nothing was told');
select pg_temp.later('1 minute');
select pg_temp.minute_by_minute(8);
select is(pg_temp.silent(pg_temp.look()), null, 'nor after nine minutes');
select pg_temp.minute_by_minute(2);
select is(pg_temp.silent(pg_temp.look()), '990000101 990000108 990000111 990000112', 'then those are silent that should be running: planned, begun ten minutes ago, not over, and not told of since half an hour before');
select is(pg_temp.look() -> 'lessons' -> 'due', '5', 'of so many');
select is(pg_temp.look() -> 'lessons' -> 'silent', '4', 'so many');
select is((pg_temp.look() -> 'lessons' -> 'first' -> 0 ->> 'start')::timestamptz, now() - interval '20 minutes', 'each with its planned start');
select is(pg_temp.silent(pg_temp.look('{"slack_seconds": 240}')), '990000101 990000108 990000109 990000111 990000112 990000102', 'with less slack more of them are');
select is(pg_temp.look('{"behind": true}') -> 'lessons', 'null', 'while a sidecar has events that are not applied, nobody can say');
select is(pg_temp.look() -> 'lessons', 'null', 'nor can another one');
select pg_temp.minute_by_minute(3);
select is(pg_temp.silent(pg_temp.look()), '990000101 990000108 990000111 990000112', 'until it has applied them');
select pg_temp.later('5 minutes');
select is(pg_temp.silent(pg_temp.look()), null, 'after a break the events that came meanwhile may still be on their way');

-- Who tells what.
select is(pg_temp.found('clock_skew'), 'firing', 'who finds it first, tells it');
select is(pg_temp.found('clock_skew'), null, 'another one who finds the same does not');
select is(pg_temp.look() -> 'open' -> 0 ->> 'key', 'clock_skew', 'and sees that it is known');
select pg_temp.told('clock_skew', 'firing');
select is((pg_temp.look() -> 'open' -> 0 ->> 'told_at')::timestamptz, now(), 'and when it was told');
select pg_temp.later('23 hours');
select is(pg_temp.found('clock_skew'), null, 'it is not told again on the same day');
select pg_temp.later('1 hour');
select is(pg_temp.found('clock_skew'), 'firing', 'once a day it is');
select pg_temp.told('clock_skew', 'firing');
select is(pg_temp.right('clock_skew'), null, 'a sidecar that finds it right does not end what another one found a moment ago');
select pg_temp.later('10 minutes');
select is(jsonb_array_length(pg_temp.look('{"tells": true}') -> 'tell'), 0, 'nor does one that cannot tell');
select is(pg_temp.right('clock_skew', tells => false), null, 'nor does one that tells nobody end it');
select is(pg_temp.right('clock_skew'), 'resolved', 'after ten minutes it is over');
select is(pg_temp.right('clock_skew'), null, 'which is told once');
select pg_temp.told('clock_skew', 'resolved');
select is(pg_temp.look() -> 'open', '[]', 'and then it is gone');

-- What happens to one who was to tell.
select is(pg_temp.found('old_secret', 'It is so.'), 'firing', 'one is to tell it');
select pg_temp.later('9 minutes');
select is(pg_temp.found('old_secret'), null, 'and has its time');
select pg_temp.later('2 minutes');
select is(pg_temp.found('old_secret', 'It is so, still.'), 'firing', 'if it has not said that it did, another one tells it');
select is((select says from zoom.alerts), 'It is so, still.', 'as it is now');
select pg_temp.told('old_secret', 'firing');
select pg_temp.later('10 minutes');
select is(pg_temp.right('old_secret'), 'resolved', 'it is over');
select is(pg_temp.found('old_secret'), null, 'and begins again while that is being told');
select pg_temp.told('old_secret', 'resolved');
select is(pg_temp.found('old_secret'), 'firing', 'which is told as well');
select pg_temp.later('20 minutes');
select is(pg_temp.right('old_secret'), null, 'what nobody was told of');
select is(pg_temp.look() -> 'open', '[]', 'is over without a word');

-- One that had to tell by itself, and one that can tell nobody.
select is(pg_temp.look(jsonb_build_object('tells', true, 'marks', jsonb_build_array(jsonb_build_object(
  'key', 'not_settling', 'name', 'not_settling', 'says', 'It is so.', 'since', now() - interval '1 hour', 'told_at', now() - interval '5 minutes')))) -> 'tell', '[]',
  'what was told while the database was away is not told again');
select is((pg_temp.look() -> 'open' -> 0 ->> 'since')::timestamptz, now() - interval '1 hour', 'and began when it did');
select is(pg_temp.found('lesson_silent:990000101', tells => false), null, 'who can tell nobody is not to tell');
select is(pg_temp.found('lesson_silent:990000101'), 'firing', 'and leaves it to the others');
select pg_temp.later('8 days');
select pg_temp.look();
select is(pg_temp.look() -> 'open', '[]', 'what nobody speaks of any more is forgotten after a week');

-- Who may ask.
select ok(has_function_privilege('service_role', 'public.watch_zoom(jsonb)', 'execute'), 'the service role may');
select ok(not has_function_privilege('authenticated', 'public.watch_zoom(jsonb)', 'execute'), 'users may not');
select ok(not has_function_privilege('anon', 'public.watch_zoom(jsonb)', 'execute'), 'nor visitors');
set local role service_role;
select lives_ok($$ select public.watch_zoom('{"marks": [{"key": "k", "name": "n", "says": "s", "since": "2026-03-02T08:00Z"}], "clear": ["k"], "told": [{"key": "k", "status": "firing"}], "tells": true, "behind": true}') $$, 'and the service role can, with all that it needs');
set local role authenticated;
select throws_ok($$ select public.watch_zoom() $$, '42501', null, 'no user can');
set local role anon;
select throws_ok($$ select public.watch_zoom() $$, '42501', null, 'no visitor can');
reset role;

select * from finish();
rollback;
