package hook

import (
	"context"
	"net/http"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

const headerTraceParent = "traceparent"

// begin starts the span of a verified request, from when it came, as a child of
// Zoom's own. What nobody signed has no span, whatever its headers say.
func (d *door) begin(c *gin.Context, v *visit) context.Context {
	ctx := c.Request.Context()
	if d.Tracer == nil {
		return ctx
	}
	ctx, span := d.Tracer.Start(parentOf(ctx, c.Request.Header), "POST "+PathWebhook, trace.WithTimestamp(v.began), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
		attribute.String("http.request.method", http.MethodPost),
		attribute.String("http.route", PathWebhook)))
	if span.IsRecording() {
		v.span = span
	}
	return ctx
}

// parentOf takes Zoom's traceparent, if it is one. A tracestate may hold anything
// and is not taken.
func parentOf(ctx context.Context, h http.Header) context.Context {
	said := h.Values(headerTraceParent)
	if len(said) != 1 {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{headerTraceParent: said[0]})
}

// end ends the span of a visit, if it has one, with its answer.
func (v visit) end(a answer) {
	if v.span == nil {
		return
	}
	v.span.SetAttributes(
		attribute.Int("http.response.status_code", a.status),
		attribute.String("sidecar.reason", a.reason),
		attribute.String("zoom.event", v.event),
		attribute.String("zoom.meeting", v.meeting))
	if a.status >= http.StatusInternalServerError {
		v.span.SetStatus(codes.Error, "")
		v.span.SetAttributes(attribute.String("error.type", a.reason))
	}
	v.span.End()
}
