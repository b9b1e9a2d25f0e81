package endtoend_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
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
	"zoom-attendance/sidecar/oracle"
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

	line := newBadLine(t, project.URL)
	process := startSidecar(ctx, t, line.url, project.SecretKey)
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
			line.refusals(ctx, t, 3)
			project.StartPostgREST()
		case n%kill == kill-1:
			process.kill(t)
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
	require.NotContains(t, process.said(), "level=ERROR", "nothing was given up")
	require.Greater(t, line.lost.Load(), int64(3), "answers were lost")
}

// flowSchool is a school of one class for each lesson.
func flowSchool() (school oracle.School, lessons []simulate.Lesson) {
	for n := range flowLessons {
		class := uuid.NewString()
		roster := simulate.Roster{Number: strconv.Itoa(81000000000 + n), Topic: "Flow", Type: "recurring", Timezone: "UTC"}
		for i := range 30 {
			student := oracle.User{ID: uuid.NewString(), Email: fmt.Sprintf("s%d.%d@school.test", n, i), Name: fmt.Sprintf("Student %d %d", n, i), Role: "student"}
			school.Users = append(school.Users, student)
			school.Enrolments = append(school.Enrolments, oracle.Enrolment{ClassID: class, StudentID: student.ID})
			roster.Attendees = append(roster.Attendees, simulate.Attendee{Name: student.Name, Email: student.Email})
		}
		start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
		school.Meetings = append(school.Meetings, oracle.Meeting{ID: uuid.NewString(), Number: roster.Number, Title: "Flow", Type: roster.Type, StartTime: start, ClassID: class, Status: "scheduled"})
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

// badLine is the way from the sidecar to the project: every third answer is
// lost after the project gave it.
type badLine struct {
	url     string
	lost    atomic.Int64
	refused chan struct{} // gets one for each call that met no PostgREST
}

func newBadLine(t *testing.T, project string) *badLine {
	target, err := url.Parse(project)
	require.NoError(t, err)
	line := &badLine{refused: make(chan struct{}, 1000)}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = log.New(io.Discard, "", 0) // a sidecar that was killed hangs up
	forward.ModifyResponse = func(response *http.Response) error {
		if response.StatusCode == http.StatusServiceUnavailable {
			line.refused <- struct{}{}
		}
		return nil
	}
	var calls atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1)%3 != 0 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		line.lost.Add(1)
		panic(http.ErrAbortHandler) // hang up
	}))
	t.Cleanup(server.Close)
	line.url = server.URL
	return line
}

// refusals returns when so many calls have met no PostgREST.
func (l *badLine) refusals(ctx context.Context, t *testing.T, n int) {
	for range n {
		select {
		case <-l.refused:
		case <-ctx.Done():
			t.Fatal("the sidecar does not call while PostgREST is away")
		}
	}
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
