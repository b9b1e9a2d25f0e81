package board

import (
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// reading is what the metrics said at a moment.
type reading struct {
	at              time.Time
	accepted        float64
	waiting, later  float64 // events: those that wait for their turn, and those put off by themselves
	oldest          float64 // seconds
	dead            float64
	up              bool
	lastEvent       time.Time // of any sidecar, as far as is known; zero: none
	lastChallenge   time.Time
	answered, delay buckets
}

// buckets are a histogram: how many were at most so long, cumulative.
type buckets struct {
	bounds []float64 // the last is +Inf
	counts []float64
}

// take reads the metrics. What nobody tells is 0.
func take(from prometheus.Gatherer, now time.Time) reading {
	r := reading{at: now}
	families, _ := from.Gather() // what could be read is there, whatever else could not
	hasKept, hasChallenge := false, false
	var everEvent, everChallenge time.Time // as all sidecars know, those before this start too
	for _, family := range families {
		for _, m := range family.GetMetric() {
			gauge, counter := m.GetGauge().GetValue(), m.GetCounter().GetValue()
			switch family.GetName() {
			case "sidecar_inbox_accepted_total":
				r.accepted = counter
			case "sidecar_inbox_backlog_events":
				if labelled(m, "state", "later") {
					r.later += gauge
				} else {
					r.waiting += gauge
				}
			case "sidecar_inbox_oldest_seconds":
				r.oldest = gauge
			case "sidecar_inbox_dead_letters":
				r.dead = gauge
			case "sidecar_relay_destination_up":
				r.up = gauge == 1
			case "sidecar_hook_answers_total":
				hasKept = hasKept || counter > 0 && labelled(m, "reason", "kept")
				hasChallenge = hasChallenge || counter > 0 && labelled(m, "reason", "challenge")
			case "sidecar_hook_last_event_timestamp_seconds":
				r.lastEvent = time.Unix(int64(gauge), 0)
			case "sidecar_hook_last_challenge_timestamp_seconds":
				r.lastChallenge = time.Unix(int64(gauge), 0)
			case "sidecar_watch_zoom_timestamp_seconds":
				switch at := time.Unix(int64(gauge), 0); {
				case gauge == 0:
				case labelled(m, "what", "event"):
					everEvent = at
				default:
					everChallenge = at
				}
			case "sidecar_hook_answer_seconds":
				r.answered = bucketsOf(m.GetHistogram())
			case "sidecar_relay_delay_seconds":
				r.delay = bucketsOf(m.GetHistogram())
			}
		}
	}
	// Before the first, these two say when the process started.
	if !hasKept {
		r.lastEvent = time.Time{}
	}
	if !hasChallenge {
		r.lastChallenge = time.Time{}
	}
	r.lastEvent, r.lastChallenge = later(r.lastEvent, everEvent), later(r.lastChallenge, everChallenge)
	return r
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func labelled(m *dto.Metric, name, value string) bool {
	for _, label := range m.GetLabel() {
		if label.GetName() == name {
			return label.GetValue() == value
		}
	}
	return false
}

func bucketsOf(h *dto.Histogram) (b buckets) {
	for _, one := range h.GetBucket() {
		if !math.IsInf(one.GetUpperBound(), 1) {
			b.bounds, b.counts = append(b.bounds, one.GetUpperBound()), append(b.counts, float64(one.GetCumulativeCount()))
		}
	}
	b.bounds, b.counts = append(b.bounds, math.Inf(1)), append(b.counts, float64(h.GetSampleCount()))
	return b
}

// rate is how many events a second were accepted between two readings.
func rate(from, to reading) float64 {
	seconds := to.at.Sub(from.at).Seconds()
	if seconds <= 0 {
		return 0
	}
	return max(to.accepted-from.accepted, 0) / seconds
}

// quantile is the time that a share of those observed between two readings did
// not exceed, as Prometheus reckons it: within a bucket they are taken to be
// spread evenly. NaN if there were none.
func quantile(from, to buckets, share float64) float64 {
	counts := make([]float64, len(to.counts))
	for i := range counts {
		counts[i] = to.counts[i]
		if len(from.counts) == len(to.counts) {
			counts[i] -= from.counts[i]
		}
	}
	if len(counts) == 0 || counts[len(counts)-1] <= 0 {
		return math.NaN()
	}
	rank := share * counts[len(counts)-1]
	for i, count := range counts {
		if count < rank {
			continue
		}
		low, before := 0.0, 0.0
		if i > 0 {
			low, before = to.bounds[i-1], counts[i-1]
		}
		if math.IsInf(to.bounds[i], 1) {
			return low // beyond the last bucket: that much at least
		}
		return low + (to.bounds[i]-low)*(rank-before)/(count-before)
	}
	return math.NaN()
}
