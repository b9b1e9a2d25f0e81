-- The few words that every rule uses: how a text is compared, how long a time is, and what a call tells the sidecar.

create function zoom.trimmed(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return nullif(btrim(regexp_replace(normalize(told, NFKC), '\s+', ' ', 'g')), '');
end
$$;
comment on function zoom.trimmed is 'A name or an address in one spelling: NFKC, blanks joined, none at its ends; null for an empty one.';
revoke execute on function zoom.trimmed from public;
grant execute on function zoom.trimmed to service_role;

create function zoom.folded(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return lower(zoom.trimmed(told collate "default"));
end
$$;
comment on function zoom.folded is 'As zoom.trimmed, in small letters: what is the same in any case has one folded form.';
revoke execute on function zoom.folded from public;
grant execute on function zoom.folded to service_role;

create function zoom.digits(told text) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return regexp_replace(told, '[^0-9]', '', 'g');
end
$$;
comment on function zoom.digits is 'The digits of a meeting''s number, however it is spelled. Indexes have the expression itself.';
revoke execute on function zoom.digits from public;
grant execute on function zoom.digits to service_role;

create function zoom.longest() returns interval
language plpgsql immutable set search_path = '' as $$
begin
  return interval '30 hours';
end
$$;
comment on function zoom.longest is
  'The longest that a meeting lasts, by Zoom''s own limit: a stay beyond it is a mistake, and a run whose end was never told is over by then.';
revoke execute on function zoom.longest from public;
grant execute on function zoom.longest to service_role;

create function zoom.early() returns interval
language plpgsql immutable set search_path = '' as $$
begin
  return interval '30 minutes';
end
$$;
comment on function zoom.early is 'How long before a run somebody may come through the app for it.';
revoke execute on function zoom.early from public;
grant execute on function zoom.early to service_role;

create function zoom.seconds(counted tstzmultirange) returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return (select floor(coalesce(sum(extract(epoch from upper(piece) - lower(piece))), 0))::integer from unnest(counted) piece);
end
$$;
comment on function zoom.seconds is 'The length of a union of times, in whole seconds; 0 for null.';
revoke execute on function zoom.seconds from public;
grant execute on function zoom.seconds to service_role;

create function zoom.rank(verdict text) returns integer
language plpgsql immutable set search_path = '' as $$
begin
  return array_position(array['nothing', 'absent', 'partial', 'present'], coalesce(verdict, 'nothing'));
end
$$;
comment on function zoom.rank is 'The order of verdicts: nothing (or null) 1, absent 2, partial 3, present 4; null for what only people write.';
revoke execute on function zoom.rank from public;
grant execute on function zoom.rank to service_role;

create function zoom.rows_written() returns bigint[]
language plpgsql volatile set search_path = '' as $$
begin
  -- PostgreSQL's own counters (track_counts, on by default): they know of every statement, and of triggers that are not
  -- ours. One expression, which costs a few microseconds.
  return array[
    pg_stat_get_xact_tuples_inserted('public.attendance_records'::regclass)
      + pg_stat_get_xact_tuples_updated('public.attendance_records'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.attendance_records'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_meetings'::regclass)
      + pg_stat_get_xact_tuples_updated('public.zoom_meetings'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_meetings'::regclass),
    pg_stat_get_xact_tuples_inserted('public.zoom_participants'::regclass)
      + pg_stat_get_xact_tuples_updated('public.zoom_participants'::regclass)
      + pg_stat_get_xact_tuples_deleted('public.zoom_participants'::regclass)];
end
$$;
comment on function zoom.rows_written is
  'How many rows of the published tables (attendance_records, zoom_meetings, zoom_participants) this session has written '
  'and not yet reported to PostgreSQL''s statistics. It means something only less what it was a moment before in the same '
  'transaction.';
revoke execute on function zoom.rows_written from public;
grant execute on function zoom.rows_written to service_role;

create function zoom.tell(header text, value text) returns void
language plpgsql volatile set search_path = '' as $$
begin
  perform set_config('response.headers', (
    coalesce(nullif(current_setting('response.headers', true), ''), '[]')::jsonb
    || jsonb_build_object(header, value))::text, true);
end
$$;
comment on function zoom.tell is 'Has PostgREST add a header to its answer. Outside PostgREST nobody hears it.';
revoke execute on function zoom.tell from public;
grant execute on function zoom.tell to service_role;

create function zoom.tell_changes(before bigint[]) returns void
language plpgsql volatile set search_path = '' as $$
declare
  after bigint[] := zoom.rows_written();
begin
  if after <> before then
    perform zoom.tell('Sidecar-Row-Changes', (
      select string_agg(told.name || '=' || told.after - told.before, ', ' order by told.name)
      from unnest(array['attendance_records', 'zoom_meetings', 'zoom_participants'], before, after) told (name, before, after)
      where told.after > told.before));
  end if;
end
$$;
comment on function zoom.tell_changes is
  'Has PostgREST say in the header Sidecar-Row-Changes how many rows of each published table were written since '
  'zoom.rows_written was before, each of them a message to everybody who watches. Without a change it says nothing; outside '
  'PostgREST nobody hears it.';
revoke execute on function zoom.tell_changes from public;
grant execute on function zoom.tell_changes to service_role;

-- Who is looked up anew when an address is given to somebody, and whose segments are forgotten with it.
create index segments_address_idx on zoom.segments (zoom.folded(email)) where email is not null;
