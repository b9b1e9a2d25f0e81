package watch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/zoom"
)

const alertSecret = "whsec_aW52ZW50ZWQtaW52ZW50ZWQtaW52ZW50ZWQ="

// counts are the metrics of the other rooms, as far as the watch looks at them.
type counts struct {
	registry                                 *prometheus.Registry
	answers, matches, settled                *prometheus.CounterVec
	event, challenge, offset, oldest, answer prometheus.Gauge
	heldOldest                               prometheus.Gauge
	stale                                    prometheus.Counter
}

func newCounts() *counts {
	r := prometheus.NewRegistry()
	gauge := func(name string) prometheus.Gauge {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name})
		r.MustRegister(g)
		return g
	}
	vec := func(name string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name}, labels)
		r.MustRegister(v)
		return v
	}
	c := &counts{
		registry: r,
		answers:  vec("sidecar_hook_answers_total", "status", "reason"),
		matches:  vec("sidecar_hook_secret_matches_total", "secret"),
		settled:  vec("sidecar_inbox_settled_total", "how"),
		event:    gauge("sidecar_hook_last_event_timestamp_seconds"), challenge: gauge("sidecar_hook_last_challenge_timestamp_seconds"),
		offset: gauge("sidecar_hook_clock_offset_seconds"), oldest: gauge("sidecar_inbox_oldest_seconds"), answer: gauge("sidecar_relay_destination_up"),
		heldOldest: gauge("sidecar_relay_held_oldest_seconds"),
		stale:      prometheus.NewCounter(prometheus.CounterOpts{Name: "sidecar_hook_stale_signed_total"}),
	}
	r.MustRegister(c.stale)
	c.answer.Set(1)
	c.event.Set(float64(time.Now().Unix())) // before the first: the start
	c.challenge.Set(float64(time.Now().Unix()))
	return c
}

// verified is a request that Zoom signed, with the secret of that place in the
// list, by a clock that differs so much from ours.
func (c *counts) verified(secret string, offset time.Duration) {
	c.matches.WithLabelValues(secret).Inc()
	c.offset.Set(offset.Seconds())
}

// kept is an event that was kept, now.
func (c *counts) kept() {
	c.answers.WithLabelValues("200", "kept").Inc()
	c.event.Set(float64(time.Now().Unix()))
}

// challenged is a challenge that was answered, now.
func (c *counts) challenged() {
	c.answers.WithLabelValues("200", "challenge").Inc()
	c.challenge.Set(float64(time.Now().Unix()))
}

// lesson is one that should be running.
type lesson struct {
	Meeting string    `json:"meeting"`
	Start   time.Time `json:"start"`
}

// board is a database that says what the test wants of Zoom, and remembers what
// one sidecar or several say, as the real one does (which the tests of the
// function are about): it gives each alert to the first who asks.
type board struct {
	mu               sync.Mutex
	away             error
	began            time.Time
	challenge, event *time.Time
	lessons          []lesson
	cannotTell       bool
	due              int
	open             map[string]*row
	calls            int
}

type row struct {
	Key, Name, Meeting, Says, Remedy string
	Since, seen                      time.Time
	ToldAt                           *time.Time `json:"told_at"`
	claimed                          bool
}

func newBoard() *board { return &board{began: time.Now(), open: map[string]*row{}} }

type away struct{}

func (away) Error() string   { return "no connection to 198.51.100.7" }
func (away) Cause() string   { return "connection" }
func (away) Meaning() string { return "the connection could not be made, or broke" }

func (b *board) set(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
}

func (b *board) Call(_ context.Context, function string, args, into any) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls++
	if b.away != nil {
		return b.away
	}
	if function != "watch_zoom" {
		return errors.New("another function: " + function)
	}
	var told struct {
		Saw struct {
			ChallengeAt *time.Time `json:"challenge_at"`
			EventAt     *time.Time `json:"event_at"`
			Marks       []row
			Clear       []string
			Tells       bool
			Told        []struct{ Key, Status string }
		}
	}
	text, err := json.Marshal(args)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &told); err != nil {
		return err
	}
	saw, now := told.Saw, time.Now()
	later := func(have **time.Time, new *time.Time) {
		if new != nil && (*have == nil || new.After(**have)) {
			*have = new
		}
	}
	later(&b.challenge, saw.ChallengeAt)
	later(&b.event, saw.EventAt)
	for _, d := range saw.Told {
		if r := b.open[d.Key]; r != nil && d.Status == "firing" {
			r.ToldAt, r.claimed = &now, false
		} else if r != nil {
			delete(b.open, d.Key)
		}
	}
	for _, m := range saw.Marks {
		r := b.open[m.Key]
		if r == nil {
			r = &m
			b.open[m.Key] = r
		}
		r.Says, r.Remedy, r.seen = m.Says, m.Remedy, now
	}
	var tell []map[string]any
	for key, r := range b.open {
		isQuiet := now.Sub(r.seen) >= 10*time.Minute
		isRight := false
		for _, c := range saw.Clear {
			isRight = isRight || c == key
		}
		status := ""
		switch {
		case r.claimed:
		case !isQuiet && (r.ToldAt == nil || now.Sub(*r.ToldAt) >= 24*time.Hour):
			status = "firing"
		case isQuiet && isRight && r.ToldAt == nil:
			delete(b.open, key)
		case isQuiet && isRight:
			status = "resolved"
		}
		if status != "" && saw.Tells {
			r.claimed = true
			tell = append(tell, map[string]any{"key": key, "name": r.Name, "meeting": r.Meeting, "says": r.Says, "remedy": r.Remedy, "since": r.Since, "status": status})
		}
	}
	var open []map[string]any
	for key, r := range b.open {
		open = append(open, map[string]any{"key": key, "says": r.Says, "since": r.Since, "told_at": r.ToldAt})
	}
	answer := map[string]any{"at": now, "began_at": b.began, "challenge_at": b.challenge, "event_at": b.event, "lessons": nil, "open": open, "tell": tell}
	if !b.cannotTell {
		answer["lessons"] = map[string]any{"due": max(b.due, len(b.lessons)), "silent": len(b.lessons), "first": b.lessons}
	}
	text, err = json.Marshal(answer)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

