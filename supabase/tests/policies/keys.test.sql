-- The keys that decide who sees participants and attendance are what the questions of who is who answer, asked together.
begin;
\ir people.psql
select plan(20);

grant usage on schema zoom to authenticated;

-- As sets: what a key is good for does not depend on where it stands.
create function pg_temp.as_set(keys uuid[]) returns uuid[] language sql as $$
  select array(select distinct key from unnest(keys) key where key is not null order by key)
$$;
create function pg_temp.says(who text, question text) returns uuid[] language plpgsql as $$
declare
  said uuid[];
begin
  perform pg_temp.become(who);
  execute 'select ' || question into said;
  perform set_config('role', 'none', true);
  return pg_temp.as_set(said);
end $$;

select is(
  pg_temp.says(who, 'zoom.keys_to_participants()'),
  pg_temp.says(who, $$ zoom.meetings_overseen() || zoom.caller()
    || case when zoom.is_admin() then '00000000-0000-0000-0000-000000000000'::uuid end $$),
  format('%s holds the keys to the participants of the meetings they oversee, and to their own', who))
from unnest(array['unknown', 'former admin', 'student', 'classmate', 'other student', 'parent', 'class teacher',
  'other teacher', 'host', 'admin']) as who;

select is(
  pg_temp.says(who, 'zoom.keys_to_attendance()'),
  pg_temp.says(who, $$ zoom.classes_taught() || zoom.children() || zoom.caller()
    || case when zoom.is_admin() then '00000000-0000-0000-0000-000000000000'::uuid end $$),
  format('%s holds the keys to the attendance of the classes they teach, of their children, and to their own', who))
from unnest(array['unknown', 'former admin', 'student', 'classmate', 'other student', 'parent', 'class teacher',
  'other teacher', 'host', 'admin']) as who;

select * from finish();
rollback;
