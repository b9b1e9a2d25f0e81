-- Classes, who is in them, and whose children they are.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks nothing but, for a moment, public.users, which the new tables refer to.

create table public.classes (
  id uuid primary key default gen_random_uuid(),
  name text not null,
  grade text not null,
  section text not null,
  teacher_id uuid references public.users (id) on delete set null,
  subject text not null,
  schedule text,
  room text,
  created_at timestamptz default now()
);

comment on table public.classes is 'A group of students taught together.';
comment on column public.classes.id is 'Generated.';
comment on column public.classes.name is 'What the school calls the class.';
comment on column public.classes.grade is 'The year, as the school counts it.';
comment on column public.classes.section is 'The parallel group within the year.';
comment on column public.classes.teacher_id is 'The class''s teacher.';
comment on column public.classes.subject is 'What is taught.';
comment on column public.classes.schedule is 'When it meets, in words.';
comment on column public.classes.room is 'Where it meets.';
comment on column public.classes.created_at is 'When the row was made.';

create index classes_teacher_id_idx on public.classes (teacher_id);

alter table public.classes enable row level security;
revoke all on public.classes from anon, authenticated;
grant select, insert, update, delete on public.classes to service_role;


create table public.class_students (
  id uuid primary key default gen_random_uuid(),
  class_id uuid references public.classes (id) on delete cascade,
  student_id uuid references public.users (id) on delete cascade,
  enrolled_at timestamptz default now(),
  unique (class_id, student_id)
);

comment on table public.class_students is 'Who is enrolled in which class. Only they get attendance records.';
comment on column public.class_students.id is 'Generated.';
comment on column public.class_students.class_id is 'The class.';
comment on column public.class_students.student_id is 'The student.';
comment on column public.class_students.enrolled_at is 'Since when.';

create index class_students_student_id_idx on public.class_students (student_id);

alter table public.class_students enable row level security;
revoke all on public.class_students from anon, authenticated;
grant select, insert, update, delete on public.class_students to service_role;


create table public.parent_children (
  id uuid primary key default gen_random_uuid(),
  parent_id uuid references public.users (id) on delete cascade,
  student_id uuid references public.users (id) on delete cascade,
  relationship text default 'guardian' check (relationship in ('mother', 'father', 'guardian', 'other')),
  created_at timestamptz default now(),
  unique (parent_id, student_id)
);

comment on table public.parent_children is 'Which parent may see which student.';
comment on column public.parent_children.id is 'Generated.';
comment on column public.parent_children.parent_id is 'The parent.';
comment on column public.parent_children.student_id is 'The child.';
comment on column public.parent_children.relationship is 'mother, father, guardian or other.';
comment on column public.parent_children.created_at is 'When the row was made.';

create index parent_children_student_id_idx on public.parent_children (student_id);

alter table public.parent_children enable row level security;
revoke all on public.parent_children from anon, authenticated;
grant select, insert, update, delete on public.parent_children to service_role;
