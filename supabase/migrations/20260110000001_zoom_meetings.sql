-- Zoom meetings and who takes part in them.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks nothing but, for a moment, public.users and public.classes, which the new tables refer to.

create table public.zoom_meetings (
  id uuid primary key default gen_random_uuid(),
  zoom_meeting_id text unique not null,
  host_id uuid references public.users (id) on delete set null,
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
  class_id uuid references public.classes (id) on delete set null,
  target_audience text default 'class' check (target_audience in ('all', 'students', 'teachers', 'class', 'personal')),
  settings jsonb default '{}',
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

comment on table public.zoom_meetings is 'A meeting at Zoom, as the app planned it.';
comment on column public.zoom_meetings.id is 'Generated.';
comment on column public.zoom_meetings.zoom_meeting_id is 'Zoom''s meeting number, as text.';
comment on column public.zoom_meetings.host_id is 'Who planned it and owns it.';
comment on column public.zoom_meetings.title is 'What it is called.';
comment on column public.zoom_meetings.description is 'What it is about.';
comment on column public.zoom_meetings.meeting_type is 'instant, scheduled (once) or recurring.';
comment on column public.zoom_meetings.start_time is 'When it is planned to start.';
comment on column public.zoom_meetings.duration is 'How long it is planned to last, in minutes.';
comment on column public.zoom_meetings.timezone is 'The zone it was planned in, an IANA name.';
comment on column public.zoom_meetings.join_url is 'Where participants join.';
comment on column public.zoom_meetings.start_url is 'Where the host starts it: a secret of the host.';
comment on column public.zoom_meetings.password is 'The passcode: a secret of those invited.';
comment on column public.zoom_meetings.status is 'scheduled, started, ended or cancelled. The newest run of the meeting decides between started and ended.';
comment on column public.zoom_meetings.class_id is 'The class it is held for, if any; only then is attendance kept.';
comment on column public.zoom_meetings.target_audience is 'Whom it is meant for: all, students, teachers, class or personal.';
comment on column public.zoom_meetings.settings is 'Zoom''s settings, as the app keeps them.';
comment on column public.zoom_meetings.created_at is 'When the row was made.';
comment on column public.zoom_meetings.updated_at is 'When the row was last changed.';

create index zoom_meetings_host_id_idx on public.zoom_meetings (host_id);
create index zoom_meetings_class_id_idx on public.zoom_meetings (class_id);

alter table public.zoom_meetings enable row level security;
revoke all on public.zoom_meetings from anon, authenticated;
grant select, insert, update, delete on public.zoom_meetings to service_role;


create table public.zoom_participants (
  id uuid primary key default gen_random_uuid(),
  meeting_id uuid references public.zoom_meetings (id) on delete cascade,
  user_id uuid references public.users (id) on delete set null,
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

comment on table public.zoom_participants is 'Who takes part in a meeting: one row per meeting and user, and one per guest. Shows the latest occurrence.';
comment on column public.zoom_participants.id is 'Generated.';
comment on column public.zoom_participants.meeting_id is 'The meeting.';
comment on column public.zoom_participants.user_id is 'Who it is; null for a guest nobody recognised.';
comment on column public.zoom_participants.zoom_participant_id is 'Zoom''s id of the newest connection.';
comment on column public.zoom_participants.name is 'The name shown in the meeting.';
comment on column public.zoom_participants.email is 'The e-mail Zoom showed, else the user''s.';
comment on column public.zoom_participants.join_time is 'The latest join.';
comment on column public.zoom_participants.leave_time is 'The latest leave; null while joined.';
comment on column public.zoom_participants.duration is 'Time in the meeting so far, in seconds: visits that ended, overlaps counted once.';
comment on column public.zoom_participants.status is 'invited, joined or left.';
comment on column public.zoom_participants.created_at is 'When the row was made.';

create index zoom_participants_user_id_idx on public.zoom_participants (user_id);

alter table public.zoom_participants enable row level security;
revoke all on public.zoom_participants from anon, authenticated;
grant select, insert, update, delete on public.zoom_participants to service_role;
