package inbox

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Options say where the inbox is and how long it remembers. The zero value of
// each field but Dir has a default.
type Options struct {
	Dir       string        // directory of the embedded server, made if missing; unused when URL is set
	URL       string        // NATS servers, comma-separated; when set they are used instead of our own
	Replicas  int           // copies of each stream in a cluster, default 1; always 1 when embedded
	MaxBytes  int64         // cap of each stream, default 1 GiB
	Retention time.Duration // how long an event stays after it was settled, default 7 days
	AckWait   time.Duration // how soon the events of a dead process come again, default 10 s

	Tracer  trace.Tracer          // default: nothing is traced
	Log     *slog.Logger          // default: none
	Metrics prometheus.Registerer // default: none
}

func (o Options) withDefaults() Options {
	if o.Replicas <= 0 || o.URL == "" {
		o.Replicas = 1
	}
	if o.MaxBytes <= 0 {
		o.MaxBytes = 1 << 30
	}
	if o.Retention <= 0 {
		o.Retention = 7 * 24 * time.Hour
	}
	if o.AckWait <= 0 {
		o.AckWait = 10 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
