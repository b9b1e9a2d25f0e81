package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

const (
	replayChunk  = 200  // events that wait at once for a replay
	replayWindow = 5000 // numbers that one statement looks through, so that it is soon over
	letterPage   = 100
)

// Replay implements Inbox.
func (in *sqliteInbox) Replay(ctx context.Context, q Replay, settled func()) (done Replayed, err error) {
	if err := in.writer.flush(ctx); err != nil {
		return done, err
	}
	if done.From, err = in.keptFrom(ctx, q.Since); err != nil {
		return done, err
	}
	search := newSearch(q, in.ready.lastNumber())
	for {
		found, more, err := search.next(ctx, in.db().read)
		if err != nil || !more {
			return done, readError(err)
		}
		if q.DryRun {
			done.Events += len(found)
			continue
		}
		for chunk := range slices.Chunk(found, replayChunk) {
			n, err := in.replay(ctx, chunk, settled)
			if done.Events += n; err != nil {
				return done, err
			}
		}
	}
}

// keptFrom is the time before which events since another may be gone; zero if none is.
func (in *sqliteInbox) keptFrom(ctx context.Context, since time.Time) (time.Time, error) {
	var until int64
	if err := in.db().read.QueryRowContext(ctx, "select removed_until from book").Scan(&until); err != nil {
		return time.Time{}, readError(err)
	}
	if from := time.UnixMicro(until).UTC(); until > 0 && !from.Before(since) {
		return from, nil
	}
	return time.Time{}, nil
}

// replay makes a few settled events wait, and returns when they are settled again.
func (in *sqliteInbox) replay(ctx context.Context, events []numbered, settled func()) (n int, err error) {
	numbers := make([]uint64, len(events))
	for i, e := range events {
		numbers[i] = e.number
	}
	list, err := json.Marshal(numbers)
	if err != nil {
		return 0, err
	}
	gone := make(chan uint64, len(events))
	defer in.ready.awaitNone(events)
	waiting := 0
	err = in.bringBack(ctx, `update events set state = 'waiting', state_at = 0, attempt = attempt + 1, outcome = null
		where number in (select value from json_each(?)) and +state = 'settled' returning number, meeting`,
		func(c *counts, events []numbered) {
			waiting = len(events)
			c.settled -= waiting
			c.waiting += waiting
			for _, e := range events {
				in.ready.await(e.number, waiter{e.meeting, gone})
			}
		}, string(list))
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	for ; waiting > 0; waiting-- {
		select {
		case <-gone:
			n++
			in.metrics.replayed.WithLabelValues("settled").Inc()
			settled()
		case <-in.closed:
			return n, errClosed
		case <-ctx.Done():
			return n, ctx.Err()
		}
	}
	return n, nil
}

// search goes through the settled events of a replay, by their numbers.
type search struct {
	Replay
	at, end uint64
}

func newSearch(q Replay, end uint64) *search { return &search{Replay: q, end: end} }

// next returns some of them, perhaps none, and whether there may be more behind
// them.
func (s *search) next(ctx context.Context, db *sql.DB) (found []numbered, more bool, err error) {
	if s.at >= s.end {
		return nil, false, nil
	}
	upTo, since := min(s.at+replayWindow, s.end), int64(0)
	query := "select number, meeting from events where state = 'settled' and number > ?1 and number <= ?2 and accepted_at >= ?3"
	if s.Outcome == OutcomeUnknown && s.Meeting != "" { // which has an index
		upTo = s.end
		query = "select number, meeting from events indexed by events_unknown where outcome = 'unknown_meeting' and number > ?1 and number <= ?2 and accepted_at >= ?3"
	}
	if !s.Since.IsZero() {
		since = s.Since.UnixMicro()
	}
	found, err = readNumbered(db.QueryContext(ctx, query+" and (?4 = '' or meeting = ?4) and (?5 = '' or outcome = ?5) order by number",
		int64(s.at), int64(upTo), since, s.Meeting, s.Outcome))
	s.at = upTo
	return found, true, err
}

