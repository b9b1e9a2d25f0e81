package realtime_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/realtime"
	"zoom-attendance/scripts/stack/stacktest"
)

// patience bounds each wait of a test.
const patience = 30 * time.Second

// The users of the tests.
const (
	ann = "aaaaaaaa-0000-4000-8000-000000000001"
	bob = "bbbbbbbb-0000-4000-8000-000000000002"
)

// schema is the tables of the tests: notes are seen by their owner, signs by
// everyone who is signed in.
const schema = `
	create table public.notes (id int primary key, owner uuid not null, body text);
	alter table public.notes enable row level security;
	create policy "owners see their notes" on public.notes for select to authenticated
		using (owner = (select auth.uid()));
	create table public.signs (id int primary key, body text);
	grant select on public.notes, public.signs to authenticated, service_role;
	alter publication supabase_realtime add table public.notes, public.signs;`

// world is a project with the stand-in mounted in a gateway.
type world struct {
	t       testing.TB
	project *stacktest.Project
	url     string
	config  realtime.Config

	mu     sync.Mutex
	server *realtime.Server
}

func newWorld(t testing.TB) *world {
	t.Helper()
	project := stacktest.NewProject(t)
	w := &world{t: t, project: project, config: realtime.Config{
		DatabaseURL: project.DatabaseURL,
		JWTSecret:   stack.JWTSecret,
		Poll:        10 * time.Millisecond,
	}}
	gateway := stack.NewGateway(http.DefaultTransport)
	gateway.Handle("/realtime/v1", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.current().ServeHTTP(rw, r)
	}))
	front := httptest.NewServer(gateway)
	t.Cleanup(front.Close)
	w.url = front.URL
	w.exec(schema)
	w.start()
	t.Cleanup(func() {
		if err := w.current().Close(); t.Failed() && err != nil {
			t.Logf("the server ended: %v", err)
		}
	})
	return w
}

func (w *world) current() *realtime.Server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.server
}

func (w *world) start() {
	w.t.Helper()
	server, err := realtime.Start(w.context(), w.config)
	require.NoError(w.t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.server = server
}

func (w *world) restart() {
	w.t.Helper()
	require.NoError(w.t, w.current().Close())
	w.start()
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.project.DB().Exec(w.context(), sql, args...)
	require.NoError(w.t, err)
}

// context is good for one step of a test.
func (w *world) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	w.t.Cleanup(cancel)
	return ctx
}

func annToken() string { return stack.UserToken(ann, "ann@school.test") }
func bobToken() string { return stack.UserToken(bob, "bob@school.test") }

// token signs claims.
func token(t testing.TB, claims jwt.MapClaims, secret string) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(secret))
	require.NoError(t, err)
	return signed
}
