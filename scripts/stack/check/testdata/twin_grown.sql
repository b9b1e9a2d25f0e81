-- The school of twin.sql, grown: roles of its own, programs that import and report, houses with counsellors, families
-- without row level security, a public calendar, a policy that lets everybody enrol, a function that looks past all
-- policies, and an app that does not know partial attendance yet.

alter table attendance_records drop constraint attendance_records_status_check;
alter table attendance_records add constraint attendance_records_status_check check (status in ('present', 'absent', 'late', 'excused'));

-- Roles belong to the whole server, which may have them from another database already.
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

grant select on zoom_participants, attendance_records to reporting;
grant select, insert, update on attendance_records to "school-import";
-- The public calendar shows when a meeting is, and not how to get into it.
revoke select on zoom_meetings from anon;
grant select (id, title, start_time) on zoom_meetings to anon;

-- The app's authors forgot the families.
drop policy "Parents see their family" on parent_children;
drop policy "Admins keep the families" on parent_children;
alter table parent_children disable row level security;

create policy "Anything may enrol" on class_students for insert with check (true);
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
create policy "Accounts in good standing" on zoom_meetings as restrictive for all to authenticated
  using (exists (select 1 from users where users.id = auth.uid() and users.is_active));
create policy "Service role has full access" on zoom_participants for all to service_role using (true) with check (true);
create policy "Reporting reads participants" on zoom_participants for select to reporting using (true);

create function touch_updated_at() returns trigger language plpgsql as $$
begin
  new.updated_at = now();
  return new;
end
$$;
create trigger meetings_are_touched before update on zoom_meetings for each row execute function touch_updated_at();

create function students_of(class uuid) returns setof text language sql security definer set search_path = '' as $$
  select person.name from public.class_students seat join public.users person on person.id = seat.student_id where seat.class_id = class
$$;

insert into users (id, email, name, role)
select ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid, 'person.' || n || '@school.test', 'Person ' || n,
  case n when 1 then 'admin' when 16 then 'teacher' when 22 then 'teacher' when 522 then 'parent' else 'student' end
from unnest(array[1, 16, 22, 125, 126, 522]) n;
insert into classes (id, name, grade, section, subject, teacher_id)
values ('00000000-0000-4000-9000-000000000006', 'Class 6', '6', 'A', 'Art', '00000000-0000-4000-8000-000000000016');
insert into class_students (class_id, student_id)
select '00000000-0000-4000-9000-000000000006', id from users where role = 'student';
insert into parent_children (parent_id, student_id) values ('00000000-0000-4000-8000-000000000522', '00000000-0000-4000-8000-000000000125');
insert into houses (id, name, counsellor_id)
values ('00000000-0000-4000-9000-000000000100', 'House', '00000000-0000-4000-8000-000000000022');
insert into house_students (house_id, student_id) values ('00000000-0000-4000-9000-000000000100', '00000000-0000-4000-8000-000000000125');
insert into zoom_meetings (id, zoom_meeting_id, host_id, title, start_time, join_url, class_id)
values ('00000000-0000-4000-a000-000000000006', '82000000006', '00000000-0000-4000-8000-000000000016', 'Lesson', '2026-01-12T08:00Z',
  'https://zoom.test/j/6', '00000000-0000-4000-9000-000000000006');
insert into zoom_participants (meeting_id, user_id, status)
values ('00000000-0000-4000-a000-000000000006', '00000000-0000-4000-8000-000000000125', 'left');
insert into attendance_records (student_id, class_id, date, status)
values ('00000000-0000-4000-8000-000000000125', '00000000-0000-4000-9000-000000000006', '2026-01-12', 'present');
