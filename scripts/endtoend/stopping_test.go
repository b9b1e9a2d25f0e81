package endtoend_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

func TestSigtermUnderLoadLosesNothing(t *testing.T) {
	const stops = 4
	ctx, cancel := context.WithTimeout(t.Context(), flowEnd)
	defer cancel()
	project := stacktest.NewProject(t)
	database := flowDatabase(ctx, t, project)
	school, lessons := flowSchool()
	require.NoError(t, enter(ctx, project.DB(), school))
	var facts []zoom.Fact
	var bodies [][]byte
	for _, lesson := range lessons {
		facts = append(facts, lesson.Facts()...)
		for _, event := range lesson.Events(simulate.Disorder{Shuffle: true}) {
			bodies = append(bodies, event.Body)
		}
	}
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })

	process := startSidecar(ctx, t, project.URL, project.SecretKey)
	answered := make(chan struct{}, len(bodies))
	waiting := feed(bodies)
	var senders sync.WaitGroup
	for range flowSenders {
		senders.Go(func() {
			for body := range waiting {
				process.deliver(ctx, t, body)
				answered <- struct{}{}
			}
		})
	}
	for n := range len(bodies) {
		select {
		case <-answered:
		case <-ctx.Done():
			t.Fatalf("%d of %d events were answered 200 in time", n, len(bodies))
		}
		if n%(len(bodies)/stops) == len(bodies)/stops/2 {
			process.signal(t, syscall.SIGTERM)
			require.Zero(t, process.ended(t), process.said())
			process.start(ctx, t)
		}
	}
	senders.Wait()

	want := oracle.ExpectUnchanged(school, facts, oracle.Policy{MinMinutes: 15, Timezone: "UTC"}).Lines()
	database.await(ctx, t, func() string {
		got, _, err := (&orderPlace{project.DB()}).rows(ctx)
		require.NoError(t, err)
		return difference(want, got.Lines())
	})
	process.stop(t)
	require.NotContains(t, process.said(), "level=ERROR")
	require.NotContains(t, process.said(), "SHUTDOWN_TIMEOUT", "there was time enough")
}

// hanging is a project that takes every call and answers none. It tells of
// each that has the event in it.
func hanging(t *testing.T) (url string, called <-chan struct{}) {
	return telling(t, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// refusing is a project that takes no call, and tells of the same.
func refusing(t *testing.T) (url string, called <-chan struct{}) {
	return telling(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
}

func telling(t *testing.T, then http.HandlerFunc) (url string, called <-chan struct{}) {
	calls := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "81234567890") {
			calls <- struct{}{}
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		then(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

func TestAHangingProjectDoesNotHoldUpTheEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url, called := hanging(t)
	p := newSidecar(t, url, "sb_secret_invented")
	p.env = append(p.env, "SHUTDOWN_TIMEOUT=2s")
	p.start(ctx, t)
	p.deliver(ctx, t, []byte(started))
	wait(ctx, t, called)
	p.signal(t, syscall.SIGTERM)
	require.Zero(t, p.ended(t))
	require.Contains(t, p.said(), "not all was settled within SHUTDOWN_TIMEOUT; it comes again")
	require.Contains(t, p.said(), "msg=stopped", "and the inbox was closed nevertheless")

	p.start(ctx, t)
	wait(ctx, t, called) // it came again
}

func TestWhatIsUnderWayIsAnswered(t *testing.T) {
	for sentence, c := range map[string]struct {
		rest   string // of the body, sent after the signal
		answer string
		says   string
	}{
		"a request that goes on":        {started[10:], "HTTP/1.1 200 OK", "msg=stopped"},
		"a request that does not go on": {"", "", "not all was answered within its part of SHUTDOWN_TIMEOUT"},
	} {
		t.Run(sentence, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
			p.env = append(p.env, "SHUTDOWN_TIMEOUT=8s")
			p.start(ctx, t)
			conn, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimSuffix(p.url, "/api/zoom/webhook"), "http://"))
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			timestamp := strconv.FormatInt(time.Now().Unix(), 10)
			_, err = fmt.Fprintf(conn, "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: %d\r\n%s: %s\r\n%s: %s\r\n\r\n",
				len(started), zoom.HeaderTimestamp, timestamp, zoom.HeaderSignature, zoom.Sign(flowSecret, timestamp, []byte(started)))
			require.NoError(t, err)
			answer := bufio.NewReader(conn)
			line, err := answer.ReadString('\n')
			require.NoError(t, err)
			require.Contains(t, line, "100 Continue") // it is being read
			_, err = io.WriteString(conn, started[:10])
			require.NoError(t, err)

			p.signal(t, syscall.SIGTERM)
			p.hears(ctx, t, 1, "msg=stopping")
			_, err = io.WriteString(conn, c.rest)
			require.NoError(t, err)
			require.Zero(t, p.ended(t))
			rest, _ := io.ReadAll(answer) // cut off, in one case
			require.Contains(t, string(rest), c.answer)
			require.Contains(t, p.said(), c.says)
		})
	}
}

func TestASecondSignalEndsAtOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url, called := hanging(t)
	p := newSidecar(t, url, "sb_secret_invented")
	p.env = append(p.env, "SHUTDOWN_TIMEOUT=1h")
	for _, second := range []struct {
		signal os.Signal
		code   int
	}{{syscall.SIGTERM, 143}, {os.Interrupt, 130}} {
		p.start(ctx, t)
		if second.code == 143 {
			p.deliver(ctx, t, []byte(started))
		}
		wait(ctx, t, called)
		before := strings.Count(p.said(), "msg=stopping")
		p.signal(t, syscall.SIGTERM)
		p.hears(ctx, t, before+1, "msg=stopping")
		p.signal(t, second.signal)
		require.Equal(t, second.code, p.ended(t))
		require.Contains(t, p.said(), "ended at once by a second signal")
	}
	p.start(ctx, t)
	wait(ctx, t, called) // the event comes again
}

