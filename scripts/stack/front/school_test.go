package front_test

import (
	"context"
	"net/http"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/realtime"
	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// The lesson that is played, and four people of supabase/seed.sql.
const (
	lessonNumber = "81234567890"
	class7b      = "00000000-0000-4000-8000-000000000c01"

	teacher  = "a.okafor@school.test"     // of 7b, and the lesson's host
	student  = "maria@school.test"        // of 7b
	parent   = "joana.oliveira@home.test" // of that student
	stranger = "abebe.girma@school.test"  // a student of 8a
)

// school is a seeded project with all that stands around it.
type school struct {
	*stacktest.Project
	t       testing.TB
	sidecar *stacktest.Sidecar
	line    *line
}

// newSchool starts it all; env is added to the sidecar's settings.
func newSchool(t testing.TB, env ...string) *school {
	s := &school{Project: stacktest.NewProject(t), t: t}
	seed, err := os.ReadFile("../../../supabase/seed.sql")
	require.NoError(t, err)
	_, err = s.DB().Exec(t.Context(), string(seed))
	require.NoError(t, err)
	s.line = &line{s: s}
	s.line.connect()
	t.Cleanup(s.line.cut)
	s.Gateway.Handle("/realtime/v1", s.line)
	s.sidecar = s.StartSidecar(env...)
	return s
}

// line is where Realtime is reached, and may be cut and connected again.
type line struct {
	s      *school
	server atomic.Pointer[realtime.Server]
}

func (l *line) connect() {
	server, err := realtime.Start(l.s.t.Context(), realtime.Config{DatabaseURL: l.s.DatabaseURL, JWTSecret: stack.JWTSecret})
	require.NoError(l.s.t, err)
	l.server.Store(server)
}

// cut ends Realtime: every client is disconnected, and nothing is told later.
func (l *line) cut() {
	if server := l.server.Swap(nil); server != nil {
		require.NoError(l.s.t, server.Close())
	}
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if server := l.server.Load(); server != nil {
		server.ServeHTTP(w, r)
		return
	}
	http.Error(w, "realtime is away", http.StatusServiceUnavailable)
}

// id is that of a user, by their e-mail.
func (s *school) id(email string) string {
	return value[string](s, "select id::text from users where email = $1", email)
}

// token signs somebody in.
func (s *school) token(email string) string { return stack.UserToken(s.id(email), email) }

// exec runs a statement as the database's owner would.
func (s *school) exec(sql string, args ...any) {
	s.t.Helper()
	_, err := s.DB().Exec(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
}

// rows collects what a query says, one value per row.
func rows[T any](s *school, sql string, args ...any) []T {
	s.t.Helper()
	result, err := s.DB().Query(s.t.Context(), sql, args...)
	require.NoError(s.t, err)
	values, err := pgx.CollectRows(result, pgx.RowTo[T])
	require.NoError(s.t, err)
	return values
}

// value is what a query of one row says.
func value[T any](s *school, sql string, args ...any) T {
	s.t.Helper()
	values := rows[T](s, sql, args...)
	require.Len(s.t, values, 1)
	return values[0]
}

// lesson makes up a lesson of 7b that ends now.
func (s *school) lesson(options simulate.Options) simulate.Lesson {
	s.t.Helper()
	roster := simulate.Roster{Number: lessonNumber, Topic: "Mathematics 7b", Type: "recurring", Timezone: "UTC",
		Host: simulate.Attendee{Name: "Adaeze Okafor", Email: teacher}}
	for _, email := range rows[string](s, "select email from users join class_students on student_id = users.id where class_id = $1 order by email", class7b) {
		name := value[string](s, "select name from users where email = $1", email)
		roster.Attendees = append(roster.Attendees, simulate.Attendee{Name: name, Email: email})
	}
	options.Duration = 45 * time.Minute
	now := time.Now().UTC()
	begin := now.Add(-options.Duration)
	if today := now.Truncate(24 * time.Hour); begin.Before(today) {
		begin = today // a page of today's lesson shows nothing of one that began yesterday
	}
	return simulate.Script(roster, options, simulate.NewInstance(), begin)
}

// send posts events one after another, and returns when they have settled.
func (s *school) send(events []simulate.Event, speed float64) {
	s.t.Helper()
	s.post(s.t.Context(), events, speed, 1)
	s.sidecar.AwaitSettled()
}

// post posts events, and fails unless each is accepted.
func (s *school) post(ctx context.Context, events []simulate.Event, speed float64, senders int) {
	s.t.Helper()
	sender := simulate.Sender{URL: s.sidecar.URL, Secret: zoom.Secret(stacktest.WebhookSecret), Senders: senders, Speed: speed}
	delivery, err := sender.Send(ctx, events)
	require.NoError(s.t, err)
	require.Equal(s.t, delivery.Sent, delivery.Accepted, delivery.Report())
}
