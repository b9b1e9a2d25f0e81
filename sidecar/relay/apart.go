package relay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"

	"zoom-attendance/sidecar/zoom"
)

const (
	crowdedWait = 2 * time.Second // before an event comes again for which there was no room
	namedMost   = 5               // meetings that are held up and have log lines of their own
	remindHeld  = time.Hour       // how long a meeting that is held up is not mentioned again
	forgetAfter = 10 * time.Minute
)

// Held is a meeting whose events the destination does not take, while it takes
// those of others.
type Held struct {
	Meeting string    // Zoom's number
	Since   time.Time // when it failed first
	Oldest  time.Time // when the oldest of its events was accepted
	Cause   string    // a short code, never personal
	Meaning string    // the cause in plain words and what to do, never personal
	Mend    bool      // somebody must mend something
}

// apart are the meetings that are applied one by one, since a batch with them failed
// while the destination answered. Each has a queue of its own. One that fails even so
// is held up: the inbox puts it off, until its own back-off is over. It leaves when
// its queue is empty and it is not held up.
type apart[D Delivery] struct {
	mu       sync.Mutex
	changed  *sync.Cond
	meetings map[string]*meeting[D]
	order    []*meeting[D] // those with events that no worker has, by their turn
	waiting  int           // events in all queues
	room     int           // for so many
	many     outage        // more are held up than have lines of their own
}

// meeting is one that is applied by itself.
type meeting[D Delivery] struct {
	number string
	items  []item[D]
	busy   bool // a worker has it
	limit  int  // events that are tried at once

	// While it is held up.
	err    error // the latest; nil: it is not
	since  time.Time
	oldest time.Time
	due    time.Time // not before
	waits  *backoff.ExponentialBackOff
	logged time.Time // zero: it has no lines of its own
	said   string    // the cause of the last line
}

func newApart[D Delivery](room int) *apart[D] {
	a := &apart[D]{meetings: map[string]*meeting[D]{}, room: room}
	a.changed = sync.NewCond(&a.mu)
	return a
}

// setApart has items applied meeting by meeting. Those for which there is no room, and
// those that were in flight when their meeting was put off, come again later.
// A meeting that comes new has at most limit events tried at once.
func (r *Relay[D]) setApart(ctx context.Context, items []item[D], limit int) {
	if late := r.apart.add(items, limit); len(late) > 0 {
		r.later(ctx, late)
	}
}

// limitAfter is how many events to try at once after a batch failed: fewer, if they
// were too many and all of one meeting.
func limitAfter[D Delivery](err error, items []item[D], most int) int {
	others := func(it item[D]) bool { return it.fact.Meeting != items[0].fact.Meeting }
	if tooMuch(err) && !slices.ContainsFunc(items, others) {
		return fewer(len(items))
	}
	return most
}

// fewer is how many to try of events that were too many.
func fewer(n int) int { return max(1, n/4) }

// sortOut returns the items that go with others, and sets the rest apart.
func (r *Relay[D]) sortOut(ctx context.Context, items []item[D]) []item[D] {
	together, own := r.apart.sort(items)
	if len(own) > 0 {
		r.setApart(ctx, own, r.o.Batch)
	}
	return together
}

// late is an item that is to come again after a wait.
type late[D Delivery] struct {
	item[D]
	wait time.Duration
}

