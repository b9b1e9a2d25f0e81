package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// ready is what Next hands out. A cursor goes through the numbers of what waits, past
// what is in flight and past the meetings that are put off. Whatever comes back (put off
// until now, replayed, put back) sets it back. Nothing of this is written: after a
// restart it begins with the first number.
type ready struct {
	inbox  *sqliteInbox
	taking sync.Mutex // one at a time reads

	mu       sync.Mutex
	changed  chan struct{} // closed when there may be more, or less to wait for
	closed   bool
	cursor   uint64 // what waits up to here was looked at
	last     uint64 // the last that is committed
	inFlight map[uint64]*Delivery
	settling map[uint64]bool // settled, and not written yet
	off      map[string]PutOff
	due      int64             // when the first event is due that was put off by itself; 0 for none
	waited   map[uint64]waiter // of a replay
}

// waiter wants to know when an event is settled, or put off.
type waiter struct {
	meeting string
	tell    chan<- uint64 // with room for it
}

func newReady(in *sqliteInbox) *ready {
	return &ready{
		inbox: in, changed: make(chan struct{}), last: in.db().last,
		inFlight: map[uint64]*Delivery{}, settling: map[uint64]bool{}, off: map[string]PutOff{}, waited: map[uint64]waiter{},
	}
}

// load reads what is put off.
func (r *ready) load(ctx context.Context) error {
	read := r.inbox.db().read
	rows, err := read.QueryContext(ctx, "select meeting, since, until, reason from put_off")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var m PutOff
		var since, until int64
		if err := rows.Scan(&m.Meeting, &since, &until, &m.Reason); err != nil {
			return err
		}
		m.Since, m.Until = time.UnixMicro(since).UTC(), time.UnixMicro(until).UTC()
		r.off[m.Meeting] = m
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return r.readDue(ctx, read)
}

// readDue finds when the first event is due that was put off by itself.
func (r *ready) readDue(ctx context.Context, db *sql.DB) error {
	var due sql.NullInt64
	err := db.QueryRowContext(ctx, "select min(state_at) from events where state = 'waiting' and state_at > 0").Scan(&due)
	if err == nil {
		r.mu.Lock()
		r.due = due.Int64
		r.mu.Unlock()
	}
	return err
}

// tell wakes whoever waits in next.
func (r *ready) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// committed notes the last number that is committed.
func (r *ready) committed(last uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if last > r.last {
		r.last = last
		r.tell()
	}
}

// lastNumber is the last that is committed.
func (r *ready) lastNumber() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.last
}

func (r *ready) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	r.tell()
}

// next waits for events.
func (r *ready) next(ctx context.Context, max int) ([]*Delivery, error) {
	for {
		r.mu.Lock()
		changed, closed := r.changed, r.closed
		r.mu.Unlock()
		if closed {
			return nil, errClosed
		}
		deliveries, err := r.take(ctx, max)
		if err != nil || len(deliveries) > 0 {
			return deliveries, err
		}
		if err := r.wait(ctx, changed); err != nil {
			return nil, err
		}
	}
}

// wait waits until there may be more, or something is due.
func (r *ready) wait(ctx context.Context, changed <-chan struct{}) error {
	timer := time.NewTimer(time.Until(r.nextDue()))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// nextDue is when something is due that is put off.
func (r *ready) nextDue() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := time.Now().Add(time.Hour)
	if due := time.UnixMicro(r.due); r.due > 0 && due.Before(first) {
		first = due
	}
	for _, m := range r.off {
		if m.Until.Before(first) {
			first = m.Until
		}
	}
	return first
}

// take reads at most max events to hand out.
func (r *ready) take(ctx context.Context, max int) ([]*Delivery, error) {
	r.taking.Lock()
	defer r.taking.Unlock()
	if err := r.inbox.failed(); errors.Is(err, ErrDamaged) {
		return nil, err
	}
	r.lift()
	if err := r.callDue(ctx); err != nil {
		return nil, err
	}
	records, err := r.read(ctx, max)
	if errors.Is(err, ErrDamaged) || isCorrupt(err) {
		err = damaged(r.inbox.options.Dir, err.Error())
		r.inbox.fail(err)
	}
	return r.handOut(records), err
}

// lift ends what is put off no longer.
func (r *ready) lift() {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, before := time.Now(), len(r.off)
	maps.DeleteFunc(r.off, func(_ string, m PutOff) bool { return !m.Until.After(now) })
	if len(r.off) < before {
		r.cursor = 0
	}
}

// callDue brings back the events that were put off by themselves and are due.
func (r *ready) callDue(ctx context.Context) error {
	r.mu.Lock()
	due := r.due
	r.mu.Unlock()
	now := time.Now().UnixMicro()
	if due == 0 || due > now {
		return nil
	}
	err := r.inbox.bringBack(ctx, "update events set state_at = 0 where state = 'waiting' and state_at > 0 and state_at <= ? returning number, meeting",
		func(c *counts, events []numbered) { c.later -= len(events) }, now)
	if err != nil {
		return err
	}
	return r.readDue(ctx, r.inbox.db().read)
}

// bringBack makes events wait to be handed out at once, by a statement that returns
// their numbers and meetings. note is told which, once they do.
func (in *sqliteInbox) bringBack(ctx context.Context, query string, note func(c *counts, events []numbered), args ...any) error {
	var events []numbered
	return in.writer.do(ctx, func(ctx context.Context, tx *sql.Tx) (err error) {
		events, err = readNumbered(tx.QueryContext(ctx, query, args...))
		return err
	}, func(db *database) {
		note(&db.counts, events)
		in.note(db, db.counts)
		for _, e := range events {
			in.ready.comeBack(e.number)
		}
	})
}

