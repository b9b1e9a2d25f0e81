package inbox

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// goneWait is how long the server may take to notice that we closed.
const goneWait = 100 * time.Millisecond

// Inbox is the queue between the door and the relay. All methods may be
// called from any goroutine.
type Inbox struct {
	options Options
	log     *slog.Logger
	metrics *metrics
	shelf   *shelf
	events  *queue
	later   *queue
	dead    *watermark

	dir   *directory // nil when the server is not ours
	nc    *nats.Conn
	js    jetstream.JetStream
	marks jetstream.KeyValue

	unknown *unknown

	now      func() time.Time // what the house goes by
	dropping sync.Mutex       // one at a time removes
	stop     context.CancelFunc
	workers  sync.WaitGroup
	closing  sync.Once
	closed   chan struct{}
}

// Open opens the inbox, made anew if there has never been one. ctx limits the
// opening only. Besides ErrLocked, ErrNotWritable and ErrDamaged it fails when
// the cluster is out of reach or does not suit; the text says why.
//
// Whoever opens must Close, and should Run.
func Open(ctx context.Context, o Options) (*Inbox, error) {
	o = o.withDefaults()
	b := &Inbox{options: o, log: o.Log, shelf: newShelf(), now: time.Now, closed: make(chan struct{})}
	b.events = &queue{inbox: b, name: streamEvents, label: "events", subject: subjectEvents}
	b.later = &queue{inbox: b, name: streamLater, label: "later", subject: subjectLater}
	if err := b.open(ctx); err != nil {
		b.hangUp()
		return nil, err
	}
	b.metrics = newMetrics(o.Metrics)
	if b.dir != nil && b.dir.made {
		b.metrics.made.Set(1)
	}
	b.start()
	return b, nil
}

func (b *Inbox) open(ctx context.Context) (err error) {
	if b.options.URL == "" {
		if b.dir, err = openDirectory(b.options); err != nil {
			return err
		}
		b.openCheckpoints()
	}
	if err := b.connect(); err != nil {
		return err
	}
	if err := b.check(ctx); err != nil {
		return err
	}
	return b.prepare(ctx)
}

// prepare makes the streams, or finds them, and remembers that they are.
func (b *Inbox) prepare(ctx context.Context) error {
	for _, q := range b.queues() {
		if err := q.open(ctx); err != nil {
			return err
		}
	}
	if _, err := b.js.CreateOrUpdateStream(ctx, streamConfig(b.options, streamDead, subjectDead)); err != nil {
		return fmt.Errorf("make stream %s: %w", streamDead, err)
	}
	if err := b.openMarks(ctx); err != nil {
		return err
	}
	if err := b.openUnknown(ctx); err != nil {
		return err
	}
	if b.dir == nil {
		return nil
	}
	return b.openWatermarks()
}

// start begins what goes on until Close: fetching, and keeping in hand.
func (b *Inbox) start() {
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	for _, q := range b.queues() {
		b.workers.Go(func() { q.pull(ctx) })
		b.workers.Go(func() { q.checkpoint.keep(ctx) })
	}
	b.workers.Go(func() { b.hold(ctx) })
}

func (b *Inbox) queues() []*queue { return []*queue{b.events, b.later} }

// Accept keeps the event and returns nil when it is on the disk. Otherwise the
// error is ErrFull or ErrUnavailable, the latter also when ctx ended first;
// then the event may be kept nevertheless, and come twice if it is sent again.
// body must not be changed before Accept returns, nor after an error. If ctx is
// traced, the event's trace goes on from here, whoever carries the event.
func (b *Inbox) Accept(ctx context.Context, body []byte) error {
	return b.keep(ctx, event{body: body, acceptedAt: time.Now().UTC(), attempt: 1})
}

// keep puts an event at the end of those that wait.
func (b *Inbox) keep(ctx context.Context, e event) error {
	span, carried := b.keeping(ctx)
	e.trace = carried
	err := b.events.lane.put(ctx, e, time.Time{})
	kept(span, err)
	if err != nil {
		b.metrics.refused.WithLabelValues(reason(err)).Inc()
		return fmt.Errorf("accept event: %w", err)
	}
	b.metrics.accepted.Inc()
	return nil
}

// Next waits for an event and returns it, with those that are ready beside it,
// at most max. The first call starts the fetching, and how many are kept ready
// is the greatest max so far. It ends with the error of ctx, or ErrUnavailable
// after Close.
func (b *Inbox) Next(ctx context.Context, max int) ([]*Delivery, error) {
	return b.shelf.take(ctx, max)
}

// hold tells the server, until ctx ends, that what is in hand is worked on.
func (b *Inbox) hold(ctx context.Context) {
	beat := time.NewTicker(b.options.AckWait / 3)
	defer beat.Stop()
	for {
		select {
		case <-beat.C:
			for _, q := range b.queues() {
				q.hand.each(jetstream.Msg.InProgress)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Ready says why nothing can be accepted just now, or nil.
func (b *Inbox) Ready() error {
	if b.isClosed() {
		return fmt.Errorf("%w: closed", ErrUnavailable)
	}
	if !b.nc.IsConnected() {
		return fmt.Errorf("%w: no connection to the NATS server", ErrUnavailable)
	}
	if err := b.health(); err != nil {
		return err
	}
	return b.room()
}

// health says whether the embedded server can still write.
func (b *Inbox) health() error {
	if b.dir == nil {
		return nil
	}
	return b.dir.health()
}

// room refuses before the disk is so full that the server would stop.
func (b *Inbox) room() error {
	if b.dir == nil {
		return nil
	}
	return b.dir.room()
}

// Close lets the Accepts under way finish, gives back what is in hand and not
// settled, and closes the store. When ctx ends it waits for nobody any more;
// what is not on the disk by then is refused.
func (b *Inbox) Close(ctx context.Context) error {
	b.closing.Do(func() { b.close(ctx) })
	return nil
}

func (b *Inbox) close(ctx context.Context) {
	close(b.closed)
	b.shelf.close()
	b.stop()
	b.workers.Wait()
	inTime := context.AfterFunc(ctx, b.nc.Close)
	defer inTime()
	for _, q := range b.queues() {
		q.lane.close()
		q.hand.each(giveBack)
		q.checkpoint.save()
	}
	_ = flush(ctx, b.nc) // the giving back; without it they come after AckWait
	b.hangUp()
}

// giveBack has the message handed out again, when we are gone for sure.
func giveBack(msg jetstream.Msg) error { return msg.NakWithDelay(goneWait) }

// hangUp lets go of all that open took hold of, as far as it came.
func (b *Inbox) hangUp() {
	for _, q := range b.queues() {
		if q.lane != nil {
			q.lane.close()
		}
	}
	if b.nc != nil {
		b.nc.Close()
	}
	if b.dir != nil {
		b.dir.close()
	}
	for _, w := range []*watermark{b.events.mark, b.later.mark, b.dead} {
		w.close()
	}
}
