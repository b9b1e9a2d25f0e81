package hook_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/hook"
)

// pipes is a listener without a network, so that time may be a bubble's.
type pipes struct {
	conns chan net.Conn
	close func()
}

func newPipes() pipes {
	conns := make(chan net.Conn)
	return pipes{conns, sync.OnceFunc(func() { close(conns) })}
}

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p.conns; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error { p.close(); return nil }
func (pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

// dial returns the client's end of a new connection.
func (p pipes) dial() net.Conn {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours
}

func TestASenderWhoTakesHisTimeIsCutOff(t *testing.T) {
	const request = "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\n"
	for name, c := range map[string]struct {
		start, drip string
		within      time.Duration
		answer      string
	}{
		"without a word":                          {"", "", 5 * time.Second, ""},
		"a letter of the headers a second":        {request + "X-Slow: ", "x", 5 * time.Second, ""},
		"a letter of the body a second":           {request + "Content-Length: 1000\r\n\r\n{", " ", 10 * time.Second, "503"},
		"a chunk of the body a second":            {request + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n", "1\r\n \r\n", 10 * time.Second, "503"},
		"a whole request and then nothing at all": {"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n", "", 75 * time.Second, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, handler := build(t)
				listener := newPipes()
				server := hook.Server("", handler, hook.ServerOptions{})
				served := make(chan error, 1)
				go func() { served <- server.Serve(listener) }()

				conn, began := listener.dial(), time.Now()
				var dripping sync.WaitGroup
				dripping.Go(func() {
					_, err := io.WriteString(conn, c.start)
					for c.drip != "" && err == nil {
						time.Sleep(time.Second) // of the bubble
						_, err = io.WriteString(conn, c.drip)
					}
				})
				said, err := io.ReadAll(conn)
				require.NoError(t, err)
				require.Less(t, time.Since(began), c.within+time.Second, "by the bubble's clock")
				require.Contains(t, string(said), c.answer)
				require.NoError(t, conn.Close())
				dripping.Wait()
				require.NoError(t, server.Close())
				require.ErrorIs(t, <-served, http.ErrServerClosed)
			})
		})
	}
}

func TestHeadersOverTheLimitAreRefusedUnread(t *testing.T) {
	w := open(t)
	got := w.raw(t, "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nX-Long: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")
	require.Equal(t, http.StatusRequestHeaderFieldsTooLarge, got.status)
	require.NotContains(t, w.log.String(), "127.0.0.1")
	got = w.knock(t, joinedBody, signed(newest), with("X-Long", strings.Repeat("x", 15<<10)))
	require.Equal(t, http.StatusOK, got.status, "more than any proxy adds")
}

func TestABodyThatIsAnnouncedTooLongIsRefusedUnread(t *testing.T) {
	_, handler := build(t, func(o *hook.Options) { o.MaxBody = 100 })
	request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, unreadable{t})
	request.ContentLength = 101
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.Code)
	require.Equal(t, "close", answer.Header().Get("Connection"))
}

// unreadable is a body that must not be read.
type unreadable struct{ t *testing.T }

func (u unreadable) Read([]byte) (int, error) {
	u.t.Error("it was read")
	return 0, io.EOF
}

// held is a body that ends only when it is let go, and tells when all but its
// end was read.
type held struct {
	io.Reader
	read  func()
	letGo <-chan struct{}
}

func (h *held) Read(b []byte) (int, error) {
	n, err := h.Reader.Read(b)
	if errors.Is(err, io.EOF) {
		h.read()
		<-h.letGo
	}
	return n, err
}

// heap is what the process holds, in bytes, when all garbage is gone.
func heap() int64 {
	runtime.GC()
	runtime.GC() // what the first one finalised
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}

// Two hundred strangers send 1 MiB each, at once, and none of them ends. There is
// room for eight.
func TestLargeBodiesTakeBoundedMemoryAndKeepNoEventOut(t *testing.T) {
	const strangers, size, room = 200, 1 << 20, 8 << 20
	w, handler := build(t, func(o *hook.Options) { o.MaxBodies = room })
	body := bytes.Repeat([]byte{' '}, size)
	send := func(body io.Reader, sign ...func(http.Header, string)) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, body)
		for _, s := range sign {
			s(request.Header, joinedBody)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}

	before := heap()
	letGo, answers := make(chan struct{}), make(chan int, strangers)
	var ended sync.WaitGroup
	for range strangers {
		settled := make(chan struct{}) // read, or answered
		settle := sync.OnceFunc(func() { close(settled) })
		ended.Go(func() {
			defer settle()
			answers <- send(&held{bytes.NewReader(body), settle, letGo}).Code
		})
		<-settled
	}
	took := heap() - before
	t.Logf("%d bodies of %d KiB take %d MiB", strangers, size>>10, took>>20)
	require.Less(t, took, int64(3*room), "the strangers' bodies are %d MiB", strangers*size>>20)
	require.Equal(t, http.StatusOK, send(strings.NewReader(joinedBody), signed(newest)).Code, "an event is kept meanwhile")
	busy := send(bytes.NewReader(body))
	require.Equal(t, http.StatusServiceUnavailable, busy.Code, "there is no room")
	require.Equal(t, "30", busy.Header().Get("Retry-After"))
	require.Equal(t, "close", busy.Header().Get("Connection"))

	close(letGo)
	ended.Wait()
	close(answers)
	seen := map[int]int{}
	for status := range answers {
		seen[status]++
	}
	require.Equal(t, map[int]int{503: strangers - room/size, 400: room / size}, seen)
	require.EqualValues(t, strangers-room/size+1, w.count(t, 503, "busy"))
	require.Equal(t, http.StatusBadRequest, send(bytes.NewReader(body)).Code, "the room was given back")
	require.Equal(t, []string{joinedBody}, w.inbox.bodies())
}