// add queues items at their meetings. It returns those that are to come again later.
func (a *apart[D]) add(items []item[D], limit int) (all []late[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	for _, it := range items {
		m := a.meetings[it.fact.Meeting]
		if m == nil {
			m = &meeting[D]{number: it.fact.Meeting, limit: limit}
			a.meetings[m.number] = m
		}
		switch {
		case m.err != nil && now.Before(m.due):
			m.note(it)
			all = append(all, late[D]{it, m.due.Sub(now)})
		case a.waiting >= a.room:
			all = append(all, late[D]{it, crowdedWait})
		default:
			a.queue(m, it)
		}
	}
	a.changed.Broadcast()
	return all
}

// holds says that a meeting is held up.
func (a *apart[D]) holds(number string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	m := a.meetings[number]
	return m != nil && m.err != nil
}

func (a *apart[D]) queue(m *meeting[D], it item[D]) {
	if len(m.items) == 0 && !m.busy {
		a.order = append(a.order, m)
	}
	m.items = append(m.items, it)
	a.waiting++
}

// sort parts the items of meetings that are apart from the others.
func (a *apart[D]) sort(items []item[D]) (together, own []item[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.meetings) == 0 {
		return items, nil
	}
	for _, it := range items {
		if a.meetings[it.fact.Meeting] != nil {
			own = append(own, it)
		} else {
			together = append(together, it)
		}
	}
	return together, own
}

// take waits for a meeting's turn. It reports false when ctx has ended.
func (a *apart[D]) take(ctx context.Context) (m *meeting[D], items []item[D], ok bool) {
	ok = await(ctx, a.changed, func() bool { return len(a.order) > 0 }, func() {
		m = a.order[0]
		a.order = slices.Delete(a.order, 0, 1)
		n := min(max(m.limit, 1), len(m.items))
		items, m.items = slices.Clone(m.items[:n]), slices.Delete(m.items, 0, n)
		m.busy = true
		a.waiting -= n
	})
	return m, items, ok
}

// giveBack ends a worker's turn with a meeting.
func (a *apart[D]) giveBack(m *meeting[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m.busy = false
	switch {
	case len(m.items) > 0:
		a.order = append(a.order, m)
	case m.err == nil:
		delete(a.meetings, m.number)
	}
	a.changed.Broadcast()
}

// workApart applies what is apart, meeting by meeting, until ctx ends.
func (r *Relay[D]) workApart(ctx context.Context) {
	for {
		m, items, ok := r.apart.take(ctx)
		if !ok {
			return
		}
		r.applyOne(ctx, m, items)
		r.apart.giveBack(m)
	}
}

// applyOne applies items of one meeting. If they are too many at once, fewer are
// tried; if it fails even so, the meeting is held up.
func (r *Relay[D]) applyOne(ctx context.Context, m *meeting[D], items []item[D]) {
	outcomes, err := r.answer(ctx, items)
	own, isOwn := errors.AsType[ownTrouble](err)
	switch {
	case err == nil:
		r.settle(ctx, items, outcomes)
		r.relieve(m, r.apart.widen(m, r.o.Batch))
	case errors.Is(err, errLeft):
		leave(items)
	case isOwn && tooMuch(own) && len(items) > 1:
		r.apart.narrow(m, items)
	case isOwn:
		r.holdUp(ctx, m, items, own.error)
	case len(items) == 1:
		r.refuse(ctx, items[0], err)
		r.relieve(m, r.apart.widen(m, r.o.Batch)) // it answers
	default:
		half := len(items) / 2
		r.applyOne(ctx, m, items[:half])
		r.applyOne(ctx, m, items[half:])
	}
}

// narrow puts items back, of which fewer are tried next.
func (a *apart[D]) narrow(m *meeting[D], items []item[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m.limit = fewer(len(items))
	m.items = append(items, m.items...)
	a.waiting += len(items)
}

// ending is what there is to say when a meeting is no longer held up.
type ending struct {
	named   bool // it had lines of its own
	took    time.Duration
	wasHeld bool
}

// widen notes that a meeting's events were taken: more are tried next, and when all
// are through it is no longer held up.
func (a *apart[D]) widen(m *meeting[D], most int) (e ending) {
	a.mu.Lock()
	defer a.mu.Unlock()
	m.limit = min(2*m.limit, most)
	if m.err == nil || len(m.items) > 0 {
		return e
	}
	return a.end(m)
}

// end makes a meeting one that is not held up.
func (a *apart[D]) end(m *meeting[D]) ending {
	e := ending{named: !m.logged.IsZero(), took: time.Since(m.since), wasHeld: true}
	m.err, m.waits, m.logged, m.said, m.oldest = nil, nil, time.Time{}, "", time.Time{}
	return e
}

func (r *Relay[D]) relieve(m *meeting[D], e ending) {
	if e.named {
		r.o.Log.Info("the database takes the events of this meeting again", zoom.LogMeeting, m.number, zoom.LogTook, e.took)
	}
	if e.wasHeld && len(r.Held()) == 0 {
		if lasted, was := r.apart.many.over(); was {
			r.o.Log.Info("the database takes the events of all meetings again", zoom.LogTook, lasted)
		}
	}
}

// holdUp has the inbox put a meeting off, and lets go of the items that are in hand of
// it. If the inbox cannot, each of them is put off by itself.
func (r *Relay[D]) holdUp(ctx context.Context, m *meeting[D], items []item[D], err error) {
	h := r.apart.hold(m, items, err, r.heldWaits)
	r.tellHeld(m.number, err, h.wait, h.line)
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.SettleTimeout)
	defer cancel()
	if failed := r.source.PutOff(within, m.number, h.until, causeOf(err)+", "+meaningOf(err)); failed != nil {
		r.metrics.unsettled.WithLabelValues("put_off").Inc()
		r.o.Log.Warn("the inbox did not put off a meeting; its events are put off one by one", zoom.LogMeeting, m.number, zoom.LogError, failed)
		r.later(ctx, h.items)
		return
	}
	for _, it := range h.items {
		r.isPutOff(it.item)
	}
}

// hold is what there is to do when a meeting is held up.
type hold[D Delivery] struct {
	items []late[D] // in hand of it
	wait  time.Duration
	until time.Time
	line  heldLine
}

// hold notes that a meeting's events were not taken.
func (a *apart[D]) hold(m *meeting[D], items []item[D], err error, waits func() *backoff.ExponentialBackOff) (h hold[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := time.Now()
	if m.err == nil {
		m.since, m.waits = now, waits()
	}
	h.wait = max(m.waits.NextBackOff(), waitOf(err))
	h.until = now.Add(h.wait)
	m.err, m.limit, m.due = err, 1, h.until
	a.waiting -= len(m.items)
	for _, it := range append(items, m.items...) {
		m.note(it)
		h.items = append(h.items, late[D]{it, h.wait})
	}
	m.items = nil
	h.line = a.line(m, now)
	return h
}

// note takes in when an event of a meeting that is held up was accepted.
func (m *meeting[D]) note(it item[D]) {
	if at := it.delivery.AcceptedAt(); m.oldest.IsZero() || at.Before(m.oldest) {
		m.oldest = at
	}
}

// heldLine is which line there is to write of a meeting that is held up.
type heldLine int

const (
	noLine heldLine = iota
	ofOne
	ofMany
)

// line says which line to write: one of its own when it begins, when the cause
// changes, and now and then; if many are held up, one that counts them.
func (a *apart[D]) line(m *meeting[D], now time.Time) heldLine {
	cause := causeOf(m.err)
	if m.logged.IsZero() {
		named := 0
		for _, other := range a.meetings {
			if !other.logged.IsZero() {
				named++
			}
		}
		if named >= namedMost {
			return ofMany
		}
	} else if m.said == cause && now.Sub(m.logged) < remindHeld {
		return noLine
	}
	m.logged, m.said = now, cause
	return ofOne
}

// tellHeld writes that line.
func (r *Relay[D]) tellHeld(number string, err error, wait time.Duration, line heldLine) {
	cause := causeOf(err)
	log := r.o.Log.With(zoom.LogError, err, zoom.LogCode, cause, zoom.LogWait, wait)
	which := "of one meeting"
	switch line {
	case noLine:
		return
	case ofOne:
		log = log.With(zoom.LogMeeting, number)
	case ofMany:
		if !r.apart.many.failed(err, cause) {
			return
		}
		which = fmt.Sprintf("of %d meetings", len(r.Held()))
	}
	if blamesUs(err) {
		log.Error("the database refuses the events "+which+" and somebody must mend it; they are kept and tried again, all others go on", zoom.LogReason, meaningOf(err))
		return
	}
	log.Warn("the database does not take the events "+which+"; they are kept and tried again, all others go on", zoom.LogReason, meaningOf(err))
}

// later has items come again, each after its wait.
func (r *Relay[D]) later(ctx context.Context, items []late[D]) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.o.SettleTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, it := range items {
		all.Go(func() {
			if err := it.delivery.Later(ctx, it.wait); err != nil {
				r.unsettled(it.item, "later", err)
				return
			}
			r.isPutOff(it.item)
		})
	}
	all.Wait()
}

// isPutOff counts an event that comes again.
func (r *Relay[D]) isPutOff(it item[D]) {
	it.ended(outcomePutOff)
	r.metrics.events.WithLabelValues(outcomePutOff).Inc()
}

// heldWaits are the waits of one meeting.
func (r *Relay[D]) heldWaits() *backoff.ExponentialBackOff {
	b := backoff.NewExponentialBackOff()
	b.InitialInterval, b.MaxInterval, b.Multiplier = r.o.MinHeldWait, r.o.MaxHeldWait, 2
	b.Reset()
	return b
}

// Held are the meetings that are held up, the longest first.
func (r *Relay[D]) Held() []Held {
	r.apart.mu.Lock()
	defer r.apart.mu.Unlock()
	var held []Held
	for _, m := range r.apart.meetings {
		if m.err != nil {
			held = append(held, Held{
				Meeting: m.number, Since: m.since, Oldest: m.oldest,
				Cause: causeOf(m.err), Meaning: meaningOf(m.err), Mend: blamesUs(m.err),
			})
		}
	}
	slices.SortFunc(held, func(a, b Held) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Meeting, b.Meeting))
	})
	return held
}

// oldestHeld is how long the oldest event of a meeting that is held up has waited.
func (r *Relay[D]) oldestHeld() (oldest time.Duration) {
	for _, h := range r.Held() {
		oldest = max(oldest, time.Since(h.Oldest))
	}
	return oldest
}

// clear forgets what no worker took before the end: it comes again.
func (a *apart[D]) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.meetings {
		leave(m.items)
	}
	a.meetings, a.order, a.waiting = map[string]*meeting[D]{}, nil, 0
}

// forgetHeld lets go of the meetings whose events did not come again: another relay
// has them.
func (r *Relay[D]) forgetHeld(ctx context.Context) {
	for sleep(ctx, time.Minute) {
		for _, m := range r.apart.overdue(time.Now()) {
			r.relieve(m.meeting, m.ending)
		}
	}
}

type overdue[D Delivery] struct {
	meeting *meeting[D]
	ending  ending
}

func (a *apart[D]) overdue(now time.Time) (all []overdue[D]) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.meetings {
		if m.err != nil && !m.busy && len(m.items) == 0 && now.Sub(m.due) > forgetAfter {
			all = append(all, overdue[D]{m, a.end(m)})
			delete(a.meetings, m.number)
		}
	}
	return all
}
