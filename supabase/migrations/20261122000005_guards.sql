-- The guards: what a policy cannot keep, since it never sees a row before and after a change together.
--
-- Each is a trigger on a table, set up beside its policies (policies/), and only for what visitors and users write:
-- `when (current_user in ('anon', 'authenticated'))`. The service role is not bound.
--
-- Locks: nothing.

create function zoom.keep_identity() returns trigger
language plpgsql security invoker set search_path = '' as $$
declare
  fixed text;
begin
  foreach fixed in array tg_argv loop
    if to_jsonb(new) -> fixed is distinct from to_jsonb(old) -> fixed then
      raise exception 'the % of a row in % never changes', fixed, tg_table_name using
        errcode = 'insufficient_privilege', hint = 'Insert another row.';
    end if;
  end loop;
  return new;
end
$$;
comment on function zoom.keep_identity is 'Trigger: refuses (42501) an update that changes one of the columns it is given, those that say whose row it is.';

create function zoom.guard_participant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- Only Zoom knows how long somebody was there, and as whom. The app's page may send a duration: it is not believed.
  if tg_op = 'INSERT' then
    new.duration := null;
    new.zoom_participant_id := null;
  elsif old.status <> 'invited' and exists (select from zoom.rows shown where shown.row_id = old.id and shown.closed_at is null) then
    -- The row shows what Zoom saw in the latest occurrence: that outranks the page.
    new := old;
  else
    new.duration := old.duration;
    new.zoom_participant_id := old.zoom_participant_id;
  end if;
  return new;
end
$$;
comment on function zoom.guard_participant is 'Trigger: what a user writes into their own row never replaces what Zoom said. The write succeeds, so that the app''s page goes on as it did.';

create function zoom.guard_registrant() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  -- Zoom names people by their registration, so a student who could write it could be marked present as somebody else.
  if not zoom.is_admin() and new.meeting_id not in (select zoom.meetings_overseen()) then
    new.zoom_registrant_id := case when tg_op = 'UPDATE' then old.zoom_registrant_id end;
    new.status := case when tg_op = 'UPDATE' then old.status else 'pending' end;
  end if;
  return new;
end
$$;
comment on function zoom.guard_registrant is 'Trigger: whoever registers themselves asks (status pending). Who they are for Zoom, and whether they may come, is for the meeting''s host, the class''s teacher and admins to write.';

create function zoom.guard_user() returns trigger
language plpgsql security definer set search_path = '' as $$
begin
  if zoom.is_admin() then
    return new;
  end if;
  if tg_op = 'INSERT' and new.role in ('admin', 'teacher')
    or tg_op = 'UPDATE' and (old.id, old.role, old.email, old.is_active) is distinct from (new.id, new.role, new.email, new.is_active) then
    raise exception 'only an admin decides who is who' using
      errcode = 'insufficient_privilege', hint = 'The id, role, e-mail and is_active of a user are for admins to change, or for the service role.';
  end if;
  return new;
end
$$;
comment on function zoom.guard_user is 'Trigger: whatever the app lets users write about themselves, it is not their role nor the e-mail that Zoom knows them by (42501).';

revoke execute on function zoom.keep_identity, zoom.guard_participant, zoom.guard_registrant, zoom.guard_user from public;
