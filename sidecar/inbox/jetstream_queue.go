package inbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxInFlight  = 50_000  // of all processes
	maxReady     = 8 << 20 // bytes fetched and not handed out yet
	maxFetch     = 32      // messages of one fetch
	fetchTimeout = 5 * time.Minute
	heartbeat    = time.Second // of the servers while a fetch waits
)

// queue has the events in flight: those that were fetched, and not settled. Some are
// ready, the others are handed out, on their way to another stream, or wait to be tried
// again.
type queue struct {
	in *jetStreamInbox

	mu      sync.Mutex
	flights map[place]*flight
	ready   []*flight
	bytes   int // of the bodies of those
	wanted  int // the most that Next was asked for
	off     putOffs
	changed chan struct{} // closed at the next change
}

// flight is an event in flight. It is the settler of its delivery.
type flight struct {
	stored
	queue *queue
	msg   jetstream.Msg

	// Under the queue's mu.
	ready    bool
	delivery *Delivery // the one that is handed out, and neither settled nor taken back
}

func newQueue(in *jetStreamInbox) *queue {
	return &queue{in: in, flights: map[place]*flight{}, off: putOffs{}, changed: make(chan struct{})}
}

// wake has everybody look again who waits for a change.
func (q *queue) wake() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.change()
}

