-- The project of a school that has used its app for a year, before the sidecar comes: tables, access rules and history.
--
-- It is invented, and stands as such an app stands in the end: older than Supabase's closed defaults, so that everything is
-- granted to everyone; hardened once, by column grants on users; and with policies that ask the table they stand on, which
-- PostgreSQL allows as long as no policy for reading that table holds a sub-select (42P17). Run by the role postgres on a
-- database that has nothing but what every Supabase project begins with. twin_rows.sql fills it; variants of it follow there.

-- Old projects grant everything in public to everyone, now and in future.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;

-- People and classes --------------------------------------------------------------------------------------------------

create table users (
  id uuid primary key default gen_random_uuid(),
  email text not null unique,
  name text not null,
  role text not null check (role in ('admin', 'teacher', 'student', 'parent')),
  avatar text,
  phone text,
  address text,
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  is_active boolean default true,
  must_change_password boolean default true
);

create table classes (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  grade text not null,
  section text not null,
  subject text not null,
  teacher_id uuid references users (id) on delete set null,
  schedule text,
  room text,
  created_at timestamptz default now()
);

create table class_students (
  id uuid primary key default gen_random_uuid(),
  class_id uuid references classes (id) on delete cascade,
  student_id uuid references users (id) on delete cascade,
  enrolled_at timestamptz default now(),
  unique (class_id, student_id)
);

create table parent_children (
  id uuid primary key default gen_random_uuid(),
  parent_id uuid references users (id) on delete cascade,
  student_id uuid references users (id) on delete cascade,
  relationship text default 'guardian' check (relationship in ('mother', 'father', 'guardian', 'other')),
  created_at timestamptz default now(),
  unique (parent_id, student_id)
);

-- Attendance ----------------------------------------------------------------------------------------------------------

create table attendance_records (
  id uuid primary key default gen_random_uuid(),
  student_id uuid references users (id) on delete cascade,
  class_id uuid references classes (id) on delete cascade,
  date date not null,
  status text not null check (status in ('present', 'absent', 'late', 'excused', 'partial')),
  created_at timestamptz default now(),
  unique (student_id, class_id, date)
);

create table qr_attendance_sessions (
  id uuid primary key default gen_random_uuid(),
  class_id uuid references classes (id) on delete cascade,
  teacher_id uuid references users (id) on delete cascade,
  date date not null,
  start_time time not null,
  end_time time,
  qr_code text not null unique,
  status text not null default 'active' check (status in ('active', 'expired')),
  require_location boolean default true,
  created_at timestamptz default now()
);

create table qr_checkins (
  id uuid primary key default gen_random_uuid(),
  session_id uuid references qr_attendance_sessions (id) on delete cascade,
  student_id uuid references users (id) on delete cascade,
  checked_in_at timestamptz default now(),
  location_verified boolean default false,
  ip_address text,
  ip_hash varchar(64),
  unique (session_id, student_id)
);

-- Zoom ----------------------------------------------------------------------------------------------------------------

create table zoom_meetings (
  id uuid primary key default gen_random_uuid(),
  zoom_meeting_id text not null unique,
  host_id uuid references users (id) on delete set null,
  title text not null,
  description text,
  meeting_type text default 'scheduled' check (meeting_type in ('instant', 'scheduled', 'recurring')),
  start_time timestamptz not null,
  duration integer not null default 60,
  timezone text default 'UTC',
  join_url text not null,
  start_url text,
  password text,
  status text default 'scheduled' check (status in ('scheduled', 'started', 'ended', 'cancelled')),
  class_id uuid references classes (id) on delete set null,
  target_audience text default 'class' check (target_audience in ('all', 'students', 'teachers', 'class', 'personal')),
  settings jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  registration_url text,
  registration_enabled boolean default false
);
create index zoom_meetings_by_host on zoom_meetings (host_id);
create index zoom_meetings_by_class on zoom_meetings (class_id);

create table zoom_participants (
  id uuid primary key default gen_random_uuid(),
  meeting_id uuid references zoom_meetings (id) on delete cascade,
  user_id uuid references users (id) on delete set null,
  zoom_participant_id text,
  name text,
  email text,
  join_time timestamptz,
  leave_time timestamptz,
  duration integer,
  status text default 'invited' check (status in ('invited', 'joined', 'left')),
  created_at timestamptz default now(),
  unique (meeting_id, user_id)
);

create table meeting_registrants (
  id uuid primary key default gen_random_uuid(),
  meeting_id uuid not null references zoom_meetings (id) on delete cascade,
  user_id uuid not null references users (id) on delete cascade,
  zoom_registrant_id text,
  join_url text,
  status text default 'pending' check (status in ('pending', 'approved', 'denied')),
  registered_at timestamptz default now(),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (meeting_id, user_id)
);

