-- What a lesson lacked, and now has: a change of the school's data, the clock, and a row that was refused make runs due, and
-- public.catch_up_zoom judges them anew, in small transactions of their own.

create function zoom.note_visit() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  insert into zoom.changes (relation, row_key, was)
  values ('visits', new.user_id::text, jsonb_build_object('meeting_id', new.meeting_id, 'user_id', new.user_id));
  return null;
end
$$;
comment on function zoom.note_visit is 'Trigger: somebody who opened the page may be the guest of their name.';

create trigger who_opened_the_page_may_be_a_guest after insert on zoom.visits
for each row when (new.kind = 'opened') execute function zoom.note_visit();

create function zoom.runs_concerned(change zoom.changes) returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return case change.relation
    when 'users' then array(
      -- Who shows an address of theirs (one that they gave up may be another's alone now) and is not known as them by it: of
      -- two addresses the other may be somebody else's; and where a student of this name came by the app.
      select seg.run_id from zoom.segments seg
      where seg.email is not null and seg.known_by is distinct from 'key'
        and (seg.known_by is distinct from 'email' or seg.user_id is distinct from change.row_key::uuid)
        and zoom.folded(seg.email) = any (array(
          select lower(own.was ->> 'email') from zoom.history own where own.row_key = change.row_key and own.relation = 'users'))
      union
      select seg.run_id
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null
      where run.meeting_id = any (array(select visit.meeting_id from zoom.visits visit where visit.user_id = change.row_key::uuid))
        and run.forgotten_at is null)
    when 'class_students' then array(
      select run.run_id
      from zoom.segments seg
      join zoom.instances run on run.run_id = seg.run_id
      join zoom.lessons lesson on lesson.lesson_id = run.lesson_id and lesson.class_id = (change.was ->> 'class_id')::uuid
      where seg.user_id = (change.was ->> 'student_id')::uuid
      union
      select run.run_id
      from zoom.instances run
      where run.meeting_id = any (array(
          select visit.meeting_id from zoom.visits visit where visit.user_id = (change.was ->> 'student_id')::uuid))
        and run.class_id = (change.was ->> 'class_id')::uuid)
    when 'classes' then array(
      select run.run_id
      from (
        -- (In the order of the index: so it is the right way, however small the table was when this was planned.)
        select distinct on (own.row_key) own.row_key from zoom.history own
        where own.relation = 'zoom_meetings' and (own.was ->> 'class_id')::uuid = change.row_key::uuid
        order by own.row_key
      ) taught
      join zoom.instances run on run.meeting_id = taught.row_key::uuid and run.class_id is null)
    when 'zoom_meetings' then array(
      select run.run_id from zoom.instances run
      where run.meeting_id = change.row_key::uuid and (run.class_id is null or run.lesson_id is null)
      union
      -- A plan that it was given takes what no other took; one run of it looks at all of them.
      select newest.run_id from (
        select run.run_id from zoom.instances run
        where run.meeting_id = change.row_key::uuid and run.started_at is not null
        order by run.started_at desc, run.instance desc limit 1) newest
      union
      select run.run_id from zoom.instances run
      where run.meeting_id is null and run.number = any (array(
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number'])
        from zoom.history own where own.row_key = change.row_key and own.relation = 'zoom_meetings'))
      union
      -- A new row has its number since ever, unless another had it: also where a personal room took its runs.
      select run.run_id from zoom.instances run
      where run.number = zoom.digits(change.was ->> 'zoom_meeting_id') and run.meeting_id is distinct from change.row_key::uuid
        and exists (select from zoom.history own where own.version_id = change.version_id and own.is_first))
    when 'meeting_registrants' then array(
      select seg.run_id
      from zoom.instances run
      join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null
        and array[seg.registrant_id, seg.zoom_user_id, seg.participant_id]::text[] && array(
          select own.was ->> 'zoom_registrant_id' from zoom.history own
          where own.row_key = change.row_key and own.relation = 'meeting_registrants')
      where run.meeting_id = (change.was ->> 'meeting_id')::uuid)
    when 'visits' then array(
      select run.run_id from zoom.instances run
      where run.meeting_id = (change.was ->> 'meeting_id')::uuid and run.forgotten_at is null
        and zoom.came_by_app((change.was ->> 'user_id')::uuid, run)
        and exists (select from zoom.segments seg where seg.run_id = run.run_id and seg.user_id is null))
    else '{}'
  end;
end
$$;
comment on function zoom.runs_concerned is 'The runs that a change of the school''s data may give what they lacked; no others.';

create function zoom.look_at_changes(most integer) returns void
language plpgsql volatile set search_path = '' as $$
declare
  change zoom.changes;
  moment timestamptz;
  earliest timestamptz := 'infinity';
  visitors zoom.visitor[] := '{}';
  are_others boolean;
begin
  for change in
    select own.* from zoom.changes own
    where own.again_from is null or own.again_from <= pg_snapshot_xmin(pg_current_snapshot())
    order by own.change_id
    limit most
    for update skip locked
  loop
    -- A transaction that ran when it was made may hold an event that nobody sees yet: then it is looked at once more. (Asked
    -- before the look: who begins later sees the change.)
    are_others := exists (select from pg_snapshot_xip(pg_current_snapshot()));
    insert into zoom.due (run_id)
    select told.run_id from unnest(zoom.runs_concerned(change)) told (run_id)
    order by told.run_id
    on conflict do nothing;
    moment := (
      select case when change.is_gone then own.until else own.since end from zoom.history own where own.version_id = change.version_id);
    -- (What counts since ever concerns nothing that was judged without it.)
    earliest := least(earliest, nullif(moment, '-infinity'), (
      select max(own.since) from zoom.settings own where change.relation = 'settings' and own.since > '-infinity'));
    if change.relation = 'users' then
      visitors := visitors || array(
        select distinct row(visit.meeting_id, visit.user_id)::zoom.visitor from zoom.visits visit
        where visit.user_id = change.row_key::uuid and visit.at >= moment);
    end if;
    if change.again_from is null and are_others then
      update zoom.changes own set again_from = pg_snapshot_xmax(pg_current_snapshot()) where own.change_id = change.change_id;
    else
      delete from zoom.changes own where own.change_id = change.change_id;
    end if;
  end loop;
  -- And what began or ended after a change, and was judged before it: there is nothing, as a rule.
  if isfinite(earliest) then
    insert into zoom.due (run_id)
    select run.run_id from zoom.instances run
    where greatest(run.started_at, run.ended_at, run.told_at) > earliest and run.forgotten_at is null and run.meeting_id is not null
    order by run.run_id
    on conflict do nothing;
  end if;
  if cardinality(visitors) > 0 then
    perform zoom.lock_meetings(array(select told.meeting_id from unnest(visitors) told));
    perform zoom.show_visitors(visitors);
    perform zoom.close_app_joins(array(select distinct told.meeting_id from unnest(visitors) told));
  end if;
end
$$;
comment on function zoom.look_at_changes is 'Notes the runs that the next changes concern, at most so many changes.';

create function zoom.judge_runs(chosen bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  meetings uuid[];
  left_lessons zoom.lesson_key[];
  placed record;
begin
  -- Those they are of, and those they may come to be of.
  meetings := array(
    select run.meeting_id from zoom.instances run where run.run_id = any (chosen) and run.meeting_id is not null
    union
    select found.meeting_id from zoom.instances run
    cross join lateral (select zoom.meeting_of(run.number, run.instance, run.host_email, run.started_at, run.as_of) as meeting_id) found
    where run.run_id = any (chosen) and run.as_of is not null and found.meeting_id is not null);
  perform zoom.lock_meetings(meetings);
  left_lessons := array(
    select distinct row(lesson.class_id, lesson.held_on)::zoom.lesson_key
    from zoom.instances run
    join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
    where run.run_id = any (chosen) and lesson.class_id is not null);
  placed := zoom.place_runs(chosen, meetings);
  perform zoom.lock_classes(meetings, chosen);
  perform zoom.work_out('{}', '{}', array(
      select distinct row(seg.run_id, seg.connection_key, null)::zoom.sighting from zoom.segments seg where seg.run_id = any (chosen)),
    placed.left_visitors, chosen, left_lessons, meetings);
end
$$;
comment on function zoom.judge_runs is 'Judges these runs anew, wholly: their meeting, class and lesson, who was in them, and everybody''s verdict.';

create function zoom.finish_lessons() returns void
language plpgsql volatile set search_path = '' as $$
declare
  first zoom.unfinished;
  due zoom.record_key[];
begin
  select later.* into first from zoom.unfinished later order by later.class_id, later.date, later.student_id limit 1;
  if first.class_id is null then
    return;
  end if;
  -- Locked as apply_zoom_events locks it: nobody else writes this class's records meanwhile.
  perform from public.classes class where class.id = first.class_id for no key update;
  with taken as (
    delete from zoom.unfinished later
    using (
      select own.class_id, own.date, own.student_id from zoom.unfinished own
      where own.class_id = first.class_id
      order by own.date, own.student_id
      limit zoom.part_size()
    ) part
    where (later.class_id, later.date, later.student_id) = (part.class_id, part.date, part.student_id)
    returning later.student_id, later.class_id, later.date
  )
  select array_agg(row(taken.student_id, taken.class_id, taken.date)::zoom.record_key) into due from taken;
  perform zoom.record_attendance(due);
end
$$;
comment on function zoom.finish_lessons is 'Writes the next part of the attendance that large lessons left for later.';

create function zoom.try_refused() returns void
language plpgsql volatile set search_path = '' as $$
declare
  tried zoom.refused[];
begin
  tried := array(
    select own from zoom.refused own where own.tried_at < now() - interval '1 hour'
    order by own.tried_at
    limit zoom.part_size()
    for update skip locked);
  if cardinality(tried) = 0 then
    return;
  end if;
  update zoom.refused own set tried_at = now()
  from unnest(tried) told where own.relation = told.relation and own.row_key = told.row_key;
  insert into zoom.unfinished (student_id, class_id, date)
  select told.student_id, told.class_id, told.date from unnest(tried) told where told.relation = 'attendance_records'
  on conflict do nothing;
  -- Of a participant, or a status: the run that is shown.
  insert into zoom.due (run_id)
  select distinct run.run_id
  from unnest(tried) told
  join zoom.meetings meeting on meeting.meeting_id = told.meeting_id
  join zoom.instances run on run.meeting_id = meeting.meeting_id and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson)
  where told.relation <> 'attendance_records'
  on conflict do nothing;
  delete from zoom.refused own
  where own.relation <> 'attendance_records' and own.meeting_id is not null
    and not exists (select from public.zoom_meetings room where room.id = own.meeting_id);
end
$$;
comment on function zoom.try_refused is 'Has rows that were refused an hour ago tried again.';

create function zoom.note_silent_runs() returns void
language plpgsql volatile set search_path = '' as $$
begin
  insert into zoom.due (run_id)
  select run.run_id from zoom.instances run
  where run.ended_at is null and run.started_at < now() - zoom.longest() and run.forgotten_at is null and run.meeting_id is not null
    and zoom.run_end(run) is not null
  order by run.run_id
  limit 100
  on conflict do nothing;
end
$$;
comment on function zoom.note_silent_runs is 'Has runs judged whose end was never told, once they are over by the clock.';

create function public.catch_up_zoom(since timestamptz default null, most integer default 20) returns jsonb
language plpgsql volatile security invoker
set search_path = '' set timezone = 'UTC'
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
set random_page_cost = 1 set jit = off
as $$
declare
  written bigint[] := zoom.rows_written();
  moment constant timestamptz := now();
  taken bigint[];
  next_one bigint;
  failed jsonb := '[]';
  sqlstate_told text;
begin
  perform zoom.look_at_changes(500);
  perform zoom.note_silent_runs();
  perform zoom.try_refused();
  -- Those of one meeting together, so that one that fails is not all of them.
  select own.run_id into next_one from zoom.due own
  where own.not_before <= moment order by own.is_chosen, own.run_id limit 1 for update skip locked;
  if next_one is not null then
    taken := array(
      select own.run_id from zoom.due own
      cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = own.run_id offset 0) run
      where run.meeting_id is not distinct from (select first.meeting_id from zoom.instances first where first.run_id = next_one)
      order by own.run_id
      limit greatest(most, 1)
      for update of own skip locked);
    begin
      perform zoom.judge_runs(taken);
      delete from zoom.due own where own.run_id = any (taken);
    exception when query_canceled or others then
      -- Trouble of one meeting is its own: it is put off, and the others go on.
      get stacked diagnostics sqlstate_told = returned_sqlstate;
      if left(sqlstate_told, 2) in ('08', '25', '40', '53', '58') or sqlstate_told in ('57P01', '57P02', '57P03') then
        raise;
      end if;
      update zoom.due own set failures = own.failures + 1, failed_at = coalesce(own.failed_at, moment), code = sqlstate_told,
        not_before = moment + least(interval '10 seconds' * 2 ^ least(own.failures, 10), interval '1 hour')
      where own.run_id = any (taken);
      failed := (
        select jsonb_agg(distinct jsonb_build_object('meeting', run.number, 'code', sqlstate_told))
        from zoom.instances run where run.run_id = any (taken));
    end;
  else
    perform zoom.finish_lessons();
  end if;
  perform zoom.tell_changes(written);
  return jsonb_build_object(
    'left', (select count(*) from zoom.due own where own.not_before <= moment) + (select count(*) from zoom.unfinished)
      + (select count(*) from zoom.changes own where own.again_from is null),
    'numbers', case when since is null then '[]' else (
      -- A transaction may have noted a number some time ago, and ended just now.
      select coalesce(jsonb_agg(distinct told.number), '[]')
      from (
        -- (A range is planned as a few rows, so by the index of its column.)
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number']) as number
        from zoom.history own
        where own.relation = 'zoom_meetings' and own.since > catch_up_zoom.since - interval '1 minute' and own.since < 'infinity'
        union all
        -- Where one of two gave a number up, the other has it alone.
        select unnest(array[zoom.digits(own.was ->> 'zoom_meeting_id'), own.was ->> 'personal_number'])
        from zoom.history own
        where own.relation = 'zoom_meetings' and own.until > catch_up_zoom.since - interval '1 minute' and own.until < 'infinity'
      ) told
      where told.number <> '')
    end,
    'until', moment, 'failed', failed,
    'held', (
      select coalesce(jsonb_agg(jsonb_build_object('meeting', told.number, 'since', told.since, 'code', told.code) order by told.since, told.number), '[]')
      from (
        select run.number, min(own.failed_at) as since, (array_agg(own.code order by own.not_before desc, own.run_id))[1] as code
        from zoom.due own
        cross join lateral (select here.number from zoom.instances here where here.run_id = own.run_id offset 0) run
        where own.failures > 0
        group by run.number
        order by min(own.failed_at), run.number
        limit 100
      ) told));
