-- What `sidecar doctor` asks of the project: how its access rules stand, whether a lesson would be recorded, and what a user sees.
--
-- The Data API shows no catalog, and nothing can be tried over it and undone again; hence three functions. They are for the
-- service role alone, and change nothing.
--
-- On users, classes, class_students and parent_children the app may have rules of its own, which are not ours to judge;
-- what they open beyond the matrix of policies/README.md is told all the same.
--
-- Locks nothing: it only makes functions.

-- With the rights of its owner, for one thing: the list of applied migrations is the owner's alone.
create function public.inspect_zoom_project() returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  users constant text[] := array['anon', 'authenticated', 'service_role'];
  statuses constant text[] := array['absent', 'present', 'partial', 'late', 'excused'];
  applied jsonb;
  status_check record;
  refused text[];
  refuses jsonb := '[]';
begin
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    execute 'select coalesce(jsonb_agg(version order by version), ''[]'') from supabase_migrations.schema_migrations' into applied;
  end if;

  -- What a check refuses is asked of the check itself.
  for status_check in
    select conname as name, pg_catalog.pg_get_expr(conbin, conrelid) as expression
    from pg_catalog.pg_constraint
    join pg_catalog.pg_attribute col on col.attrelid = conrelid and conkey = array[col.attnum]
    where conrelid = to_regclass('public.attendance_records') and contype = 'c' and col.attname = 'status'
    order by conname
  loop
    execute format('select array_agg(known.status order by known.place) from unnest($1) with ordinality known (status, place) where (%s) is false', status_check.expression)
    into refused using statuses;
    if refused is not null then
      refuses := refuses || jsonb_build_object('name', status_check.name, 'statuses', refused);
    end if;
  end loop;

  return jsonb_build_object(
    'server', current_setting('server_version'),
    'role', current_setting('role'),
    'applied', applied,
    'tables', (
      select jsonb_object_agg(format('%I.%I', schema.nspname, tab.relname), jsonb_build_object(
        'guarded', case when tab.relkind <> 'v' then tab.relrowsecurity end,
        'key', (
          select jsonb_agg(col.attname order by part.place)
          from pg_catalog.pg_index key
          cross join lateral unnest(key.indkey::smallint[]) with ordinality part (attnum, place)
          join pg_catalog.pg_attribute col on col.attrelid = key.indrelid and col.attnum = part.attnum
          where key.indrelid = tab.oid and key.indisprimary),
        'granted', (
          select jsonb_object_agg(role.name, array(
            select verb from unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) verb
            where has_table_privilege(role.name, tab.oid, verb)
              or verb in ('select', 'insert', 'update', 'references') and has_any_column_privilege(role.name, tab.oid, verb)))
          from unnest(users) role (name))))
      from pg_catalog.pg_class tab
      join pg_catalog.pg_namespace schema on schema.oid = tab.relnamespace
      where schema.nspname in ('public', 'zoom') and tab.relkind in ('r', 'p', 'v')),
    'schemas', (
      select jsonb_object_agg(schema.nspname, array(select name from unnest(users) name where has_schema_privilege(name, schema.oid, 'usage')))
      from pg_catalog.pg_namespace schema where schema.nspname in ('public', 'zoom')),
    'functions', (
      -- What makes a function what it is, in one word; PostgreSQL has written an empty path in two ways.
      select jsonb_object_agg(does.oid::regprocedure::text, jsonb_build_object(
        'made', md5(concat_ws(chr(10), replace(does.prosrc, chr(13), ''), lang.lanname, does.provolatile, does.prosecdef,
          replace(array_to_string(does.proconfig, ','), '""', ''))),
        'may', array(select name from unnest(users) name where has_function_privilege(name, does.oid, 'execute'))))
      from pg_catalog.pg_proc does
      join pg_catalog.pg_language lang on lang.oid = does.prolang
      where does.pronamespace in ('public'::regnamespace, 'zoom'::regnamespace)
        and not exists (
          select from pg_catalog.pg_depend part
          where part.classid = 'pg_catalog.pg_proc'::regclass and part.objid = does.oid and part.deptype = 'e')),
    'policies', (
      select coalesce(jsonb_agg(jsonb_build_object('table', format('%I.%I', said.schemaname, said.tablename), 'name', said.policyname,
        'verb', lower(said.cmd), 'permissive', said.permissive = 'PERMISSIVE', 'roles', said.roles, 'using', said.qual, 'check', said.with_check)
        order by said.schemaname, said.tablename, said.policyname), '[]')
      from pg_catalog.pg_policies said where said.schemaname in ('public', 'zoom')),
    'guards', (
      select coalesce(jsonb_agg(jsonb_build_object('table', format('%I.%I', schema.nspname, tab.relname), 'name', guard.tgname,
        'on', guard.tgenabled in ('O', 'A'), 'made', pg_get_triggerdef(guard.oid)) order by schema.nspname, tab.relname, guard.tgname), '[]')
      from pg_catalog.pg_trigger guard
      join pg_catalog.pg_class tab on tab.oid = guard.tgrelid
      join pg_catalog.pg_namespace schema on schema.oid = tab.relnamespace
      join pg_catalog.pg_proc does on does.oid = guard.tgfoid
      where does.pronamespace = 'zoom'::regnamespace and not guard.tgisinternal),
    'published', (
      select coalesce(jsonb_agg(format('%I.%I', listed.schemaname, listed.tablename) order by listed.schemaname, listed.tablename), '[]')
      from pg_catalog.pg_publication channel
      join pg_catalog.pg_publication_tables listed on listed.pubname = channel.pubname
      where channel.pubname = 'supabase_realtime' and channel.pubinsert and channel.pubupdate and channel.pubdelete),
    'identities', (
      select coalesce(jsonb_object_agg(format('%I.%I', listed.schemaname, listed.tablename),
        case tab.relreplident when 'f' then 'full' when 'n' then 'nothing' else 'index' end), '{}')
      from pg_catalog.pg_publication_tables listed
      join pg_catalog.pg_class tab on tab.relname = listed.tablename
      join pg_catalog.pg_namespace schema on schema.oid = tab.relnamespace and schema.nspname = listed.schemaname
      where listed.pubname = 'supabase_realtime' and tab.relreplident <> 'd'),
    -- The app reads them by its own rules; and those rules stand beside a reader of ours or not, its grants do.
    'theirs', (
      select coalesce(jsonb_agg(tab.relation::text order by tab.name), '[]')
      from zoom.our_tables tab
      join pg_catalog.pg_class on pg_class.oid = tab.relation
      where not tab.is_closed and zoom.has_readers(tab.relation)
        and (pg_class.relrowsecurity
          or not exists (select from zoom.our_policies ours where ours.relation = tab.relation))),
    'granted', (
      select coalesce(jsonb_agg(tab.relation::text order by tab.name), '[]')
      from zoom.our_tables tab
      where not tab.is_closed and exists (
        select from zoom.undo noted
        where noted.relation = tab.relation::text and noted.statement ~ '^revoke all on .*; grant ')),
    'circles', (
      select coalesce(jsonb_agg(tab.relation::text order by tab.name), '[]')
      from zoom.our_tables tab where zoom.is_in_a_circle(tab.relation)),
    'refuses', refuses,
    'risks', (
      select coalesce(jsonb_agg(jsonb_build_object(
        'of', risk.relation, 'what', regexp_replace(risk.what, '^look: ', ''), 'remedy', risk.remedy)
        order by risk.relation, risk.what), '[]')
      from zoom.risks() risk));
