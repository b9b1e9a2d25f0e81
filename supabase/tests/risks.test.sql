-- What stays risky in the app's own rules is told, and what hurts nobody is not.
begin;
\ir policies/people.psql
select plan(45);

create function pg_temp.told(about text default '') returns text language sql as $$
  select coalesce(string_agg(format('%s %s', relation, what), ' | ' order by relation collate "C", what collate "C"), 'nothing')
  from zoom.risks() where relation ~ ('^(public\.)?"?' || about)
$$;
-- What is told of a policy, which is there for the question alone.
create function pg_temp.of_policy(policy text) returns text language plpgsql as $$
declare
  said text;
begin
  execute policy;
  said := (select coalesce(string_agg(substring(what, '^look: policy \S+ (lets .*?(?: it|: ))'), ' | ' order by what collate "C"), 'nothing') from zoom.risks());
  execute replace(substring(policy, '^create (policy \S+ on \S+)'), 'policy', 'drop policy');
  return btrim(said, ': ');
end $$;

select is(pg_temp.told(), 'nothing', 'a project that is ours alone has none');

-- Readers. On users they are granted columns, and on classes all.
select is(pg_temp.of_policy(format('create policy p on classes for select using (%s)', asks)), said, format('a reader for whom (%s)', asks))
from (values
  ('true', 'lets everybody whom it is for read all of it'),
  ('1 = 1', 'lets everybody who is signed in read all of it'),
  ('(select auth.role()) = ''authenticated''', 'lets everybody who is signed in read all of it'),
  ('auth.role() in (''authenticated'', ''anon'')', 'lets everybody who is signed in read all of it'),
  ('auth.uid() is not null', 'lets everybody who is signed in read all of it'),
  ('(select auth.jwt()) ->> ''role'' = ''authenticated''', 'lets everybody who is signed in read all of it'),
  ('auth.uid() is not null and auth.role() = ''authenticated''', 'lets everybody who is signed in read all of it'),
  ('auth.uid() = teacher_id', 'nothing'),
  ('auth.uid() is not null and teacher_id is not null', 'nothing'),
  ('auth.jwt() ->> ''role'' = ''principal''', 'nothing')
) reader (asks, said);
select is(pg_temp.of_policy('create policy p on classes as restrictive for select using (true)'), 'nothing', 'a restrictive one opens nothing');
select is(pg_temp.of_policy('create policy p on classes for select to service_role using (true)'), 'nothing', 'nor one for the server');

-- Writers. It is what they ask that counts, and not how they are named.
grant insert, update, delete on classes to authenticated;
select is(pg_temp.of_policy(format('create policy "Admins_manage" on classes for %s', clause)) , said, format('a writer for %s', clause))
from (values
  ('all using (exists (select from users me where me.id = auth.uid() and me.role in (''admin'', ''teacher'')))', 'lets others than admins insert, update and delete'),
  ('all using (exists (select from users me where me.id = (select auth.uid()) and me.role = ''admin''))', 'nothing'),
  ('insert with check ((select me.role from users me where me.id = auth.uid()) = ''admin'')', 'nothing'),
  ('insert with check ((select me.role from users me where me.id = auth.uid()) = ''teacher'')', 'lets others than admins insert'),
  ('update using (exists (select from users me where me.id = auth.uid() and me.role = ''admin'') or teacher_id = auth.uid())', 'lets others than admins update'),
  ('update using (exists (select from users me where me.id = auth.uid() and (me.role = ''admin'' or me.is_active)))', 'lets others than admins update'),
  ('update using (exists (select from users me where me.role = ''admin''))', 'lets others than admins update'),
  ('update using ((select me.role from users me where me.id = auth.uid()) <> ''student'')', 'lets others than admins update'),
  ('update using ((select me.role from users me where me.id = auth.uid()) <> ''admin'')', 'lets others than admins update'),
  ('delete using (auth.jwt() -> ''app_metadata'' ->> ''role'' = ''admin'')', 'nothing'),
  ('delete using (auth.jwt() -> ''user_metadata'' ->> ''role'' = ''admin'')', 'lets others than admins delete'),
  ('all using (exists (select from users me where me.id = auth.uid() and me.role = ''admin'')) with check (true)', 'lets others than admins insert, update and delete'),
  ('all using (auth.uid() is not null and (select me.role from users me where me.id = auth.uid()) = ''admin'')', 'nothing')
) writer (clause, said);
revoke insert, update, delete on classes from authenticated;
select is(pg_temp.of_policy('create policy p on classes for update using (true)'), 'nothing', 'who is granted nothing cannot write, whatever a policy says');
grant update (room) on classes to authenticated;
select is(pg_temp.of_policy('create policy p on classes for update using (true)'), 'lets others than admins update', 'a column is enough');

-- A table without row level security.
alter table parent_children disable row level security;
select is(pg_temp.told('parent_children'), 'public.parent_children look: row level security is off: whoever is granted it reads and writes all of it', 'row level security is off');
alter table parent_children enable row level security;

