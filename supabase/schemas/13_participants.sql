-- Who takes part, in public.zoom_participants: one row for a meeting and user, guests one for a connection.
--
-- The rows show the lesson that the meeting's newest run belongs to, or that run alone. People who were seen in earlier ones
-- only go back to invited. Zoom's facts outrank what the app's own page wrote into the same row.

create function zoom.show_latest(meetings uuid[]) returns uuid[]
language plpgsql volatile set search_path = '' as $$
declare
  turned uuid[];
begin
  with worked_out as materialized (
    select meeting.meeting_id, meeting.shown_run as was_run, meeting.shown_lesson as was_lesson, newest.run_id, newest.lesson_id
    from zoom.meetings meeting
    left join lateral (
      select run.run_id, run.lesson_id from zoom.instances run
      where run.meeting_id = meeting.meeting_id and run.started_at is not null
      order by run.started_at desc, run.instance desc
      limit 1
    ) newest on true
    where meeting.meeting_id = any (meetings)
  ), kept as (
    update zoom.meetings meeting set shown_run = worked_out.run_id, shown_lesson = worked_out.lesson_id
    from worked_out
    where meeting.meeting_id = worked_out.meeting_id
      and (worked_out.was_run, worked_out.was_lesson) is distinct from (worked_out.run_id, worked_out.lesson_id)
    returning worked_out.meeting_id,
      worked_out.was_lesson is null or worked_out.lesson_id is null or worked_out.was_lesson <> worked_out.lesson_id as is_another
  )
  select array_agg(kept.meeting_id) filter (where kept.is_another) into turned from kept;
  return turned;
end
$$;
comment on function zoom.show_latest is 'Notes which runs the participants of these meetings show; returns the meetings in which these are others now.';

create function zoom.is_shown(run zoom.instances, meeting zoom.meetings) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  return run.run_id = meeting.shown_run or coalesce(run.lesson_id = meeting.shown_lesson, false);
end
$$;
comment on function zoom.is_shown is 'Whether the participants of a meeting show this run.';

create function zoom.app_word(meeting uuid, visitor uuid) returns zoom.said
language plpgsql stable set search_path = '' as $$
begin
  return (
    select row(null, person.was ->> 'shown_name', person.was ->> 'shown_email', latest.join_time, case latest.kind when 'left' then latest.at end, null,
      latest.kind)::zoom.said
    from (
      select visit.at, visit.kind, (
          select max(came.at) from zoom.visits came
          where came.meeting_id = meeting and came.user_id = visitor and came.kind = 'joined'
        ) as join_time
      from zoom.visits visit
      where visit.meeting_id = meeting and visit.user_id = visitor and visit.kind <> 'opened'
      order by visit.at desc, visit.kind desc
      limit 1
    ) latest
    cross join lateral zoom.as_of('users', visitor::text, latest.at) person (was));
end
$$;
comment on function zoom.app_word is 'What the app''s page would have written of a visitor: their latest visit. Null for none.';

