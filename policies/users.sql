-- The people of the school: who sees whom.
--
--   everybody             themselves, the teachers of their classes (or their children's), the hosts of meetings they see
--   parents               their children
--   teachers, admins      everybody: they invite, register and mark people
--
-- Nobody reads a telephone number or an address here: those are for the school's server. A project whose app lets somebody
-- read here keeps its own rules, and nothing of this is added. Nobody writes here through us; what the app lets users write
-- about themselves stays the app's, but never their role, whether they are active, nor the e-mail that Zoom knows them by.

call zoom.add_readers('public.users', 'people see those they have to do with', $$
  id = (select zoom.claimed_id())
  or (select zoom.is_staff())
  or id = any ((select zoom.children())::uuid[])
  or id = any ((select zoom.acquaintances())::uuid[])
$$, columns => 'id, email, name, role, avatar, is_active, must_change_password, created_at, updated_at');

create or replace trigger a_user_stays_the_same
before update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.keep_identity('id', 'created_at');

create or replace trigger the_database_stamps_it
before insert on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.stamp_row('created_at');

create or replace trigger its_times_are_those_of_a_school
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_times('updated_at');

create or replace trigger users_do_not_promote_themselves
before insert or update on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.guard_user();

create or replace trigger a_new_name_of_their_own_is_noted
after insert or update of name on public.users
for each row when (current_user in ('anon', 'authenticated'))
execute function zoom.note_name('session');

create or replace trigger the_school_names_them
after update of name on public.users
for each row when (current_user not in ('anon', 'authenticated'))
execute function zoom.note_name('school');

create or replace trigger what_zoom_said_of_them_goes
before delete on public.users
for each row execute function zoom.forget_user();

-- Named so that it comes after the trigger that notes the deletion in the history.
create or replace trigger zzz_what_they_went_by_goes
after delete on public.users
for each row execute function zoom.forget_user();
