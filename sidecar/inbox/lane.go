package inbox

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	groupBytes  = 1 << 20  // a group of several events stays below this
	groupEvents = 256      // and below this many
	waitingMost = 1024     // letters that may wait in a lane
	waitingSize = 32 << 20 // and their bytes
	publishWait = 8 * time.Second
)

// lane is the way into one stream. One publish is on its way at a time, and
// what comes meanwhile is the next group, so that many events share one sync
// of the disk. (Two at a time measured five times slower: smaller groups, more
// syncs.)
//
//	put, put, put ─▶ waiting ─▶ gather ─▶ publish ─▶ each put returns
//	                    ▲                    │
//	                    └── gathers while ───┘
type lane struct {
	publish func(ctx context.Context, group []*letter) error // durable when it returns nil
	waiting chan *letter
	size    *semaphore.Weighted

	mu     sync.RWMutex // held for reading while a letter goes in
	closed bool
	ended  chan struct{}
}

// letter is one event on its way into a stream. Those of one group have the
// same due time, to the second.
type letter struct {
	event
	due    time.Time
	stored chan error
}

// newLane starts the lane; close ends it.
func newLane(publish func(context.Context, []*letter) error) *lane {
	l := &lane{
		publish: publish,
		waiting: make(chan *letter, waitingMost),
		size:    semaphore.NewWeighted(waitingSize),
		ended:   make(chan struct{}),
	}
	go l.run()
	return l
}

// put returns nil when the event is durable. When ctx ends first it returns
// the reason, although the event may still be kept.
func (l *lane) put(ctx context.Context, e event, due time.Time) error {
	letter := &letter{event: e, due: due, stored: make(chan error, 1)}
	if err := l.enter(ctx, letter); err != nil {
		return err
	}
	select {
	case err := <-letter.stored:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: wait for the disk: %w", ErrUnavailable, context.Cause(ctx))
	}
}

func (l *lane) enter(ctx context.Context, letter *letter) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.closed {
		return fmt.Errorf("%w: closed", ErrUnavailable)
	}
	if err := l.size.Acquire(ctx, letter.weight()); err != nil {
		return fmt.Errorf("%w: wait for a turn: %w", ErrUnavailable, err)
	}
	select {
	case l.waiting <- letter:
		return nil
	case <-ctx.Done():
		l.size.Release(letter.weight())
		return fmt.Errorf("%w: wait for a turn: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// close lets what waits go through and returns when nothing is on its way.
func (l *lane) close() {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.waiting)
	}
	l.mu.Unlock()
	<-l.ended
}

func (l *lane) run() {
	defer close(l.ended)
	var group []*letter
	for first := range l.waiting {
		for first != nil {
			group, first = l.gather(first)
			l.commit(group)
		}
	}
}

// gather takes what waits behind first, as far as it fits. The letter that
// did not fit is the first of the next group.
func (l *lane) gather(first *letter) (group []*letter, next *letter) {
	group = []*letter{first}
	bytes := first.weight()
	for len(group) < groupEvents {
		select {
		case letter, open := <-l.waiting:
			if !open {
				return group, nil
			}
			bytes += letter.weight()
			if bytes > groupBytes || !letter.sameDue(first) {
				return group, letter
			}
			group = append(group, letter)
		default:
			return group, nil
		}
	}
	return group, nil
}

func (l *lane) commit(group []*letter) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), publishWait,
		fmt.Errorf("no answer from the store in %v", publishWait))
	defer cancel()
	err := l.publish(ctx, group)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", ErrUnavailable, context.Cause(ctx))
	}
	for _, letter := range group {
		l.size.Release(letter.weight())
		letter.stored <- err
	}
}

func (l *letter) weight() int64 { return int64(len(l.body) + frameOverhead) }

func (l *letter) sameDue(other *letter) bool {
	return l.due.Truncate(time.Second).Equal(other.due.Truncate(time.Second))
}
