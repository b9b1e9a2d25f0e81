package hook_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/zoom"
)

// Everything here is invented.
const (
	newest = zoom.Secret("newest-demo-secret-000001")
	older  = zoom.Secret("older-demo-secret-0000002")

	joinedBody    = `{"payload":{"account_id":"acctDEMO0000000000001A","object":{"id":"81234567890","uuid":"aB/cD+eFgHiJkLmNoPqRsQ==","participant":{"user_id":"16778240","user_name":"Ada Beispiel","email":"ada@school.test","public_ip":"203.0.113.7","join_time":"2026-03-02T08:01:14Z"}}},"event_ts":1772438475210,"event":"meeting.participant_joined"}`
	unusedBody    = `{"event":"meeting.sharing_started","payload":{"object":{"id":"81234567890"}}}`
	noMeetingBody = `{"event":"meeting.started","payload":{"object":{"uuid":"aB/cD+eFgHiJkLmNoPqRsQ=="}}}`
	challengeBody = `{"payload":{"plainToken":"demoPlainToken0123456789"},"event_ts":1772440000123,"event":"endpoint.url_validation"}`
)

// now is the time at every door of these tests, unless they say otherwise.
var now = time.Unix(1772440000, 0)

// inbox is a Keeper in memory.
type inbox struct {
	mu        sync.Mutex
	kept      [][]byte
	envelopes []zoom.Envelope
}

func (i *inbox) Accept(_ context.Context, body []byte, e zoom.Envelope) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.kept = append(i.kept, body)
	i.envelopes = append(i.envelopes, e)
	return nil
}

func (i *inbox) bodies() (all []string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, body := range i.kept {
		all = append(all, string(body))
	}
	return all
}

// keeperFunc is a Keeper that is one function.
type keeperFunc func(context.Context, []byte) error

func (f keeperFunc) Accept(ctx context.Context, body []byte, _ zoom.Envelope) error {
	return f(ctx, body)
}

// secrets are the same for every request.
func secrets(list ...zoom.Secret) func() []zoom.Secret {
	return func() []zoom.Secret { return list }
}

var errDiskFull = errors.New("no space left on device")

// world is a door and what can be seen of it; addr and client only if it listens.
type world struct {
	addr    string
	inbox   *inbox
	log     *stack.Said
	metrics *prometheus.Registry
	client  *http.Client
}

// build makes a door with two secrets and an inbox in memory, changed as wanted,
// that does not listen.
func build(t *testing.T, changes ...func(*hook.Options)) (*world, http.Handler) {
	t.Helper()
	w := &world{inbox: &inbox{}, log: new(stack.Said), metrics: prometheus.NewRegistry()}
	options := hook.Options{
		Secrets:    secrets(newest, older),
		Keeper:     w.inbox,
		IPHashSalt: "demo-salt",
		Log:        slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics:    w.metrics,
		Now:        func() time.Time { return now },
	}
	for _, change := range changes {
		change(&options)
	}
	handler, err := hook.New(options)
	require.NoError(t, err)
	return w, handler
}

// open builds a door and lets it listen on loopback until the test ends.
func open(t *testing.T, changes ...func(*hook.Options)) *world {
	t.Helper()
	w, handler := build(t, changes...)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.addr = listener.Addr().String()
	server := hook.Server(w.addr, handler, hook.ServerOptions{Log: slog.New(slog.NewJSONHandler(w.log, nil))})
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	transport := &http.Transport{}
	w.client = &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return w
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (w *world) send(t *testing.T, request *http.Request) reply {
	t.Helper()
	response, err := w.client.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, string(body)}
}

// request makes a request to the door.
func (w *world) request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+w.addr+path, strings.NewReader(body))
	require.NoError(t, err)
	return request
}

// knock posts a body to the webhook with headers set by each of sign.
func (w *world) knock(t *testing.T, body string, sign ...func(http.Header, string)) reply {
	t.Helper()
	request := w.request(t, http.MethodPost, hook.PathWebhook, body)
	for _, s := range sign {
		s(request.Header, body)
	}
	return w.send(t, request)
}

// count returns a counter's value.
func (w *world) count(t *testing.T, status int, reason string) float64 {
	t.Helper()
	return w.series(t, "sidecar_hook_answers_total", map[string]string{"status": strconv.Itoa(status), "reason": reason})
}

func (w *world) series(t *testing.T, name string, labels map[string]string) float64 {
	t.Helper()
	families, err := w.metrics.Gather()
	require.NoError(t, err)
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			found := map[string]string{}
			for _, label := range metric.GetLabel() {
				found[label.GetName()] = label.GetValue()
			}
			if family.GetName() == name && len(found) == len(labels) && contains(found, labels) {
				return metric.GetCounter().GetValue() + metric.GetGauge().GetValue() // it is one of the two
			}
		}
	}
	require.Fail(t, "no such series", "%s %v", name, labels)
	return 0
}

func contains(all, some map[string]string) bool {
	for k, v := range some {
		if all[k] != v {
			return false
		}
	}
	return true
}

// signed signs as Zoom does, now, with a secret.
func signed(secret zoom.Secret) func(http.Header, string) { return signedAt(secret, now) }

func signedAt(secret zoom.Secret, at time.Time) func(http.Header, string) {
	return func(h http.Header, body string) {
		timestamp := strconv.FormatInt(at.Unix(), 10)
		h.Set(zoom.HeaderTimestamp, timestamp)
		h.Set(zoom.HeaderSignature, zoom.Sign(secret, timestamp, []byte(body)))
	}
}

// with sets a header; without takes one away.
func with(name, value string) func(http.Header, string) {
	return func(h http.Header, _ string) { h.Set(name, value) }
}

func also(name, value string) func(http.Header, string) {
	return func(h http.Header, _ string) { h.Add(name, value) }
}

func without(name string) func(http.Header, string) {
	return func(h http.Header, _ string) { h.Del(name) }
}

func lint(t *testing.T, w *world) {
	t.Helper()
	problems, err := testutil.GatherAndLint(w.metrics)
	require.NoError(t, err)
	require.Empty(t, problems)
}
