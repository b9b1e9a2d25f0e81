-- The front end hears of changes: the three tables it watches are in the publication that Realtime reads.
--
-- Every change of the publication makes Realtime subscribe all its clients anew, so it is changed once, here, and only
-- if a table is missing in it. On a project whose publication is gone, it is made; one for all tables has ours already.
--
-- Locks: the three tables against other changes of their definition, for a moment.

do $$
declare
  watched constant regclass[] := array['public.zoom_meetings', 'public.zoom_participants', 'public.attendance_records'];
  missing text;
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then
    create publication supabase_realtime;
    insert into zoom.undo (relation, what, statement)
    values ('supabase_realtime', 'the publication is there', 'drop publication if exists supabase_realtime');
  end if;

  -- pg_publication_tables knows of publications for all tables and for schemas too.
  select string_agg(format('%I.%I', relnamespace::regnamespace, relname), ', ' order by relname) into missing
  from unnest(watched) tab
  join pg_class on pg_class.oid = tab
  where not exists (
    select from pg_publication_tables listed
    where listed.pubname = 'supabase_realtime' and listed.schemaname = relnamespace::regnamespace::name and listed.tablename = relname);

  if missing is not null then
    execute 'alter publication supabase_realtime add table ' || missing;
    insert into zoom.undo (relation, what, statement)
    values ('supabase_realtime', 'it carries ' || missing, 'alter publication supabase_realtime drop table ' || missing);
  end if;
end
$$;
