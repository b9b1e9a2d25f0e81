package watch

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// reading is what this process has counted, at one moment.
type reading struct {
	at                 time.Time
	challenge, event   time.Time     // the last of each; zero: this process saw none
	newest, older      float64       // verified requests, by the secret that matched
	refused            float64       // requests refused by their timestamp alone
	offset             time.Duration // our clock less the last verified request's
	settled            float64       // events, however
	unsettled          time.Duration // how long the first has waited that was never settled
	held               time.Duration // and the first of those that are put off, since their meeting is held up
	oldest             time.Duration // the longer of the two
	destinationAnswers bool
}

// read takes the metrics of the other rooms.
func read(counts prometheus.Gatherer) (r reading, err error) {
	families, err := counts.Gather()
	if err != nil {
		return r, err
	}
	m := map[string]*dto.MetricFamily{}
	for _, family := range families {
		m[family.GetName()] = family
	}
	r.at = time.Now().UTC()
	const answers = "sidecar_hook_answers_total"
	if sum(m[answers], "reason", "challenge") > 0 { // else the gauge has the start of the process
		r.challenge = instant(sum(m["sidecar_hook_last_challenge_timestamp_seconds"], "", ""))
	}
	if sum(m[answers], "reason", "kept") > 0 {
		r.event = instant(sum(m["sidecar_hook_last_event_timestamp_seconds"], "", ""))
	}
	const matches = "sidecar_hook_secret_matches_total"
	r.newest = sum(m[matches], "secret", "0")
	r.older = sum(m[matches], "", "") - r.newest
	r.refused = sum(m["sidecar_hook_stale_signed_total"], "", "")
	r.offset = seconds(sum(m["sidecar_hook_clock_offset_seconds"], "", ""))
	r.settled = sum(m["sidecar_inbox_settled_total"], "", "")
	r.unsettled = seconds(sum(m["sidecar_inbox_oldest_seconds"], "", ""))
	r.held = seconds(sum(m["sidecar_relay_held_oldest_seconds"], "", ""))
	r.oldest = max(r.unsettled, r.held)
	r.destinationAnswers = sum(m["sidecar_relay_destination_up"], "", "") > 0
	return r, nil
}

// sum adds up the series of a metric, or those that have a label.
func sum(family *dto.MetricFamily, name, value string) (total float64) {
	for _, series := range family.GetMetric() {
		if name != "" && !has(series, name, value) {
			continue
		}
		total += series.GetCounter().GetValue() + series.GetGauge().GetValue()
	}
	return total
}

func has(series *dto.Metric, name, value string) bool {
	for _, label := range series.GetLabel() {
		if label.GetName() == name {
			return label.GetValue() == value
		}
	}
	return false
}

func instant(unix float64) time.Time { return time.Unix(int64(unix), 0).UTC() }

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }
