package supabase_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
)

// The project is told of a trace if the caller is in one, and of nothing else.
func TestOnlyATracedCallIsTracedFurther(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	var told []string
	hear := through(t, func(real http.RoundTripper) http.RoundTripper {
		return listening(func(r *http.Request) (*http.Response, error) {
			told = append(told, r.Header.Get("Traceparent"))
			return real.RoundTrip(r)
		})
	})
	recorder := tracetest.NewSpanRecorder()
	tracer := sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
	in := func(flags trace.TraceFlags) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: flags})
	}
	traced := connect(t, p, hear, func(o *supabase.Options) { o.Tracer = tracer })
	require.NoError(t, traced.Check(t.Context()))
	require.NoError(t, traced.Check(trace.ContextWithSpanContext(t.Context(), in(0))))
	require.NoError(t, connect(t, p, hear).Check(trace.ContextWithSpanContext(t.Context(), in(trace.FlagsSampled))))
	require.Equal(t, []string{"", "", ""}, told)
	require.Empty(t, recorder.Started())

	require.NoError(t, traced.Check(trace.ContextWithSpanContext(t.Context(), in(trace.FlagsSampled))))
	span := recorder.Ended()[0]
	require.Equal(t, "00-01000000000000000000000000000000-"+span.SpanContext().SpanID().String()+"-01", told[3])
	require.Equal(t, in(0).SpanID(), span.Parent().SpanID())
	require.Equal(t, codes.Unset, span.Status().Code)
}

func TestACallThatIsRefusedSaysWhyInItsTrace(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":"22P02","message":"pupil@school.test","details":"Pia Pupil"}`))
	}))
	defer server.Close()
	recorder := tracetest.NewSpanRecorder()
	c, err := supabase.New(supabase.Options{URL: server.URL, Key: "sb_secret_invented", Tracer: sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")})
	require.NoError(t, err)
	defer c.Close()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled}))
	require.Error(t, c.Check(ctx))
	span := recorder.Ended()[0]
	require.Equal(t, sdk.Status{Code: codes.Error}, span.Status(), "the server's words may be a pupil's")
	said := map[string]string{}
	for _, a := range span.Attributes() {
		said[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{"server.address": "127.0.0.1", "http.request.method": "POST", "url.path": "/rest/v1/rpc/apply_zoom_events",
		"http.response.status_code": "400", "error.type": "22P02"}, said)
	require.Empty(t, span.Events())
}

// listening is a transport that is one function.
type listening func(*http.Request) (*http.Response, error)

func (l listening) RoundTrip(r *http.Request) (*http.Response, error) { return l(r) }
