package relay

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
)

// trayMost is how many batches may lie on a tray: one to take, and one that
// gathers meanwhile.
const trayMost = 2

// tray holds what one worker is to apply next. All events of a meeting lie on
// one tray: the database lets nobody write a meeting while another does, so
// workers who shared meetings would wait for one another. What comes while the
// worker is at work lies together, and so a batch grows with the load.
type tray[D Delivery] struct {
	mu      sync.Mutex
	changed *sync.Cond
	items   []item[D]
	batch   int // taken at once, at most
}

func newTray[D Delivery](batch int) *tray[D] {
	t := &tray[D]{batch: batch}
	t.changed = sync.NewCond(&t.mu)
	return t
}

// trayOf is the number of a meeting's tray.
func trayOf(meeting string, trays int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(meeting)) // it has no errors
	return int(h.Sum32() % uint32(trays))
}

// put waits until there is room and puts items on the tray. It reports false
// if ctx ended first.
func (t *tray[D]) put(ctx context.Context, items []item[D]) bool {
	return t.await(ctx, func() bool { return len(t.items) < trayMost*t.batch }, func() {
		t.items = append(t.items, items...)
	})
}

// take waits for items and returns a batch, or nil when ctx has ended.
func (t *tray[D]) take(ctx context.Context) (batch []item[D]) {
	t.await(ctx, func() bool { return len(t.items) > 0 }, func() {
		n := min(t.batch, len(t.items))
		batch, t.items = slices.Clone(t.items[:n]), slices.Delete(t.items, 0, n)
	})
	return batch
}

// await does something once ready holds. It reports false, and has not, if ctx
// ended first.
func (t *tray[D]) await(ctx context.Context, ready func() bool, do func()) bool {
	defer context.AfterFunc(ctx, t.wake)()
	t.mu.Lock()
	defer t.mu.Unlock()
	for !ready() && ctx.Err() == nil {
		t.changed.Wait()
	}
	if ctx.Err() != nil {
		return false
	}
	do()
	t.changed.Broadcast()
	return true
}

// wake takes the lock so that nobody is between a look and a wait.
func (t *tray[D]) wake() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.changed.Broadcast()
}
