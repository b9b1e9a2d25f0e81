package inbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Delivery is one event in hand, until it is settled by Done, Unknown, Later
// or Bury.
// Settling twice does nothing.
//
// When settling ends with an error the event is not settled and nothing needs
// to be done: it comes again, perhaps with others of its group. Trying once
// more is allowed.
type Delivery struct {
	event
	inbox  *Inbox
	origin origin

	mu      sync.Mutex
	settled bool
}

// origin is where an event in hand came from.
type origin interface {
	settleOne(ctx context.Context) error // one event is settled
	release()                            // one could not be settled; it shall come again
}

// Body is the event as it was accepted. It must not be changed.
func (d *Delivery) Body() []byte { return d.body }

// AcceptedAt is when Accept took the event, in UTC, to the microsecond. Later
// does not move it.
func (d *Delivery) AcceptedAt() time.Time { return d.acceptedAt }

// Attempt is 1 for an event that was never put off, and one more for each Later
// and for each replay.
func (d *Delivery) Attempt() int { return d.attempt }

// Done says that the event has taken effect.
func (d *Delivery) Done(ctx context.Context) error {
	return d.settle(ctx, howDone, func() error { return nil })
}

// Later puts the event off: it comes again after wait, never sooner, at most
// about a second after, with Attempt one higher. It survives a restart.
// Called for many events at once they share a sync, one by one they do not.
func (d *Delivery) Later(ctx context.Context, wait time.Duration) error {
	return d.settle(ctx, howLater, func() error {
		again := d.event
		again.attempt++
		return d.inbox.later.lane.put(ctx, again, time.Now().Add(wait))
	})
}

// Unknown says that nobody knows the event's meeting: it has taken no effect, and is
// kept like every settled event. The inbox remembers the number, so that Recall hands
// it out again.
func (d *Delivery) Unknown(ctx context.Context, meeting string) error {
	return d.settle(ctx, howUnknown, func() error { return d.inbox.unknown.note(ctx, meeting, d.acceptedAt, d.attempt) })
}

// Bury gives the event up: it goes to the dead letters with the reason, one
// line without anything private. It returns the letter's id. It is counted here and
// logged by the caller, who knows more of it.
func (d *Delivery) Bury(ctx context.Context, reason string) (id uint64, err error) {
	err = d.settle(ctx, howDead, func() error {
		id, err = d.inbox.bury(ctx, d.event, reason)
		return err
	})
	return id, err
}

// settle makes safe first what must be safe, then counts the event as settled.
func (d *Delivery) settle(ctx context.Context, how string, safe func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.settled {
		return nil
	}
	err := safe()
	if err == nil {
		err = d.origin.settleOne(ctx)
	}
	if err != nil {
		d.origin.release()
		return fmt.Errorf("settle event as %s: %w", how, err)
	}
	d.settled = true
	d.inbox.metrics.settled.WithLabelValues(how).Inc()
	return nil
}
