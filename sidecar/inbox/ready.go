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
	off      putOffs
}

func newReady(in *sqliteInbox) *ready {
	return &ready{
		inbox: in, changed: make(chan struct{}), last: in.db().last,
		inFlight: map[uint64]*Delivery{}, settling: map[uint64]bool{}, off: putOffs{},
	}
}

// load reads what is put off.
func (r *ready) load(ctx context.Context) error {
	rows, err := r.inbox.db().read.QueryContext(ctx, "select meeting, since, until, reason from put_off")
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
	return rows.Err()
}

// tell wakes whoever waits in next.
func (r *ready) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// committed notes the last number that is committed, and what is settled.
func (r *ready) committed(last uint64, settled []settlement) {
	r.mu.Lock()
	defer r.mu.Unlock()
	more := last > r.last
	r.last = last
	for _, s := range settled {
		delete(r.settling, s.number)
		more = more || s.outcome == ""
	}
	if more {
		r.tell()
	}
}

// written notes that an event is dead.
func (r *ready) written(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.settling, number)
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
	due, err := r.nextDue(ctx)
	if err != nil {
		return err
	}
	timer := time.NewTimer(time.Until(due))
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
func (r *ready) nextDue(ctx context.Context) (time.Time, error) {
	now := time.Now()
	first := now.Add(time.Hour)
	var due sql.NullInt64
	if err := r.inbox.db().read.QueryRowContext(ctx, "select min(state_at) from events where state = 'waiting' and state_at > ?", now.UnixMicro()).Scan(&due); err != nil {
		return first, readError(err)
	}
	if at := time.UnixMicro(due.Int64); due.Valid && at.Before(first) {
		first = at
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.off {
		if p.Until.Before(first) {
			first = p.Until
		}
	}
	return first, nil
}

// take reads at most max events to hand out.
func (r *ready) take(ctx context.Context, max int) ([]*Delivery, error) {
	r.taking.Lock()
	defer r.taking.Unlock()
	if err := r.inbox.failed(); errors.Is(err, ErrDamaged) {
		return nil, err
	}
	r.lift()
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
	before := len(r.off)
	if r.off.over(); len(r.off) < before {
		r.cursor = 0
	}
}

// comeBack sets the cursor back to an event that waits again.
func (r *ready) comeBack(number uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cursor = min(r.cursor, number-1)
	r.tell()
}

// read goes on with the cursor, and takes what is due beside.
func (r *ready) read(ctx context.Context, max int) ([]record, error) {
	r.mu.Lock()
	cursor, last := r.cursor, r.last
	off, err := json.Marshal(slices.AppendSeq([]string{}, maps.Keys(r.off)))
	r.cursor = last // what comes back meanwhile sets it back
	r.mu.Unlock()
	if err != nil {
		return nil, err
	}
	records, next, err := r.readFrom(ctx, cursor, last, string(off), max)
	if next < last {
		r.comeBack(next + 1)
	}
	return records, err
}

// readFrom reads at most max events behind the cursor, and those that are due. It returns
// where the cursor is then.
func (r *ready) readFrom(ctx context.Context, cursor, last uint64, off string, max int) (_ []record, next uint64, err error) {
	now := time.Now().UnixMicro()
	numbers, err := r.find(ctx, "state_at > 0 and state_at <= ?", max, off, now)
	if err != nil {
		return nil, cursor, err
	}
	fresh, err := r.find(ctx, "state_at = 0 and number > ? and number <= ?", max-len(numbers), off, int64(cursor), int64(last))
	if err != nil {
		return nil, cursor, err
	}
	if next = last; len(numbers)+len(fresh) == max {
		next = cursor
		if len(fresh) > 0 {
			next = fresh[len(fresh)-1]
		}
	}
	list, err := json.Marshal(append(numbers, fresh...))
	if err != nil || len(numbers)+len(fresh) == 0 {
		return nil, next, err
	}
	// (An event may have been settled or put off since find looked.)
	records, err := r.inbox.readRecords(ctx, "where number in (select value from json_each(?)) and +state = 'waiting' and +state_at <= ? order by number", string(list), now)
	if err != nil {
		next = cursor
	}
	return records, next, err
}

// find looks for events that may be handed out. It reads the index alone: a meeting that
// is put off may have a million of them.
func (r *ready) find(ctx context.Context, which string, max int, off string, args ...any) (numbers []uint64, err error) {
	rows, err := r.inbox.db().read.QueryContext(ctx, `select number from events indexed by events_by_state
		where state = 'waiting' and `+which+` and meeting not in (select value from json_each(?)) order by state_at, number`, append(args, off)...)
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

// settle takes an event out of flight whose settlement will be written. It reports false
// for one that was taken back, or settled.
func (r *ready) settle(d *Delivery) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inFlight[d.number] != d {
		return false
	}
	r.settling[d.number] = true
	delete(r.inFlight, d.number)
	return true
}

// putOff has a meeting passed over until a time, and takes back what is in flight of
// it.
func (r *ready) putOff(meeting string, until time.Time, reason string) PutOff {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.off.add(meeting, until, reason)
	maps.DeleteFunc(r.inFlight, func(_ uint64, d *Delivery) bool { return d.Event.Meeting == meeting })
	r.tell()
	return p
}

// putOffs are the meetings that are put off, the longest first.
func (r *ready) putOffs() []PutOff {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.off.list()
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

// readNumbers reads such a column.
func readNumbers(rows *sql.Rows, err error) (all []uint64, _ error) {
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var number uint64
		if err := rows.Scan(&number); err != nil {
			return nil, err
		}
		all = append(all, number)
	}
	return all, rows.Err()
}