// A NATS server that hangs is an inbox that cannot be closed.
func TestAnInboxThatDoesNotCloseIsNotWaitedForAnyLonger(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for sentence, c := range map[string]struct {
		limit  string
		second bool
		code   int
		says   string
	}{
		"than SHUTDOWN_TIMEOUT":    {"2s", false, 0, "the inbox was not closed within SHUTDOWN_TIMEOUT"},
		"than to a second SIGTERM": {"1h", true, 143, "ended at once by a second signal"},
	} {
		t.Run(sentence, func(t *testing.T) {
			server, url := startNats(ctx, t)
			project, called := refusing(t)
			p := newSidecar(t, project, "sb_secret_invented")
			p.env = append(p.env, "NATS_URL="+url, "SHUTDOWN_TIMEOUT="+c.limit)
			p.start(ctx, t)
			p.deliver(ctx, t, []byte(started))
			wait(ctx, t, called) // so it is in hand
			halt(t, server)
			p.signal(t, syscall.SIGTERM)
			p.hears(ctx, t, 1, "closing the inbox")
			if c.second {
				p.signal(t, syscall.SIGTERM)
			}
			require.Equal(t, c.code, p.ended(t))
			require.Contains(t, p.said(), c.says)
		})
	}
}

// halt stops a child in mid-course, and returns when all of its threads stand.
func halt(t *testing.T, child *os.Process) {
	require.NoError(t, child.Signal(syscall.SIGSTOP))
	var status syscall.WaitStatus
	_, err := syscall.Wait4(child.Pid, &status, syscall.WUNTRACED, nil)
	require.NoError(t, err)
	require.True(t, status.Stopped())
}

// startNats runs a NATS server until the test ends.
func startNats(ctx context.Context, t *testing.T) (server *os.Process, url string) {
	port := freePort(t)
	config := filepath.Join(t.TempDir(), "nats.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
		"listen: 127.0.0.1:%d\nmax_payload: 2MB\njetstream {store_dir: %q, sync_interval: always}\n", port, t.TempDir()), 0o600))
	cmd := exec.Command(stacktest.NatsServer(t), "-c", config)
	lines, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for said := bufio.NewScanner(lines); ctx.Err() == nil && said.Scan(); {
		if strings.Contains(said.Text(), "Server is ready") {
			return cmd.Process, fmt.Sprintf("nats://127.0.0.1:%d", port)
		}
	}
	t.Fatal("nats-server does not start")
	return nil, ""
}

func wait(ctx context.Context, t *testing.T, happened <-chan struct{}) {
	t.Helper()
	select {
	case <-happened:
	case <-ctx.Done():
		t.Fatal("it did not happen")
	}
}
