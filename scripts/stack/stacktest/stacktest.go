// Package stacktest gives each test a Supabase project of its own: a real
// database with every migration applied, a real PostgREST, and the keys and
// URLs of a hosted project in front of them.
//
// A project is a clone of a template database on one PostgreSQL server that
// ./scripts/test starts for the whole run; it takes a fraction of a second,
// so tests share nothing and may run in parallel. Without that server a test
// fails and names the command that brings it: it never skips.
package stacktest

import (
	"context"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack"
)

// The environment in which ./scripts/test runs tests.
const (
	EnvDatabaseURL = "TEST_DATABASE_URL" // the shared server, as its superuser
	EnvPostgREST   = "TEST_POSTGREST"    // path of the program
	EnvNatsServer  = "TEST_NATS_SERVER"  // path of the program
	EnvSidecar     = "TEST_SIDECAR"      // path of the program, built from the tree under test
	EnvChromium    = "TEST_CHROMIUM"     // path of the program
)

// patience bounds each step of setting up or taking down a project.
const patience = 30 * time.Second

// Project is a Supabase project that belongs to one test.
type Project struct {
	URL            string         // base URL, what SUPABASE_URL would be
	SecretKey      string         // sb_secret_…
	ServiceRoleKey string         // legacy JWT
	PublishableKey string         // sb_publishable_…
	AnonKey        string         // legacy JWT
	DatabaseURL    string         // superuser connection string to this project's database
	Gateway        *stack.Gateway // where further services may be mounted

	t      testing.TB
	rest   *stack.PostgREST
	openDB func() (*pgxpool.Pool, error)
}

// NewProject gives the test a fresh, migrated database of its own, with its
// own PostgREST and gateway, the former changed as wanted. All closed when the
// test ends.
func NewProject(t testing.TB, changes ...func(*stack.PostgRESTConfig)) *Project {
	t.Helper()
	server := setting(t, EnvDatabaseURL)
	postgrest := setting(t, EnvPostgREST)

	name := cloneTemplate(t, server)
	log := new(stack.Said)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	config := stack.PostgRESTConfig{
		Program:     postgrest,
		DatabaseURL: databaseURL(t, server, stack.Authenticator, name),
		Pool:        10,
		Log:         log,
	}
	for _, change := range changes {
		change(&config)
	}
	rest, err := stack.StartPostgREST(ctx, config)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	gateway := stack.NewGateway(rest.Transport)
	door := httptest.NewServer(gateway)
	p := &Project{
		URL:            door.URL,
		SecretKey:      stack.SecretKey,
		ServiceRoleKey: stack.ServiceRoleKey,
		PublishableKey: stack.PublishableKey,
		AnonKey:        stack.AnonKey,
		DatabaseURL:    databaseURL(t, server, stack.Superuser, name),
		Gateway:        gateway,
		t:              t,
		rest:           rest,
	}
	t.Cleanup(func() {
		door.Close()
		if err := rest.Close(); err != nil {
			t.Errorf("stop PostgREST: %v", err)
		}
		if t.Failed() && log.String() != "" {
			t.Logf("PostgREST said:\n%s", log)
		}
	})
	p.openDB = sync.OnceValues(func() (*pgxpool.Pool, error) {
		pool, err := pgxpool.New(context.Background(), p.DatabaseURL)
		if err == nil {
			t.Cleanup(pool.Close)
		}
		return pool, err
	})
	return p
}

// NewDatabase gives the test a fresh, migrated database and nothing around it, and
// returns the superuser's connection string. It is dropped when the test ends.
func NewDatabase(t testing.TB) string {
	t.Helper()
	server := setting(t, EnvDatabaseURL)
	return databaseURL(t, server, stack.Superuser, cloneTemplate(t, server))
}

// DB is a pool of connections to the project's database as superuser, opened
// at the first call.
func (p *Project) DB() *pgxpool.Pool {
	p.t.Helper()
	pool, err := p.openDB()
	if err != nil {
		p.t.Fatalf("connect to the project's database: %v", err)
	}
	return pool
}

// StopPostgREST kills PostgREST as a crash would. The gateway answers 503
// until StartPostgREST.
func (p *Project) StopPostgREST() { p.rest.Kill() }

// StartPostgREST starts PostgREST after StopPostgREST and returns when it
// answers.
func (p *Project) StartPostgREST() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	if err := p.rest.Start(ctx); err != nil {
		p.t.Fatal(err)
	}
}

// NatsServer is the path of a nats-server program to run beside a test.
func NatsServer(t testing.TB) string {
	t.Helper()
	return setting(t, EnvNatsServer)
}

// Chromium is the path of a browser to look at pages with.
func Chromium(t testing.TB) string {
	t.Helper()
	if os.Getenv(EnvDatabaseURL) != "" && os.Getenv(EnvChromium) == "" {
		t.Fatal("chromium is missing: apt-get install chromium, or run all of ./scripts/test, which does")
	}
	return setting(t, EnvChromium)
}

// setting reads what ./scripts/test puts into the environment.
func setting(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run ./scripts/test, or ./scripts/test --go ./sidecar/relay -run X for one package", name)
	}
	return value
}

// cloneTemplate makes a database for this test and drops it when the test ends.
func cloneTemplate(t testing.TB, server string) string {
	t.Helper()
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := stack.Clone(ctx, server, name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := stack.Drop(ctx, server, name); err != nil {
			t.Error(err)
		}
	})
	return name
}

// databaseURL is the server's URL for another role and database.
func databaseURL(t testing.TB, server, role, database string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatalf("%s is not a URL: %v", EnvDatabaseURL, err)
	}
	password, _ := u.User.Password()
	u.User = url.UserPassword(role, password)
	u.Path = "/" + database
	return u.String()
}
