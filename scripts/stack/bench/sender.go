package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	againAfter  = 50 * time.Millisecond // Zoom would take five minutes
	mostAtOnce  = 1024                  // posts under way, when they do not wait for one another
	triesAtMost = 200
)

// delivery is how events were answered, each at its place in the lot.
type delivery struct {
	began    time.Time
	due      []time.Time // when it was to be sent
	answered []time.Time // when it was answered 200
	again    int64       // posts beyond the first of an event
}

// took is the time from the beginning to the last answer.
func (d *delivery) took() time.Duration { return d.last().Sub(d.began) }

func (d *delivery) last() time.Time { return slices.MaxFunc(d.answered, time.Time.Compare) }

// perSecond is how many were answered in a second.
func (d *delivery) perSecond() float64 { return float64(len(d.answered)) / d.took().Seconds() }

// latencies are the times from when an event was to be sent to its answer,
// ascending. One that was sent late because others were slow has waited, too.
func (d *delivery) latencies() []time.Duration {
	all := make([]time.Duration, len(d.due))
	for i := range d.due {
		all[i] = d.answered[i].Sub(d.due[i])
	}
	slices.Sort(all)
	return all
}

// sending is a lot on its way.
type sending struct {
	*delivery
	wires    *wires
	requests [][]byte
}

func newSending(d *door, bodies [][]byte) *sending {
	s := &sending{
		delivery: &delivery{due: make([]time.Time, len(bodies)), answered: make([]time.Time, len(bodies))},
		wires:    &wires{address: d.address}, requests: make([][]byte, len(bodies)),
	}
	now := time.Now()
	for i, body := range bodies {
		s.requests[i] = signed(d.address, body, now)
	}
	return s
}

// send sends events by a number of senders, each of which waits for its answer
// before it sends the next.
func send(ctx context.Context, d *door, bodies [][]byte, senders int) (*delivery, error) {
	s := newSending(d, bodies)
	defer s.wires.close()
	var next atomic.Int64
	errs := make([]error, senders)
	var all sync.WaitGroup
	s.began = time.Now()
	for n := range senders {
		all.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(s.requests) && errs[n] == nil; i = int(next.Add(1)) - 1 {
				s.due[i] = time.Now()
				errs[n] = s.deliver(ctx, i)
			}
		})
	}
	all.Wait()
	return s.delivery, errors.Join(errs...)
}

// sendAtRate sends events at a constant rate, whether or not the ones before
// have been answered.
func sendAtRate(ctx context.Context, d *door, bodies [][]byte, perSecond float64) (*delivery, error) {
	s := newSending(d, bodies)
	defer s.wires.close()
	errs := make([]error, len(bodies))
	free := make(chan struct{}, mostAtOnce)
	var all sync.WaitGroup
	s.began = time.Now()
	for i := range bodies {
		s.due[i] = dueAt(s.began, i, perSecond)
		if wait := time.Until(s.due[i]); wait > 0 {
			pause(ctx, wait)
		}
		if ctx.Err() != nil {
			break
		}
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			errs[i] = s.deliver(ctx, i)
		})
	}
	all.Wait()
	return s.delivery, errors.Join(ctx.Err(), errors.Join(errs...))
}

// dueAt is when event i is to be sent, counted from 0.
func dueAt(began time.Time, i int, perSecond float64) time.Time {
	return began.Add(time.Duration(float64(i) / perSecond * float64(time.Second)))
}

// deliver posts one event until it is answered 200. As Zoom it tries again after
// a 5xx or no answer, and never after a 4xx.
func (s *sending) deliver(ctx context.Context, i int) error {
	for try := 1; ; try++ {
		status, err := s.wires.post(s.requests[i])
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil && status == http.StatusOK:
			s.answered[i] = time.Now()
			return nil
		case err == nil && status < 500:
			return fmt.Errorf("a signed event was answered %d", status)
		case try == triesAtMost:
			return fmt.Errorf("an event was not taken in %d tries: %d %w", try, status, err)
		}
		atomic.AddInt64(&s.again, 1)
		pause(ctx, againAfter)
	}
}
