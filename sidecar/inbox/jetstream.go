package inbox

// # With NATS
//
// With Options.URL the events are kept by NATS servers with JetStream, in four streams
// with as many copies as Options.Replicas says:
//
//	Accept ─▶ ZOOM_EVENTS ──▶ Next ─▶ Delivery ─┬─ Done  ─▶ ZOOM_DONE  ─▶ gone after Options.Retention
//	              ▲  ZOOM_LATER ─▶ ▲            ├─ Later ─▶ ZOOM_LATER
//	              │                             └─ Bury  ─▶ ZOOM_DEAD
//	              └── Replay ◀─ ZOOM_DONE, PutBack ◀─ ZOOM_DEAD
//
// An event moves by being published to the next stream before it is acknowledged in the
// one it was in. A crash in between leaves it in both, and it is applied once more.
// Several processes may share the servers: each event is in flight in one of them, which
// says so every third of Options.AckWait. The events of a process that died go to
// another when Options.AckWait is over.
//
// Options.MaxBytes holds for each of the four streams. Without room in ZOOM_EVENTS
// Accept answers ErrFull; without room in ZOOM_DONE the events settled longest ago go
// early, which nothing counts.
//
// What is not the same as in a file:
//
//   - Accept returns when the servers have acknowledged the event: with one copy when the
//     server has written it, with more when a quorum has. Only with `sync_interval:
//     always` in their settings is it on a disk by then. Without it, what is in the memory
//     of a quorum is lost if all of those lose power within the two minutes between syncs.
//     Servers do not tell a client how they are set.
//   - Which meetings are put off is known to the process that was told, until it ends.
//     Their events are moved to ZOOM_LATER when they would be handed out, and Stats.Later
//     counts them there.
//   - Stats.Oldest looks at the first event of ZOOM_EVENTS alone: while that one was
//     replayed or put back it is zero.
//   - Damage is the servers' to find. Open refuses when some streams are missing, and when
//     ZOOM_EVENTS ends before an event that another stream has. A stream emptied by hand
//     cannot be told from one whose events are settled.
//
// Out of reach: Accept, settling and Ready answer ErrUnavailable at once. It connects
// again for as long as it takes.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxMoves    = 64                     // under way at once, from one stream to another
	goneDelay   = 100 * time.Millisecond // until the servers know for sure that we are gone
	runInterval = 5 * time.Second
	retryWait   = time.Second // before something that went wrong is tried again
)

// jetStreamInbox keeps events in streams of NATS.
type jetStreamInbox struct {
	options Options
	log     *slog.Logger
	metrics *metrics
	where   string // the servers, without passwords
	nc      *nats.Conn
	js      jetstream.JetStream
	streams map[string]jetstream.Stream
	made    bool // by this start
	queue   *queue

	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	working sync.WaitGroup // calls under way, and what runs until Close
	mu      sync.Mutex
	closed  bool
	closing sync.Once
}

func openJetStream(ctx context.Context, o Options) (Inbox, error) {
	in := &jetStreamInbox{
		options: o, log: o.Log, where: serversOf(o.URL),
		streams: map[string]jetstream.Stream{},
	}
	in.ctx, in.stop = context.WithCancel(context.Background())
	if err := in.open(ctx); err != nil {
		in.stop()
		if in.nc != nil {
			in.nc.Close()
		}
		return nil, fmt.Errorf("open the inbox: %w", err)
	}
	return in, nil
}

func (in *jetStreamInbox) open(ctx context.Context) error {
	if err := in.connect(); err != nil {
		return err
	}
	if err := in.openStreams(ctx); err != nil {
		return err
	}
	consumers := map[string]jetstream.Consumer{}
	for _, stream := range []string{streamEvents, streamLater} {
		c, err := in.consumer(ctx, stream)
		if err != nil {
			return err
		}
		consumers[stream] = c
	}
	in.metrics = newMetrics(in.options.Metrics)
	if in.made {
		in.metrics.madeNew.Set(1)
		in.log.Warn("a new inbox was made: right at the first start, else these are other servers or another account", zoom.LogServer, in.where)
	}
	in.queue = newQueue(in)
	for stream, c := range consumers {
		in.working.Go(func() { in.queue.pull(in.ctx, stream, c) })
	}
	in.working.Go(func() { in.queue.hold(in.ctx, in.options.AckWait/3) })
	return nil
}

// begin has Close wait for what begins, until end. It reports false after Close.
func (in *jetStreamInbox) begin() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.closed {
		in.working.Add(1)
	}
	return !in.closed
}

func (in *jetStreamInbox) end() { in.working.Done() }

// start does something that Close waits for.
func (in *jetStreamInbox) start(do func()) {
	if in.begin() {
		go func() {
			defer in.end()
			do()
		}()
	}
}

// Accept implements Inbox.
func (in *jetStreamInbox) Accept(ctx context.Context, e Event) error {
	e, span := startKeeping(in.options.Tracer, "nats", e)
	began := time.Now()
	err := in.accept(ctx, e)
	endKeeping(span, err)
	if err != nil {
		in.metrics.refused.WithLabelValues(refusedReason(err)).Inc()
		return fmt.Errorf("accept event: %w", err)
	}
	in.metrics.accepted.Inc()
	in.metrics.commits.Inc()
	in.metrics.commit.Observe(time.Since(began).Seconds())
	return nil
}

