-- Attendance, and checking in by QR code.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks nothing but, for a moment, public.users and public.classes, which the new tables refer to.

create table public.attendance_records (
  id uuid primary key default gen_random_uuid(),
  student_id uuid references public.users (id) on delete cascade,
  class_id uuid references public.classes (id) on delete cascade,
  date date not null,
  status text not null check (status in ('present', 'absent', 'late', 'excused', 'partial')),
  created_at timestamptz default now()
);

comment on table public.attendance_records is 'Whether a student attended a class on a date. One record per student, class and date.';
comment on column public.attendance_records.id is 'Generated.';
comment on column public.attendance_records.student_id is 'The student.';
comment on column public.attendance_records.class_id is 'The class.';
comment on column public.attendance_records.date is 'The date of the lesson, in the school''s time zone.';
comment on column public.attendance_records.status is 'present, partial (came, but not for long enough), absent, late or excused. People alone write late and excused.';
comment on column public.attendance_records.created_at is 'When the row was made.';

create index attendance_records_class_id_date_idx on public.attendance_records (class_id, date);

alter table public.attendance_records enable row level security;
revoke all on public.attendance_records from anon, authenticated;
grant select, insert, update, delete on public.attendance_records to service_role;


create table public.qr_attendance_sessions (
  id uuid primary key default gen_random_uuid(),
  class_id uuid references public.classes (id) on delete cascade,
  teacher_id uuid references public.users (id) on delete cascade,
  date date not null,
  start_time time not null,
  end_time time,
  qr_code text not null unique,
  status text not null default 'active' check (status in ('active', 'expired')),
  require_location boolean default true,
  created_at timestamptz default now()
);

comment on table public.qr_attendance_sessions is 'A QR code shown in class, by which students check in.';
comment on column public.qr_attendance_sessions.id is 'Generated.';
comment on column public.qr_attendance_sessions.class_id is 'The class.';
comment on column public.qr_attendance_sessions.teacher_id is 'Who shows the code.';
comment on column public.qr_attendance_sessions.date is 'The date it counts for.';
comment on column public.qr_attendance_sessions.start_time is 'When it was opened, by the school''s clock.';
comment on column public.qr_attendance_sessions.end_time is 'When it was ended; null until then. Nothing ends by itself.';
comment on column public.qr_attendance_sessions.qr_code is 'What the code says.';
comment on column public.qr_attendance_sessions.status is 'active while it may be used, then expired.';
comment on column public.qr_attendance_sessions.require_location is 'Whether the app asks where the device is.';
comment on column public.qr_attendance_sessions.created_at is 'When the row was made.';

create index qr_attendance_sessions_class_id_idx on public.qr_attendance_sessions (class_id);
create index qr_attendance_sessions_teacher_id_idx on public.qr_attendance_sessions (teacher_id);

alter table public.qr_attendance_sessions enable row level security;
revoke all on public.qr_attendance_sessions from anon, authenticated;
grant select, insert, update, delete on public.qr_attendance_sessions to service_role;


create table public.qr_checkins (
  id uuid primary key default gen_random_uuid(),
  session_id uuid references public.qr_attendance_sessions (id) on delete cascade,
  student_id uuid references public.users (id) on delete cascade,
  checked_in_at timestamptz default now(),
  location_verified boolean default false,
  ip_address text,
  unique (session_id, student_id)
);

comment on table public.qr_checkins is 'A student''s check-in by QR code.';
comment on column public.qr_checkins.id is 'Generated.';
comment on column public.qr_checkins.session_id is 'The code that was used.';
comment on column public.qr_checkins.student_id is 'The student.';
comment on column public.qr_checkins.checked_in_at is 'When.';
comment on column public.qr_checkins.location_verified is 'Whether the device was where the class is.';
comment on column public.qr_checkins.ip_address is 'Not written any more: ip_hash is.';

create index qr_checkins_student_id_idx on public.qr_checkins (student_id);

alter table public.qr_checkins enable row level security;
revoke all on public.qr_checkins from anon, authenticated;
grant select, insert, update, delete on public.qr_checkins to service_role;
