package main

import (
	"context"
	"fmt"
)

// routeLoads are the numbers of senders of which the route gets the one that
// suits it best.
var routeLoads = []int{1, 8, 16, 32}

// measureSettled: the sidecar, the route and pgbench settle lessons, in turns.
func measureSettled(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		return b.withRoute(ctx, func(route *entrant) error {
			return b.withBatches(ctx, func(direct *batches) error {
				return b.compareSettled(ctx, sidecar, route, direct)
			})
		})
	})
}

func (b *bench) compareSettled(ctx context.Context, sidecar, route *entrant, direct *batches) error {
	if err := sidecar.warm(ctx, b.effort.warm); err != nil {
		return err
	}
	if err := b.suitRoute(ctx, route); err != nil {
		return err
	}
	if _, err := direct.run(ctx, b.effort.warm); err != nil {
		return err
	}
	var ours, theirs, limit sample
	for round := range b.effort.rounds {
		r, err := sidecar.race(ctx, b.effort.events, senders)
		if err != nil {
			return fmt.Errorf("sidecar: %w", err)
		}
		ours = append(ours, r.settled)
		if r, err = route.race(ctx, b.effort.routeEvents, b.routeSenders); err != nil {
			return fmt.Errorf("route: %w", err)
		}
		theirs = append(theirs, r.settled)
		most, err := direct.run(ctx, b.effort.events)
		if err != nil {
			return err
		}
		if direct.missing == "" {
			limit = append(limit, most)
		}
		say("round %d: sidecar %s, route %s, pgbench %s", round+1, perSecond.write(ours[round]), perSecond.write(theirs[round]), perSecond.write(most))
	}
	b.find("settled: sidecar", perSecond, ours, fmt.Sprintf("%d senders", senders))
	b.find("settled: route", perSecond, theirs, fmt.Sprintf("%d senders, which suit it best of %v", b.routeSenders, routeLoads))
	b.find("settled: pgbench", perSecond, limit, direct.about())
	b.find("settled: sidecar ÷ route", ratio, ours.over(theirs), "")
	b.find("settled: sidecar ÷ pgbench", percent, ours.over(limit).times(100), "")
	return nil
}

// suitRoute warms the route up, and finds out how many senders suit it best
// unless that is known.
func (b *bench) suitRoute(ctx context.Context, route *entrant) error {
	if err := route.warm(ctx, b.effort.routeEvents); err != nil {
		return err
	}
	if b.routeSenders > 0 {
		return nil
	}
	rates := map[int]float64{}
	for _, n := range routeLoads {
		r, err := route.race(ctx, b.effort.routeEvents/2, n)
		if err != nil {
			return fmt.Errorf("the route with %d senders: %w", n, err)
		}
		rates[n] = r.settled
		say("the route with %d senders: %s", n, perSecond.write(r.settled))
	}
	b.routeSenders = best(rates)
	return nil
}
