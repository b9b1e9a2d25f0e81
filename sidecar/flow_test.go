package main_test

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
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

const (
	flowSecret  = zoom.Secret("invented-flow-secret")
	flowLessons = 4
	flowSenders = 16
	flowKills   = 5
	flowEnd     = 3 * time.Minute // for the whole of it, on a busy machine
)

// The whole sentence, everything real: what was answered 200 is in the rows,
// once, though the sidecar is killed in mid-traffic again and again, PostgREST
// is gone for a while, and answers are lost after they were applied.
func TestWhatWasAnsweredIsInTheRowsWhateverFails(t *testing.T) {
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
		for _, event := range lesson.Events(simulate.Disorder{Duplicates: 0.2, Shuffle: true}) {
			bodies = append(bodies, event.Body)
		}
	}
	rand.Shuffle(len(bodies), func(i, j int) { bodies[i], bodies[j] = bodies[j], bodies[i] })

	process := startSidecar(ctx, t, losesAnswers(t, project.URL), project.SecretKey)
	acknowledged := make(chan struct{}, len(bodies))
	var senders sync.WaitGroup
	waiting := feed(bodies)
	for range flowSenders {
		senders.Go(func() {
			for body := range waiting {
				process.deliver(ctx, t, body)
				acknowledged <- struct{}{}
			}
		})
	}

	// Things fail at points of the traffic, not of the clock.
	kill := len(bodies) / (flowKills + 1)
	for n := range len(bodies) {
		select {
		case <-acknowledged:
		case <-ctx.Done():
			t.Fatalf("%d of %d events were answered 200 in time; the sidecar said:\n%s", n, len(bodies), process.said())
		}
		switch {
		case n == len(bodies)/3:
			project.StopPostgREST()
		case n == len(bodies)*2/3:
			project.StartPostgREST()
		case n%kill == kill-1:
			process.kill(t)
			process.start(ctx, t)
		}
	}
	senders.Wait()

	want := simulate.Expect(school, facts, simulate.Policy{MinMinutes: 15, Timezone: "UTC"}).Lines()
	database.await(ctx, t, func() string {
		got, _, err := readRows(ctx, project.DB(), school)
		require.NoError(t, err)
		return difference(want, got.Lines())
	})
	process.stop(t)
	require.NotContains(t, process.said(), "level=ERROR", "nothing was given up")
}

// flowSchool is a school of one class for each lesson.
func flowSchool() (school simulate.School, lessons []simulate.Lesson) {
	for n := range flowLessons {
		class := uuid.NewString()
		roster := simulate.Roster{Number: strconv.Itoa(81000000000 + n), Topic: "Flow", Type: "recurring", Timezone: "UTC"}
		for i := range 30 {
			student := simulate.User{ID: uuid.NewString(), Email: fmt.Sprintf("s%d.%d@school.test", n, i), Name: fmt.Sprintf("Student %d %d", n, i), Role: "student"}
			school.Users = append(school.Users, student)
			school.Enrolments = append(school.Enrolments, simulate.Enrolment{ClassID: class, StudentID: student.ID})
			roster.Attendees = append(roster.Attendees, simulate.Attendee{Name: student.Name, Email: student.Email})
		}
		start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		school.Meetings = append(school.Meetings, simulate.Meeting{ID: uuid.NewString(), Number: roster.Number, Title: "Flow", Type: roster.Type, StartTime: start, ClassID: class, Status: "scheduled"})
		lessons = append(lessons, simulate.Script(roster, simulate.Options{
			Duration: 45 * time.Minute, Absent: 0.1, Late: 0.1, Guests: 0.1, Dropouts: 0.2, Crashes: 0.1, Breakouts: 0.5, TwoDevices: 0.1, Lost: 0.1, Seed: rand.Uint64(),
		}, simulate.NewInstance(), start))
	}
	return school, lessons
}

func feed(bodies [][]byte) <-chan []byte {
	all := make(chan []byte, len(bodies))
	for _, body := range bodies {
		all <- body
	}
	close(all)
	return all
}

