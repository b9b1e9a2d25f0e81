-- What sidecar doctor asks: how the project stands, whether a lesson would be recorded, and what a user sees.
begin;
\ir people.psql
select plan(37);

-- Who may ask: the service role alone.
select is(pg_temp.tries(who, statement), outcome, format('%s: %s: %s', who, statement, outcome))
from unnest(array['select public.inspect_zoom_project()', 'select public.rehearse_zoom_lesson()', 'select public.look_as_zoom_user(''student@policies.test'')']) statement,
  (values ('anon', '42501'), ('student', '42501'), ('class teacher', '42501'), ('admin', '42501'), ('service role', '1 row')) as matrix (who, outcome);

-- How it stands.
create temp table stands on commit drop as select public.inspect_zoom_project() as said;
select is(said ->> 'server', current_setting('server_version'), 'the server') from stands;
select is(jsonb_array_length(said -> 'policies'), (select count(*)::integer from zoom.our_policies), 'every policy is told of') from stands;
select is(
  said #> '{tables,public.zoom_participants}',
  '{"key": ["id"], "guarded": true, "granted": {"anon": [], "authenticated": ["select", "insert", "update"], "service_role": ["select", "insert", "update", "delete"]}}',
  'a table') from stands;
select is(said #> '{functions,"public.apply_zoom_events(jsonb,jsonb)",may}', '["service_role"]', 'a function') from stands;
select is(said #> '{schemas,zoom}', '["service_role"]', 'who may use the schema of the facts') from stands;
select is(said -> 'published', '["public.attendance_records", "public.zoom_meetings", "public.zoom_participants"]', 'what Realtime is told of') from stands;
select is(said #> '{guards,0,on}', 'true', 'a guard') from stands;
select ok((said -> 'applied') ? '20261122000012', 'the migrations') from stands;
grant select (email) on public.users to anon;
select is(public.inspect_zoom_project() #> '{tables,public.users,granted,anon}', '["select"]', 'a grant of one column is a grant');
revoke select (email) on public.users from anon;
select is(pg_temp.sees('service role', 'select public.inspect_zoom_project() ->> ''role'''), 'service_role', 'the role that asks');

-- A lesson of nobody.
select is(
  public.rehearse_zoom_lesson(policy) - 'outcomes',
  '{"stage": "undone", "meeting": "ended", "participant": "left", "seconds_short": 0, "attendance": "present"}',
  format('a lesson of nobody is recorded by %s', policy))
from unnest(array['{}', '{"min_minutes": 0}', '{"min_minutes": 90, "timezone": "Asia/Tokyo", "app_joins": "ignore"}', '{"timezone": "meeting"}']::jsonb[]) policy;
select is((select count(*)::integer from users where email like '%rehearsal.invalid'), 0, 'and nobody is left of it');
select is((select count(*)::integer from zoom.instances), 0, 'nor any fact');
select is((select count(*)::integer from zoom_meetings), 6, 'nor a meeting');

alter table classes add column campus text not null default 'main';
alter table classes alter column campus drop default;
select is(
  public.rehearse_zoom_lesson() - 'says', '{"stage": "school", "code": "23502"}', 'what the app asks of its own tables stands in the way, and that is said');
alter table classes drop column campus;

-- What a user sees is held to their token over the Data API by the tests in Go.
select is(
  (select string_agg(row ->> 'seen', ' ' order by row ->> 'table') from jsonb_array_elements(public.look_as_zoom_user(' Student@policies.test') -> 'tables') row),
  (select string_agg(pg_temp.sees('student', 'select count(*) from ' || tab), ' ' order by tab)
   from unnest(array['attendance_records', 'class_students', 'classes', 'meeting_registrants', 'parent_children', 'qr_attendance_sessions',
     'qr_checkins', 'users', 'zoom_meetings', 'zoom_participants']) tab),
  'what Maria sees');
select is(public.look_as_zoom_user('former.admin@policies.test') ->> 'is_active', 'false', 'who has left the school');
select is(public.look_as_zoom_user('nobody@policies.test'), '{"outcome": "unknown_user"}', 'nobody');
select is(current_setting('role'), 'none', 'and we are ourselves again');

select * from finish();
rollback;
