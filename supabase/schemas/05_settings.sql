-- The school's settings of attendance, and the calendar: a lesson goes by those that were in force when its first run began.

create function zoom.note_settings(policy jsonb) returns void
language plpgsql volatile set search_path = '' as $$
declare
  given constant zoom.settings := row(now(), coalesce((policy ->> 'min_minutes')::numeric, 15),
    coalesce(nullif(policy ->> 'timezone', ''), 'UTC'), coalesce(nullif(policy ->> 'app_joins', ''), 'corroborate'),
    coalesce((policy ->> 'plan_margin_minutes')::numeric, 60) * interval '1 minute');
  known zoom.settings;
begin
  select own.* into known from zoom.settings own order by own.since desc limit 1;
  if (known.min_minutes, known.timezone, known.app_joins, known.plan_margin)
      is distinct from (given.min_minutes, given.timezone, given.app_joins, given.plan_margin) then
    insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin)
    values (given.since, given.min_minutes, given.timezone, given.app_joins, given.plan_margin)
    on conflict (since) do update set min_minutes = excluded.min_minutes, timezone = excluded.timezone,
      app_joins = excluded.app_joins, plan_margin = excluded.plan_margin;
    insert into zoom.changes (relation, row_key, was) values ('settings', 'settings', policy);
  end if;
end
$$;
comment on function zoom.note_settings is 'Notes the settings that a sidecar gives with a call, if they are others than the last.';

create function zoom.settings_at(at timestamptz) returns zoom.settings
language plpgsql stable set search_path = '' as $$
declare
  found zoom.settings;
begin
  select own.* into found from zoom.settings own
  -- The first that are known count since ever.
  order by own.since <= settings_at.at desc, case when own.since <= settings_at.at then own.since end desc, own.since
  limit 1;
  if found.since is null then
    return row('-infinity', 15, 'UTC', 'corroborate', interval '60 minutes')::zoom.settings;
  end if;
  return found;
end
$$;
comment on function zoom.settings_at is 'The settings at a moment; those that .env.example has, where none were ever given.';

create function zoom.zone_of(named text) returns text
language plpgsql stable set search_path = '' as $$
declare
  offset_told text[] := regexp_match(btrim(named), '^(?:utc|gmt) ?([+-])([0-9]{1,2})(?::?([0-5][0-9]))?$', 'i');
  windows constant jsonb := '{
    "Singapore Standard Time": "Asia/Singapore", "China Standard Time": "Asia/Shanghai", "Taipei Standard Time": "Asia/Taipei",
    "Tokyo Standard Time": "Asia/Tokyo", "Korea Standard Time": "Asia/Seoul", "SE Asia Standard Time": "Asia/Bangkok",
    "India Standard Time": "Asia/Kolkata", "Sri Lanka Standard Time": "Asia/Colombo", "Nepal Standard Time": "Asia/Kathmandu",
    "Bangladesh Standard Time": "Asia/Dhaka", "Myanmar Standard Time": "Asia/Yangon", "Pakistan Standard Time": "Asia/Karachi",
    "West Asia Standard Time": "Asia/Tashkent", "Central Asia Standard Time": "Asia/Almaty", "Afghanistan Standard Time": "Asia/Kabul",
    "Iran Standard Time": "Asia/Tehran", "Arabian Standard Time": "Asia/Dubai", "Arab Standard Time": "Asia/Riyadh",
    "Arabic Standard Time": "Asia/Baghdad", "Israel Standard Time": "Asia/Jerusalem", "Jordan Standard Time": "Asia/Amman",
    "Syria Standard Time": "Asia/Damascus", "Middle East Standard Time": "Asia/Beirut", "Turkey Standard Time": "Europe/Istanbul",
    "W. Australia Standard Time": "Australia/Perth", "AUS Eastern Standard Time": "Australia/Sydney",
    "E. Australia Standard Time": "Australia/Brisbane", "Cen. Australia Standard Time": "Australia/Adelaide",
    "AUS Central Standard Time": "Australia/Darwin", "Tasmania Standard Time": "Australia/Hobart",
    "New Zealand Standard Time": "Pacific/Auckland", "Fiji Standard Time": "Pacific/Fiji", "Tonga Standard Time": "Pacific/Tongatapu",
    "Hawaiian Standard Time": "Pacific/Honolulu", "West Pacific Standard Time": "Pacific/Port_Moresby",
    "GMT Standard Time": "Europe/London", "Greenwich Standard Time": "Atlantic/Reykjavik", "W. Europe Standard Time": "Europe/Berlin",
    "Romance Standard Time": "Europe/Paris", "Central Europe Standard Time": "Europe/Budapest",
    "Central European Standard Time": "Europe/Warsaw", "GTB Standard Time": "Europe/Bucharest", "FLE Standard Time": "Europe/Kyiv",
    "E. Europe Standard Time": "Europe/Chisinau", "Russian Standard Time": "Europe/Moscow", "Belarus Standard Time": "Europe/Minsk",
    "Kaliningrad Standard Time": "Europe/Kaliningrad", "Georgian Standard Time": "Asia/Tbilisi", "Caucasus Standard Time": "Asia/Yerevan",
    "Azerbaijan Standard Time": "Asia/Baku", "Ekaterinburg Standard Time": "Asia/Yekaterinburg",
    "N. Central Asia Standard Time": "Asia/Novosibirsk", "North Asia Standard Time": "Asia/Krasnoyarsk",
    "Vladivostok Standard Time": "Asia/Vladivostok", "Morocco Standard Time": "Africa/Casablanca", "Egypt Standard Time": "Africa/Cairo",
    "South Africa Standard Time": "Africa/Johannesburg", "E. Africa Standard Time": "Africa/Nairobi",
    "W. Central Africa Standard Time": "Africa/Lagos", "Namibia Standard Time": "Africa/Windhoek", "Libya Standard Time": "Africa/Tripoli",
    "Mauritius Standard Time": "Indian/Mauritius", "Azores Standard Time": "Atlantic/Azores", "Cape Verde Standard Time": "Atlantic/Cape_Verde",
    "Eastern Standard Time": "America/New_York", "US Eastern Standard Time": "America/Indiana/Indianapolis",
    "Central Standard Time": "America/Chicago", "Mountain Standard Time": "America/Denver", "US Mountain Standard Time": "America/Phoenix",
    "Pacific Standard Time": "America/Los_Angeles", "Alaskan Standard Time": "America/Anchorage", "Atlantic Standard Time": "America/Halifax",
    "Newfoundland Standard Time": "America/St_Johns", "Canada Central Standard Time": "America/Regina",
    "Central America Standard Time": "America/Guatemala", "Central Standard Time (Mexico)": "America/Mexico_City",
    "SA Pacific Standard Time": "America/Bogota", "SA Western Standard Time": "America/La_Paz", "SA Eastern Standard Time": "America/Cayenne",
    "Venezuela Standard Time": "America/Caracas", "Paraguay Standard Time": "America/Asuncion", "Pacific SA Standard Time": "America/Santiago",
    "E. South America Standard Time": "America/Sao_Paulo", "Argentina Standard Time": "America/Argentina/Buenos_Aires",
    "Montevideo Standard Time": "America/Montevideo", "Coordinated Universal Time": "UTC"}'::jsonb;
