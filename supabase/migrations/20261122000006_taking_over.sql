-- Taking over the tables of a live project, and giving them back as they were.
--
-- A school's project may have policies such as "system can insert participants: with check (true)", by which any student marks
-- anybody. Policies add up, so ours mean nothing beside those: the file of each table that attendance is made of (policies/)
-- begins with take_over, which closes them and notes how to bring them back. The four tables of people stay the app's:
-- ours come in, by add_readers, only where the app itself lets nobody read.
--
-- Locks: attendance_records for a moment, if its check does not know `partial` yet.

create table zoom.undo (
  step bigint primary key generated always as identity,
  relation text not null,
  what text not null,
  statement text,
  noted_at timestamptz not null default now()
);

comment on table zoom.undo is
  'What the project''s access rules were before ours: the statements that bring them back, for zoom.give_back, '
  'and what to look at.';
comment on column zoom.undo.step is 'Generated. They are run in the opposite order.';
comment on column zoom.undo.relation is 'The table or publication.';
comment on column zoom.undo.what is
  'What was changed, in words; after "look:", what somebody who knows the app should look at.';
comment on column zoom.undo.statement is 'The SQL that undoes it; null where there is nothing to undo.';
comment on column zoom.undo.noted_at is 'When it was changed.';

alter table zoom.undo enable row level security;

create table zoom.matrix (
  relation text primary key,
  qual text not null
);

comment on table zoom.matrix is
  'Who sees which rows of the four tables of people, as the matrix of policies/README.md has it: noted where the '
  'app keeps readers of its own, too, so that sidecar doctor can tell who sees more.';
comment on column zoom.matrix.relation is 'The table.';
comment on column zoom.matrix.qual is 'The rule: the using expression of our reader, be it there or not.';

alter table zoom.matrix enable row level security;
grant select on zoom.matrix to service_role;

create view zoom.our_policies with (security_invoker) as
select distinct policy.oid, policy.polrelid as relation, policy.polname as name
from pg_catalog.pg_policy policy
join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_policy'::regclass and uses.objid = policy.oid
join pg_catalog.pg_proc helper on uses.refclassid = 'pg_catalog.pg_proc'::regclass and helper.oid = uses.refobjid
where helper.pronamespace = 'zoom'::regnamespace;

comment on view zoom.our_policies is
  'Our policies are those that ask a function of this schema; every one of them does.';
comment on column zoom.our_policies.oid is 'The policy.';
comment on column zoom.our_policies.relation is 'Its table.';
comment on column zoom.our_policies.name is 'Its name.';

create function zoom.note_access(relation regclass) returns void
language sql volatile set search_path = '' as $$
  insert into zoom.undo (relation, what, statement)
  select relation::text, 'row level security is on', format('alter table %s disable row level security', relation)
  from pg_catalog.pg_class where oid = relation and not relrowsecurity
  union all
  select relation::text, 'grants to visitors and users are ours', concat_ws('; ',
    format('revoke all on %s from public, anon, authenticated', relation),
    string_agg(format('grant %s on %s to %s%s', granted.privileges, relation,
      case when granted.grantee = 0 then 'public' else granted.grantee::regrole::text end,
      case when granted.is_grantable then ' with grant option' else '' end), '; '))
  from (
    select held.grantee, held.is_grantable, string_agg(held.privilege_type, ', ') as privileges
    from pg_catalog.pg_class, pg_catalog.aclexplode(relacl) held
    where pg_class.oid = relation and held.grantee in (0, 'anon'::regrole, 'authenticated'::regrole)
    group by held.grantee, held.is_grantable
    union all
    select held.grantee, held.is_grantable, string_agg(format('%s (%I)', held.privilege_type, col.attname), ', ')
    from pg_catalog.pg_attribute col, pg_catalog.aclexplode(col.attacl) held
    where col.attrelid = relation and held.grantee in (0, 'anon'::regrole, 'authenticated'::regrole)
    group by held.grantee, held.is_grantable
  ) granted
$$;
comment on function zoom.note_access is
  'Notes how to bring back a table''s grants and whether its policies were in force.';

create view zoom.our_tables with (security_invoker) as
select tab.oid::regclass as relation, listed.name, listed.is_closed
from (
  values ('users', false), ('classes', false), ('class_students', false), ('parent_children', false), ('zoom_meetings', true),
    ('zoom_participants', true), ('meeting_registrants', true), ('attendance_records', true), ('qr_attendance_sessions', true), ('qr_checkins', true)
) listed (name, is_closed)
join pg_catalog.pg_class tab on tab.relname = listed.name and tab.relnamespace = 'public'::regnamespace;

