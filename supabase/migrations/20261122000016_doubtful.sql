-- Meetings that an admin should look at: what is written there may be wrong, or somebody's claim on what is not theirs.
--
-- A teacher may write any class and any number into a meeting of theirs. Nothing of that is refused, since most of it is
-- right, and nothing here decides: a class that its host does not teach makes no attendance until an admin saves the
-- meeting (zoom.counted_class), and the rest is told, so that a school hears of it before a parent does.
--
-- Each reason stands once, in zoom.doubts; sidecar doctor and the operators' board show what it finds.
-- Locks nothing: it only makes a view and a function.

create view zoom.doubts with (security_invoker) as
select room.id as meeting_id, 'class_unconfirmed' as reason, noted.noted_at as since, null::uuid as other_id
from zoom.unconfirmed noted
join public.zoom_meetings room on room.id = noted.meeting_id
where room.class_id is not null and zoom.counted_class(room.id) is null
union all
select room.id, 'number_not_digits', room.created_at, null
from public.zoom_meetings room
where room.zoom_meeting_id !~ '^[0-9]+$'
union all
select room.id, 'number_twice', greatest(room.created_at, other.created_at), other.id
from public.zoom_meetings room
join lateral (
  select twin.id, twin.created_at
  from public.zoom_meetings twin
  where regexp_replace(twin.zoom_meeting_id, '[^0-9]', '', 'g') = regexp_replace(room.zoom_meeting_id, '[^0-9]', '', 'g')
    and twin.id <> room.id
  order by twin.created_at, twin.id
  limit 1
) other on true
where regexp_replace(room.zoom_meeting_id, '[^0-9]', '', 'g') <> ''
union all
select room.id, 'other_host', run.started_at, owner.id
from public.zoom_meetings room
join lateral (
  select own.host_email, own.started_at
  from zoom.instances own
  where own.meeting_id = room.id and own.host_email is not null
  order by own.started_at desc, own.instance desc
  limit 1
) run on true
-- One user of Zoom may hold every meeting of a school: then that is an admin's.
join public.users owner on owner.id = zoom.user_of_email(run.host_email collate "default") and owner.role <> 'admin'
where room.host_id <> owner.id;

comment on view zoom.doubts is
  'Meetings that an admin should look at, and why. A meeting may be there for several reasons.';
comment on column zoom.doubts.meeting_id is 'The meeting.';
comment on column zoom.doubts.reason is
  'class_unconfirmed: a user gave it a class that its host does not teach, so it makes no attendance. '
  'number_not_digits: no event of Zoom''s has such a number. number_twice: another meeting has the same digits. '
  'other_host: it is held at Zoom by another user of the school than its host.';
comment on column zoom.doubts.since is 'Since when, as far as is known.';
comment on column zoom.doubts.other_id is 'The other meeting (number_twice) or user (other_host).';
grant select on zoom.doubts to service_role;

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

create function public.doubtful_meetings(most integer default 50) returns jsonb
language plpgsql stable set search_path = '' set timezone = 'UTC' as $$
begin
  return (
    with told as (
      select doubt.*, room.zoom_meeting_id, room.title, host.name as host, class.name as class, teacher.name as teacher,
        other.title as other_title, owner.name as owner
      from (
        select own.* from zoom.doubts own
        order by own.since desc nulls last, own.meeting_id, own.reason
        limit greatest(most, 0)
      ) doubt
      join public.zoom_meetings room on room.id = doubt.meeting_id
      left join public.users host on host.id = room.host_id
      left join public.classes class on class.id = room.class_id
      left join public.users teacher on teacher.id = class.teacher_id
      left join public.zoom_meetings other on doubt.reason = 'number_twice' and other.id = doubt.other_id
      left join public.users owner on doubt.reason = 'other_host' and owner.id = doubt.other_id
    )
    select jsonb_build_object(
      'of', (select count(*) from zoom.doubts),
      'meetings', coalesce(jsonb_agg(jsonb_build_object(
        'id', told.meeting_id, 'number', told.zoom_meeting_id, 'title', told.title, 'host', told.host,
        'class', told.class, 'reason', told.reason, 'since', told.since,
        'says', case told.reason
          when 'class_unconfirmed' then format('It makes no attendance: %s gave it the class %s, which %s teaches.',
            coalesce(told.host, 'a host who is gone'), told.class, coalesce(told.teacher, 'nobody'))
          when 'number_not_digits' then 'No event of Zoom''s has its number, which is not digits alone.'
          when 'number_twice' then format('Another meeting, %s, has the same number.', told.other_title)
          else format('It is held at Zoom by %s, and its host here is %s.', told.owner, told.host)
        end,
        'remedy', case told.reason
          when 'class_unconfirmed'
            then 'If that is right, an admin saves the meeting as it is; if not, gives it another class or host.'
          when 'number_not_digits' then 'An admin writes the number as Zoom has it, without blanks and dashes.'
          when 'number_twice' then 'An admin deletes the one that is not Zoom''s, or corrects its number.'
          else 'An admin sees whose it is: the host here may have written another''s number. '
            'If the number is right, the host is corrected.'
        end) order by told.since desc nulls last, told.meeting_id, told.reason), '[]'),
      'addresses', coalesce((
        select jsonb_agg(jsonb_build_object(
          'says', format('%s users have one e-mail in different letters: %s.', shared.people, shared.names),
          'remedy', 'An admin gives each their own: Zoom''s participants are recognised by it, in another spelling as nobody.')
          order by shared.names)
        from (select own.* from zoom.shared_addresses own order by own.names limit greatest(most, 0)) shared), '[]'))
    from told);
end
$$;
comment on function public.doubtful_meetings is
  'What an admin should look at, for the sidecar, as an object: of (how many doubts there are), meetings (the '
  'newest of '
  'them: id, number, title, host, class, reason (see zoom.doubts), since, says and remedy, in words) and addresses '
  '(users whom one e-mail in different letters confuses: says, remedy). No address is in it. Changes nothing.';
revoke execute on function public.doubtful_meetings from public, anon, authenticated;
grant execute on function public.doubtful_meetings to service_role;

notify pgrst, 'reload schema';
