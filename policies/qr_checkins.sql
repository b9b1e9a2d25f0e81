-- Check-ins by QR code: one is what lets a student mark themselves present.
--
--   see                   the student, the class's teacher, admins
--   create                a student, for themselves, to an active code of a class they are enrolled in
--   change, delete        nobody

call zoom.take_over('public.qr_checkins', closes_writes => true);

alter table public.qr_checkins enable row level security;
revoke all on public.qr_checkins from public, anon, authenticated;
grant select, insert on public.qr_checkins to authenticated;
grant select, insert, update, delete on public.qr_checkins to service_role;

create policy "students see their check-ins, and class teachers the class's" on public.qr_checkins
for select to authenticated using (
  student_id = (select zoom.caller())
  or (select zoom.is_admin())
  or session_id in (select zoom.sessions_shown())
);

create policy "students check in to open codes of their classes" on public.qr_checkins
for insert to authenticated with check (
  student_id = (select zoom.caller())
  and session_id in (select zoom.open_sessions())
);
