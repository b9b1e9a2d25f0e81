package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/zoom"
)

// visibleRate is a busy school's load.
const visibleRate = 200

// measureVisible: when does the row say what was answered 200?
func measureVisible(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		if err := sidecar.warm(ctx, b.effort.warm); err != nil {
			return err
		}
		var half, most sample
		for round := range b.effort.rounds {
			delays, err := sidecar.delays(ctx, b.visibleEvents())
			if err != nil {
				return err
			}
			half = append(half, inMillis(percentile(delays, 50)))
			most = append(most, inMillis(percentile(delays, 99)))
			say("round %d: p50 %s, p99 %s", round+1, millis.write(half[round]), millis.write(most[round]))
		}
		b.find("visible: p50", millis, half, fmt.Sprintf("from the 200 to the commit, at %d/s", visibleRate))
		b.find("visible: p99", millis, most, "")
		return nil
	})
}

func (b *bench) visibleEvents() int { return int(3 * visibleRate * b.effort.offered.Seconds()) }

// delays are the times from the answers 200 of new events to the commits of
// what they tell, ascending.
func (e *entrant) delays(ctx context.Context, events int) ([]time.Duration, error) {
	lot, err := e.lessons(ctx, events)
	if err != nil {
		return nil, err
	}
	if err := e.calm(ctx); err != nil {
		return nil, err
	}
	d, err := sendAtRate(ctx, e.door, lot.bodies, visibleRate)
	if err != nil {
		return nil, err
	}
	if _, err := e.arrived(ctx, lot); err != nil {
		return nil, err
	}
	commits, err := e.commits(ctx, lot)
	if err != nil {
		return nil, err
	}
	var all []time.Duration
	for i, body := range lot.bodies {
		fact, err := zoom.Decode(body, d.answered[i])
		if err != nil {
			return nil, err
		}
		if at, kept := commits[markOf{fact.Instance, fact.Segment, fact.Kind}]; kept {
			all = append(all, max(at.Sub(d.answered[i]), 0))
		}
	}
	slices.Sort(all)
	return all, nil
}

// markOf names a coming or going: nobody comes into a segment twice.
type markOf struct {
	instance, segment string
	kind              zoom.Kind
}

// commits are when each coming and going of a lot was committed.
func (p *project) commits(ctx context.Context, l lot) (map[markOf]time.Time, error) {
	rows, err := p.db.Query(ctx, `
		select run.instance, mark.segment, mark.kind, pg_xact_commit_timestamp(mark.xmin)
		from zoom.marks mark join zoom.instances run using (run_id) where run.meeting_id = any ($1) and mark.segment <> ''`, l.meetings())
	if err != nil {
		return nil, fmt.Errorf("ask when the facts were committed: %w", err)
	}
	all := map[markOf]time.Time{}
	var mark markOf
	var at time.Time
	_, err = pgx.ForEachRow(rows, []any{&mark.instance, &mark.segment, &mark.kind, &at}, func() error {
		all[mark] = at
		return nil
	})
	return all, err
}
