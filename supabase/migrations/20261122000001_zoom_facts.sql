-- What Zoom told us, kept as a set: this is why an event takes effect once.
--
-- The rows the school reads are a projection of these tables and of the history of the school's own data, so any order, any
-- repetition and any split into batches of the same events ends in the same rows. Nothing here is a state that an event
-- moves forward: a mark says that something happened at an instant, and its primary key is all of it, so hearing it again
-- changes nothing.
--
-- Facts, which are only ever added:
--   kinds       what each kind of fact may do; a kind that is not listed counts for nothing
--   instances   one run of a meeting, by Zoom's number and uuid; and what was worked out of it
--   segments    one stay in one room, and who it is
--   marks       what happened at an instant: a run began or ended, somebody joined or left
--   timeless    events without a time: they count from when they were first accepted
--   visits      somebody opened, joined or left the meeting's page in the app, as the sidecar saw it
--   keys        what we gave a user to show at the door, so that Zoom repeats it
-- The school's data as it was:
--   history     the values of the columns that decide, and from when to when they stood
--   settings    the school's settings of attendance, and since when
--   staff_names, unconfirmed   whose word a name and a class are
-- Worked out from them, and of use to be kept:
--   meetings    what is known of a meeting of the school, whether its row is still there or not
--   lessons     what the runs of a meeting were held for
--   rows        what we remember of rows in public.zoom_participants: which are ours, what the others said
--   verdicts    what we remember of rows in public.attendance_records
--   refused     rows that the school's database did not take
--   changes, due, unfinished   what is still to be worked out
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


create table zoom.kinds (
  kind text collate "C" primary key,
  told_by text not null check (told_by in ('zoom', 'app')),
  concerns text not null check (concerns in ('run', 'person')),
  counts text check (counts in ('begins', 'ends', 'opens', 'closes'))
);

comment on table zoom.kinds is
  'What each kind of fact may do. A new kind counts for nothing until it is listed here with what it counts for.';
comment on column zoom.kinds.kind is 'The kind, as the sidecar sends it.';
comment on column zoom.kinds.told_by is 'Who tells it: zoom, or the app (the sidecar''s meeting room).';
comment on column zoom.kinds.concerns is 'What it is about: a run of a meeting, or a person.';
comment on column zoom.kinds.counts is
  'begins or ends a run; opens or closes a stay of a person; null: it is only told, makes nobody present and no run begin.';

insert into zoom.kinds (kind, told_by, concerns, counts) values
  ('started', 'zoom', 'run', 'begins'),
  ('ended', 'zoom', 'run', 'ends'),
  ('joined', 'zoom', 'person', 'opens'),
  ('left', 'zoom', 'person', 'closes'),
  ('waiting_joined', 'zoom', 'person', null),
  ('waiting_left', 'zoom', 'person', null),
  ('app_joined', 'app', 'person', 'opens'),
  ('app_left', 'app', 'person', 'closes'),
  ('app_opened', 'app', 'person', null);

alter table zoom.kinds enable row level security;
grant select on zoom.kinds to service_role;


create table zoom.meetings (
  meeting_id uuid primary key,
  staff_seen boolean not null default false,
  shown_run bigint,
  shown_lesson bigint
);

comment on table zoom.meetings is
  'What is known of a meeting of the school. Who writes a meeting''s rows holds a lock on its row here, so that the app''s '
  'own writes wait for nobody. It stays when the meeting''s row is deleted, since the attendance does.';
comment on column zoom.meetings.meeting_id is 'The id of its row in public.zoom_meetings, be it there or not.';
comment on column zoom.meetings.staff_seen is 'Whether one of the staff was ever recognised in any run of it.';
comment on column zoom.meetings.shown_run is 'Its newest run: the one that public.zoom_participants shows, if it belongs to no lesson.';
comment on column zoom.meetings.shown_lesson is 'The lesson of that run, whose runs public.zoom_participants shows; null for none.';

