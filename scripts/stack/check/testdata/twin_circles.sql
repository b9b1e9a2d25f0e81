-- The school of twin.sql, with policies that ask the very table they stand on, on all ten tables and for all verbs.
--
-- PostgreSQL allows it as long as whatever policy for reading it comes upon on the way holds no sub-select while the table is
-- being asked about already, and refuses it else (42P17): so the readers here hold none. A policy for reading cannot ask its own
-- table but by a function that looks past policies.
--
-- On the tables that attendance is made of the asking policies are restrictive, which stay when we come: a sub-select in
-- a reader of ours would break each of them. twin_pairs.sql makes circles over two tables of it.

create function is_admin_here() returns boolean language sql stable security definer set search_path = '' as $$
  select exists (select from public.users me where me.id = auth.uid() and me.role = 'admin')
$$;

create function has_row(tab regclass, this uuid) returns boolean language plpgsql stable security definer set search_path = '' as $$
declare
  has boolean;
begin
  execute format('select exists (select from %s where id = $1)', tab) into has using this;
  return has;
end
$$;

-- Readers without a sub-select in place of those that have one; each asks its own table by a function.
do $$
declare
  reader record;
begin
  for reader in
    select policyname, tablename from pg_policies
    where schemaname = 'public' and tablename not in ('announcements', 'calendar_events', 'grades', 'audit_logs')
      and (cmd in ('SELECT', 'ALL') or tablename in ('users', 'class_students'))
  loop
    execute format('drop policy %I on %I', reader.policyname, reader.tablename);
  end loop;
end
$$;
create policy "Readers" on users for select to authenticated using (has_row('users', id));
create policy "Readers" on classes for select to authenticated using (has_row('classes', id));
create policy "Readers" on class_students for select using (has_row('class_students', id) and is_admin_here());
create policy "Readers" on parent_children for select using (has_row('parent_children', id) and is_admin_here());
create policy "Readers" on attendance_records for select to authenticated using (has_row('attendance_records', id));
create policy "Open readers" on attendance_records for select to authenticated using (true);
create policy "Readers" on qr_attendance_sessions for select to authenticated using (has_row('qr_attendance_sessions', id));
create policy "Open readers" on qr_attendance_sessions for select to authenticated using (true);
create policy "Readers" on qr_checkins for select to authenticated using (has_row('qr_checkins', id));
create policy "Readers" on zoom_participants for select using (has_row('zoom_participants', id));
create policy "Readers" on meeting_registrants for select using (has_row('meeting_registrants', id));
create policy "Readers" on zoom_meetings for select using (has_row('zoom_meetings', id));

-- The four tables of people: whoever writes is asked about in the table itself, each verb by a policy of its own.
create policy "Add" on users for insert to authenticated
  with check ((select me.role from users me where me.id = (select auth.uid())) = 'admin');
create policy "Change" on users for update to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and (me.role = 'admin' or me.id = users.id)));
create policy "Delete" on users for delete to authenticated
  using (exists (select from users me where me.id = (select auth.uid()) and me.role = 'admin'));
create policy "Add" on classes for insert to authenticated
  with check (is_admin_here() and not exists (select from classes other where other.name = classes.name));
create policy "Change" on classes for update to authenticated
  using (is_admin_here() and (select count(*) from classes other) > 0);
create policy "Delete" on classes for delete to authenticated
  using (is_admin_here() and exists (select from classes other where other.id <> classes.id));
create policy "Add" on class_students for insert to authenticated
  with check (is_admin_here() and (select count(*) from class_students other where other.class_id = class_students.class_id) < 40);
create policy "Change" on class_students for update to authenticated
  using (exists (select from class_students other where other.id = class_students.id and is_admin_here()));
create policy "Delete" on class_students for delete to authenticated
  using (exists (select from class_students other where other.id = class_students.id and is_admin_here()));
