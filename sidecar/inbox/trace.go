package inbox

import (
	"cmp"
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// An event of a traced request carries the context of the span that kept it, so
// that whoever carries it on, be it after a restart, goes on with its trace. It
// is in a header of the message: a version that does not know it reads the group
// all the same, and without traces there is no header.

// traceParentBytes is how long a context is as W3C's traceparent.
const traceParentBytes = len("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")

// noTrace stands for an event without one, beside others of its group.
const noTrace = "-"

// keeping begins the span in which an event is kept, if the request is traced.
func (b *Inbox) keeping(ctx context.Context) (span trace.Span, carried string) {
	if b.options.Tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return nil, ""
	}
	_, span = b.options.Tracer.Start(ctx, "keep "+streamEvents, trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.operation.name", "keep"),
		attribute.String("messaging.operation.type", "send"),
		attribute.String("messaging.destination.name", streamEvents)))
	return span, writeTrace(span.SpanContext())
}

// kept ends it.
func kept(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", reason(err)))
	}
	span.End()
}

// Trace is the context of the span that kept the event; not valid if its request
// was not traced.
func (d *Delivery) Trace() trace.SpanContext { return readTrace(d.trace) }

// writeTraces is the header of a group, empty if none of its events is traced.
func writeTraces(events []event) string {
	traced := false
	for _, e := range events {
		traced = traced || e.trace != ""
	}
	if !traced {
		return ""
	}
	all := make([]string, len(events))
	for i, e := range events {
		all[i] = cmp.Or(e.trace, noTrace)
	}
	return strings.Join(all, " ")
}

// readTraces gives events the contexts that writeTraces wrote. What is none is left
// out: an event matters more than its trace.
func readTraces(header string, events []event) {
	if header == "" {
		return
	}
	all := strings.Fields(header)
	if len(all) != len(events) {
		return
	}
	for i, text := range all {
		if readTrace(text).IsValid() {
			events[i].trace = text
		}
	}
}

const traceParent = "traceparent"

func writeTrace(c trace.SpanContext) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c.WithTraceState(trace.TraceState{})), carrier)
	return carrier[traceParent]
}

func readTrace(text string) trace.SpanContext {
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{traceParent: text})
	return trace.SpanContextFromContext(ctx)
}
