-- The project of a school that has used its app for years, before the sidecar comes: tables and access rules only.
--
-- Everything is the app's own older DDL, in the shape that such apps really have: looser columns than ours, other names
-- of indexes and policies, policies that let more be written than anybody meant, grants to everyone. Nobody in it is
-- real. Run by the role postgres on a database that has nothing but what every Supabase project begins with.

-- Old projects grant everything in public to everyone, now and in future.
alter default privileges in schema public grant all on tables to anon, authenticated, service_role;
alter default privileges in schema public grant all on functions to anon, authenticated, service_role;
alter default privileges in schema public grant all on sequences to anon, authenticated, service_role;

-- Roles of the school's own. They belong to the whole server, which may have them from another database already.
do $$
begin
  if not exists (select from pg_roles where rolname = 'reporting') then
    create role reporting nologin;
    create role "school-import" nologin;
    grant reporting, "school-import" to authenticator;
  end if;
end
$$;
grant usage on schema public to reporting, "school-import";

-- People and classes --------------------------------------------------------------------------------------------------

create table users (
  id uuid primary key default gen_random_uuid(),
  email text unique not null,
  name text not null,
  role text check (role in ('admin', 'teacher', 'student', 'parent')),
  avatar text,
  phone text,
  address text,
  is_active boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

create table classes (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  grade text,
  section text,
  teacher_id uuid references users (id),
  subject text,
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
  relationship text default 'parent',
  created_at timestamptz default now()
);

create table houses (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  counsellor_id uuid references users (id)
);

create table house_students (
  house_id uuid references houses (id) on delete cascade,
  student_id uuid references users (id) on delete cascade,
  primary key (house_id, student_id)
);

-- Attendance ----------------------------------------------------------------------------------------------------------

create table attendance_records (
  id uuid primary key default gen_random_uuid(),
  student_id uuid references users (id) on delete cascade,
  class_id uuid references classes (id) on delete cascade,
  date date not null,
  status text check (status in ('present', 'absent', 'late', 'excused', 'partial')),
  created_at timestamptz default now()
);
create index idx_attendance_class on attendance_records (class_id);
create unique index idx_attendance_unique on attendance_records (student_id, class_id, date);

create table qr_attendance_sessions (
  id uuid primary key default gen_random_uuid(),
  class_id uuid references classes (id) on delete cascade,
  teacher_id uuid not null references users (id),
  date date not null,
  start_time time,
  status text default 'active',
  require_location boolean default false,
  created_at timestamptz default now()
);

create table qr_checkins (
  id uuid primary key default gen_random_uuid(),
  session_id uuid references qr_attendance_sessions (id) on delete cascade,
  student_id uuid references users (id) on delete cascade,
  checked_in_at timestamptz default now(),
  location_verified boolean default false,
  ip_address text,
  ip_hash varchar(64)
);

-- Zoom ----------------------------------------------------------------------------------------------------------------

create table zoom_meetings (
  id uuid primary key default gen_random_uuid(),
  zoom_meeting_id text unique not null,
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
  registration_url text,
  registration_enabled boolean default false,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);
create index idx_zoom_meetings_host on zoom_meetings (host_id);
create index idx_zoom_meetings_class on zoom_meetings (class_id);
create index idx_zoom_meetings_start on zoom_meetings (start_time);

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
create index idx_zoom_participants_meeting on zoom_participants (meeting_id);

create table meeting_registrants (
  id uuid primary key default gen_random_uuid(),
  meeting_id uuid references zoom_meetings (id) on delete cascade,
  user_id uuid references users (id) on delete cascade,
  zoom_registrant_id text,
  join_url text,
  status text default 'pending' check (status in ('pending', 'approved', 'denied')),
  registered_at timestamptz default now(),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (meeting_id, user_id)
);

create function touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end
$$;
create trigger zoom_meetings_updated_at before update on zoom_meetings for each row execute function touch_updated_at();

-- What the sidecar has nothing to do with -----------------------------------------------------------------------------

create table announcements (
  id uuid primary key default gen_random_uuid(),
  author_id uuid references users (id),
  audience text not null default 'everyone',
  body text not null,
  created_at timestamptz default now()
);

create table grades (
  id bigint generated always as identity primary key,
  student_id uuid references users (id) on delete cascade,
  class_id uuid references classes (id) on delete cascade,
  points numeric(4, 1) not null
);

-- Grants --------------------------------------------------------------------------------------------------------------

grant all on all tables in schema public to anon, authenticated, service_role;
grant select on zoom_participants, attendance_records to reporting;
grant select, insert, update on attendance_records to "school-import";
-- The public calendar shows when a meeting is, and not how to get into it.
revoke select on zoom_meetings from anon;
grant select (id, title, start_time) on zoom_meetings to anon;

-- Policies ------------------------------------------------------------------------------------------------------------
-- The app's authors forgot parent_children: no row level security there at all.

alter table users enable row level security;
alter table classes enable row level security;
alter table class_students enable row level security;
alter table houses enable row level security;
alter table house_students enable row level security;
alter table attendance_records enable row level security;
alter table qr_attendance_sessions enable row level security;
alter table qr_checkins enable row level security;
alter table zoom_meetings enable row level security;
alter table zoom_participants enable row level security;
alter table meeting_registrants enable row level security;
alter table announcements enable row level security;
alter table grades enable row level security;

create policy "Users can view all users" on users for select using (true);
create policy "Users can update own profile" on users for update using (id = auth.uid());

create policy "Anyone can view classes" on classes for select using (true);
create policy "Admins manage classes" on classes for all
  using (exists (select 1 from users where users.id = auth.uid() and users.role = 'admin'));

create policy "System can enrol" on class_students for insert with check (true);
create policy "Students see their own enrolments" on class_students for select using (student_id = auth.uid());
create policy "Parents see their children's enrolments" on class_students for select
  using (exists (select 1 from parent_children pc where pc.parent_id = auth.uid() and pc.student_id = class_students.student_id));
create policy "Staff manage enrolments" on class_students for all
  using (exists (select 1 from users where users.id = auth.uid() and users.role in ('admin', 'teacher')));

create policy "Anyone signed in can view houses" on houses for select using (auth.uid() is not null);
create policy "Anyone signed in can view house members" on house_students for select using (auth.uid() is not null);

create policy "Students can view own attendance" on attendance_records for select using (student_id = auth.uid());
create policy "Teachers can manage attendance" on attendance_records for all
  using (exists (select 1 from users where users.id = auth.uid() and users.role in ('admin', 'teacher')));
create policy "Anyone signed in can insert attendance" on attendance_records for insert with check (auth.role() = 'authenticated');
create policy "Enable read access for all users" on attendance_records for select using (true);
create policy "Signed-in users read attendance" on attendance_records for select to authenticated
  using ((select auth.role()) = 'authenticated');
create policy "Whoever is signed in reads attendance" on attendance_records for select to authenticated
  using ((select auth.uid()) is not null);
create policy "Counsellors see the attendance of their houses" on attendance_records for select using (exists (
  select 1 from house_students member
  join houses house on house.id = member.house_id
  join users counsellor on counsellor.id = house.counsellor_id
  where member.student_id = attendance_records.student_id and counsellor.id = auth.uid() and counsellor.role = 'teacher'
));
create policy "Imports keep attendance" on attendance_records for all to authenticated, reporting, "school-import"
  using (true) with check (true);

create policy "Teachers manage their sessions" on qr_attendance_sessions for all using (teacher_id = auth.uid());
create policy "Anyone can view sessions" on qr_attendance_sessions for select using (true);
create policy "Students see the sessions they used" on qr_attendance_sessions for select
  using (exists (select 1 from qr_checkins c where c.session_id = qr_attendance_sessions.id and c.student_id = auth.uid()));

create policy "Students can check in" on qr_checkins for insert with check (student_id = auth.uid());
create policy "Students see own check-ins" on qr_checkins for select using (student_id = auth.uid());
create policy "Teachers see check-ins" on qr_checkins for select
  using (exists (select 1 from users where users.id = auth.uid() and users.role in ('admin', 'teacher')));

create policy "Users can view meetings they have access to" on zoom_meetings for select using (
  host_id = auth.uid()
  or target_audience = 'all'
  or exists (select 1 from users where users.id = auth.uid() and users.role = 'admin')
  or (target_audience = 'students' and exists (select 1 from users where users.id = auth.uid() and users.role = 'student'))
  or (target_audience = 'teachers' and exists (select 1 from users where users.id = auth.uid() and users.role = 'teacher'))
  or (target_audience = 'class' and exists (
    select 1 from class_students cs where cs.class_id = zoom_meetings.class_id and cs.student_id = auth.uid()))
);
create policy "Teachers and admins can create meetings" on zoom_meetings for insert
  with check (exists (select 1 from users where users.id = auth.uid() and users.role in ('teacher', 'admin')));
create policy "Host and admins can update meetings" on zoom_meetings for update
  using (host_id = auth.uid() or exists (select 1 from users where users.id = auth.uid() and users.role = 'admin'));
create policy "Host and admins can delete meetings" on zoom_meetings for delete
  using (host_id = auth.uid() or exists (select 1 from users where users.id = auth.uid() and users.role = 'admin'));
create policy "Accounts in good standing" on zoom_meetings as restrictive for all to authenticated
  using (exists (select 1 from users where users.id = auth.uid() and users.is_active));

create policy "Users can view participants for meetings they can access" on zoom_participants for select
  using (exists (select 1 from zoom_meetings m where m.id = zoom_participants.meeting_id));
create policy "System can insert participants" on zoom_participants for insert with check (true);
create policy "System can update participants" on zoom_participants for update using (true);
create policy "Service role has full access" on zoom_participants for all to service_role using (true) with check (true);
create policy "Reporting reads participants" on zoom_participants for select to reporting using (true);

create policy "Users can view their own registrations" on meeting_registrants for select using (user_id = auth.uid());
create policy "Admins can view all registrations" on meeting_registrants for select
  using (exists (select 1 from users where users.id = auth.uid() and users.role = 'admin'));
create policy "Teachers can view registrations for their meetings" on meeting_registrants for select
  using (exists (select 1 from zoom_meetings m where m.id = meeting_registrants.meeting_id and m.host_id = auth.uid()));
create policy "System can insert registrations" on meeting_registrants for insert with check (true);
create policy "System can update registrations" on meeting_registrants for update using (true);

create policy "Everyone reads what is for everyone" on announcements for select
  using (audience = 'everyone' or exists (select 1 from users where users.id = auth.uid() and users.role = announcements.audience));
create policy "Staff announce" on announcements for insert
  with check (exists (select 1 from users where users.id = auth.uid() and users.role in ('admin', 'teacher')));
create policy "Students read their grades" on grades for select using (student_id = auth.uid());
create policy "Teachers grade their classes" on grades for all
  using (exists (select 1 from classes c where c.id = grades.class_id and c.teacher_id = auth.uid()));

-- The history of migrations, as the Supabase CLI keeps it --------------------------------------------------------------

create schema supabase_migrations;
create table supabase_migrations.schema_migrations (version text not null primary key, statements text[], name text);
insert into supabase_migrations.schema_migrations (version, name) values
  ('20251219043432', 'create_users'),
  ('20251219043440', 'create_classes'),
  ('20251219043454', 'create_attendance'),
  ('20251219121408', 'attendance_unique_index'),
  ('20260110000001', 'zoom_integration'),
  ('20260110000002', 'zoom_registration'),
  ('20260110000003', 'hash_ip_addresses');
