package relay_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// shelf is an inbox in memory: what is put off comes again when it is due,
// and what became of each event can be read.
type shelf struct {
	mu      sync.Mutex
	waiting []*parcel
	changed chan struct{} // closed and renewed whenever something changes
	all     []*parcel
	broken  error // what Next answers, while set
	stuck   error // what settling answers, while set
}

// parcel is one event on the shelf.
type parcel struct {
	shelf    *shelf
	name     string
	body     []byte
	accepted time.Time
	trace    trace.SpanContext
	attempt  int
	history  []string // done, later 1m0s, bury reason; guarded by shelf.mu
}

func newShelf(bodies ...[]byte) *shelf {
	s := &shelf{changed: make(chan struct{})}
	for i, body := range bodies {
		p := &parcel{shelf: s, name: fmt.Sprint(i), body: body, accepted: time.Now(), attempt: 1}
		s.all = append(s.all, p)
		s.waiting = append(s.waiting, p)
	}
	return s
}

func (s *shelf) Next(ctx context.Context, most int) ([]*parcel, error) {
	for {
		s.mu.Lock()
		if s.broken != nil {
			defer s.mu.Unlock()
			return nil, s.broken
		}
		if n := min(most, len(s.waiting)); n > 0 {
			batch := slices.Clone(s.waiting[:n])
			s.waiting = s.waiting[n:]
			s.mu.Unlock()
			return batch, nil
		}
		changed := s.changed
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// change changes the shelf under its lock and wakes whoever waits for it.
func (s *shelf) change(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
	close(s.changed)
	s.changed = make(chan struct{})
}

// settled waits until every event is done or buried, or ctx ends.
func (s *shelf) settled(ctx context.Context) error {
	for {
		s.mu.Lock()
		open := slices.IndexFunc(s.all, func(p *parcel) bool { return !p.isSettled() })
		changed := s.changed
		s.mu.Unlock()
		if open < 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("event %d is not settled: %w", open, ctx.Err())
		}
	}
}

// settledOne waits until one event is done or buried, or ctx ends.
func (s *shelf) settledOne(ctx context.Context, n int) error {
	for {
		s.mu.Lock()
		settled, changed := s.all[n].isSettled(), s.changed
		s.mu.Unlock()
		if settled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("event %d is not settled: %w", n, ctx.Err())
		}
	}
}

// histories is what became of each event.
func (s *shelf) histories() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []string
	for _, p := range s.all {
		all = append(all, strings.Join(p.history, "; "))
	}
	return all
}

func (p *parcel) isSettled() bool {
	if len(p.history) == 0 {
		return false
	}
	last := p.history[len(p.history)-1]
	return last == "done" || strings.HasPrefix(last, "unknown") || strings.HasPrefix(last, "bury")
}

func (p *parcel) Body() []byte          { return p.body }
func (p *parcel) AcceptedAt() time.Time { return p.accepted }

func (p *parcel) Trace() trace.SpanContext { return p.trace }

func (p *parcel) Attempt() int {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	return p.attempt
}

func (p *parcel) Done(ctx context.Context) error { return p.settle(ctx, "done") }

func (p *parcel) Unknown(ctx context.Context, meeting string) error {
	return p.settle(ctx, "unknown "+meeting)
}

// letter is the number of every dead letter.
const letter = 17

func (p *parcel) Bury(ctx context.Context, reason string) (uint64, error) {
	return letter, p.settle(ctx, "bury "+reason)
}

func (p *parcel) Later(ctx context.Context, wait time.Duration) error {
	if err := p.settle(ctx, "later "+wait.String()); err != nil {
		return err
	}
	time.AfterFunc(wait, func() {
		p.shelf.change(func() {
			p.attempt++
			p.shelf.waiting = append(p.shelf.waiting, p)
		})
	})
	return nil
}

var errTwice = errors.New("settled twice")

func (p *parcel) settle(ctx context.Context, how string) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	p.shelf.change(func() {
		switch {
		case p.shelf.stuck != nil:
			err = p.shelf.stuck
		case p.isSettled():
			err = errTwice
			p.history = append(p.history, errTwice.Error())
		default:
			p.history = append(p.history, how)
		}
	})
	return err
}
