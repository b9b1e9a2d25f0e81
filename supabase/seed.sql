-- A small school to develop and to demonstrate with. Everybody in it is invented; every e-mail ends in .test.
--
-- The lesson to look at is Zoom meeting 81234567890: mathematics with class 7b, every school day. `sidecar simulate`
-- plays it unless told otherwise. Running this file again changes nothing: every id is fixed, and the ids tell what a
-- row is by their last digits: 1 the admin, 11… teachers, 101… students, 201… parents, c01… classes, e01… meetings.

insert into public.users (id, email, name, role, phone)
values
  ('00000000-0000-4000-8000-000000000001', 'office@school.test', 'Ingrid Halvorsen', 'admin', '+00 555 0100'),
  ('00000000-0000-4000-8000-000000000011', 'a.okafor@school.test', 'Adaeze Okafor', 'teacher', '+00 555 0111'),
  ('00000000-0000-4000-8000-000000000012', 'k.lindqvist@school.test', 'Karl Lindqvist', 'teacher', '+00 555 0112'),
  ('00000000-0000-4000-8000-000000000013', 'r.tanaka@school.test', 'Reiko Tanaka', 'teacher', '+00 555 0113'),
  ('00000000-0000-4000-8000-000000000014', 's.haddad@school.test', 'Samir Haddad', 'teacher', null)
on conflict do nothing;

-- 42 students of class 7b (101 to 142), then 6 of class 8a (143 to 148).
insert into public.users (id, email, name, role)
select ('00000000-0000-4000-8000-000000000' || student.number)::uuid, student.mailbox || '@school.test', student.name, 'student'
from (
  values
    (101, 'maria', 'Maria Oliveira'),
    (102, 'aiko.sato', 'Aiko Sato'),
    (103, 'amara.diallo', 'Amara Diallo'),
    (104, 'anders.berg', 'Anders Berg'),
    (105, 'anjali.rao', 'Anjali Rao'),
    (106, 'aroha.ngata', 'Aroha Ngata'),
    (107, 'ayse.yilmaz', 'Ayşe Yılmaz'),
    (108, 'bao.nguyen', 'Nguyễn Gia Bảo'),
    (109, 'beatriz.lopez', 'Beatriz López'),
    (110, 'chidi.eze', 'Chidi Eze'),
    (111, 'chloe.martin', 'Chloé Martin'),
    (112, 'dmitri.volkov', 'Дмитрий Волков'),
    (113, 'eilidh.fraser', 'Eilidh Fraser'),
    (114, 'emeka.obi', 'Emeka Obi'),
    (115, 'farid.karimi', 'Farid Karimi'),
    (116, 'fatou.ndiaye', 'Fatou N''Diaye'),
    (117, 'giulia.conti', 'Giulia Conti'),
    (118, 'hana.kim', '김하나'),
    (119, 'hassan.ali', 'حسن علي'),
    (120, 'ines.pereira', 'Inês Pereira'),
    (121, 'ivan.horvat', 'Ivan Horvat'),
    (122, 'jakub.nowak', 'Jakub Nowak'),
    (123, 'jonas.weber', 'Jonas Weber'),
    (124, 'kaveh.moradi', 'Kaveh Moradi'),
    (125, 'kwame.mensah', 'Kwame Mensah'),
    (126, 'leilani.kealoha', 'Leilani Kealoha'),
    (127, 'lena.muller', 'Lena Müller'),
    (128, 'li.wei', '李伟'),
    (129, 'lucas.silva', 'Lucas Silva'),
    (130, 'mateo.quispe', 'Mateo Quispe'),
    (131, 'nadia.petrova', 'Надя Петрова'),
    (132, 'niamh.obrien', 'Niamh O''Brien'),
    (133, 'noor.dejong', 'Noor de Jong'),
    (134, 'omar.farouk', 'Omar Farouk'),
    (135, 'priya.sharma', 'Priya Sharma'),
    (136, 'rahel.tesfaye', 'Rahel Tesfaye'),
    (137, 'rosa.garcia', 'Rosa García'),
    (138, 'sione.tuilagi', 'Sione Tuilagi'),
    (139, 'tomas.dvorak', 'Tomáš Dvořák'),
    (140, 'wanjiru.kamau', 'Wanjiru Kamau'),
    (141, 'yael.levi', 'יעל לוי'),
    (142, 'zofia.wisniewska', 'Zofia Wiśniewska'),
    (143, 'abebe.girma', 'Abebe Girma'),
    (144, 'eleni.papadaki', 'Ελένη Παπαδάκη'),
    (145, 'freya.jonsdottir', 'Freyja Jónsdóttir'),
    (146, 'samuel.cohen', 'Samuel Cohen'),
    (147, 'siti.rahman', 'Siti Rahman'),
    (148, 'thabo.mokoena', 'Thabo Mokoena')
) as student (number, mailbox, name)
on conflict do nothing;

insert into public.users (id, email, name, role)
values
  ('00000000-0000-4000-8000-000000000201', 'joana.oliveira@home.test', 'Joana Oliveira', 'parent'),
  ('00000000-0000-4000-8000-000000000202', 'paulo.oliveira@home.test', 'Paulo Oliveira', 'parent'),
  ('00000000-0000-4000-8000-000000000203', 'h.sato@home.test', 'Hiroshi Sato', 'parent'),
  ('00000000-0000-4000-8000-000000000204', 'grace.mensah@home.test', 'Grace Mensah', 'parent'),
  ('00000000-0000-4000-8000-000000000205', 'm.girma@home.test', 'Marta Girma', 'parent')
