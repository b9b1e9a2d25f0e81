package realtime

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// portion is how many messages of the log are asked for at once, which is a
// batch. Postgres gives more if a transaction has more.
const portion = 100

// patience bounds each wait for the database.
const patience = 30 * time.Second

// undefinedObject is the error of Postgres when the publication is missing.
const undefinedObject = "42704"

// feed reads the changes of a publication, in the order of their commits, from
// a replication slot of its own.
type feed struct {
	conn        *pgx.Conn
	slot        string
	publication string
	poll        time.Duration
	log         *slog.Logger
	to          follower

	asked     chan chan struct{}
	relations map[uint32]*relation
	committed time.Time // of the transaction being read
	missing   bool      // the publication was missing at the last look

	slotted    bool // whether there is a slot
	batchLimit time.Duration
}

// follower is told what the feed reads.
type follower interface {
	// described is called when the log describes a table anew.
	described(oid uint32)
	// changed is called for each change. If it fails, the batch is lost.
	changed(ctx context.Context, c *change) error
	// tell is called after each batch, and forget instead if it is lost.
	tell()
	forget()
}

// openFeed connects and makes the slot. Changes from now on are in the feed.
func openFeed(ctx context.Context, config Config, to follower) (*feed, error) {
	settings, err := pgx.ParseConfig(config.DatabaseURL)
	if err != nil {
		return nil, fmt.Errorf("read the database's URL: %w", err)
	}
	asPrinted(settings.RuntimeParams)
	settings.RuntimeParams["synchronous_commit"] = "on" // for flush
	conn, err := pgx.ConnectConfig(ctx, settings)
	if err != nil {
		return nil, fmt.Errorf("connect to read the log: %w", err)
	}
	f := &feed{
		conn:        conn,
		slot:        "realtime_" + strings.ToLower(rand.Text()),
		publication: config.Publication,
		poll:        config.Poll,
		log:         config.Log,
		to:          to,
		asked:       make(chan chan struct{}),
		relations:   map[uint32]*relation{},
		batchLimit:  config.BatchLimit,
	}
	if err := f.createSlot(ctx); err != nil {
		return nil, errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
	}
	return f, nil
}

// createSlot makes a slot that begins at the end of the log. It is temporary:
// Postgres drops it with the connection, and with any error on it.
func (f *feed) createSlot(ctx context.Context) error {
	_, err := f.conn.Exec(ctx, "select from pg_create_logical_replication_slot($1, 'pgoutput', true)", f.slot)
	if err != nil {
		return fmt.Errorf("create a replication slot: %w", err)
	}
	f.slotted = true
	return nil
}

// asPrinted makes a connection print values as the JSON of Postgres has them.
func asPrinted(parameters map[string]string) {
	parameters["timezone"] = "UTC"
	parameters["datestyle"] = "ISO"
	parameters["intervalstyle"] = "postgres"
	parameters["bytea_output"] = "hex"
	parameters["extra_float_digits"] = "1"
}

// run reads until the context ends, then drops the slot, so that nothing is
// left that would keep the log or the database from being removed.
func (f *feed) run(ctx context.Context) error {
	defer f.close(context.WithoutCancel(ctx))
	ticker := time.NewTicker(f.poll)
	defer ticker.Stop()
	for {
		var asked chan struct{}
		select {
		case <-ctx.Done():
			return nil
		case asked = <-f.asked:
		case <-ticker.C:
		}
		if err := f.catchUp(ctx); err != nil {
			return fmt.Errorf("read the changes of the database: %w", err)
		}
		if asked != nil {
			if err := f.begin(ctx); err != nil {
				return err
			}
			close(asked)
		}
	}
}

func (f *feed) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_, _ = f.conn.Exec(ctx, "select pg_drop_replication_slot($1)", f.slot) // it ends with the connection anyway
	_ = f.conn.Close(ctx)
}

