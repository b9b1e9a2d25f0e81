-- A row that the school's database refuses is set aside by itself: all others are written, and the facts are kept.

create function zoom.is_refusal(code text, named_schema text) returns boolean
language plpgsql immutable set search_path = '' as $$
begin
  -- Not what another try, or an operator, mends for all rows alike: lost connections, conflicts, lack of room or of rights,
  -- limits, a stop, read only, a fault of the server. And not what our own tables refuse, which is a fault of ours.
  return code <> '42501' and coalesce(named_schema, '') <> 'zoom' and left(code, 2) not in ('08', '0A', '25', '40', '53', '54', '55', '57', '58', 'F0', 'XX');
end
$$;
comment on function zoom.is_refusal is 'Whether an error (its SQLSTATE, and the schema it names) says that the school''s own check or trigger refuses a row.';

create function zoom.refused_key(named text, told jsonb) returns text
language plpgsql immutable set search_path = '' as $$
begin
  return case named when 'attendance_records' then concat_ws(' ', told ->> 'student_id', told ->> 'class_id', told ->> 'date')
    else concat_ws(' ', told ->> 'meeting_id', coalesce(told ->> 'user_id', told ->> 'connection_key')) end;
end
$$;
comment on function zoom.refused_key is 'How zoom.refused names a row.';

create function zoom.write_singly(named text, writer text, changes anyarray) returns integer
language plpgsql volatile set search_path = '' as $$
declare
  told jsonb;
  key text;
  code text;
  reason text;
  constraint_told text;
  schema_told text;
  refused integer := 0;
begin
  for i in 1 .. coalesce(cardinality(changes), 0) loop
    told := to_jsonb(changes[i]);
    key := zoom.refused_key(named, told);
    begin
      execute format('select zoom.%I($1)', writer) using changes[i:i];
      delete from zoom.refused own where own.relation = named and own.row_key = key;
    exception when others then
      get stacked diagnostics code = returned_sqlstate, reason = message_text, constraint_told = constraint_name, schema_told = schema_name;
      if not zoom.is_refusal(code, schema_told) then
        raise;
      end if;
      refused := refused + 1;
      insert into zoom.refused as own (relation, row_key, meeting_id, student_id, class_id, date, wanted, code, reason)
      values (named, key, (told ->> 'meeting_id')::uuid, coalesce(told ->> 'student_id', told ->> 'user_id')::uuid, (told ->> 'class_id')::uuid,
        (told ->> 'date')::date, coalesce(told ->> 'status', told #>> '{says,status}'), code, coalesce(nullif(constraint_told, ''), reason))
      on conflict (relation, row_key) do update set wanted = excluded.wanted, code = excluded.code, reason = excluded.reason, tried_at = now();
      if named = 'attendance_records' then
        perform zoom.withdraw_record(changes[i]);
      end if;
    end;
  end loop;
  return refused;
end
$$;
comment on function zoom.write_singly is
  'Writes these changes of a table one by one, by the function that writes many. Those that the school''s database refuses are '
  'set aside in zoom.refused. Returns how many.';

create function zoom.write(named text, writer text, changes anyarray) returns integer
language plpgsql volatile set search_path = '' as $$
declare
  schema_told text;
begin
  if coalesce(cardinality(changes), 0) = 0 then
    return 0;
  end if;
  begin
    execute format('select zoom.%I($1)', writer) using changes;
  exception when others then
    get stacked diagnostics schema_told = schema_name;
    if not zoom.is_refusal(sqlstate, schema_told) then
      raise;
    end if;
    return zoom.write_singly(named, writer, changes);
  end;
  if exists (select from zoom.refused own where own.relation = named) then
    delete from zoom.refused own
    where own.relation = named
      and own.row_key in (select zoom.refused_key(named, to_jsonb(told)) from unnest(changes) told);
  end if;
  return 0;
end
$$;
comment on function zoom.write is
  'Writes these changes of a table at once; where the school''s database refuses one of them, one by one. Returns how many it refused.';

revoke execute on function zoom.is_refusal, zoom.refused_key, zoom.write_singly, zoom.write from public;
grant execute on function zoom.is_refusal, zoom.refused_key, zoom.write_singly, zoom.write to service_role;
