-- What sidecar doctor asks: how the project stands, whether a lesson would be recorded, and what a user sees.
begin;
\ir policies/people.psql
select plan(65);

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
  public.rehearse_zoom_lesson(policy) - 'outcomes' - 'own',
  '{"stage": "undone", "meeting": "ended", "participant": "left", "seconds_short": 0, "attendance": "present", "refused": null}',
  format('a lesson of nobody is recorded by %s', policy))
from unnest(array['{}', '{"min_minutes": 0}', '{"min_minutes": 90, "timezone": "Asia/Tokyo", "app_joins": "ignore"}', '{"timezone": "meeting"}']::jsonb[]) policy;
select is((select count(*)::integer from users where email like '%rehearsal.invalid'), 0, 'and nobody is left of it');
select is((select count(*)::integer from zoom.instances), 0, 'nor any fact');
select is((select count(*)::integer from zoom_meetings), 6, 'nor a meeting');

alter table classes add column campus text not null default 'main';
alter table classes alter column campus drop default;
select is(
  public.rehearse_zoom_lesson() - 'says' - 'own', '{"stage": "school", "code": "23502"}', 'what the app asks of its own tables stands in the way, and that is said');
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


-- What of it the matrix does not give them: nothing by our rules, and all the rest if the app lets everybody read.
create function pg_temp.views() returns table (who text, tab text, seen integer, of_all integer, beyond integer, ways text) language sql as $$
  select person.email, row ->> 'table', (row ->> 'seen')::integer, (row ->> 'of')::integer, (row ->> 'beyond')::integer, row ->> 'ways'
  from users person, jsonb_array_elements(public.look_as_zoom_user(person.email) -> 'tables') row
$$;
create temp table by_ours on commit drop as select * from pg_temp.views();
select is((select count(*)::integer from by_ours), 100, 'each of ten people looks at ten tables');
select is_empty('select who, tab, beyond from by_ours where beyond is distinct from 0', 'nobody sees more than the matrix gives them');
do $$
declare tab text;
begin
  for tab in select name from zoom.our_tables loop
    execute format('create policy "Open to all" on %I for select to authenticated using (true)', tab);
    execute format('create policy "For nobody" on %I for select to authenticated using (false)', tab);
  end loop;
end $$;
create temp table opened on commit drop as select * from pg_temp.views();
select is_empty('select who, tab, seen, of_all from opened where seen <> of_all', 'then everybody sees all');
select is_empty('select who, tab, opened.beyond from opened join by_ours using (who, tab) where opened.beyond <> opened.of_all - by_ours.seen',
  'and all that they did not see before is beyond the matrix');
select is_empty($$ select who, tab, ways from opened where ways <> case when beyond > 0 then '["Open to all"]' else '[]' end $$, 'let by the policy that does');
alter table classes disable row level security;
select is((select format('%s %s', beyond, ways) from pg_temp.views() where who = 'student@policies.test' and tab = 'classes'), '2 []',
  'without row level security no policy is to be named');
alter table classes enable row level security;
drop policy "people see the classes they have to do with" on classes;
select is((select beyond from pg_temp.views() where who = 'student@policies.test' and tab = 'classes'), 2, 'the rule stands without our policy, too');
create policy "Raises" on qr_checkins for select using (1 / (1 - 1) = id::text::integer);
select is((select row -> 'code' from jsonb_array_elements(public.look_as_zoom_user('student@policies.test') -> 'tables') row where row ->> 'table' = 'qr_checkins'),
  '"22012"', 'what fails when they look is told');
do $$
declare tab text;
begin
  drop policy "Raises" on qr_checkins;
  for tab in select name from zoom.our_tables loop
    execute format('drop policy "Open to all" on %I; drop policy "For nobody" on %1$I', tab);
  end loop;
end $$;

-- What is the app's: who reads the tables of people, and what is granted there.
create function pg_temp.stands(field text) returns text language sql as $$ select public.inspect_zoom_project() ->> field $$;
select is(concat_ws(' ', pg_temp.stands('theirs'), pg_temp.stands('granted'), pg_temp.stands('circles'), pg_temp.stands('identities'), pg_temp.stands('refuses'),
  pg_temp.stands('risks')), '[] [] [] {} [] []', 'nothing of it is the app''s own');
create policy "Directory" on users for select to authenticated using (true);
select is(pg_temp.stands('theirs'), '["public.users"]', 'it has a reader of its own');
select is(pg_temp.stands('risks'), '[{"of": "public.users", "what": "policy \"Directory\" lets everybody whom it is for read all of it", "remedy": "see whether the app needs that; if not: alter policy \"Directory\" on public.users using (…), with who sees which row"}]',
  'which is a risk, with its remedy');
