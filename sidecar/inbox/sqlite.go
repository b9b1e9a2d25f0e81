package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"modernc.org/sqlite"

	"zoom-attendance/sidecar/zoom"
)

// sqliteInbox keeps events in a file of SQLite's.
type sqliteInbox struct {
	options   Options
	log       *slog.Logger
	metrics   *metrics
	lock      *flock.Flock
	id        string
	watermark *watermark
	current   atomic.Pointer[database] // the writer puts another in its place after an error
	ready     *ready
	writer    *writer
	working   sync.WaitGroup

	// The writer's.
	answered   uint64 // the last number that was answered for
	reopenedAt time.Time
	usage      usage

	mu     sync.Mutex
	counts counts
	fault  error // why nothing can be written just now

	closing sync.Once
	closed  chan struct{}
}

func openSQLite(ctx context.Context, o Options) (_ Inbox, err error) {
	_, _ = sqlite.Fdatasync(true) // all that a commit needs; the default also writes timestamps
	in := &sqliteInbox{options: o, log: o.Log, closed: make(chan struct{})}
	if in.lock, err = claimDirectory(o); err != nil {
		return nil, err
	}
	db, made, err := openDatabase(ctx, o)
	if err != nil {
		return nil, errors.Join(err, in.lock.Close())
	}
	in.current.Store(db)
	in.counts, in.id = db.counts, db.id
	in.ready = newReady(in)
	err = in.ready.load(ctx)
	if err == nil {
		in.watermark, err = makeWatermark(o.Dir, db.mark)
	}
	if err != nil {
		return nil, errors.Join(openError(o.Dir, err), db.close(), in.lock.Close())
	}
	in.answered = db.last
	in.metrics = newMetrics(o.Metrics)
	if made {
		in.metrics.madeNew.Set(1)
		in.log.Warn("a new inbox was made: right at the first start, else the volume is not mounted", zoom.LogDir, o.Dir)
	}
	in.writer = newWriter(in)
	in.working.Go(in.writer.run)
	return in, nil
}

func (in *sqliteInbox) db() *database { return in.current.Load() }

// Accept implements Inbox.
func (in *sqliteInbox) Accept(ctx context.Context, e Event) error {
	e, span := startKeeping(in.options.Tracer, "sqlite", e)
	err := in.writer.accept(ctx, e)
	endKeeping(span, err)
	if err != nil {
		in.metrics.refused.WithLabelValues(refusedReason(err)).Inc()
		return fmt.Errorf("accept event: %w", err)
	}
	in.metrics.accepted.Inc()
	return nil
}

// Next implements Inbox.
func (in *sqliteInbox) Next(ctx context.Context, max int) ([]*Delivery, error) {
	return in.ready.next(ctx, max)
}

// done and later are written with the next transaction: a kill before that hands the
// event out again.
func (in *sqliteInbox) done(_ context.Context, d *Delivery, outcome string) error {
	return in.settle(d, settlement{at: time.Now().UnixMicro(), outcome: outcome})
}

func (in *sqliteInbox) later(_ context.Context, d *Delivery, until time.Time) error {
	return in.settle(d, settlement{at: until.UnixMicro()})
}

func (in *sqliteInbox) bury(ctx context.Context, d *Delivery, reason string) (letter uint64, err error) {
	if !in.ready.holds(d) {
		return d.number, errTakenBack
	}
	err = in.writer.do(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update events set state = 'dead', state_at = ?, reason = ? where number = ? and state = 'waiting'",
			time.Now().UnixMicro(), reason, int64(d.number))
		return err
	}, func(db *database) {
		db.counts.waiting--
		db.counts.dead++
		in.note(db, db.counts)
		in.ready.land(d)
	})
	if err != nil {
		in.ready.land(d)
		in.ready.comeBack(d.number)
	}
	return d.number, err
}

func (in *sqliteInbox) settle(d *Delivery, s settlement) error {
	if !in.ready.settle(d, s) {
		return errTakenBack
	}
	s.number = d.number
	return in.writer.settle(s)
}

// note takes in what a commit changed.
func (in *sqliteInbox) note(db *database, now counts) {
	db.counts = now
	in.mu.Lock()
	in.counts = now
	in.mu.Unlock()
	in.ready.committed(db.last)
}

// fail notes why nothing can be written; nil: it can.
func (in *sqliteInbox) fail(err error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err != nil && in.fault == nil {
		in.log.Error("the inbox cannot be written; nothing is accepted until it can", zoom.LogDir, in.options.Dir, zoom.LogError, err)
	}
	if !errors.Is(in.fault, ErrDamaged) { // which a person must mend
		in.fault = err
	}
}

func (in *sqliteInbox) failed() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.fault
}

// Ready implements Inbox.
func (in *sqliteInbox) Ready() error {
	select {
	case <-in.closed:
		return errClosed
	default:
	}
	if err := in.failed(); err != nil {
		return err
	}
	return in.spare()
}

