-- A token that names nobody is nobody's: whatever its claims are, no question that a policy asks raises, and nothing is
-- seen or written. Realtime loses a whole batch, for everybody, when the check of one subscriber raises.
begin;
\ir people.psql

-- The functions are called by name here, which nobody else may.
grant usage on schema zoom to authenticated;

create temp table token (name text primary key, claims text);
grant select on token to authenticated;
insert into token values
  ('a token without sub', '{"role": "authenticated", "email": "student@policies.test"}'),
  ('an empty sub', '{"role": "authenticated", "sub": ""}'),
  ('a blank sub', '{"role": "authenticated", "sub": " "}'),
  ('a sub that is no uuid', '{"role": "authenticated", "sub": "student"}'),
  ('a sub that is almost a uuid', '{"role": "authenticated", "sub": "cd73502828457d15655bbd7a63fb0bc"}'),
  ('a number for a sub', '{"role": "authenticated", "sub": 42}'),
  ('an object for a sub', '{"role": "authenticated", "sub": {"id": 1}}'),
  ('a sub that is null', '{"role": "authenticated", "sub": null}'),
  ('claims that are empty', ''),
  ('claims that are missing', null),
  ('claims that say nothing', '{}'),
  ('claims that are null', 'null'),
  ('claims that are a list', '[]'),
  ('claims that are no JSON', 'nonsense');

insert into token
select 'the sub of a student ' || spelling, json_build_object('role', 'authenticated', 'sub', sub)
from (values ('without dashes', md5('student')), ('in braces', '{' || pg_temp.id('student') || '}')) as odd (spelling, sub);

-- What a policy may ask, with null for whatever it is asked about.
create temp table question as
select procedure.oid::regprocedure::text as name,
  -- An answer is more than null, false, nothing or an empty set.
  format('select from %s(%s) answer where to_jsonb(answer) not in (%L, %L, %L, %L, %L)', procedure.oid::regproc,
    (select string_agg(format('null::%s', kind::regtype), ', ' order by place)
     from unnest(procedure.proargtypes) with ordinality as argument (kind, place)),
    'null', 'false', '0', '""', '[]') as asked
from pg_proc procedure
where procedure.pronamespace = 'zoom'::regnamespace and procedure.prokind = 'f'
  and procedure.prorettype <> 'trigger'::regtype
  and has_function_privilege('authenticated', procedure.oid, 'execute');

create function pg_temp.student() returns text language sql as $$
  select json_build_object('sub', pg_temp.id('student'))::text
$$;

create temp view school_table as
select unnest(array['users', 'classes', 'class_students', 'parent_children', 'attendance_records',
  'qr_attendance_sessions', 'qr_checkins', 'zoom_meetings', 'zoom_participants', 'meeting_registrants']) as name;

-- Comes to the transaction with these claims, as Realtime and PostgREST do.
create function pg_temp.come(claims text) returns void language plpgsql as $$
begin
  if claims is null then
    reset request.jwt.claims;
  else
    perform set_config('request.jwt.claims', claims, true);
  end if;
  perform set_config('role', 'authenticated', true);
end $$;

-- What a statement comes to beyond nothing: how many rows, or the error it raises. It is undone.
create function pg_temp.comes_to(claims text, statement text) returns text language plpgsql as $$
declare
  outcome text;
  affected bigint;
begin
  begin
    perform pg_temp.come(claims);
    execute statement;
    get diagnostics affected = row_count;
    raise exception using errcode = 'UNDO1';
  exception
    when sqlstate 'UNDO1' then outcome := nullif(affected, 0)::text;
    when others then outcome := sqlstate || ' ' || sqlerrm;
  end;
  perform set_config('role', 'none', true);
  return outcome;
end $$;

select plan((5 + 3 * count(*))::integer) from token;

select isnt_empty('select from question', 'there are questions to ask');
select is((select count(*) from school_table), 10::bigint, 'and tables to ask them of');

-- The test would notice an answer, a row and an error.
select isnt_empty(
  $$ select from question where pg_temp.comes_to(pg_temp.student(), asked) is not null $$,
  'a student is told something');
select isnt_empty(
  $$ select from school_table where pg_temp.comes_to(pg_temp.student(), 'select from public.' || name) is not null $$,
  'and sees something');
select is(pg_temp.comes_to('{}', 'select 1 / 0'), '22012 division by zero', 'and an error is told');

select is_empty(
  format($$ select name, outcome from question, lateral pg_temp.comes_to(%L, asked) as outcome
    where outcome is not null $$, claims),
  format('with %s no question raises, and none is answered', name))
from token order by name;

select is_empty(
  format($$ select name, outcome from school_table,
      lateral pg_temp.comes_to(%L, 'select from public.' || name) as outcome
    where outcome is not null $$, claims),
  format('with %s no table raises, and none shows a row', name))
from token order by name;

-- A row that is not seen is not written; where a verb is granted to nobody, that is said.
select is_empty(
  format($$ select outcome from school_table,
      (values ('update public.%%I set id = id'), ('delete from public.%%I')) as writes (statement),
      lateral pg_temp.comes_to(%L, format(statement, name)) as outcome
    where outcome is not null and outcome not like '42501 permission denied%%' $$, claims),
  format('with %s no write raises, and none writes', name))
from token order by name;

select * from finish();
rollback;
