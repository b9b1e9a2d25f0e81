package supabase

import (
	"context"
	"net/http"
	"net/url"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// begin starts the span of a call, if whoever makes it is traced. Its name is the
// operation, which is a word of ours.
func (c *Client) begin(ctx context.Context, operation string) (context.Context, trace.Span) {
	if c.tracer == nil || !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, nil
	}
	return c.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("server.address", c.host)))
}

// end ends the span of a call with what came of it.
func end(span trace.Span, err error) {
	if span == nil {
		return
	}
	if err != nil {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(attribute.String("error.type", result(err)))
	}
	span.End()
}

// traced tells the project, before a request of a traced call, which span it is of,
// and that span what the request is and how it was answered.
func (x exchange) traced(req *http.Request, send func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	span := trace.SpanFromContext(x.ctx)
	if x.client.tracer == nil || !span.IsRecording() {
		return send(req)
	}
	propagation.TraceContext{}.Inject(x.ctx, propagation.HeaderCarrier(req.Header))
	span.SetAttributes(
		attribute.String("http.request.method", req.Method),
		attribute.String("url.path", req.URL.Path)) // a query may hold what was asked for
	resp, err := send(req)
	if err == nil {
		span.SetAttributes(attribute.Int("http.response.status_code", resp.StatusCode))
	}
	return resp, err
}

// hostOf is the server of an address that was checked.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