end
$$;
comment on function public.inspect_zoom_project is 'How the project stands, for sidecar doctor to compare with how it should: server, the role that asks, applied migrations (null where none are noted), and of the schemas public and zoom the tables (row level security, primary key, grants), functions (a hash of each, who may execute it), policies, guards and what Realtime is told of; of the app''s own: replica identities of published tables that are not the default, theirs (the tables of people that its rules let users read), granted (those whose grants are as they were), circles (tables that its policies come back to), refuses (checks of attendance.status that refuse one of absent, present, partial, late and excused, with which) and risks (see zoom.risks). No rows.';
revoke execute on function public.inspect_zoom_project from public, anon, authenticated;
grant execute on function public.inspect_zoom_project to service_role;


-- With the rights of whoever calls it, since it becomes the user as PostgREST would: by the role, and the claims of a token.
create function zoom.try_own_rows(person uuid, meeting uuid default null) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  me public.users;
  claims text;
  lesson uuid := try_own_rows.meeting;
  written_column text;
  policy record;
  is_let boolean := false;
  tried record;
  statement text;
  written bigint;
  fault jsonb;
  answer jsonb := '[]';
begin
  select own.* into me from public.users own where own.id = person;
  claims := jsonb_build_object('sub', me.id, 'role', 'authenticated', 'aud', 'authenticated', 'email', me.email);

  -- A column of users that the project grants them, and a policy for writing it: is one for their own row?
  select col.attname into written_column
  from pg_catalog.pg_attribute col
  where col.attrelid = 'public.users'::regclass and col.attnum > 0 and not col.attisdropped and col.attgenerated = ''
    and col.attidentity <> 'a' and has_column_privilege('authenticated', col.attrelid, col.attnum, 'update')
    and has_column_privilege('authenticated', col.attrelid, 'id', 'select')
    and (exists (
        select from pg_catalog.pg_policy own
        where own.polrelid = col.attrelid and own.polpermissive and own.polcmd in ('w', '*') and exists (
          select from unnest(own.polroles) role where role = 0 or pg_has_role('authenticated', role, 'usage')))
      or not (select tab.relrowsecurity from pg_catalog.pg_class tab where tab.oid = col.attrelid))
  order by col.attname in ('id', 'role', 'is_active', 'email'), col.attnum
  limit 1;
  for policy in
    select pg_catalog.pg_get_expr(own.polqual, own.polrelid) as qual
    from pg_catalog.pg_policy own
    where written_column is not null and own.polrelid = 'public.users'::regclass and own.polpermissive
      and own.polcmd in ('w', '*')
      and exists (select from unnest(own.polroles) role where role = 0 or pg_has_role('authenticated', role, 'usage'))
  loop
    exit when is_let;
    begin
      perform set_config('request.jwt.claims', claims, true);
      execute format('select exists (select from public.users where users.id = %L and (%s))', me.id, policy.qual)
      into is_let;
      raise exception using errcode = 'UNDO1';
    exception
      when sqlstate 'UNDO1' then null;
      when others then null; -- it asks what only they may: then it counts what becomes of the attempt
    end;
  end loop;

  if lesson is null then -- one that they see
    begin
      perform set_config('request.jwt.claims', claims, true);
      perform set_config('role', 'authenticated', true);
      select own.id into lesson from public.zoom_meetings own order by own.start_time desc limit 1;
      raise exception using errcode = 'UNDO1';
    exception when others then null; -- an error of that table is not this one's to tell
    end;
  end if;

  for tried in
    select attempt.tab, attempt.statements, attempt.has_to
    from (values
      ('public.users', array[
        format('update public.users set %I = %L where id = %L',
          coalesce(written_column, 'id'), to_jsonb(me) ->> written_column, me.id)],
        is_let, written_column is not null),
      ('public.zoom_participants', array[
        -- As the app does it, by PostgREST: every column that is sent is set.
        format('insert into public.zoom_participants (meeting_id, user_id, status) values (%L, %L, ''invited'') '
          'on conflict (meeting_id, user_id) do update '
          'set meeting_id = excluded.meeting_id, user_id = excluded.user_id, status = excluded.status', lesson, me.id),
        format('update public.zoom_participants set status = ''joined'' where meeting_id = %L and user_id = %L',
          lesson, me.id)],
        true, lesson is not null)
    ) attempt (tab, statements, has_to, is_tried)
    where attempt.is_tried
  loop
    fault := null;
    begin
      perform set_config('request.jwt.claims', claims, true);
      perform set_config('role', 'authenticated', true);
      foreach statement in array tried.statements loop
        execute statement;
        get diagnostics written = row_count;
        if written <> 1 and tried.has_to then
          fault := jsonb_build_object('says', format('%s rows were written, and not 1', written));
        end if;
      end loop;
      raise exception using errcode = 'UNDO1';
    exception
      when sqlstate 'UNDO1' then null;
      when others then
        if sqlstate <> '42501' or tried.has_to then
          fault := jsonb_build_object('code', sqlstate, 'says', sqlerrm);
        end if;
    end;
    answer := answer || (jsonb_build_object('who', me.role, 'table', tried.tab) || coalesce(fault, '{}'));
  end loop;
  return answer;
