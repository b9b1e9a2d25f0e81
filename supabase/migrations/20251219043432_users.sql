-- The people of the school.
--
-- One of the app's own migrations, under the app's version number: a project that has the app already skips it.
-- Locks nothing: the table is new. Row level security is on and nothing is granted but to the service role;
-- who may see what is said by the policies.

create table public.users (
  id uuid primary key default gen_random_uuid(),
  email text unique not null,
  name text not null,
  role text not null check (role in ('admin', 'teacher', 'student', 'parent')),
  avatar text,
  phone text,
  address text,
  is_active boolean default true,
  must_change_password boolean default true,
  created_at timestamptz default now(),
  updated_at timestamptz default now()
);

comment on table public.users is 'The people of the school: admins, teachers, students and parents.';
comment on column public.users.id is 'The same id as in Supabase Auth.';
comment on column public.users.email is 'Also how a Zoom participant is recognised, whatever the case of its letters.';
comment on column public.users.name is 'The full name, as the school writes it.';
comment on column public.users.role is 'admin, teacher, student or parent.';
comment on column public.users.avatar is 'Address of a picture.';
comment on column public.users.phone is 'A telephone number, as given.';
comment on column public.users.address is 'A postal address, as given.';
comment on column public.users.is_active is 'False for somebody who has left the school.';
comment on column public.users.must_change_password is 'The app asks for a new password at the next login.';
comment on column public.users.created_at is 'When the row was made.';
comment on column public.users.updated_at is 'When the row was last changed.';

alter table public.users enable row level security;
revoke all on public.users from anon, authenticated;
grant select, insert, update, delete on public.users to service_role;
