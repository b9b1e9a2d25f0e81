package main

import (
	"context"
	"fmt"
	"time"

	"zoom-attendance/sidecar/simulate"
)

// measureLesson: everybody leaves a large lesson at once.
func measureLesson(ctx context.Context, b *bench) error {
	return b.withSidecar(ctx, func(sidecar *entrant) error {
		if err := sidecar.warm(ctx, b.effort.warm); err != nil {
			return err
		}
		var after, all sample
		for round := range b.effort.rounds {
			sinceLast, sinceFirst, err := sidecar.letGo(ctx, b.effort.people)
			if err != nil {
				return err
			}
			after = append(after, inMillis(sinceLast))
			all = append(all, inMillis(sinceFirst))
			say("round %d: %s after the last 200, %s after the first post", round+1, millis.write(after[round]), millis.write(all[round]))
		}
		b.find("lesson: from the last 200 to the last row", millis, after, thousands(b.effort.people)+" leave within a second, and it ends")
		b.find("lesson: from the first post to the last row", millis, all, "")
		return nil
	})
}

// letGo fills a lesson with so many people and has them leave within a second.
func (e *entrant) letGo(ctx context.Context, people int) (sinceLast, sinceFirst time.Duration, err error) {
	l := newClass(e.next, people).lesson(schoolDay, e.next, simulate.Options{Duration: 45 * time.Minute})
	e.next++
	if err := e.enter(ctx, []lesson{l}); err != nil {
		return 0, 0, fmt.Errorf("put a class into the database: %w", err)
	}
	var come, leave []simulate.Event
	for _, event := range l.Events(simulate.Disorder{}) {
		if event.At.Before(l.End) {
			come = append(come, event)
		} else {
			leave = append(leave, event)
		}
	}
	if _, err := send(ctx, e.door, inOrder(come), senders); err != nil {
		return 0, 0, err
	}
	if err := e.settleAll(ctx); err != nil {
		return 0, 0, err
	}
	if err := e.calm(ctx); err != nil {
		return 0, 0, err
	}
	d, err := sendAtRate(ctx, e.door, inOrder(leave), float64(len(leave)))
	if err != nil {
		return 0, 0, err
	}
	last, err := e.arrived(ctx, lot{lessons: []lesson{l}})
	return last.Sub(d.last()), last.Sub(d.began), err
}
