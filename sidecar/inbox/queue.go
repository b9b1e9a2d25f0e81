package inbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The streams. Each has one subject.
const (
	streamEvents = "ZOOM_EVENTS" // what Accept took; settled events stay for the retention
	streamLater  = "ZOOM_LATER"  // what Later put off; the same rules
	streamDead   = "ZOOM_DEAD"   // what Bury gave up, one event a message, until somebody puts it back or drops it

	subjectEvents = "zoom.events"
	subjectLater  = "zoom.later"
	subjectDead   = "zoom.dead"

	consumerName = "relay" // the durable consumer of the first two, shared by all processes
)

const (
	handedMost  = 10_000      // groups of fresh events that all processes may hold
	dedupWindow = time.Second // we send no message ids, so any will do
)

// queue is one stream of groups with its consumer: the way in (lane), what
// this process holds (hand), how far it was answered for (mark), and what of it
// is settled (checkpoint).
type queue struct {
	inbox      *Inbox
	name       string // of the stream
	label      string // in metrics
	subject    string
	consumer   jetstream.Consumer
	lane       *lane
	hand       *hand
	mark       *watermark
	checkpoint *checkpoint
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
	if q.consumer, err = stream.CreateOrUpdateConsumer(ctx, q.consumerConfig()); err != nil {
		return fmt.Errorf("make consumer of %s: %w", q.name, err)
	}
	q.hand, q.lane = newHand(), newLane(q.publish)
	return nil
}

// consumerConfig: in our own directory the consumer lives as long as the
// process, and begins behind the checkpoint.
func (q *queue) consumerConfig() jetstream.ConsumerConfig {
	config := jetstream.ConsumerConfig{
		Durable:       consumerName,
		AckPolicy:     jetstream.AckExplicitPolicy,
		AckWait:       q.inbox.options.AckWait,
		MaxAckPending: handedMost,
		MaxDeliver:    -1,
	}
	if q == q.inbox.later {
		config.MaxAckPending = -1 // those that wait count as handed out
	}
	if q.checkpoint != nil {
		config.MemoryStorage = true
		config.DeliverPolicy = jetstream.DeliverByStartSequencePolicy
		config.OptStartSeq = q.checkpoint.floor() + 1
	}
	return config
}

// acknowledge says that a group is settled, and waits until that is known. In
// our own directory the checkpoint is what counts: should the server send the
// group again, it is known.
func (q *queue) acknowledge(ctx context.Context, msg jetstream.Msg, seq uint64) error {
	ctx, cancel := context.WithTimeout(ctx, settleWait)
	defer cancel()
	if err := msg.DoubleAck(ctx); err != nil && (q.checkpoint == nil || q.inbox.isClosed()) {
		return fmt.Errorf("%w: acknowledge: %w", ErrUnavailable, err)
	}
	q.checkpoint.settle(seq)
	return nil
}

// publish writes a group and waits until it is on the disk.
func (q *queue) publish(ctx context.Context, letters []*letter) error {
	msg := newGroup(q.subject, eventsOf(letters))
	if due := lastDue(letters); !due.IsZero() {
		msg.Header.Set(headerDue, due.UTC().Format(time.RFC3339Nano))
	}
	return q.store(ctx, msg)
}

// store waits until the message is on the disk. Without room it drops the
// oldest settled groups and tries once more.
func (q *queue) store(ctx context.Context, msg *nats.Msg) error {
	if err := q.inbox.room(); err != nil {
		return err
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
