-- Which class a run makes attendance for: its meeting's, if the host teaches it or the school confirmed it.

create function zoom.class_at(meeting uuid, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  room constant jsonb := zoom.as_of('zoom_meetings', meeting::text, at);
begin
  if room ->> 'class_id' is null then
    return null;
  end if;
  if (room ->> 'is_confirmed')::boolean
      or room ->> 'host_id' = zoom.as_of('classes', room ->> 'class_id', at) ->> 'teacher_id' then
    return (room ->> 'class_id')::uuid;
  end if;
  return null;
end
$$;
comment on function zoom.class_at is
  'The class that a meeting counted for at a moment: its own, if its host taught it, or if an admin or somebody outside a '
  'user''s session had written it; else null.';

create function zoom.class_of(meeting uuid, at timestamptz) returns uuid
language plpgsql stable set search_path = '' as $$
declare
  found uuid := zoom.class_at(meeting, at);
  moment timestamptz;
begin
  if found is not null then
    return found;
  end if;
  for moment in
    select later.since from (
      select own.since from zoom.history own where own.row_key = meeting::text and own.relation = 'zoom_meetings'
      union
      select taught.since
      from zoom.history own
      join zoom.history taught on taught.row_key = own.was ->> 'class_id' and taught.relation = 'classes'
      where own.row_key = meeting::text and own.relation = 'zoom_meetings'
    ) later
    where later.since > class_of.at
    order by later.since
  loop
    found := zoom.class_at(meeting, moment);
    if found is not null then
      return found;
    end if;
  end loop;
  return null;
end
$$;
comment on function zoom.class_of is
  'The class that a run of a meeting makes attendance for, by the data of a moment (see zoom.class_at); where it had none then, '
  'the first that it came to count for later.';

create function zoom.counted_class(meeting uuid) returns uuid
language plpgsql stable set search_path = '' as $$
begin
  return zoom.class_at(meeting, now());
end
$$;
comment on function zoom.counted_class is 'The class that a meeting makes attendance for today: see zoom.class_at.';

revoke execute on function zoom.class_at, zoom.class_of, zoom.counted_class from public;
grant execute on function zoom.class_at, zoom.class_of, zoom.counted_class to service_role;