alter table zoom.meetings enable row level security;
grant select, insert, update, delete on zoom.meetings to service_role;


create table zoom.lessons (
  lesson_id bigint primary key generated always as identity,
  meeting_id uuid not null references zoom.meetings (meeting_id) on delete cascade,
  is_planned boolean not null,
  starts_at timestamptz not null,
  ends_at timestamptz not null,
  as_of timestamptz not null,
  class_id uuid,
  held_on date not null,
  min_seconds integer not null,
  app_joins text not null,
  counts_from timestamptz not null default '-infinity',
  counts_until timestamptz not null default 'infinity',
  has_staff boolean not null default false,
  is_over boolean not null default false,
  is_held boolean not null default false,
  makes_absent boolean not null default false,
  expected_at timestamptz,
  unique (meeting_id, is_planned, starts_at)
);

comment on table zoom.lessons is 'What the runs of a meeting were held for: a planned start, or a run that made a lesson itself. Only lessons that have a run.';
comment on column zoom.lessons.lesson_id is 'Generated.';
comment on column zoom.lessons.meeting_id is 'The meeting.';
comment on column zoom.lessons.is_planned is 'Whether it is a start that the meeting was given; else its first run made it.';
comment on column zoom.lessons.starts_at is 'The planned start, or the begin of the run that made it.';
comment on column zoom.lessons.ends_at is 'The start and the length that it was planned for; of an instant meeting that of its first run.';
comment on column zoom.lessons.as_of is 'The moment whose data decide: the begin of its first run.';
comment on column zoom.lessons.class_id is 'The class it makes attendance for; null for none.';
comment on column zoom.lessons.held_on is 'Its date.';
comment on column zoom.lessons.min_seconds is 'From how many seconds a student counts as present.';
comment on column zoom.lessons.app_joins is 'What the app''s word is worth: corroborate, count or ignore.';
comment on column zoom.lessons.counts_from is 'From when time counts for attendance; -infinity where none of the staff was recognised.';
comment on column zoom.lessons.counts_until is 'Until when; infinity where none of the staff was recognised, or one is still in.';
comment on column zoom.lessons.has_staff is 'Whether one of the staff was recognised in it.';
comment on column zoom.lessons.is_over is 'No run of it is open, and the last one ended at or after its start.';
comment on column zoom.lessons.is_held is 'Somebody beside the staff was in it, and one of the staff too, if any was ever recognised in that meeting.';
comment on column zoom.lessons.makes_absent is 'Whether who was not seen in it is absent once it is over.';
comment on column zoom.lessons.expected_at is 'Who was enrolled then and not seen is absent: when its last run ended or, if that is later, when Zoom first told of that run. Null while it is not over.';

create index lessons_of_class_idx on zoom.lessons (class_id, held_on);
create index lessons_latest_idx on zoom.lessons (starts_at desc);

alter table zoom.lessons enable row level security;
grant select, insert, update, delete on zoom.lessons to service_role;


create table zoom.instances (
  run_id bigint primary key generated always as identity,
  number text collate "C" not null,
  instance text collate "C" not null,
  stated_start timestamptz,
  first_at timestamptz,
  started_at timestamptz generated always as (coalesce(stated_start, first_at)) stored,
  told_end timestamptz,
  host_id text collate "C" check (host_id <> ''),
  host_email text collate "C" check (host_email <> ''),
  told_at timestamptz,
  judged_as_of timestamptz,
  as_of timestamptz generated always as (coalesce(judged_as_of, stated_start, first_at)) stored,
  meeting_id uuid references zoom.meetings (meeting_id),
  class_id uuid,
  host_user uuid,
  teacher uuid,
  ended_at timestamptz,
  people integer not null default 0 check (people between 0 and 2),
  has_staff boolean not null default false,
  has_others boolean not null default false,
  lesson_id bigint references zoom.lessons (lesson_id) on delete set null,
  no_lesson text,
  counts boolean not null default false,
  forgotten_at timestamptz,
  unique (number, instance)
);