end
$$;
comment on function public.catch_up_zoom is
  'Judges anew what the school''s changes, the clock and refused rows make due, and writes what large lessons left: the runs of '
  'one meeting, at most so many (most), or one part of a large lesson. Returns left (how much is still due: call again at once '
  'when it is more than 0), numbers (Zoom''s numbers that a meeting was given, or gave up, after since, '
  'as digits; some of a minute before are told again) until (the next since) and failed (meetings, by number, that '
  'could not be judged in this call and are put off, with the SQLSTATE) and held (all that are put off, each with since when). Raises 40001 and 40P01 when it should be called again.';
revoke execute on function public.catch_up_zoom from public, anon, authenticated;
grant execute on function public.catch_up_zoom to service_role;

create function public.rejudge_zoom(chosen jsonb) returns jsonb
language plpgsql volatile security invoker set search_path = '' as $$
declare
  classes uuid[];
  runs bigint[];
  lessons bigint;
begin
  if nullif(chosen ->> 'class', '') is not null then
    classes := array(
      select own.id from public.classes own
      where own.id::text = chosen ->> 'class' or zoom.folded(own.name) = zoom.folded(chosen ->> 'class')
      order by own.id);
    if cardinality(classes) <> 1 then
      return jsonb_build_object('outcome', case when cardinality(classes) = 0 then 'unknown_class' else 'ambiguous_class' end,
        'lessons', 0, 'runs', 0, 'classes', (
          select coalesce(jsonb_agg(jsonb_build_object('id', own.id, 'name', own.name) order by own.id), '[]')
          from public.classes own where own.id = any (classes)));
    end if;
  end if;
  if nullif(chosen ->> 'meeting', '') is not null and not exists (
      select from zoom.held_numbers held where held.number = zoom.digits(chosen ->> 'meeting')
      union all select from zoom.instances run where run.number = zoom.digits(chosen ->> 'meeting')) then
    return jsonb_build_object('outcome', 'unknown_meeting', 'lessons', 0, 'runs', 0);
  end if;
  select array_agg(run.run_id), count(distinct coalesce(run.lesson_id, -run.run_id)) into runs, lessons
  from zoom.instances run
  left join zoom.lessons lesson on lesson.lesson_id = run.lesson_id
  where run.forgotten_at is null and run.started_at is not null
    and (nullif(chosen ->> 'meeting', '') is null or run.number = zoom.digits(chosen ->> 'meeting')
      or run.meeting_id in (select held.meeting_id from zoom.held_numbers held where held.number = zoom.digits(chosen ->> 'meeting')))
    and (classes is null or coalesce(lesson.class_id, run.class_id) = classes[1]
      or run.meeting_id in (select room.id from public.zoom_meetings room where room.class_id = classes[1]))
    and (nullif(chosen ->> 'date', '') is null
      or coalesce(lesson.held_on, (run.started_at at time zone 'UTC')::date) = (chosen ->> 'date')::date)
    and (nullif(chosen ->> 'since', '') is null or run.started_at >= (chosen ->> 'since')::timestamptz);
  if not coalesce((chosen ->> 'dry_run')::boolean, false) then
    update zoom.instances run set judged_as_of = case when (chosen ->> 'as_of_now')::boolean then now() end
    where run.run_id = any (runs)
      and (coalesce((chosen ->> 'as_of_now')::boolean, false) or run.judged_as_of is not null);
    insert into zoom.due as own (run_id, is_chosen)
    select told.run_id, true from unnest(runs) told (run_id) order by told.run_id
    on conflict (run_id) do update set is_chosen = true;
  end if;
  return jsonb_build_object('outcome', 'ok', 'lessons', lessons, 'runs', coalesce(cardinality(runs), 0));