func (in *jetStreamInbox) accept(ctx context.Context, e Event) error {
	if !in.begin() {
		return errClosed
	}
	defer in.end()
	r := record{Event: e, acceptedAt: time.Now().UTC().Truncate(time.Microsecond), attempt: 1}
	_, err := in.publish(ctx, r.asWaiting())
	return err
}

// publish returns the message's sequence when the servers have it.
func (in *jetStreamInbox) publish(ctx context.Context, m *nats.Msg) (seq uint64, err error) {
	acked, err := in.send(ctx, m)
	if err != nil {
		return 0, err
	}
	return acked()
}

// send sends a message behind those that were sent before. acked returns its sequence
// when the servers have it.
func (in *jetStreamInbox) send(ctx context.Context, m *nats.Msg) (acked func() (seq uint64, err error), err error) {
	future, err := in.js.PublishMsgAsync(m)
	if err != nil {
		return nil, unavailable(err)
	}
	return func() (uint64, error) {
		select {
		case ack := <-future.Ok():
			return ack.Sequence, nil
		case err := <-future.Err():
			return 0, unavailable(err)
		case <-ctx.Done():
			return 0, unavailable(fmt.Errorf("wait for the servers: %w", context.Cause(ctx)))
		}
	}, nil
}

// Next implements Inbox.
func (in *jetStreamInbox) Next(ctx context.Context, max int) ([]*Delivery, error) {
	return in.queue.next(ctx, max)
}

// PutOff implements Inbox.
func (in *jetStreamInbox) PutOff(_ context.Context, meeting string, until time.Time, reason string) error {
	if !in.begin() {
		return errClosed
	}
	defer in.end()
	in.queue.putOff(meeting, until, oneLine(reason))
	return nil
}

// move publishes a message in the place of another, and deletes that.
func (in *jetStreamInbox) move(ctx context.Context, s stored, to *nats.Msg) (seq uint64, err error) {
	if seq, err = in.publish(ctx, s.replacedBy(to)); err != nil {
		return 0, err
	}
	return seq, in.delete(ctx, s.place)
}

// delete deletes a message that is not acknowledged. One that is gone is no error.
func (in *jetStreamInbox) delete(ctx context.Context, p place) error {
	err := in.streams[p.stream].DeleteMsg(ctx, p.seq)
	if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.Is(err, jetstream.ErrMsgNotFound) {
		if _, gone := in.streams[p.stream].GetMsg(ctx, p.seq); errors.Is(gone, jetstream.ErrMsgNotFound) {
			return nil
		}
	}
	return unavailable(err)
}

// Stats implements Inbox.
func (in *jetStreamInbox) Stats(ctx context.Context) (s Stats, err error) {
	state := map[string]jetstream.StreamState{}
	for _, name := range []string{streamLater, streamEvents, streamDone, streamDead} {
		info, err := in.streams[name].Info(ctx)
		if err != nil {
			return s, fmt.Errorf("ask about stream %s: %w", name, unavailable(err))
		}
		state[name] = info.State
		s.Bytes += int64(info.State.Bytes)
	}
	s.Waiting, s.Later = int(state[streamEvents].Msgs+state[streamLater].Msgs), int(state[streamLater].Msgs)
	s.Dead, s.Settled = int(state[streamDead].Msgs), int(state[streamDone].Msgs)
	if state[streamEvents].Msgs > 0 {
		m, err := in.streams[streamEvents].GetMsg(ctx, state[streamEvents].FirstSeq)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound): // it was settled just now
		case err != nil:
			return s, fmt.Errorf("read stream %s: %w", streamEvents, unavailable(err))
		default:
			if first := readRaw(streamEvents, m); first.attempt == 1 {
				s.Oldest = first.acceptedAt
			}
		}
	}
	s.PutOff = in.queue.putOffs()
	return s, nil
}

// Ready implements Inbox.
func (in *jetStreamInbox) Ready() error {
	if in.ctx.Err() != nil {
		return errClosed
	}
	if !in.nc.IsConnected() {
		return fmt.Errorf("%w: no connection to %s", ErrUnavailable, in.where)
	}
	return nil
}

// Run implements Inbox. The servers remove what is old by themselves.
func (in *jetStreamInbox) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.ctx, cancel)()
	tick := time.NewTicker(runInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		s, err := in.Stats(ctx)
		switch {
		case err == nil:
			in.metrics.show(s, time.Now())
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("%w: a stream was deleted at %s: %w", ErrDamaged, in.where, err)
		case ctx.Err() == nil && in.nc.IsConnected(): // a lost connection is logged where it is lost
			in.log.Warn("inbox cannot be asked how full it is", zoom.LogServer, in.where, zoom.LogError, err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	return nil
}

// Close implements Inbox.
func (in *jetStreamInbox) Close(ctx context.Context) (err error) {
	in.closing.Do(func() {
		in.mu.Lock()
		in.closed = true
		in.mu.Unlock()
		in.stop()
		in.queue.wake()
		if err = untilDone(ctx, &in.working); err == nil { // else what is under way ends by itself, soon
			in.queue.giveBack(ctx)
		}
		in.nc.Close()
	})
	return err
}