comment on view zoom.our_tables is 'The app''s tables that this project has to do with.';
comment on column zoom.our_tables.relation is 'The table.';
comment on column zoom.our_tables.name is 'Its name.';
comment on column zoom.our_tables.is_closed is
  'Attendance is made of it, so that we alone say who writes it; false for the four tables of people, whose '
  'rules stay the app''s.';

create view zoom.user_policies with (security_invoker) as
select policy.oid, policy.polrelid as relation, policy.polname as name, policy.polpermissive as permissive, policy.polcmd as verb,
  pg_catalog.pg_get_expr(policy.polqual, policy.polrelid) as qual, pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) as with_check
from pg_catalog.pg_policy policy
where policy.oid not in (select ours.oid from zoom.our_policies ours)
  and exists (
    select from unnest(policy.polroles) role
    where role = 0 or pg_catalog.pg_has_role('anon', role, 'usage') or pg_catalog.pg_has_role('authenticated', role, 'usage'));

comment on view zoom.user_policies is 'The policies of the app (not ours) that visitors or users go by.';
comment on column zoom.user_policies.oid is 'The policy.';
comment on column zoom.user_policies.relation is 'Its table.';
comment on column zoom.user_policies.name is 'Its name.';
comment on column zoom.user_policies.permissive is 'False for a restrictive one.';
comment on column zoom.user_policies.verb is 'r, a, w, d, or * for all.';
comment on column zoom.user_policies.qual is 'Its using expression.';
comment on column zoom.user_policies.with_check is 'Its check expression.';

create function zoom.asks_nothing(qual text) returns boolean
language plpgsql immutable set search_path = '' as $$
declare
  -- As the catalog prints it, without blanks, parentheses, casts and the names of sub-selects.
  bare constant text := regexp_replace(qual, '\sAS \w+|::(text|character varying)(\[\])?|\s|SELECT|[()]', '', 'g');
  signed_in constant text := concat_ws('|', 'true', 'auth\.(uid|jwt|role)ISNOTNULL',
    '(auth\.role|auth\.jwt->>''role'')=''authenticated''', '''authenticated''=(auth\.role|auth\.jwt->>''role'')',
    '(auth\.role|auth\.jwt->>''role'')=ANYARRAY\[(''(anon|authenticated|service_role)'',?)+\]', '(\d+)=\d+');
begin
  return bare ~ ('^(' || signed_in || ')((AND|OR)(' || signed_in || '))*$');
end
$$;
comment on function zoom.asks_nothing is
  'Whether the expression of a policy asks nothing, or nothing but to be signed in.';

create function zoom.is_for_admins(condition text, is_asked boolean default false) returns boolean
language plpgsql immutable set search_path = '' as $$
declare
  said text := btrim(regexp_replace(condition, '\s+', ' ', 'g'));
  joint text;
  parts text[];
  depth integer;
  is_quoted boolean;
  began integer;
  at integer;
begin
  loop
    -- What stands between the parts, outside of all parentheses and quotes.
    foreach joint in array array[' OR ', ' AND '] loop
      parts := '{}';
      depth := 0;
      is_quoted := false;
      began := 1;
      at := 1;
      while at <= length(said) loop
        case
          when substr(said, at, 1) = '''' then is_quoted := not is_quoted;
          when is_quoted then null;
          when substr(said, at, 1) = '(' then depth := depth + 1;
          when substr(said, at, 1) = ')' then depth := depth - 1;
          when depth = 0 and substr(said, at, length(joint)) = joint then
            parts := parts || substr(said, began, at - began);
            began := at + length(joint);
            at := began - 1;
          else null;
        end case;
        at := at + 1;
      end loop;
      if parts <> '{}' then
        parts := parts || substr(said, began);
        if joint = ' OR ' then -- each way has to be theirs
          return (select bool_and(zoom.is_for_admins(part, is_asked)) from unnest(parts) part);
        end if;
        return (select bool_or(zoom.is_for_admins(part, is_asked)) from unnest(parts) part);
      end if;
    end loop;

    -- A single condition. Parentheses around all of it say nothing.
    exit when said !~ '^\(.*\)$';
    depth := 0;
    is_quoted := false;
    for at in 1 .. length(said) - 1 loop
      if substr(said, at, 1) = '''' then
        is_quoted := not is_quoted;
      elsif not is_quoted and substr(said, at, 1) in ('(', ')') then
        depth := depth + case substr(said, at, 1) when '(' then 1 else -1 end;
      end if;
      exit when depth = 0;
    end loop;
    exit when depth = 0;
    said := btrim(substr(said, 2, length(said) - 2));
  end loop;

  is_asked := is_asked or said ~* '\w\(\)|\mauth\.|\mcurrent_setting\('; -- who it is
  if said ~ '^EXISTS \( SELECT .* WHERE \(.*\)\)$' then
    return zoom.is_for_admins(substring(said, ' WHERE (\(.*\))\)$'), is_asked);
  end if;
  return is_asked and coalesce(
    said ~ '''admin'''
    and said !~* '''(teacher|student|parent)''|<>|!~|\mnot\M|\mor\M|\mlimit\M|user_meta_?data', false);
end
$$;
comment on function zoom.is_for_admins is
  'Whether the condition of a policy, as the catalog prints it, asks for an admin and for nobody else, whatever the '
  'policy is named. Read from its text: each way that an OR opens asks who it is, and names admins and no other '
  'role. is_asked: that was asked around it. False where it cannot be told.';

create function zoom.has_readers(relation regclass) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
      select from zoom.user_policies theirs
      where theirs.relation = has_readers.relation and theirs.permissive and theirs.verb in ('r', '*'))
    -- Without row level security everybody who is granted it reads.
    or exists (
      select from pg_catalog.pg_class tab
      where tab.oid = has_readers.relation and not tab.relrowsecurity
        and (pg_catalog.has_any_column_privilege('anon', tab.oid, 'select') or pg_catalog.has_any_column_privilege('authenticated', tab.oid, 'select')));
