-- Which meeting a run is of: by its number as it was when the run began; else a personal room; else a run that is known.

create function zoom.meeting_at(number text, host_email text, begin timestamptz, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid[];
begin
  found := array(
    select distinct held.meeting_id from zoom.held_numbers held
    where held.number = meeting_at.number and held.since <= meeting_at.at and meeting_at.at < held.until);
  if cardinality(found) > 0 then
    return case when cardinality(found) = 1 then found[1] end;
  end if;
  -- The room of a host: of several meetings in it the one whose host is Zoom's, then the nearest.
  found := (
    select array_agg(near.meeting_id)
    from (
      select room.meeting_id, rank() over (order by
        (zoom.folded(zoom.as_of('users', room.host_id::text, meeting_at.at) ->> 'email') = zoom.folded(meeting_at.host_email)) is true desc,
        abs(extract(epoch from room.starts_at - meeting_at.begin)) nulls last) as place
      from zoom.personal_rooms room
      where room.number = meeting_at.number and room.since <= meeting_at.at and meeting_at.at < room.until
    ) near
    where near.place = 1);
  return case when cardinality(found) = 1 then found[1] end;
end
$$;
comment on function zoom.meeting_at is
  'The meeting that has a number of Zoom''s at a moment, for a run that began then and was hosted by this e-mail: the one row '
  'with its digits, else the row that is held in the personal room of that number. Null for none, and for a tie.';

create function zoom.meeting_of(number text, instance text, host_email text, begin timestamptz, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid := zoom.meeting_at(number, host_email, begin, at);
  moment timestamptz;
begin
  if found is not null then
    return found;
  end if;
  -- The same run under another number.
  select case when count(distinct run.meeting_id) = 1 then (array_agg(run.meeting_id))[1] end into found
  from zoom.instances run
  where run.instance = meeting_of.instance and run.number <> meeting_of.number and run.meeting_id is not null;
  if found is not null then
    return found;
  end if;
  -- What it lacked then is taken from later, the earliest first.
  for moment in
    select later.at from (
      select unnest(array[held.since, held.until]) as at from zoom.held_numbers held where held.number = meeting_of.number
      union
      select unnest(array[room.since, room.until]) from zoom.personal_rooms room where room.number = meeting_of.number
    ) later
    where later.at > meeting_of.at and later.at < 'infinity'
    order by later.at
  loop
    found := zoom.meeting_at(number, host_email, begin, moment);
    if found is not null then
      return found;
    end if;
  end loop;
  return null;
end
$$;
comment on function zoom.meeting_of is
  'The meeting that a run is of, by the data of a moment (see zoom.meeting_at); else the meeting of the same uuid under another '
  'number; else the first that came to have its number later. Null for none.';

revoke execute on function zoom.meeting_at, zoom.meeting_of from public;
grant execute on function zoom.meeting_at, zoom.meeting_of to service_role;
