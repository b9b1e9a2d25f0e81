package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/scripts/stack"
)

// policies makes sure that three things say the same: the database after
// `db push`, the files of policies/, and both together; and that applying the
// files again changes nothing.
func (s *suite) policies(ctx context.Context) error {
	if err := s.areShipped(); err != nil {
		return err
	}
	url, err := s.project(ctx)
	if err != nil {
		return err
	}
	pushed, err := accessRules(ctx, url)
	if err != nil {
		return err
	}
	for _, how := range []struct{ name, before string }{
		{"policies/ after db push", ""},
		{"policies/ a second time", ""},
		{"policies/ alone", dropOurs},
	} {
		if err := s.applyPolicies(ctx, url, how.before); err != nil {
			return fmt.Errorf("%s: %w", how.name, err)
		}
		now, err := accessRules(ctx, url)
		if err != nil {
			return err
		}
		if err := sameRules(pushed, now); err != nil {
			return fmt.Errorf("%s differ from db push: %w", how.name, err)
		}
	}
	return nil
}

// areShipped compares the newest migration of each folder with its files.
func (s *suite) areShipped() error {
	for _, shipped := range []stack.Shipped{stack.Rules, stack.Policies} {
		path, want, err := shipped.Written(s.tree)
		if err != nil {
			return err
		}
		have, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if string(have) != want {
			return fmt.Errorf("%s is not what %s says: run ./scripts/generate", path, shipped.Folder)
		}
	}
	return nil
}

// types compares supabase/types.ts with the migrated database.
func (s *suite) types(ctx context.Context) error {
	url, err := s.project(ctx)
	if err != nil {
		return err
	}
	return s.generated(ctx, url, stack.TypesFile(s.tree), stack.Types)
}

// expected compares what the doctor expects with the migrated database.
func (s *suite) expected(ctx context.Context) error {
	url, err := s.project(ctx)
	if err != nil {
		return err
	}
	return s.generated(ctx, url, stack.ExpectedFile(s.tree), stack.Expected)
}

// generated compares a file with what is made of a migrated database.
func (s *suite) generated(ctx context.Context, url, file string, made func(context.Context, *stack.Tree, string) (string, error)) error {
	want, err := made(ctx, s.tree, url)
	if err != nil {
		return err
	}
	have, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if string(have) != want {
		return fmt.Errorf("%s is not what the migrations make: run ./scripts/generate", file)
	}
	return nil
}

// dropOurs leaves the tables without any policy or guard of ours.
const dropOurs = `
do $$
declare
  ours record;
begin
  for ours in select name, relation::regclass from zoom.our_policies loop
    execute format('drop policy %I on %s', ours.name, ours.relation);
  end loop;
  for ours in
    select tgname, tgrelid::regclass as relation from pg_trigger join pg_proc on pg_proc.oid = tgfoid where pronamespace = 'zoom'::regnamespace
      and proname not in ('note_history', 'note_visit') -- these are of no policy
  loop
    execute format('drop trigger %I on %s', ours.tgname, ours.relation);
  end loop;
end
$$;
`

// applyPolicies runs some SQL and then every file of policies/.
func (s *suite) applyPolicies(ctx context.Context, url, before string) error {
	files, err := stack.Policies.Files(s.tree)
	if err != nil {
		return err
	}
	if err := stack.Exec(ctx, url, before); err != nil {
		return err
	}
	for _, file := range files {
		sql, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := stack.Exec(ctx, url, string(sql)); err != nil {
			return fmt.Errorf("apply %s: %w", file, err)
		}
	}
	return nil
}

// accessRules are all rules of access to the tables of the app, a line each.
func accessRules(ctx context.Context, url string) ([]string, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `
		select format('policy %I on %I: %s %s to %s using (%s) with check (%s)', policyname, tablename, permissive, cmd, roles, qual, with_check)
		from pg_policies where schemaname = 'public'
		union all
		select format('%s: row level security %s, grants %s', oid::regclass, case when relrowsecurity then 'on' else 'off' end,
			(select string_agg(line::text, ' ' order by line::text) from unnest(relacl) line))
		from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'
		union all
		select pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
		union all
		select format('to undo: %s: %s', relation, statement) from zoom.undo
		order by 1`)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// sameRules names the lines that only one of two has.
func sameRules(want, have []string) error {
	var differences []string
	for _, line := range want {
		if !slices.Contains(have, line) {
			differences = append(differences, "- "+line)
		}
	}
	for _, line := range have {
		if !slices.Contains(want, line) {
			differences = append(differences, "+ "+line)
		}
	}
	if len(differences) == 0 && len(want) != len(have) {
		return fmt.Errorf("%d lines became %d", len(want), len(have))
	}
	if len(differences) > 0 {
		return errors.New("\n" + strings.Join(differences, "\n"))
	}
	return nil
}
