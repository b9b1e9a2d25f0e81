-- Who is asking, and what is theirs: this is what "seen only by those entitled" is decided by.
--
-- The policies (policies/, shipped by the next migration) ask these functions. Each answers for the caller alone, as a
-- set or a single word, so that a policy asks once per statement and never once per row. They look past the policies of
-- the tables they read (security definer), and no policy of ours reads another table itself: a policy of the app may
-- read ours, and the two would ask each other for ever (42P17).
--
-- They live in the private schema: a policy may use them, but nobody can call them by name. Beside them are the guards,
-- which keep what a policy cannot, since it never sees the row before and after a change together; and what is needed
-- to take over a live project's tables, and to give them back as they were.
--
-- Locks: nothing.

-- The caller ----------------------------------------------------------------------------------------------------------
-- In plpgsql, which keeps its plans: a function in SQL would plan anew each time Realtime asks about a row. What stands in
-- `(select …)` is asked once, and not for every row of a small table that is read from end to end.

create function zoom.caller() returns uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select person.id from public.users person where person.id = (select auth.uid()) and person.is_active is not false);
end
$$;
comment on function zoom.caller is 'The user whose token it is; null for visitors, for users the school does not know, and for those who have left it.';

create function zoom.caller_role() returns text
language plpgsql stable security definer set search_path = '' as $$
begin
  return (select person.role from public.users person where person.id = (select zoom.caller()));
end
$$;
comment on function zoom.caller_role is 'admin, teacher, student or parent; null when there is no caller.';

create function zoom.is_admin() returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return coalesce(zoom.caller_role() = 'admin', false);
end
$$;
comment on function zoom.is_admin is 'Whether the caller is an admin. Never null.';

create function zoom.is_staff() returns boolean
language plpgsql stable security definer set search_path = '' as $$
begin
  return coalesce(zoom.caller_role() in ('admin', 'teacher'), false);
end
$$;
comment on function zoom.is_staff is 'Whether the caller is a teacher or an admin. Never null.';

-- What is theirs ------------------------------------------------------------------------------------------------------

create function zoom.children() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select family.student_id from public.parent_children family where family.parent_id = (select zoom.caller());
end
$$;
comment on function zoom.children is 'The children of the caller.';

create function zoom.classes_taught() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select class.id from public.classes class where class.teacher_id = (select zoom.caller());
end
$$;
comment on function zoom.classes_taught is 'The classes whose teacher the caller is.';

create function zoom.classes_enrolled() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.class_id from public.class_students seat where seat.student_id = (select zoom.caller());
end
$$;
comment on function zoom.classes_enrolled is 'The classes the caller is enrolled in.';

create function zoom.classes_of_family() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.class_id from public.class_students seat where seat.student_id = (select zoom.caller())
  union
  select seat.class_id from public.class_students seat where seat.student_id in (select zoom.children());
end
$$;
comment on function zoom.classes_of_family is 'The classes the caller or a child of theirs is enrolled in.';

create function zoom.meetings_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select meeting.id from public.zoom_meetings meeting where meeting.host_id = (select zoom.caller())
  union
  select meeting.id from public.zoom_meetings meeting where meeting.class_id in (select zoom.classes_taught());
end
$$;
comment on function zoom.meetings_overseen is 'The meetings the caller hosts, and those of the classes they teach.';

create function zoom.classes_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select zoom.classes_taught()
  union
  select meeting.class_id from public.zoom_meetings meeting where meeting.host_id = (select zoom.caller()) and meeting.class_id is not null;
end
$$;
comment on function zoom.classes_overseen is 'The classes the caller teaches, and those they host a meeting for: they must know whom to invite.';

create function zoom.meetings_seen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select meeting.id
  from public.zoom_meetings meeting
  where meeting.host_id = (select zoom.caller())
    or (select zoom.is_admin())
    or meeting.class_id in (select zoom.classes_taught())
    or case meeting.target_audience
      when 'all' then (select zoom.caller()) is not null
      when 'students' then (select zoom.caller_role()) = 'student'
      when 'teachers' then (select zoom.caller_role()) = 'teacher'
      when 'class' then meeting.class_id in (select zoom.classes_of_family())
      else false
    end;
end
$$;
comment on function zoom.meetings_seen is 'The meetings meant for the caller. The same rule as the policy of zoom_meetings, which cannot ask this: it has to answer for a row that is being inserted.';

create function zoom.acquaintances() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select class.teacher_id from public.classes class where class.id in (select zoom.classes_of_family())
  union
  select meeting.host_id from public.zoom_meetings meeting where meeting.id in (select zoom.meetings_seen());
end
$$;
comment on function zoom.acquaintances is 'The teachers of the caller''s classes, or of their children''s, and the hosts of the meetings they see.';

create function zoom.students_overseen() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select seat.student_id from public.class_students seat where seat.class_id in (select zoom.classes_overseen());
end
$$;
comment on function zoom.students_overseen is 'The students of the classes the caller teaches or hosts a meeting for.';

-- Checking in by QR code ----------------------------------------------------------------------------------------------

