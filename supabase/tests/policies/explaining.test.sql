-- Why attendance is what it is: who may ask, about whom, and who is told of the attendance itself.
begin;
\ir people.psql
select plan(50);

-- A teacher had marked her absent.
insert into attendance_records (student_id, class_id, date, status)
values (pg_temp.id('student'), pg_temp.id('7b'), '2026-03-02', 'absent');
-- 7b's lesson was held: Maria was there for a while, and so was somebody of the school who is not in the class.
select public.apply_zoom_events(jsonb_agg(jsonb_build_object('kind', kind, 'meeting', pg_temp.id('lesson'), 'instance', 'first==', 'at', '2026-03-02T08:' || at || ':00Z',
  'segment', who, 'email', replace(who, ' ', '.') || '@policies.test')))
from (values ('joined', '00', 'student'), ('left', '09', 'student'), ('joined', '00', 'other parent'), ('ended', '45', null)) as event (kind, at, who);

create function pg_temp.answered(who text, about text, field text default 'outcome', meeting text default 'lesson') returns text language sql as $$
  select pg_temp.sees(who, format('select public.explain_attendance(%L, %L, ''2026-03-02'') ->> %L', pg_temp.id(meeting), replace(about, ' ', '.') || '@policies.test', field))
$$;

select is(pg_temp.answered(who, 'student'), outcome, format('%s asks about Maria: %s', who, outcome))
from (values
  ('anon', '42501'), ('unknown', 'unknown_meeting'), ('former admin', 'unknown_meeting'), ('student', 'unknown_meeting'), ('classmate', 'unknown_meeting'),
  ('other student', 'unknown_meeting'), ('parent', 'unknown_meeting'), ('other parent', 'unknown_meeting'), ('other teacher', 'unknown_meeting'),
  ('class teacher', 'ok'), ('host', 'ok'), ('admin', 'ok'), ('service role', 'ok')
) as matrix (who, outcome);

select is(pg_temp.answered(who, 'student', meeting => 'no such meeting'), outcome, format('%s asks about a meeting that does not exist: %s', who, outcome))
from (values ('anon', '42501'), ('student', 'unknown_meeting'), ('class teacher', 'unknown_meeting'), ('admin', 'unknown_meeting'), ('service role', 'unknown_meeting')) as matrix (who, outcome);

select is(
  pg_temp.sees(who, format('select public.explain_attendance(%L, %L)', pg_temp.id('lesson'), 'student@policies.test')),
  pg_temp.sees(who, format('select public.explain_attendance(%L, %L)', pg_temp.id('no such meeting'), 'student@policies.test')),
  format('%s cannot tell a meeting from none', who))
from unnest(array['unknown', 'former admin', 'student', 'classmate', 'other student', 'parent', 'other parent', 'other teacher']) who;

-- About whom: the class, and those who were there.
select is(pg_temp.answered(who, about), outcome, format('%s asks about %s: %s', who, about, outcome))
from (values
  ('class teacher', 'classmate', 'ok'), ('class teacher', 'other parent', 'ok'), ('class teacher', 'other student', 'unknown_student'),
  ('class teacher', 'parent', 'unknown_student'), ('host', 'classmate', 'ok'), ('host', 'other student', 'unknown_student'),
  ('admin', 'other student', 'ok'), ('service role', 'other student', 'ok'), ('service role', 'nobody', 'unknown_student')
) as matrix (who, about, outcome);

-- The attendance itself is not for the host of a single meeting.
select is(pg_temp.answered(who, 'student', field), said, format('%s is told the %s: %s', who, field, said))
from (values
  ('class teacher', 'verdict', 'partial'), ('class teacher', 'record', 'partial'), ('class teacher', 'said_before', 'absent'),
  ('admin', 'record', 'partial'), ('service role', 'record', 'partial'), ('service role', 'overridden', 'false'),
  ('host', 'verdict', 'nothing'), ('host', 'record', 'nothing'), ('host', 'said_before', 'nothing'),
  ('host', 'meetings', '[]'), ('host', 'rule', 'the attendance of the class is shown to its teacher and to admins'), ('host', 'seconds', '540')
) as matrix (who, field, said);

select is(has_function_privilege(role, 'public.explain_attendance(text, text, date, jsonb)', 'execute'), may, format('%s may execute it: %s', role, may))
from (values ('anon', false), ('authenticated', true), ('service_role', true)) as grants (role, may);

select * from finish();
rollback;
