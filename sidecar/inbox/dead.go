package inbox

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel/trace"
)

// ErrNoLetter: there is no dead letter of that id, or no longer.
var ErrNoLetter = errors.New("no such dead letter")

const (
	reasonMost  = 512                    // bytes of a reason that are kept
	backlogMost = 1000                   // groups that may wait while dead letters are put back
	backlogWait = 200 * time.Millisecond // between two looks at the backlog
)

// DeadLetter is an event that was given up.
type DeadLetter struct {
	ID         uint64    // its place in ZOOM_DEAD; never given twice
	Body       []byte    // the event as it was accepted
	Reason     string    // one line, nothing private
	AcceptedAt time.Time // as Delivery has it
	BuriedAt   time.Time
	Attempt    int  // which try was the last
	Group      bool // Body is a whole group of events that could not be read
}

// bury keeps a dead letter and returns its id.
func (b *Inbox) bury(ctx context.Context, e event, reason string) (uint64, error) {
	return b.keepDead(ctx, newDead(e, reason))
}

// buryGroup keeps a whole group as a dead letter, such that a version that
// can read it may.
func (b *Inbox) buryGroup(ctx context.Context, group jetstream.Msg, reason string) error {
	msg := newDead(event{body: group.Data(), acceptedAt: time.Now()}, reason)
	for _, name := range []string{headerFormat, headerEvents} {
		msg.Header.Set(name, oneLine(group.Headers().Get(name)))
	}
	_, err := b.keepDead(ctx, msg)
	return err
}

func newDead(e event, reason string) *nats.Msg {
	msg := nats.NewMsg(subjectDead)
	msg.Data = e.body
	msg.Header.Set(headerReason, oneLine(reason))
	msg.Header.Set(headerAcceptedAt, e.acceptedAt.UTC().Format(time.RFC3339Nano))
	msg.Header.Set(headerAttempt, strconv.Itoa(e.attempt))
	if e.trace != "" {
		msg.Header.Set(headerTrace, e.trace)
	}
	return msg
}

func (b *Inbox) keepDead(ctx context.Context, msg *nats.Msg) (id uint64, err error) {
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	ack, err := b.js.PublishMsg(ctx, msg)
	if err != nil {
		return 0, storeError(err)
	}
	return ack.Sequence, b.dead.raise(ack.Sequence)
}

// oneLine makes text fit for a header.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), reasonMost)], "")
}

// CountDead is how many dead letters there are.
func (b *Inbox) CountDead(ctx context.Context) (int, error) {
	state, err := b.state(ctx, streamDead)
	return int(state.Messages), err
}

// DeadLetters goes through the dead letters behind an id, the oldest first. It
// ends at the first error.
func (b *Inbox) DeadLetters(ctx context.Context, after uint64) iter.Seq2[DeadLetter, error] {
	return func(yield func(DeadLetter, error) bool) {
		for {
			l, err := b.deadLetter(ctx, after+1, jetstream.WithGetMsgSubject(subjectDead)) // the next one there is
			if errors.Is(err, ErrNoLetter) || !yield(l, err) || err != nil {
				return
			}
			after = l.ID
		}
	}
}

// DeadLetter returns one, or ErrNoLetter.
func (b *Inbox) DeadLetter(ctx context.Context, id uint64) (DeadLetter, error) {
	return b.deadLetter(ctx, id)
}

func (b *Inbox) deadLetter(ctx context.Context, id uint64, how ...jetstream.GetMsgOpt) (DeadLetter, error) {
	msg, err := b.deadMessage(ctx, id, how...)
	if err != nil {
		return DeadLetter{}, err
	}
	return readDead(msg), nil
}

func (b *Inbox) deadMessage(ctx context.Context, id uint64, how ...jetstream.GetMsgOpt) (*jetstream.RawStreamMsg, error) {
	stream, err := b.js.Stream(ctx, streamDead)
	if err != nil {
		return nil, fmt.Errorf("%w: open the dead letters: %w", ErrUnavailable, err)
	}
	msg, err := stream.GetMsg(ctx, id, how...)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, fmt.Errorf("%w: %d", ErrNoLetter, id)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: read dead letter %d: %w", ErrUnavailable, id, err)
	}
	return msg, nil
}

