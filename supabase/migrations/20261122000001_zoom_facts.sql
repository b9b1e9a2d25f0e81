-- What Zoom told us, kept as a set: this is why an event takes effect once.
--
-- The rows the school reads are a projection of these tables, so any order, any repetition and any split into batches
-- of the same events ends in the same rows. Nothing here is a state that an event moves forward: a mark says that
-- somebody came or went at an instant, and its primary key is all of it, so hearing it again changes nothing.
--
--   instances   one run of a meeting: the least start, the greatest end
--   segments    one visit to one room, and who it is
--   marks       joined or left, at an instant, under a name
--   visits      somebody opened or closed the meeting's page in the app, as the sidecar saw it
--   keys        what we gave a user to show at the door, so that Zoom repeats it
--   rows        what we remember of rows in public.zoom_participants: which are ours, what the others said
--   verdicts    what we remember of rows in public.attendance_records
--
-- The schema is private: the Data API does not expose it, and only the service role may use it.
-- Locks: public.zoom_meetings, zoom_participants, users and classes for a moment, which the new tables refer to.

-- Before anything is made: the app's tables are those we know. A project in another state is told which column differs,
-- and nothing is half done, since this is the first of our migrations.
do $$
declare
  fault text;
begin
  with needed (tab, columns) as (
    values
      ('users', 'id uuid, email text, name text, role text, is_active boolean, avatar text'),
      ('classes', 'id uuid, name text, teacher_id uuid'),
      ('class_students', 'class_id uuid, student_id uuid'),
      ('parent_children', 'parent_id uuid, student_id uuid'),
      ('attendance_records', 'id uuid, student_id uuid, class_id uuid, date date, status text'),
      ('qr_attendance_sessions', 'id uuid, class_id uuid, date date, status text'),
      ('qr_checkins', 'session_id uuid, student_id uuid, checked_in_at timestamptz'),
      ('zoom_meetings', 'id uuid, zoom_meeting_id text, host_id uuid, title text, meeting_type text, start_time timestamptz, '
        || 'duration integer, timezone text, join_url text, start_url text, password text, status text, class_id uuid, '
        || 'target_audience text, settings jsonb, created_at timestamptz, updated_at timestamptz'),
      ('zoom_participants', 'id uuid, meeting_id uuid, user_id uuid, zoom_participant_id text, name text, email text, '
        || 'join_time timestamptz, leave_time timestamptz, duration integer, status text'),
      ('meeting_registrants', 'id uuid, meeting_id uuid, user_id uuid, zoom_registrant_id text, join_url text, status text, '
        || 'registered_at timestamptz')
  ), wanted as (
    select needed.tab, split_part(part, ' ', 1) as col, split_part(part, ' ', 2)::regtype as type
    from needed cross join regexp_split_to_table(needed.columns, ', ') part
  )
  select case
      when tab.oid is null then format('there is no table public.%s', wanted.tab)
      when tab.relkind not in ('r', 'p') then format('public.%s is not a table', wanted.tab)
      when col.attname is null then format('public.%s has no column %s', wanted.tab, wanted.col)
      else format('public.%s.%s is of the type %s, and not %s', wanted.tab, wanted.col, col.atttypid::regtype, wanted.type)
    end
  into fault
  from wanted
  left join pg_catalog.pg_class tab on tab.relname = wanted.tab and tab.relnamespace = 'public'::regnamespace
  left join pg_catalog.pg_attribute col
    on col.attrelid = tab.oid and col.attname = wanted.col and col.attnum > 0 and not col.attisdropped
  where tab.oid is null or tab.relkind not in ('r', 'p') or col.attname is null
    or col.atttypid <> wanted.type and not (wanted.type = 'text'::regtype and col.atttypid = 'varchar'::regtype)
  order by wanted.tab, wanted.col
  limit 1;
  if fault is not null then
    raise exception 'this is not the school app''s project as we know it: %', fault using
      errcode = 'object_not_in_prerequisite_state',
      hint = 'Nothing was changed. The app comes first, then these migrations: see sidecar/operating/adopting.md.';
  end if;
end
$$;

create schema zoom;
comment on schema zoom is 'What Zoom told the sidecar, and what it remembers of its own writing. Private: not exposed by the Data API.';
revoke all on schema zoom from public;
grant usage on schema zoom to service_role;


create table zoom.instances (
  run_id bigint primary key generated always as identity,
  meeting_id uuid not null references public.zoom_meetings (id) on delete cascade,
  instance text collate "C" not null,
  stated_start timestamptz,
  first_at timestamptz not null,
  started_at timestamptz not null generated always as (coalesce(stated_start, first_at)) stored,
  ended_at timestamptz,
  host_email text collate "C" check (host_email <> ''),
  class_id uuid references public.classes (id) on delete set null,
  held_on date,
  forgotten_at timestamptz,
  unique (meeting_id, instance),
  unique (meeting_id, run_id)
);