// comeBack sets the cursor back to an event that waits again.
func (r *ready) comeBack(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor = min(r.cursor, number-1)
	r.tell()
}

// read goes on with the cursor.
func (r *ready) read(ctx context.Context, max int) ([]record, error) {
	r.mu.Lock()
	cursor, last := r.cursor, r.last
	off, err := json.Marshal(slices.AppendSeq([]string{}, maps.Keys(r.off)))
	r.cursor = last // what comes back meanwhile sets it back
	r.mu.Unlock()
	if cursor >= last || err != nil {
		return nil, err
	}
	numbers, err := r.find(ctx, cursor, last, string(off), max)
	if err != nil {
		r.comeBack(cursor + 1)
		return nil, err
	}
	if len(numbers) == max {
		r.comeBack(numbers[max-1] + 1)
	}
	list, err := json.Marshal(numbers)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	records, err := r.inbox.readRecords(ctx, "where number in (select value from json_each(?)) and +state = 'waiting' order by number", string(list))
	if err != nil {
		r.comeBack(cursor + 1)
	}
	return records, err
}

// find looks for events that may be handed out. It reads the index alone: a meeting that
// is put off may have a million of them.
func (r *ready) find(ctx context.Context, after, upTo uint64, off string, max int) (numbers []uint64, err error) {
	rows, err := r.inbox.db().read.QueryContext(ctx, `select number from events indexed by events_by_state
		where state = 'waiting' and state_at = 0 and number > ? and number <= ? and meeting not in (select value from json_each(?)) order by number`,
		int64(after), int64(upTo), off)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = rows.Close() }()
	for len(numbers) < max && rows.Next() {
		var number int64
		if err := rows.Scan(&number); err != nil {
			return nil, readError(err)
		}
		if !r.isBusy(uint64(number)) {
			numbers = append(numbers, uint64(number))
		}
	}
	return numbers, readError(rows.Err())
}

// isBusy reports whether an event is in flight, or settled and not written yet.
func (r *ready) isBusy(number uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight[number] != nil || r.settling[number]
}

// handOut makes deliveries of events. Those of a meeting that was put off just now are
// passed over.
func (r *ready) handOut(records []record) (all []*Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, found := range records {
		if _, isOff := r.off[found.Meeting]; isOff {
			continue
		}
		d := &Delivery{record: found, settler: r.inbox, metrics: r.inbox.metrics}
		r.inFlight[found.number] = d
		all = append(all, d)
	}
	return all
}

// holds reports whether a delivery is in flight.
func (r *ready) holds(d *Delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight[d.number] == d
}

// settle takes an event out of flight whose settlement will be written. It reports false
// for one that was taken back.
func (r *ready) settle(d *Delivery, s settlement) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight[d.number] != d {
		return false
	}
	r.settling[d.number] = true
	if s.outcome == "" && (r.due == 0 || s.at < r.due) {
		r.due = s.at
		r.tell()
	}
	r.leave(d.number)
	return true
}

// settled notes that settlements are written.
func (r *ready) settled(settlements []settlement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range settlements {
		delete(r.settling, s.number)
	}
}

// land takes an event out of flight.
func (r *ready) land(d *Delivery) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leave(d.number)
}

// leave ends the flight of an event, and tells whoever waits for that.
func (r *ready) leave(number uint64) {
	delete(r.inFlight, number)
	if w, ok := r.waited[number]; ok {
		delete(r.waited, number)
		w.tell <- number
	}
}

// putOff has a meeting passed over until a time, and takes back what is in flight of
// it. It returns since when it is put off.
func (r *ready) putOff(meeting string, until time.Time, reason string) (since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, isOff := r.off[meeting]
	if !isOff {
		m = PutOff{Meeting: meeting, Since: time.Now().UTC()}
	}
	m.Until, m.Reason = until, reason
	r.off[meeting] = m
	for number, d := range r.inFlight {
		if d.Event.Meeting == meeting {
			r.leave(number)
		}
	}
	for number, w := range r.waited { // not handed out yet
		if w.meeting == meeting {
			r.leave(number)
		}
	}
	r.tell()
	return m.Since
}

// putOffs are the meetings that are put off, the longest first.
func (r *ready) putOffs() []PutOff {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	all := slices.DeleteFunc(slices.Collect(maps.Values(r.off)), func(m PutOff) bool { return !m.Until.After(now) })
	slices.SortFunc(all, func(a, b PutOff) int { return a.Since.Compare(b.Since) })
	return all
}

// await has somebody told when an event is settled, or put off.
func (r *ready) await(number uint64, w waiter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waited[number] = w
	if _, isOff := r.off[w.meeting]; isOff {
		r.leave(number)
	}
}

// awaitNone ends await.
func (r *ready) awaitNone(events []numbered) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		delete(r.waited, e.number)
	}
}

// readRecords reads events and checks their sums.
func (in *sqliteInbox) readRecords(ctx context.Context, where string, args ...any) (records []record, err error) {
	rows, err := in.db().read.QueryContext(ctx, "select "+recordColumns+" from events "+where, args...)
	if err != nil {
		return nil, readError(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		found, err := scanRecord(rows)
		if err != nil {
			return nil, readError(err)
		}
		records = append(records, found)
	}
	return records, readError(rows.Err())
}

// readError is why the file could not be read.
func readError(err error) error {
	if err == nil || errors.Is(err, ErrDamaged) || isCorrupt(err) {
		return err
	}
	return fmt.Errorf("%w: read the inbox: %w", ErrUnavailable, err)
}

// numbered is an event's number, and its meeting.
type numbered struct {
	number  uint64
	meeting string
}

// readNumbered reads such two columns.
func readNumbered(rows *sql.Rows, err error) (all []numbered, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var e numbered
		if err := rows.Scan(&e.number, &e.meeting); err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, rows.Err()
}
