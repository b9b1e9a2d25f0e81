package hook_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/hook"
)

const (
	parentTrace = "0af7651916cd43dd8448eb211c80319c"
	parentSpan  = "b7ad6b7169203331"
)

// traced opens a door that records its spans.
func traced(t *testing.T, changes ...func(*hook.Options)) (*world, *tracetest.SpanRecorder) {
	recorder := tracetest.NewSpanRecorder()
	return open(t, append(changes, func(o *hook.Options) {
		o.Tracer = sdk.NewTracerProvider(sdk.WithSpanProcessor(recorder)).Tracer("test")
	})...), recorder
}

func TestATraceParentCountsIfItIsOne(t *testing.T) {
	for sentence, c := range map[string]struct {
		set    []func(http.Header, string)
		counts bool
	}{
		"Zoom's":                   {[]func(http.Header, string){with("traceparent", "00-"+parentTrace+"-"+parentSpan+"-01")}, true},
		"of a later version":       {[]func(http.Header, string){with("traceparent", "42-"+parentTrace+"-"+parentSpan+"-01-more")}, true},
		"none":                     {nil, false},
		"of a version that is not": {[]func(http.Header, string){with("traceparent", "ff-"+parentTrace+"-"+parentSpan+"-01")}, false},
		"in capitals":              {[]func(http.Header, string){with("traceparent", "00-0AF7651916CD43DD8448EB211C80319C-"+parentSpan+"-01")}, false},
		"of no trace":              {[]func(http.Header, string){with("traceparent", "00-00000000000000000000000000000000-"+parentSpan+"-01")}, false},
		"too short":                {[]func(http.Header, string){with("traceparent", "00-"+parentTrace+"-01")}, false},
		"a name":                   {[]func(http.Header, string){with("traceparent", "Ada Beispiel")}, false},
		"two of them": {[]func(http.Header, string){with("traceparent", "00-"+parentTrace+"-"+parentSpan+"-01"),
			also("traceparent", "00-"+parentTrace+"-"+parentSpan+"-00")}, false},
	} {
		t.Run(sentence, func(t *testing.T) {
			w, recorder := traced(t)
			require.Equal(t, 200, w.knock(t, joinedBody, append(c.set, signed(newest), with("tracestate", "a=Beispiel"))...).status)
			require.Len(t, recorder.Ended(), 1)
			span := recorder.Ended()[0]
			require.Equal(t, trace.SpanKindServer, span.SpanKind())
			require.Equal(t, c.counts, span.Parent().IsValid())
			require.Equal(t, c.counts, span.SpanContext().TraceID().String() == parentTrace)
			require.Empty(t, span.SpanContext().TraceState().String())
			require.Contains(t, w.log.String(), `"trace_id":"`+span.SpanContext().TraceID().String()+`"`)
		})
	}
}

func TestOnlyWhatZoomSignedIsTraced(t *testing.T) {
	w, recorder := traced(t)
	parent := with("traceparent", "00-"+parentTrace+"-"+parentSpan+"-01")
	require.Equal(t, 401, w.knock(t, joinedBody, parent).status)
	require.Equal(t, 401, w.knock(t, joinedBody, parent, signed("somebody-else")).status)
	require.Equal(t, 200, w.knock(t, challengeBody, parent).status, "a challenge needs no signature")
	require.Equal(t, 404, w.send(t, w.request(t, http.MethodGet, "/elsewhere", "")).status)
	require.Empty(t, recorder.Started())
	require.NotContains(t, w.log.String(), "trace_id")

	require.Equal(t, 200, w.knock(t, unusedBody, parent, signed(older)).status)
	require.Len(t, recorder.Ended(), 1)
}

func TestTheKeeperIsCalledInTheTrace(t *testing.T) {
	var within trace.SpanContext
	w, recorder := traced(t, func(o *hook.Options) {
		o.Keeper = keeperFunc(func(ctx context.Context, _ []byte) error {
			within = trace.SpanContextFromContext(ctx)
			return errDiskFull
		})
	})
	require.Equal(t, 503, w.knock(t, joinedBody, signed(newest)).status)
	span := recorder.Ended()[0]
	require.Equal(t, span.SpanContext(), within)
	require.Equal(t, codes.Error, span.Status().Code)
	require.Empty(t, span.Status().Description, "what went wrong is in the log")
	said := map[string]string{}
	for _, a := range span.Attributes() {
		said[string(a.Key)] = a.Value.String()
	}
	require.Equal(t, map[string]string{
		"http.request.method": "POST", "http.route": hook.PathWebhook, "http.response.status_code": "503", "error.type": "not_kept",
		"sidecar.reason": "not_kept", "zoom.event": "meeting.participant_joined", "zoom.meeting": "81234567890",
	}, said)
}
