-- The school's settings since when they stood, and the date of a lesson in its zone.
begin;
\ir school.psql
select no_plan();

-- Zones -----------------------------------------------------------------------------------------------------------------------
select is(zoom.local_date('2026-03-02T22:30Z', zone), day::date, zone || ' is ' || day)
from (values
  ('UTC', '2026-03-02'), ('Asia/Singapore', '2026-03-03'), ('asia/singapore', '2026-03-03'), ('GMT+8', '2026-03-03'), ('UTC+8', '2026-03-03'), ('utc+08', '2026-03-03'),
  ('UTC+8:00', '2026-03-03'), ('GMT +8', '2026-03-03'), ('UTC+1', '2026-03-02'), ('UTC+1:30', '2026-03-03'), ('UTC-3', '2026-03-02'), ('GMT-8', '2026-03-02'),
  ('Singapore Standard Time', '2026-03-03'), ('China Standard Time', '2026-03-03'), ('Pacific Standard Time', '2026-03-02'), ('New Zealand Standard Time', '2026-03-03'),
  ('GMT Standard Time', '2026-03-02'), ('India Standard Time', '2026-03-03'), ('', '2026-03-02'), ('Mars/Olympus', '2026-03-02'), ('No Standard Time', '2026-03-02')
) as told (zone, day);
select is(zoom.local_date('2026-03-02T01:30Z', zone), day::date, zone || ' is ' || day)
from (values ('UTC-3', '2026-03-01'), ('GMT-1:30', '2026-03-02'), ('GMT-1:31', '2026-03-01'), ('America/New_York', '2026-03-01'), ('SA Eastern Standard Time', '2026-03-01')) as told (zone, day);
-- Summer time: a zone has it, and an offset does not.
select is(zoom.local_date(at::timestamptz, zone), day::date, format('%s in %s is %s', at, zone, day))
from (values
  ('2026-03-28T23:30Z', 'Europe/Berlin', '2026-03-29'), ('2026-03-28T22:30Z', 'Europe/Berlin', '2026-03-28'), ('2026-03-29T22:30Z', 'Europe/Berlin', '2026-03-30'),
  ('2026-07-01T22:30Z', 'Europe/Berlin', '2026-07-02'), ('2026-10-25T22:30Z', 'Europe/Berlin', '2026-10-25'), ('2026-07-01T22:30Z', 'W. Europe Standard Time', '2026-07-02'),
  ('2026-07-01T22:30Z', 'UTC+1', '2026-07-01'), ('2026-03-08T04:30Z', 'America/New_York', '2026-03-07'), ('2026-03-09T04:30Z', 'America/New_York', '2026-03-09')
) as told (at, zone, day);
select is(zoom.is_zone(zone), known, coalesce(zone, 'null') || case when known then ' is a zone' else ' is none' end)
from (values ('Europe/Berlin', true), ('europe/berlin', true), ('UTC', true), ('GMT+8', true), ('UTC+5:30', true), ('Singapore Standard Time', true), ('PST', true),
  ('Mars/Olympus', false), ('Berlin', false), ('', false), (null, false), ('No Standard Time', false)) as told (zone, known);

-- Settings --------------------------------------------------------------------------------------------------------------------
select is(zoom.settings_at(now()), row('-infinity', 15, 'UTC', 'corroborate', interval '1 hour')::zoom.settings, 'those of .env.example, where none were given');
select zoom.note_settings('{"min_minutes": 20, "timezone": "Asia/Singapore", "app_joins": "count", "plan_margin_minutes": 30}');
select is((zoom.settings_at('2020-01-01')).min_minutes, 20::numeric, 'the first that are given count since ever');
update zoom.settings set since = '2026-03-03';
select zoom.note_settings('{"min_minutes": 20, "timezone": "Asia/Singapore", "app_joins": "count", "plan_margin_minutes": 30}');
select is((select count(*) from zoom.settings), 1::bigint, 'the same again are no others');
select zoom.note_settings('{"min_minutes": 2.5, "timezone": "Asia/Singapore", "app_joins": "count", "plan_margin_minutes": 30}');
select is((zoom.settings_at(now())).min_minutes, 2.5, 'others count from when they are given');
select is((zoom.settings_at(now() - interval '1 second')).min_minutes, 20::numeric, 'and not before');
select is((zoom.settings_at('2026-03-03')).plan_margin, interval '30 minutes', 'the margin is one of them');
delete from zoom.settings;

-- A lesson goes by those that were in force when its first run began.
select pg_temp.lesson('set', '2026-03-02T22:30Z', 'recurring');
select pg_temp.told('set', 'o1', '2026-03-02', '{S 22:30,J a 1 22:30,L a 1 22:40,E 23:10}', policy => '{"min_minutes": 5, "timezone": "GMT+8"}');
select is(pg_temp.attendance('set', '2026-03-03'), 'a present, b absent, c absent', 'ten minutes of five that are needed, on the day it is in Singapore');
update zoom.settings set since = '2026-01-01';
insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values ('2026-03-05', 15, 'meeting', 'corroborate', '1 hour');
select pg_temp.at('2026-03-05', format('update zoom_meetings set timezone = %L where id = %L', 'Pacific/Auckland', pg_temp.id('set')));
select pg_temp.told('set', 'o1', '2026-03-02', '{J b 2 22:30,L b 2 22:38}', policy => '{"timezone": "meeting"}');
select is(pg_temp.attendance('set', '2026-03-03'), 'a present, b present, c absent', 'an event that comes when others are in force goes by those of then');
select pg_temp.told('set', 'o2', '2026-03-09', '{S 11:30,J a 1 11:30,L a 1 11:40,E 12:10}', policy => '{"timezone": "meeting"}');
select is(pg_temp.attendance('set', '2026-03-10'), 'a partial, b absent, c absent', 'and the next lesson by its own: ten minutes of fifteen, and noon in UTC is the next day in Auckland');
select is((select string_agg(min_seconds::text, ' ' order by starts_at) from zoom.lessons where meeting_id = pg_temp.id('set')), '300 900', 'each keeps what it needs');

select * from finish();
rollback;
