-- What holds of every object: it is documented, row level security is on, and nobody but the service role gets in.
begin;
create extension if not exists pgtap with schema extensions;
set search_path = public, extensions;
select plan(11);

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
  $$ select schema, name, grantee::regrole, privilege_type from ours, aclexplode(relacl)
     where grantee in (0, 'anon'::regrole, 'authenticated'::regrole) $$,
  'no table is granted to the public, to visitors or to users');
select is_empty(
  $$ select name, role from our_functions, unnest(array['anon', 'authenticated']) role
     where has_function_privilege(role, oid, 'execute') $$,
  'no function may be called by visitors or users');
select is_empty(
  $$ select name from our_functions
     where not exists (select from unnest(proconfig) setting where setting in ('search_path=', 'search_path=""')) $$,
  'every function has an empty search path');
select is_empty(
  $$ select role from unnest(array['anon', 'authenticated']) role where has_schema_privilege(role, 'zoom', 'usage') $$,
  'the facts are closed to visitors and users');
select ok(
  has_function_privilege('service_role', 'public.apply_zoom_events(jsonb, jsonb)', 'execute'),
  'the service role may apply events');

select * from finish();
rollback;
