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
	clockSkew  = time.Minute     // by which the clocks of a cluster may differ
	pageGroups = 64              // groups read at a time
	pageWait   = 2 * time.Second // for those that are there
)

// Kept is what the inbox still has of the events since a time.
type Kept struct {
	Events  int       // those that are wanted
	Missing int       // groups that could not be read, or were removed meanwhile
	From    time.Time // what was accepted before is gone; zero when nothing is
}

// walk goes through the events that are kept and shows visit those that were
// accepted since a time and are wanted. It ends with the last group that was
// handed out when it began.
type walk struct {
	inbox *Inbox
	since time.Time
	want  func(body []byte) bool
	visit func(event) error
	kept  Kept
}

func (w *walk) run(ctx context.Context) error {
	next, last, err := w.span(ctx)
	for err == nil && next <= last {
		next, err = w.page(ctx, next, last)
	}
	return err
}

// span is from the first group that may hold such an event to the last.
func (w *walk) span(ctx context.Context) (first, last uint64, err error) {
	handed, err := w.inbox.events.consumer.Info(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: ask about the consumer: %w", ErrUnavailable, err)
	}
	stream, err := w.inbox.js.Stream(ctx, streamEvents)
	if err != nil {
		return 0, 0, fmt.Errorf("%w: ask about the stream: %w", ErrUnavailable, err)
	}
	if front := stream.CachedInfo().State; front.FirstSeq > 1 {
		w.kept.From = front.FirstTime.UTC()
	}
	pager, err := newPager(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: new(w.since.Add(-clockSkew)),
	})
	if err != nil {
		return 0, 0, err
	}
	defer pager.close(ctx)
	return pager.CachedInfo().Delivered.Stream + 1, handed.Delivered.Stream, nil
}

// page visits the groups that come at once, and returns the one to go on with.
func (w *walk) page(ctx context.Context, next, last uint64) (uint64, error) {
	groups, err := w.read(ctx, next, int(min(pageGroups, last-next+1)))
	if err != nil {
		return next, err
	}
	if len(groups) == 0 {
		return w.pass(ctx, next)
	}
	for _, group := range groups {
		meta, err := group.Metadata()
		if err != nil {
			return next, fmt.Errorf("read the events: %w", err)
		}
		seq := min(meta.Sequence.Stream, last+1) // beyond the last when some before it are gone
		w.kept.Missing += int(seq - next)
		if seq > last {
			return seq, nil
		}
		if err := w.visitGroup(ctx, group); err != nil {
			return seq, err
		}
		next = seq + 1
	}
	return next, nil
}

// read reads up to so many groups.
func (w *walk) read(ctx context.Context, from uint64, most int) (groups []jetstream.Msg, err error) {
	stream, err := w.inbox.js.Stream(ctx, streamEvents)
	if err != nil {
		return nil, fmt.Errorf("%w: ask about the stream: %w", ErrUnavailable, err)
	}
	pager, err := newPager(ctx, stream, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from,
	})
	if err != nil {
		return nil, err
	}
	defer pager.close(ctx)
	batch, err := pager.Fetch(most, jetstream.FetchMaxWait(pageWait))
	if err != nil {
		return nil, fmt.Errorf("%w: read the events: %w", ErrUnavailable, err)
	}
	for msg := range batch.Messages() {
		groups = append(groups, msg)
	}
	return groups, ctx.Err()
}

// visitGroup shows the events of a group that are wanted. One that cannot be
// read is a dead letter since it was handed out.
func (w *walk) visitGroup(ctx context.Context, group jetstream.Msg) error {
	events, err := readGroup(group.Headers(), group.Data())
	if err != nil {
		w.kept.Missing++
		return nil
	}
	for _, e := range events {
		if e.acceptedAt.Before(w.since) || !w.want(e.body) {
			continue
		}
		if err := w.visit(e); err != nil {
			return err
		}
		w.kept.Events++
	}
	return ctx.Err()
}

// pass says where to go on when a group did not come: behind what the house
// removed meanwhile, or behind one that is spoilt.
func (w *walk) pass(ctx context.Context, at uint64) (next uint64, err error) {
	state, err := w.inbox.state(ctx, streamEvents)
	if err != nil {
		return at, err
	}
	if state.First > at {
		w.kept.Missing += int(state.First - at)
		return state.First, nil
	}
	stream, err := w.inbox.js.Stream(ctx, streamEvents)
	if err != nil {
		return at, fmt.Errorf("%w: ask about the stream: %w", ErrUnavailable, err)
	}
	_, err = stream.GetMsg(ctx, at)
	var spoilt *jetstream.APIError
	if !errors.As(err, &spoilt) {
		return at, fmt.Errorf("%w: group %d of the events did not come in time", ErrUnavailable, at)
	}
	w.inbox.log.LogAttrs(ctx, slog.LevelError, "a group of events that are kept cannot be read and is passed over",
		slog.String(zoom.LogStream, streamEvents), slog.Uint64(zoom.LogGroup, at), slog.String(zoom.LogError, err.Error()))
	w.kept.Missing++
	return at + 1, nil
}

// pager reads a stream without leaving a trace.
type pager struct {
	jetstream.Consumer
	stream jetstream.Stream
}

// newPager makes a pager that begins where start says. close removes it;
// the server does when nobody reads for a minute.
func newPager(ctx context.Context, stream jetstream.Stream, start jetstream.ConsumerConfig) (pager, error) {
	start.AckPolicy = jetstream.AckNonePolicy
	start.MemoryStorage = true
	start.InactiveThreshold = time.Minute
	consumer, err := stream.CreateConsumer(ctx, start)
	if err != nil {
		return pager{}, fmt.Errorf("%w: read the events: %w", ErrUnavailable, err)
	}
	return pager{consumer, stream}, nil
}

func (p pager) close(ctx context.Context) {
	_ = p.stream.DeleteConsumer(ctx, p.CachedInfo().Name)
}
