package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhatWasAcceptedSinceIsAppliedAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1), joined("81234567891", 2), joined("81234567890", 3))

	out, err := w.sidecar("replay", "--since", "1h", "--dry-run")
	require.NoError(t, err)
	require.Contains(t, out, "3 events accepted since")
	require.Contains(t, out, "can be applied again")
	out, err = w.sidecar("replay", "--since", "1h", "--dry-run", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"events": 3}`, out)
	_, err = w.sidecar("replay", "--since", "1h", "--yes", "--json")
	require.ErrorContains(t, err, "--json goes with --dry-run")
	require.Empty(t, w.applied)

	for range 2 { // safe to run twice
		out, err = w.sidecar("replay", "--since", "1h", "--yes")
		require.NoError(t, err)
		require.Contains(t, out, "3 events were applied again")
		require.Equal(t, []string{joined("81234567890", 1), joined("81234567891", 2), joined("81234567890", 3)}, w.await(3))
	}
	out, err = w.sidecar("replay", "--since", "1h", "--yes", "--meeting", "812 3456 7891")
	require.NoError(t, err)
	require.Contains(t, out, "1 events were applied again")
	require.Equal(t, []string{joined("81234567891", 2)}, w.await(1))

	out, err = w.sidecar("replay", "--since", time.Now().Format(time.RFC3339), "--yes", "--meeting", "1")
	require.NoError(t, err)
	require.Contains(t, out, "0 events")
	require.NotContains(t, w.log.String(), private)
	require.Contains(t, w.log.String(), "meeting=81234567891 events=1 action=replay")
}

func TestWhatIsReplayedMayBeChosenByItsOutcome(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1))
	w.say("unknown_meeting")
	w.accept(joined("81234567891", 2), joined("81234567892", 3))

	out, err := w.sidecar("replay", "--outcome", "unknown_meeting", "--dry-run")
	require.NoError(t, err)
	require.Equal(t, "2 events settled as unknown_meeting can be applied again\n", out)
	w.say("applied")
	out, err = w.sidecar("replay", "--outcome", "unknown_meeting", "--meeting", "81234567892", "--yes")
	require.NoError(t, err)
	require.Contains(t, out, "1 events of meeting 81234567892 settled as unknown_meeting can be applied again\n")
	require.Equal(t, []string{joined("81234567892", 3)}, w.await(1))
	require.Contains(t, w.log.String(), "meeting=81234567892 outcome=unknown_meeting events=1 action=replay")

	out, err = w.sidecar("replay", "--outcome", "applied", "--dry-run", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"events": 2}`, out)
	require.Empty(t, w.applied)
}

func TestEventsComeInWhileOthersAreReplayed(t *testing.T) {
	w := newWorld(t, nil)
	const old = 300
	for n := range old {
		require.NoError(t, w.inbox.Accept(w.context(), asEvent(joined("81234567890", n))))
	}
	w.await(old)
	gate := make(chan struct{})
	w.set(nil, gate)
	lines := w.watch("/replay?since=2020-01-01T00:00:00Z")
	lines.next(t)
	<-w.held // the replay has begun, and knows where it ends
	for n := range 20 {
		require.NoError(t, w.inbox.Accept(w.context(), asEvent(joined("81234567899", n))))
	}
	close(gate)
	require.Equal(t, progress{Done: old, Ended: true}, lines.last(t))
	fresh := 0
	for _, body := range w.await(old + 20) {
		if strings.Contains(body, "81234567899") {
			fresh++
		}
	}
	require.Equal(t, 20, fresh, "once each")
	require.Empty(t, w.applied)
}

func TestProgressGoesOnBeyondTheTimeoutsOfTheServerAndOneReplayWorksAtATime(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1))
	gate := make(chan struct{})
	w.set(nil, gate)
	lines := w.watch("/replay?since=2020-01-01T00:00:00Z")
	for range 5 { // each takes as long as the server's timeouts
		require.Equal(t, progress{}, lines.next(t))
	}
	status, body := w.ask("POST", "/replay?since=2020-01-01T00:00:00Z", "Bearer "+testToken)
	require.Equal(t, http.StatusConflict, status, body)
	status, _ = w.ask("POST", "/dead/replay", "Bearer "+testToken)
	require.Equal(t, http.StatusConflict, status)
	close(gate)
	require.Equal(t, progress{Done: 1, Ended: true}, lines.last(t))
	_, err := w.sidecar("replay", "--since", "1h", "--yes")
	require.NoError(t, err)
}

func TestAReplayEndsWhenTheClientGoesAwayAndMayBeRunAgain(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1))
	gate := make(chan struct{})
	w.set(nil, gate)
	lines := w.watch("/replay?since=2020-01-01T00:00:00Z")
	lines.next(t)
	<-w.held
	lines.leave()
	w.log.await(t, errGone.Error())
	close(gate)
	require.Equal(t, []string{joined("81234567890", 1)}, w.await(1), "what was in hand is settled")
	_, err := w.sidecar("replay", "--since", "1h", "--yes")
	require.NoError(t, err)
}

