package board

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/stretchr/testify/require"
)

// school answers what it is told to.
type school struct {
	mu    sync.Mutex
	list  string
	err   error
	takes time.Duration // to answer
	asked int
	busy  int // questions under way, and the most at a time
	most  int

	unmatched      string // what cannot be matched; and how often that was asked for
	unmatchedAsked int
}

func (s *school) Unmatched(context.Context, int) (json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmatchedAsked++
	return json.RawMessage(s.unmatched), s.err
}

func (s *school) RecentLessons(ctx context.Context) (json.RawMessage, error) {
	s.mu.Lock()
	s.asked++
	s.busy++
	s.most = max(s.most, s.busy)
	list, err, takes := s.list, s.err, s.takes
	s.mu.Unlock()
	select {
	case <-time.After(takes):
	case <-ctx.Done():
		err = ctx.Err()
	}
	s.mu.Lock()
	s.busy--
	s.mu.Unlock()
	return json.RawMessage(list), err
}

func (s *school) LessonTimeline(_ context.Context, meeting, date string) (json.RawMessage, error) {
	return json.RawMessage(`{"outcome":"ok","said":"` + meeting + " " + date + `"}`), s.err
}

func (s *school) Explain(_ context.Context, meeting, student, date string) (json.RawMessage, error) {
	return json.RawMessage(`{"outcome":"ok","rule":"` + meeting + " " + student + " " + date + `"}`), s.err
}

func (s *school) set(list string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list, s.err = list, err
}

func (s *school) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

const nothingUnmatched = `{"of":0,"items":[]}`

// world is a board with metrics that a test sets.
type world struct {
	*Board
	t        *testing.T
	school   *school
	log      bytes.Buffer
	accepted prometheus.Counter
	backlog  *prometheus.GaugeVec
	up       prometheus.Gauge
	answers  *prometheus.CounterVec
	event    prometheus.Gauge
	zoom     *prometheus.GaugeVec
	delay    prometheus.Histogram
	running  sync.WaitGroup
}

// newWorld makes a board, which runs until [world.end].
func newWorld(t *testing.T) *world {
	registry := prometheus.NewRegistry()
	f := promauto.With(registry)
	w := &world{
		t: t, school: &school{list: "[]", unmatched: nothingUnmatched},
		accepted: f.NewCounter(prometheus.CounterOpts{Name: "sidecar_inbox_accepted_total"}),
		backlog:  f.NewGaugeVec(prometheus.GaugeOpts{Name: "sidecar_inbox_backlog_events"}, []string{"state"}),
		up:       f.NewGauge(prometheus.GaugeOpts{Name: "sidecar_relay_destination_up"}),
		answers:  f.NewCounterVec(prometheus.CounterOpts{Name: "sidecar_hook_answers_total"}, []string{"status", "reason"}),
		event:    f.NewGauge(prometheus.GaugeOpts{Name: "sidecar_hook_last_event_timestamp_seconds"}),
		zoom:     f.NewGaugeVec(prometheus.GaugeOpts{Name: "sidecar_watch_zoom_timestamp_seconds"}, []string{"what"}),
		delay:    f.NewHistogram(prometheus.HistogramOpts{Name: "sidecar_relay_delay_seconds", Buckets: []float64{1, 2, 4}}),
	}
	w.up.Set(1)
	w.event.Set(float64(time.Now().Unix()))
	w.Board = New(Options{Metrics: registry, School: w.school, Timezone: "UTC", Version: "of a test", Log: slog.New(slog.NewTextHandler(&w.log, nil))})
	return w
}

// run runs the board until end.
func (w *world) run() (end func()) {
	ctx, stop := context.WithCancel(context.Background())
	w.running.Go(func() { _ = w.Run(ctx) })
	return func() {
		w.Stop()
		stop()
		w.running.Wait()
	}
}

// ask asks the board and returns what it answers.
func (w *world) ask(method, path, body string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	w.ServeHTTP(recorder, httptest.NewRequest(method, path, strings.NewReader(body)))
	return recorder
}

// page is a browser that looks: an answer that is written bit by bit.
type page struct {
	mu     sync.Mutex
	header http.Header
	status int
	text   strings.Builder
	leave  context.CancelFunc
	left   chan struct{}
}

func (p *page) Header() http.Header              { return p.header }
func (p *page) WriteHeader(status int)           { p.status = status }
func (p *page) Flush()                           {}
func (p *page) SetReadDeadline(time.Time) error  { return nil }
func (p *page) SetWriteDeadline(time.Time) error { return nil }
func (p *page) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(text)
}

// look opens the stream.
func (w *world) look() *page {
	ctx, leave := context.WithCancel(context.Background())
	p := &page{header: http.Header{}, leave: leave, left: make(chan struct{})}
	request := httptest.NewRequest(http.MethodGet, "/board/live", nil).WithContext(ctx)
	w.running.Go(func() {
		defer close(p.left)
		w.ServeHTTP(p, request)
	})
	return p
}

// heard is the events of a name so far.
func (p *page) heard(name string) (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for event := range strings.SplitSeq(p.text.String(), "\n\n") {
		if data, ok := strings.CutPrefix(event, "event: "+name+"\ndata: "); ok {
			all = append(all, data)
		}
	}
	return all
}

// now is the newest event "now".
func (p *page) now(t *testing.T) (view nowView) {
	t.Helper()
	all := p.heard("now")
	require.NotEmpty(t, all)
	require.NoError(t, json.Unmarshal([]byte(all[len(all)-1]), &view))
	return view
}
