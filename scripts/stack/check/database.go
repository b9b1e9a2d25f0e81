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
	"strings"

	"zoom-attendance/scripts/stack"
)

// migrations are applied when the template is made.
func (s *suite) migrations(ctx context.Context) error {
	_, err := s.database(ctx)
	return err
}

// seed runs supabase/seed.sql as the CLI does on a new project, then again as
// somebody might by hand.
func (s *suite) seed(ctx context.Context) error {
	url, err := s.project(ctx)
	if err != nil {
		return err
	}
	if err := stack.Migrate(ctx, s.tree, url, true); err != nil {
		return err
	}
	sql, err := os.ReadFile(filepath.Join(s.tree.Root, "supabase", "seed.sql"))
	if err != nil {
		return err
	}
	if err := stack.Exec(ctx, url, string(sql)); err != nil {
		return fmt.Errorf("the seed applied once, but not again: %w", err)
	}
	return nil
}

// advisors asks Supabase's own lints. To be sure that silence means health,
// they are also shown an ill database.
func (s *suite) advisors(ctx context.Context) error {
	url, err := s.project(ctx)
	if err != nil {
		return err
	}
	if out, err := s.advise(ctx, url); err != nil {
		return fmt.Errorf("supabase db advisors: %w\n%s", err, out)
	}
	ill := "create table public.unguarded (id int primary key); grant select on public.unguarded to anon"
	if err := stack.Exec(ctx, url, ill); err != nil {
		return err
	}
	if out, err := s.advise(ctx, url); err == nil || !strings.Contains(out, "rls_disabled_in_public") {
		return fmt.Errorf("the advisors did not report a table without row level security:\n%s", out)
	}
	return nil
}

func (s *suite) advise(ctx context.Context, url string) (string, error) {
	return stack.Output(stack.SupabaseCLI(ctx, s.tree,
		"db", "advisors", "--yes", "--remote="+url, "--type", "all", "--level", "warn", "--fail-on", "warn"))
}

func (s *suite) pgtap(ctx context.Context) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	return s.prove(ctx, server, "17")
}

// postgres15 is what hosted projects ran before 17, and some still do.
func (s *suite) postgres15(ctx context.Context) (err error) {
	if err := s.install(ctx); err != nil {
		return err
	}
	server, err := stack.StartTestServer(ctx, s.tree, "15")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	return s.prove(ctx, server, "15")
}

// prove runs the tests of supabase/tests with pg_prove, as the role of the SQL
// editor, on a clone that has pgTAP.
func (s *suite) prove(ctx context.Context, server *stack.TestServer, major string) error {
	tests, err := s.sqlTests()
	if err != nil {
		return err
	}
	if len(tests) == 0 {
		return errors.New("supabase/tests has no .sql: the SQL tests are gone")
	}
	if err := s.need(ctx, "pg_prove", "psql"); err != nil {
		return err
	}
	extension, err := s.pgtapFiles(ctx)
	if err != nil {
		return err
	}
	if err := s.tree.AddExtension(major, extension); err != nil {
		return err
	}
	name, err := s.clone(ctx, server)
	if err != nil {
		return err
	}
	if err := stack.Exec(ctx, server.URL(stack.Superuser, name), "create extension pgtap with schema extensions"); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "pg_prove", append([]string{"--ext", ".sql", "--failures"}, tests...)...)
	cmd.Dir = s.tree.Root
	cmd.Env = append(os.Environ(), "PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(server.Port),
		"PGUSER="+stack.Owner, "PGPASSWORD="+stack.Password, "PGDATABASE="+name, "PGSSLMODE=disable", "PGOPTIONS=-c client_min_messages=warning")
	out, err := outputOf(cmd)
	if err == nil {
		fmt.Println(indent(out))
	}
	return err
}

// sqlTests are the .sql files beneath supabase/tests.
func (s *suite) sqlTests() ([]string, error) {
	var tests []string
	root := filepath.Join(s.tree.Root, "supabase", "tests")
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".sql" {
			relative, _ := filepath.Rel(s.tree.Root, path)
			tests = append(tests, relative)
		}
		return err
	})
	return tests, err
}
