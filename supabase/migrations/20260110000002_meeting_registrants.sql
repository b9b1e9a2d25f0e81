-- Registration for meetings: a registrant has a join address of their own, and Zoom names them in every event.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks public.zoom_meetings for a moment: two columns are added.

alter table public.zoom_meetings
  add column registration_url text,
  add column registration_enabled boolean default false;

comment on column public.zoom_meetings.registration_url is 'Where participants register.';
comment on column public.zoom_meetings.registration_enabled is 'Whether Zoom asks participants to register.';

create table public.meeting_registrants (
  id uuid primary key default gen_random_uuid(),
  meeting_id uuid not null references public.zoom_meetings (id) on delete cascade,
  user_id uuid not null references public.users (id) on delete cascade,
  zoom_registrant_id text,
  join_url text,
  status text default 'pending' check (status in ('pending', 'approved', 'denied')),
  registered_at timestamptz default now(),
  created_at timestamptz default now(),
  updated_at timestamptz default now(),
  unique (meeting_id, user_id)
);

comment on table public.meeting_registrants is 'Who registered for a meeting.';
comment on column public.meeting_registrants.id is 'Generated.';
comment on column public.meeting_registrants.meeting_id is 'The meeting.';
comment on column public.meeting_registrants.user_id is 'Who registered.';
comment on column public.meeting_registrants.zoom_registrant_id is 'Zoom''s id of the registration: how a participant is recognised first of all.';
comment on column public.meeting_registrants.join_url is 'Where this person joins: a secret of theirs.';
comment on column public.meeting_registrants.status is 'pending, approved or denied.';
comment on column public.meeting_registrants.registered_at is 'When they registered.';
comment on column public.meeting_registrants.created_at is 'When the row was made.';
comment on column public.meeting_registrants.updated_at is 'When the row was last changed.';

create index meeting_registrants_user_id_idx on public.meeting_registrants (user_id);

alter table public.meeting_registrants enable row level security;
revoke all on public.meeting_registrants from anon, authenticated;
grant select, insert, update, delete on public.meeting_registrants to service_role;