end
$$;
comment on function zoom.has_readers is 'Whether the app itself lets visitors or users read a table.';

create function zoom.has_grants(relation regclass) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
      select from pg_catalog.pg_class tab, pg_catalog.aclexplode(tab.relacl) held
      where tab.oid = has_grants.relation and held.grantee in (0, 'anon'::regrole, 'authenticated'::regrole))
    or exists (
      select from pg_catalog.pg_attribute col, pg_catalog.aclexplode(col.attacl) held
      where col.attrelid = has_grants.relation and held.grantee in (0, 'anon'::regrole, 'authenticated'::regrole));
end
$$;
comment on function zoom.has_grants is 'Whether visitors or users were granted anything on a table or a column of it.';

create view zoom.asked_by_views with (security_invoker) as
with recursive direct as (
  select distinct rule.ev_class as view, uses.refobjid as relation
  from pg_catalog.pg_rewrite rule
  join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_rewrite'::regclass and uses.objid = rule.oid
  join pg_catalog.pg_class seen on seen.oid = rule.ev_class and seen.relkind in ('v', 'm')
  where uses.refclassid = 'pg_catalog.pg_class'::regclass and uses.refobjid <> rule.ev_class
), asked as (
  select direct.view, direct.relation from direct
  union
  select asked.view, direct.relation from asked join direct on direct.view = asked.relation
)
select asked.view, asked.relation from asked;

comment on view zoom.asked_by_views is 'Which tables and views a view reads, by itself and by the views it reads.';
comment on column zoom.asked_by_views.view is 'The view.';
comment on column zoom.asked_by_views.relation is 'What it reads.';

create function zoom.is_in_a_circle(relation regclass) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return (
    with recursive asks (asker, asked) as (
      -- A policy of the app reads another table, or a view.
      select theirs.relation, uses.refobjid
      from zoom.user_policies theirs
      join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_policy'::regclass and uses.objid = theirs.oid
      where uses.refclassid = 'pg_catalog.pg_class'::regclass and uses.refobjid <> theirs.relation
      union
      -- Its own table it depends on in any case: only its text tells whether it reads it.
      select theirs.relation, theirs.relation
      from zoom.user_policies theirs
      where concat(theirs.qual, ' ', theirs.with_check) ~ ('(FROM|JOIN|,)\s+\(*' || theirs.relation::regclass || '\M')
      union
      select asked.view, asked.relation from zoom.asked_by_views asked
    ), reached (relation) as (
      select asks.asked from asks where asks.asker = is_in_a_circle.relation
      union
      select asks.asked from reached join asks on asks.asker = reached.relation
    )
    select exists (select from reached where reached.relation = is_in_a_circle.relation));
end
$$;
comment on function zoom.is_in_a_circle is
  'Whether policies of the app on a table come back to the table, by itself or over others. Then no reader of it '
  'may have a sub-select: PostgreSQL would refuse every write (42P17).';

