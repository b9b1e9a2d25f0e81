package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"

	"zoom-attendance/scripts/stack"
)

// proveAll runs the tests of supabase/tests and shows how they went.
func (s *suite) proveAll(ctx context.Context, server *stack.TestServer, major string) error {
	database, err := s.withPgtap(ctx, server, major)
	if err != nil {
		return err
	}
	out, err := s.prove(ctx, server, database, filepath.Join("supabase", "tests"))
	if err == nil {
		fmt.Println(indent(out))
	}
	return err
}

// withPgtap makes a migrated database that has pgTAP, and returns its name.
func (s *suite) withPgtap(ctx context.Context, server *stack.TestServer, major string) (string, error) {
	if err := s.need(ctx, "pg_prove", "psql"); err != nil {
		return "", err
	}
	extension, err := s.pgtapFiles(ctx)
	if err != nil {
		return "", err
	}
	if err := s.tree.AddExtension(major, extension); err != nil {
		return "", err
	}
	name, err := s.clone(ctx, server)
	if err != nil {
		return "", err
	}
	return name, stack.Exec(ctx, server.URL(stack.Superuser, name), "create extension pgtap with schema extensions")
}

// prove runs the tests beneath a directory with pg_prove, as the role of the
// SQL editor, and returns what it printed.
func (s *suite) prove(ctx context.Context, server *stack.TestServer, database, dir string) (string, error) {
	tests, err := s.sqlTests(dir)
	if err != nil {
		return "", err
	}
	if len(tests) == 0 {
		return "", errors.New(dir + " has no .sql: the SQL tests are gone")
	}
	cmd := exec.CommandContext(ctx, "pg_prove", append([]string{"--ext", ".sql", "--failures"}, tests...)...)
	cmd.Dir = s.tree.Root
	cmd.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(server.Port),
		"PGUSER="+stack.Owner, "PGPASSWORD="+stack.Password, "PGDATABASE="+database, "PGSSLMODE=disable", "PGOPTIONS=-c client_min_messages=warning")
	return outputOf(cmd)
}

// sqlTests are the .sql files beneath a directory of the checkout.
func (s *suite) sqlTests(dir string) ([]string, error) {
	var tests []string
	err := filepath.WalkDir(filepath.Join(s.tree.Root, dir), func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".sql" {
			relative, _ := filepath.Rel(s.tree.Root, path)
			tests = append(tests, relative)
		}
		return err
	})
	return tests, err
}
