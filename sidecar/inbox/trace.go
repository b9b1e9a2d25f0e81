package inbox

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// An event of a traced request carries the context of the span that kept it, so that
// whoever carries it on, be it after a restart, goes on with its trace.

// startKeeping begins the span in which an event is kept, if its request is traced,
// and gives the event its context. span is nil if not.
func startKeeping(tracer trace.Tracer, system string, e Event) (Event, trace.Span) {
	if tracer == nil || !e.Trace.IsSampled() {
		e.Trace = trace.SpanContext{}
		return e, nil
	}
	_, span := tracer.Start(trace.ContextWithSpanContext(context.Background(), e.Trace), "keep inbox",
		trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
			attribute.String("messaging.system", system),
			attribute.String("messaging.operation.name", "keep"),
			attribute.String("messaging.operation.type", "send"),
			attribute.String("messaging.destination.name", "inbox")))
	e.Trace = span.SpanContext()
	return e, span
}

// endKeeping ends it.
func endKeeping(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", refusedReason(err)))
	}
	span.End()
}

const traceParent = "traceparent"

// writeTrace is a span's context as W3C's traceparent; empty for none.
func writeTrace(c trace.SpanContext) string {
	if !c.IsValid() {
		return ""
	}
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(trace.ContextWithSpanContext(context.Background(), c.WithTraceState(trace.TraceState{})), carrier)
	return carrier[traceParent]
}

// readTrace reads what writeTrace wrote. What is none is left out: an event matters
// more than its trace.
func readTrace(text string) trace.SpanContext {
	if text == "" {
		return trace.SpanContext{}
	}
	ctx := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{traceParent: text})
	return trace.SpanContextFromContext(ctx)
}
