-- The history of the school's data: what decides is noted when it changes, whoever changes it, and no write of the app fails for it.
begin;
\ir people.psql
select no_plan();

-- The app lets people write here, as apps do.
grant update on users to authenticated;
create policy "people change themselves" on users for update to authenticated using (id = (select zoom.claimed_id()));
create policy "admins change people" on users for update to authenticated using ((select zoom.is_admin()));

-- Time goes by: all that was noted lies further back.
create function pg_temp.later(wait interval default '1 day') returns void language sql as $$
  update zoom.history own set since = own.since - wait, until = own.until - wait;
$$;
create function pg_temp.versions(tab text, key text) returns bigint language sql as $$
  select count(*) from zoom.history own where own.relation = tab and own.row_key = key
$$;
create function pg_temp.said(tab text, key text, col text, ago interval default '0') returns text language sql as $$
  select zoom.as_of(tab, key, now() - ago) ->> col
$$;
-- What the tables say and the history does not, or otherwise.
create function pg_temp.unnoted() returns setof text language sql as $$
  with told as (
    select 'users' as tab, to_jsonb(own) as says from users own
    union all select 'classes', to_jsonb(own) from classes own
    union all select 'class_students', to_jsonb(own) from class_students own
    union all select 'parent_children', to_jsonb(own) from parent_children own
    union all select 'zoom_meetings', to_jsonb(own) from zoom_meetings own
    union all select 'meeting_registrants', to_jsonb(own) from meeting_registrants own
  ), standing as (
    select told.tab, zoom.history_key(told.tab, told.says) as key, zoom.deciding(told.tab, told.says, null) - 'is_cancelled' - 'status' as says from told
  )
  select standing.tab || ' ' || standing.key from standing
  where standing.says is distinct from (
    select own.was - 'is_cancelled' - 'status' from zoom.history own where own.relation = standing.tab and own.row_key = standing.key and own.until = 'infinity')
  union all
  select own.relation || ' ' || own.row_key || ' is gone' from zoom.history own
  where own.until = 'infinity' and not exists (select from standing where standing.tab = own.relation and standing.key = own.row_key)
$$;

select is_empty('select pg_temp.unnoted()', 'what is there is noted');
select pg_temp.later();

-- Each column that decides -------------------------------------------------------------------------------------------------
create function pg_temp.changed(tab text, key text, change text, col text) returns text language plpgsql as $$
declare
  before text := pg_temp.said(tab, key, col);
begin
  execute format('update %s set %s where %s', tab, change, case tab
    when 'class_students' then format('class_id = pg_temp.id(''7b'') and student_id = pg_temp.id(%L)', 'student')
    when 'parent_children' then format('parent_id = pg_temp.id(%L)', 'parent')
    else format('id = %L', key) end);
  return concat_ws(', ', case when pg_temp.said(tab, key, col) is distinct from before then 'noted' end,
    case when pg_temp.said(tab, key, col, '1 hour') is not distinct from before then 'known of before' end);
end $$;
select is(pg_temp.changed(tab, pg_temp.id(what)::text, change, col), 'noted, known of before', format('%s: %s', tab, change))
from (values
  ('users', 'student', 'email = ''maria@home.test''', 'email'),
  ('users', 'student', 'name = ''Maria Lind''', 'name'),
  ('users', 'student', 'role = ''teacher''', 'role'),
  ('users', 'student', 'is_active = false', 'is_active'),
  ('classes', '7b', 'teacher_id = pg_temp.id(''host'')', 'teacher_id'),
  ('meeting_registrants', 'registrant lesson/classmate', 'user_id = pg_temp.id(''student'')', 'user_id'),
  ('meeting_registrants', 'registrant lesson/classmate', 'zoom_registrant_id = ''other''', 'zoom_registrant_id'),
  ('meeting_registrants', 'registrant lesson/classmate', 'meeting_id = pg_temp.id(''assembly'')', 'meeting_id'),
  ('zoom_meetings', 'lesson', 'zoom_meeting_id = ''830 000 6275''', 'zoom_meeting_id'),
  ('zoom_meetings', 'lesson', 'start_time = ''2026-03-09T08:00Z''', 'start_time'),
  ('zoom_meetings', 'lesson', 'duration = 45', 'duration'),
  ('zoom_meetings', 'lesson', 'timezone = ''GMT+8''', 'timezone'),
  ('zoom_meetings', 'lesson', 'meeting_type = ''recurring''', 'meeting_type'),
  ('zoom_meetings', 'lesson', 'host_id = pg_temp.id(''admin'')', 'host_id'),
  ('zoom_meetings', 'lesson', 'class_id = pg_temp.id(''8a'')', 'class_id'),
  ('zoom_meetings', 'lesson', 'status = ''cancelled''', 'is_cancelled'),
  ('zoom_meetings', 'lesson', 'settings = ''{"use_pmi": true}'', join_url = ''https://zoom.test/j/5551000017?pwd=1''', 'personal_number')
) as change (tab, what, change, col);
select is(pg_temp.versions('zoom_meetings', pg_temp.id('lesson')::text), 2::bigint, 'of many changes in one transaction nobody sees more than the last');
select is_empty('select pg_temp.unnoted()', 'and that is what the tables say');
select is((select count(*) from zoom.changes change where change.relation = 'zoom_meetings' and change.row_key = pg_temp.id('lesson')::text
  and change.was @> '{"timezone": "GMT+8"}') > 0, true, 'each is something to be looked at');

