-- The only function that writes what Zoom said, and what the app saw: an event takes effect once, whatever the order, the
-- repetition and the batch it comes in.
--
--   read_events, place_facts     what was said, checked; which meeting of the school it is of
--   keep_facts, keep_visits      added to the set of facts; a repeat adds nothing, and then nothing else happens
--   work_out                     the rows, of whatever that concerns:
--     end_runs                     when the runs were over
--     recognise, weigh_runs        who was in them
--     assign_lessons               which lesson each run belongs to
--     weigh_lessons                when the lesson was, whether it is over and makes anybody absent
--     participants_wanted, ...     public.zoom_participants
--     statuses_wanted, ...         public.zoom_meetings
--     due_records, record_attendance   public.attendance_records, by judge
--
-- Every step works on sets and writes only what differs. The steps hand each other arrays, not temporary tables, whose
-- making costs more than a batch. A batch locks its meetings and then their classes, each in id order, so any number of
-- callers may run: those who share neither run side by side, the others wait for one another and never in a ring.
--
-- The plans are made once per connection, perhaps while the tables were small, and are kept: so the settings of
-- apply_zoom_events allow only plans that are right for every size, which go from the batch to each row by an index, and a
-- lateral lookup (offset 0 keeps it one) stands where a join could be turned round. An exists that is no condition by itself
-- (in an or, a case, or what is selected) has it too: else the planner may make a list of the whole table first.
-- Even the small helpers are plpgsql: it keeps the plan of a function that has settings of its own, and language sql does not.

create function zoom.place_runs(runs bigint[], meetings uuid[], out left_meetings uuid[], out left_visitors zoom.visitor[])
language plpgsql volatile set search_path = '' as $$
declare
  moved bigint[];
begin
  with worked_out as materialized (
    select run.run_id, run.meeting_id as was_meeting, run.class_id as was_class, run.host_user as was_host, run.teacher as was_teacher,
      place.meeting_id, class.id as class_id, (zoom.as_of('zoom_meetings', place.meeting_id::text, run.as_of) ->> 'host_id')::uuid as host_user,
      (zoom.as_of('classes', class.id::text, run.as_of) ->> 'teacher_id')::uuid as teacher
    from unnest(runs) told (run_id)
    join zoom.instances run on run.run_id = told.run_id and run.as_of is not null and run.forgotten_at is null
    cross join lateral (select zoom.meeting_of(run.number, run.instance, run.host_email, run.started_at, run.as_of) as meeting_id) place
    cross join lateral (select zoom.class_of(place.meeting_id, run.as_of) as id) class
  ), kept as (
    update zoom.instances run set meeting_id = worked_out.meeting_id, class_id = worked_out.class_id, host_user = worked_out.host_user,
      teacher = worked_out.teacher
    from worked_out
    where run.run_id = worked_out.run_id
      and (worked_out.was_meeting, worked_out.was_class, worked_out.was_host, worked_out.was_teacher)
        is distinct from (worked_out.meeting_id, worked_out.class_id, worked_out.host_user, worked_out.teacher)
      and (worked_out.meeting_id is null or worked_out.meeting_id = any (meetings))
    returning run.run_id, worked_out.was_meeting, worked_out.was_meeting <> run.meeting_id or run.meeting_id is null as has_left
  ), later as (
    -- (A later look locks both.)
    insert into zoom.due (run_id)
    select worked_out.run_id from worked_out
    where worked_out.meeting_id is not null and worked_out.meeting_id <> all (meetings)
    order by worked_out.run_id
    on conflict do nothing
  )
  select array_agg(kept.run_id), array_agg(distinct kept.was_meeting) into moved, left_meetings
  from kept where kept.has_left and kept.was_meeting is not null;
  if moved is null then
    return;
  end if;
  -- Whom these runs showed in the meeting that they left is looked at there.
  left_visitors := array(
    select distinct row(told.meeting_id, seg.user_id)::zoom.visitor
    from unnest(left_meetings) told (meeting_id)
    cross join (select distinct own.user_id from zoom.segments own where own.run_id = any (moved) and own.user_id is not null) seg);
  delete from public.zoom_participants shown
  using zoom.rows memory
  where memory.run_id = any (moved) and shown.id = memory.row_id and shown.meeting_id = any (left_meetings);
end
$$;
comment on function zoom.place_runs is
  'Looks up anew which meeting these runs are of, for which class, and whose both were. meetings: those that are locked. Returns the '
  'meetings that a run left, and the users it may have shown there; rows of its guests there are removed.';

