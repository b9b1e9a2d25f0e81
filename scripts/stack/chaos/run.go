package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// effort is how much a round of a fault is.
type effort struct {
	events int // at least so many are sent
	bites  int // so often the fault bites, those that take little time
}

func (e effort) once() int { return 1 }
func (e effort) half() int { return e.bites / 2 }

// few is for what takes more time.
func (e effort) few() int { return max(2, e.bites/10) }

var (
	shortEffort = effort{events: 300, bites: 5}
	longEffort  = effort{events: 1500, bites: 50}
)

// faultPatience bounds a round: nothing may hang for ever.
const faultPatience = 6 * time.Minute

// result is how a fault went.
type result struct {
	fault
	verdict
	proof    string // how often it bit
	rounds   int
	posts    int           // all requests
	longest  time.Duration // of the answers 200
	problems []string      // why it is not as promised
	skipped  string        // why it could not be tried here
}

func (r result) good() bool { return len(r.problems) == 0 && (r.skipped != "" || r.kept()) }

// run does the faults one after another and sums up.
func run(ctx context.Context, chosen []fault, o options) (err error) {
	g, err := openGround(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	var results []result
	for _, f := range chosen {
		fmt.Printf("\n▸ %s: %s\n", f.name, f.what)
		began := time.Now()
		r := g.suffer(ctx, f, o, len(chosen))
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		r.tell(time.Since(began))
		results = append(results, r)
	}
	if err := writeTables(g.tree.Local, results); err != nil {
		return err
	}
	for _, r := range results {
		if !r.good() {
			return errBroken
		}
	}
	return nil
}

// suffer lets a fault loose on a world of its own, for its share of the time.
func (g *ground) suffer(ctx context.Context, f fault, o options, of int) result {
	r := result{fault: f}
	if f.impossible != nil {
		if r.skipped = f.impossible(); r.skipped != "" {
			return r
		}
	}
	e := longEffort
	if o.short {
		e = shortEffort
	}
	share := time.Duration(o.minutes * float64(time.Minute) / float64(of))
	r.check(g.inWorld(ctx, e, func(w *world) error {
		err := r.repeat(ctx, w, share)
		r.proof, r.posts, r.longest = w.bites.String(), w.ledger.posts, w.ledger.longest
		r.problems = append(r.problems, w.ledger.complaints()...)
		r.check(f.bit(w))
		if err != nil && ctx.Err() == nil {
			err = errors.Join(err, keepLog(g.tree.Local, f.name, w))
		}
		return err
	}))
	return r
}

// inWorld makes a world, does something in it, and closes it.
func (g *ground) inWorld(ctx context.Context, e effort, do func(*world) error) (err error) {
	w, err := openWorld(ctx, g, e)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	return do(w)
}

// repeat repeats the fault until its time is over, at least once.
func (r *result) repeat(ctx context.Context, w *world, share time.Duration) error {
	began := time.Now()
	prepare := oneSidecar
	if r.prepare != nil {
		prepare = r.prepare
	}
	if err := prepare(ctx, w); err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	for r.rounds == 0 || time.Since(began) < share {
		r.rounds++
		if err := r.round(ctx, w); err != nil {
			return err
		}
	}
	return r.goodbye(ctx, w)
}

// round lets the fault bite, and waits for the rows to be right again.
func (r *result) round(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, faultPatience)
	defer cancel()
	see := w.settle
	biteErr := r.bite(ctx, w)
	if biteErr != nil {
		see = w.look // nothing to wait for
	}
	v, err := see(ctx)
	r.verdict = v
	if err = errors.Join(biteErr, err); err != nil {
		return err
	}
	if !v.kept() {
		return errors.New("the rows did not become right within " + settlePatience.String() + "\n" + v.String())
	}
	return nil
}

// goodbye stops the sidecars as an operator would, after which the rows must
// still be right.
func (r *result) goodbye(ctx context.Context, w *world) error {
	for _, s := range w.sidecars {
		if err := s.stop(); err != nil {
			return err
		}
	}
	v, err := w.look(ctx)
	if err == nil && !v.kept() {
		err = errors.New("after the sidecars were stopped\n" + v.String())
	}
	return err
}

func (r *result) check(err error) {
	if err != nil {
		r.problems = append(r.problems, err.Error())
	}
}

// tell says on the terminal how it went.
func (r result) tell(took time.Duration) {
	if r.skipped != "" {
		fmt.Printf("  skipped: %s\n", r.skipped)
		return
	}
	mark := "✓"
	if !r.good() {
		mark = "✗"
	}
	fmt.Printf("  %s in %.0fs: %s\n", mark, took.Seconds(), r.proof)
	for _, problem := range r.problems {
		fmt.Println("    " + strings.ReplaceAll(problem, "\n", "\n    "))
	}
}

// keepLog writes down what the sidecars of a fault that failed said.
func keepLog(dir, name string, w *world) error {
	path := filepath.Join(dir, "chaos-"+name+".log")
	fmt.Println("  what the sidecar said is in " + path)
	return os.WriteFile(path, []byte(w.said(100000)), 0o644)
}
