-- What cannot be matched: everything that an admin should look at, each reason once.
--
-- A teacher may write any class and any number into a meeting of theirs. Nothing of that is refused, since most of it is
-- right, and nothing here decides: what counts is said by the other rules. A school hears of it here before a parent does.
--
-- zoom.unmatched has one branch for a reason; public.unmatched_zoom puts them into words. sidecar doctor, sidecar list and the
-- operators' board show what it finds.
--
-- Locks: zoom.instances against writes while an index is built.

create index instances_without_lesson_idx on zoom.instances (started_at desc) where no_lesson is not null and people > 0;

create function zoom.recent_runs() returns bigint[]
language plpgsql stable set search_path = '' as $$
begin
  return array(
    select own.run_id
    from (
      select newest.run_id, newest.meeting_id, newest.started_at, newest.forgotten_at from zoom.instances newest
      where newest.started_at is not null order by newest.started_at desc limit 300
    ) own
    where own.started_at > now() - interval '30 days' and own.meeting_id is not null and own.forgotten_at is null);
end
$$;
comment on function zoom.recent_runs is 'The newest runs, of the last thirty days and 300 at most: what is odd in older ones is not told any more.';

create view zoom.shared_addresses with (security_invoker) as
select lower(btrim(person.email)) as address, count(*) as people,
  string_agg(person.name, ', ' order by person.name, person.id) as names
from public.users person
where btrim(person.email) <> ''
group by lower(btrim(person.email))
having count(*) > 1;

comment on view zoom.shared_addresses is
  'E-mails that several users have in different letters, or with blanks at their ends: each of them is recognised '
  'by the exact spelling alone.';
comment on column zoom.shared_addresses.address is 'The address, in small letters.';
comment on column zoom.shared_addresses.people is 'How many have it.';
comment on column zoom.shared_addresses.names is 'Their names.';
grant select on zoom.shared_addresses to service_role;

create view zoom.unmatched with (security_invoker) as
with room as materialized (
  select own.id, own.title, own.host_id, own.class_id, own.created_at, own.start_time, own.timezone,
    regexp_replace(own.zoom_meeting_id, '[^0-9]', '', 'g') as number,
    zoom.personal_number(own.settings, own.join_url) as personal_number
  from public.zoom_meetings own
), recent as materialized (
  select zoom.recent_runs() as runs
), zone as materialized (
  -- Whether it is known is asked once for each, since that is slow.
  select told.*, zoom.is_zone(told.timezone) as is_known
  from (
    select own.timezone, max(own.created_at) as since, (array_agg(own.id order by own.created_at desc, own.id))[1] as meeting_id
    from room own
    where btrim(own.timezone) <> ''
    group by own.timezone
    offset 0
  ) told
)
select 'class_unconfirmed' as reason, room.id as meeting_id, null::bigint as run_id, noted.noted_at as since, null::uuid as user_id, null::text as detail
from zoom.unconfirmed noted
join room on room.id = noted.meeting_id
where room.class_id is not null and zoom.counted_class(room.id) is null
union all
select 'number_twice', told.id, null, told.latest, null, told.title
from (
  select room.id, twin.title, twin.latest
  from room
  join (
    select own.number, max(own.created_at) as latest, array_agg(own.id order by own.created_at, own.id) as ids, array_agg(own.title order by own.created_at, own.id) as titles
    from room own where own.number <> '' group by own.number having count(*) > 1
  ) shared on shared.number = room.number
  cross join lateral (
    select case when shared.ids[1] = room.id then shared.titles[2] else shared.titles[1] end as title, shared.latest
  ) twin
) told
union all
-- Zoom's numbers have nine to twelve digits; one with which events came is one.
select 'number_not_digits', room.id, null, room.created_at, null, null
from room
where length(room.number) not between 9 and 12 and room.personal_number is null
  and not exists (select from zoom.instances run where run.meeting_id = room.id)
