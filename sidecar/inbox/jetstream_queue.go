package inbox

import (
	"cmp"
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

	mu       sync.Mutex
	flights  map[place]*flight
	fresh    []*flight // ready
	replayed []*flight // ready, behind those
	bytes    int       // of the bodies of fresh
	wanted   int       // the most that Next was asked for
	putOffOf map[string]PutOff
	changed  chan struct{} // closed at the next change
}

// flight is an event in flight. It is the settler of its delivery.
type flight struct {
	stored
	queue *queue
	msg   jetstream.Msg // nil in a replay

	// Under the queue's mu.
	ready    bool
	delivery *Delivery // the one that is handed out
	replays  []*replay // that wait for it
}

func newQueue(in *jetStreamInbox) *queue {
	return &queue{in: in, flights: map[place]*flight{}, putOffOf: map[string]PutOff{}, changed: make(chan struct{})}
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
		for len(taken) < most && len(q.fresh)+len(q.replayed) > 0 {
			taken = append(taken, q.handOut())
		}
		return len(taken) > 0
	})
	return taken, err
}

// handOut takes the next flight that is ready.
func (q *queue) handOut() *Delivery {
	from := q.fresh
	if len(from) == 0 {
		from = q.replayed
	}
	f := from[0]
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
	from := &q.fresh
	if f.stream == streamDone {
		from = &q.replayed
	} else {
		q.bytes -= len(f.Body)
	}
	i := slices.Index(*from, f)
	*from = slices.Delete(*from, i, i+1)
}

// add makes a flight ready; or moves it off if its meeting is put off.
func (q *queue) add(f *flight) {
	q.flights[f.place] = f
	if until := q.putOffOf[f.Meeting].Until; until.After(time.Now()) {
		q.in.start(func() { f.moveOff(until) })
		return
	}
	if f.ready {
		return
	}
	f.ready = true
	if f.stream == streamDone {
		q.replayed = append(q.replayed, f)
	} else {
		q.fresh = append(q.fresh, f)
		q.bytes += len(f.Body)
	}
	q.change()
}

// pull fetches from a stream while there is room for more, until ctx ends. It starts
// with the first call of Next.
func (q *queue) pull(ctx context.Context, stream string, c jetstream.Consumer) {
	for failed := false; ; {
		room := 0
		err := q.await(ctx, func() bool {
			room = q.wanted - len(q.fresh)
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
	f := &flight{queue: q, msg: msg, stored: readStored(p, meta.Timestamp, msg.Subject(), msg.Headers(), msg.Data())}
	q.mu.Lock()
	defer q.mu.Unlock()
	due := f.due
	if until := q.putOffOf[f.Meeting].Until; f.withMeeting && until.After(due) {
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
		if f.msg != nil {
			all = append(all, f.msg)
		}
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

// putOff notes that a meeting is put off and takes back what is in flight of it. It
// reports whether it was put off for longer before.
func (q *queue) putOff(meeting string, until time.Time, reason string) (shorter bool) {
	now := time.Now()
	q.mu.Lock()
	before, p := q.putOffOf[meeting], PutOff{Meeting: meeting, Since: now, Until: until, Reason: reason}
	if before.Until.After(now) {
		p.Since = before.Since
	}
	if !until.After(now) {
		delete(q.putOffOf, meeting)
		q.mu.Unlock()
		return true
	}
	q.putOffOf[meeting] = p
	var taken []func()
	for _, f := range q.flights {
		if f.Meeting != meeting {
			continue
		}
		if f.ready {
			q.takeOut(f)
			taken = append(taken, func() { f.moveOff(until) })
		} else if d := f.delivery; d != nil {
			taken = append(taken, func() { f.takeBack(d, until) })
		}
	}
	q.mu.Unlock()
	var all sync.WaitGroup
	for _, do := range taken {
		all.Go(do)
	}
	all.Wait()
	return before.Until.After(until)
}

// putOffs are the meetings that are put off, the longest first.
func (q *queue) putOffs() (all []PutOff) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for meeting, p := range q.putOffOf {
		if p.Until.After(now) {
			all = append(all, p)
		} else {
			delete(q.putOffOf, meeting)
		}
	}
	slices.SortFunc(all, func(a, b PutOff) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Meeting, b.Meeting))
	})
	return all
}

// takeBack ends a delivery and moves its event off.
func (f *flight) takeBack(d *Delivery, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.settled {
		d.settled = true
		f.moveOff(until)
	}
}

// moveOff has the event come again when its meeting is not put off any more.
func (f *flight) moveOff(until time.Time) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	if _, err := f.move(ctx, f.asLater(until, withMeeting)); err != nil {
		f.again()
		return
	}
	f.leave()
	f.queue.mu.Lock()
	now := f.queue.putOffOf[f.Meeting].Until
	f.queue.mu.Unlock()
	if now.Before(until) && until.After(time.Now()) { // it was lifted or shortened meanwhile
		_ = f.queue.in.bringBack(ctx, f.Meeting, now)
	}
}

func (f *flight) done(ctx context.Context, d *Delivery, outcome string) error {
	if f.stream == streamDone && f.outcome == outcome {
		f.leave()
		return nil
	}
	_, err := f.settle(ctx, d, f.asDone(outcome))
	return err
}

func (f *flight) later(ctx context.Context, d *Delivery, until time.Time) error {
	next := f.record
	next.attempt++
	_, err := f.settle(ctx, d, next.asLater(until, ""))
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
	ctx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	if seq, err = f.move(ctx, to); err == nil {
		f.leave()
		return seq, nil
	}
	f.queue.mu.Lock()
	current := f.delivery == d // else it is handed out again already
	if current {
		f.delivery = nil
	}
	f.queue.mu.Unlock()
	if current {
		f.again()
	}
	return 0, err
}

// move has the event be kept in another stream, and no more where it was.
func (f *flight) move(ctx context.Context, to *nats.Msg) (seq uint64, err error) {
	if f.msg == nil {
		return f.queue.in.move(ctx, f.stored, to)
	}
	to.Header.Set(jetstream.MsgIDHeader, f.id())
	if seq, err = f.queue.in.publish(ctx, to); err != nil {
		return 0, err
	}
	if err := f.msg.DoubleAck(ctx); err != nil && !errors.Is(err, jetstream.ErrMsgAlreadyAckd) {
		return 0, unavailable(err)
	}
	return seq, nil
}

// again has the event be handed out again in a moment, unless it is settled by then.
func (f *flight) again() {
	time.AfterFunc(retryWait, func() {
		f.queue.mu.Lock()
		defer f.queue.mu.Unlock()
		if f.queue.flights[f.place] == f && f.delivery == nil {
			f.queue.add(f)
		}
	})
}

// leave ends the flight.
func (f *flight) leave() {
	q := f.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.flights[f.place] != f {
		return
	}
	delete(q.flights, f.place)
	q.takeOut(f)
	for _, r := range f.replays {
		r.leave(f)
	}
	q.change()
}
