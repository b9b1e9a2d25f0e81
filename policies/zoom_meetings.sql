-- Meetings at Zoom: seen by those they are meant for, planned by teachers and admins.
--
--   see                   the host, the class's teacher, admins; and by audience: everybody of the school (all), students,
--                         teachers, or the enrolled and their parents (class); personal is the host's alone
--   create                teachers for themselves, admins for anybody
--   change, delete        the host and admins

call zoom.take_over('public.zoom_meetings', closes_writes => true, replaces => array['Users can view meetings they have access to']);

alter table public.zoom_meetings enable row level security;
revoke all on public.zoom_meetings from public, anon, authenticated;
grant select, insert, update, delete on public.zoom_meetings to authenticated, service_role;

create policy "people see the meetings meant for them" on public.zoom_meetings
for select to authenticated using (
  host_id = (select zoom.caller())
  or (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or case target_audience
    when 'all' then (select zoom.caller()) is not null
    when 'students' then (select zoom.caller_role()) = 'student'
    when 'teachers' then (select zoom.caller_role()) = 'teacher'
    when 'class' then class_id in (select zoom.classes_of_family())
    else false
  end
);

create policy "teachers and admins create meetings" on public.zoom_meetings
for insert to authenticated with check (
  (select zoom.is_admin())
  or (select zoom.is_staff()) and host_id = (select zoom.caller())
);

create policy "hosts and admins change meetings" on public.zoom_meetings
for update to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
) with check (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);

create policy "hosts and admins delete meetings" on public.zoom_meetings
for delete to authenticated using (
  (select zoom.is_admin())
  or host_id = (select zoom.caller())
);