func TestAReplayEndsWhenTheProcessStops(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1), joined("81234567891", 2))
	w.set(nil, make(chan struct{}))
	lines := w.watch("/replay?meeting=81234567890")
	lines.next(t)
	<-w.held
	w.room.Stop()
	require.Equal(t, progress{Error: errStopping.Error()}, lines.last(t))
	require.False(t, lines.scan.Scan(), "it has ended")
	_, err := w.sidecar("replay", "--meeting", "81234567891", "--yes")
	require.ErrorContains(t, err, errStopping.Error())
}

func TestWithoutATerminalNothingIsReplayedUnlessToldTo(t *testing.T) {
	w := newWorld(t, nil)
	w.accept(joined("81234567890", 1))
	out, err := w.sidecar("replay", "--since", "1h")
	require.ErrorIs(t, err, errNoAnswer)
	require.Contains(t, out, "1 events")
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	require.ErrorIs(t, confirm(file, &strings.Builder{}), errNoAnswer)
	require.Empty(t, w.applied)
}

func TestWhatIsWrongWithTheQuestionIsSaid(t *testing.T) {
	w := newWorld(t, nil)
	for _, args := range [][]string{{}, {"--since", "tomorrow"}, {"--since", "-1h"}, {"--since", "2126-03-02T08:00:00Z"}, {"--since", "1h", "--meeting", "7b"}, {"--outcome", "7b"}} {
		_, err := w.sidecar(append([]string{"replay"}, args...)...)
		require.Error(t, err, args)
	}
	t.Setenv("ADMIN_TOKEN", "another")
	_, err := w.sidecar("dead", "list")
	require.ErrorContains(t, err, "another ADMIN_TOKEN")
	_, err = w.sidecar("dead", "list", "--admin", "http://127.0.0.1:1")
	require.ErrorContains(t, err, "nothing answers at http://127.0.0.1:1")
	require.ErrorContains(t, err, "ADMIN_ADDR")
	_, err = w.sidecar("dead", "list", "--admin", "::")
	require.ErrorContains(t, err, "no URL")
}

func TestAnotherServerIsNotTakenForASidecar(t *testing.T) {
	w := newWorld(t, nil)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := &http.Server{Handler: http.NotFoundHandler(), ReadHeaderTimeout: patience}
	go func() { _ = server.Serve(listener) }()
	defer func() { require.NoError(t, server.Close()) }()
	_, err = w.sidecar("dead", "list", "--admin", "http://"+listener.Addr().String())
	require.ErrorContains(t, err, "is that the admin address of a sidecar?")
}

func TestTheCommandsAskWhereTheSidecarListens(t *testing.T) {
	for addr, want := range map[string]string{
		"":               "http://127.0.0.1:9090",
		"127.0.0.1:9191": "http://127.0.0.1:9191",
		":9191":          "http://127.0.0.1:9191",
		"0.0.0.0:9191":   "http://127.0.0.1:9191",
		"[::]:9191":      "http://127.0.0.1:9191",
		"[::1]:9191":     "http://[::1]:9191",
		"localhost:9191": "http://localhost:9191",
	} {
		require.Equal(t, want, URL(addr))
		_, err := url.Parse(URL(addr))
		require.NoError(t, err)
	}
}

func TestATimeMayBeHowLongAgo(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{
		"36h":                       "2026-02-28T20:00:00Z",
		"2026-03-02T08:00:00+01:00": "2026-03-02T07:00:00Z",
	} {
		since, err := sinceOf(text, now)
		require.NoError(t, err)
		require.Equal(t, want, since.Format(time.RFC3339))
	}
}

// lines are the progress of some work.
type lines struct {
	scan  *bufio.Scanner
	leave func()
}

func (w *world) watch(path string) lines {
	w.t.Helper()
	ctx, leave := context.WithCancel(w.context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+path, nil)
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+testToken)
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	require.Equal(w.t, http.StatusOK, response.StatusCode)
	w.t.Cleanup(func() { leave(); _ = response.Body.Close(); http.DefaultClient.CloseIdleConnections() })
	return lines{bufio.NewScanner(response.Body), leave}
}

func (l lines) next(t *testing.T) (p progress) {
	t.Helper()
	require.True(t, l.scan.Scan(), "it broke off: %v", l.scan.Err())
	require.NoError(t, json.Unmarshal(l.scan.Bytes(), &p))
	return p
}

func (l lines) last(t *testing.T) progress {
	t.Helper()
	for {
		if p := l.next(t); p.Ended || p.Error != "" {
			return p
		}
	}
}
