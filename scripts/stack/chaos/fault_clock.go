package main

import (
	"context"
	"time"
)

const takenWithin = "taken within the window"

// wrongClock sends lessons by clocks that differ from the sidecar's: what is
// outside the window must be refused, and leave no trace; what is within is an
// event like any other. It is the sender's clock that is wrong. A program that
// is linked statically cannot be told another time, and the machine's clock is
// not ours to change.
func wrongClock(ctx context.Context, w *world) error {
	for _, ahead := range []time.Duration{20 * time.Minute, -9 * time.Minute, -20 * time.Minute, 9 * time.Minute, 0} {
		events, err := w.lessons(ctx, w.effort.events/5)
		if err != nil {
			return err
		}
		t := w.sendAt(ctx, events, ahead)
		if err := t.finish(ctx); err != nil {
			return err
		}
		if ahead != 0 && !t.outsideWindow() {
			w.bites.addN(takenWithin, len(events))
		}
	}
	return nil
}