end
$$;
comment on function zoom.try_own_rows is
  'Whether somebody can write their own rows in their session, as an array with an object for each table that was '
  'tried: who (their role), table and, if they could not, says and code (the SQLSTATE; none where no row was '
  'written). Their row of users is tried where the project grants a column of it and a policy lets somebody write '
  'there, by a change to what it is; their entry in a meeting (one they see, if none is named) as the page writes '
  'it. All of it is undone.';
revoke execute on function zoom.try_own_rows from public;
grant execute on function zoom.try_own_rows to service_role;


create function public.rehearse_zoom_lesson(policy jsonb default '{}') returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  -- Nobody has these: random, and beneath a domain that can never be anybody's.
  teacher constant uuid := gen_random_uuid();
  student constant uuid := gen_random_uuid();
  class constant uuid := gen_random_uuid();
  lesson constant uuid := gen_random_uuid();
  number constant text := '0' || translate(left(lesson::text, 18), '-abcdef', '0123456');
  -- A minute longer than is enough.
  stay constant interval := make_interval(mins => 1 + ceil(coalesce((policy ->> 'min_minutes')::numeric, 15))::integer);
  started constant timestamptz := date_trunc('second', now()) - stay - interval '10 minutes';
  stage text := 'school';
  own jsonb := '[]';
  answer jsonb;