comment on table zoom.instances is 'One run of a meeting. A restart, and each occurrence of a recurring meeting, is another instance with the same number.';
comment on column zoom.instances.run_id is 'Generated: a short name for the run.';
comment on column zoom.instances.number is 'Zoom''s number of the meeting.';
comment on column zoom.instances.instance is 'Zoom''s uuid of the run; not a Postgres uuid. Where Zoom told none: its stated start, else its UTC day.';
comment on column zoom.instances.stated_start is 'The least start that any of its events stated; null while none has.';
comment on column zoom.instances.first_at is 'The least instant of any of its events that counts; null while none was told.';
comment on column zoom.instances.started_at is 'When it began: as stated, else its first event. Null for a run of which nothing that counts was told.';
comment on column zoom.instances.told_end is 'When it ended: the greatest end Zoom told; null while it told none.';
comment on column zoom.instances.host_id is 'Zoom''s id of its host, the greatest that any of its events told.';
comment on column zoom.instances.host_email is 'The host''s e-mail at Zoom, the greatest that any of its events told.';
comment on column zoom.instances.told_at is 'When the first of its events that count was accepted at the door; null before that.';
comment on column zoom.instances.judged_as_of is 'The moment whose data somebody chose to judge it by (sidecar rejudge); null for its begin.';
comment on column zoom.instances.as_of is 'The moment whose data decide.';
comment on column zoom.instances.meeting_id is 'The meeting of the school it is a run of: see zoom.meeting_of.';
comment on column zoom.instances.class_id is 'The class that its meeting counted for at that moment, or came to count for first.';
comment on column zoom.instances.host_user is 'Who hosted its meeting, in the school''s data, at that moment.';
comment on column zoom.instances.teacher is 'Who taught that class at that moment.';
comment on column zoom.instances.ended_at is 'When it was over: as told, else the last thing heard of it (see zoom.run_end); null while it runs.';
comment on column zoom.instances.people is 'How many people were in it: 0, 1, or 2 for two and more.';
comment on column zoom.instances.has_staff is 'Whether one of the staff was in it.';
comment on column zoom.instances.has_others is 'Whether somebody beside the staff was in it.';
comment on column zoom.instances.lesson_id is 'The lesson it belongs to; null for none.';
comment on column zoom.instances.no_lesson is 'Why it belongs to none: cancelled, or unplanned. Null if it does.';
comment on column zoom.instances.counts is 'Whether its time counts for attendance: it belongs to a lesson, and was not the run that a single person was in beside one with two.';
comment on column zoom.instances.forgotten_at is 'When zoom.forget removed its segments and marks; null while they are kept. What is heard of it later changes nothing.';

create index instances_newest_idx on zoom.instances (meeting_id, started_at desc, instance desc);
create index instances_lesson_idx on zoom.instances (lesson_id);
create index instances_uuid_idx on zoom.instances (instance);
create index instances_latest_idx on zoom.instances (started_at desc);
create index instances_heard_idx on zoom.instances (greatest(started_at, ended_at, told_at));
-- Those that may be over without an end that was told.
create index instances_open_idx on zoom.instances (started_at) where ended_at is null;

alter table zoom.instances enable row level security;
grant select, insert, update, delete on zoom.instances to service_role;


