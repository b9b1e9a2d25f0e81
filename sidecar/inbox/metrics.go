package inbox

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the numbers of one inbox. The gauges move while Run runs.
type metrics struct {
	accepted    prometheus.Counter
	commits     prometheus.Counter
	commit      prometheus.Histogram
	refused     *prometheus.CounterVec // by refusedReason
	settled     *prometheus.CounterVec // by how: done, later, dead
	removed     prometheus.Counter
	backlog     *prometheus.GaugeVec // by state: waiting, later
	bytes       prometheus.Gauge
	free        prometheus.Gauge
	oldest      prometheus.Gauge
	deadLetters prometheus.Gauge
	dropped     prometheus.Counter
	replayed    *prometheus.CounterVec // by from: dead, settled
	madeNew     prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		accepted: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_accepted_total",
			Help: "Events safe in the inbox.",
		}),
		commits: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_commits_total",
			Help: "Transactions that kept these events; events per commit is the gain of sharing a sync.",
		}),
		commit: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_inbox_commit_seconds",
			Help:    "How long a transaction with events took to be safe.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_refused_total",
			Help: "Events that were not kept, by reason: full, unavailable, or gone when the sender left first.",
		}, []string{"reason"}),
		settled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_settled_total",
			Help: "Events settled, by how: done, later or dead.",
		}, []string{"how"}),
		removed: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_removed_early_total",
			Help: "Settled events removed before their retention ended, for want of room.",
		}),
		backlog: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_inbox_backlog_events",
			Help: "Events not settled yet, by state: waiting, or later for those that were put off.",
		}, []string{"state"}),
		bytes: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_bytes",
			Help: "What the inbox takes, settled events included.",
		}),
		free: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_free_bytes",
			Help: "Free space on the disk of the directory, for this user; 0 where NATS keeps the events.",
		}),
		oldest: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_oldest_seconds",
			Help: "Age of the oldest event that waits for its first turn, neither put off nor replayed; 0 for none.",
		}),
		deadLetters: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_dead_letters",
			Help: "Events kept as dead letters.",
		}),
		dropped: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_dead_letters_dropped_total",
			Help: "Dead letters that an operator removed for good.",
		}),
		replayed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_replayed_total",
			Help: "Events handed out once more, by where they were: dead (put back from the dead letters) or settled (replayed, or of a meeting that became known).",
		}, []string{"from"}),
		madeNew: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_made_new",
			Help: "1 when this start found no inbox and made one: right the first time, later an unmounted volume.",
		}),
	}
}

// show moves the gauges.
func (m *metrics) show(s Stats, now time.Time) {
	m.backlog.WithLabelValues("waiting").Set(float64(s.Waiting - s.Later))
	m.backlog.WithLabelValues("later").Set(float64(s.Later))
	m.deadLetters.Set(float64(s.Dead))
	m.bytes.Set(float64(s.Bytes))
	m.free.Set(float64(s.Free))
	age := time.Duration(0)
	if !s.Oldest.IsZero() {
		age = max(0, now.Sub(s.Oldest))
	}
	m.oldest.Set(age.Seconds())
}
