-- The attendance, in public.attendance_records: the verdict, and what people wrote against what we had said then.

create function zoom.part_size() returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return 300;
end
$$;
comment on function zoom.part_size is 'How many records of one lesson a transaction writes when it ends. Realtime takes a transaction as a whole, and has 15 seconds for it: changes times listening pages stay below 150,000.';

create function zoom.everybody_of(lessons zoom.lesson_key[]) returns zoom.record_key[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select row(told.student_id, told.class_id, told.date)::zoom.record_key
    from (
      -- Whoever was in it, whoever we said something of, and once it is over whoever was enrolled at some time.
      select seg.user_id as student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.lessons held on held.class_id = lesson.class_id and held.held_on = lesson.date
      join zoom.instances run on run.lesson_id = held.lesson_id
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is not null
      union
      select memory.student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.verdicts memory on memory.class_id = lesson.class_id and memory.date = lesson.date
      union
      select pupil.student_id, lesson.class_id, lesson.date
      from unnest(lessons) lesson
      join zoom.enrolments pupil on pupil.class_id = lesson.class_id
      where exists (
        select from zoom.lessons held
        where held.class_id = lesson.class_id and held.held_on = lesson.date and (held.is_over or held.app_joins = 'count'))
    ) told);
end
$$;
comment on function zoom.everybody_of is 'The records that these classes have, or may come to have, on these dates.';

create function zoom.due_records(
  sightings zoom.sighting[], visitors zoom.visitor[], lessons zoom.lesson_key[], out due zoom.record_key[], out later zoom.record_key[]
)
language plpgsql stable set search_path = '' as $$
begin
  -- Whose verdict may have changed: the students touched, and whole classes whose lesson changed.
  with told as (
    -- (Of whom nothing can be said yet, their lesson goes on, and they are in it.)
    select seen.user_id as student_id, lesson.class_id, lesson.held_on as date, true as is_touched,
      lesson.is_over or lesson.app_joins = 'count' or run.ended_at is not null or exists (
        select from zoom.segments seg
        join zoom.marks mark on mark.run_id = seg.run_id and mark.segment = seg.segment
        join zoom.kinds kind on kind.kind = mark.kind and kind.counts = 'closes'
        where seg.user_id = seen.user_id and seg.run_id = seen.run_id
        offset 0) as is_due
    from unnest(sightings) seen
    join zoom.instances run on run.run_id = seen.run_id
    join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    where seen.user_id is not null and lesson.class_id is not null
    union all
    select visitor.user_id, lesson.class_id, lesson.held_on, true, true
    from unnest(visitors) visitor
    join zoom.lessons lesson on lesson.meeting_id = visitor.meeting_id
    where lesson.class_id is not null and lesson.app_joins = 'count'
    union all
    select everybody.student_id, everybody.class_id, everybody.date, false, true
    from unnest(zoom.everybody_of(lessons)) everybody
  ), record as (
    select told.student_id, told.class_id, told.date, bool_or(told.is_touched) as is_touched, bool_or(told.is_due) as is_due
    from told
    group by told.student_id, told.class_id, told.date
  ), numbered as (
    select record.*, count(*) filter (where not record.is_touched)
      over (partition by record.class_id, record.date order by record.student_id) as n
    from record
    where not record.is_touched
      or exists (
          select from zoom.enrolments pupil where pupil.student_id = record.student_id and pupil.class_id = record.class_id offset 0)
        -- It was said, or may be said by now.
        and (record.is_due or exists (
            select from zoom.verdicts memory
            where memory.student_id = record.student_id and memory.class_id = record.class_id and memory.date = record.date
            offset 0))
  )
  select
    array_agg(row(numbered.student_id, numbered.class_id, numbered.date)::zoom.record_key)
      filter (where numbered.is_touched or numbered.n <= zoom.part_size()),
    array_agg(row(numbered.student_id, numbered.class_id, numbered.date)::zoom.record_key)
      filter (where not numbered.is_touched and numbered.n > zoom.part_size())
  into due, later
  from numbered;
end
$$;
comment on function zoom.due_records is
  'The records that may have to say something else: of the students touched, and of everybody in these lessons. Of a large '
  'lesson those beyond one part (see zoom.part_size) are for later.';

create type zoom.record_change as (
  student_id uuid, class_id uuid, date date, record_id uuid, status text, current text, verdict text, theirs text, said text
);
comment on type zoom.record_change is
  'What a record should say (status; null: nothing) in place of what it says (current), and what is to be remembered of it.';

create function zoom.records_wanted(due zoom.record_key[], known zoom.person[], presences zoom.presence[]) returns zoom.record_change[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    with judged as materialized (
      -- (Both in one list, and not joined: a join would look at all of one for each of the other.)
      select told.student_id, told.class_id, told.date, max(told.verdict) as verdict
      from (
        select own.student_id, own.class_id, own.date, own.verdict from zoom.judge(due, known, presences) own where own.place = 1
        union all
        select due_one.student_id, due_one.class_id, due_one.date, null from unnest(due) due_one
      ) told
      group by told.student_id, told.class_id, told.date
    ), remembered as (
      select judged.*, record.id as record_id, record.status as current, memory.student_id is not null as is_remembered,
        memory.verdict as was, memory.theirs, memory.said, zoom.weighed(memory.theirs, memory.said, memory.verdict) as ours
      from judged
      left join public.attendance_records record
        on record.student_id = judged.student_id and record.class_id = judged.class_id and record.date = judged.date
      left join zoom.verdicts memory
        on memory.student_id = judged.student_id and memory.class_id = judged.class_id and memory.date = judged.date
      -- Nothing new from Zoom: leave what people wrote meanwhile.
      where judged.verdict is distinct from memory.verdict
    ), weighed as (
      -- What we find that we did not leave there is somebody else's word: against what we had said until then.
      select remembered.*,
        case when remembered.current is distinct from remembered.ours then remembered.current else remembered.theirs end as their_word,
        case when remembered.current is distinct from remembered.ours then coalesce(remembered.was, 'nothing') else remembered.said end as our_word
      from remembered
    )
    select row(weighed.student_id, weighed.class_id, weighed.date, weighed.record_id,
      zoom.weighed(weighed.their_word, weighed.our_word, weighed.verdict), weighed.current, weighed.verdict, weighed.their_word,
      weighed.our_word)::zoom.record_change
    from weighed
    order by weighed.class_id, weighed.date, weighed.student_id);