func TestTheRoomIsGivenBackWhateverTheAnswer(t *testing.T) {
	w, handler := build(t, func(o *hook.Options) {
		o.MaxBodies = 1 << 20
		o.Keeper = keeperFunc(func(context.Context, []byte) error { panic("oops") })
	})
	large := joinedBody + strings.Repeat(" ", 1<<20-len(joinedBody))
	for _, c := range []struct {
		body   io.Reader
		status int
	}{
		{strings.NewReader(large), 500},
		{io.MultiReader(strings.NewReader(large), strings.NewReader(" ")), 413},
		{io.MultiReader(strings.NewReader(large[:900<<10]), brokenOff{}), 503},
		{strings.NewReader(large), 500},
	} {
		request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, c.body)
		signed(newest)(request.Header, large)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		require.Equal(t, c.status, answer.Code)
	}
	require.Zero(t, w.count(t, 503, "busy"))
}

type brokenOff struct{}

func (brokenOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// crowded opens a door for so many connections at once.
func crowded(t *testing.T, most int) (w *world, idle chan net.Conn, closed func() float64) {
	t.Helper()
	w, handler := build(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w.addr, w.client = listener.Addr().String(), &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	metrics := prometheus.NewRegistry()
	server := hook.Server("", handler, hook.ServerOptions{MaxConnections: most, Metrics: metrics})
	idle = make(chan net.Conn, 1000)
	noted := server.ConnState
	server.ConnState = func(conn net.Conn, state http.ConnState) {
		if noted(conn, state); state == http.StateIdle {
			idle <- conn
		}
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	t.Cleanup(func() {
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-served, http.ErrServerClosed)
	})
	return w, idle, func() float64 {
		problems, err := testutil.GatherAndLint(metrics)
		require.NoError(t, err)
		require.Empty(t, problems)
		families, err := metrics.Gather()
		require.NoError(t, err)
		return families[0].GetMetric()[0].GetCounter().GetValue()
	}
}

// visitor is a connection that has asked once and stays.
type visitor struct {
	net.Conn
	answers *bufio.Reader
	idle    <-chan net.Conn
}

func (w *world) visitor(t *testing.T, idle <-chan net.Conn) *visitor {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	v := &visitor{conn, bufio.NewReader(conn), idle}
	require.NoError(t, v.ask())
	return v
}

// ask makes a request, reads its answer, and waits until the server has noted that
// it ended.
func (v *visitor) ask() error {
	if _, err := io.WriteString(v, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return err
	}
	response, err := http.ReadResponse(v.answers, nil)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	<-v.idle
	return errors.Join(err, response.Body.Close())
}

func TestOneConnectionTooManyClosesTheLongestQuiet(t *testing.T) {
	w, idle, closed := crowded(t, 3)
	first, second, third := w.visitor(t, idle), w.visitor(t, idle), w.visitor(t, idle)
	require.NoError(t, first.ask(), "now the second is the longest quiet")
	require.Zero(t, closed())
	w.visitor(t, idle)
	_, err := second.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, first.ask())
	require.NoError(t, third.ask())
	require.EqualValues(t, 1, closed())
}

func TestStrangersWhoStayKeepNoEventOut(t *testing.T) {
	w, _, _ := crowded(t, 50)
	for _, start := range []string{"", "POST /api/zoom/webhook HTTP/1.1\r\nX-Slow", "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{"} {
		for range 100 {
			conn, err := net.Dial("tcp", w.addr)
			require.NoError(t, err)
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, start) // it may be closed already
		}
	}
	for i := range 100 {
		body := strings.Replace(joinedBody, "16778240", fmt.Sprint(16778240+i), 1)
		require.Equal(t, http.StatusOK, w.knock(t, body, signed(newest)).status)
	}
	require.Len(t, w.inbox.bodies(), 100)
}