-- What the sidecar has nothing to do with -----------------------------------------------------------------------------

create table announcements (
  id uuid primary key default gen_random_uuid(),
  author_id uuid references users (id),
  audience text not null default 'everyone',
  body text not null,
  created_at timestamptz default now()
);

create table calendar_events (
  id uuid primary key default gen_random_uuid(),
  title text not null,
  starts_at timestamptz not null,
  class_id uuid references classes (id) on delete cascade,
  created_by uuid references users (id)
);

create table grades (
  id bigint generated always as identity primary key,
  student_id uuid references users (id) on delete cascade,
  class_id uuid references classes (id) on delete cascade,
  points numeric(4, 1) not null
);

create table audit_logs (
  id uuid primary key default gen_random_uuid(),
  user_id uuid references users (id) on delete set null,
  action text not null,
  created_at timestamptz default now()
);
-- It looks past every policy, as its owner does, and is granted to everybody.
create view audit_logs_with_users as
select log.id, log.action, log.created_at, person.name, person.email, person.role
from audit_logs log left join users person on person.id = log.user_id;

-- Grants --------------------------------------------------------------------------------------------------------------

revoke select on users from anon, authenticated;
grant select (id, email, name, role, avatar, is_active, created_at) on users to authenticated;

-- Policies ------------------------------------------------------------------------------------------------------------

alter table users enable row level security;
alter table classes enable row level security;
alter table class_students enable row level security;
alter table parent_children enable row level security;
alter table attendance_records enable row level security;
alter table qr_attendance_sessions enable row level security;
alter table qr_checkins enable row level security;
alter table zoom_meetings enable row level security;
alter table zoom_participants enable row level security;
alter table meeting_registrants enable row level security;
alter table announcements enable row level security;
alter table calendar_events enable row level security;
alter table grades enable row level security;
alter table audit_logs enable row level security;

create policy "The directory is open" on users for select to authenticated using (true);
create policy "Sign-up makes the own row" on users for insert to authenticated with check (id = (select auth.uid()));
create policy "Admins add people" on users for insert to authenticated
  with check ((select me.role from users me where me.id = (select auth.uid())) = 'admin');
create policy "People edit themselves" on users for update to authenticated
  using (id = (select auth.uid())) with check (id = (select auth.uid()));
create policy "Admins edit people" on users for update to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));

create policy "Classes are known" on classes for select to authenticated using (true);
create policy "Admins run the classes" on classes for all to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role in ('admin', 'teacher')));

create policy "Enrolments are known" on class_students for select to authenticated using (true);
create policy "Parents see where their children are" on class_students for select using (
  exists (select from parent_children pc where pc.parent_id = (select auth.uid()) and pc.student_id = class_students.student_id));
create policy "Admins enrol" on class_students for insert to authenticated
  with check ((select me.role from users me where me.id = (select auth.uid())) = 'admin');
create policy "Admins unenrol" on class_students for delete to authenticated
  using ((select me.role from users me where me.id = (select auth.uid())) = 'admin');
create policy "Teachers enrol" on class_students for insert to authenticated
  with check ((select me.role from users me where me.id = (select auth.uid())) = 'teacher');
create policy "Teachers unenrol" on class_students for delete to authenticated
  using ((select me.role from users me where me.id = (select auth.uid())) = 'teacher');

create policy "Parents see their family" on parent_children for select using (parent_id = (select auth.uid()));
create policy "Admins keep the families" on parent_children for all
  using (exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));

create policy "Attendance is open" on attendance_records for select to authenticated using (true);
create policy "Parents can view their children's attendance" on attendance_records for select using (
  exists (select from parent_children pc where pc.parent_id = (select auth.uid()) and pc.student_id = attendance_records.student_id));
create policy "Students add their own" on attendance_records for insert with check (student_id = (select auth.uid()));
create policy "Students change their own" on attendance_records for update using (student_id = (select auth.uid()));
create policy "Staff keep attendance" on attendance_records for all to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role in ('admin', 'teacher')));

create policy "Codes are open" on qr_attendance_sessions for select to authenticated using (true);
create policy "Staff show codes" on qr_attendance_sessions for all to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role in ('admin', 'teacher')));

create policy "Check-ins are open" on qr_checkins for select to authenticated using (true);
create policy "Students check in" on qr_checkins for insert to authenticated with check (student_id = (select auth.uid()));