create procedure zoom.avoid_recursion(relation regclass)
language plpgsql set search_path = '' as $$
declare
  ours record;
begin
  if not zoom.is_in_a_circle(relation) then
    return;
  end if;
  for ours in
    select policy.polname as name,
      regexp_replace(pg_catalog.pg_get_expr(policy.polqual, policy.polrelid), '\( SELECT (zoom\.\w+\(\)) AS \w+\)', '\1', 'g') as qual,
      regexp_replace(pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid), '\( SELECT (zoom\.\w+\(\)) AS \w+\)', '\1', 'g') as with_check
    from pg_catalog.pg_policy policy
    join zoom.our_policies on our_policies.oid = policy.oid
    where policy.polrelid = avoid_recursion.relation
  loop
    execute format('alter policy %I on %s', ours.name, relation)
      || coalesce(' using (' || ours.qual || ')', '') || coalesce(' with check (' || ours.with_check || ')', '');
  end loop;
end
$$;
comment on procedure zoom.avoid_recursion is
  'Where policies of the app come back to a table (see zoom.is_in_a_circle), takes the sub-selects out of ours on '
  'it: they ask their functions for each row then, which is slower, and nothing fails with 42P17.';

create function zoom.who_may(relation oid, verb text) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (
    select string_agg(role.said, ' and ')
    from (values ('anon', 'visitors'), ('authenticated', 'users')) role (name, said)
    join pg_catalog.pg_class tab on tab.oid = who_may.relation
    where pg_catalog.has_schema_privilege(role.name, tab.relnamespace, 'usage')
      and (
        pg_catalog.has_table_privilege(role.name, tab.oid, who_may.verb)
        or exists (
          select from unnest(string_to_array(who_may.verb, ', ')) one (verb)
          where case when one.verb in ('select', 'insert', 'update')
            then pg_catalog.has_any_column_privilege(role.name, tab.oid, one.verb) end)));
end
$$;
comment on function zoom.who_may is
  'Whether visitors, users or both are granted one of some verbs on a table or view, or on a column of it, in '
  'words; null for neither.';

create function zoom.who_may_call(function oid) returns text
language plpgsql stable set search_path = '' as $$
begin
  return (
    select string_agg(role.said, ' and ')
    from (values ('anon', 'visitors'), ('authenticated', 'users')) role (name, said)
    join pg_catalog.pg_proc does on does.oid = function
    where pg_catalog.has_function_privilege(role.name, function, 'execute')
      and pg_catalog.has_schema_privilege(role.name, does.pronamespace, 'usage'));
end
$$;
comment on function zoom.who_may_call is
  'Whether visitors, users or both may call a function, in words; null for neither.';

create view zoom.looking_past with (security_invoker) as
select role.oid as role, tab.relation
from pg_catalog.pg_roles role
cross join zoom.our_tables tab
join pg_catalog.pg_class on pg_class.oid = tab.relation
where role.rolsuper or role.rolbypassrls
  or pg_catalog.pg_has_role(role.oid, pg_class.relowner, 'usage') and not pg_class.relforcerowsecurity;

comment on view zoom.looking_past is
  'The roles that the policies of our tables do not bind: the owner, and who is above them.';
comment on column zoom.looking_past.role is 'The role.';
comment on column zoom.looking_past.relation is 'The table.';

create view zoom.views_past_policies with (security_invoker) as
with recursive direct as (
  select distinct rule.ev_class as view, uses.refobjid as relation, seen.relowner as owner,
    seen.relkind = 'm' as is_stored,
    seen.relkind = 'v' and coalesce((
      select option.option_value::boolean from pg_catalog.pg_options_to_table(seen.reloptions) option
      where option.option_name = 'security_invoker'), false) as asks_as_reader
  from pg_catalog.pg_rewrite rule
  join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_rewrite'::regclass and uses.objid = rule.oid
  join pg_catalog.pg_class seen on seen.oid = rule.ev_class and seen.relkind in ('v', 'm')
  where uses.refclassid = 'pg_catalog.pg_class'::regclass and uses.refobjid <> rule.ev_class
), reached as (
  select direct.view, direct.relation, direct.owner, direct.is_stored from direct where not direct.asks_as_reader
  union
  -- And what that view reads in turn: as its own owner; or as whoever reads, which for what is stored was its owner.
  select reached.view, direct.relation, case when direct.asks_as_reader then reached.owner else direct.owner end,
    reached.is_stored or direct.is_stored
  from reached
  join direct on direct.view = reached.relation
  where reached.is_stored or not direct.asks_as_reader
)
select distinct reached.view, past.relation
from reached
join zoom.looking_past past on past.relation = reached.relation and past.role = reached.owner;