end
$$;
comment on function zoom.records_wanted is 'Which of these records should say something else, or are to be remembered otherwise.';

create function zoom.write_records(changes zoom.record_change[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with want as (
    select told.* from unnest(changes) told
  ), remembered as (
    insert into zoom.verdicts as memory (student_id, class_id, date, verdict, theirs, said)
    select want.student_id, want.class_id, want.date, want.verdict, want.theirs, want.said from want
    on conflict (student_id, class_id, date) do update set verdict = excluded.verdict, theirs = excluded.theirs, said = excluded.said
  ), updated as (
    update public.attendance_records record set status = want.status
    from want
    where record.id = want.record_id and want.status is distinct from want.current and want.status is not null
  ), deleted as (
    -- Only a record of our own can come to say nothing.
    delete from public.attendance_records record
    using want
    where record.id = want.record_id and want.status is null
  )
  insert into public.attendance_records as record (student_id, class_id, date, status)
  select want.student_id, want.class_id, want.date, want.status
  from want
  where want.record_id is null and want.status is not null
  -- Somebody inserted it a moment ago: theirs is only raised.
  on conflict (student_id, class_id, date) do update set status = zoom.weighed(record.status, 'nothing', excluded.status)
  where record.status is distinct from zoom.weighed(record.status, 'nothing', excluded.status);
end
$$;
comment on function zoom.write_records is 'Writes these changes of public.attendance_records, and remembers them.';

create function zoom.withdraw_record(change zoom.record_change) returns void
language plpgsql volatile set search_path = '' as $$
begin
  if change.record_id is null or change.said is not null then
    return;
  end if;
  delete from public.attendance_records record where record.id = change.record_id;
  insert into zoom.verdicts as memory (student_id, class_id, date, verdict)
  values (change.student_id, change.class_id, change.date, null)
  on conflict (student_id, class_id, date) do update set verdict = null;
exception when others then
  return; -- that is refused too
end
$$;
comment on function zoom.withdraw_record is 'Removes a record of our own that is known to be wrong, where the right one was refused.';

create function zoom.was_forgotten(class uuid, day date) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  return exists (
    select from zoom.lessons lesson
    join zoom.instances gone on gone.lesson_id = lesson.lesson_id and gone.forgotten_at is not null
    where lesson.class_id = class and lesson.held_on = day);
end
$$;
comment on function zoom.was_forgotten is 'Whether a lesson of a class on a date was forgotten, be it in part (see zoom.forget): nothing can be said of that date any more. Never null.';

create function zoom.record_attendance(due zoom.record_key[], known zoom.person[] default '{}', presences zoom.presence[] default '{}') returns void
language plpgsql volatile set search_path = '' as $$
declare
  forgotten zoom.lesson_key[];
  changes zoom.record_change[];
begin
  forgotten := array(
    select row(day.class_id, day.date)::zoom.lesson_key
    from (select distinct told.class_id, told.date from unnest(due) told offset 0) day
    where zoom.was_forgotten(day.class_id, day.date));
  -- For a student or a class that is gone there is nothing to write; and of a lesson that was forgotten in part nothing can be
  -- said any more.
  due := array(
    select row(told.*)::zoom.record_key from unnest(due) told
    where exists (select from public.users person where person.id = told.student_id)
      and exists (select from public.classes class where class.id = told.class_id)
      and row(told.class_id, told.date)::zoom.lesson_key <> all (forgotten));

  -- A teacher may be saving the same records: whoever comes second sees what the first wrote.
  perform from unnest(due) told
  join public.attendance_records record
    on record.student_id = told.student_id and record.class_id = told.class_id and record.date = told.date
  order by record.id
  for update of record;

  changes := zoom.records_wanted(due, known, presences);
  perform zoom.write('attendance_records', 'write_records', changes);
  -- What was refused once, and is not wanted any more.
  if exists (select from zoom.refused own where own.relation = 'attendance_records') then
    delete from zoom.refused own
    where own.relation = 'attendance_records'
      and own.row_key in (select zoom.refused_key('attendance_records', to_jsonb(told)) from unnest(due) told)
      and own.row_key not in (select zoom.refused_key('attendance_records', to_jsonb(told)) from unnest(changes) told);
  end if;
end
$$;
comment on function zoom.record_attendance is
  'Brings these of public.attendance_records to what Zoom''s facts say. known: people of whom it was added up already (see zoom.judge).';

revoke execute on function
  zoom.part_size, zoom.everybody_of, zoom.due_records, zoom.records_wanted, zoom.write_records, zoom.withdraw_record, zoom.was_forgotten, zoom.record_attendance
from public;
grant execute on function
  zoom.part_size, zoom.everybody_of, zoom.due_records, zoom.records_wanted, zoom.write_records, zoom.withdraw_record, zoom.was_forgotten, zoom.record_attendance
to service_role;
