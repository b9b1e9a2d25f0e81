package inbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

const (
	maxReplayed      = 400     // events of a replay in flight
	maxReplayedBytes = 8 << 20 // and their bytes, or one event
	clockSkew        = time.Hour
	readTimeout      = 5 * time.Second // without a message, until it is asked whether there is one
	readAhead        = 256
)

// read calls visit with the settled events of a filter that are there when it begins.
func (in *jetStreamInbox) read(ctx context.Context, filter string, since time.Time, headersOnly bool, visit func(stored) error) error {
	stream := in.streams[streamDone]
	last, err := stream.GetLastMsgForSubject(ctx, filter)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil
	}
	if err != nil {
		return unavailable(err)
	}
	config := jetstream.OrderedConsumerConfig{FilterSubjects: []string{filter}, HeadersOnly: headersOnly, InactiveThreshold: time.Minute}
	if !since.IsZero() { // nothing is settled before it is accepted
		from := since.Add(-clockSkew)
		config.DeliverPolicy, config.OptStartTime = jetstream.DeliverByStartTimePolicy, &from
	}
	c, err := in.js.OrderedConsumer(ctx, streamDone, config)
	if err != nil {
		return unavailable(err)
	}
	defer func() { _ = in.js.DeleteConsumer(context.WithoutCancel(ctx), streamDone, c.CachedInfo().Name) }()
	messages, err := c.Messages(jetstream.PullMaxMessagesWithBytesLimit(readAhead, maxReplayedBytes))
	if err != nil {
		return unavailable(err)
	}
	defer messages.Stop()
	for seen, more := uint64(0), c.CachedInfo().NumPending > 0; more && seen < last.Sequence; {
		msg, err := nextMessage(ctx, messages)
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			// What was left may have been removed meanwhile.
			_, err := stream.GetMsg(ctx, seen+1, jetstream.WithGetMsgSubject(filter))
			more = !errors.Is(err, jetstream.ErrMsgNotFound)
			continue
		}
		if err != nil {
			return unavailable(err)
		}
		meta, err := msg.Metadata()
		if err != nil {
			return unavailable(err)
		}
		seen, more = meta.Sequence.Stream, meta.NumPending > 0
		s := readStored(place{streamDone, seen}, meta.Timestamp, msg.Subject(), msg.Headers(), msg.Data())
		if seen > last.Sequence || s.acceptedAt.Before(since) {
			continue
		}
		if err := visit(s); err != nil {
			return err
		}
	}
	return nil
}

func nextMessage(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return messages.Next(jetstream.NextContext(ctx))
}

