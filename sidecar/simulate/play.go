package simulate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// run plays the lessons: sets the stage, sends, checks, tidies up.
func run(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	var db *database
	if s.projectURL != "" && s.projectKey != "" {
		db = newDatabase(s.projectURL, s.projectKey)
	}
	stages, tidy, err := setStage(ctx, db, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tidy()) }()

	start, err := s.startTime()
	if err != nil {
		return err
	}
	var events []Event
	var checks []check
	for i, stage := range stages {
		options := s.Options
		options.Seed += uint64(i)
		lesson := Script(stage.roster, options, NewInstance(), start)
		events = append(events, lesson.Events(s.Disorder)...)
		if s.check {
			checks = append(checks, newCheck(stage.school, lesson, s.Policy))
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	fmt.Fprintf(out, "%d lesson(s) of %s, %d events, seed %d\n", len(stages), s.Duration, len(events), s.Seed)

	bar := newSending(progress, len(events))
	sender := Sender{URL: strings.TrimRight(s.url, "/") + "/api/zoom/webhook", Secret: s.secret, Senders: s.senders, Speed: s.speed, Progress: bar.step}
	delivery, err := sender.Send(ctx, events)
	bar.Done()
	if err != nil {
		return err
	}
	fmt.Fprint(out, delivery.Report())
	if err := s.judge(ctx, db, checks, delivery, out); err != nil {
		return err
	}
	if delivery.Accepted != delivery.Sent {
		return fmt.Errorf("%w: %d events were not accepted", ErrWrong, delivery.Sent-delivery.Accepted)
	}
	return nil
}

// setStage reads or makes what is to be played, and says how to tidy up.
func setStage(ctx context.Context, db *database, s settings) (stages []stage, tidy func() error, err error) {
	nothing := func() error { return nil }
	if db == nil {
		return []stage{inventedStage(s.meeting, cmp.Or(s.Size, 30))}, nothing, nil
	}
	first, err := readStage(ctx, db, s.meeting)
	if err != nil {
		return nil, nil, err
	}
	if s.lessons == 1 {
		return []stage{first}, nothing, nil
	}
	made, err := makeMeetings(ctx, db, first, s.lessons)
	if err != nil {
		return nil, nil, err
	}
	tidy = func() error { return made.takeAway(ctx, db) }
	if s.keep {
		tidy = nothing
	}
	for _, number := range made.numbers {
		stage, err := readStage(ctx, db, number)
		if err != nil {
			return nil, nil, errors.Join(err, tidy())
		}
		stages = append(stages, stage)
	}
	return stages, tidy, nil
}

// judge waits for the rows and says whether they are right, and since when.
func (s *settings) judge(ctx context.Context, db *database, checks []check, delivery *Delivery, out io.Writer) error {
	if len(checks) == 0 {
		return nil
	}
	sent := time.Now()
	wrong, rows := settle(ctx, db, checks, s.patience)
	if len(checks) == 1 {
		printAttendance(out, checks[0], rows[0])
	}
	if len(wrong) > 0 {
		for _, line := range wrong[:min(len(wrong), 20)] {
			fmt.Fprintln(out, "✗", line)
		}
		if len(wrong) > 20 {
			fmt.Fprintf(out, "✗ and %d more\n", len(wrong)-20)
		}
		return fmt.Errorf("%w: %d differences %s after the last answer", ErrWrong, len(wrong), time.Since(sent).Round(time.Millisecond))
	}
	all := time.Since(delivery.Began)
	fmt.Fprintf(out, "✓ the rows are right (checked for %s), %s after the last answer; %.0f events a second from the first post to the last row\n",
		checks[0].demand, time.Since(sent).Round(time.Millisecond), float64(delivery.Sent)/max(all.Seconds(), 0.001))
	return nil
}
