package inbox

// # With NATS
//
// With Options.URL the events are kept by NATS servers with JetStream, in four streams
// with as many copies as Options.Replicas says:
//
//	Accept ─▶ ZOOM_EVENTS ──▶ Next ─▶ Delivery ─┬─ Done  ─▶ ZOOM_DONE  ─▶ gone after Options.Retention
//	              ▲  ZOOM_LATER ─▶ ▲            ├─ Later ─▶ ZOOM_LATER
//	              │  ZOOM_DONE ──▶ ▲ (Replay)   └─ Bury  ─▶ ZOOM_DEAD
//	              └──────────────────────────────── PutBack ◀┘
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
//   - A replay hands out copies from ZOOM_DONE: they do not count as waiting, and a
//     restart ends it. One that is settled with the same outcome stays as it was, so
//     the next replay counts the same attempt.
//   - Which meetings are put off is known to the process that was told, until it ends.
//     Their events are moved to ZOOM_LATER when they would be handed out. They come again
//     at the time set then, unless PutOff lifts or shortens it.
//   - Stats.Oldest looks at the first event of ZOOM_EVENTS alone: while that one was put
//     back from the dead letters it is zero.
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
	"golang.org/x/sync/errgroup"
	"golang.org/x/sync/semaphore"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxPending   = 64 << 20               // bytes published and not acknowledged yet
	maxMoves     = 64                     // under way at once, from one stream to another
	goneDelay    = 100 * time.Millisecond // until the servers know for sure that we are gone
	runInterval  = 5 * time.Second
	retryWait    = time.Second // before something that went wrong is tried again
	messageBytes = 4 << 10     // what a message takes beside its body, at most
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
	pending *semaphore.Weighted
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
		streams: map[string]jetstream.Stream{}, pending: semaphore.NewWeighted(maxPending),
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
	size := int64(len(m.Data) + messageBytes)
	if err := in.pending.Acquire(ctx, size); err != nil {
		return 0, unavailable(fmt.Errorf("wait for the servers to take what was sent before: %w", err))
	}
	defer in.pending.Release(size)
	future, err := in.js.PublishMsgAsync(m)
	if err != nil {
		return 0, unavailable(err)
	}
	select {
	case ack := <-future.Ok():
		return ack.Sequence, nil
	case err := <-future.Err():
		return 0, unavailable(err)
	case <-ctx.Done():
		return 0, unavailable(fmt.Errorf("wait for the servers: %w", context.Cause(ctx)))
	}
}

// Next implements Inbox.
func (in *jetStreamInbox) Next(ctx context.Context, max int) ([]*Delivery, error) {
	return in.queue.next(ctx, max)
}

// PutOff implements Inbox.
func (in *jetStreamInbox) PutOff(ctx context.Context, meeting string, until time.Time, reason string) error {
	if !in.begin() {
		return errClosed
	}
	defer in.end()
	if shorter := in.queue.putOff(meeting, until, oneLine(reason)); shorter {
		if err := in.bringBack(ctx, meeting, until); err != nil {
			return fmt.Errorf("put off meeting %s: %w", meeting, unavailable(err))
		}
	}
	return nil
}

// bringBack has the events of a meeting that were put off with it, for longer than
// until, wait again.
func (in *jetStreamInbox) bringBack(ctx context.Context, meeting string, until time.Time) error {
	stream, subject := in.streams[streamLater], subjectLater+token(meeting)+withMeeting
	moves, ctx := errgroup.WithContext(ctx)
	moves.SetLimit(maxMoves)
	for seq := uint64(1); ; seq++ {
		m, err := stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return moves.Wait()
		}
		if err != nil {
			return errors.Join(moves.Wait(), err)
		}
		seq = m.Sequence
		if s := readRaw(streamLater, m); s.due.After(until) {
			moves.Go(func() error {
				_, err := in.move(ctx, s, s.asWaiting())
				return err
			})
		}
	}
}

// move publishes a message in the place of another, and deletes that.
func (in *jetStreamInbox) move(ctx context.Context, s stored, to *nats.Msg) (seq uint64, err error) {
	to.Header.Set(jetstream.MsgIDHeader, s.id())
	if seq, err = in.publish(ctx, to); err != nil {
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
		var with []jetstream.StreamInfoOpt
		if name == streamLater {
			with = append(with, jetstream.WithSubjectFilter(subjectLater+"*"))
		}
		info, err := in.streams[name].Info(ctx, with...)
		if err != nil {
			return s, fmt.Errorf("ask about stream %s: %w", name, unavailable(err))
		}
		state[name] = info.State
		s.Bytes += int64(info.State.Bytes)
	}
	s.Waiting = int(state[streamEvents].Msgs + state[streamLater].Msgs)
	s.Dead, s.Settled = int(state[streamDead].Msgs), int(state[streamDone].Msgs)
	for _, n := range state[streamLater].Subjects {
		s.Later += int(n)
	}
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
		finished := make(chan struct{})
		go func() {
			in.working.Wait()
			close(finished)
		}()
		select {
		case <-finished:
			in.queue.giveBack(ctx)
		case <-ctx.Done(): // what is under way ends by itself, soon
			err = fmt.Errorf("close the inbox: %w", ctx.Err())
		}
		in.nc.Close()
	})
	return err
}