create table zoom.segments (
  run_id bigint not null,
  segment text collate "C" not null,
  connection text collate "C",
  connection_key text collate "C" not null generated always as (coalesce(connection, 'segment ' || segment)) stored,
  is_made_up boolean not null generated always as (segment ~ '^(email|name|connection|account|waiting|forgotten) ') stored,
  zoom_user_id text collate "C",
  participant_id text collate "C",
  registrant_id text collate "C",
  customer_key text collate "C",
  email text collate "C",
  was_in boolean not null default false,
  user_id uuid references public.users (id) on delete set null,
  known_by text,
  is_staff boolean not null default false,
  is_forgotten boolean not null default false,
  primary key (run_id, segment),
  constraint absent_is_null_not_empty check ('' not in (coalesce(connection, '-'), coalesce(zoom_user_id, '-'),
    coalesce(participant_id, '-'), coalesce(registrant_id, '-'), coalesce(customer_key, '-'), coalesce(email, '-')))
);

comment on table zoom.segments is 'One stay in one room (a rejoin and a breakout move each begin another), and all that Zoom said about who it is.';
comment on column zoom.segments.run_id is 'The run of the meeting (zoom.keep_facts finds it or makes it, and none is ever deleted; a foreign key would cost each event).';
comment on column zoom.segments.segment is 'Zoom''s participant.user_id: what pairs a join with its leave. Where Zoom told none: the e-mail, else the name, else the connection, else the account, with a word before it (forgotten, and something random, once that was removed).';
comment on column zoom.segments.connection is 'Zoom''s participant_uuid: one connection, kept through breakout moves.';
comment on column zoom.segments.connection_key is 'The connection, else the segment by itself. One key is one person.';
comment on column zoom.segments.is_made_up is 'Whether the segment''s name is one that zoom.read_events (or zoom.forget_person) gave it, and not Zoom''s user_id.';
comment on column zoom.segments.zoom_user_id is 'The Zoom account, if signed in.';
comment on column zoom.segments.participant_id is 'participant.id, where it is something else than the account: it may be a registrant''s id.';
comment on column zoom.segments.registrant_id is 'The registration, if the meeting asks for one.';
comment on column zoom.segments.customer_key is 'What the page that embeds the meeting passed when joining.';
comment on column zoom.segments.email is 'The e-mail, as Zoom shows it.';
comment on column zoom.segments.was_in is 'Whether Zoom told that they joined or left, and not only that they waited.';
comment on column zoom.segments.user_id is 'The user it is, as last looked up; null for somebody unknown.';
comment on column zoom.segments.known_by is 'By what: key, registration, email or name; tie for two answers at once, which is nobody; null for nothing.';
comment on column zoom.segments.is_staff is 'Whether it is one of the staff, as last looked up: see zoom.are_staff.';
comment on column zoom.segments.is_forgotten is 'What Zoom said of who it is was removed (zoom.forget_person): it stays whom it was taken for, and nothing is added.';

-- What tells the row first: else, while there are no statistics, an index on the run alone looks as good as the right one.
create index segments_connection_idx on zoom.segments (connection_key, run_id);
create index segments_user_idx on zoom.segments (user_id, run_id);
create index segments_key_idx on zoom.segments (customer_key, run_id) where customer_key is not null;

alter table zoom.segments enable row level security;
grant select, insert, update, delete on zoom.segments to service_role;


create table zoom.marks (
  run_id bigint not null,
  segment text collate "C" not null,
  at timestamptz not null,
  kind text collate "C" not null,
  body_hash text collate "C" not null default '',
  approximate boolean not null default false,
  name text collate "C" check (name <> ''),
  recorded_at timestamptz not null default now(),
  primary key (run_id, segment, at, kind, body_hash)
);

comment on table zoom.marks is 'Something happened at an instant. A set: hearing of a mark again changes nothing.';
comment on column zoom.marks.run_id is 'The run of the meeting: see zoom.segments.run_id.';
comment on column zoom.marks.segment is 'The segment that it is about; empty for a mark of the run.';
comment on column zoom.marks.at is 'When, to the second, by the event''s own time.';
comment on column zoom.marks.kind is 'What: one that zoom.kinds lists (zoom.read_events refuses others; a foreign key would cost each event).';
comment on column zoom.marks.body_hash is 'The SHA-256 of an event that had no time: at is when it was first accepted, to the microsecond (see zoom.timeless). Empty for all others.';
comment on column zoom.marks.approximate is 'The event had no usable time of its own; this is when Zoom sent it, or when it was accepted.';
comment on column zoom.marks.name is 'The display name at that time; of several told, the greatest.';
comment on column zoom.marks.recorded_at is 'When we first recorded it. Explains a verdict; decides nothing.';