create function zoom.lock_classes(meetings uuid[], runs bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform from public.classes class
  where class.id in (
    select run.class_id from zoom.instances run where run.run_id = any (runs)
    union
    select lesson.class_id from zoom.lessons lesson where lesson.meeting_id = any (meetings))
  order by class.id
  for no key update;
end
$$;
comment on function zoom.lock_classes is 'Locks the classes of these meetings and runs, in the order of their ids: two meetings of one class write the same records.';

create function zoom.work_out(
  runs bigint[], changed_runs bigint[], touched zoom.sighting[], visitors zoom.visitor[], whole_runs bigint[], left_lessons zoom.lesson_key[],
  left_meetings uuid[]
) returns void
language plpgsql volatile set search_path = '' as $$
declare
  meetings uuid[];
  ended bigint[];
  weighed bigint[];
  moved bigint[] := '{}';
  turned uuid[];
  lessons bigint[];
  keys zoom.lesson_key[];
  seen zoom.sighting[];
  participants record;
  given_back uuid[];
  assigned record;
  records record;
begin
  runs := array(select unnest(runs) union select seen_in.run_id from unnest(touched) seen_in union select unnest(whole_runs));
  meetings := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (runs) and run.meeting_id is not null
    union
    select visitor.meeting_id from unnest(visitors) visitor
    union
    select unnest(left_meetings));

  -- A run may end one that was open before it.
  ended := zoom.end_runs(array(
    select unnest(runs)
    union
    select running.run_id from zoom.instances running
    where running.meeting_id = any (meetings) and running.told_end is null and running.forgotten_at is null));

  -- Of whom nothing new was told but that they came or went is known already.
  seen := zoom.recognise(array(select told from unnest(touched) told where told.user_id is null))
    || array(select told from unnest(touched) told where told.user_id is not null);
  weighed := zoom.weigh_runs(array(
    select distinct told.run_id from unnest(touched) told where told.user_id is null union select unnest(whole_runs)));

  select own.* into assigned from zoom.assign_lessons(array(
    select distinct run.meeting_id from zoom.instances run
    where run.meeting_id is not null and (
      run.run_id = any (changed_runs || weighed || ended || whole_runs) or run.run_id = any (runs) and run.lesson_id is null)
    union
    select unnest(left_meetings)), runs || ended) own;
  moved := assigned.moved_runs;
  if moved is not null and exists (select from zoom.visits visit where visit.meeting_id = any (meetings)) then
    -- In another lesson's window others came by the app.
    seen := seen || zoom.recognise(array(
      select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting from zoom.segments seg
      where seg.run_id = any (moved) and (seg.user_id is null or seg.known_by = 'name')));
    perform zoom.weigh_runs(moved);
  end if;

  lessons := array(
    select run.lesson_id from zoom.instances run
    where run.run_id = any (changed_runs || weighed || ended || moved || whole_runs) and run.lesson_id is not null
    union
    select run.lesson_id
    from unnest(touched) told
    join zoom.instances run on run.run_id = told.run_id and run.lesson_id is not null and run.has_staff
    where exists (
      -- (Of the run, and not of the sighting, so that it is asked only where staff was in.)
      select from zoom.segments seg where seg.connection_key = told.connection_key and seg.run_id = run.run_id and zoom.is_of_staff(seg)
      offset 0)
    union
    select unnest(assigned.changed_lessons));
  lessons := zoom.weigh_lessons(lessons) || assigned.changed_lessons;

  turned := zoom.show_latest(meetings);
  -- Look at the connections touched, at everyone in a run that moved, or is shown now, and in one that ended at whoever was in it
  -- to the end.
  seen := seen || array(
    select distinct row(seg.run_id, seg.connection_key, seg.user_id)::zoom.sighting
    from unnest(ended) told (run_id)
    join zoom.segments seg on seg.run_id = told.run_id
    cross join lateral (
      select kind.counts from zoom.marks mark
      join zoom.kinds kind on kind.kind = mark.kind and kind.counts in ('opens', 'closes')
      where mark.run_id = seg.run_id and mark.segment = seg.segment
      order by mark.at desc, kind.counts, mark.body_hash desc
      limit 1
    ) latest
    where latest.counts = 'opens') || array(
    select distinct row(seg.run_id, seg.connection_key, seg.user_id)::zoom.sighting
    from (
      select unnest(moved || whole_runs) as run_id
      union
      select run.run_id
      from unnest(turned) told (id)
      join zoom.meetings meeting on meeting.meeting_id = told.id
      join zoom.instances run on run.meeting_id = told.id and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson)
    ) run
    join zoom.segments seg on seg.run_id = run.run_id);

  perform zoom.show_visitors(visitors);
  -- Where other runs are shown now, those shown before go back to invited.
  participants := zoom.participants_wanted(seen || array(
      select row(memory.run_id, memory.connection_key, null)::zoom.sighting
      from unnest(turned) told (id)
      join public.zoom_participants shown on shown.meeting_id = told.id and shown.user_id is null
      cross join lateral (select own.run_id, own.connection_key from zoom.rows own where own.row_id = shown.id offset 0) memory
      where memory.run_id is not null),
    visitors || array(
      select row(shown.meeting_id, shown.user_id)::zoom.visitor
      from unnest(turned) told (id)
      join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited' and shown.user_id is not null
      union
      -- And those who were in none of them go by the name that they had then.
      select row(shown.meeting_id, shown.user_id)::zoom.visitor
      from unnest(whole_runs) told (run_id)
      join zoom.instances run on run.run_id = told.run_id
      join public.zoom_participants shown on shown.meeting_id = run.meeting_id and shown.status = 'invited' and shown.user_id is not null));
  perform zoom.write('zoom_participants', 'write_participants', participants.wanted);

  given_back := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (ended)
    union
    select visitor.meeting_id from unnest(visitors) visitor
    union
    select told.meeting_id from unnest(participants.wanted) told where told.fate = 'update' and told.says is not distinct from told.was
    union
    select unnest(turned || left_meetings));
  perform zoom.close_app_joins(given_back);

  perform zoom.write('zoom_meetings', 'write_statuses', zoom.statuses_wanted(array(
    select run.meeting_id from zoom.instances run
    where run.run_id = any (changed_runs || ended || moved || whole_runs) and run.meeting_id is not null
    union
    select unnest(turned || left_meetings))));

  keys := array(
    select told from unnest(left_lessons || assigned.left_behind) told
    union
    select row(lesson.class_id, lesson.held_on)::zoom.lesson_key
    from zoom.lessons lesson
    where lesson.class_id is not null and lesson.lesson_id = any (lessons || array(
      select run.lesson_id from zoom.instances run where run.run_id = any (ended || moved || whole_runs))));
  records := zoom.due_records(seen, visitors, keys);
  perform zoom.record_attendance(records.due, participants.people, participants.presences);
  if records.later is not null then
    insert into zoom.unfinished (student_id, class_id, date)
    select told.student_id, told.class_id, told.date from unnest(records.later) told
    on conflict do nothing;
    perform zoom.tell('Sidecar-Unfinished', 'true'); -- so that the sidecar calls catch_up_zoom
  end if;
