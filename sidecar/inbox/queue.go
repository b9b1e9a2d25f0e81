package inbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

// The streams. Each has one subject.
const (
	streamEvents = "ZOOM_EVENTS" // what Accept took; settled events stay for the retention
	streamLater  = "ZOOM_LATER"  // what Later put off; the same rules
	streamDead   = "ZOOM_DEAD"   // what Bury gave up, one event a message, for ever

	subjectEvents = "zoom.events"
	subjectLater  = "zoom.later"
	subjectDead   = "zoom.dead"

	consumerName = "relay" // the durable consumer of the first two, shared by all processes
)

const (
	fetchGroups = 16              // groups asked for at a time
	retryWait   = time.Second     // after a fetch that went wrong
	handedMost  = 10_000          // groups of fresh events that all processes may hold
	dedupWindow = 1 * time.Second // we send no message ids; the least that costs nothing
)

// queue is one stream of groups with its consumer: the way in (lane), what
// this process holds (hand), and how far it is settled (marks).
type queue struct {
	inbox    *Inbox
	name     string // of the stream
	label    string // in metrics
	subject  string
	consumer jetstream.Consumer
	lane     *lane
	hand     *hand
	mark     *watermark
}

func streamConfig(o Options, name, subject string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:       name,
		Subjects:   []string{subject},
		Storage:    jetstream.FileStorage,
		Replicas:   o.Replicas,
		Retention:  jetstream.LimitsPolicy,
		Discard:    jetstream.DiscardNew,
		MaxBytes:   o.MaxBytes,
		Duplicates: dedupWindow,
		DenyDelete: name != streamDead, // so that a gap is damage
	}
}

// open makes sure that the stream and its consumer are there and starts the
// lane.
func (q *queue) open(ctx context.Context) error {
	b := q.inbox
	stream, err := b.js.CreateOrUpdateStream(ctx, streamConfig(b.options, q.name, q.subject))
	if err != nil {
		return fmt.Errorf("make stream %s: %w", q.name, err)
	}
	if q.consumer, err = stream.CreateOrUpdateConsumer(ctx, q.consumerConfig()); q.spoilt(err) {
		q.consumer, err = stream.CreateOrUpdateConsumer(ctx, q.consumerConfig())
	}
	if err != nil {
		return fmt.Errorf("make consumer of %s: %w", q.name, err)
	}
	q.hand, q.lane = newHand(), newLane(q.publish)
	return nil
}

func (q *queue) consumerConfig() jetstream.ConsumerConfig {
	handed := handedMost
	if q == q.inbox.later {
		handed = -1 // those that wait count as handed out
	}
	return jetstream.ConsumerConfig{
		Durable:       consumerName,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       q.inbox.options.AckWait,
		MaxAckPending: handed,
		MaxDeliver:    -1,
	}
}

// spoilt reports that the server could not read what it wrote about the
// consumer, and removes that. No event is lost by it: all that are kept are
// handed out again.
func (q *queue) spoilt(err error) bool {
	if q.inbox.dir == nil || !errors.Is(err, jetstream.ErrConsumerCreate) {
		return false
	}
	gone := q.inbox.dir.forgetConsumer(q.name)
	q.inbox.log.Warn("how far the inbox was settled could not be read and was set aside",
		slog.String(logStream, q.name), slog.String(zoom.LogError, err.Error()))
	return gone == nil
}

// publish writes a group and waits until it is on the disk. Without room it
// drops the oldest settled groups and tries once more.
func (q *queue) publish(ctx context.Context, letters []*letter) error {
	if err := q.inbox.room(); err != nil {
		return err
	}
	msg := newGroup(q.subject, eventsOf(letters))
	if due := lastDue(letters); !due.IsZero() {
		msg.Header.Set(headerDue, due.UTC().Format(time.RFC3339Nano))
	}
	start := time.Now()
	err := q.send(ctx, msg)
	if errors.Is(err, ErrFull) && q.inbox.makeRoom(ctx, q) {
		err = q.send(ctx, msg)
	}
	if err != nil {
		return err
	}
	q.inbox.metrics.commit.Observe(time.Since(start).Seconds())
	if q == q.inbox.events {
		q.inbox.metrics.groups.Inc()
	}
	return nil
}

func (q *queue) send(ctx context.Context, msg *nats.Msg) error {
	ack, err := q.inbox.js.PublishMsg(ctx, msg)
	if err != nil {
		return storeError(err)
	}
	return q.mark.raise(ack.Sequence)
}

func eventsOf(letters []*letter) []event {
	events := make([]event, len(letters))
	for i, letter := range letters {
		events[i] = letter.event
	}
	return events
}

func lastDue(letters []*letter) (last time.Time) {
	for _, letter := range letters {
		if letter.due.After(last) {
			last = letter.due
		}
	}
	return last
}

// pull fetches groups while the shelf wants more, until ctx ends.
func (q *queue) pull(ctx context.Context) {
	for q.inbox.shelf.hungry(ctx) {
		err := q.fetch(ctx)
		if err == nil || ctx.Err() != nil {
			continue
		}
		q.inbox.log.LogAttrs(ctx, slog.LevelWarn, "inbox cannot be read, will try again",
			slog.String(logStream, q.name), slog.String(zoom.LogError, err.Error()))
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
	if early := untilDue(msg); early > 0 {
		_ = msg.NakWithDelay(early) // if this is lost it comes again too soon, and is sent back again
		return
	}
	meta, err := msg.Metadata()
	if err != nil {
		q.inbox.log.LogAttrs(ctx, slog.LevelError, "inbox sent a message that is none",
			slog.String(logStream, q.name), slog.String(zoom.LogError, err.Error()))
		return
	}
	events, err := readGroup(msg.Headers(), msg.Data())
	if err != nil {
		q.setAside(ctx, msg, err)
		return
	}
	g := &group{queue: q, seq: meta.Sequence.Stream, msg: msg, left: len(events)}
	if !q.hand.take(g) {
		return
	}
	deliveries := make([]*Delivery, len(events))
	for i, e := range events {
		deliveries[i] = &Delivery{event: e, group: g}
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
func (q *queue) setAside(ctx context.Context, msg jetstream.Msg, why error) {
	whole := event{body: msg.Data(), acceptedAt: time.Now()}
	err := q.inbox.bury(ctx, whole, why.Error())
	if err == nil {
		err = msg.DoubleAck(ctx)
	}
	attrs := []slog.Attr{slog.String(logStream, q.name), slog.String(zoom.LogReason, why.Error())}
	if err != nil {
		attrs = append(attrs, slog.String(zoom.LogError, err.Error()))
	} else {
		q.inbox.metrics.settled.WithLabelValues(howDead).Inc()
	}
	q.inbox.log.LogAttrs(ctx, slog.LevelError, "a whole group became a dead letter", attrs...)
}

// takeBack has the server hand out again, at once, what a process before us
// held. Only in our own directory, whose lock proves that nobody holds it now.
func (q *queue) takeBack(ctx context.Context) error {
	info, nc := q.consumer.CachedInfo(), q.inbox.nc
	if info.NumAckPending == 0 {
		return nil
	}
	for seq := info.AckFloor.Stream + 1; seq <= info.Delivered.Stream; seq++ {
		// $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<of the consumer>.<time>.<pending>
		reply := fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.0.0", q.name, consumerName, seq, info.Delivered.Consumer)
		if err := nc.Publish(reply, []byte("-NAK")); err != nil {
			return fmt.Errorf("take back what was handed out: %w", err)
		}
	}
	return flush(ctx, nc)
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