begin
  begin
    insert into public.users (id, email, name, role)
    values (teacher, teacher || '@rehearsal.invalid', 'Rehearsal', 'teacher'), (student, student || '@rehearsal.invalid', 'Rehearsal', 'student');
    insert into public.classes (id, name, grade, section, subject, teacher_id) values (class, 'Rehearsal', '', '', '', teacher);
    insert into public.class_students (class_id, student_id) values (class, student);
    insert into public.zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, meeting_type, start_time, join_url)
    values (lesson, number, 'Rehearsal', teacher, class, 'scheduled', started, 'https://rehearsal.invalid/');

    stage := 'own rows';
    own := zoom.try_own_rows(student, lesson) || zoom.try_own_rows(teacher, lesson);

    stage := 'events';
    answer := jsonb_build_object('outcomes', public.apply_zoom_events(
      (select jsonb_agg(jsonb_build_object('kind', event.kind, 'meeting', number, 'instance', lesson, 'at', event.at, 'start', started)
          || case when event.kind in ('joined', 'left') then jsonb_build_object('segment', '1', 'connection', student, 'email', upper(student || '@rehearsal.invalid')) else '{}' end)
        from (values ('left', started + stay), ('joined', started), ('ended', started + stay), ('started', started), ('joined', started)) event (kind, at)),
      policy));

    stage := 'rows';
    answer := answer || jsonb_build_object(
      'meeting', (select own.status from public.zoom_meetings own where own.id = lesson),
      'participant', (select own.status from public.zoom_participants own where own.meeting_id = lesson and own.user_id = student),
      'seconds_short', extract(epoch from stay)::integer
        - (select own.duration from public.zoom_participants own where own.meeting_id = lesson and own.user_id = student),
      'attendance', (select own.status from public.attendance_records own where own.student_id = student and own.class_id = class),
      'refused', (
        select jsonb_build_object('table', own.relation, 'code', own.code, 'reason', own.reason) from zoom.refused own
        where own.meeting_id = lesson or own.class_id = class order by own.relation limit 1));
    raise exception using errcode = 'UNDO1';
  exception
    when sqlstate 'UNDO1' then
      return answer || jsonb_build_object('stage', 'undone', 'own', own);
    when others then
      answer := jsonb_build_object('stage', stage, 'code', sqlstate, 'says', sqlerrm);
  end;
  if stage = 'school' then -- then people of the school
    select coalesce(jsonb_agg(tried.attempt), '[]') into own
    from (
      select distinct on (person.role) person.id
      from public.users person
      where person.is_active is not false
      order by person.role, person.created_at
    ) one
    cross join lateral jsonb_array_elements(zoom.try_own_rows(one.id)) tried (attempt);
  end if;
  return answer || jsonb_build_object('own', own);
end
$$;
comment on function public.rehearse_zoom_lesson is 'Makes a class, a student and a meeting that nobody knows, applies the events of a lesson to them by the policy, tells what the rows said, and undoes all of it before it returns: nothing is left, and Realtime hears nothing. stage is undone when it went to its end; else school, own rows, events or rows, with the SQLSTATE and message of what stood in the way. refused: a row that a check or a trigger of the school refused (table, code, reason), or null. own: what came of people writing their own rows (see zoom.try_own_rows); of the school''s people, if none could be made.';
revoke execute on function public.rehearse_zoom_lesson from public, anon, authenticated;
grant execute on function public.rehearse_zoom_lesson to service_role;


-- The rule of a table is asked outside of a policy here.
grant select on zoom.our_policies, zoom.user_policies to service_role;

create function zoom.who_sees(relation regclass) returns text
language plpgsql stable set search_path = '' as $$
begin
  return coalesce(
    (select known.qual from zoom.matrix known where known.relation = who_sees.relation::text),
    (select pg_catalog.pg_get_expr(policy.polqual, policy.polrelid)
     from pg_catalog.pg_policy policy
     join zoom.our_policies ours on ours.oid = policy.oid
     where policy.polrelid = who_sees.relation and policy.polcmd = 'r'));
end
$$;
comment on function zoom.who_sees is
  'Who sees which rows of a table, by the matrix of policies/README.md, as an expression: that of our policy for '
  'reading it; of the tables of people as zoom.matrix has it. Null where there is none.';
revoke execute on function zoom.who_sees from public;
grant execute on function zoom.who_sees to service_role;