// difference tells what is missing and what is too much, at most a few lines.
func difference(want, got []string) string {
	var lines []string
	for _, line := range want {
		if !slices.Contains(got, line) {
			lines = append(lines, "want "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			lines = append(lines, "got  "+line)
		}
	}
	return strings.Join(lines[:min(len(lines), 20)], "\n")
}

// losesAnswers stands between the sidecar and the project: every third answer
// is lost after the project gave it.
func losesAnswers(t *testing.T, project string) string {
	target, err := url.Parse(project)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = nil
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1)%3 != 0 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // hang up
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// flowDB hears of every batch that was applied.
type flowDB struct{ *pgx.Conn }

func flowDatabase(ctx context.Context, t *testing.T, project *stacktest.Project) flowDB {
	conn, err := pgx.Connect(ctx, project.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, conn.Close(context.WithoutCancel(ctx))) })
	for _, sql := range []string{
		`create function public.tell() returns trigger language plpgsql as $$ begin perform pg_notify('applied', ''); return null; end $$`,
		`create trigger tell after insert or update on zoom.marks for each statement execute function public.tell()`,
		`create trigger tell after insert or update on zoom.instances for each statement execute function public.tell()`,
		`listen applied`,
	} {
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err)
	}
	return flowDB{conn}
}

// await returns once wrong says nothing, asking again after every batch.
func (db flowDB) await(ctx context.Context, t *testing.T, wrong func() string) {
	for problem := wrong(); problem != ""; problem = wrong() {
		if _, err := db.WaitForNotification(ctx); err != nil {
			t.Fatalf("the rows are still not right:\n%s", problem)
		}
	}
}

// process is a sidecar that can be killed and started again.
type process struct {
	binary, url string
	env         []string

	mu      sync.Mutex
	cmd     *exec.Cmd
	serving chan struct{} // closed while it serves
	log     bytes.Buffer
	reading sync.WaitGroup
}

func startSidecar(ctx context.Context, t *testing.T, supabaseURL, key string) *process {
	binary := filepath.Join(t.TempDir(), "sidecar")
	out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, ".").CombinedOutput()
	require.NoError(t, err, string(out))
	port := freePort(t)
	p := &process{
		binary:  binary,
		url:     fmt.Sprintf("http://127.0.0.1:%d/api/zoom/webhook", port),
		serving: make(chan struct{}),
		env: append(os.Environ(),
			"HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", freePort(t)),
			"ZOOM_WEBHOOK_SECRET="+string(flowSecret), "SUPABASE_URL="+supabaseURL, "SUPABASE_SECRET_KEY="+key,
			"INBOX_DIR="+filepath.Join(t.TempDir(), "inbox"), "LOG_FORMAT=text"),
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the sidecar said:\n%s", p.said())
		}
		p.kill(t)
	})
	p.start(ctx, t)
	return p
}

func freePort(t *testing.T) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	return l.Addr().(*net.TCPAddr).Port
}

// start returns when it serves.
func (p *process) start(ctx context.Context, t *testing.T) {
	cmd := exec.Command(p.binary)
	cmd.Env = p.env
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	serving := make(chan struct{})
	p.reading.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.log, lines.Text())
			p.mu.Unlock()
			if strings.Contains(lines.Text(), "msg=serving") {
				close(serving)
			}
		}
	})
	select {
	case <-serving:
	case <-ctx.Done():
		t.Fatalf("the sidecar did not start:\n%s", p.said())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = cmd
	close(p.serving)
}

// kill is kill -9, wherever it is.
func (p *process) kill(t *testing.T) {
	p.mu.Lock()
	cmd := p.cmd
	p.cmd = nil
	if cmd != nil {
		p.serving = make(chan struct{})
	}
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	require.NoError(t, cmd.Process.Kill())
	p.reading.Wait()
	_ = cmd.Wait() // it says that it was killed
}

// stop is what a deployment does; it must end by itself and well.
func (p *process) stop(t *testing.T) {
	p.mu.Lock()
	cmd := p.cmd
	p.cmd = nil
	p.mu.Unlock()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	p.reading.Wait()
	require.NoError(t, cmd.Wait())
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) isServing() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving
}

// deliver posts the event until it is answered 200, as Zoom does, but sooner.
func (p *process) deliver(ctx context.Context, t *testing.T, body []byte) {
	for {
		select {
		case <-p.isServing():
		case <-ctx.Done():
			return
		}
		if status, err := p.post(ctx, body); err == nil && status == http.StatusOK {
			return
		} else if err == nil && status != http.StatusServiceUnavailable {
			t.Errorf("a signed event was answered %d", status)
			return
		}
	}
}

func (p *process) post(ctx context.Context, body []byte) (status int, err error) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(flowSecret, timestamp, body))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