end
$$;
comment on function public.rejudge_zoom is
  'Has lessons judged anew by catch_up_zoom: those that meet all that chosen names: meeting (Zoom''s number), class (name or id), '
  'date, since (a time); by the data of today if as_of_now is true, else of when their runs began; dry_run only counts. Returns '
  'outcome (ok, unknown_meeting, unknown_class, ambiguous_class with classes), lessons and runs.';

create function public.rejudge_left() returns jsonb
language plpgsql stable security invoker set search_path = '' as $$
begin
  return jsonb_build_object('left', (select count(*) from zoom.due own where own.is_chosen));
end
$$;
comment on function public.rejudge_left is 'How many runs that somebody chose are still to be judged anew: left.';

create function public.refused_zoom_rows(most integer default 50) returns jsonb
language plpgsql stable security invoker set search_path = '' set timezone = 'UTC' as $$
begin
  return jsonb_build_object('of', (select count(*) from zoom.refused), 'rows', coalesce((
    select jsonb_agg(jsonb_build_object('table', told.relation, 'student', person.name, 'class', class.name, 'meeting', room.zoom_meeting_id,
      'date', told.date, 'wanted', told.wanted, 'reason', told.reason, 'code', told.code, 'since', told.since, 'tried_at', told.tried_at)
      order by told.since desc, told.row_key)
    from (select own.* from zoom.refused own order by own.since desc, own.row_key limit greatest(most, 0)) told
    left join public.users person on person.id = told.student_id
    left join public.classes class on class.id = told.class_id
    left join public.zoom_meetings room on room.id = told.meeting_id), '[]'));
end
$$;
comment on function public.refused_zoom_rows is
  'Rows that the school''s database refused, the newest first: of (how many), rows (table, student, class, meeting, date, wanted, '
  'reason, code, since, tried_at). They are tried again when something of them changes, and once an hour.';

revoke execute on function public.rejudge_zoom, public.rejudge_left, public.refused_zoom_rows from public, anon, authenticated;
grant execute on function public.rejudge_zoom, public.rejudge_left, public.refused_zoom_rows to service_role;

revoke execute on function
  zoom.note_visit, zoom.runs_concerned, zoom.look_at_changes, zoom.judge_runs, zoom.finish_lessons, zoom.try_refused, zoom.note_silent_runs
from public;
grant execute on function
  zoom.runs_concerned, zoom.look_at_changes, zoom.judge_runs, zoom.finish_lessons, zoom.try_refused, zoom.note_silent_runs
to service_role;
