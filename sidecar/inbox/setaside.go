package inbox

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Report is what the file of an inbox holds.
type Report struct {
	Dir     string   `json:"dir"`
	Waiting int      `json:"waiting"`          // events that are not settled
	Settled int      `json:"settled"`          // events that are, and stay for the retention
	Dead    int      `json:"dead"`             // dead letters
	Removed int      `json:"removed"`          // events that were removed after their time
	Last    uint64   `json:"last"`             // the number of the last event that was answered for
	Damage  []string `json:"damage,omitempty"` // what is missing or cannot be read

	removedUntil int64
}

// Damaged reports whether anything is missing or cannot be read.
func (r Report) Damaged() bool { return len(r.Damage) > 0 }

// Events counts those that can be read, dead letters included.
func (r Report) Events() int { return r.Waiting + r.Settled + r.Dead }

// Rescued is what SetAside did.
type Rescued struct {
	OldDir  string // where the old files are now
	Waiting int    // events brought over that will be handed out
	Settled int    // events brought over that had been settled
	Dead    int    // dead letters brought over
}

// Inspect looks at the file of an inbox. It fails with ErrLocked while a process works
// in the directory, and with ErrNone where there is no inbox.
func Inspect(ctx context.Context, dir string) (r Report, err error) {
	if err := findAny(dir); err != nil {
		return Report{Dir: dir}, err
	}
	lock, err := claimDirectory(Options{Dir: dir}.withDefaults())
	if err != nil {
		return Report{Dir: dir}, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	return inspect(ctx, dir, func([]row) error { return nil })
}

// inspect looks at the file, and gives the events that can be read to see.
func inspect(ctx context.Context, dir string, see func([]row) error) (r Report, err error) {
	r.Dir = dir
	known, err := readWatermark(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		r.Damage = append(r.Damage, watermarkName+" is missing")
	case errors.Is(err, errTornWatermark):
		r.Damage = append(r.Damage, err.Error())
	case err != nil:
		return r, err
	}
	r.Last = known.last
	path := filepath.Join(dir, databaseName)
	if there, err := exists(path); err != nil || !there {
		r.Damage = append(r.Damage, databaseName+" is missing")
		return r, err
	}
	db, err := openFile(path, guestParams) // which leaves the files as they are
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := r.readBook(ctx, db, known); err != nil {
		return r, err
	}
	for at, end := uint64(0), r.Last; at < end; at += checkWindow {
		var found []row
		faults, err := scan(ctx, db, at, min(at+checkWindow, end), func(one row) { found = append(found, one) })
		if err != nil {
			return r, err
		}
		r.Damage = append(r.Damage, faults...)
		for _, one := range found {
			r.count(one.state)
		}
		if err := see(found); err != nil {
			return r, err
		}
	}
	return r, nil
}

// readBook reads what the file says of itself, and names what of it cannot be.
func (r *Report) readBook(ctx context.Context, db *sql.DB, known mark) error {
	faults, err := checkPages(ctx, db)
	r.Damage = append(r.Damage, faults...)
	var id string
	var rows, removed, greatest uint64
	if err == nil {
		err = db.QueryRowContext(ctx, `select id, removed, removed_until, (select count(*) from events not indexed), (select coalesce(max(number), 0) from events) from book`).
			Scan(&id, &removed, &r.removedUntil, &rows, &greatest)
	}
	if isMalformed(err) {
		r.Damage = append(r.Damage, err.Error())
		return nil
	}
	if err != nil {
		return err
	}
	r.Removed, r.Last = int(removed), max(r.Last, greatest)
	if known.id != "" && id != known.id {
		r.Damage = append(r.Damage, databaseName+" is another file than the one that "+watermarkName+" is of")
	}
	if removed+rows != r.Last {
		r.Damage = append(r.Damage, fmt.Sprintf("there are %d events and %d were removed, of %d that there ever were", rows, removed, r.Last))
	}
	return nil
}

func (r *Report) count(state string) {
	switch state {
	case "waiting":
		r.Waiting++
	case "settled":
		r.Settled++
	case "dead":
		r.Dead++
	}
}

// scan reads events as checkRows does; where one statement does not come through, it
// goes by halves, down to the event that cannot be read.
func scan(ctx context.Context, db *sql.DB, after, upTo uint64, see func(row)) (faults []string, err error) {
	var found []row
	faults, err = checkRows(ctx, db, after, upTo, func(r row) { found = append(found, r) })
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 && upTo-after > 1 {
		half := after + (upTo-after)/2
		lower, err := scan(ctx, db, after, half, see)
		if err != nil {
			return nil, err
		}
		upper, err := scan(ctx, db, half, upTo, see)
		return append(lower, upper...), err
	}
	for _, r := range found {
		see(r)
	}
	return faults, nil
}

const (
	newName     = "inbox.new"
	asidePrefix = "set-aside-"
)

// SetAside puts a new inbox in the place of a damaged one. In the new one is every event
// that can still be read, with its number; what had been settled stays settled. The old
// files are kept, in a directory beside the new ones.
//
// agree is told what is damaged before anything is changed; its error ends it. moved is
// told how many events are in the new inbox by now. Until the new one is whole the old
// one is in its place. Broken off, it is done again.
func SetAside(ctx context.Context, o Options, at time.Time, agree func(Report) error, moved func(events int)) (done Rescued, err error) {
	o = o.withDefaults()
	if err := findAny(o.Dir); err != nil {
		return done, err
	}
	lock, err := claimDirectory(o)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()

	aside := filepath.Join(o.Dir, asidePrefix+at.UTC().Format("20060102T150405Z"))
	if unfinished(ctx, o.Dir) {
		report, err := finish(ctx, o.Dir, aside)
		return Rescued{aside, report.Waiting, report.Settled, report.Dead}, err
	}
	report, err := inspect(ctx, o.Dir, func([]row) error { return nil })
	if err != nil {
		return done, err
	}
	if err := agree(report); err != nil {
		return done, err
	}
	m := mark{rand.Text(), report.Last}
	until := report.removedUntil
	if report.Damaged() {
		until = at.UnixMicro()
	}
	copied, err := copyReadable(ctx, o.Dir, m, until, moved)
	if err == nil {
		err = swap(o.Dir, aside, m)
	}
	if err != nil {
		return done, fmt.Errorf("make a new inbox: %w", err)
	}
	return Rescued{aside, copied.Waiting, copied.Settled, copied.Dead}, nil
}

// findAny fails with ErrNone where there is no inbox, nor what is left of one.
func findAny(dir string) error {
	_, err := readWatermark(dir)
	if errors.Is(err, fs.ErrNotExist) && leftovers(dir) == "" {
		return fmt.Errorf("%w in %s", ErrNone, dir)
	}
	return nil
}

// copyReadable makes a new file with every event that can be read. Those that cannot
// count as removed.
func copyReadable(ctx context.Context, dir string, m mark, removedUntil int64, moved func(int)) (copied Report, err error) {
	path := filepath.Join(dir, newName)
	if err := makeFile(ctx, path, m.id); err != nil {
		return copied, err
	}
	fresh, err := openFile(path, writeParams)
	if err != nil {
		return copied, err
	}
	defer func() { err = errors.Join(err, fresh.Close()) }()
	_, err = inspect(ctx, dir, func(found []row) error {
		err := inTransaction(ctx, fresh, func(tx *sql.Tx) error { return insertRows(ctx, tx, found, copied.count) })
		moved(copied.Events())
		return err
	})
	if err == nil {
		_, err = fresh.ExecContext(ctx, "update book set removed = ? - (select count(*) from events), removed_until = ?", int64(m.last), removedUntil)
	}
	if err == nil {
		err = checkpointAll(ctx, fresh)
	}
	return copied, err
}

// insertRows puts events into a new file, each once, and tells the state of each.
func insertRows(ctx context.Context, tx *sql.Tx, all []row, count func(state string)) error {
	insert, err := tx.PrepareContext(ctx, `insert into events (number, meeting, kind, source, trace, accepted_at, sum, attempt, body, state, state_at, outcome, reason)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (number) do nothing`)
	if err != nil {
		return err
	}
	defer func() { _ = insert.Close() }()
	for _, r := range all {
		r = mended(r)
		n, err := changed(insert.ExecContext(ctx, int64(r.number), r.Meeting, r.Kind, r.Source, writeTrace(r.Trace), r.acceptedAt.UnixMicro(), r.sum, r.attempt, r.Body,
			r.state, r.stateAt, r.outcome, r.reason))
		if err != nil {
			return err
		}
		if n > 0 { // damaged pages may tell of an event twice
			count(r.state)
		}
	}
	return nil
}

// mended is an event as the rules of the table allow it: one whose state cannot be waits.
// What waits comes at once: of when it is due nobody knows whether it is right.
func mended(r row) row {
	settled, dead := r.state == "settled", r.state == "dead"
	if !settled && !dead && r.state != "waiting" || settled != r.outcome.Valid || dead != r.reason.Valid {
		r.state, r.stateAt, r.outcome, r.reason = "waiting", 0, sql.NullString{}, sql.NullString{}
	}
	if r.state == "waiting" {
		r.stateAt = 0
	}
	r.attempt = max(r.attempt, 1)
	return r
}

// swap puts the new file in the place of the old one. inbox.last is of the new one from
// its first step: broken off in between, Open finds another file or none, and refuses.
func swap(dir, aside string, m mark) error {
	w, err := makeWatermark(dir, m)
	if err == nil {
		err = w.close()
	}
	if err == nil {
		err = exchange(dir, aside)
	}
	return err
}

// exchange moves the old file away, its log after it, and the new one in its place.
func exchange(dir, aside string) error {
	if err := os.MkdirAll(aside, 0o700); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		err := os.Rename(filepath.Join(dir, databaseName+suffix), filepath.Join(aside, databaseName+suffix))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := errors.Join(syncDirectory(aside), syncDirectory(dir)); err != nil { // or a power cut may leave the old log beside the new file
		return err
	}
	if err := os.Rename(filepath.Join(dir, newName), filepath.Join(dir, databaseName)); err != nil {
		return err
	}
	return syncDirectory(dir)
}

// unfinished reports whether an exchange was broken off: inbox.last is of the new file,
// which is whole by then, and that is not in its place. The old one may have lost its log.
func unfinished(ctx context.Context, dir string) bool {
	known, err := readWatermark(dir)
	if err != nil || known.id == "" {
		return false
	}
	id, err := idOf(ctx, filepath.Join(dir, newName))
	return err == nil && id == known.id
}

// idOf is the id that a file says it has.
func idOf(ctx context.Context, path string) (id string, err error) {
	if there, err := exists(path); err != nil || !there {
		return "", errors.Join(err, fs.ErrNotExist)
	}
	db, err := openFile(path, guestParams)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return id, db.QueryRowContext(ctx, "select id from book").Scan(&id)
}

// finish ends an exchange that was broken off.
func finish(ctx context.Context, dir, aside string) (Report, error) {
	if err := exchange(dir, aside); err != nil {
		return Report{}, err
	}
	return inspect(ctx, dir, func([]row) error { return nil })
}