create index marks_timeless_idx on zoom.marks (body_hash) where body_hash <> '';

alter table zoom.marks enable row level security;
grant select, insert, update, delete on zoom.marks to service_role;


create table zoom.timeless (
  body_hash text collate "C" primary key,
  accepted_at timestamptz not null
);

comment on table zoom.timeless is 'Events that told no time, by the hash of their body.';
comment on column zoom.timeless.body_hash is 'The SHA-256 of the body.';
comment on column zoom.timeless.accepted_at is 'When that body was accepted first: the time it counts from.';

alter table zoom.timeless enable row level security;
grant select, insert, update, delete on zoom.timeless to service_role;


create table zoom.history (
  version_id bigint primary key generated always as identity,
  relation text collate "C" not null,
  row_key text collate "C" not null,
  was jsonb not null,
  since timestamptz not null,
  until timestamptz not null default 'infinity' check (until > since),
  is_first boolean not null default false
);

comment on table zoom.history is
  'The values of the columns that decide, in the school''s own tables, and from when to when they stood. Written by a trigger '
  'of each of these tables (zoom.note_history); what changed before the project was adopted is not known.';
comment on column zoom.history.version_id is 'Generated, in the order of the changes.';
comment on column zoom.history.relation is 'The table, in schema public.';
comment on column zoom.history.row_key is 'The primary key of the row.';
comment on column zoom.history.was is 'The values: see zoom.deciding. Without name, e-mail and registration once the user is deleted or forgotten (zoom.forget_history).';
comment on column zoom.history.since is 'From when; -infinity for what was there when the project was adopted.';
comment on column zoom.history.until is 'Until when; infinity for what stands.';
comment on column zoom.history.is_first is 'Whether it is the first that is known of its row.';

create index history_row_idx on zoom.history (row_key, relation, until);
create index history_address_idx on zoom.history ((lower(btrim(was ->> 'email')) collate "C")) where relation = 'users';
create index history_number_idx on zoom.history ((regexp_replace(was ->> 'zoom_meeting_id', '[^0-9]', '', 'g') collate "C")) where relation = 'zoom_meetings';
create index history_personal_idx on zoom.history (((was ->> 'personal_number') collate "C")) where relation = 'zoom_meetings' and was ->> 'personal_number' is not null;
create index history_meetings_of_class_idx on zoom.history (((was ->> 'class_id')::uuid), row_key) where relation = 'zoom_meetings';
create index history_meetings_since_idx on zoom.history (since) where relation = 'zoom_meetings';
create index history_meetings_until_idx on zoom.history (until) where relation = 'zoom_meetings' and until < 'infinity';
create index history_enrolled_idx on zoom.history (((was ->> 'student_id')::uuid), ((was ->> 'class_id')::uuid)) where relation = 'class_students';
create index history_class_idx on zoom.history (((was ->> 'class_id')::uuid), ((was ->> 'student_id')::uuid)) where relation = 'class_students';
create index history_registered_idx on zoom.history ((was ->> 'user_id')) where relation = 'meeting_registrants';
create index history_registrant_idx on zoom.history (((was ->> 'meeting_id')::uuid), ((was ->> 'zoom_registrant_id') collate "C")) where relation = 'meeting_registrants';


alter table zoom.history enable row level security;
grant select, insert, update, delete on zoom.history to service_role;


create table zoom.settings (
  since timestamptz primary key,
  min_minutes numeric not null,
  timezone text not null,
  app_joins text not null,
  plan_margin interval not null
);

