package stack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Template is the database of a [TestServer] that tests clone: every
// migration applied, no rows.
const Template = "sidecar_template"

// TestServer is a PostgreSQL server for one run of the tests. Its data are
// deleted with it; any number of runs may have theirs at once.
type TestServer struct {
	*Postgres
	config PostgresConfig
	dir    string
	lock   *flock.Flock
}

// StartTestServer starts a server of this major version with the template.
func StartTestServer(ctx context.Context, tree *Tree, major string) (*TestServer, error) {
	if err := sweep(tree); err != nil {
		return nil, err
	}
	dir, lock, err := scratch(tree)
	if err != nil {
		return nil, err
	}
	config := PostgresConfig{Major: major, Dir: dir}
	pg, err := StartPostgres(ctx, tree, config)
	if err != nil {
		return nil, errors.Join(err, lock.Close(), os.RemoveAll(dir))
	}
	server := &TestServer{Postgres: pg, config: config, dir: dir, lock: lock}
	if err := server.makeTemplate(ctx, tree); err != nil {
		return nil, errors.Join(err, server.Close())
	}
	return server, nil
}

// MakeDurable starts the server anew as one that survives a power cut, and that
// knows when each transaction was committed. Port 0 is a free one. It returns
// how the server is started again should it end.
func (s *TestServer) MakeDurable(ctx context.Context, tree *Tree, port int) (PostgresConfig, error) {
	if err := Exec(ctx, s.URL(Superuser, "postgres"), "alter system set track_commit_timestamp = on"); err != nil {
		return PostgresConfig{}, fmt.Errorf("have the times of commits kept: %w", err)
	}
	if err := s.Stop(); err != nil {
		return PostgresConfig{}, err
	}
	s.config.Port, s.config.Durable = port, true
	pg, err := StartPostgres(ctx, tree, s.config)
	if err != nil {
		return PostgresConfig{}, err
	}
	s.Postgres = pg
	return s.config, nil
}

// Dir is where the data are, and room for more that is deleted with them.
func (s *TestServer) Dir() string { return s.dir }

// TempDir is a directory for the temporary files of the tests, deleted with
// the data; or empty if its path is too long to have Unix sockets in it.
func (s *TestServer) TempDir() (string, error) {
	dir := filepath.Join(s.dir, "tmp")
	if len(dir) > 70 {
		return "", nil
	}
	return dir, os.MkdirAll(dir, 0o700)
}

// UseTempDir makes TempDir that of this process and of those it starts, so that
// nothing is left of a run that is killed.
func (s *TestServer) UseTempDir() error {
	dir, err := s.TempDir()
	if err != nil || dir == "" {
		return err
	}
	return os.Setenv("TMPDIR", dir)
}

// Close stops the server and deletes its data.
func (s *TestServer) Close() error {
	return errors.Join(s.Stop(), s.lock.Close(), os.RemoveAll(s.dir))
}

// makeTemplate migrates a database and closes it to everyone, because one
// that somebody is connected to cannot be cloned.
func (s *TestServer) makeTemplate(ctx context.Context, tree *Tree) error {
	admin := s.URL(Superuser, "postgres")
	if err := Exec(ctx, admin, "create database "+Template+" owner "+Owner); err != nil {
		return fmt.Errorf("create the template database: %w", err)
	}
	if err := s.Bootstrap(ctx, Template); err != nil {
		return err
	}
	if err := Migrate(ctx, tree, s.URL(Owner, Template), false); err != nil {
		return err
	}
	return Exec(ctx, admin, "alter database "+Template+" with is_template true allow_connections false")
}

// Clone makes a database of this name from the template of the server that the
// URL leads to as its superuser.
func Clone(ctx context.Context, serverURL, name string) error {
	return CloneOf(ctx, serverURL, Template, name)
}

// CloneOf does so from another database, which nobody may be connected to.
func CloneOf(ctx context.Context, serverURL, template, name string) error {
	sql := fmt.Sprintf("create database %s template %s strategy file_copy owner %s", name, template, Owner)
	if err := Exec(ctx, serverURL, sql); err != nil {
		return fmt.Errorf("clone the database %s: %w", template, err)
	}
	return nil
}

// Drop removes a database, whoever is connected to it.
func Drop(ctx context.Context, serverURL, name string) error {
	if err := Exec(ctx, serverURL, "drop database "+name+" with (force)"); err != nil {
		return fmt.Errorf("drop the database %s: %w", name, err)
	}
	return nil
}

// scratch makes a directory that is ours until the lock in it is closed.
func scratch(tree *Tree) (string, *flock.Flock, error) {
	dir, err := os.MkdirTemp(tree.State, "test-")
	if err != nil {
		return "", nil, fmt.Errorf("make a place for the test data: %w", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // for the user of PostgreSQL to pass
		return "", nil, err
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	if err := lock.Lock(); err != nil {
		return "", nil, fmt.Errorf("lock the test data: %w", err)
	}
	return dir, lock, nil
}

// sweep deletes what runs that were killed left behind: scratch directories
// that nobody holds the lock of.
func sweep(tree *Tree) error {
	locks, err := filepath.Glob(filepath.Join(tree.State, "test-*", "lock"))
	if err != nil {
		return err
	}
	for _, path := range locks {
		lock := flock.New(path)
		if free, err := lock.TryLock(); err != nil || !free {
			continue
		}
		err := errors.Join(lock.Close(), os.RemoveAll(filepath.Dir(path)))
		if err != nil {
			return fmt.Errorf("delete the test data of an earlier run: %w", err)
		}
	}
	return nil
}
