-- What holds of every object: it is documented, row level security is on, and nobody gets more than the policies speak of.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(22);

create temp view ours as
select c.oid, c.relkind, n.nspname as schema, c.relname as name, c.relrowsecurity, c.relacl
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('public', 'zoom') and c.relkind in ('r', 'v')
  and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e');

create temp view our_functions as
select p.oid, n.nspname || '.' || p.proname as name, p.proconfig
from pg_proc p
join pg_namespace n on n.oid = p.pronamespace
where n.nspname in ('public', 'zoom') and not exists (select from pg_depend d where d.objid = p.oid and d.deptype = 'e');

select isnt_empty('select from ours', 'there are tables to speak of');
select isnt_empty('select from our_functions', 'there are functions to speak of');

select is_empty(
  $$ select schema, name from ours where obj_description(oid, 'pg_class') is null $$,
  'every table and view says what it is');
select is_empty(
  $$ select schema, name, attname from ours join pg_attribute on attrelid = oid
     where attnum > 0 and not attisdropped and col_description(oid, attnum) is null $$,
  'every column says what it is');
select is_empty(
  $$ select name from our_functions where obj_description(oid, 'pg_proc') is null $$,
  'every function says what it does');

select is_empty(
  $$ select schema, name from ours where relkind = 'r' and not relrowsecurity $$,
  'row level security is on for every table');
select is_empty(
  $$ select schema, name, grantee, privilege_type from ours, aclexplode(relacl)
     where grantee in (0, 'anon'::regrole) $$,
  'no table is granted to the public or to visitors');
select is(
  (select jsonb_object_agg(name, verbs) from (
    select name, string_agg(lower(privilege_type), ' ' order by privilege_type) as verbs
    from ours, aclexplode(relacl) where grantee = 'authenticated'::regrole group by name) granted),
  '{
    "attendance_records": "insert select update",
    "class_students": "select",
    "classes": "select",
    "meeting_registrants": "insert select update",
    "parent_children": "select",
    "qr_attendance_sessions": "delete insert select update",
    "qr_checkins": "delete insert select",
    "zoom_meetings": "delete insert select update",
    "zoom_participants": "insert select update"
  }',
  'users are granted the verbs that a policy speaks of, and none besides');
select is(
  (select string_agg(col.attname || ' ' || lower(held.privilege_type), ', ' order by col.attname)
   from pg_attribute col, aclexplode(col.attacl) held where col.attrelid = 'users'::regclass and held.grantee = 'authenticated'::regrole),
  'avatar select, created_at select, email select, id select, is_active select, must_change_password select, name select, role select, updated_at select',
  'of a user everybody reads but telephone number and address');
select is_empty(
  $$ select tablename, cmd, count(*) from pg_policies where schemaname = 'public' group by tablename, cmd having count(*) > 1 $$,
  'there is one policy per verb');
select is_empty(
  $$ select tablename, policyname from pg_policies where schemaname = 'public' and (roles <> '{authenticated}' or permissive <> 'PERMISSIVE') $$,
  'every policy is for signed-in users');
select is_empty(
  $$ select tablename, policyname from pg_policies where schemaname = 'public' and policyname not in (select name from zoom.our_policies) $$,
  'every policy is known as ours, for the day it is given back');

select is_empty(
  $$ select tablename, policyname from pg_policies
     where schemaname = 'public' and concat_ws(' ', qual, with_check) ~ '(?<!SELECT |FROM )(auth|zoom)\.[a-z_]+\(\)' $$,
  'every policy asks who is asking once per statement, and not for every row');

select is_empty(
  $$ select policy.name, refobjid::regclass from zoom.our_policies policy
     join pg_depend on classid = 'pg_policy'::regclass and objid = policy.oid and refclassid = 'pg_class'::regclass
     where refobjid <> policy.relation $$,
  'no policy reads another table itself: a policy of the app may read ours, and they would ask each other for ever');

select is_empty(
  $$ select name from our_functions where has_function_privilege('anon', oid, 'execute') $$,
  'no function may be executed by visitors');
select is(
  (select string_agg(name, ', ' order by name collate "C") from our_functions where has_function_privilege('authenticated', oid, 'execute') and name not like 'zoom.%'),
  'public.enter_zoom_meeting, public.explain_attendance, public.zoom_meeting_admission, public.zoom_meeting_people',
  'users may call the three questions of the meeting room and ask why attendance is what it is, and nothing else: what the policies ask is out of their reach');
select is_empty(
  $$ select name from our_functions
     where not exists (select from unnest(proconfig) setting where setting in ('search_path=', 'search_path=""')) $$,
  'every function has an empty search path');
select is_empty(
  $$ select name from our_functions join pg_proc using (oid) where prorettype = 'trigger'::regtype and name like 'zoom.%'
     and exists (select from unnest(array['anon', 'authenticated', 'service_role']) role where has_function_privilege(role, oid, 'execute')) $$,
  'nobody may execute what a trigger does');
select is_empty(
  $$ select schema, name from ours join pg_class using (oid) where ours.relkind = 'v' and not coalesce('security_invoker=true' = any (reloptions), false) $$,
  'every view asks as its caller');
select is_empty(
  $$ select typname from pg_type join pg_class on pg_class.oid = typrelid where typnamespace = 'zoom'::regnamespace and relkind = 'c' and obj_description(pg_type.oid, 'pg_type') is null $$,
  'every type says what it is');
select is_empty(
  $$ select role from unnest(array['anon', 'authenticated']) role where has_schema_privilege(role, 'zoom', 'usage') $$,
  'the facts are closed to visitors and users');
select ok(
  has_function_privilege('service_role', 'public.apply_zoom_events(jsonb, jsonb)', 'execute'),
  'the service role may apply events');

select * from finish();
rollback;
