-- Everything that can be said of a project's public schema, one line per thing: its kind, its name, and what it says.
-- Two databases with the same lines are the same to every user.

select 'column', format('%s.%s', attrelid::regclass, attname),
  format('%s%s, default %s', format_type(atttypid, atttypmod), case when attnotnull then ' not null' end,
    coalesce((select pg_get_expr(adbin, adrelid) from pg_attrdef where adrelid = attrelid and adnum = attnum), attidentity::text))
from pg_attribute
join pg_class on pg_class.oid = attrelid
where relnamespace = 'public'::regnamespace and relkind in ('r', 'v') and attnum > 0 and not attisdropped

union all
select 'constraint', format('%s on %s', conname, conrelid::regclass), pg_get_constraintdef(oid)
from pg_constraint
where connamespace = 'public'::regnamespace and conrelid > 0

union all
select 'index', indexname, indexdef from pg_indexes where schemaname = 'public'

union all
select 'function', oid::regprocedure::text, md5(pg_get_functiondef(oid)) from pg_proc where pronamespace = 'public'::regnamespace

union all
select 'trigger', format('%s on %s', tgname, tgrelid::regclass), pg_get_triggerdef(pg_trigger.oid)
from pg_trigger
join pg_class on pg_class.oid = tgrelid
where relnamespace = 'public'::regnamespace and not tgisinternal

union all
select 'policy', format('%s on %s', policyname, tablename),
  format('%s %s to %s using %s with check %s', permissive, cmd, roles, coalesce(qual, '-'), coalesce(with_check, '-'))
from pg_policies
where schemaname = 'public'

union all
select 'row level security', oid::regclass::text, case when relforcerowsecurity then 'forced' when relrowsecurity then 'on' else 'off' end
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'

union all
select 'grant', format('%s to %s', object, case grantee when 0 then 'public' else grantee::regrole::text end),
  string_agg(privilege_type || case when is_grantable then ' (and on)' else '' end, ', ' order by privilege_type)
from (
  select oid::regclass::text as object, (aclexplode(relacl)).* from pg_class where relnamespace = 'public'::regnamespace
  union all
  select format('%s.%s', attrelid::regclass, attname), (aclexplode(attacl)).*
  from pg_attribute join pg_class on pg_class.oid = attrelid
  where relnamespace = 'public'::regnamespace
  union all
  select oid::regprocedure::text, (aclexplode(proacl)).* from pg_proc where pronamespace = 'public'::regnamespace
  union all
  select 'schema public', (aclexplode(nspacl)).* from pg_namespace where nspname = 'public'
  union all
  select format('future %s', defaclobjtype), (aclexplode(defaclacl)).* from pg_default_acl
) granted
group by object, grantee

union all
select 'publication', pubname, case when puballtables then 'carries all tables' else 'carries what is listed' end from pg_publication

union all
select 'publication', format('%s carries %s', pubname, prrelid::regclass), coalesce(pg_get_expr(prqual, prrelid), 'all rows')
from pg_publication_rel
join pg_publication on pg_publication.oid = prpubid

union all
select 'rows', oid::regclass::text, regexp_replace(
  query_to_xml(format('select count(*), md5(string_agg(said, '''' order by said)) from (select md5(t::text) collate "C" as said from %s t) t', oid::regclass),
    false, true, '')::text, '<[^>]*>|\s', ' ', 'g')
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r'
