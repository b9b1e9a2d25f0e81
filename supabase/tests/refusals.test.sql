-- A row that the school's database refuses is set aside by itself, and all others are written.
begin;
\ir school.psql
select no_plan();

-- The school lets nobody write a record of d, by a trigger of its own.
insert into users (id, email, name, role) values (pg_temp.id('d'), 'd@school.test', 'D Lind', 'student');
create function pg_temp.refuse() returns trigger language plpgsql as $$
begin
  if new.student_id = pg_temp.id('d') then
    raise exception 'D Lind has left';
  end if;
  return new;
end $$;
create trigger nobody_writes_of_d before insert or update on attendance_records for each row execute function pg_temp.refuse();
select pg_temp.lesson('refused', '2026-03-02T08:00Z');
select pg_temp.at('2026-01-01', format('insert into class_students (class_id, student_id) values (%L, %L)', pg_temp.id('refused'), pg_temp.id('d')));

create function pg_temp.refused() returns text language sql as $$
  select coalesce(string_agg(concat_ws(' ', told ->> 'table', told ->> 'student', told ->> 'class', told ->> 'meeting', told ->> 'date', told ->> 'wanted', told ->> 'code', told ->> 'reason'), ', '), 'nothing')
  from jsonb_array_elements(public.refused_zoom_rows() -> 'rows') told
$$;
select is(pg_temp.refused(), 'nothing', 'nothing is refused yet');
select pg_temp.told('refused', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,J d 2 08:00,L a 1 08:40,L d 2 08:41,E 08:45}');
select is(pg_temp.attendance('refused', '2026-03-02'), 'a present, b absent, c absent', 'the others'' records are written');
select is((select status from zoom_meetings where id = pg_temp.id('refused')), 'ended', 'and the meeting''s status');
select is((select status || ' ' || duration from zoom_participants where user_id = pg_temp.id('d')), 'left 2460', 'and that they were there');
select is(pg_temp.refused(), 'attendance_records D Lind refused 2026-03-02 present P0001 D Lind has left', 'what was refused is told, with the reason');
select is(public.refused_zoom_rows(0), '{"of": 1, "rows": []}', 'how many there are is told of any number of rows');
select is((select verdict from zoom.verdicts where student_id = pg_temp.id('d')), null, 'and it is not taken for written');

-- Tried again: when something of it changes, when somebody has it judged anew, and an hour later.
create function pg_temp.later(wait interval) returns void language sql as $$ update zoom.refused set tried_at = tried_at - wait, since = since - wait $$;
select pg_temp.later('30 minutes');
select pg_temp.told('refused', 'l', '2026-03-02', '{L d 2 08:10}');
select is((select tried_at from zoom.refused), now(), 'it is tried again when something of it changes');
select is(pg_temp.refused(), 'attendance_records D Lind refused 2026-03-02 partial P0001 D Lind has left', 'with what is wanted now');
select is((select since from zoom.refused), now() - interval '30 minutes', 'and since when is known');
drop trigger nobody_writes_of_d on attendance_records;
delete from zoom.changes; -- what the school changed would have all of it judged
select pg_temp.catch_up();
select is(pg_temp.refused() <> 'nothing', true, 'it is not tried at once');
select pg_temp.later('61 minutes');
select pg_temp.catch_up();
select is(pg_temp.attendance('refused', '2026-03-02'), 'a present, b absent, c absent, d partial', 'within the hour it is, and the trigger is gone: the record is written');
select is(pg_temp.refused(), 'nothing', 'and nothing is refused');