end
$$;
comment on function zoom.work_out is
  'Brings the public rows to what the facts say, of whatever these concern: runs of which anything is new, those of them of which '
  'their times or who told of them are new, connections to look '
  'up, users whom the app saw, runs to be judged as a whole, lessons (class and date) and meetings that lost a run. The meetings and '
  'classes are locked.';

create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb
language plpgsql volatile security invoker
set search_path = ''
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
-- PostgREST sets this before it calls (in the statement itself it would come too late): a batch with a meeting that takes too
-- long fails in half of a project's eight seconds, and the sidecar applies the others by themselves.
set statement_timeout = '4s'
as $$
declare
  written bigint[] := zoom.rows_written();
  facts zoom.fact[] := zoom.read_events(events);
  kept record;
  app record;
  placed record;
  meetings uuid[];
begin
  perform zoom.note_settings(policy);
  facts := zoom.place_facts(facts);
  meetings := array(select distinct f.meeting_id from unnest(facts) f where f.meeting_id is not null);
  perform zoom.lock_meetings(meetings);

  kept := zoom.keep_facts(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is null));
  app := zoom.keep_visits(array(select f from unnest(facts) f where f.meeting_id is not null and f.user_id is not null));

  if cardinality(kept.told_runs) > 0 or app.fresh is not null then
    placed := zoom.place_runs(kept.new_runs, meetings);
    perform zoom.lock_classes(meetings, kept.told_runs);
    perform zoom.work_out(kept.told_runs, kept.changed_runs, kept.touched || zoom.guests_near(app.visitors),
      app.visitors || placed.left_visitors, '{}', '{}', placed.left_meetings);
    perform zoom.tell_changes(written);
  end if;

  return (
    select coalesce(jsonb_agg(case
        when f.meeting_id is null then 'unknown_meeting'
        when not coalesce(f.n = any (app.fresh) or f.counts in ('begins', 'ends') and f.run_id = any (kept.told_runs)
          or (f.run_id, coalesce(f.segment, '')) in (select told.run_id, told.segment from unnest(kept.changed_visits) told), false) then 'duplicate'
        when f.customer_key is null then 'applied'
        when not exists (
          select from zoom.keys key where key.customer_key = f.customer_key and key.meeting_id = f.meeting_id offset 0) then 'unknown_key'
        when exists (
          select from zoom.shared_keys shared
          where shared.customer_key = f.customer_key and shared.run_id = f.run_id and shared.segment = f.segment
          offset 0) then 'shared_key'
        else 'applied'
      end order by f.n), '[]')
    from unnest(kept.facts || array(select f from unnest(facts) f where f.meeting_id is null or f.user_id is not null)) f);