comment on table zoom.instances is 'One run of a meeting. A restart, and each occurrence of a recurring meeting, is another instance of the same meeting.';
comment on column zoom.instances.run_id is 'Generated: a short name for the run.';
comment on column zoom.instances.meeting_id is 'The meeting.';
comment on column zoom.instances.instance is 'Zoom''s uuid of the run; not a Postgres uuid.';
comment on column zoom.instances.stated_start is 'The least start that any of its events stated; null while none has.';
comment on column zoom.instances.first_at is 'The least instant of any of its events.';
comment on column zoom.instances.started_at is 'When it started: as stated, else its first event.';
comment on column zoom.instances.ended_at is 'When it ended: the greatest end Zoom reported; null while it runs.';
comment on column zoom.instances.host_email is 'Who owns the meeting at Zoom, the greatest that any of its events stated; null while none has. It decides nothing: a meeting whose host is another user is listed.';
comment on column zoom.instances.class_id is 'The class it counts for, as last looked up from the meeting.';
comment on column zoom.instances.held_on is 'The date it counts for, as last worked out from the meeting and the policy.';
comment on column zoom.instances.forgotten_at is 'When zoom.forget removed its segments and marks; null while they are kept. What is heard of it later changes nothing.';

create index instances_newest_idx on zoom.instances (meeting_id, started_at desc, instance desc);
create index instances_held_on_idx on zoom.instances (meeting_id, held_on);
create index instances_lesson_idx on zoom.instances (class_id, held_on);

alter table zoom.instances enable row level security;
grant select, insert, update, delete on zoom.instances to service_role;


create table zoom.segments (
  run_id bigint not null,
  segment text collate "C" not null,
  meeting_id uuid not null,
  connection text collate "C",
  connection_key text collate "C" not null generated always as (coalesce(connection, 'segment ' || segment)) stored,
  zoom_user_id text collate "C",
  registrant_id text collate "C",
  customer_key text collate "C",
  email text collate "C",
  user_id uuid references public.users (id) on delete set null,
  primary key (run_id, segment),
  foreign key (meeting_id, run_id) references zoom.instances (meeting_id, run_id) on delete cascade,
  constraint absent_is_null_not_empty check ('' not in (coalesce(connection, '-'), coalesce(zoom_user_id, '-'),
    coalesce(registrant_id, '-'), coalesce(customer_key, '-'), coalesce(email, '-')))
);

comment on table zoom.segments is 'One visit to one room (a rejoin and a breakout move each begin another), and all that Zoom said about who it is.';
comment on column zoom.segments.run_id is 'The run of the meeting.';
comment on column zoom.segments.segment is 'Zoom''s participant.user_id: what pairs a join with its leave.';
comment on column zoom.segments.meeting_id is 'The meeting: that of the run, here too so that a user is found in it.';
comment on column zoom.segments.connection is 'Zoom''s participant_uuid: one connection, kept through breakout moves.';
comment on column zoom.segments.connection_key is 'The connection, else the segment by itself. One key is one person.';
comment on column zoom.segments.zoom_user_id is 'The Zoom account, if signed in.';
comment on column zoom.segments.registrant_id is 'The registration, if the meeting asks for one.';
comment on column zoom.segments.customer_key is 'What the page that embeds the meeting passed when joining.';
comment on column zoom.segments.email is 'The e-mail, as Zoom shows it.';
comment on column zoom.segments.user_id is 'The user it is, as last looked up; null for somebody unknown.';

-- What tells the row first: else, while there are no statistics, an index on the run alone looks as good as the right one.
create index segments_connection_idx on zoom.segments (connection_key, run_id);
create index segments_user_idx on zoom.segments (user_id, meeting_id, run_id);
create index segments_key_idx on zoom.segments (customer_key, run_id) where customer_key is not null;

alter table zoom.segments enable row level security;
grant select, insert, update, delete on zoom.segments to service_role;


create table zoom.marks (
  run_id bigint not null,
  segment text collate "C" not null,
  at timestamptz not null,
  kind text collate "C" not null check (kind in ('joined', 'left')),
  approximate boolean not null default false,
  name text collate "C" check (name <> ''),
  recorded_at timestamptz not null default now(),
  primary key (run_id, segment, at, kind),
  foreign key (run_id, segment) references zoom.segments (run_id, segment) on delete cascade
);

comment on table zoom.marks is 'Somebody joined or left at an instant. A set: hearing of a mark again changes nothing.';
comment on column zoom.marks.run_id is 'The run of the meeting.';
comment on column zoom.marks.segment is 'The visit it begins or ends.';
comment on column zoom.marks.at is 'When, to the second, by the event''s own time.';
comment on column zoom.marks.kind is 'joined or left.';
comment on column zoom.marks.approximate is 'The event had no usable time of its own; this is when Zoom sent it.';
comment on column zoom.marks.name is 'The display name at that time; of several told, the greatest.';
comment on column zoom.marks.recorded_at is 'When we first recorded it. Explains a verdict; decides nothing.';