select pg_temp.later();
delete from zoom.changes;
update users set avatar = 'x', phone = '1', updated_at = now() where id = pg_temp.id('classmate');
update zoom_meetings set title = 'renamed', password = 'x', start_url = 'https://zoom.test/s', updated_at = now() where id = pg_temp.id('lesson');
update meeting_registrants set status = 'denied' where user_id = pg_temp.id('student');
update classes set room = '1' where id = pg_temp.id('7b');
update class_students set enrolled_at = now() where student_id = pg_temp.id('classmate');
select is((select count(*) from zoom.changes), 0::bigint, 'what decides nothing is not noted');
select is(pg_temp.versions('users', pg_temp.id('classmate')::text), 1::bigint, 'and makes no version');

-- Since when ---------------------------------------------------------------------------------------------------------------
insert into users (id, email, name, role) values (pg_temp.id('newcomer'), ' Newcomer@Policies.test ', 'newcomer', 'student');
select is((select since from zoom.held_addresses where user_id = pg_temp.id('newcomer')), '-infinity'::timestamptz, 'the first address of a user counts since ever');
select is((select email from zoom.held_addresses where user_id = pg_temp.id('newcomer')), 'Newcomer@Policies.test', 'without the blanks around it');
select is(zoom.user_of_email('newcomer@policies.test', '2020-01-01'), pg_temp.id('newcomer'), 'so they are known in what was before them');
insert into class_students (class_id, student_id) values (pg_temp.id('7b'), pg_temp.id('newcomer'));
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now() - interval '1 second'), false, 'an enrolment counts from when it was written');
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now()), true, 'and no earlier');
select is(zoom.enrolled_since(pg_temp.id('newcomer'), pg_temp.id('7b'), '2020-01-01'), true, 'that they were enrolled later is known, too');
select pg_temp.later();

-- Somebody else is given the address.
update users set email = 'newcomer.now@policies.test' where id = pg_temp.id('newcomer');
select pg_temp.later('1 hour');
insert into users (id, email, name, role) values (pg_temp.id('heir'), 'newcomer@policies.test', 'heir', 'student');
select is((select since from zoom.held_addresses where user_id = pg_temp.id('heir')), now(), 'an address that another had before counts from when it was given');
select is(zoom.user_of_email('newcomer@policies.test', now()), pg_temp.id('heir'), 'it is theirs now');
select is(zoom.user_of_email('newcomer@policies.test', now() - interval '30 minutes'), null, 'was nobody''s a while ago');
select is(zoom.user_of_email('newcomer@policies.test', now() - interval '2 hours'), pg_temp.id('newcomer'), 'and the other''s before');
select is(zoom.user_of_email('newcomer.now@policies.test', '2020-01-01'), null, 'a second address counts from when it was given');

-- And so is a number.
delete from zoom_meetings where id = pg_temp.id('private');
insert into zoom_meetings (id, zoom_meeting_id, title, start_time, join_url) values
  (pg_temp.id('first of the number'), '830 000 9001', 'first', now(), 'https://zoom.test/1'), (pg_temp.id('alone'), '8300009002', 'alone', now(), 'https://zoom.test/2');
