package inbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	maxGroup      = 1000                  // events that share a transaction
	maxGroupBytes = 8 << 20               // bytes of their bodies
	settleDelay   = 25 * time.Millisecond // how long a settlement waits for an event to share a sync with
	settleMost    = 500                   // settlements that do not wait
	reopenWait    = time.Second           // between two tries to open the file again
)

// writer is the only one that writes to the database. What comes while a transaction
// is under way shares the next one, and so its sync: events, and settlements beside
// them. No request's context reaches the database: what a sender that left sent is kept.
type writer struct {
	inbox *sqliteInbox

	mu      sync.Mutex
	pending pending
	closed  bool
	wake    chan struct{} // there is something to do
}

// pending is what waits for the next transaction.
type pending struct {
	accepts     []*acceptance
	settlements []settlement
	since       time.Time // when the first settlement came
	jobs        []*job
}

// acceptance is an event that waits to be kept.
type acceptance struct {
	Event
	at   time.Time
	done chan error // buffered
}

// settlement is what became of an event.
type settlement struct {
	number  uint64
	outcome string // empty: it is put off
	until   int64  // until when
}

// job is anything else, in a transaction of its own.
type job struct {
	do   func(context.Context, *sql.Tx) error
	done chan error // buffered
}

func newWriter(in *sqliteInbox) *writer {
	return &writer{inbox: in, wake: make(chan struct{}, 1)}
}

// add queues something, unless the writer is closed.
func (w *writer) add(queue func(*pending)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	queue(&w.pending)
	w.rouse()
	return nil
}

func (w *writer) rouse() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// accept has an event kept, and returns when it is safe.
func (w *writer) accept(ctx context.Context, e Event) error {
	a := &acceptance{Event: e, at: time.Now().UTC().Truncate(time.Microsecond), done: make(chan error, 1)}
	if err := w.add(func(p *pending) { p.accepts = append(p.accepts, a) }); err != nil {
		return err
	}
	select {
	case err := <-a.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
	}
}

// settle has a settlement written, soon. A kill before that hands the event out again.
func (w *writer) settle(s settlement) error {
	return w.add(func(p *pending) {
		if len(p.settlements) == 0 {
			p.since = time.Now()
		}
		p.settlements = append(p.settlements, s)
	})
}

// do runs a job and returns when it is committed, behind all settlements so far.
func (w *writer) do(do func(context.Context, *sql.Tx) error) error {
	j := &job{do: do, done: make(chan error, 1)}
	if err := w.add(func(p *pending) { p.jobs = append(p.jobs, j) }); err != nil {
		return err
	}
	return <-j.done
}

// flush returns when all settlements so far are written.
func (w *writer) flush() error {
	return w.do(func(context.Context, *sql.Tx) error { return nil })
}

// close has run write what is pending, and end.
func (w *writer) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.rouse()
}

// run writes until close.
func (w *writer) run() {
	for {
		group, wait, closed := w.take()
		switch {
		case !group.empty():
			w.write(group)
		case closed:
			return
		default:
			w.sleep(wait)
		}
	}
}

// sleep waits until there is something new, or a settlement has waited long enough.
func (w *writer) sleep(wait time.Duration) {
	if wait == 0 {
		<-w.wake
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	}
}

// take returns what is to be written now, and how long to wait if that is nothing: 0
// for until something comes.
func (w *writer) take() (group pending, wait time.Duration, closed bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &w.pending
	if len(p.accepts)+len(p.jobs) == 0 && len(p.settlements) > 0 && !w.closed {
		wait = settleDelay - time.Since(p.since)
		if hasFailed := wait > settleDelay; hasFailed || wait > 0 && len(p.settlements) < settleMost {
			return group, wait, false
		}
	}
	n, bytes := 0, 0
	for n < len(p.accepts) && n < maxGroup && bytes < maxGroupBytes {
		bytes += len(p.accepts[n].Body)
		n++
	}
	group = pending{accepts: p.accepts[:n:n], settlements: p.settlements, jobs: p.jobs}
	w.pending = pending{accepts: p.accepts[n:]}
	return group, 0, w.closed
}

func (p pending) empty() bool { return len(p.accepts)+len(p.settlements)+len(p.jobs) == 0 }

// write writes a group and tells everybody what became of it. It waits for a file that
// has to be opened again.
func (w *writer) write(group pending) {
	if len(group.accepts)+len(group.settlements) > 0 {
		w.writeEvents(group)
	}
	for _, j := range group.jobs {
		j.done <- w.attempt(func() error {
			ctx := context.Background()
			return inTransaction(ctx, w.inbox.db().write, func(tx *sql.Tx) error { return j.do(ctx, tx) })
		})
	}
}

func (w *writer) writeEvents(group pending) {
	in := w.inbox
	kept := group.accepts
	var excess int // settled events that have to go for these
	var refused error
	if len(kept) > 0 {
		if excess, refused = in.room(kept); refused != nil {
			kept = nil
		}
	}
	began := time.Now()
	err := w.attempt(func() error { return w.commit(kept, group.settlements, excess) })
	if err == nil && len(kept) > 0 {
		in.metrics.commits.Inc()
		in.metrics.commit.Observe(time.Since(began).Seconds())
	}
	for _, a := range kept {
		a.done <- err
	}
	for _, a := range group.accepts[len(kept):] {
		a.done <- refused
	}
	if err != nil {
		w.again(group.settlements)
	}
}

