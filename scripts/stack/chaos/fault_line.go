package main

import (
	"context"
	"errors"
	"time"
)

// badCalls is how many calls meet each weather before it clears.
const badCalls = 3

// metPatience is how long the sidecar may take to meet what is broken.
const metPatience = 90 * time.Second

const stops = "stops of PostgREST"

// under is a fault of the line: one weather after another, some of the traffic
// in each.
func under(weathers ...weather) func(context.Context, *world) error {
	return func(ctx context.Context, w *world) error {
		for _, bad := range weathers {
			if err := w.weathered(ctx, w.effort.events/len(weathers), bad); err != nil {
				return err
			}
		}
		return nil
	}
}

// weathered sends events in bad weather, which clears after some calls.
func (w *world) weathered(ctx context.Context, n int, bad weather) error {
	defer w.line.fair()
	return w.meanwhile(ctx, n,
		func() error { w.line.turn(bad); return nil },
		func(ctx context.Context) error { return w.bites.more(ctx, bad.name, badCalls) },
		func() error { w.line.fair(); return nil })
}

// meanwhile breaks something, sends events, waits until the sidecar has met
// it, mends it, and returns when all is well.
func (w *world) meanwhile(ctx context.Context, n int, breakIt func() error, met func(context.Context) error, mend func() error) error {
	events, err := w.lessons(ctx, n)
	if err != nil {
		return err
	}
	before := w.send(ctx, events[:len(events)/2])
	if err := before.reach(ctx, len(events)/4); err != nil {
		return err
	}
	if err := breakIt(); err != nil {
		return err
	}
	after := w.send(ctx, events[len(events)/2:]) // sure to meet it
	for _, do := range []func() error{
		func() error {
			ctx, cancel := context.WithTimeout(ctx, metPatience)
			defer cancel()
			return met(ctx)
		},
		mend,
		func() error { return before.finish(ctx) },
		func() error { return after.finish(ctx) },
		func() error { return w.recover(ctx) },
	} {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// recover returns when the rows are right, so that the next fault meets a
// sidecar that is well.
func (w *world) recover(ctx context.Context) error {
	v, err := w.settle(ctx)
	if err == nil && !v.kept() {
		err = errors.New("the rows did not become right within " + settlePatience.String() + "\n" + v.String())
	}
	return err
}

// troubled returns when the project has refused a few more calls.
func (w *world) troubled(ctx context.Context) error {
	return w.line.trouble.more(ctx, refusals, badCalls)
}

// stopPostgREST crashes it, and starts it when it has been missed.
func stopPostgREST(ctx context.Context, w *world) error {
	for range w.effort.few() {
		err := w.meanwhile(ctx, w.effort.events/w.effort.few(),
			func() error { w.rest.Kill(); w.bites.add(stops); return nil },
			w.troubled,
			func() error { return w.rest.Start(ctx) })
		if err != nil {
			return err
		}
	}
	return nil
}