// Unknown implements Inbox.
func (in *sqliteInbox) Unknown(ctx context.Context) (all []UnknownMeeting, err error) {
	if err := in.writer.flush(ctx); err != nil {
		return nil, err
	}
	rows, err := in.db().read.QueryContext(ctx, `select meeting, count(*), min(accepted_at), max(accepted_at)
		from events where outcome = 'unknown_meeting' and meeting <> '' group by meeting order by 4 desc`)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m UnknownMeeting
		var first, last int64
		if err := rows.Scan(&m.Meeting, &m.Count, &first, &last); err != nil {
			return nil, readError(err)
		}
		m.First, m.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		all = append(all, m)
	}
	return all, readError(rows.Err())
}

// DeadLetters implements Inbox. It reads a page at a time, so that nothing is held open.
func (in *sqliteInbox) DeadLetters(ctx context.Context, after uint64) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for {
			page, err := in.deadLetters(ctx, after, math.MaxInt64, letterPage)
			for _, letter := range page {
				if !yield(letter, nil) {
					return
				}
				after = letter.Number
			}
			if err != nil {
				yield(DeadLetter{}, err)
			}
			if err != nil || len(page) < letterPage {
				return
			}
		}
	}
}

// DeadLetter implements Inbox.
func (in *sqliteInbox) DeadLetter(ctx context.Context, number uint64) (DeadLetter, error) {
	if number == 0 || number > math.MaxInt64 {
		return DeadLetter{}, noLetter(number)
	}
	found, err := in.deadLetters(ctx, number-1, number, 1)
	if err == nil && len(found) == 0 {
		err = noLetter(number)
	}
	if err != nil {
		return DeadLetter{}, err
	}
	return found[0], nil
}

func noLetter(number uint64) error { return fmt.Errorf("%w: %d", ErrNoLetter, number) }

func (in *sqliteInbox) deadLetters(ctx context.Context, after, upTo uint64, most int) (all []DeadLetter, err error) {
	if after > math.MaxInt64 {
		return nil, nil
	}
	rows, err := in.db().read.QueryContext(ctx, "select "+recordColumns+`, state_at, reason from events
		where state = 'dead' and number > ? and number <= ? order by number limit ?`, int64(after), int64(min(upTo, math.MaxInt64)), most)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var buried int64
		var reason string
		r, err := scanRecord(rows, &buried, &reason)
		if err != nil {
			return all, readError(err)
		}
		all = append(all, DeadLetter{
			Number: r.number, Body: r.Body, Meeting: r.Meeting, Kind: r.Kind, Source: r.Source, Reason: reason,
			AcceptedAt: r.acceptedAt, BuriedAt: time.UnixMicro(buried).UTC(), Attempt: r.attempt,
		})
	}
	return all, readError(rows.Err())
}

// PutBack implements Inbox.
func (in *sqliteInbox) PutBack(ctx context.Context, number uint64) error {
	found := false
	err := in.bringBack(ctx, `update events set state = 'waiting', state_at = 0, attempt = attempt + 1, reason = null
		where number = ? and state = 'dead' returning number, meeting`,
		func(c *counts, events []numbered) {
			c.dead -= len(events)
			c.waiting += len(events)
			found = len(events) > 0
		}, int64(number))
	switch {
	case err != nil:
		return fmt.Errorf("put back dead letter %d: %w", number, err)
	case !found:
		return noLetter(number)
	}
	in.metrics.replayed.WithLabelValues("dead").Inc()
	return nil
}

// Drop implements Inbox.
func (in *sqliteInbox) Drop(ctx context.Context, number uint64) error {
	err := in.writer.do(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, "delete from events where number = ? and state = 'dead'", int64(number))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(noLetter(number), err)
		}
		_, err = tx.ExecContext(ctx, "update book set removed = removed + 1")
		return err
	}, func(db *database) {
		db.counts.dead--
		in.note(db, db.counts)
	})
	if err != nil {
		return fmt.Errorf("drop a dead letter: %w", err)
	}
	in.metrics.dropped.Inc()
	return nil
}
