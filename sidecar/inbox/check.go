package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// How the file is looked at for damage while it is in use: at the start, and once a
// day. Each event is read and its sum compared, a few hundred at a time; then SQLite's
// own check of pages and indexes, which reads a gibibyte in about two seconds and holds
// one read transaction for it.

const (
	checkWindow   = 500            // numbers looked at by one statement
	checkShare    = 5              // of the time, one part in so many
	checkInterval = 24 * time.Hour // between two looks at all that is kept
	maxFaults     = 20             // that are named
)

// watch looks through the file until ctx ends. It returns an error for damage.
func (in *sqliteInbox) watch(ctx context.Context) error {
	for {
		db := in.db()
		err := in.lookThrough(ctx, db.read)
		if (errors.Is(err, ErrDamaged) || isCorrupt(err)) && in.isOpen(db) {
			in.fail(damaged(in.options.Dir, err.Error()))
			return in.failed()
		}
		wait := checkInterval
		if err != nil {
			wait = time.Minute // the file is being opened again, for example
		}
		if !pause(ctx, wait) {
			return nil
		}
	}
}

// isOpen reports whether the file is still the one that was opened then: what is read
// while it is closed or opened again says nothing of it.
func (in *sqliteInbox) isOpen(db *database) bool {
	return !in.isClosed() && in.failed() == nil && in.db() == db
}

// lookThrough reads each event, in small parts, and has SQLite check the whole.
func (in *sqliteInbox) lookThrough(ctx context.Context, db *sql.DB) error {
	for at, last := uint64(0), in.ready.lastNumber(); at < last; at += checkWindow {
		began := time.Now()
		faults, err := checkRows(ctx, db, at, at+checkWindow, func(row) {})
		if err == nil && len(faults) > 0 {
			err = fmt.Errorf("%w: %s", ErrDamaged, faults[0])
		}
		if err != nil {
			return err
		}
		if !pause(ctx, (checkShare-1)*time.Since(began)) {
			return ctx.Err()
		}
	}
	faults, err := checkPages(ctx, db)
	if err == nil && len(faults) > 0 {
		err = fmt.Errorf("%w: %s", ErrDamaged, faults[0])
	}
	return err
}

// checkPages is SQLite's check of the file: its pages, that each index is that of its
// table, and the rules of the columns. It names what is wrong.
func checkPages(ctx context.Context, db *sql.DB) (faults []string, err error) {
	rows, err := db.QueryContext(ctx, fmt.Sprintf("pragma integrity_check(%d)", maxFaults))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var fault string
		if err := rows.Scan(&fault); err != nil {
			return nil, err
		}
		if fault != "ok" {
			faults = append(faults, oneLine(fault))
		}
	}
	return faults, rows.Err()
}

// row is an event with all that is known of it.
type row struct {
	record
	sum             int64
	state           string
	stateAt         int64
	outcome, reason sql.NullString
}

// checkRows reads the events behind a number, up to another, and names those that cannot
// be read or do not have their sum. Each that can is given to see.
func checkRows(ctx context.Context, db *sql.DB, after, upTo uint64, see func(row)) (faults []string, err error) {
	rows, err := db.QueryContext(ctx, "select "+recordColumns+", sum, state, state_at, outcome, reason from events not indexed where number > ? and number <= ? order by number",
		int64(after), int64(upTo))
	if err == nil {
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var r row
			var err error
			if r.record, err = scanRecord(rows, &r.sum, &r.state, &r.stateAt, &r.outcome, &r.reason); err != nil {
				faults = append(faults, faultOf(r.number, err))
				continue
			}
			see(r)
		}
		err = rows.Err()
	}
	if isMalformed(err) {
		return append(faults, fmt.Sprintf("events behind %d cannot be read: %v", after, err)), nil
	}
	return faults, err
}

// faultOf is what is wrong with an event.
func faultOf(number uint64, err error) string {
	if errors.Is(err, ErrDamaged) {
		return fmt.Sprintf("event %d does not have its sum", number)
	}
	return fmt.Sprintf("event %d cannot be read: %v", number, err)
}