end
$$;
comment on function public.apply_zoom_events is
  'Adds Zoom''s events, and what the app saw, to the facts and brings the public rows to what the facts say, in one transaction. '
  'events: an array of objects. Zoom''s have kind (see zoom.kinds), meeting, at, and optionally instance, segment, approximate, '
  'start, accepted (when the door took it), connection, zoom_user_id, participant_id, registrant_id, customer_key, email, name, '
  'host_id, host_email; an event without any time has body_hash and accepted in place of at; the app''s have kind (app_joined, '
  'app_left), meeting, at, user. policy: min_minutes (default 15), timezone (IANA name, default UTC, or "meeting"), app_joins '
  '(corroborate, the default: a name counts for a student who joined through the app; count: the app''s word does where Zoom saw '
  'nothing; ignore) and plan_margin_minutes (default 60). Returns one outcome per event, in order: applied, duplicate, '
  'unknown_meeting; or applied with a customer_key that is none of ours for that meeting (unknown_key) or that another Zoom user '
  'shows at the same time (shared_key). Raises 22xxx for bad input, 40001 and 40P01 when it should be called again.';
revoke execute on function public.apply_zoom_events from public, anon, authenticated;
grant execute on function public.apply_zoom_events to service_role;

create function zoom.guests_near(visitors zoom.visitor[]) returns zoom.sighting[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting
    from (select distinct told.meeting_id, told.user_id from unnest(visitors) told) visitor
    join zoom.instances run on run.meeting_id = visitor.meeting_id and run.forgotten_at is null
    cross join lateral (
      select here.* from zoom.segments here
      where here.run_id = run.run_id and (here.user_id is null or here.known_by = 'name')
      offset 0
    ) seg
    where zoom.came_by_app(visitor.user_id, run));
end
$$;
comment on function zoom.guests_near is 'The connections that may be these visitors by their names (see zoom.person_by_name), in the runs they came for.';

create view zoom.shared_keys with (security_invoker) as
with shown as not materialized (
  select key.customer_key, key.meeting_id, key.user_id, seg.run_id, seg.segment, seg.connection_key, seg.zoom_user_id,
    stay.came, stay.went, stay.name
  from zoom.keys key
  join zoom.segments seg on seg.customer_key = key.customer_key
  join zoom.instances run on run.run_id = seg.run_id and run.meeting_id = key.meeting_id
  cross join lateral (
    select min(own.at) as came, coalesce(max(own.at) filter (where own.counts = 'closes'), run.ended_at, 'infinity') as went,
      lower(btrim((array_agg(own.name order by own.at desc, own.name desc) filter (where own.name is not null))[1] collate "default")) as name
    from zoom.stays own where own.run_id = seg.run_id and own.segment = seg.segment
  ) stay
)
select one.customer_key, one.meeting_id, one.user_id, one.run_id, one.segment, one.zoom_user_id,
  other.segment as other_segment, other.zoom_user_id as other_zoom_user_id
from shown one
join shown other on other.customer_key = one.customer_key and other.meeting_id = one.meeting_id and other.run_id = one.run_id
where one.connection_key <> other.connection_key and one.came < other.went and other.came < one.went
  -- Two accounts; or, of guests, two names. Two devices of one person show neither.
  and (other.zoom_user_id <> one.zoom_user_id or other.name <> one.name);

comment on view zoom.shared_keys is
  'Keys that two Zoom users, or guests of two names, showed at the same time: somebody passed theirs on. Both count as the user whose key it is; look whom to ask.';
comment on column zoom.shared_keys.customer_key is 'The key.';
comment on column zoom.shared_keys.meeting_id is 'The meeting it was issued for.';
comment on column zoom.shared_keys.user_id is 'Whose it is.';
comment on column zoom.shared_keys.run_id is 'The run.';
comment on column zoom.shared_keys.segment is 'The segment of one of the two.';
comment on column zoom.shared_keys.zoom_user_id is 'Who that was, for Zoom; null for a guest.';
comment on column zoom.shared_keys.other_segment is 'The segment of the other.';
comment on column zoom.shared_keys.other_zoom_user_id is 'Who the other was; null for a guest.';
grant select on zoom.shared_keys to service_role;

revoke execute on function zoom.place_runs, zoom.lock_classes, zoom.work_out, zoom.guests_near from public;
grant execute on function zoom.place_runs, zoom.lock_classes, zoom.work_out, zoom.guests_near to service_role;