// spare says whether there is more than the reserve on the disk.
func (in *sqliteInbox) spare() error {
	free, err := freeBytes(in.options.Dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if free < Reserve {
		return fmt.Errorf("%w: the disk of %s has %d MiB left, and %d are kept free", ErrFull, in.options.Dir, free>>20, int64(Reserve>>20))
	}
	return nil
}

// usage is what the file takes. To ask SQLite at every transaction would cost as much
// as the transaction: in between it is estimated, too high.
type usage struct {
	bytes    int64
	measured time.Time
}

// usageInterval is how old a measure may be; near the cap none is old.
const usageInterval = time.Second

// room says whether there is room for more events, and how many settled ones have to go.
func (in *sqliteInbox) room(accepts []*acceptance) (excess int, err error) {
	if err := in.spare(); err != nil {
		return 0, err
	}
	coming := int64(0)
	for _, a := range accepts {
		coming += int64(len(a.Body)) + overhead
	}
	in.usage.bytes += 2 * coming
	most := in.options.MaxBytes
	if time.Since(in.usage.measured) > usageInterval || in.usage.bytes > most/2 {
		if in.usage.bytes, err = in.measure(); err != nil {
			return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
		}
		in.usage.measured = time.Now()
	}
	if in.usage.bytes <= most {
		return 0, nil
	}
	c := in.db().counts
	if c.settled == 0 {
		return 0, fmt.Errorf("%w: %d of %d MiB (INBOX_MAX_BYTES) are taken by events that are not settled", ErrFull, in.usage.bytes>>20, most>>20)
	}
	each := in.usage.bytes / int64(c.waiting+c.settled+c.dead)
	excess = int(min(2*coming/max(each, 1)+10, removeMost))
	if in.usage.bytes > most+most/8 {
		err = fmt.Errorf("%w: more than %d MiB (INBOX_MAX_BYTES) are taken; settled events are being removed", ErrFull, most>>20)
	}
	return excess, err
}

// overhead is what an event takes beside its body, at most.
const overhead = 300

// measure is what the file's pages in use take, and its log.
func (in *sqliteInbox) measure() (int64, error) {
	var pages int64
	ctx, db := context.Background(), in.db().write
	if err := db.QueryRowContext(ctx, "select page_count - freelist_count from pragma_page_count, pragma_freelist_count").Scan(&pages); err != nil {
		return 0, err
	}
	log := in.fileSize("-wal")
	if log > in.options.MaxBytes/8 {
		_ = checkpointAll(ctx, db) // which empties the log; another time, if somebody reads
	}
	return pages*pageSize + log, nil
}

// fileSize is how large the file is, or one beside it.
func (in *sqliteInbox) fileSize(suffix string) int64 {
	info, err := os.Stat(filepath.Join(in.options.Dir, databaseName+suffix))
	if err != nil {
		return 0
	}
	return info.Size()
}

// PutOff implements Inbox.
func (in *sqliteInbox) PutOff(ctx context.Context, meeting string, until time.Time, reason string) error {
	since := in.ready.putOff(meeting, until, oneLine(reason))
	return in.writer.do(ctx, func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert or replace into put_off values (?, ?, ?, ?)", meeting, since.UnixMicro(), until.UnixMicro(), oneLine(reason))
		return err
	}, nil)
}

// Stats implements Inbox.
func (in *sqliteInbox) Stats(ctx context.Context) (Stats, error) {
	free, err := freeBytes(in.options.Dir)
	if err != nil {
		return Stats{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	in.mu.Lock()
	c := in.counts
	s := Stats{Waiting: c.waiting, Later: c.later, Dead: c.dead, Settled: c.settled, Bytes: in.fileSize("") + in.fileSize("-wal"), Free: free}
	in.mu.Unlock()
	s.PutOff = in.ready.putOffs()
	var oldest int64
	err = in.db().read.QueryRowContext(ctx, `select accepted_at from events where state = 'waiting' and state_at = 0 and attempt = 1
		and meeting not in (select meeting from put_off where until > ?) order by number limit 1`, time.Now().UnixMicro()).Scan(&oldest)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return s, fmt.Errorf("%w: %w", ErrUnavailable, err)
	default:
		s.Oldest = time.UnixMicro(oldest).UTC()
	}
	return s, nil
}

// Close implements Inbox.
func (in *sqliteInbox) Close(ctx context.Context) (err error) {
	in.closing.Do(func() {
		close(in.closed)
		in.ready.close()
		in.writer.close()
		written := make(chan struct{})
		go func() {
			in.working.Wait()
			close(written)
		}()
		select {
		case <-written:
		case <-ctx.Done(): // the file goes with the process
			err = fmt.Errorf("close the inbox: %w", ctx.Err())
			return
		}
		err = errors.Join(in.db().close(), in.watermark.close(), in.lock.Close())
	})
	return err
}
