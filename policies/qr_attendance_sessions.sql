-- QR codes shown in class, by which students check in.
--
--   see                   the students of the class, its teacher, admins
--   create, change, delete  the class's teacher, admins

call zoom.take_over('public.qr_attendance_sessions', closes_writes => true);

alter table public.qr_attendance_sessions enable row level security;
revoke all on public.qr_attendance_sessions from public, anon, authenticated;
grant select, insert, update, delete on public.qr_attendance_sessions to authenticated, service_role;

create policy "a class and its teacher see its codes" on public.qr_attendance_sessions
for select to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
  or class_id in (select zoom.classes_enrolled())
);

create policy "class teachers show codes" on public.qr_attendance_sessions
for insert to authenticated with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);

create policy "class teachers change their codes" on public.qr_attendance_sessions
for update to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
) with check (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);

create policy "class teachers delete their codes" on public.qr_attendance_sessions
for delete to authenticated using (
  (select zoom.is_admin())
  or class_id in (select zoom.classes_taught())
);
