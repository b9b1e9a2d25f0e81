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
	answers *prometheus.CounterVec
	took    prometheus.Histogram
	secrets *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, secrets int) *metrics {
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
	}
	for _, reason := range []string{reasonKept, reasonUnused, reasonNoMeeting, reasonChallenge, reasonAlive, reasonReady} {
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

func (m *metrics) answered(a answer, path string, took time.Duration) {
	m.answers.WithLabelValues(strconv.Itoa(a.status), a.reason).Inc()
	if path == PathWebhook {
		m.took.Observe(took.Seconds())
	}
}

func (m *metrics) matched(secret int) {
	m.secrets.WithLabelValues(strconv.Itoa(secret)).Inc()
}
