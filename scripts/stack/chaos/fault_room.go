package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

const (
	closedDoor  = "503s at the door"
	endedItself = "times it ended by itself"

	leastInbox = 16 << 20 // bytes that the inbox may have, at the least
	padding    = 128 << 10
	pollWait   = 50 * time.Millisecond
)

// smallInbox is one that fills soon.
func smallInbox(ctx context.Context, w *world) error {
	s, err := w.newSidecar(w.inbox(), fmt.Sprintf("INBOX_MAX_BYTES=%d", leastInbox))
	if err != nil {
		return err
	}
	return s.start(ctx)
}

// fillInbox sends more than the inbox can hold while the database is away,
// which comes back when the door has been closed for a while.
func fillInbox(ctx context.Context, w *world) error {
	events, err := w.lessons(ctx, w.effort.events)
	if err != nil {
		return err
	}
	for i := range events {
		events[i].body = pad(events[i].body)
	}
	w.line.turn(errors503)
	defer w.line.fair()
	t := w.send(ctx, events)
	if err := w.bites.more(ctx, closedDoor, 2*senders); err != nil {
		return err
	}
	w.line.fair()
	return t.finish(ctx)
}

// pad makes a body large. Blanks behind the JSON mean nothing.
func pad(body []byte) []byte {
	return append(bytes.Clone(body), bytes.Repeat([]byte(" "), padding)...)
}

// onDisk is a sidecar whose inbox is on a small disk of its own.
func onDisk(ctx context.Context, w *world) error {
	d, err := w.mountDisk(ctx)
	if err != nil {
		return err
	}
	s, err := w.newSidecar(d.path("inbox"))
	if err != nil {
		return err
	}
	s.command = append(d.enter(), s.command...)
	w.disk = d
	return s.start(ctx)
}

// fillDisk leaves no byte free on the disk, and frees it when the door has been
// closed for a while. If the sidecar ends by itself, it is started again, as
// whoever runs it would.
func fillDisk(ctx context.Context, w *world) error {
	return w.meanwhile(ctx, w.effort.events,
		w.disk.fill,
		func(ctx context.Context) error { return w.closedFor(ctx, 2*senders) },
		func() error {
			if err := w.disk.free(); err != nil {
				return err
			}
			if !w.only().ended() {
				return nil
			}
			w.bites.add(endedItself)
			return w.only().start(ctx)
		})
}

// closedFor returns when the door has answered 503 so often, and complains if
// it said 200 in between. A sidecar that has ended answers nothing.
func (w *world) closedFor(ctx context.Context, times int) error {
	if err := w.closed(ctx, senders); err != nil { // those that were on their way
		return err
	}
	before := w.ledger.answers200()
	if err := w.closed(ctx, times); err != nil {
		return err
	}
	if n := w.ledger.answers200() - before; n > 0 {
		w.ledger.complain("%d events were answered 200 when none could be kept", n)
	}
	return nil
}

func (w *world) closed(ctx context.Context, times int) error {
	for until := w.bites.of(closedDoor) + times; w.bites.of(closedDoor) < until && !w.only().ended(); {
		if ctx.Err() != nil {
			return fmt.Errorf("wait for the door to answer 503: %w", ctx.Err())
		}
		pause(ctx, pollWait)
	}
	return nil
}
