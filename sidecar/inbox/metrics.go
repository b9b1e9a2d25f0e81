package inbox

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the numbers of one inbox. The gauges move while Run runs.
type metrics struct {
	accepted  prometheus.Counter
	groups    prometheus.Counter
	commit    prometheus.Histogram
	refused   *prometheus.CounterVec
	settled   *prometheus.CounterVec
	dropped   prometheus.Counter
	backlog   *prometheus.GaugeVec
	bytes     *prometheus.GaugeVec
	free      prometheus.Gauge
	oldest    prometheus.Gauge
	deadInbox prometheus.Gauge
	made      prometheus.Gauge
	dropDead  prometheus.Counter
	replayed  *prometheus.CounterVec
}

// The values of the label "from" of replayed.
const (
	fromDead   = "dead"
	fromEvents = "events"

	fromUnknown = "unknown"
)

// The values of the label "how" of settled.
const (
	howDone  = "done"
	howLater = "later"
	howDead  = "dead"

	howUnknown = "unknown"
)

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		accepted: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_accepted_total",
			Help: "Events safe in the inbox.",
		}),
		groups: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_groups_total",
			Help: "Messages these events were written as; events per group is the gain of sharing a sync.",
		}),
		commit: f.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_inbox_commit_seconds",
			Help:    "How long a group took to be on the disk.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12),
		}),
		refused: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_refused_total",
			Help: "Events that were not kept, by reason: full, unavailable, or gone when the sender left first.",
		}, []string{"reason"}),
		settled: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_settled_total",
			Help: "Events settled, by how: done, unknown (of a meeting that nobody knows), later or dead.",
		}, []string{"how"}),
		dropped: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_dropped_early_total",
			Help: "Groups of settled events removed before their retention ended, for want of room.",
		}),
		backlog: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_inbox_backlog_groups",
			Help: "Groups with events not settled yet, by stream: events, or later for those that wait for another try.",
		}, []string{"stream"}),
		bytes: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_inbox_bytes",
			Help: "Size on disk by stream, settled events included.",
		}, []string{"stream"}),
		free: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_free_bytes",
			Help: "Free space on the disk of the directory, for this user; 0 where events are in a NATS cluster.",
		}),
		oldest: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_oldest_seconds",
			Help: "Age of the oldest group that has never been settled, 0 for none.",
		}),
		deadInbox: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_dead_letters",
			Help: "Events kept as dead letters.",
		}),
		made: f.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_inbox_made_new",
			Help: "1 when this start found no inbox and made one: right the first time, later an unmounted volume.",
		}),
		dropDead: f.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_inbox_dead_letters_dropped_total",
			Help: "Dead letters that an operator removed for good.",
		}),
		replayed: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_inbox_replayed_total",
			Help: "Events handed on once more: from the dead letters or from the events that are kept, at an operator's word, and from those of unknown meetings, when one became known.",
		}, []string{"from"}),
	}
}