comment on table zoom.settings is 'The school''s settings of attendance, as its sidecar gave them, and since when. A lesson goes by those in force when its first run began.';
comment on column zoom.settings.since is 'When a call first gave them.';
comment on column zoom.settings.min_minutes is 'ATTENDANCE_MIN_MINUTES: from how many minutes a student counts as present.';
comment on column zoom.settings.timezone is 'ATTENDANCE_TIMEZONE: a zone, or meeting for each meeting''s own.';
comment on column zoom.settings.app_joins is 'ATTENDANCE_APP_JOINS: corroborate, count or ignore.';
comment on column zoom.settings.plan_margin is 'ATTENDANCE_PLAN_MARGIN: how long before its start and after its end a lesson takes runs.';

alter table zoom.settings enable row level security;
grant select, insert, update, delete on zoom.settings to service_role;


create table zoom.staff_names (
  user_id uuid primary key references public.users (id) on delete cascade,
  name text,
  noted_at timestamptz not null default now()
);

comment on table zoom.staff_names is
  'The names of users who renamed themselves, as staff last wrote them. Who is not here goes by users.name.';
comment on column zoom.staff_names.user_id is 'The user.';
comment on column zoom.staff_names.name is
  'The name that staff last wrote; null for somebody who signed up themselves, and whom a name alone never tells.';
comment on column zoom.staff_names.noted_at is 'When they first wrote another one.';

alter table zoom.staff_names enable row level security;
grant select on zoom.staff_names to service_role;


create table zoom.unconfirmed (
  meeting_id uuid primary key references public.zoom_meetings (id) on delete cascade,
  noted_at timestamptz not null default now()
);

comment on table zoom.unconfirmed is
  'Meetings that a user gave their class. They make attendance only while the host teaches it, until an admin saves the row, or '
  'the school''s server writes its class.';
comment on column zoom.unconfirmed.meeting_id is 'The meeting.';
comment on column zoom.unconfirmed.noted_at is 'When its class was written.';

alter table zoom.unconfirmed enable row level security;
grant select on zoom.unconfirmed to service_role;


create table zoom.changes (
  change_id bigint primary key generated always as identity,
  relation text collate "C" not null,
  row_key text collate "C" not null,
  was jsonb not null,
  version_id bigint,
  is_gone boolean not null default false,
  again_from xid8
);

comment on table zoom.changes is 'Changes of the school''s data that may give a lesson what it lacked, until the lessons were looked for.';
comment on column zoom.changes.change_id is 'Generated, in their order.';
comment on column zoom.changes.relation is 'The table, as in zoom.history; or visits.';
comment on column zoom.changes.row_key is 'The row, as in zoom.history.';
comment on column zoom.changes.was is 'What it says now; of a row that is gone, what it said.';
comment on column zoom.changes.version_id is 'The version in zoom.history that began with it, or ended; null for what is not kept there.';
comment on column zoom.changes.is_gone is 'Whether the row is gone.';
comment on column zoom.changes.again_from is
  'It was looked at once, and is once more when all transactions of that time are over: one of them may hold an event that the '
  'change concerns. Null before the first look.';

alter table zoom.changes enable row level security;
grant select, insert, update, delete on zoom.changes to service_role;


create table zoom.due (
  run_id bigint primary key references zoom.instances (run_id) on delete cascade,
  is_chosen boolean not null default false,
  not_before timestamptz not null default '-infinity',
  failures integer not null default 0,
  failed_at timestamptz,
  code text,
  constraint what_failed_says_since_when_and_why check ((failures > 0) = (failed_at is not null and code is not null))
);

comment on table zoom.due is 'Runs that are to be judged anew.';
comment on column zoom.due.run_id is 'The run.';
comment on column zoom.due.is_chosen is 'Whether somebody chose it (sidecar rejudge).';
comment on column zoom.due.not_before is 'When it is tried next, after it failed.';
comment on column zoom.due.failures is 'How often it failed.';
comment on column zoom.due.failed_at is 'When it failed first.';
comment on column zoom.due.code is 'The SQLSTATE with which it failed last.';

