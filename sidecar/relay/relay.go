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

// Delivery is one event as the inbox hands it out. Exactly one of Done, Later
// and Bury settles it; one that is never settled is handed out again.
//
// If it also has AcceptedAt() time.Time, the way from the door to the database
// is measured. If it has Trace() trace.SpanContext, its trace goes on.
type Delivery interface {
	Body() []byte                                        // what Zoom sent
	Attempt() int                                        // how often it was handed out, from 1
	Done(ctx context.Context) error                      // it needs nothing more
	Later(ctx context.Context, wait time.Duration) error // hand it out again after wait
	Bury(ctx context.Context, reason string) error       // it can never be applied
}

// Source hands out events. Next blocks until there is one, or ctx ends, and
// returns what is waiting, at most max.
type Source[D Delivery] interface {
	Next(ctx context.Context, max int) ([]D, error)
}

// Destination applies facts in one transaction and returns one outcome per
// fact, in order. The same facts may be applied any number of times. Its
// errors may be a [Refusal].
type Destination interface {
	Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error)
}

// Options of a relay. The zero value of each means its default.
type Options struct {
	Batch         int                   // the most events applied in one call; default 1000
	Workers       int                   // batches under way at once, of different meetings; default 2
	UnknownWaits  []time.Duration       // when to try an unknown meeting again; default 1, 5 and 30 minutes
	MinWait       time.Duration         // the first wait for a destination that is down; default 250 ms
	MaxWait       time.Duration         // the longest, before jitter; default 30 s
	CallTimeout   time.Duration         // the end of one call; default 15 s, more than the destination's own
	SettleTimeout time.Duration         // the end of settling one batch; default 10 s
	AskFirst      bool                  // call the destination with no facts at the start, so that trouble shows before the first event
	Tracer        trace.Tracer          // nil: nothing is traced
	Log           *slog.Logger          // default: slog's default
	Metrics       prometheus.Registerer // nil: measured, and not shown
}

func (o Options) withDefaults() Options {
	set(&o.Batch, 1000)
	set(&o.Workers, 2)
	set(&o.MinWait, 250*time.Millisecond)
	set(&o.MaxWait, 30*time.Second)
	set(&o.CallTimeout, 15*time.Second)
	set(&o.SettleTimeout, 10*time.Second)
	if o.UnknownWaits == nil {
		o.UnknownWaits = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute}
	}
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
	inbox       outage // the source does not hand out
	down        outage // the destination does not take
	running     atomic.Int32
}

// New makes a relay. It does nothing until Run.
func New[D Delivery](s Source[D], d Destination, o Options) *Relay[D] {
	o = o.withDefaults()
	return &Relay[D]{source: s, destination: d, o: o, metrics: newMetrics(o.Metrics)}
}

// Run carries events until ctx ends and returns nil once its workers have
// finished with what they had in hand.
func (r *Relay[D]) Run(ctx context.Context) error {
	r.running.Add(1)
	defer r.running.Add(-1)
	var workers sync.WaitGroup
	if r.o.AskFirst {
		workers.Go(func() { _, _ = r.answer(ctx, nil) }) // what it meets is logged and counted
	}
	trays := make([]*tray[D], r.o.Workers)
	for i := range trays {
		trays[i] = newTray[D](r.o.Batch)
		workers.Go(func() { r.work(ctx, trays[i]) })
	}
	r.deal(ctx, trays)
	workers.Wait()
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

// work applies batch after batch. What lies on its tray when ctx ends comes
// again.
func (r *Relay[D]) work(ctx context.Context, t *tray[D]) {
	for batch := t.take(ctx); batch != nil; batch = t.take(ctx) {
		r.metrics.batch.Observe(float64(len(batch)))
		r.apply(ctx, batch)
	}
}

// deal takes events from the source and deals them out to the workers, until
// ctx ends.
func (r *Relay[D]) deal(ctx context.Context, trays []*tray[D]) {
	waits := r.waits()
	for ctx.Err() == nil {
		batch, err := r.source.Next(ctx, r.o.Batch)
		if err == nil {
			r.handsOut()
			waits.Reset()
			r.dealOut(ctx, batch, trays)
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

// dealOut puts each event that is a fact on the tray of its meeting.
func (r *Relay[D]) dealOut(ctx context.Context, batch []D, trays []*tray[D]) {
	shares := make([][]item[D], len(trays))
	for _, it := range r.decode(ctx, batch) {
		n := trayOf(it.fact.Meeting, len(trays))
		shares[n] = append(shares[n], it)
	}
	for n, share := range shares {
		if len(share) > 0 && !trays[n].put(ctx, share) {
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
