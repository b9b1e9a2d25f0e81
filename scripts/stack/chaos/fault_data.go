package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"zoom-attendance/sidecar/zoom"
)

const (
	deadLetters = "dead letters"
	poisonMark  = "Poison"
)

// refuseNames has the database refuse whoever bears a name.
func refuseNames(ctx context.Context, w *world) error {
	if err := w.exec(ctx, refuseName); err != nil {
		return err
	}
	return oneSidecar(ctx, w)
}

// poison sends a few events of such people among the good ones. They must
// become dead letters, alone.
func poison(ctx context.Context, w *world) error {
	events, err := w.lessons(ctx, 2*w.effort.events)
	if err != nil {
		return err
	}
	n := w.poisonSome(events, w.effort.few())
	if err := w.send(ctx, events).finish(ctx); err != nil {
		return err
	}
	return w.buried(ctx, w.bites.of(deadLetters)+n)
}

// refuseName refuses one name with the code of a value that breaks a
// constraint, another with that of a value that cannot be.
const refuseName = `
create function public.refuse_name() returns trigger language plpgsql as $$
begin
  if new.name like 'Poison%' then
    raise 'refused for the sake of a test' using errcode = case when new.name like '% even' then '23514' else '22P02' end;
  end if;
  return new;
end $$;
create trigger refuse_name before insert or update on zoom.marks for each row execute function public.refuse_name();`

// poisonSome gives the name to so many visitors, as they come and as they go (a
// good name in the same batch would hide it), and returns how many events that
// is: each becomes a dead letter.
func (w *world) poisonSome(events []event, visitors int) (letters int) {
	type visitor struct{ instance, segment string }
	chosen := map[visitor]string{}
	for i, e := range events {
		if e.kind != zoom.Joined && e.kind != zoom.Left {
			continue
		}
		who := visitor{e.instance, e.segment}
		name, known := chosen[who]
		if !known {
			if len(chosen) == visitors {
				continue
			}
			name = poisonMark + []string{" even", " odd"}[len(chosen)%2]
			chosen[who] = name
		}
		w.ledger.poisoned(e.key)
		events[i].body = rename(e.body, name)
		letters++
	}
	return letters
}

// rename gives another name to whom an event is about.
func rename(body []byte, name string) []byte {
	before, after, _ := bytes.Cut(body, []byte(`"user_name":"`))
	_, after, _ = bytes.Cut(after, []byte(`"`))
	return fmt.Appendf(nil, `%s"user_name":"%s"%s`, before, name, after)
}

// buried waits until there are so many dead letters, and no more.
func (w *world) buried(ctx context.Context, n int) error {
	for {
		have, err := w.only().metric(ctx, "sidecar_relay_dead_letters_total")
		if err == nil && int(have) == n {
			w.bites.addN(deadLetters, n-w.bites.of(deadLetters))
			return nil
		}
		if err == nil && int(have) > n {
			return fmt.Errorf("there are %.0f dead letters, and should be %d", have, n)
		}
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("wait for %d dead letters, there were %.0f", n, have), err)
		}
		pause(ctx, pollWait)
	}
}