select pg_temp.later();
delete from zoom_meetings where id = pg_temp.id('first of the number');
select pg_temp.later();
insert into zoom_meetings (id, zoom_meeting_id, title, start_time, join_url) values (pg_temp.id('second of the number'), '8300009001', 'second', now(), 'https://zoom.test/3');
select is((select array_agg(since order by since) from zoom.held_numbers where number = '8300009001'), array['-infinity', now()], 'a number that another meeting had before counts from when it was given');
select is(zoom.meeting_at('8300009001', null, now(), now()), pg_temp.id('second of the number'), 'it is that of the new row');
select is(zoom.meeting_at('8300009001', null, now(), now() - interval '36 hours'), pg_temp.id('first of the number'), 'and was that of the old one, deleted or not');
select is(zoom.meeting_at('8300009001', null, now(), now() - interval '12 hours'), null, 'and nobody''s in between');
select is((select since from zoom.held_numbers where meeting_id = pg_temp.id('alone')), '-infinity'::timestamptz, 'a number that is new counts since ever');

-- Gone ---------------------------------------------------------------------------------------------------------------------
select is(pg_temp.said('zoom_meetings', pg_temp.id('first of the number')::text, 'zoom_meeting_id'), '830 000 9001', 'a row that was deleted keeps what it said last');
delete from class_students where student_id = pg_temp.id('newcomer');
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now()), false, 'who was unenrolled is not enrolled');
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now() - interval '1 hour'), true, 'but was');
insert into class_students (class_id, student_id) values (pg_temp.id('7b'), pg_temp.id('newcomer'));
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now()), true, 'and may be again');
select pg_temp.later();
update class_students set class_id = pg_temp.id('8a') where student_id = pg_temp.id('newcomer');
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('7b'), now()), false, 'who was moved to another class left the one');
select is(zoom.enrolled(pg_temp.id('newcomer'), pg_temp.id('8a'), now()), true, 'and came to the other');
select is(zoom.is_parent(pg_temp.id('parent'), pg_temp.id('student'), now()), true, 'a parent is one');
update parent_children set student_id = pg_temp.id('classmate') where parent_id = pg_temp.id('parent');
select is(zoom.is_parent(pg_temp.id('parent'), pg_temp.id('student'), now()), false, 'until they are no more');
select is(zoom.is_parent(pg_temp.id('parent'), pg_temp.id('student'), now() - interval '1 hour'), true, 'which changes nothing before');
update parent_children set student_id = pg_temp.id('student') where parent_id = pg_temp.id('parent');
delete from classes where id = pg_temp.id('chess');
delete from users where id = pg_temp.id('heir');
select is_empty('select pg_temp.unnoted()', 'what is gone is noted, with what went with it');

-- Upserts.
select pg_temp.later();
insert into users (id, email, name, role) values (pg_temp.id('classmate'), 'classmate@policies.test', 'classmate', 'student')
on conflict (id) do update set email = excluded.email, name = excluded.name;
select is(pg_temp.versions('users', pg_temp.id('classmate')::text), 1::bigint, 'an upsert that changes nothing makes no version');
insert into users (id, email, name, role) values (pg_temp.id('classmate'), 'ben@policies.test', 'classmate', 'student')
on conflict (id) do update set email = excluded.email, name = excluded.name;
select is(pg_temp.versions('users', pg_temp.id('classmate')::text), 2::bigint, 'one that changes an address does');
insert into users (id, email, name, role) values (pg_temp.id('classmate'), 'nobody@policies.test', 'classmate', 'student') on conflict do nothing;
select is(pg_temp.said('users', pg_temp.id('classmate')::text, 'email'), 'ben@policies.test', 'and one that does nothing does not');

-- Whose word it is ------------------------------------------------------------------------------------------------------------
-- A name: as staff wrote it.
select pg_temp.later();
select pg_temp.become('classmate');
update users set name = 'Somebody Else' where id = pg_temp.id('classmate');
reset role;
select is(pg_temp.said('users', pg_temp.id('classmate')::text, 'name'), 'classmate', 'who renames themselves goes by the name that staff wrote');
select pg_temp.become('admin');
update users set name = ' Ben  OKAFOR' where id = pg_temp.id('classmate');
reset role;
select is(pg_temp.said('users', pg_temp.id('classmate')::text, 'name'), 'ben okafor', 'an admin names them, and the name is folded');

