package supabase

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the calls to the project.
type metrics struct {
	seconds *prometheus.HistogramVec
	rows    map[string]prometheus.Counter // by table
}

func newMetrics(reg prometheus.Registerer) metrics {
	factory := promauto.With(reg)
	rows := factory.NewCounterVec(prometheus.CounterOpts{
		Name: "sidecar_supabase_row_changes_total",
		Help: "Rows that our calls wrote, by table; each is a message of Realtime to everybody who watches it.",
	}, []string{"table"})
	m := metrics{
		seconds: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidecar_supabase_call_seconds",
			Help:    "How long calls to the project took, by operation and by what came of them: ok, a code, or canceled.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation", "result"}),
		rows: make(map[string]prometheus.Counter, len(watched)),
	}
	for _, table := range watched {
		m.rows[table] = rows.WithLabelValues(table)
	}
	return m
}

func (m metrics) observe(operation string, took time.Duration, err error) {
	m.seconds.WithLabelValues(operation, result(err)).Observe(took.Seconds())
}

func result(err error) string {
	if err == nil {
		return "ok"
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Cause()
	}
	return "canceled"
}