alter table zoom.marks enable row level security;
grant select, insert, update, delete on zoom.marks to service_role;


create table zoom.visits (
  meeting_id uuid not null references public.zoom_meetings (id) on delete cascade,
  user_id uuid not null references public.users (id) on delete cascade,
  at timestamptz not null,
  kind text collate "C" not null check (kind in ('joined', 'left', 'opened')),
  primary key (meeting_id, user_id, at, kind)
);

comment on table zoom.visits is 'A signed-in user opened, joined or left a meeting on its page in the app, as the server recorded it. A set, like marks. What a browser wrote by itself is not among them.';
comment on column zoom.visits.meeting_id is 'The meeting.';
comment on column zoom.visits.user_id is 'The user, by their token.';
comment on column zoom.visits.at is 'When, by the server''s clock; of opened, the minute.';
comment on column zoom.visits.kind is 'opened (they asked how to enter), joined or left. Opened tells who a guest of their name may be, and is never presence.';

create index visits_user_id_idx on zoom.visits (user_id, at);

alter table zoom.visits enable row level security;
grant select, insert, update, delete on zoom.visits to service_role;


create table zoom.keys (
  customer_key text collate "C" primary key check (length(customer_key) between 20 and 35),
  meeting_id uuid not null references public.zoom_meetings (id) on delete cascade,
  user_id uuid not null references public.users (id) on delete cascade,
  issued_at timestamptz not null default now(),
  unique (meeting_id, user_id)
);

comment on table zoom.keys is 'The key of each user who asked to enter a meeting. The page passes it to Zoom, and Zoom repeats it with all that it tells of the connection.';
comment on column zoom.keys.customer_key is 'Unguessable, so only its user can show it. Zoom takes at most 35 characters.';
comment on column zoom.keys.meeting_id is 'The meeting it was issued for: it means nothing in another.';
comment on column zoom.keys.user_id is 'Whose it is.';
comment on column zoom.keys.issued_at is 'When they first asked.';

create index keys_user_id_idx on zoom.keys (user_id);

alter table zoom.keys enable row level security;
grant select, insert, update, delete on zoom.keys to service_role;


create type zoom.said as (
  zoom_participant_id text, name text, email text, join_time timestamptz, leave_time timestamptz, duration integer, status text
);
comment on type zoom.said is 'What a row of public.zoom_participants says of its person.';

create table zoom.rows (
  row_id uuid primary key references public.zoom_participants (id) on delete cascade,
  was zoom.said,
  run_id bigint,
  connection_key text collate "C",
  closed_at timestamptz,
  constraint a_guest_has_run_and_connection check ((run_id is null) = (connection_key is null)),
  constraint only_a_row_we_made_stands_for_a_guest check ((was).status is null or run_id is null),
  constraint only_a_row_of_the_app_is_closed check ((was).status is not null or closed_at is null)
);

comment on table zoom.rows is 'What the sidecar remembers of the rows in public.zoom_participants that it made or wrote over.';
comment on column zoom.rows.row_id is 'The row.';
comment on column zoom.rows.was is 'What the app''s row said before we wrote over it. Null for a row we made: that one we may delete.';
comment on column zoom.rows.run_id is 'The run the guest it stands for was in; null for a user''s row.';
comment on column zoom.rows.connection_key is 'The guest it stands for; null for a user''s row.';
comment on column zoom.rows.closed_at is 'The leave_time we gave a row that only the app had left at joined; null for a row that shows Zoom''s facts.';

create unique index rows_guest_key on zoom.rows (run_id, connection_key) where run_id is not null;

alter table zoom.rows enable row level security;
grant select, insert, update, delete on zoom.rows to service_role;


create table zoom.verdicts (
  student_id uuid not null references public.users (id) on delete cascade,
  class_id uuid not null references public.classes (id) on delete cascade,
  date date not null,
  verdict text check (verdict in ('absent', 'partial', 'present')),
  theirs text,
  primary key (student_id, class_id, date)
);

comment on table zoom.verdicts is 'What the sidecar remembers of attendance records: people outrank it, so it must know which words are theirs.';
comment on column zoom.verdicts.student_id is 'The student.';
comment on column zoom.verdicts.class_id is 'The class.';
comment on column zoom.verdicts.date is 'The date of the lesson.';
comment on column zoom.verdicts.verdict is 'What Zoom''s facts last said; null when they said nothing any more.';
comment on column zoom.verdicts.theirs is 'The status somebody else had set; null when there was none.';

create index verdicts_class_id_idx on zoom.verdicts (class_id);

alter table zoom.verdicts enable row level security;
grant select, insert, update, delete on zoom.verdicts to service_role;
