-- What `sidecar doctor` asks of the project: how its access rules stand, whether a lesson would be recorded, and what a user sees.
--
-- The Data API shows no catalog, and nothing can be tried over it and undone again; hence three functions. They are for the
-- service role alone, and change nothing.
--
-- Locks nothing: it only makes functions.

-- With the rights of its owner, for one thing: the list of applied migrations is the owner's alone.
create function public.inspect_zoom_project() returns jsonb
language plpgsql stable security definer set search_path = '' as $$
declare
  users constant text[] := array['anon', 'authenticated', 'service_role'];
  applied jsonb;
begin
  if to_regclass('supabase_migrations.schema_migrations') is not null then
    execute 'select coalesce(jsonb_agg(version order by version), ''[]'') from supabase_migrations.schema_migrations' into applied;
  end if;

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
      where channel.pubname = 'supabase_realtime' and channel.pubinsert and channel.pubupdate and channel.pubdelete));
end
$$;
comment on function public.inspect_zoom_project is 'How the project stands, for sidecar doctor to compare with how it should: server, the role that asks, applied migrations (null where none are noted), and of the schemas public and zoom the tables (row level security, primary key, grants), functions (a hash of each, who may execute it), policies, guards and what Realtime is told of. No rows.';
revoke execute on function public.inspect_zoom_project from public, anon, authenticated;
grant execute on function public.inspect_zoom_project to service_role;


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
  answer jsonb;
begin
  begin
    insert into public.users (id, email, name, role)
    values (teacher, teacher || '@rehearsal.invalid', 'Rehearsal', 'teacher'), (student, student || '@rehearsal.invalid', 'Rehearsal', 'student');
    insert into public.classes (id, name, grade, section, subject, teacher_id) values (class, 'Rehearsal', '', '', '', teacher);
    insert into public.class_students (class_id, student_id) values (class, student);
    insert into public.zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, meeting_type, start_time, join_url)
    values (lesson, number, 'Rehearsal', teacher, class, 'scheduled', started, 'https://rehearsal.invalid/');

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
      'attendance', (select own.status from public.attendance_records own where own.student_id = student and own.class_id = class));
    raise exception using errcode = 'UNDO1';
  exception
    when sqlstate 'UNDO1' then
      return answer || jsonb_build_object('stage', 'undone');
    when others then
      return jsonb_build_object('stage', stage, 'code', sqlstate, 'says', sqlerrm);
  end;
end
$$;
comment on function public.rehearse_zoom_lesson is 'Makes a class, a student and a meeting that nobody knows, applies the events of a lesson to them by the policy, tells what the rows said, and undoes all of it before it returns: nothing is left, and Realtime hears nothing. stage is undone when it went to its end; else school, events or rows, with the SQLSTATE and message of what stood in the way.';
revoke execute on function public.rehearse_zoom_lesson from public, anon, authenticated;
grant execute on function public.rehearse_zoom_lesson to service_role;


-- With the rights of whoever calls it, since it becomes the user as PostgREST would: by the role, and the claims of a token.
create function public.look_as_zoom_user(email text) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  ourselves constant text := current_setting('role');
  our_claims constant text := coalesce(current_setting('request.jwt.claims', true), '');
  person public.users;
  tab text;
  every bigint;
  seen bigint;
  tables jsonb := '[]';
  titles jsonb;
begin
  select own.* into person
  from public.users own
  where own.id = zoom.user_of_email(look_as_zoom_user.email);
  if person.id is null then
    return jsonb_build_object('outcome', 'unknown_user');
  end if;

  foreach tab in array array['users', 'classes', 'class_students', 'parent_children', 'zoom_meetings', 'zoom_participants',
    'meeting_registrants', 'attendance_records', 'qr_attendance_sessions', 'qr_checkins']
  loop
    execute format('select count(*) from public.%I', tab) into every;
    perform set_config('request.jwt.claims', jsonb_build_object(
      'sub', person.id, 'role', 'authenticated', 'aud', 'authenticated', 'email', person.email)::text, true);
    perform set_config('role', 'authenticated', true);
    begin
      execute format('select count(*) from public.%I', tab) into seen;
      if tab = 'zoom_meetings' then
        select coalesce(jsonb_agg(latest.title order by latest.start_time desc, latest.id), '[]') into titles
        from (select own.id, own.title, own.start_time from public.zoom_meetings own order by own.start_time desc, own.id limit 10) latest;
      end if;
    exception when insufficient_privilege then
      seen := null;
    end;
    perform set_config('role', ourselves, true);
    perform set_config('request.jwt.claims', our_claims, true);
    tables := tables || jsonb_build_object('table', tab, 'seen', seen, 'of', every);
  end loop;

  return jsonb_build_object('outcome', 'ok', 'role', person.role, 'is_active', person.is_active is not false, 'tables', tables, 'meetings', coalesce(titles, '[]'));
end
$$;
comment on function public.look_as_zoom_user is 'What the user with this e-mail (in any case) would see in the app: of each table how many rows there are and how many of them they see, by the policies themselves, null where they may not look at all; and the titles of the ten latest meetings they see. outcome: ok or unknown_user. A policy of the app that asks for more of the token than who the user is finds it missing.';
revoke execute on function public.look_as_zoom_user from public, anon, authenticated;
grant execute on function public.look_as_zoom_user to service_role;

notify pgrst, 'reload schema';
