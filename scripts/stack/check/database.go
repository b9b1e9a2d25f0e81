package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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
	return s.proveAll(ctx, server, "17")
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
	name, err := s.clone(ctx, server)
	if err != nil {
		return err
	}
	// The doctor expects the same of both versions: 15 prints every rule as 17 does.
	if err := s.generated(ctx, server.URL(stack.Owner, name), stack.ExpectedFile(s.tree), stack.Expected); err != nil {
		return err
	}
	return s.proveAll(ctx, server, "15")
}
