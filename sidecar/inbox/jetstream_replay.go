package inbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"
)

const (
	maxReplayedBytes = 8 << 20 // of the bodies of those that wait for a replay, or one event
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
		s := readStored(place{streamDone, seen}, meta.Timestamp, msg.Headers(), msg.Data())
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

// Replay implements Inbox.
func (in *jetStreamInbox) Replay(ctx context.Context, q Replay, settled func()) (done Replayed, err error) {
	if !in.begin() {
		return done, errClosed
	}
	defer in.end()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(in.ctx, func() { cancel(errClosed) })()

	var chunk []stored
	bytes := 0
	flush := func() error {
		n, err := in.replay(ctx, chunk, settled)
		done.Events += n
		chunk, bytes = chunk[:0], 0
		return err
	}
	if done.From, err = in.keptFrom(ctx, q.Since); err == nil {
		filter := subjectDone + tokenOrAny(q.Outcome) + "." + tokenOrAny(q.Meeting)
		err = in.read(ctx, filter, q.Since, q.DryRun, func(s stored) error {
			if q.DryRun {
				done.Events++
				return nil
			}
			chunk, bytes = append(chunk, s), bytes+len(s.Body)
			if len(chunk) < replayChunk && bytes < maxReplayedBytes {
				return nil
			}
			return flush()
		})
	}
	if err == nil {
		err = flush()
	}
	if closed := context.Cause(ctx); errors.Is(closed, errClosed) {
		err = closed
	}
	if err != nil {
		return done, fmt.Errorf("replay: %w", err)
	}
	return done, nil
}

// replay makes a few settled events wait, and returns when they are settled again, or
// put off.
func (in *jetStreamInbox) replay(ctx context.Context, events []stored, settled func()) (n int, err error) {
	var sent []func() (uint64, error)
	for _, s := range events {
		s.attempt++
		acked, failed := in.send(ctx, s.replacedBy(s.asWaiting()))
		if err = failed; err != nil {
			break
		}
		sent = append(sent, acked)
	}
	var waiting []uint64
	var deletes errgroup.Group
	deletes.SetLimit(maxMoves)
	for i, acked := range sent {
		seq, failed := acked()
		if failed != nil {
			err = failed
			continue
		}
		in.metrics.replayed.WithLabelValues("settled").Inc()
		waiting = append(waiting, seq)
		deletes.Go(func() error { return in.delete(ctx, events[i].place) })
	}
	if failed := deletes.Wait(); err == nil {
		err = failed
	}
	for _, seq := range waiting {
		if gone := in.untilGone(ctx, seq); gone != nil {
			return n, gone
		}
		n++
		settled()
	}
	return n, err
}

// untilGone waits until an event has left ZOOM_EVENTS.
func (in *jetStreamInbox) untilGone(ctx context.Context, seq uint64) error {
	for {
		_, err := in.streams[streamEvents].GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil
		}
		if err != nil {
			return unavailable(err)
		}
		if !pause(ctx, replayInterval) {
			return context.Cause(ctx)
		}
	}
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
