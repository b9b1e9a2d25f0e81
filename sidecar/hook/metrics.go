package hook

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics count what the door did. Labels come from our own short lists, never
// from a request. Every series exists from the start, so that a first time is
// seen as a rise.
type metrics struct {
	answers   *prometheus.CounterVec
	took      prometheus.Histogram
	secrets   *prometheus.CounterVec
	kept      prometheus.Gauge
	challenge prometheus.Gauge
	offset    prometheus.Gauge
	late      prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, secrets int, now time.Time) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		answers: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_hook_answers_total",
			Help: "Requests answered, by HTTP status and reason.",
		}, []string{"status", "reason"}),
		took: factory.NewHistogram(prometheus.HistogramOpts{
			Name:    "sidecar_hook_answer_seconds",
			Help:    "Time from a webhook's headers to its answer. Zoom waits 3 seconds.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2, 3},
		}),
		secrets: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_hook_secret_matches_total",
			Help: "Verified requests by the secret that matched; 0 is the newest. When only 0 rises, a rotation is over.",
		}, []string{"secret"}),
		kept: factory.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_hook_last_event_timestamp_seconds",
			Help: "When the last event was kept; before the first, when this process started.",
		}),
		challenge: factory.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_hook_last_challenge_timestamp_seconds",
			Help: "When Zoom's last challenge was answered, which comes every 72 hours; before the first, when this process started.",
		}),
		offset: factory.NewGauge(prometheus.GaugeOpts{
			Name: "sidecar_hook_clock_offset_seconds",
			Help: "Our clock less the timestamp of the last verified request: how long it was on its way, and how far the clocks differ.",
		}),
		late: factory.NewCounter(prometheus.CounterOpts{
			Name: "sidecar_hook_stale_signed_total",
			Help: "Requests refused by their timestamp alone: one of our secrets signed them, so a clock is wrong, or somebody sends again what they recorded.",
		}),
	}
	m.kept.Set(float64(now.Unix()))
	m.challenge.Set(float64(now.Unix()))
	for _, reason := range []string{reasonKept, reasonUnused, reasonNoMeeting, reasonChallenge, reasonUnsigned, reasonTrial, reasonAlive, reasonReady} {
		m.answers.WithLabelValues(strconv.Itoa(http.StatusOK), reason)
	}
	for _, a := range answers {
		m.answers.WithLabelValues(strconv.Itoa(a.status), a.reason)
	}
	for i := range secrets {
		m.secrets.WithLabelValues(strconv.Itoa(i))
	}
	return m
}

func (m *metrics) answered(a answer, path string, took time.Duration, now time.Time) {
	m.answers.WithLabelValues(strconv.Itoa(a.status), a.reason).Inc()
	switch a.reason {
	case reasonKept:
		m.kept.Set(float64(now.Unix()))
	case reasonChallenge:
		m.challenge.Set(float64(now.Unix()))
	}
	if path == PathWebhook {
		m.took.Observe(took.Seconds())
	}
}

// matched notes a verified request: by which secret, and when it says it was sent.
func (m *metrics) matched(secret int, timestamp string, now time.Time) {
	m.secrets.WithLabelValues(strconv.Itoa(secret)).Inc()
	if sent, err := strconv.ParseInt(timestamp, 10, 64); err == nil { // it was verified
		m.offset.Set(now.Sub(time.Unix(sent, 0)).Seconds())
	}
}
