package main

import (
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// key names a fact: nobody joins or leaves a segment twice.
type key struct {
	kind              zoom.Kind
	instance, segment string
}

func keyOf(f zoom.Fact) key { return key{f.Kind, f.Instance, f.Segment} }

// event is one body to send, and the fact that it tells.
type event struct {
	key
	body []byte
}

// entry is what is known of one fact that was sent.
type entry struct {
	fact     zoom.Fact
	answered time.Time // when it was first answered 200; zero: never
	doors    int       // a bit for each sidecar that answered so
	refused  bool      // answered 4xx: it must never be in the rows
	poison   bool      // the database will never take it
}

// ledger remembers what was sent and what was answered. Facts come from the
// lessons' scripts, not from the bodies: no decoder has a part in it.
type ledger struct {
	mu      sync.Mutex
	entries map[key]*entry
	posts   int
	good    int           // of those, answered 200
	longest time.Duration // for such an answer
	wrong   []string      // answers that should not have been
}

func newLedger() *ledger { return &ledger{entries: map[key]*entry{}} }

// enter takes a lesson's facts and returns its events, three in ten twice and
// in any order.
func (l *ledger) enter(lesson simulate.Lesson) ([]event, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, fact := range lesson.Facts() {
		l.entries[keyOf(fact)] = &entry{fact: fact}
	}
	var events []event
	for _, e := range lesson.Events(simulate.Disorder{Duplicates: 0.3, Shuffle: true}) {
		k, err := readKey(e.Body)
		if err != nil {
			return nil, err
		}
		if l.entries[k] == nil {
			return nil, fmt.Errorf("the lesson has an event of no fact: %v", k)
		}
		events = append(events, event{k, e.Body})
	}
	return events, nil
}

// kinds are what Zoom calls the facts.
var kinds = map[string]zoom.Kind{
	zoom.EventMeetingStarted: zoom.Started, zoom.EventMeetingEnded: zoom.Ended,
	zoom.EventParticipantJoined: zoom.Joined, zoom.EventParticipantLeft: zoom.Left,
}

// readKey finds out which fact a body of ours tells.
func readKey(body []byte) (key, error) {
	var e struct {
		Event   string
		Payload struct {
			Object struct {
				UUID        string
				Participant struct {
					UserID string `json:"user_id"`
				}
			}
		}
	}
	if err := json.Unmarshal(body, &e); err != nil {
		return key{}, fmt.Errorf("read an event of a lesson: %w", err)
	}
	return key{kinds[e.Event], e.Payload.Object.UUID, e.Payload.Object.Participant.UserID}, nil
}

// answered200 notes an answer that promises.
func (l *ledger) answered200(k key, door int, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entries[k]
	if e.answered.IsZero() {
		e.answered = time.Now()
	}
	e.doors |= 1 << door
	l.good++
	l.longest = max(l.longest, took)
}

// refused4xx notes an answer after which Zoom never sends again.
func (l *ledger) refused4xx(k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[k].refused = true
}

// poisoned notes that the database will never take a fact.
func (l *ledger) poisoned(k key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries[k].poison = true
}

func (l *ledger) posted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.posts++
}

// complain notes an answer that should not have been.
func (l *ledger) complain(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wrong) < 10 {
		l.wrong = append(l.wrong, fmt.Sprintf(format, args...))
	}
}

func (l *ledger) complaints() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.wrong...)
}

// answers200 is how many posts have been answered so.
func (l *ledger) answers200() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.good
}

// all is a copy of the entries as they are now.
func (l *ledger) all() map[key]entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := make(map[key]entry, len(l.entries))
	for k, e := range l.entries {
		now[k] = *e
	}
	return now
}

// toBoth is how many facts were answered 200 by two sidecars.
func (l *ledger) toBoth() int {
	n := 0
	for _, e := range l.all() {
		if e.doors == 0b11 {
			n++
		}
	}
	return n
}
