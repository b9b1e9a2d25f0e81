-- What the sidecar needs of the app's tables: to reach them as the service role, and to find a row without reading a table.
--
-- The grants are spelled out since new projects grant nothing by themselves; on an older project they change nothing.
-- Locks: users, meeting_registrants and zoom_participants against writes while an index is built (a second or two for
-- a hundred thousand rows).

grant usage on schema public to service_role;
grant select on public.users, public.class_students, public.meeting_registrants to service_role;
grant select, update on public.zoom_meetings, public.classes to service_role;
grant select, insert, update, delete on public.zoom_participants, public.attendance_records to service_role;

-- A participant is recognised by e-mail whatever the case of its letters, and by registration before that.
create index if not exists users_email_lower_idx on public.users (lower(email));
create index if not exists meeting_registrants_zoom_idx on public.meeting_registrants (meeting_id, zoom_registrant_id);

-- A participant's row is updated when they leave: with room beside it no index has to follow.
alter table public.zoom_participants set (fillfactor = 60);