comment on view zoom.views_past_policies is
  'The views by which the policies of our tables are passed: those that read them as their owner, by themselves or '
  'over other such views, and those that store what they read.';
comment on column zoom.views_past_policies.view is 'The view.';
comment on column zoom.views_past_policies.relation is 'Whose policies it passes.';

create view zoom.functions_past_policies with (security_invoker) as
with recursive theirs as (
  select does.oid, does.prosrc as text, does.prosecdef as is_definer, does.proowner as owner,
    '\m' || regexp_replace(does.proname, '(\W)', '\\\1', 'g') || '"?\s*\(' as called
  from pg_catalog.pg_proc does
  join pg_catalog.pg_namespace schema on schema.oid = does.pronamespace
  where schema.nspname not in ('zoom', 'pg_catalog', 'information_schema', 'auth', 'storage', 'realtime', 'vault',
      'extensions', 'graphql', 'graphql_public', 'cron', 'net', 'pgbouncer', 'pgsodium', 'supabase_functions',
      'supabase_migrations')
    and does.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype)
    and not exists (
      select from pg_catalog.pg_depend part
      where part.classid = 'pg_catalog.pg_proc'::regclass and part.objid = does.oid and part.deptype = 'e')
    -- Ours ask who it is first.
    and not (schema.nspname = 'public' and does.prosrc ~ '\mzoom\.\w+\(')
), named as (
  -- A table of ours, or a view over one. What another schema has of that name (auth.users) is not meant.
  select source.oid as source, source.relation,
    '(^|[^\w."])("?' || tab.relnamespace::regnamespace::name || '"?\s*\.\s*)?"?'
      || regexp_replace(tab.relname, '(\W)', '\\\1', 'g') || '(?!\w)' as mention
  from (
    select own.relation::oid as oid, own.relation from zoom.our_tables own
    union
    select asked.view, own.relation
    from zoom.asked_by_views asked
    join zoom.our_tables own on own.relation = asked.relation
  ) source
  join pg_catalog.pg_class tab on tab.oid = source.oid and tab.relnamespace <> 'zoom'::regnamespace
), reaching as (
  select theirs.oid as function, named.relation
  from theirs
  join named on theirs.text ~* named.mention or exists (
    select from pg_catalog.pg_depend uses -- of a body in standard SQL, which has no text
    where uses.classid = 'pg_catalog.pg_proc'::regclass and uses.objid = theirs.oid
      and uses.refclassid = 'pg_catalog.pg_class'::regclass and uses.refobjid = named.source)
  union
  -- What it calls acts in its name.
  select caller.oid, reaching.relation
  from reaching
  join theirs called on called.oid = reaching.function
  join theirs caller on caller.oid <> called.oid and (caller.text ~* called.called or exists (
    select from pg_catalog.pg_depend uses
    where uses.classid = 'pg_catalog.pg_proc'::regclass and uses.objid = caller.oid
      and uses.refclassid = 'pg_catalog.pg_proc'::regclass and uses.refobjid = called.oid))
)
select distinct reaching.function, reaching.relation
from reaching
join theirs on theirs.oid = reaching.function and theirs.is_definer
join zoom.looking_past past on past.relation = reaching.relation and past.role = theirs.owner;

comment on view zoom.functions_past_policies is
  'The app''s functions that act as their owner and reach our tables, as far as their text tells: by name, over a '
  'view, or over a function they call. Triggers, and what belongs to an extension, are not among them.';
comment on column zoom.functions_past_policies.function is 'The function.';
comment on column zoom.functions_past_policies.relation is 'Whose policies it passes.';