begin
  if offset_told is not null then
    -- People count east as plus. In PostgreSQL the bare name has the sign of POSIX, where west is plus.
    return format('<%s%s>%s%s:%s', offset_told[1], lpad(offset_told[2], 2, '0'),
      case offset_told[1] when '+' then '-' else '+' end, offset_told[2], coalesce(offset_told[3], '00'));
  end if;
  return coalesce(windows ->> btrim(named), nullif(btrim(named), ''));
end
$$;
comment on function zoom.zone_of is
  'A time zone as PostgreSQL means it: GMT+8 and UTC+8 are eight hours east, as people mean them; Windows'' names are '
  'translated (Unicode CLDR, windowsZones); any other stays as it is. Null for an empty name.';

create function zoom.is_zone(named text) returns boolean
language plpgsql stable set search_path = '' as $$
begin
  if zoom.zone_of(named) is null then
    return false;
  end if;
  perform now() at time zone zoom.zone_of(named);
  -- PostgreSQL takes almost anything for a POSIX zone of its own (Mars/Olympus is refused, Berlin is UTC under another name).
  return zoom.zone_of(named) ~ '^<' or exists (
    select from pg_catalog.pg_timezone_names known where lower(known.name) = lower(zoom.zone_of(named)))
    or exists (select from pg_catalog.pg_timezone_abbrevs known where lower(known.abbrev) = lower(zoom.zone_of(named)));
exception when invalid_parameter_value then
  return false;
end
$$;
comment on function zoom.is_zone is 'Whether a text is a time zone that is known. Slow: it is asked for lists, not for events. Never null.';

create function zoom.local_date(at timestamptz, timezone text) returns date
language plpgsql stable set search_path = '' as $$
begin
  return (at at time zone coalesce(zoom.zone_of(timezone), 'UTC'))::date;
exception when invalid_parameter_value then
  return (at at time zone 'UTC')::date;
end
$$;
comment on function zoom.local_date is
  'The date of an instant in a time zone (see zoom.zone_of); in UTC where the zone is unknown, for an app may store any text. '
  'Such zones are listed by public.unmatched_zoom.';

create function zoom.school_date(start timestamptz, meeting uuid, setting zoom.settings, at timestamptz) returns date
language plpgsql stable set search_path = '' as $$
begin
  return zoom.local_date(start, case when setting.timezone = 'meeting'
    then zoom.as_of('zoom_meetings', meeting::text, school_date.at) ->> 'timezone' else setting.timezone end);
end
$$;
comment on function zoom.school_date is
  'The date of a start in the school''s zone, by these settings; where that is each meeting''s own, by the zone it had at a moment.';

revoke execute on function
  zoom.note_settings, zoom.settings_at, zoom.zone_of, zoom.is_zone, zoom.local_date, zoom.school_date
from public;
grant execute on function
  zoom.note_settings, zoom.settings_at, zoom.zone_of, zoom.is_zone, zoom.local_date, zoom.school_date
to service_role;