drop policy "Directory" on users;
alter table users disable row level security;
select is(pg_temp.stands('theirs'), '[]', 'row level security that is off beside our reader was not the app''s doing');
drop policy "people see those they have to do with" on users;
select is(pg_temp.stands('theirs'), '["public.users"]', 'and without, it lets all read by their grants');
alter table users enable row level security;
do $$
declare rule text := (select qual from zoom.matrix where relation = 'public.users');
begin
  call zoom.add_readers('public.users', 'people see those they have to do with', rule);
end $$;
update zoom.undo set statement = statement || '; grant select on public.users to anon' where relation = 'public.users' and statement ~ '^revoke';
select is(pg_temp.stands('granted'), '["public.users"]', 'its grants are as they were, where there were some');
alter table zoom_meetings replica identity full;
select is(pg_temp.stands('identities'), '{"public.zoom_meetings": "full"}', 'a replica identity that is not the default');
alter table zoom_meetings replica identity default;
alter table attendance_records drop constraint attendance_records_status_check;
alter table attendance_records add constraint narrow check (status in ('present', 'absent', 'late', 'excused'));
select is(pg_temp.stands('refuses'), '[{"name": "narrow", "statuses": ["partial"]}]', 'a check that refuses partial');

-- People write what is theirs.
create function pg_temp.own() returns text language sql as $$
  select string_agg(concat_ws(' ', tried ->> 'who', tried ->> 'table', coalesce(tried ->> 'code', tried ->> 'says')), ', ' order by n)
  from jsonb_array_elements(public.rehearse_zoom_lesson() -> 'own') with ordinality t (tried, n)
$$;
create function pg_temp.all_can(tried text) returns text language sql as $$
  select replace(format('student %1$s, teacher %1$s', replace(tried, '|', ', WHO ')), 'WHO', 'student') where tried !~ '\|'
  union all
  select format('student %s, student %s, teacher %1$s, teacher %2$s', split_part(tried, '|', 1), split_part(tried, '|', 2)) where tried ~ '\|'
$$;
select is(pg_temp.own(), pg_temp.all_can('public.zoom_participants'), 'through us nobody writes in users, so it is not tried');
grant update (avatar) on users to authenticated;
create policy "Own row" on users for update to authenticated using (id = (select auth.uid()));
select is(pg_temp.own(), pg_temp.all_can('public.users|public.zoom_participants'), 'where the app lets them, they can');
create policy "Admins" on users for update to authenticated using (exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));
select is(pg_temp.own(), pg_temp.all_can('public.users 42P17|public.zoom_participants'), 'but not where a policy comes back to the table, and a reader has a sub-select');
select is(pg_temp.stands('circles'), '["public.users"]', 'that circle is known');
call zoom.avoid_recursion('public.users');
select is(pg_temp.own(), pg_temp.all_can('public.users|public.zoom_participants'), 'which avoid_recursion heals');
create policy "Nobody now" on users as restrictive for update to authenticated using (false);
select is(pg_temp.own(), pg_temp.all_can('public.users 0 rows were written, and not 1|public.zoom_participants'), 'a write that changes nothing is a failure');
drop policy "Nobody now" on users;
drop policy "Own row" on users;
select is(pg_temp.own(), pg_temp.all_can('public.users|public.zoom_participants'), 'where only admins are let, nobody else has to write');
create function pg_temp.refuse() returns trigger language plpgsql as $$ begin raise exception 'not on a Sunday' using errcode = 'P0099'; end $$;
create trigger refusing before update on zoom_participants for each row when (current_user = 'authenticated') execute function pg_temp.refuse();
select is(pg_temp.own(), pg_temp.all_can('public.users|public.zoom_participants P0099'), 'nor where a trigger refuses it');
drop trigger refusing on zoom_participants;
drop policy "people see the meetings meant for them" on zoom_meetings;
alter policy "people enter the meetings they see" on zoom_participants with check (false);
select is(pg_temp.own(), pg_temp.all_can('public.users|public.zoom_participants 42501'), 'nor where a policy does');
alter policy "people enter the meetings they see" on zoom_participants with check (user_id = (select zoom.caller()));
alter table classes add column campus text not null default 'main';
alter table classes alter column campus drop default;
select is(pg_temp.own(), 'admin public.users, parent public.users, student public.users, teacher public.users',
  'where nobody can be made, people of the school try it, if they see a meeting');
select is((select status from zoom_participants where id = pg_temp.id('lesson/classmate')), 'invited', 'and nothing of it stays');
select is(current_setting('role'), 'none', 'nor who we were');

select * from finish();
rollback;
