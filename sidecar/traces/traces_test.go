package traces_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/traces"
)

// desk is a way to a collector, and what can be seen of it.
type desk struct {
	*traces.Traces
	log     *stack.Said
	metrics *prometheus.Registry
}

func open(t *testing.T, o traces.Options) *desk {
	d := &desk{log: new(stack.Said), metrics: prometheus.NewRegistry()}
	o.Log = slog.New(slog.NewTextHandler(d.log, nil))
	o.Metrics = d.metrics
	var err error
	d.Traces, err = traces.Open(t.Context(), o)
	require.NoError(t, err)
	return d
}

// spans makes so many.
func (d *desk) spans(n int) {
	for range n {
		_, span := d.Tracer().Start(context.Background(), "something")
		span.End()
	}
}

// counted are the spans of a result.
func (d *desk) counted(t *testing.T, sent, lost string) {
	t.Helper()
	require.NoError(t, testutil.GatherAndCompare(d.metrics, strings.NewReader(`
		# HELP sidecar_traces_spans_total Spans that the collector took (sent), or did not (lost). There are none unless an OTLP endpoint is set.
		# TYPE sidecar_traces_spans_total counter
		sidecar_traces_spans_total{result="lost"} `+lost+`
		sidecar_traces_spans_total{result="sent"} `+sent+`
	`), "sidecar_traces_spans_total"))
}

// collect answers each request with the next status, and then with 200.
func collect(t *testing.T, statuses ...int) (address string, took func() int) {
	address, took, _ = collectAndTell(t, statuses...)
	return address, took
}

// collectAndTell also tells of each request that it took.
func collectAndTell(t *testing.T, statuses ...int) (address string, took func() int, news <-chan struct{}) {
	var mu sync.Mutex
	spans := 0
	told := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if len(statuses) > 0 {
			w.Header().Set("Location", "http://elsewhere.test/") // for a redirect
			w.WriteHeader(statuses[0])
			statuses = statuses[1:]
			return
		}
		body, _ := io.ReadAll(r.Body)
		var sent tracepb.TracesData
		if err := proto.Unmarshal(body, &sent); err != nil {
			t.Error(err)
		}
		for _, resource := range sent.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				spans += len(scope.Spans)
			}
		}
		told <- struct{}{}
	}))
	t.Cleanup(server.Close)
	return server.URL + "/v1/traces", func() int {
		mu.Lock()
		defer mu.Unlock()
		return spans
	}, told
}

func TestWithoutAnEndpointThereIsNothing(t *testing.T) {
	d := open(t, traces.Options{})
	require.Nil(t, d.Tracer())
	d.Close(t.Context())
	n, err := testutil.GatherAndCount(d.metrics)
	require.NoError(t, err)
	require.Zero(t, n)
}

func TestAResourceThatCannotBeReadIsRefusedByName(t *testing.T) {
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense")
	_, err := traces.Open(t.Context(), traces.Options{Endpoint: "http://collector.test/v1/traces", Log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "OTEL_RESOURCE_ATTRIBUTES")
}

func TestWhatIsLeftIsSentAtTheEnd(t *testing.T) {
	address, took := collect(t)
	d := open(t, traces.Options{Endpoint: address})
	d.spans(1000)
	d.Close(t.Context())
	require.Equal(t, 1000, took())
	d.counted(t, "1000", "0")
	require.Empty(t, d.log.String())
}

func TestACollectorThatIsBusyIsAskedAgain(t *testing.T) {
	address, took, news := collectAndTell(t, http.StatusServiceUnavailable, http.StatusTooManyRequests)
	d := open(t, traces.Options{Endpoint: address})
	d.spans(512) // a whole batch goes at once
	<-news
	d.Close(t.Context())
	require.Equal(t, 512, took())
	d.counted(t, "512", "0")
}

func TestACollectorThatRefusesLosesSpansAndIsNamedOnce(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusTemporaryRedirect, http.StatusInternalServerError} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			address, took := collect(t, status, status, status, status)
			d := open(t, traces.Options{Endpoint: address, Headers: "x-key=invented"})
			d.spans(600) // a batch, and what is left
			d.Close(t.Context())
			require.Zero(t, took())
			d.counted(t, "0", "600")
			require.Equal(t, 1, strings.Count(d.log.String(), "\n"), d.log)
			require.Contains(t, d.log.String(), "the collector answered")
			require.NotContains(t, d.log.String(), "invented")
		})
	}
}

func TestClosingDoesNotTryAgain(t *testing.T) {
	address, took := collect(t, http.StatusServiceUnavailable)
	d := open(t, traces.Options{Endpoint: address})
	d.spans(1)
	d.Close(t.Context())
	require.Zero(t, took())
	d.counted(t, "0", "1")
}

func TestASamplerTakesItsShare(t *testing.T) {
	for name, c := range map[string]struct {
		sampler, share string
		want           func(int) bool
	}{
		"all by default": {"", "", func(n int) bool { return n == 1000 }},
		"none":           {"always_off", "", func(n int) bool { return n == 0 }},
		"some":           {"traceidratio", "0.1", func(n int) bool { return n > 0 && n < 500 }},
		"parent based":   {"parentbased_traceidratio", "0", func(n int) bool { return n == 0 }},
	} {
		t.Run(name, func(t *testing.T) {
			address, took := collect(t)
			d := open(t, traces.Options{Endpoint: address, Sampler: c.sampler, Share: c.share})
			d.spans(1000)
			d.Close(t.Context())
			require.True(t, c.want(took()), took())
		})
	}
}