-- Views. A school's names are odd.
create view "Log & users" as select u.name, u.role from users u join classes c on c.teacher_id = u.id;
grant select on "Log & users" to authenticated;
create view over_a_view as select name from "Log & users";
grant select (name) on over_a_view to anon;
create view asking with (security_invoker = on) as select id, name from classes;
grant select on asking to authenticated;
create view over_asking as select name from asking;
grant select on over_asking to authenticated;
create materialized view stored as select name from asking;
grant select on stored to authenticated;
create view over_stored as select name from stored;
grant select on over_stored to authenticated;
create view for_the_server as select name from users;
grant select on for_the_server to service_role;
create schema reports;
create view reports.out_of_reach as select name from users;
grant select on reports.out_of_reach to authenticated;
create view writable as select id, room from classes;
grant update (room) on writable to authenticated;
select is((select string_agg(format('%s: %s', replace(relation, 'public.', ''), what), ' | ' order by replace(relation, 'public.', '') collate "C") from zoom.risks() where what like '%view%'),
  '"Log & users": look: this view looks past the policies of public.classes, public.users, and users may read it'
  ' | over_a_view: look: this view looks past the policies of public.classes, public.users, and visitors may read it'
  ' | over_stored: look: this view looks past the policies of public.classes, and users may read it'
  ' | stored: look: this view looks past the policies of public.classes, and users may read it'
  ' | writable: look: this view looks past the policies of public.classes, and users may write through it',
  'views that act as their owner, by themselves or over another, and what is stored; not those that ask as whoever reads');
select ok((select bool_and(remedy like '%' || relation || '%') from zoom.risks() where what like '%view%'), 'each with a remedy that names it');
create role lecturer; -- a view of somebody whom the policies bind
grant lecturer to postgres;
grant usage, create on schema public to lecturer;
grant select on classes to lecturer;
alter view asking owner to lecturer;
alter view asking reset (security_invoker);
select is(pg_temp.told('asking'), 'nothing', 'nor one of an owner whom the policies bind');
drop view "Log & users", asking, for_the_server, reports.out_of_reach, writable cascade;

-- Functions.
create function in_plpgsql() returns bigint language plpgsql security definer as $$ begin return (select count(*) from Attendance_Records); end $$;
create function in_sql() returns bigint language sql security definer as $$ select count(*) from public."users" $$;
create function in_standard_sql() returns bigint language sql security definer begin atomic select count(*) from public.classes; end;
create function reports.hidden() returns bigint language sql security definer as $$ select count(*) from public.users $$;
create function in_the_dark() returns bigint language sql security definer as $$ select count(*) from public.zoom_meetings $$;
create function "by another's" () returns bigint language sql security definer as $$ select public.in_the_dark() $$;
create function as_the_caller() returns bigint language sql as $$ select count(*) from public.users $$;
create function on_a_trigger() returns trigger language plpgsql security definer as $$ begin perform from public.users; return new; end $$;
create function of_logins() returns text language sql security definer as $$ select 'auth.users, user''s users_of'::text $$;
create function of_nobody() returns integer language sql security definer as $$ select 1 $$;
create function for_the_server() returns bigint language sql security definer as $$ select count(*) from public.users $$;
revoke execute on all functions in schema public from public;
grant execute on all functions in schema public to authenticated;
revoke execute on function for_the_server, in_the_dark from public, anon, authenticated;
grant execute on function in_sql to anon;
create extension if not exists citext with schema public;
select is((select string_agg(format('%s: %s', replace(relation, 'public.', ''), what), ' | ' order by replace(relation, 'public.', '') collate "C") from zoom.risks() where what like '%function%'),
  '"by another''s"(): look: this function looks past the policies of public.zoom_meetings, and users may call it'
  ' | in_plpgsql(): look: this function looks past the policies of public.attendance_records, and users may call it'
  ' | in_sql(): look: this function looks past the policies of public.users, and visitors and users may call it'
  ' | in_standard_sql(): look: this function looks past the policies of public.classes, and users may call it',
  'functions that act as their owner, whatever their body is written in, and those that call such');
drop function in_plpgsql, in_sql, in_standard_sql, "by another's";

-- The address that starts a meeting.
select is(pg_temp.told(), 'nothing', 'nothing is left');
update zoom_meetings set start_url = 'https://zoom.test/s/1' where title = 'lesson';
select is(pg_temp.told(), 'public.zoom_meetings look: whoever sees a meeting reads its start_url, which starts it as the host: select zoom.hide_start_urls()', 'start addresses are there to be read');
select is((select array_agg(what) from zoom.undo where what like 'look:%'), null, 'it is not noted by itself');
do $$ begin perform zoom.note_risks(); perform zoom.note_risks(); end $$;
select is((select count(*)::integer from zoom.undo where what like 'look: whoever sees%'), 1, 'noted once, however often');
select is(zoom.hide_start_urls(), 1::bigint, 'they are hidden');
select is(pg_temp.told(), 'nothing', 'and nothing is told of them then');

-- Policies that come back to their table.
select is(zoom.is_in_a_circle('public.users'), false, 'no policy of ours comes back to its table');
create policy "reads itself" on users for update using (exists (select from users me where me.id = auth.uid() and me.role = 'admin'));
select is(zoom.is_in_a_circle('public.users'), true, 'one that reads the table it stands on does');
drop policy "reads itself" on users;

-- A check that refuses partial.
select is((select array_agg(name) from zoom.narrow_checks), null, 'every status is known');
alter table attendance_records drop constraint attendance_records_status_check;
alter table attendance_records add constraint "An older check" check (status in ('present', 'absent', 'late', 'excused'));
select is((select array_agg(name) from zoom.narrow_checks), array['An older check'::name], 'an older check does not know partial');
call zoom.allow_partial();
select is((select array_agg(name) from zoom.narrow_checks), null, 'until it is widened');
select lives_ok($$ update attendance_records set status = 'partial' where id = pg_temp.id('record student') $$, 'and then it may be written');

select * from finish();
rollback;
