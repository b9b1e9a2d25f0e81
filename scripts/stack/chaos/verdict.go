package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// settlePatience is more than the longest wait of a relay that tries again.
const settlePatience = 2 * time.Minute

// verdict is what the database says about what was promised.
type verdict struct {
	events   int           // sent, each counted once however often it was sent
	answered int           // of those, by 200
	settled  int           // of those, in the rows or, if they never can be, out of them
	lost     []string      // answered 200, and not there
	twice    []string      // there though nobody sent it, or rows that differ from the model
	delay    time.Duration // the longest from an answer to the commit
}

func (v verdict) kept() bool { return v.settled == v.answered && len(v.lost)+len(v.twice) == 0 }

// settle returns once the rows are right, or what is wrong when the patience is
// over.
func (w *world) settle(ctx context.Context) (v verdict, err error) {
	ctx, cancel := context.WithTimeout(ctx, settlePatience)
	defer cancel()
	for {
		now, lookErr := w.look(ctx)
		if lookErr == nil && now.kept() {
			return now, nil
		}
		if ctx.Err() != nil {
			return v, err
		}
		v, err = now, lookErr
		pause(ctx, 100*time.Millisecond)
	}
}

// look compares the ledger with the facts, and the model with the rows.
func (w *world) look(ctx context.Context) (verdict, error) {
	kept, err := w.kept(ctx)
	if err != nil {
		return verdict{}, err
	}
	var v verdict
	var facts []zoom.Fact
	for k, e := range w.ledger.all() {
		marks := kept[k]
		delete(kept, k)
		v.judge(e, marks)
		if len(marks) > 0 && !e.poison && (!e.refused || !e.answered.IsZero()) {
			facts = append(facts, e.fact) // kept, with an answer or without
		}
	}
	for k := range kept {
		v.twice = append(v.twice, fmt.Sprintf("a fact that nobody sent: %v", k))
	}
	if len(v.lost) > 0 {
		return v, nil // the rows cannot be right
	}
	rows, err := w.rows(ctx)
	if err != nil {
		return verdict{}, err
	}
	v.twice = append(v.twice, difference(oracle.ExpectUnchanged(w.school, facts, policy).Lines(), rows.Lines())...)
	slices.Sort(v.twice)
	return v, nil
}

// judge counts one fact.
func (v *verdict) judge(e entry, marks []mark) {
	v.events++
	there, promised := len(marks) > 0, !e.answered.IsZero()
	if there && !promised && e.refused {
		v.twice = append(v.twice, "refused, and yet in the rows: "+oracle.Sentence(e.fact))
	}
	for _, m := range marks {
		if !m.at.Equal(e.fact.At) {
			v.twice = append(v.twice, fmt.Sprintf("with another time, %s: %s", m.at.UTC().Format(time.RFC3339), oracle.Sentence(e.fact)))
		}
		if promised {
			v.delay = max(v.delay, m.committed.Sub(e.answered))
		}
	}
	if !promised {
		return
	}
	v.answered++
	if there == e.poison {
		v.lost = append(v.lost, oracle.Sentence(e.fact))
		return
	}
	v.settled++
}

// String tells what is wrong, in at most a few lines.
func (v verdict) String() string {
	var lines []string
	for _, part := range []struct {
		what  string
		lines []string
	}{{"lost", v.lost}, {"twice or wrong", v.twice}} {
		for _, line := range part.lines[:min(len(part.lines), 8)] {
			lines = append(lines, part.what+": "+line)
		}
	}
	return strings.Join(lines, "\n")
}
