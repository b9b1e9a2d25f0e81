-- When a lesson was: the planned time, widened by the staff's first coming and last leaving; without staff the whole of its
-- runs. And what follows from who was in it: whether it is over, whether it was held, and whether it makes anybody absent.

create function zoom.weigh_runs(runs bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  changed bigint[];
begin
  with worked_out as materialized (
    select run.run_id, run.people as was_people, run.has_staff as had_staff, run.has_others as had_others,
      least(2, who.people)::integer as people, coalesce(who.has_staff, false) as has_staff, coalesce(who.has_others, false) as has_others
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.forgotten_at is null
    cross join lateral (
      select count(*) as people, bool_or(person.is_staff) as has_staff, bool_or(not person.is_staff) as has_others
      from (
        -- A user is one person, however many connections are theirs; a guest is a connection.
        select bool_or(seg.is_staff) as is_staff
        from zoom.segments seg
        where seg.run_id = run.run_id and seg.was_in
        group by seg.user_id, case when seg.user_id is null then seg.connection_key end
      ) person
    ) who
  ), kept as (
    update zoom.instances run set people = worked_out.people, has_staff = worked_out.has_staff, has_others = worked_out.has_others
    from worked_out
    where run.run_id = worked_out.run_id
      and (worked_out.people, worked_out.has_staff, worked_out.has_others)
        is distinct from (worked_out.was_people, worked_out.had_staff, worked_out.had_others)
    returning run.run_id
  )
  select array_agg(kept.run_id) into changed from kept;
  return changed;
end
$$;
comment on function zoom.weigh_runs is
  'Works out how many people were in these runs, and whether staff and others were. Returns the runs of which that changed.';

create function zoom.weigh_lessons(lessons bigint[]) returns bigint[]
language plpgsql volatile set search_path = '' as $$
declare
  recounted bigint[];
  changed bigint[];
begin
  -- The run that a single person was in does not count, where another had two.
  with worked_out as materialized (
    select run.run_id, run.counts as did_count, run.lesson_id is not null and (run.people <> 1 or not exists (
        select from zoom.instances other where other.lesson_id = run.lesson_id and other.people = 2 offset 0)) as counts, run.lesson_id
    from unnest(lessons) told (lesson_id)
    join zoom.instances run on run.lesson_id = told.lesson_id
  ), kept as (
    update zoom.instances run set counts = worked_out.counts
    from worked_out
    where run.run_id = worked_out.run_id and worked_out.counts <> worked_out.did_count
    returning worked_out.lesson_id
  )
  select array_agg(distinct kept.lesson_id) into recounted from kept;

  with run_of as materialized (
    select lesson.lesson_id, lesson.is_planned, lesson.starts_at, lesson.ends_at, lesson.min_seconds, meeting.staff_seen, runs.*, staff.*
    from unnest(lessons) told (lesson_id)
    join zoom.lessons lesson on lesson.lesson_id = told.lesson_id
    join zoom.meetings meeting on meeting.meeting_id = lesson.meeting_id
    cross join lateral (
      select bool_and(run.ended_at is not null) as are_over, min(run.started_at) as first_start, max(run.ended_at) as last_end,
        (array_agg(greatest(run.ended_at, run.told_at) order by run.ended_at desc nulls last, run.started_at desc, run.instance desc))[1] as expected_at,
        bool_or(run.counts and run.has_others) as has_others, bool_or(run.counts and run.has_staff) as has_staff
      from zoom.instances run
      where run.lesson_id = lesson.lesson_id
    ) runs
    left join lateral (
      select min(stay.at) filter (where stay.counts = 'opens') as came,
        max(case when stay.counts = 'closes' then stay.at when stay.next_at is null then coalesce(stay.until, 'infinity') end) as went
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.was_in and run.has_staff and zoom.is_of_staff(seg)
      cross join lateral (
        select own.* from zoom.stays own where own.run_id = seg.run_id and own.segment = seg.segment offset 0
      ) stay
      where run.lesson_id = lesson.lesson_id and run.counts and run.has_staff
    ) staff on runs.has_staff
  ), worked_out as (
    select run_of.lesson_id,
      case when run_of.has_staff then least(run_of.starts_at, run_of.came) else '-infinity' end as counts_from,
      case when run_of.has_staff then greatest(run_of.ends_at, run_of.went) else 'infinity' end as counts_until,
      coalesce(run_of.has_staff, false) as has_staff,
      coalesce(run_of.are_over and run_of.last_end >= run_of.starts_at, false) as is_over,
      zoom.is_held(run_of.has_others, run_of.has_staff, run_of.staff_seen) as is_held,
      coalesce(case when run_of.is_planned then run_of.has_staff or not run_of.staff_seen
        else zoom.is_held(run_of.has_others, run_of.has_staff, run_of.staff_seen)
          and run_of.last_end - run_of.first_start >= run_of.min_seconds * interval '1 second' end, false) as makes_absent,
      case when run_of.are_over and run_of.last_end >= run_of.starts_at then run_of.expected_at end as expected_at
    from run_of
  ), kept as (
    update zoom.lessons lesson set counts_from = worked_out.counts_from, counts_until = worked_out.counts_until,
      has_staff = worked_out.has_staff, is_over = worked_out.is_over, is_held = worked_out.is_held,
      makes_absent = worked_out.makes_absent, expected_at = worked_out.expected_at
    from worked_out
    where lesson.lesson_id = worked_out.lesson_id
      and (lesson.counts_from, lesson.counts_until, lesson.has_staff, lesson.is_over, lesson.is_held, lesson.makes_absent, lesson.expected_at)
        is distinct from (worked_out.counts_from, worked_out.counts_until, worked_out.has_staff, worked_out.is_over, worked_out.is_held,
          worked_out.makes_absent, worked_out.expected_at)
    returning lesson.lesson_id
  )
  select array_agg(kept.lesson_id) into changed from kept;
  return array(select unnest(recounted) union select unnest(changed));
end
$$;
comment on function zoom.weigh_lessons is
  'Works out which runs of these lessons count, when their lesson time was, and whether they are over, were held and make '
  'anybody absent. Returns the lessons of which anything changed, and with it perhaps what they say of everybody.';

revoke execute on function zoom.weigh_runs, zoom.weigh_lessons from public;
grant execute on function zoom.weigh_runs, zoom.weigh_lessons to service_role;
