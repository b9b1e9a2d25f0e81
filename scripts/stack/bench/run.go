package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// bench is one run: what the measurements share, and what they found.
type bench struct {
	*ground
	effort   effort
	findings []finding
	curves   []curve // of the picture

	routeSenders int // at which the route settled most, once that is known
}

// run takes the measurements one after another and writes the table.
func run(ctx context.Context, o options) (err error) {
	chosen, err := choose(o.only)
	if err != nil {
		return err
	}
	g, err := openGround(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	b := &bench{ground: g, effort: o.effort(3)}
	var broken []string
	for _, m := range chosen {
		fmt.Printf("\n▸ %s: %s\n", m.name, m.what)
		began := time.Now()
		err := m.run(ctx, b)
		if ctx.Err() != nil {
			return errStopped
		}
		if err != nil {
			say("✗ %v", err)
			broken = append(broken, m.name)
		}
		fmt.Printf("  in %.0fs\n", time.Since(began).Seconds())
	}
	if err := b.write(); err != nil || len(broken) == 0 {
		return err
	}
	return fmt.Errorf("what could not be measured, or ended in wrong rows: %s", strings.Join(broken, ", "))
}

// errStopped is all there is to say after Ctrl-C.
var errStopped = errors.New("stopped")

// say tells how one round of a contestant went, on a line.
func say(format string, args ...any) { fmt.Printf("  "+format+"\n", args...) }

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
