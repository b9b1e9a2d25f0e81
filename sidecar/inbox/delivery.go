package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// record is an event as a store keeps it.
type record struct {
	Event
	number     uint64
	acceptedAt time.Time
	attempt    int
}

// Delivery is one event in flight, until it is settled by Done, Later or Bury.
// Settling twice does nothing.
//
// When settling ends with an error the event is not settled, and comes again by itself.
type Delivery struct {
	record
	settler settler
	metrics *metrics
}

// settler is the store that a delivery came from.
//
// errTakenBack says that the event is not in flight any more.
type settler interface {
	done(ctx context.Context, d *Delivery, outcome string) error
	later(ctx context.Context, d *Delivery, until time.Time) error
	bury(ctx context.Context, d *Delivery, reason string) (letter uint64, err error)
}

// Number is the event's place in the inbox, from 1; never given twice.
func (d *Delivery) Number() uint64 { return d.number }

// Body is the event as it was accepted. It must not be changed.
func (d *Delivery) Body() []byte { return d.Event.Body }

// Meeting is Zoom's number of the meeting; empty where the event tells none.
func (d *Delivery) Meeting() string { return d.Event.Meeting }

// Kind is Zoom's name of the event.
func (d *Delivery) Kind() string { return d.Event.Kind }

// Source is who told of the event.
func (d *Delivery) Source() string { return d.Event.Source }

// Trace is the context of the span that kept the event; not valid if its request was
// not traced.
func (d *Delivery) Trace() trace.SpanContext { return d.Event.Trace }

// AcceptedAt is when Accept took the event, in UTC, to the microsecond. Nothing moves it.
func (d *Delivery) AcceptedAt() time.Time { return d.acceptedAt }

// Attempt is 1 for an event that is handed out for the first time, and one more for
// each Later, each replay and each return from the dead letters.
func (d *Delivery) Attempt() int { return d.attempt }

// Done says that the event needs nothing more, and what came of it.
func (d *Delivery) Done(ctx context.Context, outcome string) error {
	return d.settle("done", func() error { return d.settler.done(ctx, d, outcome) })
}

// Later puts the event off: it comes again after wait, never sooner, at most about a
// second after. It survives a restart.
func (d *Delivery) Later(ctx context.Context, wait time.Duration) error {
	return d.settle("later", func() error { return d.settler.later(ctx, d, time.Now().Add(wait)) })
}

// Bury gives the event up: it becomes a dead letter with the reason, one line without
// anything private. It returns the letter's number. It is counted here and logged by
// the caller, who knows more of it.
func (d *Delivery) Bury(ctx context.Context, reason string) (letter uint64, err error) {
	err = d.settle("dead", func() error {
		letter, err = d.settler.bury(ctx, d, oneLine(reason))
		return err
	})
	return letter, err
}

func (d *Delivery) settle(how string, do func() error) error {
	err := do()
	if errors.Is(err, errTakenBack) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settle event %d as %s: %w", d.number, how, err)
	}
	d.metrics.settled.WithLabelValues(how).Inc()
	return nil
}