create function zoom.sessions_shown() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.id from public.qr_attendance_sessions code where code.class_id in (select zoom.classes_taught());
end
$$;
comment on function zoom.sessions_shown is 'The QR sessions of the classes the caller teaches.';

create function zoom.open_sessions() returns setof uuid
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.id
  from public.qr_attendance_sessions code
  where code.class_id in (select zoom.classes_enrolled()) and code.status = 'active'
    -- Some projects give a code an end, some do not have the column.
    and coalesce((to_jsonb(code) ->> 'expires_at')::timestamptz > now(), true);
end
$$;
comment on function zoom.open_sessions is 'The QR sessions the caller may check in to: active, not expired, of a class they are enrolled in.';

create function zoom.lessons_checked_in() returns table (class_id uuid, date date)
language plpgsql stable security definer set search_path = '' as $$
begin
  return query
  select code.class_id, code.date
  from public.qr_checkins checkin
  join public.qr_attendance_sessions code on code.id = checkin.session_id
  where checkin.student_id = (select zoom.caller());
end
$$;
comment on function zoom.lessons_checked_in is 'The lessons (class and date) that the caller has checked in to by QR code.';

-- Guards --------------------------------------------------------------------------------------------------------------
-- Triggers for what visitors and users write, never for the service role: see their `when`.

create function zoom.keep_identity() returns trigger
language plpgsql security invoker set search_path = '' as $$
declare
  fixed text;
begin
  foreach fixed in array tg_argv loop
    if to_jsonb(new) -> fixed is distinct from to_jsonb(old) -> fixed then
      raise exception 'the % of a row in % never changes', fixed, tg_table_name using
        errcode = 'insufficient_privilege', hint = 'Insert another row.';
    end if;
  end loop;
  return new;
end
$$;
comment on function zoom.keep_identity is 'Trigger: refuses (42501) an update that changes one of the columns it is given, those that say whose row it is.';

create function zoom.guard_participant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- Only Zoom knows how long somebody was there, and as whom. The app's page may send a duration: it is not believed.
  if tg_op = 'INSERT' then
    new.duration := null;
    new.zoom_participant_id := null;
  elsif old.status <> 'invited' and exists (select from zoom.rows shown where shown.row_id = old.id and shown.closed_at is null) then
    -- The row shows what Zoom saw in the latest occurrence: that outranks the page.
    new := old;
  else
    new.duration := old.duration;
    new.zoom_participant_id := old.zoom_participant_id;
  end if;
  return new;
end
$$;
comment on function zoom.guard_participant is 'Trigger: what a user writes into their own row never replaces what Zoom said. The write succeeds, so that the app''s page goes on as it did.';

create function zoom.guard_registrant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- Zoom names people by their registration, so a student who could write it could be marked present as somebody else.
  if not zoom.is_admin() and new.meeting_id not in (select zoom.meetings_overseen()) then
    new.zoom_registrant_id := case when tg_op = 'UPDATE' then old.zoom_registrant_id end;
    new.status := case when tg_op = 'UPDATE' then old.status else 'pending' end;
  end if;
  return new;
end
$$;
comment on function zoom.guard_registrant is 'Trigger: whoever registers themselves asks (status pending). Who they are for Zoom, and whether they may come, is for the meeting''s host, the class''s teacher and admins to write.';

create function zoom.guard_user() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if zoom.is_admin() then
    return new;
  end if;
  if tg_op = 'INSERT' and new.role in ('admin', 'teacher')
    or tg_op = 'UPDATE' and (old.id, old.role, old.email, old.is_active) is distinct from (new.id, new.role, new.email, new.is_active) then
    raise exception 'only an admin decides who is who' using
      errcode = 'insufficient_privilege', hint = 'The id, role, e-mail and is_active of a user are for admins to change, or for the service role.';
  end if;
  return new;
end
$$;
comment on function zoom.guard_user is 'Trigger: whatever the app lets users write about themselves, it is not their role nor the e-mail that Zoom knows them by (42501).';

revoke execute on function
  zoom.caller, zoom.caller_role, zoom.is_admin, zoom.is_staff, zoom.children, zoom.classes_taught, zoom.classes_enrolled,
  zoom.classes_of_family, zoom.meetings_overseen, zoom.classes_overseen, zoom.open_sessions, zoom.lessons_checked_in,
  zoom.meetings_seen, zoom.acquaintances, zoom.students_overseen, zoom.sessions_shown,
  zoom.keep_identity, zoom.guard_participant, zoom.guard_registrant, zoom.guard_user
from public;
grant execute on function
  zoom.caller, zoom.caller_role, zoom.is_admin, zoom.is_staff, zoom.children, zoom.classes_taught, zoom.classes_enrolled,
  zoom.classes_of_family, zoom.meetings_overseen, zoom.classes_overseen, zoom.open_sessions, zoom.lessons_checked_in,
  zoom.meetings_seen, zoom.acquaintances, zoom.students_overseen, zoom.sessions_shown
to authenticated;

-- Taking over a live project, and giving it back ----------------------------------------------------------------------

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