-- With the rights of whoever calls it, since it becomes the user as PostgREST would: by the role, and the claims of a token.
create function public.look_as_zoom_user(email text) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  ourselves constant text := current_setting('role');
  our_claims constant text := coalesce(current_setting('request.jwt.claims', true), '');
  person public.users;
  tab text;
  rule text;
  policy record;
  every bigint;
  seen bigint;
  ids uuid[];
  beyond uuid[];
  lets_them boolean;
  ways text[];
  fault jsonb;
  tables jsonb := '[]';
  titles jsonb;
begin
  select own.* into person
  from public.users own
  where own.id = zoom.user_of_email(look_as_zoom_user.email, now());
  if person.id is null then
    return jsonb_build_object('outcome', 'unknown_user');
  end if;

  foreach tab in array array['users', 'classes', 'class_students', 'parent_children', 'zoom_meetings', 'zoom_participants',
    'meeting_registrants', 'attendance_records', 'qr_attendance_sessions', 'qr_checkins']
  loop
    execute format('select count(*) from public.%I', tab) into every;
    rule := zoom.who_sees(format('public.%I', tab)::regclass);
    ids := null;
    beyond := null;
    ways := '{}';
    fault := null;
    perform set_config('request.jwt.claims', jsonb_build_object(
      'sub', person.id, 'role', 'authenticated', 'aud', 'authenticated', 'email', person.email)::text, true);
    perform set_config('role', 'authenticated', true);
    begin
      execute format('select count(*) from public.%I', tab) into seen;
      if tab = 'zoom_meetings' then
        select coalesce(jsonb_agg(latest.title order by latest.start_time desc, latest.id), '[]') into titles
        from (select own.id, own.title, own.start_time from public.zoom_meetings own order by own.start_time desc, own.id limit 10) latest;
      end if;
      execute format('select array_agg(id) from public.%I', tab) into ids;
    exception
      when insufficient_privilege then
        seen := null;
      when others then
        seen := null;
        fault := jsonb_build_object('code', sqlstate, 'says', sqlerrm);
    end;

    -- What of it the rule does not give them: asked by us, with their claims.
    perform set_config('role', ourselves, true);
    if rule is not null and ids is not null then
      execute format(
        'select coalesce(array_agg(id), ''{}'') from public.%I where id = any ($1) and (%s) is not true', tab, rule)
      into beyond using ids;
    elsif rule is not null and seen = 0 then
      beyond := '{}';
    end if;
    if beyond <> '{}' then -- and which policies do: asked by them
      for policy in
        select theirs.name, theirs.qual
        from zoom.user_policies theirs
        join pg_catalog.pg_policy known on known.oid = theirs.oid
        join pg_catalog.pg_class on pg_class.oid = theirs.relation and pg_class.relrowsecurity
        where theirs.relation = format('public.%I', tab)::regclass and theirs.permissive and theirs.verb in ('r', '*')
          and exists (
            select from unnest(known.polroles) role where role = 0 or pg_has_role('authenticated', role, 'usage'))
        order by theirs.name
      loop
        perform set_config('role', 'authenticated', true);
        begin
          execute format('select exists (select from public.%I where id = any ($1) and (%s))', tab, policy.qual)
          into lets_them using beyond;
        exception when others then
          lets_them := true; -- it names what only a policy may
        end;
        perform set_config('role', ourselves, true);
        if lets_them then
          ways := ways || policy.name::text;
        end if;
      end loop;
    end if;
    perform set_config('request.jwt.claims', our_claims, true);
    tables := tables || (jsonb_build_object(
      'table', tab, 'seen', seen, 'of', every, 'beyond', cardinality(beyond), 'ways', ways) || coalesce(fault, '{}'));
  end loop;

  return jsonb_build_object('outcome', 'ok', 'role', person.role, 'is_active', person.is_active is not false, 'tables', tables, 'meetings', coalesce(titles, '[]'));
end
$$;
comment on function public.look_as_zoom_user is 'What the user with this e-mail (in any case) would see in the app: of each table how many rows there are, how many of them they see, by the policies themselves, null where they may not look at all (with code and says where looking fails), how many of those the matrix of policies/README.md does not give them (beyond; null where that cannot be told) and the app''s policies that do (ways; none where row level security is off); and the titles of the ten latest meetings they see. outcome: ok or unknown_user. A policy of the app that asks for more of the token than who the user is finds it missing.';
revoke execute on function public.look_as_zoom_user from public, anon, authenticated;
grant execute on function public.look_as_zoom_user to service_role;

notify pgrst, 'reload schema';