// Unknown implements Inbox. Events without a number are not listed.
func (in *jetStreamInbox) Unknown(ctx context.Context) ([]UnknownMeeting, error) {
	byNumber := map[string]*UnknownMeeting{}
	err := in.read(ctx, subjectDone+token(OutcomeUnknown)+".*", time.Time{}, true, func(s stored) error {
		m := byNumber[s.Meeting]
		if m == nil {
			m = &UnknownMeeting{Meeting: s.Meeting, First: s.acceptedAt}
			byNumber[s.Meeting] = m
		}
		m.Count++
		if s.acceptedAt.Before(m.First) {
			m.First = s.acceptedAt
		}
		if s.acceptedAt.After(m.Last) {
			m.Last = s.acceptedAt
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list unknown meetings: %w", err)
	}
	delete(byNumber, "")
	all := make([]UnknownMeeting, 0, len(byNumber))
	for _, m := range byNumber {
		all = append(all, *m)
	}
	slices.SortFunc(all, func(a, b UnknownMeeting) int { return b.Last.Compare(a.Last) })
	return all, nil
}

// replay is one Replay.
type replay struct {
	queue   *queue
	settled func()

	// Under the queue's mu.
	out   map[*flight]bool // in flight
	bytes int              // of those
	tell  int              // are settled, and settled was not called for them yet
}

// Replay implements Inbox.
func (in *jetStreamInbox) Replay(ctx context.Context, o Replay, settled func()) (done Replayed, err error) {
	if !in.begin() {
		return done, errClosed
	}
	defer in.end()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(in.ctx, func() { cancel(errClosed) })()

	r := &replay{queue: in.queue, settled: settled, out: map[*flight]bool{}}
	if done.From, err = in.keptFrom(ctx, o.Since); err == nil {
		filter := subjectDone + tokenOrAny(o.Outcome) + "." + tokenOrAny(o.Meeting)
		err = in.read(ctx, filter, o.Since, o.DryRun, func(s stored) error {
			done.Events++
			if o.DryRun {
				return nil
			}
			return r.handOut(ctx, s)
		})
	}
	if err == nil {
		err = r.await(ctx, func() bool { return len(r.out) == 0 })
	}
	if !o.DryRun {
		done.Events -= r.abandon()
	}
	if closed := context.Cause(ctx); errors.Is(closed, errClosed) {
		err = closed
	}
	if err != nil {
		return done, fmt.Errorf("replay: %w", err)
	}
	return done, nil
}

// keptFrom is the time before which events since another may be gone; zero if none is.
// They go by age, or when the stream is full; what a replay moved on is not gone.
func (in *jetStreamInbox) keptFrom(ctx context.Context, since time.Time) (from time.Time, err error) {
	info, err := in.streams[streamDone].Info(ctx)
	if err != nil {
		return from, unavailable(err)
	}
	if state := info.State; state.FirstSeq > 1 || state.Msgs == 0 && state.LastSeq > 0 {
		if old := time.Now().Add(-in.options.Retention); info.Created.Before(old) {
			from = old.UTC()
		}
		if int64(state.Bytes) > in.options.MaxBytes-maxEvent-maxHeaders {
			from = state.FirstTime.UTC() // what is gone was settled before, and accepted earlier still
		}
	}
	if from.Before(since) {
		return time.Time{}, nil
	}
	return from, nil
}

// handOut makes a settled event ready when few enough are in flight.
func (r *replay) handOut(ctx context.Context, s stored) error {
	err := r.await(ctx, func() bool {
		return len(r.out) == 0 || len(r.out) < maxReplayed && r.bytes+len(s.Body) <= maxReplayedBytes
	})
	if err != nil {
		return err
	}
	q := r.queue
	s.attempt++
	f := &flight{queue: q, stored: s}
	q.mu.Lock()
	defer q.mu.Unlock()
	if other := q.flights[f.place]; other != nil { // another replay has it in flight
		f = other
		q.change()
	} else {
		q.add(f)
	}
	f.replays = append(f.replays, r)
	r.out[f] = true
	r.bytes += len(s.Body)
	q.in.metrics.replayed.WithLabelValues("settled").Inc()
	return nil
}

// leave is called, under mu, when a flight of the replay ended.
func (r *replay) leave(f *flight) {
	delete(r.out, f)
	r.bytes -= len(f.Body)
	r.tell++
}

// await waits until holds. Meanwhile it tells what is settled.
func (r *replay) await(ctx context.Context, holds func() bool) error {
	for {
		tell, ok := 0, false
		err := r.queue.await(ctx, func() bool {
			tell, r.tell = r.tell, 0
			ok = holds()
			return ok || tell > 0
		})
		for range tell {
			r.settled()
		}
		if err != nil || ok {
			return err
		}
	}
}

// abandon leaves what is in flight to itself, and returns how many events that are.
func (r *replay) abandon() int {
	r.queue.mu.Lock()
	defer r.queue.mu.Unlock()
	for f := range r.out {
		f.replays = slices.DeleteFunc(f.replays, func(other *replay) bool { return other == r })
	}
	return len(r.out)
}

// DeadLetters implements Inbox.
func (in *jetStreamInbox) DeadLetters(ctx context.Context, after uint64) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for {
			m, err := in.streams[streamDead].GetMsg(ctx, after+1, jetstream.WithGetMsgSubject(subjectDead+">"))
			if errors.Is(err, jetstream.ErrMsgNotFound) {
				return
			}
			if err != nil {
				yield(DeadLetter{}, fmt.Errorf("list dead letters: %w", unavailable(err)))
				return
			}
			if after = m.Sequence; !yield(readRaw(streamDead, m).letter(), nil) {
				return
			}
		}
	}
}

// DeadLetter implements Inbox.
func (in *jetStreamInbox) DeadLetter(ctx context.Context, number uint64) (DeadLetter, error) {
	s, err := in.dead(ctx, number)
	return s.letter(), err
}

func (s stored) letter() DeadLetter {
	return DeadLetter{
		Number: s.seq, Body: s.Body, Meeting: s.Meeting, Kind: s.Kind, Source: s.Source, Reason: s.reason,
		AcceptedAt: s.acceptedAt, BuriedAt: s.at, Attempt: s.attempt,
	}
}

func (in *jetStreamInbox) dead(ctx context.Context, number uint64) (stored, error) {
	m, err := in.streams[streamDead].GetMsg(ctx, max(number, 1))
	if errors.Is(err, jetstream.ErrMsgNotFound) || number == 0 {
		return stored{}, fmt.Errorf("%w: %d", ErrNoLetter, number)
	}
	if err != nil {
		return stored{}, fmt.Errorf("read dead letter %d: %w", number, unavailable(err))
	}
	return readRaw(streamDead, m), nil
}

// PutBack implements Inbox.
func (in *jetStreamInbox) PutBack(ctx context.Context, number uint64) error {
	s, err := in.dead(ctx, number)
	if err != nil {
		return err
	}
	s.attempt++
	if _, err := in.move(ctx, s, s.asWaiting()); err != nil {
		return fmt.Errorf("put back dead letter %d: %w", number, err)
	}
	in.metrics.replayed.WithLabelValues("dead").Inc()
	return nil
}

// Drop implements Inbox.
func (in *jetStreamInbox) Drop(ctx context.Context, number uint64) error {
	s, err := in.dead(ctx, number)
	if err != nil {
		return err
	}
	if err := in.delete(ctx, s.place); err != nil {
		return fmt.Errorf("drop dead letter %d: %w", number, err)
	}
	in.metrics.dropped.Inc()
	return nil
}
