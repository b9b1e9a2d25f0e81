package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"zoom-attendance/scripts/stack"
)

// beforeTemplate is the database with the other revision's migrations.
const beforeTemplate = "bench_before"

// comparables are the measurements that two revisions can be compared by.
var comparables = []string{"settled", "answers", "visible"}

// version is one of the two that are compared.
type version struct {
	label    string
	program  string
	template string
	lines    []string // as `go test -bench` writes them
}

// compare measures another revision's sidecar, with its migrations, and that of
// the working tree, in turns, and has benchstat say what the difference is
// worth.
func compare(ctx context.Context, o options) (err error) {
	chosen, err := chooseComparable(o.only)
	if err != nil {
		return err
	}
	g, err := openGround(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	b := &bench{ground: g, effort: o.effort(6)}
	err = b.compareWith(ctx, o.compare, chosen)
	if ctx.Err() != nil {
		return errStopped
	}
	return err
}

func (b *bench) compareWith(ctx context.Context, revision string, chosen []string) (err error) {
	before, removeTree, err := b.checkOut(ctx, revision)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, removeTree()) }()
	now := &version{label: "now", program: b.sidecar, template: stack.Template}
	if err := b.inTurns(ctx, chosen, before, now); err != nil {
		return err
	}
	return b.benchstat(ctx, before, now)
}

func chooseComparable(only []string) ([]string, error) {
	if len(only) == 0 {
		return comparables[:1], nil
	}
	for _, name := range only {
		if !slices.Contains(comparables, name) {
			return nil, fmt.Errorf("revisions can be compared by %s, and not by %q", strings.Join(comparables, ", "), name)
		}
	}
	return only, nil
}

// checkOut makes a tree of a revision, builds its sidecar, and makes a template
// with its migrations.
func (g *ground) checkOut(ctx context.Context, revision string) (v *version, remove func() error, err error) {
	commit, err := g.git(ctx, "rev-parse", "--short", "--verify", revision+"^{commit}")
	if err != nil {
		return nil, nil, err
	}
	fmt.Printf("Building the sidecar of %s (%s), with its migrations\n", revision, commit)
	root := filepath.Join(g.server.Dir(), "before")
	if _, err := g.git(ctx, "worktree", "prune"); err != nil { // of a run that was killed
		return nil, nil, err
	}
	if _, err := g.git(ctx, "worktree", "add", "--detach", root, commit); err != nil {
		return nil, nil, err
	}
	remove = func() error {
		_, err := g.git(context.WithoutCancel(ctx), "worktree", "remove", "--force", root)
		return err
	}
	v = &version{label: commit, template: beforeTemplate}
	if v.program, err = g.release(ctx, root, "sidecar-before"); err == nil {
		err = g.migrateBefore(ctx, root)
	}
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return v, remove, nil
}

// migrateBefore makes the template of the other revision.
func (g *ground) migrateBefore(ctx context.Context, root string) error {
	if err := os.Symlink(filepath.Join(g.tree.Root, "scripts", "node_modules"), filepath.Join(root, "scripts", "node_modules")); err != nil {
		return err
	}
	if err := stack.Exec(ctx, g.admin(), "create database "+beforeTemplate+" owner "+stack.Owner); err != nil {
		return fmt.Errorf("create the other template: %w", err)
	}
	if err := g.server.Bootstrap(ctx, beforeTemplate); err != nil {
		return err
	}
	tree := *g.tree
	tree.Root = root
	return stack.Migrate(ctx, &tree, g.server.URL(stack.Owner, beforeTemplate), false)
}

func (g *ground) git(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = g.tree.Root
	out, err := stack.Output(cmd)
	if err != nil {
		return "", fmt.Errorf("git %s: %w\n%s", args[0], err, out)
	}
	return out, nil
}

// inTurns measures one version and then the other, and the next round the other
// way round.
func (b *bench) inTurns(ctx context.Context, chosen []string, before, now *version) error {
	return b.withSidecarOf(ctx, before.program, before.template, func(old *entrant) error {
		return b.withSidecarOf(ctx, now.program, now.template, func(fresh *entrant) error {
			turns := []struct {
				*version
				e *entrant
			}{{before, old}, {now, fresh}}
			for _, t := range turns {
				if err := t.e.warm(ctx, b.effort.warm); err != nil {
					return fmt.Errorf("%s: %w", t.label, err)
				}
			}
			for round := range b.effort.rounds {
				for _, t := range turns {
					lines, err := b.benchmark(ctx, t.e, chosen)
					if err != nil {
						return fmt.Errorf("%s: %w", t.label, err)
					}
					t.lines = append(t.lines, lines...)
					say("round %d: %-8s %s", round+1, t.label, strings.Join(lines, ", "))
				}
				slices.Reverse(turns)
			}
			return nil
		})
	})
}

// benchmark measures once, and writes it as `go test -bench` does.
func (b *bench) benchmark(ctx context.Context, e *entrant, chosen []string) (lines []string, err error) {
	var r race
	if slices.Contains(chosen, "settled") || slices.Contains(chosen, "answers") {
		if r, err = e.race(ctx, b.effort.events, senders); err != nil {
			return nil, err
		}
	}
	for _, name := range chosen {
		switch name {
		case "settled":
			lines = append(lines, fmt.Sprintf("BenchmarkSettled 1 %.0f events/s", r.settled))
		case "answers":
			lines = append(lines, fmt.Sprintf("BenchmarkAnswers 1 %.0f answers/s", r.answered))
		case "visible":
			delays, err := e.delays(ctx, b.visibleEvents())
			if err != nil {
				return nil, err
			}
			lines = append(lines, fmt.Sprintf("BenchmarkVisible 1 %.2f p50-ms %.2f p99-ms", inMillis(percentile(delays, 50)), inMillis(percentile(delays, 99))))
		}
	}
	return lines, nil
}

// benchstat writes both files and shows what it makes of them.
func (b *bench) benchstat(ctx context.Context, versions ...*version) error {
	args := []string{"run", "golang.org/x/perf/cmd/benchstat@latest"}
	var paths []string
	for i, v := range versions {
		path := filepath.Join(b.tree.Local, []string{"bench-before.txt", "bench-now.txt"}[i])
		if err := os.WriteFile(path, []byte(strings.Join(v.lines, "\n")+"\n"), 0o644); err != nil {
			return err
		}
		args, paths = append(args, v.label+"="+path), append(paths, path)
	}
	fmt.Printf("\nMeasured: %s\n\n", strings.Join(paths, ", "))
	cmd := exec.CommandContext(ctx, "go", args...)
	out, err := stack.Output(cmd)
	if err != nil {
		fmt.Printf("benchstat is not to be had (%v): compare the two files with it elsewhere\n", err)
		return nil
	}
	fmt.Println(out)
	return nil
}
