package traces

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/zoom"
)

const (
	scope       = "zoom-attendance/sidecar" // whose spans they are
	serviceName = "zoom-attendance-sidecar"
	closeWait   = 5 * time.Second // that closing may take
	remindAfter = time.Minute     // how long trouble that goes on is not mentioned again
)

// Options say where spans go and which.
type Options struct {
	Endpoint string      // the address that takes them; empty: nothing is traced
	Headers  zoom.Secret // as [Headers] reads them
	Sampler  string      // as [Sampler] knows them
	Share    string      // its argument
	Service  string      // what we call ourselves; default: OTEL_RESOURCE_ATTRIBUTES, else zoom-attendance-sidecar
	Version  string      // of this program
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Traces is the way from the rooms to a collector. The zero value leads nowhere.
type Traces struct {
	provider *sdk.TracerProvider
	reporter *reporter
	closing  chan struct{}
}

// Open makes the way. It opens no connection.
func Open(ctx context.Context, o Options) (*Traces, error) {
	if o.Endpoint == "" {
		return &Traces{}, nil
	}
	headers, err := Headers(string(o.Headers))
	if err != nil {
		return nil, errors.New("OTEL_EXPORTER_OTLP_HEADERS " + err.Error())
	}
	sampler, err := Sampler(o.Sampler, o.Share)
	if err != nil {
		return nil, errors.New("the sampler of traces " + err.Error())
	}
	about, err := describe(ctx, o)
	if err != nil {
		return nil, errors.New("OTEL_RESOURCE_ATTRIBUTES is not like \"name=value,other=value\"")
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { o.Log.Warn("traces", zoom.LogError, err) }))

	t := &Traces{closing: make(chan struct{})}
	up := &uploader{address: o.Endpoint, headers: headers, client: newClient(), closing: t.closing}
	exporter, err := otlptrace.New(ctx, up)
	if err != nil {
		return nil, err
	}
	t.reporter = newReporter(exporter, o)
	t.provider = sdk.NewTracerProvider(sdk.WithSampler(sampler), sdk.WithResource(about), sdk.WithBatcher(t.reporter))
	return t, nil
}

// newClient follows no redirect: the headers may hold a key.
func newClient() *http.Client {
	pool := &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConns: 2, IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: 5 * time.Second}
	return &http.Client{Transport: pool, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// describe says whose spans they are: nothing of the machine or its users.
func describe(ctx context.Context, o Options) (*resource.Resource, error) {
	told := []resource.Option{
		resource.WithAttributes(attribute.String("service.name", serviceName), attribute.String("service.version", o.Version)),
		resource.WithFromEnv(), // OTEL_RESOURCE_ATTRIBUTES
	}
	if o.Service != "" {
		told = append(told, resource.WithAttributes(attribute.String("service.name", o.Service)))
	}
	return resource.New(ctx, told...)
}

// Tracer makes spans; it is nil when nothing is to be traced.
func (t *Traces) Tracer() trace.Tracer {
	if t.provider == nil {
		return nil
	}
	return t.provider.Tracer(scope)
}

// Close sends what waits, in the time that there is, and a few seconds at most. What
// the collector does not take then is lost.
func (t *Traces) Close(ctx context.Context) {
	if t.provider == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, closeWait)
	defer cancel()
	close(t.closing)
	if err := t.provider.Shutdown(ctx); err != nil {
		t.reporter.trouble(err)
	}
}

// reporter sends spans by another exporter, and says how that goes: in numbers, and
// at most once a minute in the log. To the SDK all is well, which would write of it
// to standard error.
type reporter struct {
	sdk.SpanExporter
	log        *slog.Logger
	sent, lost prometheus.Counter

	mu     sync.Mutex
	failed time.Time // when it was last worth a line; zero: all is well
}

func newReporter(to sdk.SpanExporter, o Options) *reporter {
	spans := promauto.With(o.Metrics).NewCounterVec(prometheus.CounterOpts{
		Name: "sidecar_traces_spans_total",
		Help: "Spans that the collector took (sent), or did not (lost). There are none unless an OTLP endpoint is set.",
	}, []string{"result"})
	return &reporter{SpanExporter: to, log: o.Log, sent: spans.WithLabelValues("sent"), lost: spans.WithLabelValues("lost")}
}

// ExportSpans sends spans, and loses what the collector does not take.
func (r *reporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if err := r.SpanExporter.ExportSpans(ctx, spans); err != nil {
		r.lost.Add(float64(len(spans)))
		r.trouble(err)
		return nil
	}
	r.sent.Add(float64(len(spans)))
	r.well()
	return nil
}

// trouble logs, unless it did a moment ago, that spans are lost.
func (r *reporter) trouble(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Since(r.failed) >= remindAfter {
		r.failed = time.Now()
		r.log.Warn("the collector does not take spans; they are lost, and nothing else is", zoom.LogError, err)
	}
}

// well logs that trouble is over.
func (r *reporter) well() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.failed.IsZero() {
		r.failed = time.Time{}
		r.log.Info("the collector takes spans again")
	}
}