-- A class: an admin's save confirms it.
insert into zoom_meetings (id, zoom_meeting_id, title, host_id, class_id, start_time, join_url)
values (pg_temp.id('lesson 8a'), '8300008832', 'lesson 8a', pg_temp.id('other teacher'), pg_temp.id('8a'), now(), 'https://zoom.test/j');
select pg_temp.later();
select pg_temp.become('other teacher');
update zoom_meetings set class_id = pg_temp.id('7b') where id = pg_temp.id('lesson 8a');
reset role;
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_confirmed'), 'false', 'a class that its host does not teach is not confirmed');
select is(zoom.class_at(pg_temp.id('lesson 8a'), now()), null, 'and makes no attendance');
select is(zoom.class_at(pg_temp.id('lesson 8a'), now() - interval '1 hour'), pg_temp.id('8a'), 'what it made before it makes still');
select pg_temp.later();
select pg_temp.become('admin');
update zoom_meetings set title = title where id = pg_temp.id('lesson 8a');
reset role;
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_confirmed'), 'true', 'an admin who saves the row confirms it');
select is(zoom.class_at(pg_temp.id('lesson 8a'), now()), pg_temp.id('7b'), 'from now on');
select is(zoom.class_at(pg_temp.id('lesson 8a'), now() - interval '1 hour'), null, 'and not before');
select is(zoom.class_of(pg_temp.id('lesson 8a'), now() - interval '1 hour'), pg_temp.id('7b'), 'but what lacked a class then has it');

-- A status: that of people, and not the sidecar's.
select pg_temp.later();
update zoom_meetings set status = 'cancelled' where id = pg_temp.id('lesson 8a');
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_cancelled'), 'true', 'people cancel it');
select zoom.write_statuses(array[row(pg_temp.id('lesson 8a'), 'started')::zoom.status_change]);
select is((select status from zoom_meetings where id = pg_temp.id('lesson 8a')), 'started', 'the sidecar writes another status');
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_cancelled'), 'true', 'which is no word on that');
update zoom_meetings set title = 'saved', duration = 30 where id = pg_temp.id('lesson 8a');
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_cancelled'), 'true', 'nor is a save that leaves it');
update zoom_meetings set status = 'scheduled' where id = pg_temp.id('lesson 8a');
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_cancelled'), 'false', 'people take it back');
select zoom.write_statuses(array[row(pg_temp.id('lesson 8a'), 'cancelled')::zoom.status_change]);
update zoom_meetings set title = 'saved again' where id = pg_temp.id('lesson 8a');
select is(pg_temp.said('zoom_meetings', pg_temp.id('lesson 8a')::text, 'is_cancelled'), 'false', 'a status that the sidecar wrote cancels nothing');

-- Who opens the page of a meeting is something to be looked at.
delete from zoom.changes;
insert into zoom.visits (meeting_id, user_id, at, kind) values (pg_temp.id('lesson'), pg_temp.id('classmate'), now(), 'opened');
select is((select string_agg(relation, ' ') from zoom.changes), 'visits', 'a page that was opened may tell who a guest is');

-- No write of the app fails for it -------------------------------------------------------------------------------------------
select is_empty('select pg_temp.unnoted()', 'all that was written is noted');
set local client_min_messages = error;
alter table zoom.history add constraint broken check (since < '-infinity') not valid;
select is(pg_temp.after(who, statement, sees), saw, format('%s writes, and the history is broken: %s', who, statement))
from (values
  ('admin', $$ update zoom_meetings set duration = 31 where id = pg_temp.id('lesson 8a') $$, $$ select duration::text from zoom_meetings where id = pg_temp.id('lesson 8a') $$, '31'),
  ('service role', $$ update classes set teacher_id = null where id = pg_temp.id('7b') $$, $$ select coalesce(teacher_id::text, 'none') from classes where id = pg_temp.id('7b') $$, 'none'),
  ('admin', $$ insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, join_url) values ('8300009999', 'made', pg_temp.id('admin'), now(), 'https://zoom.test/1') $$,
    $$ select title from zoom_meetings where zoom_meeting_id = '8300009999' $$, 'made'),
  ('parent', $$ insert into meeting_registrants (meeting_id, user_id) values (pg_temp.id('assembly'), pg_temp.id('parent')) $$,
    $$ select status from meeting_registrants where meeting_id = pg_temp.id('assembly') and user_id = pg_temp.id('parent') $$, 'pending')
) as attempt (who, statement, sees, saw);
delete from users where id = pg_temp.id('newcomer');
select is((select count(*) from users where id = pg_temp.id('newcomer')), 0::bigint, 'who is deleted is gone, too');

select * from finish();
rollback;
