-- A lesson of more people than one transaction may tell Realtime of is written in parts.
begin;
select no_plan();

insert into users (id, email, name, role) select md5('large ' || i)::uuid, 'large' || i || '@school.test', 'Student ' || i, 'student' from generate_series(1, 700) i;
insert into classes (id, name, grade, section, subject) values (md5('large')::uuid, 'Assembly', '', '', '');
insert into class_students (class_id, student_id) select md5('large')::uuid, md5('large ' || i)::uuid from generate_series(1, 700) i;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id)
values (md5('large')::uuid, '990000051', 'Assembly', 'recurring', '2026-03-02T08:00Z', 'https://zoom.test/1', md5('large')::uuid);

create function pg_temp.told(kind text, at text, who text default null) returns void language sql as $$
  select apply_zoom_events(jsonb_build_array(jsonb_strip_nulls(jsonb_build_object('kind', kind, 'meeting', '990000051', 'instance', 'f==',
    'at', '2026-03-02T' || at || 'Z', 'start', '2026-03-02T08:00:00Z', 'segment', who, 'email', 'large' || who || '@school.test'))))
$$;
create function pg_temp.counted(said text) returns bigint language sql as $$ select count(*) from attendance_records where status = said and class_id = md5('large')::uuid $$;
create function pg_temp.left_over() returns bigint language sql as $$ select public.catch_up_zoom(); select count(*) from zoom.unfinished $$;
-- What the school changed is no matter here.
delete from zoom.changes;

select pg_temp.told('joined', '08:00:00', '699');
select pg_temp.told('ended', '08:45:00');
select is(pg_temp.counted('present'), 1::bigint, 'those touched come first');
select is(pg_temp.counted('absent'), 300::bigint, 'and of the others as many as one part takes');
select is(zoom.part_size(), 300, 'which is three hundred');
select is(pg_temp.left_over(), 99::bigint, 'the next part');
select is(pg_temp.counted('absent'), 600::bigint, 'is written');
-- Somebody comes late to the records: what is known when their part is written counts.
select pg_temp.told('left', '08:40:00', '698');
select is(pg_temp.left_over(), 0::bigint, 'and the last');
select is(pg_temp.counted('absent') + pg_temp.counted('present') + pg_temp.counted('partial'), 700::bigint, 'everybody has a record');
select is(pg_temp.left_over(), 0::bigint, 'then there is nothing to do');
select is((select status from attendance_records where student_id = md5('large 698')::uuid), 'partial', 'a late leave counts');

select * from finish();
rollback;