// receiver takes alerts, and answers as the test wants.
type receiver struct {
	t      *testing.T
	slow   time.Duration // before it answers
	mu     sync.Mutex
	answer func(n int) (status int, err error)
	got    []map[string]any
	ids    []string
	times  []time.Time
	urls   []string
}

func (r *receiver) RoundTrip(request *http.Request) (*http.Response, error) {
	time.Sleep(r.slow)
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	signer, err := standardwebhooks.NewWebhook(alertSecret)
	require.NoError(r.t, err)
	require.NoError(r.t, signer.Verify(body, request.Header), "the signature is by the specification")
	var got map[string]any
	require.NoError(r.t, json.Unmarshal(body, &got))
	r.got = append(r.got, got)
	r.ids = append(r.ids, request.Header.Get("webhook-id"))
	r.times = append(r.times, time.Now())
	r.urls = append(r.urls, request.URL.String())
	status := http.StatusNoContent
	if r.answer != nil {
		if status, err = r.answer(len(r.got)); err != nil {
			return nil, err
		}
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Location": {"https://elsewhere.test/"}}, Body: http.NoBody, Request: request}, nil
}

// told is what came since the last time: name and status of each.
func (r *receiver) told() (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.got {
		line := a["name"].(string) + " " + a["status"].(string)
		if m, ok := a["meeting"].(string); ok {
			line += " " + m
		}
		all = append(all, line)
	}
	r.got = nil
	return all
}

// sidecar is a process with a watch.
type sidecar struct {
	*watch.Watch
	*counts
	t        *testing.T
	log      *bytes.Buffer
	stop     func()
	receiver *receiver
	shown    *prometheus.Registry
}

// start starts a watch that asks the board, in a bubble of synctest.
func start(t *testing.T, b *board, changes ...func(*watch.Options)) *sidecar {
	s := &sidecar{counts: newCounts(), t: t, log: &bytes.Buffer{}, receiver: &receiver{t: t}, shown: prometheus.NewRegistry()}
	o := watch.Options{
		Project: b, Counts: s.registry, Log: slog.New(slog.NewTextHandler(s.log, nil)), Metrics: s.shown, Version: "1.2.3",
		AlertURL: "https://hooks.school.test/T0/mark-token", AlertSecret: zoom.Secret(alertSecret), Transport: s.receiver,
	}
	for _, change := range changes {
		change(&o)
	}
	w, err := watch.New(o)
	require.NoError(t, err)
	s.Watch = w
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		require.NoError(t, <-ended)
	})
	t.Cleanup(s.stop)
	synctest.Wait()
	return s
}

// pass lets minutes go by, and does something in each before the watch looks.
func pass(minutes int, each ...func()) {
	for range minutes {
		time.Sleep(59 * time.Second)
		for _, do := range each {
			do()
		}
		time.Sleep(time.Second)
		synctest.Wait()
	}
}

// names are those of the marks, and the metric says the same.
func (s *sidecar) names() []string {
	s.t.Helper()
	are := map[string]bool{}
	names := []string{}
	for _, m := range s.Marks() {
		names = append(names, m.Name)
		are[m.Name] = true
		require.NotEmpty(s.t, m.Says)
		require.NotEmpty(s.t, m.Remedy)
		require.False(s.t, m.Since.IsZero())
	}
	families, err := s.shown.Gather()
	require.NoError(s.t, err)
	series := 0
	for _, f := range families {
		if f.GetName() != "sidecar_watch_mark" {
			continue
		}
		for _, m := range f.GetMetric() {
			series++
			name := m.GetLabel()[0].GetValue()
			require.Equal(s.t, are[name], m.GetGauge().GetValue() == 1, name)
		}
	}
	require.Equal(s.t, 7, series, "every series exists from the start")
	return names
}

// alerts is how many had a result, by the metric.
func (s *sidecar) alerts(result string) float64 {
	return s.metric("sidecar_watch_alerts_total", result)
}

// seen is when Zoom was last seen, by the metric; 0 for never.
func (s *sidecar) seen(what string) int64 {
	return int64(s.metric("sidecar_watch_zoom_timestamp_seconds", what))
}

// metric is what a metric says that has one label.
func (s *sidecar) metric(name, label string) (n float64) {
	families, err := s.shown.Gather()
	require.NoError(s.t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && m.GetLabel()[0].GetValue() == label {
				n += m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	return n
}

// logged is how many lines of the log have some words.
func (s *sidecar) logged(words string) int { return strings.Count(s.log.String(), words) }

func lintMetrics(t *testing.T, r *prometheus.Registry) {
	problems, err := testutil.GatherAndLint(r)
	require.NoError(t, err)
	require.Empty(t, problems)
}
