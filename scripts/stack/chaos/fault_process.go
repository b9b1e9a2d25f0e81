package main

import (
	"context"
	"math/rand/v2"
	"time"
)

// What these faults count.
const (
	kills        = "kills"
	killsAtStart = "kills right after the start"
	restarts     = "restarts"
	answeredBoth = "events answered by both"
)

// killSidecar kills it at points of the traffic that nobody chose, sometimes
// before it has come up again, and half of the time with slow calls in hand.
func killSidecar(ctx context.Context, w *world) error {
	defer w.line.fair()
	return w.interrupted(ctx, w.effort.bites, func(n int) error {
		w.only().kill()
		w.bites.add(kills)
		w.line.turn([]weather{{}, callsSlow}[n%2])
		for rand.IntN(4) == 0 {
			if err := w.only().launch(); err != nil {
				return err
			}
			pause(ctx, rand.N(60*time.Millisecond))
			w.only().kill()
			w.bites.add(killsAtStart)
		}
		return w.only().start(ctx)
	})
}

// deploy stops it as a deployment does, and starts it.
func deploy(ctx context.Context, w *world) error {
	defer w.line.fair()
	return w.interrupted(ctx, max(3, w.effort.bites/4), func(n int) error {
		w.line.turn([]weather{callsSlow, {}}[n%2])
		if err := w.only().stop(); err != nil {
			return err
		}
		w.bites.add(restarts)
		return w.only().start(ctx)
	})
}

// twoSidecars are two machines, each with an inbox of its own.
func twoSidecars(ctx context.Context, w *world) error {
	if err := oneSidecar(ctx, w); err != nil {
		return err
	}
	s, err := w.newSidecar(w.inbox())
	if err != nil {
		return err
	}
	return s.start(ctx)
}

// split sends to both, what comes twice often to each, and kills one now and
// then.
func split(ctx context.Context, w *world) error {
	err := w.interrupted(ctx, w.effort.few(), func(n int) error {
		s := w.sidecars[n%2]
		s.kill()
		w.bites.add(kills)
		return s.start(ctx)
	})
	w.bites.addN(answeredBoth, w.ledger.toBoth()-w.bites.of(answeredBoth))
	return err
}

// interrupted sends a round of events and does something so many times in the
// midst of them.
func (w *world) interrupted(ctx context.Context, times int, do func(n int) error) error {
	events, err := w.lessons(ctx, w.effort.events)
	if err != nil {
		return err
	}
	t := w.send(ctx, events)
	every := len(events) / (times + 1)
	for n := range times {
		if err := t.reach(ctx, every/2+rand.IntN(every/2+1)); err != nil {
			return err
		}
		if err := do(n); err != nil {
			return err
		}
	}
	return t.finish(ctx)
}
