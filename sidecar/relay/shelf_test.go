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

	"zoom-attendance/sidecar/zoom"
)

// shelf is an inbox in memory: what is put off comes again when it is due,
// and what became of each event can be read.
type shelf struct {
	mu      sync.Mutex
	waiting []*parcel
	putOff  map[string]time.Time // meetings, until when
	changed chan struct{}        // closed and renewed whenever something changes
	all     []*parcel
	broken  error // what Next answers, while set
	stuck   error // what settling answers, while set
	refuses error // what PutOff answers, while set
	putOffs []string
}

// parcel is one event on the shelf.
type parcel struct {
	shelf    *shelf
	name     string
	body     []byte
	accepted time.Time
	trace    trace.SpanContext

	// Guarded by shelf.mu.
	attempt int
	turn    int      // how often it was handed out or taken back
	out     bool     // it is in flight
	history []string // an outcome, later 1m0s, put off, bury reason
}

// delivery is a parcel in flight. It settles nothing once the parcel was taken back.
type delivery struct {
	*parcel
	turn int
}

func newShelf(bodies ...[]byte) *shelf {
	s := &shelf{changed: make(chan struct{}), putOff: map[string]time.Time{}}
	for _, body := range bodies {
		s.add(body)
	}
	return s
}

// add puts an event on the shelf. Its lock is held, or nobody has the shelf yet.
func (s *shelf) add(body []byte) {
	p := &parcel{shelf: s, name: fmt.Sprint(len(s.all)), body: body, accepted: time.Now(), attempt: 1}
	s.all = append(s.all, p)
	s.waiting = append(s.waiting, p)
}

func (s *shelf) Next(ctx context.Context, most int) ([]delivery, error) {
	for {
		s.mu.Lock()
		if s.broken != nil {
			defer s.mu.Unlock()
			return nil, s.broken
		}
		batch := s.take(most)
		changed := s.changed
		s.mu.Unlock()
		if len(batch) > 0 {
			return batch, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take hands out what waits of meetings that are not put off.
func (s *shelf) take(most int) (batch []delivery) {
	s.waiting = slices.DeleteFunc(s.waiting, func(p *parcel) bool {
		if len(batch) == most || time.Now().Before(s.putOff[p.meeting()]) {
			return false
		}
		p.turn, p.out = p.turn+1, true
		batch = append(batch, delivery{p, p.turn})
		return true
	})
	return batch
}

func (s *shelf) PutOff(ctx context.Context, meeting string, until time.Time, reason string) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.change(func() {
		if err = s.refuses; err != nil {
			return
		}
		s.putOffs = append(s.putOffs, meeting+": "+reason)
		s.putOff[meeting] = until
		for _, p := range s.all {
			if p.out && p.meeting() == meeting {
				p.turn, p.out = p.turn+1, false
				p.history = append(p.history, "put off: "+reason)
				s.waiting = append(s.waiting, p)
			}
		}
	})
	time.AfterFunc(time.Until(until), func() { s.change(func() {}) })
	return err
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

// calls are the meetings that were put off, each with its reason.
func (s *shelf) calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.putOffs)
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
	return !strings.HasPrefix(last, "later") && !strings.HasPrefix(last, "put off")
}

// meeting is Zoom's number in its body; empty if it has none.
func (p *parcel) meeting() string {
	envelope, _ := zoom.Open(p.body) // else it is empty
	return envelope.MeetingID
}

func (p *parcel) Body() []byte             { return p.body }
func (p *parcel) AcceptedAt() time.Time    { return p.accepted }
func (p *parcel) Trace() trace.SpanContext { return p.trace }

func (p *parcel) Attempt() int {
	p.shelf.mu.Lock()
	defer p.shelf.mu.Unlock()
	return p.attempt
}

func (d delivery) Done(ctx context.Context, outcome string) error {
	return d.settle(ctx, outcome, func() {})
}

// letter is the number of every dead letter.
const letter = 17

func (d delivery) Bury(ctx context.Context, reason string) (uint64, error) {
	return letter, d.settle(ctx, "bury "+reason, func() {})
}

func (d delivery) Later(ctx context.Context, wait time.Duration) error {
	return d.settle(ctx, "later "+wait.String(), func() {
		time.AfterFunc(wait, func() {
			d.shelf.change(func() {
				d.attempt++
				d.shelf.waiting = append(d.shelf.waiting, d.parcel)
			})
		})
	})
}

var errTwice = errors.New("settled twice")

func (d delivery) settle(ctx context.Context, how string, then func()) (err error) {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	d.shelf.change(func() {
		switch {
		case d.shelf.stuck != nil:
			err = d.shelf.stuck
		case d.turn != d.parcel.turn: // it was taken back
		case !d.out:
			err = errTwice
			d.history = append(d.history, errTwice.Error())
		default:
			d.out = false
			d.history = append(d.history, how)
			then()
		}
	})
	return err
}
