package meetings_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// now is the time in every room of these tests, unless they say otherwise.
var now = time.Date(2026, 3, 2, 8, 1, 14, 123456789, time.UTC)

// cookie is the name of the session's cookie.
const cookie = "sb-school-auth-token"

// page is the origin of an allowed page.
const page = "https://app.school.test"

// ledger is a Recorder that keeps what it is given.
type ledger struct {
	mu    sync.Mutex
	facts []zoom.Fact
	then  func(context.Context) ([]zoom.Outcome, error)
}

func (l *ledger) Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.facts = append(l.facts, facts...)
	if l.then != nil {
		return l.then(ctx)
	}
	return []zoom.Outcome{zoom.Applied}, nil
}

func (l *ledger) all() []zoom.Fact {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.facts
}

// world is a room that listens and what can be seen of it.
type world struct {
	*school
	url     string
	handler http.Handler
	ledger  *ledger
	log     *stack.Said
	metrics *prometheus.Registry
}

// connect makes a client of a project that the test closes.
func connect(t testing.TB, s *school, changes ...func(*supabase.Options)) *supabase.Client {
	t.Helper()
	o := supabase.Options{URL: s.URL, Key: zoom.Secret(s.SecretKey), Policy: supabase.Policy{MinMinutes: 15, Timezone: "UTC"}, Log: slog.New(slog.DiscardHandler)}
	for _, change := range changes {
		change(&o)
	}
	client, err := supabase.New(o)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// open builds a room before a school and lets it listen until the test ends.
func open(t testing.TB, s *school, changes ...func(*meetings.Options)) *world {
	t.Helper()
	w := &world{school: s, ledger: &ledger{}, log: new(stack.Said), metrics: prometheus.NewRegistry()}
	options := meetings.Options{
		Recorder: w.ledger, Cookie: cookie, AllowedOrigins: []string{page}, IPHashSalt: "demo-salt",
		Log:     slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics: w.metrics,
		Now:     func() time.Time { return now },
	}
	for _, change := range changes {
		change(&options)
	}
	if options.Project == nil {
		options.Project = connect(t, s)
	}
	handler, err := meetings.New(options)
	require.NoError(t, err)
	w.handler = handler
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

// change sets something of a request.
type change = func(*http.Request)

func with(name, value string) change { return func(r *http.Request) { r.Header.Set(name, value) } }
func also(name, value string) change { return func(r *http.Request) { r.Header.Add(name, value) } }
func without(name string) change     { return func(r *http.Request) { r.Header.Del(name) } }

func bearing(token string) change { return with("Authorization", "Bearer "+token) }

// by sends the token of a person along.
func (w *world) by(who string) change {
	if who == nobody {
		return func(*http.Request) {}
	}
	return bearing(w.token(who))
}

// send sends a request from a page of the room's own host, unless changed.
func (w *world) send(t testing.TB, method, path, body string, changes ...change) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	require.NoError(t, err)
	if method == http.MethodPost {
		request.Header.Set("Origin", w.url)
	}
	for _, change := range changes {
		change(request)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, string(text)}
}

func (w *world) path(meeting, route string) string {
	return meetings.Path + w.meetings[meeting] + "/" + route
}

// enter asks how to get into a meeting. A 200 has the shape it must have.
func (w *world) enter(t testing.TB, meeting string, changes ...change) reply {
	t.Helper()
	return w.get(t, meeting, "join", changes...)
}

func (w *world) get(t testing.TB, meeting, route string, changes ...change) reply {
	t.Helper()
	got := w.send(t, http.MethodGet, w.path(meeting, route), "", changes...)
	if got.status == http.StatusOK {
		requireShape(t, route, got.body)
	}
	return got
}

// say tells what a user did.
func (w *world) say(t testing.TB, meeting, action string, changes ...change) reply {
	t.Helper()
	return w.send(t, http.MethodPost, w.path(meeting, "join"), `{"action":"`+action+`"}`, changes...)
}

// people asks who is there. A 200 has the shape it must have.
func (w *world) people(t testing.TB, meeting string, changes ...change) reply {
	t.Helper()
	return w.get(t, meeting, "participants", changes...)
}

// read decodes an answer.
func read[T any](t testing.TB, got reply) (value T) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(got.body), &value), got.body)
	return value
}

// requireRefused checks an answer that is not a 200.
func requireRefused(t testing.TB, got reply, status int, body string) {
	t.Helper()
	require.Equal(t, status, got.status, got.body)
	require.JSONEq(t, body, got.body)
	requireHardened(t, got)
}

// requireHardened checks what every answer carries.
func requireHardened(t testing.TB, got reply) {
	t.Helper()
	require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
	for name, want := range map[string]string{
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Vary":                    "Origin",
		"Location":                "",
	} {
		require.Equal(t, want, got.header.Get(name), name)
	}
	require.Len(t, got.header.Get("X-Request-Id"), 26)
}

// count is how often a route gave an answer.
func (w *world) count(t testing.TB, route string, status int, reason string) float64 {
	t.Helper()
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			labels := map[string]string{}
			for _, label := range metric.GetLabel() {
				labels[label.GetName()] = label.GetValue()
			}
			if family.GetName() == "sidecar_room_requests_total" && labels["route"] == route &&
				labels["status"] == strconv.Itoa(status) && labels["reason"] == reason {
				return metric.GetCounter().GetValue()
			}
		}
	}
	require.Fail(t, "no such series", "%s %d %s", route, status, reason)
	return 0
}

func lint(t *testing.T, w *world) {
	t.Helper()
	problems, err := testutil.GatherAndLint(w.metrics)
	require.NoError(t, err)
	require.Empty(t, problems)
}