// again has settlements written with a later transaction, after a while.
func (w *writer) again(settlements []settlement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pending.settlements = append(settlements, w.pending.settlements...)
	w.pending.since = time.Now().Add(reopenWait - settleDelay)
	if w.closed {
		w.pending.settlements = nil // they come again at the next start
	}
}

// commit writes one transaction and notes how far it went.
func (w *writer) commit(accepts []*acceptance, settlements []settlement, excess int) error {
	ctx, in, db := context.Background(), w.inbox, w.inbox.db()
	removed := 0
	err := inTransaction(ctx, db.write, func(tx *sql.Tx) error {
		if err := writeAccepts(ctx, tx, db, accepts); err != nil {
			return err
		}
		if err := writeSettlements(ctx, tx, db, settlements); err != nil || excess == 0 {
			return err
		}
		var err error
		removed, err = removeSettled(ctx, tx, math.MaxInt64, excess)
		return err
	})
	if err != nil {
		return err
	}
	in.metrics.removed.Add(float64(removed))
	db.last += uint64(len(accepts))
	in.ready.committed(db.last, settlements)
	if len(accepts) == 0 {
		return nil
	}
	if err := in.watermark.write(db.mark); err != nil {
		return fmt.Errorf("write %s: %w", watermarkName, err)
	}
	in.answered = db.last
	return nil
}

func writeAccepts(ctx context.Context, tx *sql.Tx, db *database, accepts []*acceptance) error {
	insert := tx.StmtContext(ctx, db.stmt.insert)
	for i, a := range accepts {
		r := record{Event: a.Event, number: db.last + uint64(i) + 1, acceptedAt: a.at, attempt: 1}
		if _, err := insert.ExecContext(ctx, int64(r.number), r.Meeting, r.Kind, r.Source, writeTrace(r.Trace), r.acceptedAt.UnixMicro(), sumOf(r), r.Body); err != nil {
			return fmt.Errorf("insert event: %w", err)
		}
	}
	return nil
}

// writeSettlements writes settlements; those with one outcome together.
func writeSettlements(ctx context.Context, tx *sql.Tx, db *database, settlements []settlement) error {
	done := map[string][]uint64{}
	for _, s := range settlements {
		if s.outcome != "" {
			done[s.outcome] = append(done[s.outcome], s.number)
		} else if _, err := tx.StmtContext(ctx, db.stmt.later).ExecContext(ctx, s.until, int64(s.number)); err != nil {
			return fmt.Errorf("put off event %d: %w", s.number, err)
		}
	}
	now := time.Now().UnixMicro()
	for outcome, numbers := range done {
		list, err := json.Marshal(numbers)
		if err == nil {
			_, err = tx.StmtContext(ctx, db.stmt.done).ExecContext(ctx, now, outcome, string(list))
		}
		if err != nil {
			return fmt.Errorf("settle events: %w", err)
		}
	}
	return nil
}

// changed is how many rows a statement changed.
func changed(result sql.Result, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// attempt runs something that writes. After an error that is not of one transaction
// alone the file is closed, and opened again before anything else is written: after a
// failed write or sync nobody knows what is on the disk.
func (w *writer) attempt(do func() error) error {
	if err := w.inbox.failed(); err != nil {
		if again := w.reopen(); again != nil {
			return err
		}
	}
	err := do()
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, ErrNoLetter), errors.Is(err, ErrDamaged):
		return err
	case codeOf(err) == codeBusy:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case isCorrupt(err):
		err = damaged(w.inbox.options.Dir, err.Error())
	default:
		err = fmt.Errorf("%w: %w", refusal(err), err)
	}
	w.inbox.fail(err)
	return err
}

// refusal is what Accept answers while the file cannot be written.
func refusal(err error) error {
	if codeOf(err) == codeFull {
		return ErrFull
	}
	return ErrUnavailable
}

// reopen opens the file again after an error, at most once in a while. All that its
// log holds goes into the file, with a sync, and the log begins anew: after a failed
// sync a later one says nothing of what came before.
func (w *writer) reopen() error {
	in := w.inbox
	if errors.Is(in.failed(), ErrDamaged) || time.Since(in.reopenedAt) < reopenWait {
		return in.failed()
	}
	in.reopenedAt = time.Now()
	ctx := context.Background()
	_ = in.db().close() // it is of no use any more
	db, err := in.openAgain(ctx)
	if err != nil {
		if !errors.Is(err, ErrDamaged) {
			err = fmt.Errorf("%w: open the inbox again: %w", refusal(err), err)
		}
		in.fail(err)
		return in.failed()
	}
	in.fail(nil)
	in.ready.committed(db.last, nil)
	in.log.Info("the inbox can be written again", zoom.LogDir, in.options.Dir)
	return nil
}

func (in *sqliteInbox) openAgain(ctx context.Context) (*database, error) {
	found, err := suits(ctx, in.options.Dir, mark{in.db().id, in.answered})
	if err != nil {
		return nil, err
	}
	db, err := connect(ctx, in.options, found)
	if err != nil {
		return nil, err
	}
	in.current.Store(db)
	if err := checkpointAll(ctx, db.write); err != nil {
		return nil, err
	}
	return db, syncDirectory(in.options.Dir) // SQLite passes over an error of its own sync of the new log's name
}

// checkpointAll takes the whole log into the file.
func checkpointAll(ctx context.Context, db *sql.DB) error {
	var busy, log, moved int
	if err := db.QueryRowContext(ctx, "pragma wal_checkpoint(truncate)").Scan(&busy, &log, &moved); err != nil {
		return err
	}
	if busy != 0 {
		return fmt.Errorf("%w: somebody reads the file", ErrUnavailable)
	}
	return nil
}
