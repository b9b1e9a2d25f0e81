package main

import (
	"context"
	_ "embed"
	"fmt"

	"time"
	"zoom-attendance/scripts/stack"
)

// smallPast is how many classes of the small school had a lesson: about 10,000
// facts.
const smallPast = 223

// fillSQL gives a school a past.
//
//go:embed fill.sql
var fillSQL string

// measureLarge: the same lessons in a school with a short past and in one with
// a long past. They are of classes that both have.
func measureLarge(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(small *entrant) error {
		return b.withSidecar(ctx, func(large *entrant) error {
			few, err := small.fill(ctx, b.effort.classes, min(smallPast, b.effort.classes), 1)
			if err != nil {
				return err
			}
			many, err := large.fill(ctx, b.effort.classes, b.effort.classes, b.effort.occurrences)
			if err != nil {
				return err
			}
			return b.comparePasts(ctx, small, large, few, many)
		})
	})
}

func (b *bench) comparePasts(ctx context.Context, small, large *entrant, few, many int) error {
	var inSmall, inLarge sample
	for _, e := range []*entrant{small, large} {
		if err := e.warm(ctx, b.effort.warm); err != nil {
			return err
		}
	}
	for round := range b.effort.rounds {
		for _, one := range []struct {
			e    *entrant
			into *sample
		}{{small, &inSmall}, {large, &inLarge}} {
			r, err := one.e.race(ctx, b.effort.events, senders)
			if err != nil {
				return err
			}
			*one.into = append(*one.into, r.settled)
		}
		say("round %d: small %s, large %s", round+1, perSecond.write(inSmall[round]), perSecond.write(inLarge[round]))
	}
	b.find("large: small", perSecond, inSmall, thousands(few)+" facts in the database")
	b.find("large: large", perSecond, inLarge, thousands(many)+" facts in the database")
	b.find("large: large ÷ small", percent, inLarge.over(inSmall).times(100), "")
	return nil
}

// fill gives the project classes, of which some had lessons, and returns how
// many facts that makes.
func (p *project) fill(ctx context.Context, classes, withPast, lessonsEach int) (facts int, err error) {
	sql := fmt.Sprintf("set bench.school_day = '%s'; set bench.classes = %d; set bench.with_past = %d; set bench.lessons = %d;",
		schoolDay.Format(time.RFC3339), classes, withPast, lessonsEach) + fillSQL
	url := p.ground.server.URL(stack.Superuser, p.database)
	if err := stack.Exec(ctx, url, sql); err != nil {
		return 0, fmt.Errorf("fill the database: %w", err)
	}
	if err := stack.Exec(ctx, url, "vacuum (analyze)"); err != nil {
		return 0, fmt.Errorf("analyze the database: %w", err)
	}
	p.classes = classes
	err = p.db.QueryRow(ctx, "select count(*) from zoom.marks").Scan(&facts)
	say("a school of %d classes with %s facts", classes, thousands(facts))
	return facts, err
}