create function zoom.show_visitors(visitors zoom.visitor[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  -- The app's row says what its page would have written. Where Zoom's facts are shown instead, it is remembered.
  with word as (
    select visitor.meeting_id, visitor.user_id, shown.id as row_id, memory.row_id is not null and memory.closed_at is null as is_ours, told.says
    from (select distinct told.meeting_id, told.user_id from unnest(visitors) told) visitor
    join public.zoom_meetings room on room.id = visitor.meeting_id
    cross join lateral (select zoom.app_word(visitor.meeting_id, visitor.user_id) as says) told
    left join public.zoom_participants shown on shown.meeting_id = visitor.meeting_id and shown.user_id = visitor.user_id
    left join zoom.rows memory on memory.row_id = shown.id
    -- A row that was closed, and of which the app says the same, stays closed.
    where (told.says).status is not null and not (memory.closed_at is not null and shown.leave_time is not distinct from memory.closed_at
      and memory.was is not distinct from told.says)
  ), remembered as (
    update zoom.rows memory set was = word.says
    from word
    where memory.row_id = word.row_id and word.is_ours
  ), forgotten as (
    delete from zoom.rows memory using word
    where memory.row_id = word.row_id and not word.is_ours
  ), updated as (
    update public.zoom_participants shown set
      name = (word.says).name, email = (word.says).email, join_time = (word.says).join_time, leave_time = (word.says).leave_time,
      duration = null, zoom_participant_id = null, status = (word.says).status
    from word
    where shown.id = word.row_id and not word.is_ours
      and (shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.zoom_participant_id, shown.status)
        is distinct from ((word.says).name, (word.says).email, (word.says).join_time, (word.says).leave_time, null, null, (word.says).status)
  )
  insert into public.zoom_participants as shown (meeting_id, user_id, name, email, join_time, leave_time, status)
  select word.meeting_id, word.user_id, (word.says).name, (word.says).email, (word.says).join_time, (word.says).leave_time, (word.says).status
  from word
  where word.row_id is null
  -- The app's page wrote it a moment ago.
  on conflict (meeting_id, user_id) do update set
    join_time = excluded.join_time, leave_time = excluded.leave_time, status = excluded.status;
end
$$;
comment on function zoom.show_visitors is 'Brings the rows of these visitors to what the app said of them last.';

create type zoom.row_change as (
  fate text, row_id uuid, meeting_id uuid, user_id uuid, run_id bigint, connection_key text collate "C", is_known boolean, was zoom.said, says zoom.said
);
comment on type zoom.row_change is
  'What is to be done with a row of public.zoom_participants: insert, update, keep (it says so already) or delete. is_known: '
  'the row shows what Zoom saw; was: what the app had said in it.';

create function zoom.participants_wanted(
  sightings zoom.sighting[], visitors zoom.visitor[], out wanted zoom.row_change[], out people zoom.person[], out presences zoom.presence[]
)
language plpgsql stable set search_path = '' as $$
declare
  rooms uuid[];
begin
  -- A user is one person in all runs that are shown; a guest is one connection.
  select array_agg(told.meeting_id order by told.meeting_id, told.user_id, told.run_id, told.connection_key),
    array_agg(row(case when told.user_id is not null then meeting.shown_lesson end,
      case when told.user_id is null then told.run_id when meeting.shown_lesson is null then meeting.shown_run end,
      told.user_id, told.connection_key)::zoom.person order by told.meeting_id, told.user_id, told.run_id, told.connection_key)
  into rooms, people
  from (
    select run.meeting_id, seen.user_id, case when seen.user_id is null then seen.run_id end as run_id,
      case when seen.user_id is null then seen.connection_key end as connection_key
    from unnest(sightings) seen
    join zoom.instances run on run.run_id = seen.run_id
    union
    select visitor.meeting_id, visitor.user_id, null, null from unnest(visitors) visitor
  ) told
  join zoom.meetings meeting on meeting.meeting_id = told.meeting_id
  join public.zoom_meetings room on room.id = told.meeting_id; -- a deleted meeting has no rows
  presences := zoom.add_up(people);

  with former as materialized (
    -- A guest who turned out to be a user leaves them the row.
    select told.user_id, run.meeting_id, (array_agg(guest.row_id order by guest.row_id))[1] as row_id
    from (select distinct own.run_id, own.connection_key, own.user_id from unnest(sightings) own where own.user_id is not null) told
    cross join lateral (
      select here.row_id from zoom.rows here where here.run_id = told.run_id and here.connection_key = told.connection_key offset 0
    ) guest
    cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = told.run_id offset 0) run
    group by told.user_id, run.meeting_id
  ), known as (
    select seen.*, rooms[seen.n] as meeting_id, coalesce(own.id, guest.row_id, heir.row_id) as row_id,
      -- Zoom told us of them in what is shown, or be it in an earlier run.
      place.is_here, place.has_marks, own as shown,
      -- Or the app did, and its row is what there is to show.
      not place.is_here and exists (
        select from zoom.visits visit
        where visit.meeting_id = rooms[seen.n] and visit.user_id = seen.user_id and visit.kind = 'joined'
          -- (A look of its own, so that it is made only for whom the app saw.)
          and visit.at >= (
            select min(run.started_at) from (
              select own.started_at from zoom.instances own where own.run_id = meeting.shown_run
              union all
              select own.started_at from zoom.instances own where own.lesson_id = meeting.shown_lesson
            ) run) - zoom.early()
        offset 0) as is_in_app,
      memory.closed_at is not null and own.leave_time = memory.closed_at as is_closed,
      place.has_marks or exists (
        select from (select here.run_id from zoom.segments here where here.user_id = seen.user_id and here.was_in offset 0) seg
        cross join lateral (select here.meeting_id from zoom.instances here where here.run_id = seg.run_id offset 0) run
        where run.meeting_id = rooms[seen.n]) as is_known,
      -- The row shows Zoom's facts already; and what the app had said in it, null for a row we made.
      memory.row_id is not null and memory.closed_at is null or guest.row_id is not null as is_ours,
      case
        when memory.row_id is not null and (memory.closed_at is null or own.leave_time = memory.closed_at) then memory.was
        when own.id is not null then row(own.zoom_participant_id, own.name, own.email, own.join_time, own.leave_time, own.duration, coalesce(own.status, 'invited'))::zoom.said
      end as was
    from unnest(people, presences) with ordinality seen (lesson_id, run_id, user_id, connection_key, segment, name, email, join_time,
      leave_time, duration, is_in, has_left, is_seen, is_settled, seconds, n)
    -- Each looked up for its person (offset keeps the planner from joining in another order).
    cross join lateral (
      select here as itself, here.shown_run, here.shown_lesson from zoom.meetings here where here.meeting_id = rooms[seen.n] offset 0
    ) meeting
    left join zoom.instances of_guest on seen.user_id is null and of_guest.run_id = seen.run_id
    cross join lateral (
      select here.has_marks, here.has_marks and (seen.user_id is not null or zoom.is_shown(of_guest, meeting.itself)) as is_here
      from (select seen.join_time is not null or seen.leave_time is not null as has_marks) here
    ) place
    left join public.zoom_participants own on own.meeting_id = rooms[seen.n] and own.user_id = seen.user_id
    left join zoom.rows memory on memory.row_id = own.id
    left join lateral (
      select here.row_id from zoom.rows here
      where here.run_id = seen.run_id and here.connection_key = seen.connection_key and seen.user_id is null
      offset 0
    ) guest on true
    left join former heir on own.id is null and heir.user_id = seen.user_id and heir.meeting_id = rooms[seen.n]
  ), want as (
    -- Here: as Zoom saw them. Known from an earlier occurrence: invited. Wrongly taken for this user: as the app had it.
    select known.*,
      case when known.is_known and not known.is_in_app then row(
        known.segment, coalesce(known.name, person.was ->> 'shown_name'), coalesce(known.email, person.was ->> 'shown_email'),
        case when known.is_here then known.join_time end,
        case when known.is_here then known.leave_time end,
        case when known.is_here and known.has_left then known.duration end,
        case when not known.is_here then 'invited' when known.is_in then 'joined' else 'left' end
      )::zoom.said else known.was end as says,
      (known.is_known or known.is_ours and (known.was).status is not null)
        and not (known.is_in_app and known.is_closed) as is_wanted -- closed, it says all that the app does
    from known
    -- Who showed no name goes by the one they had then.
    cross join lateral (
      select case when known.user_id is not null and (known.name is null or known.email is null) then (
        select zoom.as_of('users', known.user_id::text, coalesce(lesson.as_of, run.as_of))
        from zoom.meetings meeting
        left join zoom.lessons lesson on lesson.lesson_id = meeting.shown_lesson
        left join zoom.instances run on run.run_id = meeting.shown_run
        where meeting.meeting_id = known.meeting_id) end as was
      offset 0
    ) person
  ), decided as (
    select want.*, case
        when want.is_wanted and want.row_id is null and want.user_id is null and exists (
          select from zoom.segments seg
          where seg.connection_key = want.connection_key and seg.run_id = want.run_id and seg.is_forgotten
          offset 0) then null
        when want.is_wanted and want.row_id is null then 'insert'
        when want.is_wanted then 'update'
        -- Nobody's row any more: we made it, and whoever it stood for was never there.
        when want.row_id is not null and want.is_ours and (want.was).status is null and not want.is_known then 'delete'
      end as fate
    from want
  )
  select array_agg(row(decided.fate, coalesce(decided.row_id, gen_random_uuid()), decided.meeting_id, decided.user_id,
    case when decided.user_id is null then decided.run_id end, case when decided.user_id is null then decided.connection_key end, decided.is_known, decided.was, decided.says)::zoom.row_change order by decided.n)
  into wanted
  from decided
  where decided.fate is not null
    -- A row that one person leaves and another takes is not deleted.
    and (decided.fate <> 'delete' or not exists (select from decided heir where heir.fate in ('insert', 'update') and heir.row_id = decided.row_id));
end
$$;
comment on function zoom.participants_wanted is
  'What the rows of these people in public.zoom_participants should say, by what Zoom''s facts say of the runs that are shown; and the '
  'people, with what Zoom saw of each.';

create function zoom.write_participants(changes zoom.row_change[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  was_overtaken boolean;
begin
  with want as (
    select told.* from unnest(changes) told
  ), inserted as (
    insert into public.zoom_participants
      (id, meeting_id, user_id, zoom_participant_id, name, email, join_time, leave_time, duration, status)
    select want.row_id, want.meeting_id, want.user_id, (want.says).*
    from want
    where want.fate = 'insert'
    on conflict (meeting_id, user_id) do nothing
    returning id
  ), updated as (
    update public.zoom_participants shown set
      user_id = want.user_id, zoom_participant_id = (want.says).zoom_participant_id, name = (want.says).name, email = (want.says).email,
      join_time = (want.says).join_time, leave_time = (want.says).leave_time, duration = (want.says).duration, status = (want.says).status
    from want
    where want.fate = 'update' and shown.id = want.row_id
      and (shown.user_id, shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)
        is distinct from (want.user_id, (want.says).zoom_participant_id, (want.says).name, (want.says).email, (want.says).join_time,
          (want.says).leave_time, (want.says).duration, (want.says).status)
  ), deleted as (
    delete from public.zoom_participants shown using want
    where want.fate = 'delete' and shown.id = want.row_id
  )
  select (select count(*) from inserted) < (select count(*) from want where want.fate = 'insert') into was_overtaken;

  if was_overtaken then
    raise exception 'the app inserted a participant at the same moment' using
      errcode = 'serialization_failure', hint = 'Nothing was written. Call again.';
  end if;

  -- Remember which rows are ours, what the app's said, and which guest a row stands for.
  delete from zoom.rows memory using unnest(changes) told
  where memory.row_id = told.row_id and told.fate = 'update' and not told.is_known;
  insert into zoom.rows as memory (row_id, was, run_id, connection_key, closed_at)
  select told.row_id, told.was, told.run_id, told.connection_key, null
  from unnest(changes) told
  where told.is_known and told.fate in ('insert', 'update')
    and not exists (
      select from zoom.rows known
      where known.row_id = told.row_id and (known.was, known.run_id, known.connection_key, known.closed_at)
        is not distinct from (told.was, told.run_id, told.connection_key, null))
  on conflict (row_id) do update set
    was = excluded.was, run_id = excluded.run_id, connection_key = excluded.connection_key, closed_at = null;
end
$$;
comment on function zoom.write_participants is 'Writes these changes of public.zoom_participants, and remembers them. Raises 40001 if the app inserted one of the rows meanwhile.';

create function zoom.close_app_joins(meetings uuid[]) returns void
language plpgsql volatile set search_path = '' as $$
begin
  with left_open as (
    -- Joined, says the app, or we closed it; and Zoom saw nothing of them in what is shown.
    select shown.id, shown.meeting_id, shown.join_time, is_closed,
      case when is_closed then memory.was
        else row(shown.zoom_participant_id, shown.name, shown.email, shown.join_time, shown.leave_time, shown.duration, shown.status)::zoom.said
      end as was, (
        select min(run.ended_at) from zoom.instances run
        where run.meeting_id = shown.meeting_id and run.ended_at >= coalesce(shown.join_time, '-infinity')
      ) as ended_at
    from unnest(meetings) told (id)
    join zoom.meetings meeting on meeting.meeting_id = told.id
    join public.zoom_participants shown on shown.meeting_id = told.id and shown.status <> 'invited'
    left join zoom.rows memory on memory.row_id = shown.id
    cross join lateral (select shown.status = 'left' and memory.closed_at is not null and shown.leave_time = memory.closed_at) note (is_closed)
    where shown.user_id is not null and (shown.status = 'joined' or is_closed)
      and not exists (
        select from zoom.segments seg
        join zoom.instances run on run.run_id = seg.run_id and run.meeting_id = shown.meeting_id
        where seg.user_id = shown.user_id and seg.was_in
          and (run.run_id = meeting.shown_run or run.lesson_id = meeting.shown_lesson))
  ), closed as (
    update public.zoom_participants shown set status = 'left', leave_time = left_open.ended_at,
      duration = floor(extract(epoch from left_open.ended_at - left_open.join_time))::integer
    from left_open
    where shown.id = left_open.id and left_open.ended_at is not null
      and (shown.status, shown.leave_time) is distinct from ('left', left_open.ended_at)
    returning shown.id, left_open.was, shown.leave_time
  ), opened as (
    -- There is no such end any more: it says what the app said.
    update public.zoom_participants shown set status = (left_open.was).status, leave_time = (left_open.was).leave_time,
      duration = (left_open.was).duration
    from left_open
    where shown.id = left_open.id and left_open.ended_at is null and left_open.is_closed
    returning shown.id
  ), forgotten as (
    delete from zoom.rows memory using opened where memory.row_id = opened.id
  )
  insert into zoom.rows as memory (row_id, was, closed_at)
  select closed.id, closed.was, closed.leave_time from closed
  on conflict (row_id) do update set was = excluded.was, closed_at = excluded.closed_at;
end
$$;
comment on function zoom.close_app_joins is
  'Closes rows that only the app left at joined, at the first end of a run after that join, with their duration. Zoom never saw '
  'these people in that lesson: their time is no evidence.';

revoke execute on function
  zoom.show_latest, zoom.is_shown, zoom.app_word, zoom.show_visitors, zoom.participants_wanted, zoom.write_participants, zoom.close_app_joins
from public;
grant execute on function
  zoom.show_latest, zoom.is_shown, zoom.app_word, zoom.show_visitors, zoom.participants_wanted, zoom.write_participants, zoom.close_app_joins
to service_role;
