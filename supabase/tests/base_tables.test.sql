-- The tables that the app brings are here exactly as the app has them in the end: what runs on an empty project is what
-- runs beside the app. Each list is what the app's own migrations end in, in our words: column, type, null, default.
begin;
select plan(15);

create function pg_temp.columns_of(tab text) returns text language sql as $$
  select string_agg(concat_ws(' ', col.attname, format_type(col.atttypid, col.atttypmod),
    case when col.attnotnull then 'not null' end, 'default ' || pg_get_expr(preset.adbin, preset.adrelid)), ', ' order by col.attname)
  from pg_attribute col
  left join pg_attrdef preset on preset.adrelid = col.attrelid and preset.adnum = col.attnum
  where col.attrelid = ('public.' || tab)::regclass and col.attnum > 0 and not col.attisdropped
$$;

-- A list is written one column a line, in any order.
create function pg_temp.as_listed(list text) returns text language sql as $$
  select string_agg(line, ', ' order by split_part(line, ' ', 1))
  from (select btrim(regexp_replace(part, '\s+', ' ', 'g')) from regexp_split_to_table(list, ',\n') part) listed (line)
$$;

select is(pg_temp.columns_of(tab), pg_temp.as_listed(listed), tab || ' has the app''s columns')
from (values
('users', $$ id uuid not null default gen_random_uuid(),
  email text not null,
  name text not null,
  role text not null,
  avatar text,
  phone text,
  address text,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  is_active boolean default true,
  must_change_password boolean default true $$),
('classes', $$ id uuid not null default gen_random_uuid(),
  name text not null,
  grade text not null,
  section text not null,
  subject text not null,
  teacher_id uuid,
  schedule text,
  room text,
  created_at timestamp with time zone default now() $$),
('class_students', $$ id uuid not null default gen_random_uuid(),
  class_id uuid,
  student_id uuid,
  enrolled_at timestamp with time zone default now() $$),
('parent_children', $$ id uuid not null default gen_random_uuid(),
  parent_id uuid,
  student_id uuid,
  relationship text default 'guardian'::text,
  created_at timestamp with time zone default now() $$),
('attendance_records', $$ id uuid not null default gen_random_uuid(),
  student_id uuid,
  class_id uuid,
  date date not null,
  status text not null,
  created_at timestamp with time zone default now() $$),
('qr_attendance_sessions', $$ id uuid not null default gen_random_uuid(),
  class_id uuid,
  teacher_id uuid,
  date date not null,
  start_time time without time zone not null,
  end_time time without time zone,
  qr_code text not null,
  status text not null default 'active'::text,
  require_location boolean default true,
  created_at timestamp with time zone default now() $$),
('qr_checkins', $$ id uuid not null default gen_random_uuid(),
  session_id uuid,
  student_id uuid,
  checked_in_at timestamp with time zone default now(),
  location_verified boolean default false,
  ip_address text,
  ip_hash character varying(64) $$),
('zoom_meetings', $$ id uuid not null default gen_random_uuid(),
  zoom_meeting_id text not null,
  host_id uuid,
  title text not null,
  description text,
  meeting_type text default 'scheduled'::text,
  start_time timestamp with time zone not null,
  duration integer not null default 60,
  timezone text default 'UTC'::text,
  join_url text not null,
  start_url text,
  password text,
  status text default 'scheduled'::text,
  class_id uuid,
  target_audience text default 'class'::text,
  settings jsonb default '{}'::jsonb,
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now(),
  registration_url text,
  registration_enabled boolean default false $$),
('zoom_participants', $$ id uuid not null default gen_random_uuid(),
  meeting_id uuid,
  user_id uuid,
  zoom_participant_id text,
  name text,
  email text,
  join_time timestamp with time zone,
  leave_time timestamp with time zone,
  duration integer,
  status text default 'invited'::text,
  created_at timestamp with time zone default now() $$),
('meeting_registrants', $$ id uuid not null default gen_random_uuid(),
  meeting_id uuid not null,
  user_id uuid not null,
  zoom_registrant_id text,
  join_url text,
  status text default 'pending'::text,
  registered_at timestamp with time zone default now(),
  created_at timestamp with time zone default now(),
  updated_at timestamp with time zone default now() $$)
) as app (tab, listed);

