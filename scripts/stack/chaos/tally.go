package main

import (
	"context"
	"fmt"
	"strings"
	"sync"
)

// tally counts how often a fault bit, by what it did, and tells who waits.
type tally struct {
	mu      sync.Mutex
	counts  map[string]int
	order   []string
	changed chan struct{} // closed at the next count
}

func newTally() *tally {
	return &tally{counts: map[string]int{}, changed: make(chan struct{})}
}

func (t *tally) add(what string) { t.addN(what, 1) }

func (t *tally) addN(what string, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, known := t.counts[what]; !known {
		t.order = append(t.order, what)
	}
	t.counts[what] += n
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tally) of(what string) int {
	n, _ := t.look(what)
	return n
}

func (t *tally) look(what string) (int, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[what], t.changed
}

// more returns when something has been counted n times more than now.
func (t *tally) more(ctx context.Context, what string, n int) error {
	return t.reach(ctx, what, t.of(what)+n)
}

// reach returns when something has been counted n times.
func (t *tally) reach(ctx context.Context, what string, n int) error {
	for {
		have, changed := t.look(what)
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("wait for %d %s, there were %d: %w", n, what, have, ctx.Err())
		}
	}
}

// String tells all of it: "5 kills, 3 answers lost".
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	parts := make([]string, len(t.order))
	for i, what := range t.order {
		parts[i] = fmt.Sprintf("%d %s", t.counts[what], what)
	}
	return strings.Join(parts, ", ")
}