create function zoom.risks() returns table (relation text, what text, remedy text)
language plpgsql stable set search_path = '' as $$
begin
  return query
  -- Readers who are asked nothing.
  select theirs.relation::regclass::text,
    format('look: policy %I lets everybody %s read all of it', theirs.name,
      case when theirs.qual = 'true' then 'whom it is for' else 'who is signed in' end),
    format('see whether the app needs that; if not: alter policy %I on %s using (…), with who sees which row',
      theirs.name, theirs.relation::regclass)
  from zoom.user_policies theirs
  join zoom.our_tables tab on tab.relation = theirs.relation
  where theirs.permissive and theirs.verb in ('r', '*') and zoom.asks_nothing(theirs.qual)
    and zoom.who_may(tab.relation, 'select') is not null
  union all
  -- Writers beyond admins.
  select theirs.relation::regclass::text,
    format('look: policy %I lets others than admins %s: %s', theirs.name,
      case theirs.verb
        when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'insert, update and delete'
      end,
      left(regexp_replace(coalesce(theirs.with_check, theirs.qual), '\s+', ' ', 'g'), 200)),
    case when theirs.relation = 'public.users'::regclass and theirs.verb in ('a', 'w')
      then 'nothing, if it is for a row of one''s own: the guards keep who that is'
      else format('see whether the app needs that; if not: alter policy %I on %s, so that it is for admins alone',
        theirs.name, theirs.relation::regclass)
    end
  from zoom.user_policies theirs
  join zoom.our_tables tab on tab.relation = theirs.relation
  where theirs.permissive and theirs.verb <> 'r'
    and zoom.who_may(tab.relation, case theirs.verb
      when 'a' then 'insert' when 'w' then 'update' when 'd' then 'delete' else 'insert, update, delete'
    end) is not null
    and not case theirs.verb
      when 'a' then zoom.is_for_admins(theirs.with_check)
      when '*' then zoom.is_for_admins(theirs.qual) and zoom.is_for_admins(coalesce(theirs.with_check, theirs.qual))
      else zoom.is_for_admins(theirs.qual) -- which rows, and so who
    end
  union all
  select tab.relation::text, 'look: row level security is off: whoever is granted it reads and writes all of it',
    format('write policies for all that the app does there; then: alter table %s enable row level security',
      tab.relation)
  from zoom.our_tables tab
  join pg_catalog.pg_class on pg_class.oid = tab.relation
  where not pg_class.relrowsecurity and zoom.has_grants(tab.relation)
  union all
  -- Views that look past the policies.
  select seen.oid::regclass::text,
    format('look: this view looks past the policies of %s, and %s may %s it',
      string_agg(past.relation::regclass::text, ', ' order by past.relation::regclass::text), may.who, may.what),
    case seen.relkind
      when 'm' then format('see what it shows; if not all may see it: revoke all on %s from public, anon, authenticated',
        seen.oid::regclass)
      else format('see what it shows; if not all may see it: alter view %s set (security_invoker = true), or '
        'revoke all on %1$s from public, anon, authenticated', seen.oid::regclass)
    end
  from zoom.views_past_policies past
  join pg_catalog.pg_class seen on seen.oid = past.view and seen.relnamespace <> 'zoom'::regnamespace
  cross join lateral (
    values ('read', zoom.who_may(seen.oid, 'select')),
      ('write through', case when pg_catalog.pg_relation_is_updatable(seen.oid, true) & 28 <> 0
        then zoom.who_may(seen.oid, 'insert, update, delete') end)
  ) may (what, who)
  where may.who is not null
  group by seen.oid, seen.relkind, may.who, may.what
  union all
  -- Functions that do.
  select past.function::regprocedure::text,
    format('look: this function looks past the policies of %s, and %s may call it',
      string_agg(past.relation::regclass::text, ', ' order by past.relation::regclass::text),
      zoom.who_may_call(past.function)),
    format('see that it asks who calls it; if users need not call it: '
      'revoke execute on routine %s from public, anon, authenticated', past.function::regprocedure)
  from zoom.functions_past_policies past
  where zoom.who_may_call(past.function) is not null
  group by past.function
  union all
  select 'public.zoom_meetings',
    'look: whoever sees a meeting reads its start_url, which starts it as the host: select zoom.hide_start_urls()',
    'in the SQL editor: select zoom.hide_start_urls(); the host gets theirs from the meeting room'
  where exists (select from public.zoom_meetings meeting where meeting.start_url is not null);
end
$$;
comment on function zoom.risks is
  'What stays risky in the project, for somebody who knows the app, as it is now, each with what to do about it: '
  'readers who are asked nothing, writers beyond admins, row level security that is off, views and functions that '
  'look past the policies of our tables and that visitors or users may use, start_urls that everybody reads.';

create function zoom.note_risks() returns void
language sql volatile set search_path = '' as $$
  insert into zoom.undo (relation, what)
  select risk.relation, risk.what from zoom.risks() risk
  where not exists (select from zoom.undo noted where noted.relation = risk.relation and noted.what = risk.what)
  order by 1, 2
$$;
comment on function zoom.note_risks is 'Notes in zoom.undo what stays risky at this moment (see zoom.risks).';

create procedure zoom.take_over(relation regclass, replaces text[] default '{}')
language plpgsql set search_path = '' as $$
declare
  theirs record;
