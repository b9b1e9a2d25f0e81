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
	watermark *watermark
	current   atomic.Pointer[database] // the writer puts another in its place after an error
	ready     *ready
	writer    *writer
	working   sync.WaitGroup

	// The writer's.
	answered   uint64 // the last number that was answered for
	reopenedAt time.Time
	usage      usage

	mu    sync.Mutex
	fault error // why nothing can be written just now

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
	if !in.ready.settle(d) {
		return errTakenBack
	}
	return in.writer.settle(settlement{number: d.number, outcome: outcome})
}

func (in *sqliteInbox) later(_ context.Context, d *Delivery, until time.Time) error {
	if !in.ready.settle(d) {
		return errTakenBack
	}
	return in.writer.settle(settlement{number: d.number, until: until.UnixMicro()})
}

func (in *sqliteInbox) bury(_ context.Context, d *Delivery, reason string) (letter uint64, err error) {
	if !in.ready.settle(d) {
		return d.number, errTakenBack
	}
	err = in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "update events set state = 'dead', state_at = ?, reason = ? where number = ? and state = 'waiting'",
			time.Now().UnixMicro(), reason, int64(d.number))
		return err
	})
	in.ready.written(d.number)
	if err != nil {
		in.ready.comeBack(d.number)
	}
	return d.number, err
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
	if in.isClosed() {
		return errClosed
	}
	if err := in.failed(); err != nil {
		return err
	}
	return in.spare()
}

func (in *sqliteInbox) isClosed() bool {
	select {
	case <-in.closed:
		return true
	default:
		return false
	}
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
	c, err := in.count(context.Background())
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if c.Settled == 0 {
		return 0, fmt.Errorf("%w: %d of %d MiB (INBOX_MAX_BYTES) are taken by events that are not settled", ErrFull, in.usage.bytes>>20, most>>20)
	}
	each := in.usage.bytes / int64(c.Waiting+c.Settled+c.Dead)
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
func (in *sqliteInbox) PutOff(_ context.Context, meeting string, until time.Time, reason string) error {
	p := in.ready.putOff(meeting, until, oneLine(reason))
	return in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "insert or replace into put_off values (?, ?, ?, ?)", p.Meeting, p.Since.UnixMicro(), p.Until.UnixMicro(), p.Reason)
		return err
	})
}

// Stats implements Inbox.
func (in *sqliteInbox) Stats(ctx context.Context) (Stats, error) {
	free, err := freeBytes(in.options.Dir)
	if err != nil {
		return Stats{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	s, err := in.count(ctx)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	s.Bytes, s.Free, s.PutOff = in.fileSize("")+in.fileSize("-wal"), free, in.ready.putOffs()
	return s, nil
}

// count counts the events, and finds the oldest that waits for its first turn.
func (in *sqliteInbox) count(ctx context.Context) (s Stats, err error) {
	var all, oldest int64
	// (All are counted at once; those that are settled, which are many, not one by one.)
	err = in.db().read.QueryRowContext(ctx, `select (select count(*) from events indexed by events_by_state),
		(select count(*) from events indexed by events_by_state where state = 'waiting'),
		(select count(*) from events indexed by events_by_state where state = 'waiting' and state_at > ?1),
		(select count(*) from events indexed by events_by_state where state = 'dead'),
		coalesce((select accepted_at from events where state = 'waiting' and state_at = 0 and attempt = 1
			and meeting not in (select meeting from put_off where until > ?1) order by number limit 1), 0)`, time.Now().UnixMicro()).
		Scan(&all, &s.Waiting, &s.Later, &s.Dead, &oldest)
	s.Settled = int(all) - s.Waiting - s.Dead
	if oldest > 0 {
		s.Oldest = time.UnixMicro(oldest).UTC()
	}
	return s, err
}

// Close implements Inbox.
func (in *sqliteInbox) Close(ctx context.Context) (err error) {
	in.closing.Do(func() {
		close(in.closed)
		in.ready.close()
		in.writer.close()
		if err = untilDone(ctx, &in.working); err == nil { // else the file goes with the process
			err = errors.Join(in.db().close(), in.watermark.close(), in.lock.Close())
		}
	})
	return err
}