union all
select 'other_host', room.id, run.run_id, run.started_at, owner.id, null
from zoom.meetings own
join room on room.id = own.meeting_id and room.host_id is not null
join zoom.instances run on run.run_id = own.shown_run and run.host_email is not null
join public.users host on host.id = room.host_id and zoom.folded(host.email) <> zoom.folded(run.host_email)
-- One user of Zoom may hold every meeting of a school: then that is an admin's.
join public.users owner on owner.id = zoom.user_of_email(run.host_email, now()) and owner.id <> room.host_id and owner.role <> 'admin'
union all
-- Of several rows in one room the host and the start tell them apart: see zoom.meeting_at.
select 'personal_room_tie', told.id, null, told.created_at, null, told.others::text
from (
  select room.id, room.created_at, count(*) over same - 1 as others
  from room
  where room.personal_number is not null
  window same as (partition by room.personal_number, room.host_id, room.start_time)
) told
where told.others > 0
union all
select 'run_without_lesson', run.meeting_id, run.run_id, run.started_at, null, run.no_lesson
from zoom.instances run
join room on room.id = run.meeting_id
where run.no_lesson is not null and run.people > 0 and run.forgotten_at is null
union all
select distinct 'registration_against_email', run.meeting_id, run.run_id, told.since, told.registered_as,
  (select own.name from public.users own where own.id = told.user_id)
from recent
cross join lateral zoom.registered_against(recent.runs) told
join zoom.instances run on run.run_id = told.run_id
union all
select 'tie', run.meeting_id, run.run_id, run.started_at, null, null
from recent
join zoom.instances run on run.run_id = any (recent.runs)
where exists (select from zoom.segments seg where seg.run_id = run.run_id and seg.known_by = 'tie')
union all
-- Strangers whose name several students of the class have.
select distinct 'name_tie', run.meeting_id, run.run_id, run.started_at, null::uuid, twin.name
from recent
join zoom.instances run on run.run_id = any (recent.runs)
join (
  select seat.class_id, zoom.folded(person.name) as folded, min(person.name) as name
  from public.class_students seat
  join public.users person on person.id = seat.student_id
  where seat.class_id in (select own.class_id from recent join zoom.instances own on own.run_id = any (recent.runs))
  group by seat.class_id, zoom.folded(person.name)
  having count(*) > 1
) twin on twin.class_id = run.class_id
join zoom.segments seg on seg.run_id = run.run_id and seg.user_id is null and seg.was_in and seg.customer_key is null
join zoom.marks mark on mark.run_id = seg.run_id and mark.segment = seg.segment and zoom.folded(mark.name) = twin.folded
cross join lateral (select zoom.name_shown(seg.run_id, seg.connection_key) as name offset 0) shown
where coalesce(nullif(cardinality(zoom.namesakes(run.class_id, shown.name, run.as_of)), 0), cardinality(zoom.namesakes(run.class_id, shown.name, now()))) > 1
union all
select 'two_names', run.meeting_id, run.run_id, told.since, told.user_id, format('%s and %s', told.name, told.other_name)
from recent
cross join lateral zoom.names_at_once(recent.runs) told
join zoom.instances run on run.run_id = told.run_id
union all
select 'end_never_told', run.meeting_id, run.run_id, run.started_at, null, null
from recent
join zoom.instances run on run.run_id = any (recent.runs) and run.ended_at is not null and run.told_end is null
where not zoom.end_was_told(run)
union all
select 'shared_address', null, null, null, null, shared.names
from zoom.shared_addresses shared
union all
-- One for each zone, with the newest meeting that has it.
select case when zone.is_known then 'zone_taken_as_east' else 'zone_unknown' end, zone.meeting_id, null, zone.since, null, zone.timezone
from zone
where not zone.is_known or zoom.zone_of(zone.timezone) ~ '^<' and zoom.zone_of(zone.timezone) !~ '[+-]0+:00$';

