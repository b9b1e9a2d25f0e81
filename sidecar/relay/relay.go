package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/zoom"
)

// Delivery is one event as the inbox hands it out. Exactly one of Done, Later and
// Bury settles it; one that could not be settled comes again.
type Delivery interface {
	Body() []byte             // what Zoom sent
	AcceptedAt() time.Time    // when the door accepted it
	Trace() trace.SpanContext // of the span that kept it; not valid if its request was not traced
	Attempt() int             // 1 at first, and one more for each Later and each replay

	Done(ctx context.Context, outcome string) error      // it needs nothing more; that came of it
	Later(ctx context.Context, wait time.Duration) error // hand it out again after wait

	// Bury gives it up, since it can never be applied, and returns the number of the
	// dead letter.
	Bury(ctx context.Context, reason string) (letter uint64, err error)
}

// Source hands out events.
type Source[D Delivery] interface {
	// Next blocks until there is an event, or ctx ends, and returns what is waiting,
	// at most max.
	Next(ctx context.Context, max int) ([]D, error)

	// PutOff hands out no event of a meeting until a time. Those in flight come again
	// then, and settling them does nothing any more. The reason is one line, never
	// personal.
	PutOff(ctx context.Context, meeting string, until time.Time, reason string) error
}

// Destination applies facts in one transaction and returns one outcome per
// fact, in order. The same facts may be applied any number of times. Its
// errors may be a [Refusal].
type Destination interface {
	Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error)
}

// Options of a relay. The zero value of each means its default.
type Options struct {
	Batch         int                   // the most events applied in one call; default 1500
	Workers       int                   // batches under way at once, of different meetings; default 2
	MinWait       time.Duration         // the first wait for a destination that is down; default 250 ms
	MaxWait       time.Duration         // the longest, before jitter; default 30 s
	ApartWorkers  int                   // meetings under way at once of those that are applied by themselves; default 3
	MinHeldWait   time.Duration         // the first wait of a meeting that fails by itself; default 2 s
	MaxHeldWait   time.Duration         // the longest, before jitter; default 5 minutes
	CallTimeout   time.Duration         // the end of one call; default 15 s, more than the destination's own
	SettleTimeout time.Duration         // the end of settling one batch; default 10 s
	AskFirst      bool                  // call the destination with no facts at the start, so that trouble shows before the first event
	Tracer        trace.Tracer          // nil: nothing is traced
	Log           *slog.Logger          // default: slog's default
	Metrics       prometheus.Registerer // nil: measured, and not shown
}

func (o Options) withDefaults() Options {
	set(&o.Batch, 1500)
	set(&o.Workers, 2)
	set(&o.MinWait, 250*time.Millisecond)
	set(&o.MaxWait, 30*time.Second)
	set(&o.ApartWorkers, 3)
	set(&o.MinHeldWait, 2*time.Second)
	set(&o.MaxHeldWait, 5*time.Minute)
	set(&o.CallTimeout, 15*time.Second)
	set(&o.SettleTimeout, 10*time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	return o
}

func set[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}

// ErrNotRunning is what Ready says before Run and after it.
var ErrNotRunning = errors.New("the relay is not running")

// Relay carries events from a source to a destination.
type Relay[D Delivery] struct {
	source      Source[D]
	destination Destination
	o           Options
	metrics     metrics
	apart       *apart[D]
	inbox       outage // the source does not hand out
	down        outage // the destination does not take
	running     atomic.Int32
}

// New makes a relay. It does nothing until Run.
func New[D Delivery](s Source[D], d Destination, o Options) *Relay[D] {
	o = o.withDefaults()
	r := &Relay[D]{source: s, destination: d, o: o, metrics: newMetrics(o.Metrics), apart: newApart[D](queueMost * o.Batch)}
	showHeld(o.Metrics, func() int { return len(r.Held()) }, r.oldestHeld)
	return r
}

// Run carries events until ctx ends and returns nil once its workers have
// finished with what they had in hand.
func (r *Relay[D]) Run(ctx context.Context) error {
	r.running.Add(1)
	defer r.running.Add(-1)
	var workers sync.WaitGroup
	if r.o.AskFirst {
		workers.Go(func() { r.askFirst(ctx) }) // what it meets is logged and counted
	}
	queues := make([]*queue[D], r.o.Workers)
	for i := range queues {
		queues[i] = newQueue[D](r.o.Batch)
		workers.Go(func() { r.work(ctx, queues[i]) })
	}
	for range r.o.ApartWorkers {
		workers.Go(func() { r.workApart(ctx) })
	}
	workers.Go(func() { r.forgetHeld(ctx) })
	r.dispatch(ctx, queues)
	workers.Wait()
	r.apart.clear()
	return nil
}

// Ready reports whether workers are running and the source hands out. A
// destination that is down does not make a relay unready: its work is to wait.
func (r *Relay[D]) Ready() error {
	if r.running.Load() == 0 {
		return ErrNotRunning
	}
	if err := r.inbox.current(); err != nil {
		return fmt.Errorf("take events from the inbox: %w", err)
	}
	return nil
}

// work applies batch after batch. What lies in its queue when ctx ends comes
// again.
func (r *Relay[D]) work(ctx context.Context, q *queue[D]) {
	for batch := q.take(ctx); batch != nil; batch = q.take(ctx) {
		if batch = r.sortOut(ctx, batch); len(batch) == 0 {
			continue
		}
		r.metrics.batch.Observe(float64(len(batch)))
		r.apply(ctx, batch)
	}
}

// dispatch takes events from the source and gives them to the workers, until ctx
// ends.
func (r *Relay[D]) dispatch(ctx context.Context, queues []*queue[D]) {
	waits := r.waits()
	for ctx.Err() == nil {
		batch, err := r.source.Next(ctx, r.o.Batch)
		if err == nil {
			r.handsOut()
			waits.Reset()
			r.share(ctx, batch, queues)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		wait := waits.NextBackOff()
		r.handsOutNothing(err, wait)
		sleep(ctx, wait)
	}
}

// share puts each event that is a fact into the queue of its meeting.
func (r *Relay[D]) share(ctx context.Context, batch []D, queues []*queue[D]) {
	shares := make([][]item[D], len(queues))
	for _, it := range r.sortOut(ctx, r.decode(ctx, batch)) {
		n := queueOf(it.fact.Meeting, len(queues))
		shares[n] = append(shares[n], it)
	}
	for n, share := range shares {
		if len(share) > 0 && !queues[n].put(ctx, share) {
			return
		}
	}
}

// handsOutNothing notes that the source failed.
func (r *Relay[D]) handsOutNothing(err error, wait time.Duration) {
	if r.inbox.failed(err, "") {
		r.o.Log.Error("the inbox does not hand out events; trying again", zoom.LogError, err, zoom.LogWait, wait)
	}
}

// handsOut notes that the source works.
func (r *Relay[D]) handsOut() {
	if lasted, was := r.inbox.over(); was {
		r.o.Log.Info("the inbox hands out events again", zoom.LogTook, lasted)
	}
}

// waits is a fresh series of waits, growing, with jitter.
func (r *Relay[D]) waits() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = r.o.MinWait, r.o.MaxWait, 2
	b.Reset()
	return b
}

// sleep waits, and reports false if ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
