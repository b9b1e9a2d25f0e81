-- Whoever sees a meeting sees its start_url, which starts it as the host: the app selects `*`, and a policy hides rows, not
-- columns. A school that wants it hidden moves the addresses to a private table:
--
--   select zoom.hide_start_urls()     once, at any time; what the app writes later is moved, too
--   select zoom.show_start_urls()     brings them back, and zoom.give_back does
--
-- `select *` goes on and finds null there. The host gets the address from the meeting room.
--
-- Locks: nothing.

-- Without a foreign key: it is written before the meeting's own row, so that Realtime tells nobody of the address.
create table zoom.start_urls (
  meeting_id uuid primary key,
  start_url text not null
);

comment on table zoom.start_urls is
  'Where the host starts a meeting, if zoom.hide_start_urls moved it here. Else the address is in '
  'public.zoom_meetings.';
comment on column zoom.start_urls.meeting_id is 'The meeting.';
comment on column zoom.start_urls.start_url is 'A secret of the host.';

alter table zoom.start_urls enable row level security;
grant select on zoom.start_urls to service_role;

create function zoom.start_url(meeting uuid) returns text
language plpgsql stable set search_path = '' as $$
begin
  return coalesce(
    (select room.start_url from public.zoom_meetings room where room.id = meeting),
    (select hidden.start_url from zoom.start_urls hidden where hidden.meeting_id = meeting));
end
$$;
comment on function zoom.start_url is
  'Where the host starts a meeting, wherever it is kept. For whoever has asked first that it is the host who '
  'asks.';

create function zoom.move_start_url() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'DELETE' then
    delete from zoom.start_urls hidden where hidden.meeting_id = old.id;
    return old;
  end if;
  insert into zoom.start_urls as hidden (meeting_id, start_url) values (new.id, new.start_url)
  on conflict (meeting_id) do update set start_url = excluded.start_url;
  new.start_url := null;
  return new;
end
$$;
comment on function zoom.move_start_url is
  'Trigger: a start_url that is written goes to the private table, and from there with its meeting.';

create function zoom.hide_start_urls() returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
  moved bigint;
begin
  lock table public.zoom_meetings in share row exclusive mode;
  insert into zoom.start_urls as hidden (meeting_id, start_url)
  select room.id, room.start_url from public.zoom_meetings room where room.start_url is not null
  on conflict (meeting_id) do update set start_url = excluded.start_url;
  update public.zoom_meetings room set start_url = null where room.start_url is not null;
  get diagnostics moved = row_count;
  -- The last of the triggers by its name: by then the row has its id.
  create or replace trigger what_starts_it_is_hidden
  before insert or update of start_url on public.zoom_meetings
  for each row when (new.start_url is not null)
  execute function zoom.move_start_url();
  create or replace trigger what_started_it_goes_with_it
  after delete on public.zoom_meetings
  for each row execute function zoom.move_start_url();
  return moved;
end
$$;
comment on function zoom.hide_start_urls is
  'Moves every start_url of public.zoom_meetings to a private table, and from now on those that are written. '
  'Returns how many it moved. The host gets the address from the meeting room.';

create function zoom.show_start_urls() returns bigint
language plpgsql volatile security definer set search_path = '' as $$
declare
  moved bigint;
begin
  lock table public.zoom_meetings in share row exclusive mode;
  drop trigger if exists what_starts_it_is_hidden on public.zoom_meetings;
  drop trigger if exists what_started_it_goes_with_it on public.zoom_meetings;
  update public.zoom_meetings room set start_url = hidden.start_url
  from zoom.start_urls hidden where hidden.meeting_id = room.id;
  get diagnostics moved = row_count;
  delete from zoom.start_urls;
  return moved;
end
$$;
comment on function zoom.show_start_urls is
  'Brings the start_urls back that zoom.hide_start_urls moved. Returns how many.';

revoke execute on function zoom.start_url, zoom.move_start_url, zoom.hide_start_urls, zoom.show_start_urls from public;

-- By now all is closed that we close: what stays risky is noted, once.
select zoom.note_risks();
