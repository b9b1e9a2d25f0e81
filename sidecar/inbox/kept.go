package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"slices"
	"time"
)

const (
	replayChunk    = 200                   // events that wait at once for a replay
	replayInterval = 20 * time.Millisecond // between two looks whether they are settled
	replayWindow   = 5000                  // numbers that one statement looks through, so that it is soon over
	letterPage     = 100
)

// Replay implements Inbox.
func (in *sqliteInbox) Replay(ctx context.Context, q Replay, settled func()) (done Replayed, err error) {
	if err := in.writer.flush(); err != nil {
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

// replay makes a few settled events wait, and returns when they are settled again, or put
// off.
func (in *sqliteInbox) replay(ctx context.Context, numbers []uint64, settled func()) (n int, err error) {
	list, err := json.Marshal(numbers)
	if err != nil {
		return 0, err
	}
	waiting, err := in.bringBack(numbers[0], `update events set state = 'waiting', state_at = 0, attempt = attempt + 1, outcome = null
		where number in (select value from json_each(?)) and +state = 'settled'`, string(list))
	if err != nil {
		return 0, fmt.Errorf("replay: %w", err)
	}
	in.metrics.replayed.WithLabelValues("settled").Add(float64(waiting))
	for {
		var left int
		if err := in.db().read.QueryRowContext(ctx, `select count(*) from events where number in (select value from json_each(?)) and +state = 'waiting'
			and state_at = 0 and meeting not in (select meeting from put_off where until > ?)`, string(list), time.Now().UnixMicro()).Scan(&left); err != nil {
			return n, readError(err)
		}
		for ; n < waiting-left; n++ {
			settled()
		}
		switch {
		case left == 0:
			return n, nil
		case !pause(ctx, replayInterval):
			return n, ctx.Err()
		case in.isClosed():
			return n, errClosed
		}
	}
}

// bringBack makes events wait to be handed out at once, of which it is told the first
// number. It returns how many do.
func (in *sqliteInbox) bringBack(first uint64, query string, args ...any) (n int, err error) {
	err = in.writer.do(func(ctx context.Context, tx *sql.Tx) (err error) {
		n, err = changed(tx.ExecContext(ctx, query, args...))
		return err
	})
	if err == nil && n > 0 {
		in.ready.comeBack(first)
	}
	return n, err
}

// search goes through the settled events of a replay, by their numbers.
type search struct {
	Replay
	at, end uint64
}

func newSearch(q Replay, end uint64) *search { return &search{Replay: q, end: end} }

// next returns some of them, perhaps none, and whether there may be more behind
// them.
func (s *search) next(ctx context.Context, db *sql.DB) (found []uint64, more bool, err error) {
	if s.at >= s.end {
		return nil, false, nil
	}
	upTo, since := min(s.at+replayWindow, s.end), int64(0)
	query := "select number from events where state = 'settled' and number > ?1 and number <= ?2 and accepted_at >= ?3"
	if s.Outcome == OutcomeUnknown && s.Meeting != "" { // which has an index
		upTo = s.end
		query = "select number from events indexed by events_unknown where outcome = 'unknown_meeting' and number > ?1 and number <= ?2 and accepted_at >= ?3"
	}
	if !s.Since.IsZero() {
		since = s.Since.UnixMicro()
	}
	found, err = readNumbers(db.QueryContext(ctx, query+" and (?4 = '' or meeting = ?4) and (?5 = '' or outcome = ?5) order by number",
		int64(s.at), int64(upTo), since, s.Meeting, s.Outcome))
	s.at = upTo
	return found, true, err
}

// Unknown implements Inbox.
func (in *sqliteInbox) Unknown(ctx context.Context) (all []UnknownMeeting, err error) {
	if err := in.writer.flush(); err != nil {
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
func (in *sqliteInbox) PutBack(_ context.Context, number uint64) error {
	n, err := in.bringBack(number, `update events set state = 'waiting', state_at = 0, attempt = attempt + 1, reason = null
		where number = ? and state = 'dead'`, int64(number))
	if err != nil {
		return fmt.Errorf("put back dead letter %d: %w", number, err)
	}
	if n == 0 {
		return noLetter(number)
	}
	in.metrics.replayed.WithLabelValues("dead").Inc()
	return nil
}

// Drop implements Inbox.
func (in *sqliteInbox) Drop(_ context.Context, number uint64) error {
	err := in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
		n, err := changed(tx.ExecContext(ctx, "delete from events where number = ? and state = 'dead'", int64(number)))
		if err == nil && n == 0 {
			err = noLetter(number)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, "update book set removed = removed + 1")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("drop a dead letter: %w", err)
	}
	in.metrics.dropped.Inc()
	return nil
}
