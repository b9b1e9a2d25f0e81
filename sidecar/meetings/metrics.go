package meetings

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The routes, as the log and the metrics call them.
const (
	routeEnter  = "get_join"
	routeNote   = "post_join"
	routePeople = "get_participants"
	routeOther  = "other"
)

// metrics count what the room did. Labels come from our own short lists, never
// from a request. Every series exists from the start, so that a first time is
// seen as a rise.
type metrics struct {
	requests *prometheus.CounterVec
	took     *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	factory := promauto.With(reg)
	m := &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_room_requests_total",
			Help: "Requests to the meeting room, by route, HTTP status and reason.",
		}, []string{"route", "status", "reason"}),
		took: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "sidecar_room_request_seconds",
			Help:    "Time from a request's headers to its answer, most of it Supabase's.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5},
		}, []string{"route"}),
	}
	for _, route := range []string{routeEnter, routeNote, routePeople, routeOther} {
		m.took.WithLabelValues(route)
		for _, a := range append([]answer{good, preflight}, answers...) {
			m.requests.WithLabelValues(route, strconv.Itoa(a.status), a.reason)
		}
	}
	return m
}

func (m *metrics) answered(route string, a answer, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(a.status), a.reason).Inc()
	m.took.WithLabelValues(route).Observe(took.Seconds())
}
