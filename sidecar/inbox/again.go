package inbox

import (
	"context"
	"fmt"
	"sync"
	"time"
)

const (
	againMost  = 400     // replayed events in hand at once
	againBytes = 8 << 20 // and their bytes, or one event
)

// CountSince counts the events that Replay would hand out. want chooses, by
// the body.
func (b *Inbox) CountSince(ctx context.Context, since time.Time, want func(body []byte) bool) (Kept, error) {
	w := walk{inbox: b, since: since, want: want, visit: func(event) error { return nil }}
	err := w.run(ctx)
	return w.kept, err
}

// Replay hands out again, through Next, the events that were accepted since a
// time, and returns when all are settled. It tells each that is; Attempt is
// one higher than it was at first.
//
// Nothing is written for it: the events are kept already. A few hundred at a
// time are in hand, and they go only where fresh events leave room. It ends
// with the last group that was handed out when it began: what waited by then,
// or comes later, is applied in any case.
//
// An event that cannot be settled is handed out again. When ctx ends or the
// inbox closes, what is in hand may still be applied, the rest is not; so
// replay again. Events count by when they were accepted: by then they were not
// applied yet, so since must lie before the trouble by as long as they may
// have waited.
func (b *Inbox) Replay(ctx context.Context, since time.Time, want func(body []byte) bool, settled func()) (Kept, error) {
	return b.replay(ctx, fromEvents, since, want, settled)
}

func (b *Inbox) replay(ctx context.Context, from string, since time.Time, want func(body []byte) bool, settled func()) (Kept, error) {
	r := &replay{inbox: b, from: from, tell: settled, changed: make(chan struct{}, 1)}
	w := walk{inbox: b, since: since, want: want, visit: func(e event) error { return r.handOut(ctx, e) }}
	err := w.run(ctx)
	if err == nil {
		err = r.waitFor(ctx, r.idle)
	}
	w.kept.Events = r.done()
	if err != nil {
		return w.kept, fmt.Errorf("replay: %w", err)
	}
	return w.kept, nil
}

// replay is what one Replay has in hand.
type replay struct {
	inbox   *Inbox
	from    string // in metrics
	tell    func()
	changed chan struct{}

	mu     sync.Mutex
	out    int // in hand
	bytes  int // of those
	failed []*Delivery
	count  int // settled
}

// turn is one replayed event in hand.
type turn struct {
	replay   *replay
	delivery *Delivery
}

// handOut puts an event on the shelf when there is room for it.
func (r *replay) handOut(ctx context.Context, e event) error {
	if err := r.waitFor(ctx, func() bool { return r.fits(len(e.body)) }); err != nil {
		return err
	}
	e.attempt++
	d := &Delivery{event: e, inbox: r.inbox}
	d.origin = turn{r, d}
	r.inbox.metrics.replayed.WithLabelValues(r.from).Inc()
	r.inbox.shelf.putAgain(d)
	return nil
}

// waitFor waits until ready holds. Meanwhile it puts on the shelf again what
// could not be settled.
func (r *replay) waitFor(ctx context.Context, ready func() bool) error {
	for !ready() {
		select {
		case <-r.changed:
		case <-time.After(retryWait):
			r.inbox.shelf.putAgain(r.takeFailed()...)
		case <-ctx.Done():
			return ctx.Err()
		case <-r.inbox.closed:
			return fmt.Errorf("%w: closed", ErrUnavailable)
		}
	}
	return nil
}

// fits takes the room that an event needs, and reports whether there is.
func (r *replay) fits(size int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.out >= againMost || r.out > 0 && r.bytes+size > againBytes {
		return false
	}
	r.out++
	r.bytes += size
	return true
}

func (r *replay) idle() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.out == 0
}

func (r *replay) done() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

func (r *replay) takeFailed() []*Delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	failed := r.failed
	r.failed = nil
	return failed
}

func (t turn) settleOne(context.Context) error {
	t.replay.mu.Lock()
	t.replay.out--
	t.replay.bytes -= len(t.delivery.body)
	t.replay.count++
	t.replay.mu.Unlock()
	t.replay.tell()
	t.replay.wake()
	return nil
}

func (t turn) release() {
	t.replay.mu.Lock()
	t.replay.failed = append(t.replay.failed, t.delivery)
	t.replay.mu.Unlock()
}

func (r *replay) wake() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}