comment on view zoom.unmatched is 'What an admin should look at, and why. A meeting may be there for several reasons.';
comment on column zoom.unmatched.reason is
  'class_unconfirmed: a user gave the meeting a class that its host does not teach. number_twice: another meeting has the same '
  'digits. number_not_digits: no event of Zoom''s has such a number. other_host: it is held at Zoom by another user of the school '
  'than its host. personal_room_tie: other meetings in the same personal room have the same host and start. run_without_lesson: '
  'people were in a run of it that belongs to no lesson. registration_against_email: somebody was registered as one user and '
  'showed the e-mail of another. tie: a connection showed the keys, registrations or e-mails of two users. name_tie: it showed a '
  'name that several students of the class have. two_names: two names were shown under one account at the same time. '
  'end_never_told: Zoom never told the end of a run. shared_address: several users have one e-mail in other letters. '
  'zone_taken_as_east: its time zone is one that PostgreSQL reads the other way round. zone_unknown: it is none that is known.';
comment on column zoom.unmatched.meeting_id is 'The meeting; null for users who share an address. Of a time zone the newest that has it.';
comment on column zoom.unmatched.run_id is 'The run, where it is about one.';
comment on column zoom.unmatched.since is 'Since when, as far as is known.';
comment on column zoom.unmatched.user_id is 'Who holds it at Zoom (other_host), is registered (registration_against_email), or whose account it is (two_names).';
comment on column zoom.unmatched.detail is 'What else the words need: a name, a title, a time zone, why there is no lesson.';
grant select on zoom.unmatched to service_role;

create function zoom.unmatched_words(told zoom.unmatched, out says text, out remedy text)
language plpgsql stable set search_path = '' as $$
declare
  room public.zoom_meetings;
  run zoom.instances;
  person text := (select own.name from public.users own where own.id = told.user_id);
  host text;
  class text;
  teacher text;
begin
  select own.* into room from public.zoom_meetings own where own.id = told.meeting_id;
  select own.* into run from zoom.instances own where own.run_id = told.run_id;
  host := (select own.name from public.users own where own.id = room.host_id);
  select own.name, (select tutor.name from public.users tutor where tutor.id = own.teacher_id) into class, teacher
  from public.classes own where own.id = room.class_id;
  says := case told.reason
    when 'class_unconfirmed' then format('It makes no attendance: its host is %s, and its class is %s, which %s teaches.', coalesce(host, 'gone'), class, coalesce(teacher, 'nobody'))
    when 'number_twice' then format('Another meeting, %s, has the same number: what Zoom tells of it is nobody''s.', told.detail)
    when 'number_not_digits' then 'No event of Zoom''s has its number: that has nine to twelve digits.'
    when 'other_host' then format('It is held at Zoom by %s, and its host here is %s.', person, host)
    when 'personal_room_tie' then format('%s more in the same personal room %s the same host and start: what Zoom tells of the room is nobody''s.',
      told.detail, case when told.detail = '1' then 'has' else 'have' end)
    when 'run_without_lesson' then format('It was held with %s, and that counts for nothing: %s.',
      case when run.people = 1 then 'one person' else 'people' end,
      case run.no_lesson when 'cancelled' then 'the meeting had been cancelled' else 'it was not planned for that time' end)
    when 'registration_against_email' then format('Somebody was registered as %s and showed the e-mail of %s: they count as %s.', person, told.detail, told.detail)
    when 'tie' then 'Somebody showed what belongs to several users (keys, registrations or e-mails), and counts as nobody.'
    when 'name_tie' then format('Somebody was in it as %s, a name that several students of the class have, and counts as nobody.', told.detail)
    when 'two_names' then format('Two names were shown under the account of %s at the same time, %s: both count as %s.', person, told.detail, person)
    when 'end_never_told' then 'Zoom never told the end of it: it is taken to have ended when Zoom last told of it.'
    when 'shared_address' then format('Several users have one e-mail in other letters: %s.', told.detail)
    when 'zone_taken_as_east' then format('Its time zone is %s, which is taken as %s UTC. PostgreSQL reads such names the other way round.', told.detail,
      case when told.detail ~ '\+' then 'east of' else 'west of' end)
    when 'zone_unknown' then format('Its time zone, %s, is none that is known: dates by it are those of UTC.', told.detail)
  end;
  remedy := case told.reason
    when 'class_unconfirmed' then 'If that is right, an admin saves the meeting as it is; if not, gives it another class or host.'
    when 'number_twice' then 'An admin deletes the one that is not Zoom''s, or corrects its number.'
    when 'number_not_digits' then 'An admin writes the number as Zoom has it; blanks and dashes do no harm.'
    when 'other_host' then 'An admin sees whose it is: the host here may have written another''s number. If the number is right, the host is corrected.'
    when 'personal_room_tie' then 'An admin gives each the time for which it is planned, or deletes those that are not held.'
    when 'run_without_lesson' then case run.no_lesson
      when 'cancelled' then 'If it was a lesson, an admin takes the cancellation back, and it is judged by that with sidecar rejudge --as-of now.'
      else 'If it was a lesson, an admin plans the meeting for that time (start_time): then it counts, within seconds.' end
    when 'registration_against_email' then 'Ask whose device it was. If the address or the registration is wrong, correct it, and have the lesson judged by that with sidecar rejudge --as-of now.'
    when 'tie' then 'Ask who it was, and write the attendance by hand: that stands.'
    when 'name_tie' then 'Ask who it was, and write the attendance by hand: that stands. Who is signed in at Zoom with the school''s address is known by it.'
    when 'two_names' then 'Ask who the other was: two people share the account, and only one can be marked by it.'
    when 'end_never_told' then 'If there are more of these, see that the Zoom app has the event "End Meeting" among its subscriptions.'
    when 'shared_address' then 'An admin gives each their own: Zoom''s participants are recognised by it, in another spelling as nobody.'
    when 'zone_taken_as_east' then 'Nothing has to be done. A name such as Asia/Singapore leaves no doubt.'
    when 'zone_unknown' then 'An admin writes a name such as Europe/Berlin.'
  end;
