package admin

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

const (
	patience  = 30 * time.Second
	testToken = "an-invented-token-of-operators"
	private   = "Ada Lovelace" // in every body
)

// world is a room with a real inbox and real HTTP, and a database that may
// refuse events.
type world struct {
	t     *testing.T
	inbox inbox.Inbox
	room  *Room
	url   string
	log   *logLines

	mu      sync.Mutex
	refuses func(body string) bool
	outcome string        // what comes of events
	gate    chan struct{} // nil, or what the database waits for
	held    chan struct{} // gets one for each event that waits there
	applied chan string
}

// newWorld changes the room's options by change, if that is not nil.
func newWorld(t *testing.T, change func(*Options)) *world {
	w := &world{t: t, log: &logLines{}, outcome: "applied", held: make(chan struct{}, 10_000), applied: make(chan string, 10_000)}
	var err error
	w.inbox, err = inbox.Open(w.context(), inbox.Options{Dir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.inbox.Close(context.Background())) })

	o := Options{
		Token: testToken, Inbox: w.inbox, Log: slog.New(slog.NewTextHandler(w.log, nil)),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") }),
	}
	if change != nil {
		change(&o)
	}
	w.room = New(o)
	server := httptest.NewUnstartedServer(w.room)
	server.Config.ReadTimeout, server.Config.WriteTimeout = lineEvery, lineEvery
	server.Config.RegisterOnShutdown(w.room.Stop)
	server.Start()
	t.Cleanup(server.Close)
	t.Cleanup(w.room.Stop)
	w.url = server.URL
	t.Setenv("ADMIN_ADDR", strings.TrimPrefix(server.URL, "http://"))
	t.Setenv("ADMIN_TOKEN", string(o.Token))
	w.runDatabase()
	return w
}

func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

// runDatabase applies what the inbox hands out, or buries what is refused.
func (w *world) runDatabase() {
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for {
			some, err := w.inbox.Next(ctx, 100)
			if err != nil {
				return
			}
			for _, d := range some {
				w.apply(ctx, d)
			}
		}
	})
	w.t.Cleanup(func() { stop(); running.Wait() })
}

func (w *world) apply(ctx context.Context, d *inbox.Delivery) {
	w.mu.Lock()
	refuses, gate, outcome := w.refuses, w.gate, w.outcome
	w.mu.Unlock()
	if gate != nil {
		w.held <- struct{}{}
		select {
		case <-gate:
		case <-ctx.Done():
			return
		}
	}
	if refuses != nil && refuses(string(d.Body())) {
		_, _ = d.Bury(ctx, "refused by the database: it is not its day")
		w.applied <- "buried"
		return
	}
	_ = d.Done(ctx, outcome)
	w.applied <- string(d.Body())
}

// say changes what the database says of events.
func (w *world) say(outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.outcome = outcome
}

// set changes what the database does.
func (w *world) set(refuses func(string) bool, gate chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuses, w.gate = refuses, gate
}

func everything(string) bool { return true }

// accept has the inbox take events, and waits until the database has them.
func (w *world) accept(bodies ...string) {
	w.t.Helper()
	for _, body := range bodies {
		require.NoError(w.t, w.inbox.Accept(w.context(), asEvent(body)))
	}
	w.await(len(bodies))
}

// asEvent is an event as the door hands it in.
func asEvent(body string) inbox.Event {
	e, _ := zoom.Open([]byte(body)) // what cannot be read has neither number nor kind
	return inbox.Event{Body: []byte(body), Meeting: e.MeetingID, Kind: e.Event, Source: inbox.SourceWebhook}
}

// await waits until the database has seen so many events.
func (w *world) await(n int) (bodies []string) {
	w.t.Helper()
	for range n {
		select {
		case body := <-w.applied:
			bodies = append(bodies, body)
		case <-time.After(patience):
			w.t.Fatalf("only %d of %d events came", len(bodies), n)
		}
	}
	return bodies
}

// joined is the body of an event, with a name and an e-mail in it.
func joined(meeting string, n int) string {
	return fmt.Sprintf(`{"event":"meeting.participant_joined","event_ts":1772441252345,"payload":{"object":{"id":"%s","uuid":"aB==",`+
		`"participant":{"user_id":"%d","user_name":%q,"email":"ada@school.test","join_time":"2026-03-02T08:00:12Z"}}}}`, meeting, n, private)
}

// sidecar runs a command as the command line would.
func (w *world) sidecar(args ...string) (string, error) {
	w.t.Helper()
	for _, c := range Commands() {
		if c.Name() != args[0] {
			continue
		}
		var out bytes.Buffer
		c.SilenceErrors = true // as the root has it
		c.SetArgs(args[1:])
		c.SetIn(strings.NewReader("y\n"))
		c.SetOut(&out)
		c.SetErr(&out)
		err := c.ExecuteContext(w.context())
		return out.String(), err
	}
	w.t.Fatalf("no command %s", args[0])
	return "", nil
}

// ask asks with a token and returns the status and the answer.
func (w *world) ask(method, path, authorization string) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.context(), method, w.url+path, nil)
	require.NoError(w.t, err)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	http.DefaultClient.CloseIdleConnections()
	return response.StatusCode, string(body)
}

// logLines is a log that can be read, and waited for.
type logLines struct {
	mu    sync.Mutex
	text  strings.Builder
	wrote chan struct{}
}

func (l *logLines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wrote != nil {
		close(l.wrote)
		l.wrote = nil
	}
	return l.text.Write(line)
}

func (l *logLines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// await waits until the log holds some words.
func (l *logLines) await(t *testing.T, words string) {
	t.Helper()
	for deadline := time.After(patience); ; {
		l.mu.Lock()
		if strings.Contains(l.text.String(), words) {
			l.mu.Unlock()
			return
		}
		if l.wrote == nil {
			l.wrote = make(chan struct{})
		}
		wrote := l.wrote
		l.mu.Unlock()
		select {
		case <-wrote:
		case <-deadline:
			t.Fatalf("the log never says %q:\n%s", words, l)
		}
	}
}
