package watch

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the watch. Every series exists from the start.
type metrics struct {
	marks  *prometheus.GaugeVec
	alerts *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer) metrics {
	f := promauto.With(reg)
	m := metrics{
		marks: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sidecar_watch_mark",
			Help: "1 while the watch finds something wrong, by what it is: no_challenge, zoom_silent, lesson_silent, not_settling, clock_skew, old_secret.",
		}, []string{"name"}),
		alerts: f.NewCounterVec(prometheus.CounterOpts{
			Name: "sidecar_watch_alerts_total",
			Help: "Alerts to ALERT_URL, by result: sent, or failed when all tries did.",
		}, []string{"result"}),
	}
	m.show(nil)
	for _, result := range []string{"sent", "failed"} {
		m.alerts.WithLabelValues(result)
	}
	return m
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