// reach returns when all that was committed before the call is delivered.
func (f *feed) reach(ctx context.Context) error {
	done := make(chan struct{})
	select {
	case f.asked <- done:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin makes a slot if there is none.
func (f *feed) begin(ctx context.Context) error {
	if f.slotted || ctx.Err() != nil {
		return nil
	}
	return f.createSlot(ctx)
}

// catchUp delivers all there is.
func (f *feed) catchUp(ctx context.Context) error {
	if err := errors.Join(f.begin(ctx), f.flush(ctx)); err != nil {
		return err
	}
	for ctx.Err() == nil && f.slotted {
		messages, err := f.read(ctx)
		if err != nil {
			return err
		}
		if err := f.batch(ctx, messages); err != nil {
			return err
		}
		if len(messages) < portion {
			return nil
		}
	}
	return nil
}

// batch delivers what was read at once: all of it or, if anything fails, nothing
// to anybody.
func (f *feed) batch(ctx context.Context, messages [][]byte) error {
	limited, cancel := context.WithTimeout(ctx, f.batchLimit)
	defer cancel()
	var lost lostError
	for _, data := range messages {
		err := f.take(limited, data)
		switch {
		case errors.As(err, &lost):
			f.to.forget()
			if ctx.Err() != nil {
				return nil // it is ending
			}
			return f.lose(ctx, lost)
		case err != nil:
			return err
		}
	}
	f.to.tell()
	return nil
}

// lostError is why a batch was lost.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// lose gives up a batch, and the slot with it: as with Supabase, where the
// failure drops it. What is committed until the next look is lost too.
func (f *feed) lose(ctx context.Context, cause error) error {
	f.log.Warn("realtime: a batch of changes is lost, for everybody, because one of the checks failed", "error", cause)
	f.slotted = false
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, err := f.conn.Exec(ctx, "select pg_drop_replication_slot($1)", f.slot)
	return err
}

// flush has Postgres write the log out, with a message of our own that nobody
// reads. Only what is written is in the feed, and where synchronous_commit is
// off, as in tests, that would be up to a fifth of a second after the commit.
func (f *feed) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	const sql = `
		select pg_logical_emit_message(true, 'realtime', '')
		where pg_current_wal_insert_lsn() > pg_current_wal_flush_lsn()`
	_, err := f.conn.Exec(ctx, sql)
	return err
}

// read takes a portion out of the slot. It does not stop halfway when the
// context ends, so that the connection stays good for dropping the slot.
func (f *feed) read(ctx context.Context) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	const sql = `
		select data from pg_logical_slot_get_binary_changes($1, null, $2,
			'proto_version', '1', 'publication_names', $3)`
	rows, err := f.conn.Query(ctx, sql, f.slot, portion, pgx.Identifier{f.publication}.Sanitize())
	if err != nil {
		return nil, err
	}
	messages, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	var database *pgconn.PgError
	if errors.As(err, &database) && database.Code == undefinedObject {
		return nil, f.skip(ctx, err)
	}
	if len(messages) > 0 {
		f.missing = false
	}
	return messages, err
}

// skip begins anew at the end of the log. Without the publication Postgres
// cannot tell the changes, and would stumble over them even after it is made.
func (f *feed) skip(ctx context.Context, cause error) error {
	if !f.missing {
		f.log.Warn("realtime: changes are skipped until the publication is there", "error", cause)
	}
	f.missing = true
	return f.createSlot(ctx)
}

// take acts on one message of the log.
func (f *feed) take(ctx context.Context, data []byte) error {
	message, err := decode(data)
	if err != nil {
		return err
	}
	switch m := message.(type) {
	case begin:
		f.committed = m.committed
	case relation:
		f.relations[m.oid] = &m
		f.to.described(m.oid)
	case insert:
		return f.changed(ctx, m.relation, &change{kind: kindInsert, row: m.row})
	case update:
		return f.changed(ctx, m.relation, &change{kind: kindUpdate, old: m.old, row: m.row})
	case remove:
		return f.changed(ctx, m.relation, &change{kind: kindDelete, old: m.old})
	}
	return nil
}

func (f *feed) changed(ctx context.Context, oid uint32, c *change) error {
	c.relation = f.relations[oid]
	if c.relation == nil {
		return fmt.Errorf("the log did not describe table %d", oid)
	}
	c.committed = f.committed
	if err := f.to.changed(ctx, c); err != nil {
		return lostError{err}
	}
	return nil
}