func (q *queue) change() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// await waits until holds, which is called under mu.
func (q *queue) await(ctx context.Context, holds func() bool) error {
	for {
		q.mu.Lock()
		ok, changed := holds(), q.changed
		q.mu.Unlock()
		if ok {
			return nil
		}
		if q.in.ctx.Err() != nil {
			return errClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// next is Inbox.Next.
func (q *queue) next(ctx context.Context, most int) (taken []*Delivery, err error) {
	err = q.await(ctx, func() bool {
		if q.in.ctx.Err() != nil {
			return false
		}
		if most > q.wanted {
			q.wanted = most
			q.change()
		}
		for len(taken) < most && len(q.ready) > 0 {
			taken = append(taken, q.handOut())
		}
		return len(taken) > 0
	})
	return taken, err
}

// handOut takes the next flight that is ready.
func (q *queue) handOut() *Delivery {
	f := q.ready[0]
	q.takeOut(f)
	q.change()
	f.delivery = &Delivery{record: f.record, settler: f, metrics: q.in.metrics}
	return f.delivery
}

// takeOut makes a flight one that is not ready.
func (q *queue) takeOut(f *flight) {
	if !f.ready {
		return
	}
	f.ready = false
	q.bytes -= len(f.Body)
	i := slices.Index(q.ready, f)
	q.ready = slices.Delete(q.ready, i, i+1)
}

// add makes a flight ready; or moves it off if its meeting is put off.
func (q *queue) add(f *flight) {
	q.flights[f.place] = f
	if until := q.off[f.Meeting].Until; until.After(time.Now()) {
		q.in.start(func() { f.moveOff(until) })
		return
	}
	if f.ready {
		return
	}
	f.ready = true
	q.ready = append(q.ready, f)
	q.bytes += len(f.Body)
	q.change()
}

// pull fetches from a stream while there is room for more, until ctx ends. It starts
// with the first call of Next.
func (q *queue) pull(ctx context.Context, stream string, c jetstream.Consumer) {
	for failed := false; ; {
		room := 0
		err := q.await(ctx, func() bool {
			room = q.wanted - len(q.ready)
			return room > 0 && q.bytes < maxReady
		})
		if err != nil || ctx.Err() != nil {
			return
		}
		err = q.fetch(ctx, stream, c, room)
		if err == nil || ctx.Err() != nil {
			failed = false
			continue
		}
		if q.in.nc.IsConnected() { // a lost connection is logged where it is lost
			if !failed {
				q.in.log.Warn("inbox cannot be read, trying again", zoom.LogStream, stream, zoom.LogError, err)
			}
			failed = true
			if again, err := q.in.consumer(ctx, stream); err == nil { // perhaps somebody deleted it
				c = again
			}
		}
		pause(ctx, retryWait)
	}
}

// fetch waits for messages and takes each as it comes. It is limited in messages, not in
// bytes: a replicated consumer says that the batch is complete before it sends it, if
// there are bytes left, and the client does not wait for the batch then.
func (q *queue) fetch(ctx context.Context, stream string, c jetstream.Consumer, most int) error {
	within, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	batch, err := c.Fetch(min(most, maxFetch), jetstream.FetchContext(within), jetstream.FetchHeartbeat(heartbeat))
	if err != nil {
		return err
	}
	for msg := range batch.Messages() {
		q.take(stream, msg)
	}
	if err := batch.Error(); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// take takes a message in, or gives it back until it is due.
func (q *queue) take(stream string, msg jetstream.Msg) {
	meta, err := msg.Metadata()
	if err != nil {
		q.in.log.Error("inbox got a message that is not of its streams", zoom.LogStream, stream, zoom.LogError, err)
		return
	}
	p := place{stream, meta.Sequence.Stream}
	f := &flight{queue: q, msg: msg, stored: readStored(p, meta.Timestamp, msg.Headers(), msg.Data())}
	q.mu.Lock()
	defer q.mu.Unlock()
	due := f.due
	if until := q.off[f.Meeting].Until; stream == streamLater && until.After(due) {
		due = until
	}
	switch early := time.Until(due); {
	case q.flights[p] != nil: // the server sent it twice
	case early > 0:
		_ = msg.NakWithDelay(early) // if this is lost it comes after AckWait, and goes back again
	default:
		q.add(f)
	}
}

// hold tells the servers, until ctx ends, that what is in flight is worked on.
func (q *queue) hold(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			for _, msg := range q.messages() {
				_ = msg.InProgress()
			}
		case <-ctx.Done():
			return
		}
	}
}

func (q *queue) messages() (all []jetstream.Msg) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, f := range q.flights {
		all = append(all, f.msg)
	}
	return all
}

// giveBack gives back what is not settled. What is lost of that comes after AckWait.
func (q *queue) giveBack(ctx context.Context) {
	if !q.in.nc.IsConnected() {
		return
	}
	for _, msg := range q.messages() {
		_ = msg.NakWithDelay(goneDelay)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	_ = q.in.nc.FlushWithContext(ctx)
}

// putOff notes that a meeting is put off, and moves off what is in flight of it.
func (q *queue) putOff(meeting string, until time.Time, reason string) {
	q.mu.Lock()
	until = q.off.add(meeting, until, reason).Until
	var moves sync.WaitGroup
	for _, f := range q.flights {
		if f.Meeting == meeting && (f.ready || f.delivery != nil) { // else it is on its way already
			q.takeOut(f)
			f.delivery = nil
			moves.Go(func() { f.moveOff(until) })
		}
	}
	q.mu.Unlock()
	moves.Wait()
}

// putOffs are the meetings that are put off, the longest first.
func (q *queue) putOffs() []PutOff {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.off.over()
	return q.off.list()
}

// moveOff has the event come again when its meeting is not put off any more.
func (f *flight) moveOff(until time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if _, err := f.move(ctx, f.asLater(until)); err != nil {
		f.again()
	}
}

func (f *flight) done(ctx context.Context, d *Delivery, outcome string) error {
	_, err := f.settle(ctx, d, f.asDone(outcome))
	return err
}

func (f *flight) later(ctx context.Context, d *Delivery, until time.Time) error {
	next := f.record
	next.attempt++
	_, err := f.settle(ctx, d, next.asLater(until))
	return err
}

func (f *flight) bury(ctx context.Context, d *Delivery, reason string) (letter uint64, err error) {
	return f.settle(ctx, d, f.asDead(reason))
}

// settle moves the event on. If that fails it is handed out again.
func (f *flight) settle(ctx context.Context, d *Delivery, to *nats.Msg) (seq uint64, err error) {
	if !f.queue.in.begin() {
		return 0, errClosed
	}
	defer f.queue.in.end()
	if !f.ends(d) {
		return 0, errTakenBack
	}
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if seq, err = f.move(ctx, to); err != nil {
		f.again()
	}
	return seq, err
}

// ends ends a delivery, unless it was taken back.
func (f *flight) ends(d *Delivery) bool {
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	if f.delivery != d {
		return false
	}
	f.delivery = nil
	return true
}

// move has the event be kept in another stream and no more where it was, which ends the
// flight.
func (f *flight) move(ctx context.Context, to *nats.Msg) (seq uint64, err error) {
	if seq, err = f.queue.in.publish(ctx, f.replacedBy(to)); err != nil {
		return 0, err
	}
	if err := f.msg.DoubleAck(ctx); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return 0, unavailable(err)
	}
	f.queue.mu.Lock()
	defer f.queue.mu.Unlock()
	delete(f.queue.flights, f.place)
	return seq, nil
}

// again has the event be handed out again in a moment.
func (f *flight) again() {
	time.AfterFunc(retryWait, func() {
		f.queue.mu.Lock()
		defer f.queue.mu.Unlock()
		f.queue.add(f)
	})
}
