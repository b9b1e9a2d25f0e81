package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	fetchGroups = 16          // groups asked for at a time
	retryWait   = time.Second // after a fetch that went wrong
)

// pull fetches groups while the shelf wants more, until ctx ends.
func (q *queue) pull(ctx context.Context) {
	for q.inbox.shelf.hungry(ctx) {
		err := q.fetch(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		q.inbox.log.LogAttrs(ctx, slog.LevelWarn, "inbox cannot be read, will try again",
			slog.String(zoom.LogStream, q.name), slog.String(zoom.LogError, err.Error()))
		wait(ctx, retryWait)
	}
}

// fetch waits for groups and takes each as it comes.
func (q *queue) fetch(ctx context.Context) error {
	batch, err := q.consumer.Fetch(fetchGroups, jetstream.FetchContext(ctx))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		q.take(ctx, msg)
	}
	return batch.Error()
}

// take puts the events of a message on the shelf, or sends it back until it
// is due.
func (q *queue) take(ctx context.Context, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		q.inbox.log.LogAttrs(ctx, slog.LevelError, "inbox sent a message that is none",
			slog.String(zoom.LogStream, q.name), slog.String(zoom.LogError, err.Error()))
		return
	}
	seq := meta.Sequence.Stream
	if q.checkpoint.settled(seq) {
		_ = msg.Ack() // if this is lost it comes again, and is known again
		return
	}
	if early := untilDue(msg); early > 0 {
		_ = msg.NakWithDelay(early) // if this is lost it comes again too soon, and is sent back again
		return
	}
	events, err := readGroup(msg.Headers(), msg.Data())
	if err != nil {
		q.setAside(ctx, msg, seq, err)
		return
	}
	g := &group{queue: q, seq: seq, msg: msg, left: len(events)}
	if !q.hand.take(g) {
		return
	}
	deliveries := make([]*Delivery, len(events))
	for i, e := range events {
		deliveries[i] = &Delivery{event: e, inbox: q.inbox, origin: g}
	}
	q.inbox.shelf.put(deliveries)
}

// untilDue is how long a message has to wait still.
func untilDue(msg jetstream.Msg) time.Duration {
	due, err := time.Parse(time.RFC3339Nano, msg.Headers().Get(headerDue))
	if err != nil {
		return 0
	}
	return time.Until(due)
}

// setAside makes a dead letter of a whole message that we cannot read, such
// as one written by a later version.
func (q *queue) setAside(ctx context.Context, msg jetstream.Msg, seq uint64, why error) {
	err := q.inbox.buryGroup(ctx, msg, why.Error())
	if err == nil {
		err = q.acknowledge(ctx, msg, seq)
	}
	attrs := []slog.Attr{slog.String(zoom.LogStream, q.name), slog.String(zoom.LogReason, why.Error())}
	if err != nil {
		attrs = append(attrs, slog.String(zoom.LogError, err.Error()))
	} else {
		q.inbox.metrics.settled.WithLabelValues(howDead).Inc()
	}
	q.inbox.log.LogAttrs(ctx, slog.LevelError, "a whole group became a dead letter", attrs...)
}

// flush waits until the server has what was sent.
func flush(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	if err := nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("%w: wait for the server: %w", ErrUnavailable, err)
	}
	return nil
}

// wait lets d pass, or ctx end.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