-- A check without partial.
alter table attendance_records drop constraint attendance_records_status_check;
alter table attendance_records add constraint without_partial check (status in ('present', 'absent', 'late', 'excused')) not valid;
select pg_temp.lesson('check', '2026-03-02T08:00Z');
select pg_temp.told('check', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,J b 2 08:00,L a 1 08:40,L b 2 08:05,E 08:45}');
select is(pg_temp.attendance('check', '2026-03-02'), 'a present, c absent', 'who was there for five minutes is neither present nor absent');
select is(pg_temp.refused(), 'attendance_records B Lind check 2026-03-02 partial 23514 without_partial', 'the check is named');
-- The same, told one by one: what was present while nobody had seen them leave is not so any more.
select pg_temp.lesson('one by one', '2026-03-02T08:00Z');
select pg_temp.told('one by one', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,J b 2 08:00,L a 1 08:40,E 08:45}');
select is(pg_temp.attendance('one by one', '2026-03-02'), 'a present, b present, c absent', 'until their leave is told, they were there to the end');
select pg_temp.told('one by one', 'l', '2026-03-02', '{L b 2 08:05}');
select is(pg_temp.attendance('one by one', '2026-03-02'), 'a present, c absent', 'a record of ours that is known to be wrong goes');
select pg_temp.told('one by one', 'l', '2026-03-02', '{J b 3 08:06,L b 3 08:40}');
select is(pg_temp.attendance('one by one', '2026-03-02'), 'a present, b present, c absent', 'and comes back with more evidence');
select is((select count(*) from zoom.refused own where own.class_id = pg_temp.id('one by one')), 0::bigint, 'and then nothing of it is refused');
-- A person's word is not taken away.
select pg_temp.lesson('theirs', '2026-03-02T08:00Z');
insert into attendance_records (student_id, class_id, date, status) values (pg_temp.id('b'), pg_temp.id('theirs'), '2026-03-02', 'absent');
select pg_temp.told('theirs', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,J b 2 08:00,L a 1 08:40,L b 2 08:05,E 08:45}');
select is(pg_temp.attendance('theirs', '2026-03-02'), 'a present, b absent, c absent', 'what a person wrote stays where ours is refused');
alter table attendance_records drop constraint without_partial;
delete from zoom.changes;
select pg_temp.later('61 minutes');
select pg_temp.catch_up();
select is(pg_temp.attendance('check', '2026-03-02'), 'a present, b partial, c absent', 'once the check allows it, it is written');
select is(pg_temp.attendance('theirs', '2026-03-02'), 'a present, b partial, c absent', 'that of the person is raised');
select is(pg_temp.refused(), 'nothing', 'and nothing is refused any more');

-- A participant, and a status.
create function pg_temp.refuse_row() returns trigger language plpgsql as $$ begin raise exception 'not in March'; end $$;
create trigger no_participants before insert or update on zoom_participants for each row when (new.name like 'A %') execute function pg_temp.refuse_row();
create trigger no_statuses before update on zoom_meetings for each row when (new.status = 'ended') execute function pg_temp.refuse_row();
select pg_temp.lesson('rows', '2026-03-02T08:00Z');
select pg_temp.told('rows', 'l', '2026-03-02', '{S 08:00,J a 1 08:00,J b 2 08:00,L a 1 08:40,L b 2 08:40,E 08:45}');
select is(pg_temp.attendance('rows', '2026-03-02'), 'a present, b present, c absent', 'the attendance is written, whatever becomes of the other rows');
select is((select string_agg(name, ', ') from zoom_participants where meeting_id = pg_temp.id('rows')), 'B Lind', 'and the other participant');
select is((select string_agg(told ->> 'table', ', ' order by told ->> 'table') from jsonb_array_elements(public.refused_zoom_rows() -> 'rows') told), 'zoom_meetings, zoom_participants', 'both are told');
drop trigger no_participants on zoom_participants;
drop trigger no_statuses on zoom_meetings;
delete from zoom.changes;
select pg_temp.later('61 minutes');
select pg_temp.catch_up();
select is(pg_temp.refused(), 'nothing', 'an hour later both are written');
select is((select string_agg(name, ', ' order by name) from zoom_participants where meeting_id = pg_temp.id('rows')), 'A Lind, B Lind', 'the participant');
select is((select status from zoom_meetings where id = pg_temp.id('rows')), 'ended', 'and the status');

-- What is no refusal of the school's is raised.
select is(zoom.is_refusal(code, named), refuses, code || ' of ' || coalesce(named, 'no schema'))
from (values ('P0001', null, true), ('23514', 'public', true), ('23502', 'public', true), ('22001', null, true), ('40001', null, false), ('40P01', null, false), ('42501', null, false),
  ('57014', null, false), ('53100', null, false), ('25006', null, false), ('08006', null, false), ('XX000', null, false), ('23514', 'zoom', false)) as error (code, named, refuses);

select * from finish();
rollback;
