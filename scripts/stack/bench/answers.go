package main

import (
	"context"
	"fmt"
)

// groups are how many records share a sync of the disk.
var groups = []int{1, 16, 64}

// measureAnswers: how many answers that promise something the sidecar gives,
// while it also settles; the route; and what a bare server and a bare disk can.
func measureAnswers(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		return b.withRoute(ctx, func(route *entrant) error {
			return withGin(ctx, func(gin *door) error {
				return b.compareAnswers(ctx, sidecar, route, gin)
			})
		})
	})
}

func (b *bench) compareAnswers(ctx context.Context, sidecar, route *entrant, gin *door) error {
	if err := sidecar.warm(ctx, b.effort.warm); err != nil {
		return err
	}
	if err := b.suitRoute(ctx, route); err != nil {
		return err
	}
	if _, err := b.raceGin(ctx, sidecar, gin, b.effort.warm); err != nil {
		return err
	}
	var ours, theirs, bare sample
	disk := make([]sample, len(groups))
	for round := range b.effort.rounds {
		r, err := sidecar.race(ctx, b.effort.events, senders)
		if err != nil {
			return fmt.Errorf("sidecar: %w", err)
		}
		ours = append(ours, r.answered)
		if r, err = route.race(ctx, b.effort.routeEvents, b.routeSenders); err != nil {
			return fmt.Errorf("route: %w", err)
		}
		theirs = append(theirs, r.answered)
		rate, err := b.raceGin(ctx, sidecar, gin, b.effort.events)
		if err != nil {
			return err
		}
		bare = append(bare, rate)
		for i, group := range groups {
			if rate, err = writeAndSync(sidecar.dir, group, b.effort.writing); err != nil {
				return err
			}
			disk[i] = append(disk[i], rate)
		}
		say("round %d: sidecar %s, route %s, gin+hmac %s, write+fsync %s, in 64s %s", round+1, perSecond.write(ours[round]),
			perSecond.write(theirs[round]), perSecond.write(bare[round]), perSecond.write(disk[0][round]), perSecond.write(rate))
	}
	b.find("answers: sidecar", perSecond, ours, fmt.Sprintf("%d senders; durable, and settling meanwhile", senders))
	b.find("answers: route", perSecond, theirs, fmt.Sprintf("%d senders", b.routeSenders))
	b.find("answers: gin+hmac", perSecond, bare, fmt.Sprintf("%d senders; keeps nothing", senders))
	for i, group := range groups {
		b.find(fmt.Sprintf("answers: write+fsync by %d", group), perSecond, disk[i], "1 KiB each, one writer; no HTTP")
	}
	b.find("answers: sidecar ÷ route", ratio, ours.over(theirs), "")
	b.find("answers: sidecar ÷ gin+hmac", percent, ours.over(bare).times(100), "")
	return nil
}

// raceGin sends it lessons that nobody else gets.
func (b *bench) raceGin(ctx context.Context, of *entrant, gin *door, events int) (float64, error) {
	lot, err := of.lessons(ctx, events)
	if err != nil {
		return 0, err
	}
	d, err := send(ctx, gin, lot.bodies, senders)
	if err != nil {
		return 0, fmt.Errorf("gin+hmac: %w", err)
	}
	return d.perSecond(), nil
}
