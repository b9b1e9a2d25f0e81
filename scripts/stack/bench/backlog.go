package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

const (
	probeRate = 50  // events a second that come while the rest is caught up with
	probesFor = 120 // seconds, at the most
)

// caughtUp is how a backlog was worked off.
type caughtUp struct {
	settled float64         // events a second, from the first row to the last
	noticed time.Duration   // from when the database was back to the first row
	door    []time.Duration // answers meanwhile, ascending
}

// measureBacklog: the database is away while events are accepted, and comes
// back.
func measureBacklog(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		if err := sidecar.warm(ctx, b.effort.warm); err != nil {
			return err
		}
		var rate, door, noticed sample
		for round := range b.effort.rounds {
			c, err := sidecar.catchUp(ctx, b.effort.backlog)
			if err != nil {
				return err
			}
			rate = append(rate, c.settled)
			door = append(door, inMillis(percentile(c.door, 99)))
			noticed = append(noticed, c.noticed.Seconds())
			say("round %d: %s, %s after it was back; the door's p99 meanwhile %s", round+1,
				perSecond.write(c.settled), seconds.write(c.noticed.Seconds()), millis.write(door[round]))
		}
		b.find("backlog: settled", perSecond, rate, thousands(b.effort.backlog)+" events waited")
		b.find("backlog: until the first row", seconds, noticed, "from when the database was back; nobody tells the relay, it tries again")
		b.find("backlog: door p99 meanwhile", millis, door, fmt.Sprintf("%d/s come in", probeRate))
		return nil
	})
}

// catchUp has events accepted while the gateway answers 503, lets it answer
// again, and goes on sending a few until all is settled.
func (e *entrant) catchUp(ctx context.Context, events int) (c caughtUp, err error) {
	waiting, err := e.lessons(ctx, events)
	if err != nil {
		return c, err
	}
	meanwhile, err := e.lessons(ctx, min(events, probeRate*probesFor))
	if err != nil {
		return c, err
	}
	if err := e.calm(ctx); err != nil {
		return c, err
	}
	e.away.Store(true)
	defer e.away.Store(false)
	if _, err := send(ctx, e.door, waiting.bodies, senders); err != nil {
		return c, err
	}
	back := time.Now()
	e.away.Store(false)
	if c.door, err = e.probe(ctx, meanwhile); err != nil {
		return c, err
	}
	last, err := e.arrived(ctx, waiting)
	if err != nil {
		return c, err
	}
	if err := e.check(ctx, meanwhile); err != nil {
		return c, err
	}
	first, err := e.firstCommit(ctx, waiting)
	if err != nil {
		return c, err
	}
	c.settled, c.noticed = float64(len(waiting.bodies))/last.Sub(first).Seconds(), first.Sub(back)
	return c, nil
}

// probe sends events of a lot, a second's worth at a time, until all is settled,
// and then the rest of the lot at once. It returns how long answers took while
// there was a backlog.
func (e *entrant) probe(ctx context.Context, l lot) ([]time.Duration, error) {
	settled := make(chan error, 1)
	go func() { settled <- e.settleAll(ctx) }()
	var all []time.Duration
	rest := l.bodies
	for done := false; !done && len(rest) > 0; {
		some := rest[:min(probeRate, len(rest))]
		d, err := sendAtRate(ctx, e.door, some, probeRate)
		if err != nil {
			<-settled
			return nil, err
		}
		all, rest = append(all, d.latencies()...), rest[len(some):]
		done = len(settled) > 0
	}
	if err := <-settled; err != nil {
		return nil, err
	}
	if _, err := send(ctx, e.door, rest, 1); err != nil {
		return nil, err
	}
	slices.Sort(all)
	return all, nil
}

// firstCommit is when the first coming or going of a lot was committed.
func (p *project) firstCommit(ctx context.Context, l lot) (time.Time, error) {
	var first time.Time
	err := p.db.QueryRow(ctx, `select min(pg_xact_commit_timestamp(mark.xmin))
		from zoom.marks mark join zoom.instances run using (run_id) where run.meeting_id = any ($1) and mark.segment <> ''`, l.meetings()).Scan(&first)
	if err != nil {
		return first, fmt.Errorf("ask when the first row was committed: %w", err)
	}
	return first, nil
}
