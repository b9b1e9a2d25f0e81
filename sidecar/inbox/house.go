package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	roundMost     = 5 * time.Second // between two rounds of the house
	roundLeast    = 20 * time.Millisecond
	marksPerSpan  = 168 // marks within the retention: hourly for 7 days
	nearlyFull    = 0.9 // of MaxBytes: from here on the oldest settled groups go early
	removeAtLeast = 0.1 // of MaxBytes, when they go
)

// Run keeps house until ctx ends or the inbox is closed, and then returns nil:
// it removes what was settled long enough ago and moves the gauges. It returns
// an error when the embedded store has stopped writing; only a new start of
// the process helps then.
func (b *Inbox) Run(ctx context.Context) error {
	round := time.NewTicker(min(roundMost, max(roundLeast, b.options.Retention/marksPerSpan)))
	defer round.Stop()
	for !b.isClosed() {
		if err := b.health(); err != nil && !b.isClosed() {
			return err
		}
		b.keepHouse(ctx)
		select {
		case <-round.C:
		case <-ctx.Done():
			return nil
		case <-b.closed:
		}
	}
	return nil
}

func (b *Inbox) keepHouse(ctx context.Context) {
	for _, q := range b.queues() {
		err := b.keepQueue(ctx, q)
		if err != nil && !errors.Is(err, errMarksMoved) && ctx.Err() == nil && !b.isClosed() {
			b.log.LogAttrs(ctx, slog.LevelWarn, "inbox could not keep house, will try again",
				slog.String(zoom.LogStream, q.name), slog.String(zoom.LogError, err.Error()))
		}
	}
	if stream, err := b.js.Stream(ctx, streamDead); err == nil {
		b.metrics.deadInbox.Set(float64(stream.CachedInfo().State.Msgs))
	}
	if b.dir != nil {
		if free, err := b.dir.free(b.dir.path); err == nil {
			b.metrics.free.Set(float64(free))
		}
	}
}

// keepQueue removes what is old, makes room when it gets tight, and counts.
func (b *Inbox) keepQueue(ctx context.Context, q *queue) error {
	now, err := q.look(ctx)
	if err != nil {
		return err
	}
	b.metrics.backlog.WithLabelValues(q.label).Set(float64(now.backlog))
	b.metrics.bytes.WithLabelValues(q.label).Set(float64(now.bytes))
	if q == b.events {
		b.metrics.oldest.Set(now.oldest.Seconds())
	}
	if err := b.removeOld(ctx, q, now); err != nil {
		return err
	}
	if float64(now.bytes) > nearlyFull*float64(b.options.MaxBytes) {
		b.makeRoom(ctx, q)
	}
	return nil
}

// removeOld marks how far the queue is settled now, and removes what was
// settled a retention ago. What may go is written down before it goes.
func (b *Inbox) removeOld(ctx context.Context, q *queue, now view) error {
	b.dropping.Lock()
	defer b.dropping.Unlock()
	m, err := b.readMarks(ctx, q.name)
	if err != nil {
		return err
	}
	noted := m.note(b.now(), now.settled, b.options.Retention/marksPerSpan)
	expired := m.expire(b.now().Add(-b.options.Retention))
	if noted || expired {
		if err := b.writeMarks(ctx, q.name, m); err != nil {
			return err
		}
	}
	return q.remove(ctx, now, m.Removed)
}

// makeRoom removes the oldest settled groups before their time, about a tenth
// of the cap, and reports whether there were any.
func (b *Inbox) makeRoom(ctx context.Context, q *queue) bool {
	b.dropping.Lock()
	defer b.dropping.Unlock()
	n, err := b.dropOldest(ctx, q)
	if err != nil {
		b.log.LogAttrs(ctx, slog.LevelWarn, "inbox could not make room",
			slog.String(zoom.LogStream, q.name), slog.String(zoom.LogError, err.Error()))
		return false
	}
	if n > 0 {
		b.metrics.dropped.Add(float64(n))
		b.log.LogAttrs(ctx, slog.LevelWarn, "inbox is nearly full, settled events go before their time",
			slog.String(zoom.LogStream, q.name), slog.Uint64(zoom.LogGroups, n))
	}
	return n > 0
}

func (b *Inbox) dropOldest(ctx context.Context, q *queue) (uint64, error) {
	now, err := q.look(ctx)
	if err != nil || now.removable() == 0 {
		return 0, err
	}
	each := max(1, now.bytes/now.groups)
	n := min(now.removable(), 1+uint64(removeAtLeast*float64(b.options.MaxBytes))/each)
	m, err := b.readMarks(ctx, q.name)
	if err != nil {
		return 0, err
	}
	m.Removed = max(m.Removed, now.first+n-1)
	if err := b.writeMarks(ctx, q.name, m); err != nil {
		return 0, err
	}
	return n, q.remove(ctx, now, m.Removed)
}

// view is a queue at one moment. Groups first to last are held, those up to
// settled are settled.
type view struct {
	first, last, settled   uint64
	groups, bytes, backlog uint64
	oldest                 time.Duration // age of the first that is not settled
}

// removable is how many settled groups may go. The last group of the stream
// stays, so that its number is never forgotten.
func (v view) removable() uint64 {
	to := min(v.settled, v.last-min(v.last, 1))
	if v.groups == 0 || to < v.first {
		return 0
	}
	return to - v.first + 1
}

func (q *queue) look(ctx context.Context) (v view, err error) {
	consumer, err := q.consumer.Info(ctx) // before the stream, which only grows
	if err != nil {
		return v, fmt.Errorf("ask about the consumer: %w", err)
	}
	stream, err := q.inbox.js.Stream(ctx, q.name)
	if err != nil {
		return v, fmt.Errorf("ask about the stream: %w", err)
	}
	state := stream.CachedInfo().State
	v = view{
		first: state.FirstSeq, last: state.LastSeq, settled: consumer.AckFloor.Stream,
		groups: state.Msgs, bytes: state.Bytes,
		backlog: consumer.NumPending + uint64(consumer.NumAckPending),
	}
	if v.backlog > 0 {
		if msg, err := stream.GetMsg(ctx, max(v.settled+1, v.first)); err == nil {
			v.oldest = time.Since(msg.Time)
		}
	}
	return v, nil
}

// remove removes the settled groups up to a sequence.
func (q *queue) remove(ctx context.Context, v view, to uint64) error {
	to = min(to, v.first+v.removable()-1)
	if v.removable() == 0 || to < v.first {
		return nil
	}
	stream, err := q.inbox.js.Stream(ctx, q.name)
	if err != nil {
		return fmt.Errorf("ask about the stream: %w", err)
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSequence(to+1)); err != nil {
		return fmt.Errorf("remove settled groups: %w", err)
	}
	return nil
}

func (b *Inbox) isClosed() bool {
	select {
	case <-b.closed:
		return true
	default:
		return false
	}
}
