package relay

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// A traced event has a span from when it was kept until it is settled, beneath
// the one that kept it; one that was put off has another for each time that it
// comes. Events that are applied together have one for that, tries included, and
// another for each half that they are split into: beneath the first traced event,
// linked to all of them, and they to it. Without a tracer, and for events that are
// not traced, there is nothing.

// traced begins the span of an event that was handed out, for the first time or once
// more; nil if it is not traced.
func (r *Relay[D]) traced(d D, first bool) trace.Span {
	if r.o.Tracer == nil || !d.Trace().IsSampled() {
		return nil
	}
	began := time.Now()
	if first {
		began = d.AcceptedAt()
	}
	ctx := trace.ContextWithRemoteSpanContext(context.Background(), d.Trace())
	if _, span := r.o.Tracer.Start(ctx, "process event", trace.WithTimestamp(began), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(
		attribute.String("messaging.operation.type", "process"),
		attribute.Int("sidecar.attempt", d.Attempt()))); span.IsRecording() {
		return span
	}
	return nil
}

// tracedBatch begins the span of a batch, if any of its events is traced. The
// context is for the call.
func (r *Relay[D]) tracedBatch(ctx context.Context, items []item[D]) (context.Context, trace.Span) {
	if r.o.Tracer == nil {
		return ctx, nil
	}
	var first trace.Span
	var links []trace.Link
	for _, it := range items {
		if it.span == nil {
			continue
		}
		if first == nil {
			first = it.span
		}
		links = append(links, trace.Link{SpanContext: it.span.SpanContext()})
	}
	if first == nil {
		return ctx, nil
	}
	ctx, batch := r.o.Tracer.Start(trace.ContextWithSpan(ctx, first), "apply batch", trace.WithLinks(links...), trace.WithAttributes(
		attribute.Int("messaging.batch.message_count", len(items))))
	for _, it := range items {
		if it.span != nil {
			it.span.AddLink(trace.Link{SpanContext: batch.SpanContext()})
		}
	}
	return ctx, batch
}

// note adds what happened to a span, by a code.
func note(span trace.Span, what, code string, attributes ...attribute.KeyValue) {
	if span != nil {
		span.AddEvent(what, trace.WithAttributes(append(attributes, attribute.String("sidecar.code", code))...))
	}
}

// endBatch ends the span of a batch with the error, if it was not taken.
func endBatch(span trace.Span, err error, divisible bool) {
	if span == nil {
		return
	}
	if errors.Is(err, errLeft) {
		span.AddEvent("left for the next run")
	} else if err != nil {
		if _, own := errors.AsType[ownTrouble](err); own {
			note(span, "apply meeting by meeting", causeOf(err))
		} else if divisible {
			note(span, "split in halves", causeOf(err))
		}
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", causeOf(err)))
	}
	span.End()
}

// ended ends the span of an event with what became of it.
func (it item[D]) ended(outcome string) {
	if it.span == nil {
		return
	}
	it.span.SetAttributes(attribute.String("sidecar.outcome", outcome))
	if outcome == outcomeBuried || outcome == outcomeUnsettled {
		it.span.SetStatus(codes.Error, "")
		it.span.SetAttributes(attribute.String("error.type", outcome))
	}
	it.span.End()
}
