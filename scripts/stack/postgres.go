package stack

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// The roles that programs log in as, all with [Password].
const (
	Superuser     = "supabase_admin" // owns the server; hosted projects keep it to themselves
	Owner         = "postgres"       // owns the database; migrations and the SQL editor
	Authenticator = "authenticator"  // PostgREST, which becomes anon, authenticated or service_role
)

// Password is every role's, as with `supabase start`.
const Password = "postgres"

//go:embed bootstrap.sql
var bootstrap string

// Postgres is a running PostgreSQL server with wal_level=logical.
type Postgres struct {
	*Program
	Port  int
	Fresh bool // the data directory was made by this start
}

// PostgresConfig says which server [StartPostgres] starts.
type PostgresConfig struct {
	Major   string // "17", or "15" for the oldest that hosted projects still run
	Dir     string // where data/ and postgres.log live; made if missing
	Port    int    // 0 for a free one
	Durable bool   // whether data survive a power cut; tests need not wait for the disk
}

// StartPostgres starts a server on 127.0.0.1 and returns when it accepts
// connections and its database postgres is what a Supabase project has before
// its first migration.
func StartPostgres(ctx context.Context, tree *Tree, config PostgresConfig) (*Postgres, error) {
	native, err := tree.nativePostgres(config.Major)
	if err != nil {
		return nil, err
	}
	server := &postgresServer{tree: tree, native: native, config: config, data: filepath.Join(config.Dir, "data")}
	fresh, err := server.initOnce(ctx)
	if err != nil {
		return nil, err
	}
	if err := server.stopOrphan(ctx); err != nil {
		return nil, err
	}
	pg, err := server.start(ctx)
	if err != nil {
		return nil, err
	}
	pg.Fresh = fresh
	if err := pg.Bootstrap(ctx, "postgres"); err != nil {
		return nil, errors.Join(err, pg.Stop())
	}
	return pg, nil
}

// URL is how a role connects to a database of this server.
func (pg *Postgres) URL(role, database string) string {
	return (&url.URL{
		Scheme:   "postgresql",
		User:     url.UserPassword(role, Password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(pg.Port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}).String()
}

// Stop ends the server: open transactions are rolled back, data are written.
func (pg *Postgres) Stop() error { return pg.Program.Stop(30 * time.Second) }

// Bootstrap gives a database what every Supabase project has.
func (pg *Postgres) Bootstrap(ctx context.Context, database string) error {
	if err := Exec(ctx, pg.URL(Superuser, database), bootstrap); err != nil {
		return fmt.Errorf("set up the roles and schemas of a Supabase project: %w", err)
	}
	return nil
}

// Exec runs SQL, any number of statements, in one transaction.
func Exec(ctx context.Context, databaseURL, sql string) error {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}
