package relay

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the way from the inbox to the database.
type metrics struct {
	events      *prometheus.CounterVec
	batch       prometheus.Histogram
	apply       prometheus.Histogram
	settle      prometheus.Histogram
	delay       prometheus.Histogram
	up          prometheus.Gauge
	retries     *prometheus.CounterVec
	deadLetters *prometheus.CounterVec
	unsettled   *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	p := promauto.With(reg)
	m := metrics{
		events: p.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_relay_events_total",
			Help: "Events settled, by outcome: applied, duplicate, unknown_key and shared_key (applied, but look), unknown_meeting (listed by its number), put_off (its meeting is held up; it comes again), buried, unrecognised.",
		}, []string{"outcome"}),
		batch: p.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_relay_batch_events",
			Help:    "How many events were applied together, if the database took them so.",
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
		}),
		apply: p.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_relay_apply_seconds",
			Help:    "How long one call to the database took, answered or not.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}),
		settle: p.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_relay_settle_seconds",
			Help:    "From the database's answer until the inbox has settled the batch.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5, 10},
		}),
		delay: p.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_relay_delay_seconds",
			Help:    "From the answer to Zoom until the rows say it, for events applied at their first try.",
			Buckets: []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 1800, 7200},
		}),
		up: p.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_relay_destination_up",
			Help: "1 while the database answers, 0 while it takes no events at all.",
		}),
		retries: p.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_relay_retries_total",
			Help: "Calls that will be made again, by code.",
		}, []string{"code"}),
		deadLetters: p.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_relay_dead_letters_total",
			Help: "Events that can never be applied and were set aside, by code.",
		}, []string{"code"}),
		unsettled: p.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_relay_settle_errors_total",
			Help: "Events the inbox did not settle, and meetings it did not put off; they come again.",
		}, []string{"verb"}),
	}
	m.up.Set(1)
	return m
}

// showHeld shows the meetings that are held up, as they are when somebody asks.
func showHeld(reg prometheus.Registerer, number func() int, oldest func() time.Duration) {
	p := promauto.With(reg)
	p.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sidecar_relay_held_meetings",
		Help: "Meetings whose events the database does not take while it takes those of others; the log and the watch name them.",
	}, func() float64 { return float64(number()) })
	p.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sidecar_relay_held_oldest_seconds",
		Help: "How long the oldest event of a meeting that is held up has waited, 0 for none.",
	}, func() float64 { return oldest().Seconds() })
}