begin
  -- Our own go first: the file that calls this writes them anew.
  for theirs in select name from zoom.our_policies where our_policies.relation = take_over.relation loop
    execute format('drop policy %I on %s', theirs.name, relation);
  end loop;

  if not exists (
      select from zoom.undo
      where undo.relation = take_over.relation::text and undo.what = 'grants to visitors and users are ours') then
    insert into zoom.undo (relation, what)
    select relation::text, 'look: row level security was off, so pages that write here need a policy now'
    from pg_catalog.pg_class tab
    where tab.oid = relation and not tab.relrowsecurity and zoom.who_may(tab.oid, 'insert, update, delete') is not null
    union all
    select distinct relation::text, format('look: policy %I on %s asks this table, and for visitors that fails now (42501)',
      asker.polname, asker.polrelid::regclass)
    from pg_catalog.pg_policy asker
    join pg_catalog.pg_depend asks on asks.classid = 'pg_catalog.pg_policy'::regclass and asks.objid = asker.oid
    where asks.refclassid = 'pg_catalog.pg_class'::regclass and asks.refobjid = relation
      and asker.polroles && array[0::oid, 'anon'::regrole::oid]
      and pg_catalog.has_table_privilege('anon', relation, 'select') and pg_catalog.has_table_privilege('anon', asker.polrelid, 'select')
      -- Not the tables that visitors are shut out of themselves.
      and asker.polrelid not in (select tab.relation from zoom.our_tables tab where tab.is_closed);
    perform zoom.note_access(relation);
  end if;

  for theirs in
    select policy.polname as name, said.cmd, said.qual, said.with_check, kept.all_roles, kept.roles as other_roles
    from pg_catalog.pg_policy policy
    join pg_catalog.pg_class tab on tab.oid = policy.polrelid
    join pg_catalog.pg_policies said
      on said.schemaname = tab.relnamespace::regnamespace::name and said.tablename = tab.relname and said.policyname = policy.polname
    cross join lateral (
      -- A policy is for everybody, or for roles; those that visitors and users cannot act as keep theirs.
      select array_agg(case role.oid when 0 then 'public' else role.oid::regrole::text end) as all_roles,
        array_agg(role.oid::regrole::text) filter (where not role.is_users) as roles, bool_or(role.is_users) as is_users
      from (
        select granted.oid, case when granted.oid = 0 then true else
          pg_catalog.pg_has_role('anon', granted.oid, 'usage') or pg_catalog.pg_has_role('authenticated', granted.oid, 'usage') end
        from unnest(policy.polroles) granted (oid)
      ) role (oid, is_users)
    ) kept
    where policy.polrelid = relation and policy.polpermissive and kept.is_users
      and (policy.polname = any (replaces) or policy.polcmd <> 'r' or zoom.asks_nothing(said.qual))
  loop
    insert into zoom.undo (relation, what, statement) values (relation::text, format('policy %I is closed', theirs.name),
      format('drop policy if exists %I on %s; create policy %1$I on %2$s for %s to %s', theirs.name, relation, theirs.cmd,
        array_to_string(theirs.all_roles, ', '))
      || coalesce(' using (' || theirs.qual || ')', '') || coalesce(' with check (' || theirs.with_check || ')', ''));
    if theirs.other_roles is null then
      execute format('drop policy %I on %s', theirs.name, relation);
    else
      execute format('alter policy %I on %s to %s', theirs.name, relation, array_to_string(theirs.other_roles, ', '));
    end if;
  end loop;
end
$$;
comment on procedure zoom.take_over is
  'Makes way for our policies on a table that attendance is made of: drops our older ones, the named policies that '
  'ours replace, and every other permissive policy by which visitors or users may write, or may read without being '
  'asked who they are. Policies for other roles, restrictive ones and other readers stay. All that is dropped is '
  'noted in zoom.undo.';

create procedure zoom.add_readers(relation regclass, name text, qual text, columns text default null)
language plpgsql set search_path = '' as $$
declare
  ours record;
begin
  for ours in select our_policies.name from zoom.our_policies where our_policies.relation = add_readers.relation loop
    execute format('drop policy %I on %s', ours.name, relation);
  end loop;
  insert into zoom.matrix as known (relation, qual) values (add_readers.relation::text, btrim(add_readers.qual, e' \n'))
  on conflict on constraint matrix_pkey do update set qual = excluded.qual;
  if zoom.has_readers(relation) then
    return; -- the app says who sees its people
  end if;

  if not exists (
      select from zoom.undo
      where undo.relation = add_readers.relation::text and undo.what = 'grants to visitors and users are ours') then
    perform zoom.note_access(relation);
  end if;
  execute format('alter table %s enable row level security', relation);
  if not zoom.has_grants(relation) then
    execute format('grant select%s on %s to authenticated', ' (' || columns || ')', relation);
  end if;
  execute format('create policy %I on %s for select to authenticated using (%s)', name, relation, qual);
  call zoom.avoid_recursion(relation);
