package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

const meeting = "81234567890"

// event is what Zoom sends when somebody joins; the segment names it.
func event(segment string) []byte {
	return fmt.Appendf(nil, `{"event":"meeting.participant_joined","event_ts":1772438405000,"payload":{"account_id":"a","object":{
		"id":%q,"uuid":"aGVsbG8gd29ybGQ==","start_time":"2026-03-02T08:00:00Z","participant":{
		"user_id":%q,"user_name":"Pia Pupil","email":"pupil@school.test","join_time":"2026-03-02T08:00:05Z"}}}}`, meeting, segment)
}

// events are n of them, named 0 to n-1.
func events(n int) [][]byte {
	var all [][]byte
	for i := range n {
		all = append(all, event(fmt.Sprint(i)))
	}
	return all
}

// database is a destination whose every answer the test decides.
type database func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error)

func (d database) Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	return d(ctx, facts)
}

// all is one outcome for every fact.
func all(outcome zoom.Outcome, facts []zoom.Fact) []zoom.Outcome {
	outcomes := make([]zoom.Outcome, len(facts))
	for i := range outcomes {
		outcomes[i] = outcome
	}
	return outcomes
}

// refusal is an error that answers the relay's questions.
type refusal struct {
	cause             string
	data, us, tooMuch bool
	ofAll             bool
	wait              time.Duration
}

func (r refusal) Error() string       { return "refused: " + r.cause }
func (r refusal) BlamesData() bool    { return r.data }
func (r refusal) BlamesUs() bool      { return r.us }
func (r refusal) TooMuch() bool       { return r.tooMuch }
func (r refusal) OfAll() bool         { return r.ofAll }
func (r refusal) Wait() time.Duration { return r.wait }
func (r refusal) Cause() string       { return r.cause }
func (r refusal) Meaning() string     { return "meaning of " + r.cause }

// desk is a relay under test with what it tells its operator.
type desk struct {
	*relay.Relay[delivery]
	log     *stacktest.Journal
	metrics *prometheus.Registry
	stop    context.CancelFunc
	ended   chan struct{}
}

// start runs a relay between s and d until the test ends.
func start(t *testing.T, s *shelf, d relay.Destination, o relay.Options) *desk {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	k := &desk{log: &stacktest.Journal{}, metrics: prometheus.NewRegistry(), stop: cancel, ended: make(chan struct{})}
	o.Log = slog.New(slog.NewTextHandler(k.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	o.Metrics = k.metrics
	k.Relay = relay.New(s, d, o)
	go func() {
		defer close(k.ended)
		if err := k.Run(ctx); err != nil {
			t.Errorf("run: %v", err)
		}
	}()
	t.Cleanup(k.end)
	return k
}

// end stops the relay and waits until it has ended.
func (k *desk) end() {
	k.stop()
	<-k.ended
}

// value is a counter or a gauge, or how often a histogram was fed; labels are
// name, value, name, value.
func (k *desk) value(t *testing.T, name string, labels ...string) float64 {
	t.Helper()
	families, err := k.metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			matches := true
			for i := 0; i < len(labels); i += 2 {
				matches = matches && has[labels[i]] == labels[i+1]
			}
			if matches {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return 0
}

// pass lets the test's own time go by; it is only for tests inside synctest.
func pass(d time.Duration) { <-time.After(d) }
