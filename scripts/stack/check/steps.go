package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// step is one check. Its error is shown as it is.
type step struct {
	name string
	what string
	run  func(*suite, context.Context) error
}

// steps are all checks, the quick ones first.
var steps = []step{
	{"gofmt", "Go files are formatted", (*suite).gofmt},
	{"vet", "go vet finds nothing", (*suite).vet},
	{"staticcheck", "staticcheck finds nothing", (*suite).staticcheck},
	{"shellcheck", "shellcheck finds nothing in the scripts", (*suite).shellcheck},
	{"modules", "the dependencies are those of go.sum, and all are used", (*suite).modules},
	{"licences", "everything in the binary may be used by anybody", (*suite).licences},
	{"binary", "the production binary is static and free of the local stack", (*suite).binary},
	{"reproducible", "a second build from elsewhere is the same, byte by byte", (*suite).reproducible},
	{"migrations", "the migrations apply to an empty project, PostgreSQL 17", (*suite).migrations},
	{"seed", "the seed applies, twice", (*suite).seed},
	{"policies", "the policies are as policies/ says, however they are applied", (*suite).policies},
	{"types", "supabase/types.ts is that of the migrated database", (*suite).types},
	{"expected", "what sidecar doctor expects is the migrated database", (*suite).expected},
	{"advisors", "Supabase's advisors report nothing about the database", (*suite).advisors},
	{"pgtap", "SQL tests", (*suite).pgtap},
	{"holes", "a policy that is dropped or opened is noticed by the SQL tests", (*suite).holes},
	{"postgres-15", "the migrations and SQL tests on PostgreSQL 15", (*suite).postgres15},
	{"adoption", "the migrations adopt a live project of years, and give it back", (*suite).adoption},
	{"alerts", "promtool accepts the alert rules, and they fire when they should", (*suite).alerts},
	{"go", "Go tests, with the race detector", (*suite).goTests},
	{"chaos", "no event is lost or counted twice while the world breaks", (*suite).chaos},
	{"fuzz", "a few seconds of each fuzz test", (*suite).fuzz},
}

func printSteps() {
	for _, s := range steps {
		fmt.Printf("%-13s  %s\n", s.name, s.what)
	}
}

// choose returns the named steps in their order, or all.
func choose(names []string) ([]step, error) {
	if len(names) == 0 {
		return steps, nil
	}
	for _, name := range names {
		if !slices.ContainsFunc(steps, func(s step) bool { return s.name == name }) {
			return nil, fmt.Errorf("there is no step %q; --list names them", name)
		}
	}
	chosen := slices.Clone(steps)
	return slices.DeleteFunc(chosen, func(s step) bool { return !slices.Contains(names, s.name) }), nil
}

// result is how a step went.
type result struct {
	step
	took time.Duration
	err  error
}

// runSteps runs the steps one after another and sums up.
func runSteps(ctx context.Context, s *suite, chosen []step) error {
	var results []result
	for _, step := range chosen {
		fmt.Printf("▸ %s: %s\n", step.name, step.what)
		began := time.Now()
		err := step.run(s, ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("stopped during %s", step.name)
		}
		if err != nil {
			fmt.Println(indent(err.Error()))
		}
		results = append(results, result{step, time.Since(began), err})
	}
	return summary(results)
}

// summary prints one line per step and, for those that failed, the command
// that runs them alone.
func summary(results []result) error {
	fmt.Println()
	var failed []string
	for _, r := range results {
		mark := "✓"
		if r.err != nil {
			mark = "✗"
			failed = append(failed, r.name)
		}
		fmt.Printf("%s %-13s %6.1fs  %s\n", mark, r.name, r.took.Seconds(), r.what)
	}
	fmt.Printf("\n%d passed, %d failed\n", len(results)-len(failed), len(failed))
	for _, name := range failed {
		fmt.Printf("  alone: ./scripts/test --only %s\n", name)
	}
	if len(failed) > 0 {
		return errSaid
	}
	return nil
}

func indent(text string) string {
	return "    " + strings.ReplaceAll(text, "\n", "\n    ")
}