end
$$;
comment on procedure zoom.add_readers is
  'Lets users read a table of people by a policy of ours, where the app itself lets nobody read it. Where it does, '
  'nothing is added and no grant changes; the rule is noted in zoom.matrix all the same. The grant, of the named '
  'columns or of all, is made only where visitors and users were granted nothing at all.';

create view zoom.narrow_checks with (security_invoker) as
select said.conname as name, pg_catalog.pg_get_constraintdef(said.oid) as definition,
  pg_catalog.pg_get_expr(said.conbin, said.conrelid) as expression
from pg_catalog.pg_constraint said
join pg_catalog.pg_attribute col on col.attrelid = said.conrelid and said.conkey = array[col.attnum]
where said.conrelid = to_regclass('public.attendance_records') and said.contype = 'c' and col.attname = 'status'
  and pg_catalog.pg_get_constraintdef(said.oid) ~ '''present''' and pg_catalog.pg_get_constraintdef(said.oid) !~ '''partial''';

comment on view zoom.narrow_checks is
  'The checks of attendance_records.status that do not know partial, as an older project has one.';
comment on column zoom.narrow_checks.name is 'The constraint.';
comment on column zoom.narrow_checks.definition is 'As the catalog prints it.';
comment on column zoom.narrow_checks.expression is 'What it checks.';

create procedure zoom.allow_partial()
language plpgsql set search_path = '' as $$
declare
  narrow record;
begin
  for narrow in select checks.name, checks.definition, checks.expression from zoom.narrow_checks checks loop
    execute format('alter table public.attendance_records drop constraint %I', narrow.name);
    execute format('alter table public.attendance_records add constraint %I check ((%s) or status = ''partial'')', narrow.name, narrow.expression);
    insert into zoom.undo (relation, what, statement)
    values ('public.attendance_records', format('the check %I allows partial', narrow.name), format(
      'do $undo$ begin '
      'alter table public.attendance_records drop constraint if exists %1$I; '
      'if exists (select from public.attendance_records where status = ''partial'') then '
      -- What was written as partial stays: the check holds for what is written from then on.
      'alter table public.attendance_records add constraint %1$I %2$s not valid; '
      'else alter table public.attendance_records add constraint %1$I %2$s; end if; end $undo$', narrow.name, narrow.definition));
  end loop;
end
$$;
comment on procedure zoom.allow_partial is
  'An older project''s check of attendance_records.status does not know partial: widens it, and notes in zoom.undo '
  'how to narrow it again.';

create procedure zoom.give_back()
language plpgsql set search_path = '' as $$
declare
  ours record;
begin
  perform zoom.show_start_urls();
  for ours in select our_policies.name, our_policies.relation from zoom.our_policies loop
    execute format('drop policy %I on %s', ours.name, ours.relation::regclass);
  end loop;
  for ours in
    select guard.tgname as name, guard.tgrelid::regclass as relation
    from pg_catalog.pg_trigger guard
    join pg_catalog.pg_proc does on does.oid = guard.tgfoid
    where does.pronamespace = 'zoom'::regnamespace and not guard.tgisinternal
  loop
    execute format('drop trigger %I on %s', ours.name, ours.relation);
  end loop;
  for ours in select undo.statement from zoom.undo where undo.statement is not null order by step desc loop
    execute ours.statement;
  end loop;
  delete from zoom.undo;
end
$$;
comment on procedure zoom.give_back is
  'Brings back the access rules as they were before ours: policies, grants, publication, the check of attendance, '
  'start_urls. Rows and facts stay. To have ours again, apply policies/*.sql and the migration of the publication.';

revoke execute on function
  zoom.note_access, zoom.note_risks, zoom.risks, zoom.asks_nothing, zoom.is_for_admins, zoom.has_readers, zoom.has_grants, zoom.is_in_a_circle,
  zoom.who_may, zoom.who_may_call
from public;
revoke execute on procedure zoom.take_over, zoom.add_readers, zoom.avoid_recursion, zoom.allow_partial, zoom.give_back from public;

call zoom.allow_partial();
