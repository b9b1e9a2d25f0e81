package inbox

import (
	"context"
	"fmt"
	"slices"
	"sync"
)

// shelf holds the deliveries that were fetched and not yet asked for. It is
// filled only as far as somebody asks: the greatest number that Next wanted
// is how much is kept ready. What is replayed lies apart and goes only where
// fresh events leave room.
type shelf struct {
	mu      sync.Mutex
	changed *sync.Cond
	ready   []*Delivery
	again   []*Delivery
	want    int
	closed  bool
}

func newShelf() *shelf {
	s := &shelf{}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// take waits for the first delivery and returns it with those beside it.
func (s *shelf) take(ctx context.Context, most int) ([]*Delivery, error) {
	defer context.AfterFunc(ctx, s.wake)()
	most = max(most, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.want = max(s.want, most)
	s.changed.Broadcast()
	for len(s.ready)+len(s.again) == 0 && !s.closed && ctx.Err() == nil {
		s.changed.Wait()
	}
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("next event: %w", ctx.Err())
	case s.closed:
		return nil, fmt.Errorf("next event: %w: closed", ErrUnavailable)
	}
	taken := cut(&s.ready, most)
	taken = append(taken, cut(&s.again, most-len(taken))...)
	s.changed.Broadcast()
	return taken, nil
}

// cut takes up to most off the front.
func cut(from *[]*Delivery, most int) []*Delivery {
	n := min(most, len(*from))
	taken := slices.Clone((*from)[:n])
	*from = slices.Delete(*from, 0, n)
	return taken
}

// put adds deliveries.
func (s *shelf) put(deliveries []*Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = append(s.ready, deliveries...)
	s.changed.Broadcast()
}

// putAgain adds deliveries that may wait for fresh ones.
func (s *shelf) putAgain(deliveries ...*Delivery) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, deliveries...)
	s.changed.Broadcast()
}

// hungry waits until there is less on the shelf than somebody wants, and
// reports false when ctx has ended.
func (s *shelf) hungry(ctx context.Context) bool {
	defer context.AfterFunc(ctx, s.wake)()
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.ready) >= s.want && ctx.Err() == nil {
		s.changed.Wait()
	}
	return ctx.Err() == nil
}

// close makes every take, now and later, end with an error.
func (s *shelf) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	s.changed.Broadcast()
}

// wake takes the lock so that no waiter is between its check and its wait.
func (s *shelf) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}