create policy "Users can view meetings they have access to" on zoom_meetings for select using (
  host_id = (select auth.uid())
  or target_audience = 'all'
  or target_audience = 'teachers' and exists (select from users me where me.id = (select auth.uid()) and me.role = 'teacher')
  or target_audience = 'students' and exists (select from users me where me.id = (select auth.uid()) and me.role = 'student')
  or target_audience = 'class' and (
    exists (select from class_students cs where cs.class_id = zoom_meetings.class_id and cs.student_id = (select auth.uid()))
    or exists (select from classes c where c.id = zoom_meetings.class_id and c.teacher_id = (select auth.uid()))
    or exists (
      select from class_students cs join parent_children pc on pc.student_id = cs.student_id
      where cs.class_id = zoom_meetings.class_id and pc.parent_id = (select auth.uid())))
  or exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin')
);
create policy "Staff plan meetings" on zoom_meetings for insert
  with check (exists (select from users me where me.id = (select auth.uid()) and me.role in ('teacher', 'admin')));
create policy "Hosts change meetings" on zoom_meetings for update using (
  host_id = (select auth.uid()) or exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));
create policy "Hosts call meetings off" on zoom_meetings for delete using (
  host_id = (select auth.uid()) or exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));

create policy "Users can view participants for meetings they can access" on zoom_participants for select using (
  user_id = (select auth.uid())
  or exists (select from zoom_meetings m where m.id = zoom_participants.meeting_id and m.host_id = (select auth.uid()))
  or exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin')
);
create policy "Anything may add participants" on zoom_participants for insert with check (true);
create policy "Anything may change participants" on zoom_participants for update using (true);

create policy "Users can view their own registrations" on meeting_registrants for select using (user_id = (select auth.uid()));
create policy "Teachers can view registrations for their meetings" on meeting_registrants for select using (
  exists (select from zoom_meetings m where m.id = meeting_registrants.meeting_id and m.host_id = (select auth.uid())));
create policy "Admins can view all registrations" on meeting_registrants for select using (
  exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));
create policy "Anything may register" on meeting_registrants for insert with check (true);
create policy "Anything may change registrations" on meeting_registrants for update using (true);

create policy "Notices by audience" on announcements for select using (
  audience = 'everyone' or exists (select from users me where me.id = (select auth.uid()) and me.role = announcements.audience));
create policy "Staff announce" on announcements for insert to authenticated
  with check (exists (select from users me where me.id = (select auth.uid()) and me.role in ('admin', 'teacher')));
create policy "The calendar is open" on calendar_events for select to authenticated using (true);
create policy "Staff fill the calendar" on calendar_events for all to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role in ('admin', 'teacher')));
create policy "Own grades" on grades for select using (student_id = (select auth.uid()));
create policy "Teachers grade their classes" on grades for all
  using (exists (select from classes c where c.id = grades.class_id and c.teacher_id = (select auth.uid())));
create policy "Admins read the log" on audit_logs for select to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));

-- The history of migrations, as the Supabase CLI keeps it --------------------------------------------------------------
-- What each of them did is not what made this database, but it is SQL, as `supabase migration fetch` writes it into files.

create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text not null primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations (version, name, statements) values
  ('20251219043432', 'people', '{"create table users (id uuid primary key)","alter table users enable row level security"}'),
  ('20251219043440', 'classes', '{"create table classes (id uuid primary key)","create table class_students (id uuid primary key)"}'),
  ('20251219043454', 'attendance', '{"create table attendance_records (id uuid primary key)"}'),
  ('20251219121408', 'one_record_a_day', '{"create unique index on attendance_records (student_id, class_id, date)"}'),
  ('20251221083010', 'grades', '{"create table grades (id bigint generated always as identity primary key)"}'),
  ('20251222101500', 'announcements', '{"create table announcements (id uuid primary key)"}'),
  ('20251228190244', 'families', '{"create table parent_children (id uuid primary key)"}'),
  ('20260103070911', 'calendar', '{"create table calendar_events (id uuid primary key)"}'),
  ('20260106152230', 'audit_log', '{"create table audit_logs (id uuid primary key)"}'),
  ('20260108101010', 'audit_log_view', '{"create view audit_logs_with_users as select * from audit_logs"}'),
  ('20260110000001', 'zoom', '{"create table zoom_meetings (id uuid primary key)","create table zoom_participants (id uuid primary key)"}'),
  ('20260110000002', 'zoom_registration', '{"create table meeting_registrants (id uuid primary key)"}'),
  ('20260110000003', 'hashed_addresses', '{"alter table qr_checkins add column ip_hash varchar(64)"}'),
  ('20260110102108', 'partial_attendance', '{"alter table attendance_records drop constraint attendance_records_status_check"}'),
  ('20260112064500', 'first_password', '{"alter table users add column must_change_password boolean default true"}'),
  ('20260115120000', 'quicker_policies', '{"alter policy \"Own grades\" on grades using (student_id = (select auth.uid()))"}'),
  ('20260121181818', 'who_edits_people', '{"alter table users enable row level security"}');
