-- What the sidecar needs of the app's tables: to reach them as the service role, and to find a row without reading a table.
--
-- The grants are spelled out since new projects grant nothing by themselves; on an older project they change nothing.
-- Locks: users, zoom_meetings, meeting_registrants, attendance_records against writes while an index is built (a second
-- or two for a hundred thousand rows).

grant usage on schema public to service_role;
grant select on public.users, public.class_students, public.meeting_registrants to service_role;
grant select, update on public.zoom_meetings, public.classes to service_role;
grant select, insert, update, delete on public.zoom_participants, public.attendance_records to service_role;

-- A participant is recognised by e-mail whatever the case of its letters, and by registration. A meeting's number is its
-- digits, however the app spells it: an expression of built-in functions, since whoever writes a row computes it.
create index if not exists users_email_lower_idx on public.users (lower(btrim(email)));
create index if not exists zoom_meetings_digits_idx on public.zoom_meetings (regexp_replace(zoom_meeting_id, '[^0-9]', '', 'g'));

-- The attendance of a class is read by its teacher and judged as a whole; an app that never indexed it reads all there is.
do $$
begin
  if not exists (
      select from pg_index
      join pg_attribute class on class.attrelid = indrelid and class.attname = 'class_id' and class.attnum = indkey[0]
      join pg_attribute day on day.attrelid = indrelid and day.attname = 'date' and day.attnum = indkey[1]
      where indrelid = 'public.attendance_records'::regclass) then
    create index attendance_records_lesson_idx on public.attendance_records (class_id, date);
  end if;
end
$$;

-- A participant's row is updated when they leave: with room beside it no index has to follow.
alter table public.zoom_participants set (fillfactor = 60);