create policy "Add" on parent_children for insert to authenticated
  with check (is_admin_here() and (select count(*) from parent_children other where other.student_id = parent_children.student_id) < 4);
create policy "Change" on parent_children for update to authenticated
  using (exists (select from parent_children other where other.id = parent_children.id and is_admin_here()));
create policy "Delete" on parent_children for delete to authenticated
  using (exists (select from parent_children other where other.id = parent_children.id and is_admin_here()));

-- The six others: whoever is let through by others is asked about in the table itself.
create policy "Let through" on attendance_records for all to authenticated using (is_admin_here());
create policy "Let through" on qr_attendance_sessions for all to authenticated using (is_admin_here());
create policy "Let through" on qr_checkins for all to authenticated using (is_admin_here());
create policy "Let through" on zoom_meetings for all to authenticated using (is_admin_here());
create policy "Let through" on zoom_participants for all to authenticated using (is_admin_here());
create policy "Let through" on meeting_registrants for all to authenticated using (is_admin_here());
do $$
declare
  tab text;
  verb text;
begin
  foreach tab in array array['attendance_records', 'qr_attendance_sessions', 'qr_checkins', 'zoom_meetings', 'zoom_participants',
    'meeting_registrants']
  loop
    execute format('create policy "Not too many are added" on %I as restrictive for insert to authenticated
      with check ((select count(*) from %1$I other) < 1000)', tab);
    foreach verb in array array['update', 'delete'] loop
      execute format('create policy %I on %I as restrictive for %s to authenticated
        using (exists (select from %2$I other where other.id = %2$I.id))', 'What can be seen may ' || verb, tab, verb);
    end loop;
  end loop;
end
$$;

insert into users (id, email, name, role)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'person.' || n || '@school.test', 'Person ' || n,
  case n when 1 then 'admin' when 16 then 'teacher' when 522 then 'parent' else 'student' end
from unnest(array[1, 16, 125, 126, 522]) n;
insert into classes (id, name, grade, section, subject, teacher_id)
select ('00000000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, 'Class ' || n, '6', 'A', 'Art', '00000000-0000-4000-8000-000000000016'
from unnest(array[6, 7]) n;
insert into class_students (class_id, student_id)
select '00000000-0000-4000-9000-000000000006', id from users where role = 'student';
insert into parent_children (parent_id, student_id) values ('00000000-0000-4000-8000-000000000522', '00000000-0000-4000-8000-000000000125');
insert into zoom_meetings (id, zoom_meeting_id, host_id, title, start_time, join_url, class_id)
select ('00000000-0000-4000-a000-' || lpad(n::text, 12, '0'))::uuid, (82000000000 + n)::text, '00000000-0000-4000-8000-000000000016', 'Lesson',
  '2026-01-12T08:00Z', 'https://zoom.test/j/' || n, '00000000-0000-4000-9000-000000000006'
from unnest(array[6, 7]) n;
insert into zoom_participants (meeting_id, user_id, status)
values ('00000000-0000-4000-a000-000000000006', '00000000-0000-4000-8000-000000000125', 'joined');
insert into meeting_registrants (meeting_id, user_id)
values ('00000000-0000-4000-a000-000000000006', '00000000-0000-4000-8000-000000000125');
insert into attendance_records (student_id, class_id, date, status)
select id, '00000000-0000-4000-9000-000000000006', '2026-01-12', 'present' from users where role = 'student';
insert into qr_attendance_sessions (id, class_id, teacher_id, date, start_time, qr_code)
select ('00000000-0000-4000-b000-' || lpad(n::text, 12, '0'))::uuid, '00000000-0000-4000-9000-000000000006',
  '00000000-0000-4000-8000-000000000016', current_date, '08:00', 'code-' || n
from unnest(array[6, 7]) n;
insert into qr_checkins (session_id, student_id)
values ('00000000-0000-4000-b000-000000000006', '00000000-0000-4000-8000-000000000126');