alter table zoom.due enable row level security;
grant select, insert, update, delete on zoom.due to service_role;


create table zoom.visits (
  meeting_id uuid not null,
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
  meeting_id uuid not null,
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
  said text check (said in ('nothing', 'absent', 'partial', 'present')),
  primary key (student_id, class_id, date),
  constraint a_persons_word_is_against_ours check (theirs is null or said is not null)
);

comment on table zoom.verdicts is 'What the sidecar remembers of attendance records: people outrank it, so it must know which words are theirs.';
comment on column zoom.verdicts.student_id is 'The student.';
comment on column zoom.verdicts.class_id is 'The class.';
comment on column zoom.verdicts.date is 'The date of the lesson.';
comment on column zoom.verdicts.verdict is 'What Zoom''s facts last said; null when they said nothing any more.';
comment on column zoom.verdicts.theirs is 'The status that somebody else had set; null where nobody did, or where they removed the record.';
comment on column zoom.verdicts.said is 'What our verdict was when somebody else set theirs, or removed the record; null where nobody did.';

create index verdicts_lesson_idx on zoom.verdicts (class_id, date, student_id);

alter table zoom.verdicts enable row level security;
grant select, insert, update, delete on zoom.verdicts to service_role;


create table zoom.refused (
  relation text not null,
  row_key text not null,
  meeting_id uuid,
  student_id uuid references public.users (id) on delete cascade,
  class_id uuid references public.classes (id) on delete cascade,
  date date,
  wanted text,
  code text not null,
  reason text not null,
  since timestamptz not null default now(),
  tried_at timestamptz not null default now(),
  primary key (relation, row_key)
);

comment on table zoom.refused is
  'Rows that the school''s database did not take (a check, a trigger of the app''s): set aside one by one, tried again when '
  'something of them changes and once an hour.';
comment on column zoom.refused.relation is 'The table, in schema public.';
comment on column zoom.refused.row_key is 'Which row: student, class and date; or the meeting; or the meeting and whom it is for.';
comment on column zoom.refused.meeting_id is 'The meeting, for zoom_meetings and zoom_participants.';
comment on column zoom.refused.student_id is 'The student, or the user.';
comment on column zoom.refused.class_id is 'The class, for attendance_records.';
comment on column zoom.refused.date is 'The date, for attendance_records.';
comment on column zoom.refused.wanted is 'The status it should have; null for a row that should go.';
comment on column zoom.refused.code is 'The SQLSTATE.';
comment on column zoom.refused.reason is 'What the database said, or the constraint''s name. Seen by operators alone, and never logged.';
comment on column zoom.refused.since is 'Since when.';
comment on column zoom.refused.tried_at is 'When it was tried last.';

create index refused_student_idx on zoom.refused (student_id);
create index refused_class_idx on zoom.refused (class_id);

alter table zoom.refused enable row level security;
grant select, insert, update, delete on zoom.refused to service_role;


create table zoom.unfinished (
  student_id uuid not null references public.users (id) on delete cascade,
  class_id uuid not null references public.classes (id) on delete cascade,
  date date not null,
  primary key (class_id, date, student_id)
);

comment on table zoom.unfinished is 'Records that a large lesson left for calls of their own (public.catch_up_zoom), so that no transaction carries more changes than Realtime can tell its listeners of.';
comment on column zoom.unfinished.student_id is 'The student.';
comment on column zoom.unfinished.class_id is 'The class.';
comment on column zoom.unfinished.date is 'The date of the lesson.';

create index unfinished_student_id_idx on zoom.unfinished (student_id);

alter table zoom.unfinished enable row level security;
grant select, insert, update, delete on zoom.unfinished to service_role;
