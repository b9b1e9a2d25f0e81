package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	maintenanceInterval = 2 * time.Second
	stepTime            = 10 * time.Millisecond
	removeStep          = 100 // events of one transaction at first
	removeMost          = 5000
	vacuumStep          = 64 // pages at first
)

// Run implements Inbox.
func (in *sqliteInbox) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return in.watch(ctx) })
	group.Go(func() error { return in.maintain(ctx) })
	go func() {
		select {
		case <-in.closed:
			stop()
		case <-ctx.Done():
		}
	}()
	return group.Wait()
}

// maintain does now and then what there is to do. What fails is tried again; but damage
// is an error.
func (in *sqliteInbox) maintain(ctx context.Context) error {
	for {
		if in.failed() != nil { // so that the file is opened again though no event comes
			_ = in.writer.flush()
		}
		err := in.removeOld(ctx)
		if err == nil {
			err = in.removePutOffs(ctx)
		}
		if err == nil {
			err = in.vacuum(ctx)
		}
		if isCorrupt(err) {
			in.fail(damaged(in.options.Dir, err.Error()))
		}
		if err := in.failed(); errors.Is(err, ErrDamaged) {
			return err
		}
		if now, err := in.Stats(ctx); err == nil {
			in.metrics.show(now, time.Now())
		}
		if !pause(ctx, maintenanceInterval) {
			return nil
		}
	}
}

// removeOld removes what was settled long enough ago, in steps that keep no event
// waiting for long.
func (in *sqliteInbox) removeOld(ctx context.Context) error {
	before := time.Now().Add(-in.options.Retention).UnixMicro()
	for most := removeStep; ; {
		var old bool
		if err := in.db().read.QueryRowContext(ctx, "select exists (select 1 from events where state = 'settled' and state_at < ?)", before).Scan(&old); err != nil || !old {
			return err
		}
		began := time.Now()
		err := in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
			began = time.Now()
			_, err := removeSettled(ctx, tx, before, most)
			return err
		})
		if err != nil {
			return err
		}
		most = stepSize(most, time.Since(began))
	}
}

// removePutOffs removes the rows of meetings that are put off no longer.
func (in *sqliteInbox) removePutOffs(ctx context.Context) error {
	now := time.Now().UnixMicro()
	var over bool
	if err := in.db().read.QueryRowContext(ctx, "select exists (select 1 from put_off where until <= ?)", now).Scan(&over); err != nil || !over {
		return err
	}
	return in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "delete from put_off where until <= ?", now)
		return err
	})
}

// stepSize is how much to do at once, after so much took so long.
func stepSize(n int, took time.Duration) int {
	if took > stepTime {
		return max(n/2, 10)
	}
	return min(n*2, removeMost)
}

// removeSettled removes the events that were settled longest ago, if that was before a
// time, and counts them in the book.
func removeSettled(ctx context.Context, tx *sql.Tx, before int64, most int) (removed int, err error) {
	until := int64(0)
	rows, err := tx.QueryContext(ctx, `delete from events where number in (
		select number from events where state = 'settled' and state_at < ? order by state_at, number limit ?) returning accepted_at`, before, most)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var accepted int64
		if err := rows.Scan(&accepted); err != nil {
			return 0, err
		}
		removed++
		until = max(until, accepted)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || removed == 0 {
		return 0, err
	}
	_, err = tx.ExecContext(ctx, "update book set removed = removed + ?, removed_until = max(removed_until, ?)", removed, until)
	return removed, err
}

// vacuum gives pages that hold nothing back to the disk, if they are a quarter of the
// file: new events take the others.
func (in *sqliteInbox) vacuum(ctx context.Context) error {
	for most := vacuumStep; ; {
		var free, pages int64
		if err := in.db().read.QueryRowContext(ctx, "select freelist_count, page_count from pragma_freelist_count, pragma_page_count").Scan(&free, &pages); err != nil {
			return err
		}
		if free < 256 || free*4 < pages {
			return nil
		}
		var took time.Duration
		err := in.writer.do(func(ctx context.Context, tx *sql.Tx) error {
			began := time.Now()
			rows, err := tx.QueryContext(ctx, fmt.Sprintf("pragma incremental_vacuum(%d)", most))
			if err != nil {
				return err
			}
			for rows.Next() { // each gives back one page
			}
			took = time.Since(began)
			return errors.Join(rows.Err(), rows.Close())
		})
		if err != nil {
			return err
		}
		most = stepSize(most, took)
	}
}

// pause lets d pass. It reports false when ctx ended before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