// readDead reads what newDead wrote; what cannot be read stays zero.
func readDead(msg *jetstream.RawStreamMsg) DeadLetter {
	acceptedAt, _ := time.Parse(time.RFC3339Nano, msg.Header.Get(headerAcceptedAt))
	attempt, _ := strconv.Atoi(msg.Header.Get(headerAttempt))
	return DeadLetter{
		ID: msg.Sequence, Body: msg.Data, Reason: msg.Header.Get(headerReason),
		AcceptedAt: acceptedAt, BuriedAt: msg.Time.UTC(), Attempt: attempt,
		Group: len(msg.Header.Values(headerFormat)) > 0,
	}
}

// PutBack has the event of a dead letter wait again, and then removes it from the
// dead letters. It is the event that it was: accepted when it was, with Attempt one
// higher. When it fails in between, the event may be applied
// and be a dead letter still; it is never neither.
func (b *Inbox) PutBack(ctx context.Context, id uint64) error {
	letter, err := b.deadMessage(ctx, id)
	if err != nil {
		return err
	}
	if err := b.acceptAgain(ctx, letter); err != nil {
		return fmt.Errorf("put back dead letter %d: %w", id, err)
	}
	b.metrics.replayed.WithLabelValues(fromDead).Inc()
	if err := b.removeDead(ctx, id); err != nil && !errors.Is(err, ErrNoLetter) {
		return fmt.Errorf("dead letter %d is put back and still among the dead letters: %w", id, err)
	}
	return nil
}

// acceptAgain has the event of a dead letter, or its group, wait again.
func (b *Inbox) acceptAgain(ctx context.Context, letter *jetstream.RawStreamMsg) error {
	if len(letter.Header.Values(headerFormat)) == 0 {
		was := readDead(letter)
		again := event{body: was.Body, acceptedAt: was.AcceptedAt, attempt: was.Attempt + 1}
		if again.acceptedAt.IsZero() { // its header is spoilt
			again.acceptedAt = was.BuriedAt
		}
		return b.keep(trace.ContextWithRemoteSpanContext(ctx, readTrace(letter.Header.Get(headerTrace))), again)
	}
	group := nats.NewMsg(subjectEvents)
	group.Data = letter.Data
	for _, name := range []string{headerFormat, headerEvents} {
		group.Header.Set(name, letter.Header.Get(name))
	}
	return b.events.store(ctx, group)
}

// PutAllBack puts back every dead letter there is when it begins, the oldest
// first, and tells each as it is done. It keeps the backlog short, so that
// fresh events find room. Stopped or failed, those left are dead letters
// still; doing it again goes on.
func (b *Inbox) PutAllBack(ctx context.Context, done func(id uint64)) error {
	state, err := b.state(ctx, streamDead)
	if err != nil {
		return err
	}
	for letter, err := range b.DeadLetters(ctx, 0) {
		if err != nil || letter.ID > state.Last {
			return err
		}
		if err := b.calm(ctx); err != nil {
			return fmt.Errorf("wait until fewer events wait: %w", err)
		}
		err := b.PutBack(ctx, letter.ID)
		if errors.Is(err, ErrNoLetter) {
			continue // somebody else did, or dropped it
		}
		if err != nil {
			return err
		}
		done(letter.ID)
	}
	return nil
}

// calm waits until the backlog is short.
func (b *Inbox) calm(ctx context.Context) error {
	for {
		if b.isClosed() {
			return fmt.Errorf("%w: closed", ErrUnavailable)
		}
		now, err := b.events.consumer.Info(ctx)
		if err != nil {
			return fmt.Errorf("%w: ask about the consumer: %w", ErrUnavailable, err)
		}
		if now.NumPending+uint64(now.NumAckPending) < backlogMost {
			return nil
		}
		wait(ctx, backlogWait)
	}
}

// Drop removes a dead letter for good.
func (b *Inbox) Drop(ctx context.Context, id uint64) error {
	if err := b.removeDead(ctx, id); err != nil {
		return fmt.Errorf("drop a dead letter: %w", err)
	}
	b.metrics.dropDead.Inc()
	return nil
}

func (b *Inbox) removeDead(ctx context.Context, id uint64) error {
	stream, err := b.js.Stream(ctx, streamDead)
	if err != nil {
		return fmt.Errorf("%w: open the dead letters: %w", ErrUnavailable, err)
	}
	err = stream.DeleteMsg(ctx, id)
	if err == nil {
		return nil
	}
	if _, missing := b.DeadLetter(ctx, id); errors.Is(missing, ErrNoLetter) {
		return missing
	}
	return fmt.Errorf("%w: remove dead letter %d: %w", ErrUnavailable, id, err)
}
