package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	serversKilled = "servers killed"
	serversQuit   = "immediate shutdowns"
	deadlocks     = "answers 40P01"
	conflicts     = "40001 raised"
)

// killPostgres ends the server under the transactions, by kill -9 or by an
// immediate shutdown, and starts it when it has been missed.
func killPostgres(ctx context.Context, w *world) error {
	for n := range w.effort.few() {
		signal, name := syscall.SIGKILL, serversKilled
		if n%2 == 1 {
			signal, name = syscall.SIGQUIT, serversQuit
		}
		err := w.meanwhile(ctx, w.effort.events/w.effort.few(),
			func() error { w.bites.add(name); return w.endPostgres(signal) },
			w.troubled,
			func() error {
				w.db.Reset() // its connections are dead
				return w.ground.startPostgres(ctx)
			})
		if err != nil {
			return err
		}
	}
	return nil
}

func (w *world) endPostgres(signal syscall.Signal) error {
	if err := w.ground.signalPostgres(signal); err != nil {
		return fmt.Errorf("end PostgreSQL: %w", err)
	}
	<-w.ground.server.Done()
	return nil
}

// The ways to spoil the function that PostgREST calls, and to mend it.
const (
	reload  = `notify pgrst, 'reload schema';`
	hideIt  = `alter function public.apply_zoom_events(jsonb, jsonb) rename to apply_zoom_events_hidden;`
	showIt  = `alter function public.apply_zoom_events_hidden(jsonb, jsonb) rename to apply_zoom_events;`
	closeIt = `revoke execute on function public.apply_zoom_events(jsonb, jsonb) from service_role;`
	openIt  = `grant execute on function public.apply_zoom_events(jsonb, jsonb) to service_role;`
)

// spoilSchema takes the function away, in the ways that a migration or an
// operator does by mistake, and takes the key away.
func spoilSchema(ctx context.Context, w *world) error {
	steps := []struct{ spoil, mend, answer string }{
		{hideIt + reload, showIt + reload, answersOf("PGRST202")},
		{closeIt, openIt, answersOf("42501")},
	}
	weathers := []weather{staleTable, staleColumn, keyRevoked, keyExpired}
	share := w.effort.events / (len(steps) + len(weathers))
	for _, step := range steps {
		err := w.meanwhile(ctx, share,
			func() error { return w.exec(ctx, step.spoil) },
			func(ctx context.Context) error { return w.bites.more(ctx, step.answer, badCalls) },
			func() error { return w.exec(ctx, step.mend) })
		if err != nil {
			return err
		}
	}
	for _, bad := range weathers {
		if err := w.weathered(ctx, share, bad); err != nil {
			return err
		}
	}
	return nil
}

// conflict has transactions undone: by a stranger who takes the same locks in
// another order, and by the database for calls of its choice.
func conflict(ctx context.Context, w *world) error {
	for range w.effort.few() {
		if err := w.deadlock(ctx); err != nil {
			return err
		}
	}
	return w.meanwhile(ctx, w.effort.events/2,
		func() error { return w.exec(ctx, wrapIt) },
		func(ctx context.Context) error { return w.bites.more(ctx, deadlocks, 1) },
		func() error { return w.unwrap(ctx) })
}

// unwrap mends it, and counts what PostgREST kept to itself.
func (w *world) unwrap(ctx context.Context) error {
	var calls int
	if err := w.db.QueryRow(ctx, "select last_value from public.calls").Scan(&calls); err != nil {
		return fmt.Errorf("ask how often the function was called: %w", err)
	}
	w.bites.addN(conflicts, min(calls, 2))
	return w.exec(ctx, unwrapIt)
}

// wrapIt puts a function in front that fails the first three calls, before the
// work or after it. PostgREST itself makes a call again that could not be
// serialized; of a deadlock it tells.
const (
	wrapIt = hideIt + `
create sequence public.calls;
grant usage on sequence public.calls to service_role;
create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb language plpgsql as $$
declare
  call bigint := nextval('public.calls');
  answer jsonb;
begin
  if call = 1 then
    raise 'could not serialize, for the sake of a test' using errcode = '40001';
  end if;
  answer := public.apply_zoom_events_hidden(events, policy);
  if call <= 3 then
    raise 'undone, for the sake of a test' using errcode = case call when 2 then '40001' else '40P01' end;
  end if;
  return answer;
end $$;` + openIt + reload
	unwrapIt = `drop function public.apply_zoom_events(jsonb, jsonb); drop sequence public.calls;` + showIt + reload
)

// deadlock holds the classes, waits until the function, which has the
// meetings, wants them too, and then wants the meetings.
func (w *world) deadlock(ctx context.Context) error {
	events, err := w.lessons(ctx, w.effort.events/2/w.effort.few())
	if err != nil {
		return err
	}
	err = pgx.BeginFunc(ctx, w.db, func(stranger pgx.Tx) error {
		if _, err := stranger.Exec(ctx, "set local deadlock_timeout = '1min'"); err != nil { // it shall be the other who gives way
			return err
		}
		if _, err := stranger.Exec(ctx, "select from public.classes for update"); err != nil {
			return err
		}
		t := w.send(ctx, events)
		if err := w.someoneWaits(ctx); err != nil {
			return err
		}
		if _, err := stranger.Exec(ctx, "select from public.zoom_meetings for update"); err != nil {
			return err
		}
		return t.finish(ctx)
	})
	if err != nil {
		return fmt.Errorf("make a deadlock: %w", err)
	}
	return nil
}

// someoneWaits returns when a call waits for a lock.
func (w *world) someoneWaits(ctx context.Context) error {
	for {
		var waits bool
		err := w.db.QueryRow(ctx, `select exists (select from pg_stat_activity
			where datname = current_database() and usename = 'authenticator' and wait_event_type = 'Lock')`).Scan(&waits)
		if err != nil || waits {
			return err
		}
		pause(ctx, 10*time.Millisecond)
	}
}
