package relay

import (
	"context"
	"sync"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// The outcomes that the events counter shows beside the database's own.
const (
	outcomePutOff       = "put_off"      // its meeting is held up, or had to wait for its turn
	outcomeBuried       = "buried"       // a dead letter
	outcomeUnrecognised = "unrecognised" // the database is newer than this binary
)

// What a span says beside the outcomes: the event comes again.
const (
	outcomeLeft      = "left"      // by a relay that stopped
	outcomeUnsettled = "unsettled" // by the inbox
)

// settle gives every event back to the inbox as its outcome demands, all at
// once, since an inbox may share one sync of its disk among those that come
// together. It runs to its end whatever becomes of ctx.
func (r *Relay[D]) settle(ctx context.Context, items []item[D], outcomes []zoom.Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.SettleTimeout)
	defer cancel()
	began := time.Now()
	var all sync.WaitGroup
	for i, it := range items {
		all.Go(func() { r.settleOne(ctx, it, outcomes[i]) })
	}
	all.Wait()
	r.metrics.settle.Observe(time.Since(began).Seconds())
}

// settleOne settles an event by its outcome.
func (r *Relay[D]) settleOne(ctx context.Context, it item[D], outcome zoom.Outcome) {
	switch outcome {
	case zoom.Applied, zoom.Duplicate, zoom.UnknownKey:
		r.done(ctx, it, string(outcome))
	case zoom.SharedKey:
		r.o.Log.Warn("two Zoom users show one customer key at the same time: one student passed it on; see zoom.shared_keys", it.named()...)
		r.done(ctx, it, string(outcome))
	case zoom.UnknownMeeting:
		r.unknown(ctx, it, string(outcome))
	default:
		r.o.Log.Warn("the database gave an outcome this sidecar does not know; is the sidecar out of date?",
			it.named(zoom.LogOutcome, string(outcome))...)
		r.unknown(ctx, it, outcomeUnrecognised)
	}
}

// done settles an event that took effect.
func (r *Relay[D]) done(ctx context.Context, it item[D], outcome string) {
	if r.settledAs(ctx, it, outcome, outcome) && it.first {
		r.metrics.delay.Observe(time.Since(it.delivery.AcceptedAt()).Seconds())
	}
}

// unknown settles an event of a meeting that nobody knows, so that the inbox lists its
// number.
func (r *Relay[D]) unknown(ctx context.Context, it item[D], counted string) {
	if r.settledAs(ctx, it, string(zoom.UnknownMeeting), counted) {
		r.o.Log.Debug("the meeting is unknown; its events are kept", it.named(zoom.LogOutcome, counted)...)
	}
}

// settledAs settles an event with an outcome and counts it. It reports false when the
// inbox did not settle it.
func (r *Relay[D]) settledAs(ctx context.Context, it item[D], outcome, counted string) bool {
	if err := it.delivery.Done(ctx, outcome); err != nil {
		r.unsettled(it, "done", err)
		return false
	}
	it.ended(counted)
	r.metrics.events.WithLabelValues(counted).Inc()
	return true
}

// bury sets an event aside for good. The reason is kept with it and logged, so
// it holds a code and what it means, never the event's own words.
func (r *Relay[D]) bury(ctx context.Context, it item[D], cause, reason string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.SettleTimeout)
	defer cancel()
	letter, err := it.delivery.Bury(ctx, reason)
	if err != nil {
		r.unsettled(it, "bury", err)
		return
	}
	note(it.span, "dead letter", cause)
	it.ended(outcomeBuried)
	r.metrics.events.WithLabelValues(outcomeBuried).Inc()
	r.metrics.deadLetters.WithLabelValues(cause).Inc()
	r.o.Log.Error("dead letter: an event can never be applied",
		it.named(zoom.LogLetters, letter, zoom.LogCode, cause, zoom.LogReason, reason)...)
}

// unsettled notes that the inbox did not take an answer. The event comes again,
// which is harmless.
func (r *Relay[D]) unsettled(it item[D], verb string, err error) {
	it.ended(outcomeUnsettled)
	r.metrics.unsettled.WithLabelValues(verb).Inc()
	r.o.Log.Warn("the inbox did not settle an event; it comes again",
		it.named(zoom.LogReason, verb, zoom.LogError, err)...)
}

// named is what a log line calls an event, before what it says of it.
func (it item[D]) named(says ...any) []any {
	name := []any{zoom.LogMeeting, it.fact.Meeting}
	if it.span != nil {
		name = append(name, zoom.LogTraceID, it.span.SpanContext().TraceID().String())
	}
	return append(name, says...)
}
