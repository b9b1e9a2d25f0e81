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

// outagesMost is how many outages one batch may meet. A batch that is there each
// time may be what brings them about.
const outagesMost = 3

// ownTrouble is the error of a batch that failed while the database answered.
type ownTrouble struct{ error }

func (t ownTrouble) Unwrap() error { return t.error }

// item is an event in hand.
type item[D Delivery] struct {
	delivery D
	fact     zoom.Fact
	first    bool       // it was neither put off nor replayed
	span     trace.Span // nil: it is not traced
}

// decode turns events into facts, and buries those that are none.
func (r *Relay[D]) decode(ctx context.Context, batch []D) []item[D] {
	items := make([]item[D], 0, len(batch))
	for _, d := range batch {
		if ctx.Err() != nil {
			return nil // all of them come again
		}
		fact, err := zoom.Decode(d.Body(), d.AcceptedAt())
		if err != nil {
			fact.Meeting = numberOf(d.Body())
		}
		it := item[D]{delivery: d, fact: fact, first: d.Attempt() == 1 && !r.apart.holds(fact.Meeting)}
		it.span = r.traced(d, it.first)
		if err != nil {
			r.bury(ctx, it, "undecodable", "cannot be read: "+err.Error())
			continue
		}
		items = append(items, it)
	}
	return items
}

// numberOf is the meeting's number in a body that is no fact, if it has one.
func numberOf(body []byte) string {
	if envelope, err := zoom.Open(body); err == nil {
		return envelope.MeetingID
	}
	return ""
}

// apply applies items and settles each. Items that are to blame are split in
// halves, until the one that is refused stands alone and is buried. Items that
// fail while the database answers are applied meeting by meeting.
func (r *Relay[D]) apply(ctx context.Context, items []item[D]) {
	outcomes, err := r.answer(ctx, items)
	own, isOwn := errors.AsType[ownTrouble](err)
	switch {
	case err == nil:
		r.settle(ctx, items, outcomes)
	case errors.Is(err, errLeft):
		leave(items)
	case isOwn:
		r.setApart(ctx, items, limitAfter(own, items, r.o.Batch))
	case len(items) == 1:
		r.refuse(ctx, items[0], err)
	default:
		half := len(items) / 2
		r.apply(ctx, items[:half])
		r.apply(ctx, items[half:])
	}
}

// leave ends the work on items that stay unsettled.
func leave[D Delivery](items []item[D]) {
	for _, it := range items {
		it.ended(outcomeLeft)
	}
}

// refuse buries the one item that an error blames.
func (r *Relay[D]) refuse(ctx context.Context, it item[D], err error) {
	cause := causeOf(err)
	r.bury(ctx, it, cause, "refused by the database: "+cause+", "+meaningOf(err))
}

// answer calls the destination until it answers. Its error blames the facts, or is
// an [ownTrouble] or errLeft.
func (r *Relay[D]) answer(ctx context.Context, items []item[D]) (outcomes []zoom.Outcome, err error) {
	ctx, batch := r.tracedBatch(ctx, items)
	defer func() { endBatch(batch, err, len(items) > 1) }()
	facts := make([]zoom.Fact, len(items))
	for i, it := range items {
		facts[i] = it.fact
	}
	waits := r.waits()
	for attempt, outages := 1, 0; ; attempt++ {
		if ctx.Err() != nil {
			return nil, errLeft
		}
		outcomes, err := r.call(ctx, facts)
		if err == nil {
			r.takes()
		}
		if err == nil || blamesData(err) {
			r.metrics.up.Set(1)
			return outcomes, err
		}
		if ctx.Err() != nil {
			return nil, errLeft
		}
		note(batch, "try again", causeOf(err), attribute.Int("sidecar.attempt", attempt))
		r.metrics.retries.WithLabelValues(causeOf(err)).Inc()
		asked := waitOf(err)
		general := asked > 0 || ofAll(err)
		if general && !r.pause(ctx, err, attempt, max(asked, waits.NextBackOff())) {
			return nil, errLeft
		}
		atOnce, ok := r.untilAnswered(ctx)
		if !ok {
			return nil, errLeft
		}
		if !atOnce && !general {
			outages++
		}
		if !general {
			r.metrics.up.Set(1)
		}
		if !general && atOnce || outages >= outagesMost {
			return nil, ownTrouble{err}
		}
	}
}

// untilAnswered makes an empty call until it is answered, and says whether the first
// was. It reports false if ctx ended first.
func (r *Relay[D]) untilAnswered(ctx context.Context) (atOnce, ok bool) {
	waits := r.waits()
	for attempt := 1; ; attempt++ {
		_, err := r.call(ctx, nil)
		if err == nil {
			return attempt == 1, true
		}
		if ctx.Err() != nil {
			return false, false
		}
		r.metrics.retries.WithLabelValues(causeOf(err)).Inc()
		if !r.pause(ctx, err, attempt, max(waits.NextBackOff(), waitOf(err))) {
			return false, false
		}
	}
}

// askFirst waits until the destination answers, before there is anything to apply.
func (r *Relay[D]) askFirst(ctx context.Context) {
	if _, ok := r.untilAnswered(ctx); !ok {
		return
	}
	r.metrics.up.Set(1)
	if lasted, was := r.down.over(); was {
		r.o.Log.Info("the database answers", zoom.LogTook, lasted)
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

// takes notes that the destination took facts.
func (r *Relay[D]) takes() {
	if lasted, was := r.down.over(); was {
		r.o.Log.Info("the database takes events again", zoom.LogTook, lasted)
	}
}

// pause notes that the destination does not answer, and waits. It reports false if
// ctx ended first. It logs the first time, when the cause changes, and once a minute.
func (r *Relay[D]) pause(ctx context.Context, err error, attempt int, wait time.Duration) bool {
	cause := causeOf(err)
	r.metrics.up.Set(0)
	if r.down.failed(err, cause) {
		log := r.o.Log.With(zoom.LogError, err, zoom.LogCode, cause, zoom.LogAttempt, attempt, zoom.LogWait, wait)
		if blamesUs(err) {
			log.Error("the database refuses us and somebody must mend it; events are kept and tried again", zoom.LogReason, meaningOf(err))
		} else {
			log.Warn("the database does not take events; they are kept and tried again")
		}
	}
	return sleep(ctx, wait)
}
