package relay

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
)

// queueMost is how many batches may lie in a queue: one to take, and one that
// gathers meanwhile.
const queueMost = 2

// queue holds what one worker is to apply next. All events of a meeting lie in
// one queue: the database lets nobody write a meeting while another does, so
// workers who shared meetings would wait for one another. What comes while the
// worker is at work lies together, and so a batch grows with the load.
type queue[D Delivery] struct {
	mu      sync.Mutex
	changed *sync.Cond
	items   []item[D]
	batch   int // taken at once, at most
}

func newQueue[D Delivery](batch int) *queue[D] {
	q := &queue[D]{batch: batch}
	q.changed = sync.NewCond(&q.mu)
	return q
}

// queueOf is the number of a meeting's queue.
func queueOf(meeting string, queues int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(meeting)) // it has no errors
	return int(h.Sum32() % uint32(queues))
}

// put waits until there is room and appends items. It reports false if ctx
// ended first.
func (q *queue[D]) put(ctx context.Context, items []item[D]) bool {
	return await(ctx, q.changed, func() bool { return len(q.items) < queueMost*q.batch }, func() {
		q.items = append(q.items, items...)
	})
}

// take waits for items and returns a batch, or nil when ctx has ended.
func (q *queue[D]) take(ctx context.Context) (batch []item[D]) {
	await(ctx, q.changed, func() bool { return len(q.items) > 0 }, func() {
		n := min(q.batch, len(q.items))
		batch, q.items = slices.Clone(q.items[:n]), slices.Delete(q.items, 0, n)
	})
	return batch
}

// await does something once ready holds, both under the lock of the condition. It
// reports false, and has not, if ctx ended first.
func await(ctx context.Context, changed *sync.Cond, ready func() bool, do func()) bool {
	defer context.AfterFunc(ctx, func() {
		changed.L.Lock() // so that nobody is between a look and a wait
		defer changed.L.Unlock()
		changed.Broadcast()
	})()
	changed.L.Lock()
	defer changed.L.Unlock()
	for !ready() && ctx.Err() == nil {
		changed.Wait()
	}
	if ctx.Err() != nil {
		return false
	}
	do()
	changed.Broadcast()
	return true
}