end
$$;
comment on function zoom.unmatched_words is 'What is wrong, and what to do about it, in words. No address is in them.';

create function public.unmatched_zoom(most integer default 50) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC'
set enable_seqscan = off set random_page_cost = 1 set jit = off
as $$
begin
  return (
    with told as materialized (
      select own.*, row_number() over (order by own.since desc, own.reason, own.meeting_id, own.run_id, own.detail) as place
      from zoom.unmatched own
    )
    select jsonb_build_object(
      'of', (select count(*) from told),
      'items', coalesce((
        select jsonb_agg(jsonb_build_object('reason', item.reason, 'id', item.meeting_id, 'number', room.zoom_meeting_id,
            'title', coalesce(room.title, case when item.meeting_id is not null then 'a meeting that was deleted' end), 'host', host.name, 'class', class.name,
            'since', item.since, 'says', words.says, 'remedy', words.remedy) order by item.place)
        from told item
        left join public.zoom_meetings room on room.id = item.meeting_id
        left join public.users host on host.id = room.host_id
        left join zoom.instances run on run.run_id = item.run_id
        left join public.classes class on class.id = coalesce(run.class_id, room.class_id)
        cross join lateral zoom.unmatched_words(row(item.reason, item.meeting_id, item.run_id, item.since, item.user_id, item.detail)::zoom.unmatched) words
        where item.place <= greatest(most, 0)), '[]')));
end
$$;
comment on function public.unmatched_zoom is
  'What cannot be matched, and what else an admin should look at, for the sidecar, as an object: of (how much there is) and items '
  '(what has no date, and the newest of the rest: reason (see zoom.unmatched), id, number and title of the meeting (null for users who share an address), host, '
  'class, since, says and remedy, in words). No address is in it. Changes nothing.';

revoke execute on function zoom.recent_runs, zoom.unmatched_words from public;
grant execute on function zoom.recent_runs, zoom.unmatched_words to service_role;
revoke execute on function public.unmatched_zoom from public, anon, authenticated;
grant execute on function public.unmatched_zoom to service_role;
