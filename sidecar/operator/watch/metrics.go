package watch

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the watch. Every series exists from the start.
type metrics struct {
	marks  *prometheus.GaugeVec
	zoom   *prometheus.GaugeVec
	alerts *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	m := metrics{
		marks: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_watch_mark",
			Help: "1 while the watch finds something wrong, by what it is: no_challenge, zoom_silent, lesson_silent, not_settling, meeting_held_up, clock_skew, old_secret.",
		}, []string{"name"}),
		zoom: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_watch_zoom_timestamp_seconds",
			Help: "When any sidecar last answered Zoom's challenge, or kept an event, as the database knows; 0 until that is known.",
		}, []string{"what"}),
		alerts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_watch_alerts_total",
			Help: "Alerts to ALERT_URL, by result: sent, or failed when all tries did.",
		}, []string{"result"}),
	}
	m.show(nil)
	m.saw(nil, nil)
	for _, result := range []string{"sent", "failed"} {
		m.alerts.WithLabelValues(result)
	}
	return m
}

// saw shows when Zoom was last seen; nil: nobody knows.
func (m metrics) saw(challenge, event *time.Time) {
	for what, at := range map[string]*time.Time{"challenge": challenge, "event": event} {
		seconds := 0.0
		if at != nil {
			seconds = float64(at.Unix())
		}
		m.zoom.WithLabelValues(what).Set(seconds)
	}
}

// show shows which marks there are.
func (m metrics) show(marks map[string]*mark) {
	are := map[string]float64{}
	for _, mark := range marks {
		are[mark.name] = 1
	}
	for _, name := range names {
		m.marks.WithLabelValues(name).Set(are[name])
	}
}