on conflict do nothing;

insert into public.classes (id, name, grade, section, teacher_id, subject, schedule, room)
values
  ('00000000-0000-4000-8000-000000000c01', '7b', '7', 'b', '00000000-0000-4000-8000-000000000011', 'Mathematics', 'Monday to Friday, 8:00', '2.14'),
  ('00000000-0000-4000-8000-000000000c02', '8a', '8', 'a', '00000000-0000-4000-8000-000000000012', 'Physics', 'Tuesday and Thursday, 10:00', '3.02'),
  ('00000000-0000-4000-8000-000000000c03', 'Chess club', 'all', '', '00000000-0000-4000-8000-000000000013', 'Chess', 'Wednesday, 15:00', 'Library')
on conflict do nothing;

insert into public.class_students (class_id, student_id)
select case when number <= 142 then '00000000-0000-4000-8000-000000000c01' else '00000000-0000-4000-8000-000000000c02' end::uuid,
  ('00000000-0000-4000-8000-000000000' || number)::uuid
from generate_series(101, 148) as number
on conflict do nothing;

-- The chess club takes whoever likes chess, from both classes.
insert into public.class_students (class_id, student_id)
select '00000000-0000-4000-8000-000000000c03', ('00000000-0000-4000-8000-000000000' || number)::uuid
from unnest(array[101, 112, 118, 125, 139, 144, 147]) as number
on conflict do nothing;

-- Two parents of one child, one parent of two.
insert into public.parent_children (parent_id, student_id)
values
  ('00000000-0000-4000-8000-000000000201', '00000000-0000-4000-8000-000000000101'),
  ('00000000-0000-4000-8000-000000000202', '00000000-0000-4000-8000-000000000101'),
  ('00000000-0000-4000-8000-000000000203', '00000000-0000-4000-8000-000000000102'),
  ('00000000-0000-4000-8000-000000000204', '00000000-0000-4000-8000-000000000125'),
  ('00000000-0000-4000-8000-000000000204', '00000000-0000-4000-8000-000000000140'),
  ('00000000-0000-4000-8000-000000000205', '00000000-0000-4000-8000-000000000143')
on conflict do nothing;

insert into public.zoom_meetings (
  id, zoom_meeting_id, host_id, title, description, meeting_type, start_time, duration, timezone,
  join_url, status, class_id, target_audience, registration_enabled
)
values
  ('00000000-0000-4000-8000-000000000e01', '81234567890', '00000000-0000-4000-8000-000000000011', 'Mathematics 7b', 'The daily lesson',
    'recurring', '2026-09-01T08:00:00Z', 45, 'Europe/Berlin', 'https://zoom.test/j/81234567890', 'scheduled', '00000000-0000-4000-8000-000000000c01', 'class', true),
  ('00000000-0000-4000-8000-000000000e02', '81234567891', '00000000-0000-4000-8000-000000000012', 'Physics 8a: the pendulum', null,
    'scheduled', '2026-12-03T10:00:00Z', 60, 'Europe/Berlin', 'https://zoom.test/j/81234567891', 'scheduled', '00000000-0000-4000-8000-000000000c02', 'class', false),
  ('00000000-0000-4000-8000-000000000e03', '81234567892', '00000000-0000-4000-8000-000000000013', 'Staff room', 'A word between lessons',
    'instant', '2026-11-20T12:00:00Z', 30, 'UTC', 'https://zoom.test/j/81234567892', 'scheduled', null, 'teachers', false),
  ('00000000-0000-4000-8000-000000000e04', '81234567893', '00000000-0000-4000-8000-000000000011', 'Mathematics 7b: extra hour', 'The teacher is ill',
    'scheduled', '2026-11-19T14:00:00Z', 45, 'Europe/Berlin', 'https://zoom.test/j/81234567893', 'cancelled', '00000000-0000-4000-8000-000000000c01', 'class', false),
  ('00000000-0000-4000-8000-000000000e05', '81234567894', '00000000-0000-4000-8000-000000000001', 'Assembly', 'The whole school, first Friday of the month',
    'recurring', '2026-09-04T09:00:00Z', 30, 'Europe/Berlin', 'https://zoom.test/j/81234567894', 'scheduled', null, 'all', false),
  ('00000000-0000-4000-8000-000000000e06', '81234567895', '00000000-0000-4000-8000-000000000013', 'Chess club', null,
    'recurring', '2026-09-02T15:00:00Z', 90, 'Asia/Tokyo', 'https://zoom.test/j/81234567895', 'scheduled', '00000000-0000-4000-8000-000000000c03', 'class', false)
on conflict do nothing;

-- A few of 7b registered for the lesson: Zoom then names them by their registration, whatever else it hides.
insert into public.meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url, status)
select '00000000-0000-4000-8000-000000000e01', ('00000000-0000-4000-8000-000000000' || number)::uuid,
  'regDEMO00000000000' || number, 'https://zoom.test/w/81234567890?tk=demo' || number, 'approved'
from unnest(array[101, 102, 108, 119, 128, 141]) as number
on conflict do nothing;