create temp view tables as
select relname::text as tab, oid from pg_class
where relnamespace = 'public'::regnamespace and relname in ('users', 'classes', 'class_students', 'parent_children', 'attendance_records',
  'qr_attendance_sessions', 'qr_checkins', 'zoom_meetings', 'zoom_participants', 'meeting_registrants');

-- A key is a list of columns, whatever the index is called and whether it is a constraint.
select set_eq($$
  select tab, string_agg(col.attname, ', ' order by col.attname)
  from tables join pg_index key on key.indrelid = tables.oid and key.indisunique and not key.indisprimary
  cross join unnest(key.indkey::smallint[]) part
  join pg_attribute col on col.attrelid = key.indrelid and col.attnum = part
  group by tab, key.indexrelid
$$, $$ values
  ('users', 'email'), ('class_students', 'class_id, student_id'), ('parent_children', 'parent_id, student_id'),
  ('attendance_records', 'class_id, date, student_id'), ('qr_attendance_sessions', 'qr_code'),
  ('qr_checkins', 'session_id, student_id'), ('zoom_meetings', 'zoom_meeting_id'),
  ('zoom_participants', 'meeting_id, user_id'), ('meeting_registrants', 'meeting_id, user_id')
$$, 'the unique keys are the app''s');

select set_eq($$
  select tab, col.attname::text, said.confrelid::regclass::text, case said.confdeltype when 'c' then 'cascade' when 'n' then 'set null' end
  from tables join pg_constraint said on said.conrelid = tables.oid and said.contype = 'f'
  join pg_attribute col on col.attrelid = said.conrelid and col.attnum = said.conkey[1]
$$, $$ values
  ('classes', 'teacher_id', 'users', 'set null'),
  ('class_students', 'class_id', 'classes', 'cascade'), ('class_students', 'student_id', 'users', 'cascade'),
  ('parent_children', 'parent_id', 'users', 'cascade'), ('parent_children', 'student_id', 'users', 'cascade'),
  ('attendance_records', 'student_id', 'users', 'cascade'), ('attendance_records', 'class_id', 'classes', 'cascade'),
  ('qr_attendance_sessions', 'class_id', 'classes', 'cascade'), ('qr_attendance_sessions', 'teacher_id', 'users', 'cascade'),
  ('qr_checkins', 'session_id', 'qr_attendance_sessions', 'cascade'), ('qr_checkins', 'student_id', 'users', 'cascade'),
  ('zoom_meetings', 'host_id', 'users', 'set null'), ('zoom_meetings', 'class_id', 'classes', 'set null'),
  ('zoom_participants', 'meeting_id', 'zoom_meetings', 'cascade'), ('zoom_participants', 'user_id', 'users', 'set null'),
  ('meeting_registrants', 'meeting_id', 'zoom_meetings', 'cascade'), ('meeting_registrants', 'user_id', 'users', 'cascade')
$$, 'what refers to what, and what becomes of it on a delete, is the app''s');

select set_eq($$
  select tab, (select string_agg(word[1], ', ' order by word[1])
               from regexp_matches(pg_get_constraintdef(said.oid), $re$'([a-z]+)'::text$re$, 'g') word),
    (select col.attname::text from pg_attribute col where col.attrelid = said.conrelid and col.attnum = said.conkey[1])
  from tables join pg_constraint said on said.conrelid = tables.oid and said.contype = 'c'
$$, $$ values
  ('users', 'admin, parent, student, teacher', 'role'),
  ('parent_children', 'father, guardian, mother, other', 'relationship'),
  ('attendance_records', 'absent, excused, late, partial, present', 'status'),
  ('qr_attendance_sessions', 'active, expired', 'status'),
  ('zoom_meetings', 'instant, recurring, scheduled', 'meeting_type'),
  ('zoom_meetings', 'cancelled, ended, scheduled, started', 'status'),
  ('zoom_meetings', 'all, class, personal, students, teachers', 'target_audience'),
  ('zoom_participants', 'invited, joined, left', 'status'),
  ('meeting_registrants', 'approved, denied, pending', 'status')
$$, 'the checks are the app''s');

select is_empty($$
  select tab from tables
  where not exists (select from pg_index key join pg_attribute col on col.attrelid = key.indrelid and col.attnum = key.indkey[0]
    where key.indrelid = tables.oid and key.indisprimary and key.indnatts = 1 and col.attname = 'id')
$$, 'the primary key is the id');
select is((select count(*) from tables), 10::bigint, 'there are ten of them');

select * from finish();
rollback;
