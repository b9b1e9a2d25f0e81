package relay

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/zoom"
)

// errLeft ends the work on events whose turn did not come before Run's context
// ended. They stay unsettled and come again.
var errLeft = errors.New("left for the next run")

// item is an event in hand.
type item[D Delivery] struct {
	delivery D
	fact     zoom.Fact
	span     trace.Span // nil: it is not traced
}

// decode turns events into facts, with the time of their acceptance where the inbox
// knows it, and buries those that are none.
func (r *Relay[D]) decode(ctx context.Context, batch []D) []item[D] {
	items := make([]item[D], 0, len(batch))
	for _, d := range batch {
		if ctx.Err() != nil {
			return nil // all of them come again
		}
		span := r.traced(d)
		var accepted time.Time
		if kept, ok := any(d).(interface{ AcceptedAt() time.Time }); ok {
			accepted = kept.AcceptedAt()
		}
		fact, err := zoom.Decode(d.Body(), accepted)
		if err != nil {
			envelope, _ := zoom.Open(d.Body()) // which meeting, for the log
			known := zoom.Fact{Meeting: envelope.MeetingID}
			r.bury(ctx, item[D]{delivery: d, fact: known, span: span}, "undecodable", "cannot be read: "+err.Error())
			continue
		}
		items = append(items, item[D]{delivery: d, fact: fact, span: span})
	}
	return items
}

// apply applies items and settles each. Refused items are split in halves,
// until the one that is to blame stands alone and is buried.
func (r *Relay[D]) apply(ctx context.Context, items []item[D]) {
	calling, batch := r.tracedBatch(ctx, items)
	outcomes, err := r.answer(calling, items)
	endBatch(batch, err, len(items) > 1)
	switch {
	case err == nil:
		r.settle(ctx, items, outcomes)
	case errors.Is(err, errLeft):
		for _, it := range items {
			it.ended(outcomeLeft)
		}
	case len(items) == 1:
		cause := causeOf(err)
		r.bury(ctx, items[0], cause, "refused by the database: "+cause+", "+meaningOf(err))
	default:
		half := len(items) / 2
		r.apply(ctx, items[:half])
		r.apply(ctx, items[half:])
	}
}

// answer calls the destination until it answers. Its error is one that a
// smaller batch may not meet, or errLeft.
func (r *Relay[D]) answer(ctx context.Context, items []item[D]) ([]zoom.Outcome, error) {
	facts := make([]zoom.Fact, len(items))
	for i, it := range items {
		facts[i] = it.fact
	}
	waits := r.waits()
	for attempt := 1; ; attempt++ {
		if ctx.Err() != nil {
			return nil, errLeft
		}
		outcomes, err := r.call(ctx, facts)
		if err == nil || blamesData(err) {
			r.takes()
			return outcomes, err
		}
		wait := max(waits.NextBackOff(), waitOf(err))
		r.takesNothing(err, attempt, wait)
		note(trace.SpanFromContext(ctx), "try again", causeOf(err), attribute.Int("sidecar.attempt", attempt))
		if !sleep(ctx, wait) {
			return nil, errLeft
		}
		if tooMuch(err) && len(items) > 1 {
			return nil, err
		}
	}
}

// call makes one call. Once begun it has its own time, whatever becomes of
// ctx, because its answer is worth having.
func (r *Relay[D]) call(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.CallTimeout)
	defer cancel()
	started := time.Now()
	outcomes, err := r.destination.Apply(ctx, facts)
	r.metrics.apply.Observe(time.Since(started).Seconds())
	if err != nil {
		return nil, fmt.Errorf("apply a batch: %w", err)
	}
	if len(outcomes) != len(facts) {
		return nil, fmt.Errorf("apply a batch: %d outcomes for %d facts", len(outcomes), len(facts))
	}
	return outcomes, nil
}

// takes notes that the destination answers.
func (r *Relay[D]) takes() {
	r.metrics.up.Set(1)
	if lasted, was := r.down.over(); was {
		r.o.Log.Info("the database takes events again", zoom.LogTook, lasted)
	}
}

// takesNothing notes that the destination did not take a batch, and logs the
// first time, when the cause changes, and once a minute.
func (r *Relay[D]) takesNothing(err error, attempt int, wait time.Duration) {
	cause := causeOf(err)
	r.metrics.up.Set(0)
	r.metrics.retries.WithLabelValues(cause).Inc()
	if !r.down.failed(err, cause) {
		return
	}
	log := r.o.Log.With(zoom.LogError, err, zoom.LogCode, cause, zoom.LogAttempt, attempt, zoom.LogWait, wait)
	if blamesUs(err) {
		log.Error("the database refuses us and somebody must mend it; events are kept and tried again", zoom.LogReason, meaningOf(err))
		return
	}
	log.Warn("the database does not take events; they are kept and tried again")
}
