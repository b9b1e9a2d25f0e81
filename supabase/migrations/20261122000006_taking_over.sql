-- Taking over the tables of a live project, and giving them back as they were.
--
-- A school's project may have policies such as "system can insert participants: with check (true)", by which any student marks
-- anybody. Policies add up, so ours mean nothing beside those: the file of each table (policies/) begins with take_over,
-- which closes them and notes how to bring them back.
--
-- Locks: nothing.

create table zoom.undo (
  step bigint primary key generated always as identity,
  relation text not null,
  what text not null,
  statement text,
  noted_at timestamptz not null default now()
);

comment on table zoom.undo is 'What the project''s access rules were before ours: the statements that bring them back, for zoom.give_back, and what to look at.';
comment on column zoom.undo.step is 'Generated. They are run in the opposite order.';
comment on column zoom.undo.relation is 'The table or publication.';
comment on column zoom.undo.what is 'What was changed, in words; after "look:", what somebody who knows the app should look at.';
comment on column zoom.undo.statement is 'The SQL that undoes it; null where there is nothing to undo.';
comment on column zoom.undo.noted_at is 'When it was changed.';

alter table zoom.undo enable row level security;

create view zoom.our_policies with (security_invoker) as
select distinct policy.oid, policy.polrelid as relation, policy.polname as name
from pg_catalog.pg_policy policy
join pg_catalog.pg_depend uses on uses.classid = 'pg_catalog.pg_policy'::regclass and uses.objid = policy.oid
join pg_catalog.pg_proc helper on uses.refclassid = 'pg_catalog.pg_proc'::regclass and helper.oid = uses.refobjid
where helper.pronamespace = 'zoom'::regnamespace;

comment on view zoom.our_policies is 'Our policies are those that ask a function of this schema; every one of them does.';
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
comment on function zoom.note_access is 'Notes how to bring back a table''s grants and whether its policies were in force.';

create function zoom.note_risks(relation regclass, closes_writes boolean) returns void
language sql volatile set search_path = '' as $$
  insert into zoom.undo (relation, what)
  select relation::text, 'look: row level security was off, so pages that write here need a policy now'
  from pg_catalog.pg_class
  where oid = relation and not relrowsecurity and pg_catalog.has_table_privilege('authenticated', oid, 'insert, update, delete')
  union all
  select distinct relation::text, format('look: policy %I on %s asks this table, and for visitors that fails now (42501)', asker.polname, asker.polrelid::regclass)
  from pg_catalog.pg_policy asker
  join pg_catalog.pg_depend asks on asks.classid = 'pg_catalog.pg_policy'::regclass and asks.objid = asker.oid
  where asks.refclassid = 'pg_catalog.pg_class'::regclass and asks.refobjid = relation
    and asker.polroles && array[0::oid, 'anon'::regrole::oid]
    and pg_catalog.has_table_privilege('anon', relation, 'select') and pg_catalog.has_table_privilege('anon', asker.polrelid, 'select')
    -- Not the tables that visitors are shut out of themselves.
    and asker.polrelid not in (
      select to_regclass('public.' || ours) from unnest(array['users', 'classes', 'class_students', 'parent_children', 'zoom_meetings',
        'zoom_participants', 'meeting_registrants', 'attendance_records', 'qr_attendance_sessions', 'qr_checkins']) ours)
  union all
  select relation::text, format('look: policy %I lets users write what they like here, and this table decides who sees what', policy.polname)
  from pg_catalog.pg_policy policy
  where policy.polrelid = relation and not closes_writes and policy.polpermissive and policy.polcmd <> 'r'
    and policy.polroles && array[0::oid, 'anon'::regrole::oid, 'authenticated'::regrole::oid]
    and pg_catalog.pg_get_expr(coalesce(policy.polwithcheck, policy.polqual), relation) = 'true'
$$;
comment on function zoom.note_risks is 'Notes what taking a table over may break elsewhere in the app, and what it leaves open: writes that no policy ever allowed, policies of other tables that fail for visitors now, policies that let anybody write who is who.';

create procedure zoom.take_over(relation regclass, closes_writes boolean default false, replaces text[] default '{}')
language plpgsql set search_path = '' as $$
declare
  theirs record;
begin
  -- Our own go first: the file that calls this writes them anew.
  for theirs in select name from zoom.our_policies where our_policies.relation = take_over.relation loop
    execute format('drop policy %I on %s', theirs.name, relation);
  end loop;

  if not exists (select from zoom.undo where undo.relation = take_over.relation::text) then
    perform zoom.note_access(relation);
    perform zoom.note_risks(relation, closes_writes);
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
    where policy.polrelid = relation and policy.polpermissive and kept.is_users and (
      policy.polname = any (replaces)
      or closes_writes and policy.polcmd <> 'r'
      -- Reading that asks nothing, or nothing but to be signed in.
      or closes_writes and regexp_replace(said.qual, '\sAS \w+|\s|SELECT|[()]', '', 'g') in
        ('true', 'auth.uidISNOTNULL', 'auth.role=''authenticated''::text')
    )
  loop
    insert into zoom.undo (relation, what, statement) values (relation::text, format('policy %I is closed', theirs.name),
      format('drop policy if exists %I on %s; create policy %1$I on %2$s for %s to %s', theirs.name, relation, theirs.cmd, array_to_string(theirs.all_roles, ', '))
      || coalesce(' using (' || theirs.qual || ')', '') || coalesce(' with check (' || theirs.with_check || ')', ''));
    if theirs.other_roles is null then
      execute format('drop policy %I on %s', theirs.name, relation);
    else
      execute format('alter policy %I on %s to %s', theirs.name, relation, array_to_string(theirs.other_roles, ', '));
    end if;
  end loop;
end
$$;
comment on procedure zoom.take_over is 'Makes way for our policies on a table: drops our older ones, drops the named policies that ours replace, and if it closes writes, every other policy by which visitors or users may write, or may read without being asked who they are. Policies for other roles, restrictive ones and other readers stay. All that is dropped is noted in zoom.undo.';

create procedure zoom.give_back()
language plpgsql set search_path = '' as $$
declare
  ours record;
begin
  for ours in select our_policies.name, our_policies.relation from zoom.our_policies loop
    execute format('drop policy %I on %s', ours.name, ours.relation::regclass);
  end loop;
  for ours in
    select guard.tgname as name, guard.tgrelid::regclass as relation
    from pg_catalog.pg_trigger guard
    join pg_catalog.pg_proc does on does.oid = guard.tgfoid
    where does.pronamespace = 'zoom'::regnamespace
  loop
    execute format('drop trigger %I on %s', ours.name, ours.relation);
  end loop;
  for ours in select undo.statement from zoom.undo where undo.statement is not null order by step desc loop
    execute ours.statement;
  end loop;
  delete from zoom.undo;
end
$$;
comment on procedure zoom.give_back is 'Brings back the access rules as they were before ours: policies, grants, publication. Rows and facts stay. To have ours again, apply policies/*.sql and the migration of the publication.';

revoke execute on function zoom.note_access, zoom.note_risks from public;
revoke execute on procedure zoom.take_over, zoom.give_back from public;
