package inbox

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"modernc.org/sqlite"
)

// What PRAGMA application_id and user_version say of our files.
const (
	applicationID = 0x5a61494e // "ZaIN"
	schemaVersion = 1
)

//go:embed schema.sql
var schema string

// The parameters of our connections. Every pragma is here: none is set later.
const (
	commonParams = "_dqs=0&_defensive=1&_error_rc=1&_pragma=trusted_schema(0)&_pragma=cell_size_check(1)&_pragma=busy_timeout(5000)"

	// A commit is synced before it returns; freed pages can be given back to the disk, and what is deleted is overwritten.
	// wal_autocheckpoint goes behind it.
	writeParams = "mode=rw&_txlock=immediate&_journal_mode=WAL&_synchronous=FULL&_auto_vacuum=INCREMENTAL&_pragma=secure_delete(1)&" + commonParams

	readParams = "mode=rw&_txlock=deferred&_query_only=1&" + commonParams

	// Another process reads, beside the sidecar or without it.
	guestParams = "mode=ro&_txlock=deferred&_query_only=1&" + commonParams

	// And one that copies, which a connection that only reads may not.
	copyParams = "mode=ro&_txlock=deferred&" + commonParams
)

const (
	maxReaders = 4
	pageSize   = 4096 // SQLite's own
)

// checkpointPages is how long the log gets before it is taken into the file: a small
// part of what the inbox may take.
func checkpointPages(maxBytes int64) int64 { return min(max(maxBytes/64/pageSize, 16), 1000) }

// SQLite's result codes that we tell apart.
const (
	codeError   = 1
	codeBusy    = 5
	codeCorrupt = 11
	codeFull    = 13
	codeNoDB    = 26

	codeShortRead = 10 | 2<<8 // the file ends before a page of it
)

// database is the open file.
type database struct {
	write *sql.DB // one connection
	read  *sql.DB
	stmt  statements

	mark // its id, and the last number that it has
}

// statements are the writer's.
type statements struct{ insert, done, later *sql.Stmt }

// openDatabase opens the file of a directory, and makes it where there has never been
// one. It checks what is cheap to check: the header, the id, and that all numbers are
// accounted for up to the last that was answered for.
func openDatabase(ctx context.Context, o Options) (db *database, made bool, err error) {
	dir := o.Dir
	known, err := readWatermark(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if left := leftovers(dir); left != "" {
			return nil, false, damaged(dir, watermarkName+" is missing, and "+left+" is there")
		}
		made = true
	case errors.Is(err, errTornWatermark):
		return nil, false, damaged(dir, err.Error())
	case err != nil:
		return nil, false, fmt.Errorf("%w: %w", ErrNotWritable, err)
	}
	if known.id == "" {
		if known, err = makeDatabase(ctx, dir); err != nil {
			return nil, made, fmt.Errorf("%w: make %s: %w", ErrNotWritable, filepath.Join(dir, databaseName), err)
		}
	}
	if there, err := exists(filepath.Join(dir, databaseName)); err != nil || !there {
		return nil, false, errors.Join(damaged(dir, databaseName+" is missing"), err)
	}
	found, err := suits(ctx, dir, known)
	if err != nil {
		return nil, false, err
	}
	db, err = connect(ctx, o, found)
	return db, made, err
}

// suits says whether the file is the one that was answered for, and whole. It only
// reads: what is refused stays as it is, its log too.
func suits(ctx context.Context, dir string, known mark) (found mark, err error) {
	db, err := openFile(filepath.Join(dir, databaseName), guestParams)
	if err != nil {
		return found, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	found, err = readMark(ctx, db)
	switch {
	case err != nil:
		err = openError(dir, err)
	case found.id != known.id:
		err = damaged(dir, databaseName+" is another file than the one that "+watermarkName+" is of")
	case found.last < known.last:
		err = damaged(dir, fmt.Sprintf("events up to number %d were answered for, and %s ends with %d: it is an older copy, or its -wal is missing or damaged",
			known.last, databaseName, found.last))
	}
	return found, err
}

// leftovers names a file of a database, if there is one.
func leftovers(dir string) string {
	for _, suffix := range []string{"", "-wal"} {
		if there, _ := exists(filepath.Join(dir, databaseName+suffix)); there {
			return databaseName + suffix
		}
	}
	return ""
}

// makeDatabase makes the file. inbox.last says from before until after that it is being
// made, so that a kill in between leaves nothing that could be taken for damage.
func makeDatabase(ctx context.Context, dir string) (mark, error) {
	w, err := makeWatermark(dir, mark{})
	if err != nil {
		return mark{}, err
	}
	if err := w.close(); err != nil {
		return mark{}, err
	}
	m := mark{id: rand.Text()}
	if err := makeFile(ctx, filepath.Join(dir, databaseName), m.id); err != nil {
		return mark{}, err
	}
	if w, err = makeWatermark(dir, m); err != nil {
		return mark{}, err
	}
	return m, w.close()
}

// makeFile makes an empty database, in place of what a kill left of one.
func makeFile(ctx context.Context, path, id string) (err error) {
	for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600) // before SQLite knows it: its other files get the same mode
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), syncDirectory(filepath.Dir(path))); err != nil {
		return err
	}
	db, err := openFile(path, writeParams)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }() // which takes all into the file
	if err := inTransaction(ctx, db, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, schema)
		if err == nil {
			_, err = tx.ExecContext(ctx, "insert into book values (?, 0, 0)", id)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("pragma user_version = %d", schemaVersion))
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, fmt.Sprintf("pragma application_id = %d", applicationID))
		}
		return err
	}); err != nil {
		return err
	}
	_, err = db.ExecContext(ctx, "pragma wal_checkpoint(truncate)")
	return err
}

// openFile opens a database by its path. No connection is made yet.
func openFile(path, params string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	name := (&url.URL{Scheme: "file", Path: path, RawQuery: params}).String()
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(maxReaders)
	db.SetMaxIdleConns(maxReaders)
	if strings.HasPrefix(params, writeParams) {
		db.SetMaxOpenConns(1)
	}
	return db, nil
}

// connect opens both sides of the file, of which suits told what it holds.
func connect(ctx context.Context, o Options, m mark) (_ *database, err error) {
	dir, path := o.Dir, filepath.Join(o.Dir, databaseName)
	db := &database{mark: m}
	if db.write, err = openFile(path, fmt.Sprintf("%s&_pragma=wal_autocheckpoint(%d)", writeParams, checkpointPages(o.MaxBytes))); err != nil {
		return nil, err
	}
	if db.read, err = openFile(path, readParams); err != nil {
		return nil, errors.Join(err, db.close())
	}
	if err := db.prepare(ctx); err != nil {
		return nil, errors.Join(openError(dir, err), db.close())
	}
	return db, nil
}

// readMark reads the header, the id, and which number was the last.
func readMark(ctx context.Context, db *sql.DB) (m mark, err error) {
	var application, version int
	if err := db.QueryRowContext(ctx, "select * from pragma_application_id, pragma_user_version").Scan(&application, &version); err != nil {
		return m, err
	}
	if application != applicationID || version != schemaVersion {
		return m, fmt.Errorf("%w: application_id %#x and user_version %d, where this sidecar has %#x and %d", ErrVersion, application, version, applicationID, schemaVersion)
	}
	var greatest uint64
	if err := db.QueryRowContext(ctx, `select id, removed + (select count(*) from events indexed by events_by_state), (select coalesce(max(number), 0) from events) from book`).
		Scan(&m.id, &m.last, &greatest); err != nil {
		return m, err
	}
	if greatest > m.last {
		return m, fmt.Errorf("%w: event %d is there, of %d that there ever were", ErrDamaged, greatest, m.last)
	}
	return m, nil
}

func (db *database) prepare(ctx context.Context) (err error) {
	for stmt, query := range map[**sql.Stmt]string{
		&db.stmt.insert: `insert into events (number, meeting, kind, source, trace, accepted_at, sum, state, state_at, attempt, body)
			values (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, 1, ?)`,
		// (With + before it, state is no reason to go through all that waits.)
		&db.stmt.done: `update events set state = 'settled', state_at = ?, outcome = ?
			where number in (select value from json_each(?)) and +state = 'waiting'`,
		&db.stmt.later: `update events set state_at = ?, attempt = attempt + 1 where number = ? and state = 'waiting'`,
	} {
		if *stmt, err = db.write.PrepareContext(ctx, query); err != nil {
			return err
		}
	}
	return nil
}

func (db *database) close() error {
	var err error
	for _, side := range []*sql.DB{db.read, db.write} {
		if side != nil {
			err = errors.Join(err, side.Close())
		}
	}
	return err
}

// damaged is ErrDamaged with the way out.
func damaged(dir, what string) error {
	return fmt.Errorf("%w: %s: %s; `sidecar inbox check` tells what is left, `sidecar inbox set-aside` makes a new inbox with all that can be read",
		ErrDamaged, dir, what)
}

// openError is what kept the file from being opened.
func openError(dir string, err error) error {
	switch {
	case errors.Is(err, ErrVersion):
		return fmt.Errorf("%s: %w; start the version that made it, or set INBOX_DIR to another directory", dir, err)
	case errors.Is(err, ErrDamaged), isMalformed(err):
		return damaged(dir, err.Error())
	default:
		return fmt.Errorf("%w: %s: %w", ErrNotWritable, dir, err)
	}
}

// isCorrupt reports whether SQLite found the file to be none of its own.
func isCorrupt(err error) bool {
	own, ok := errors.AsType[*sqlite.Error](err)
	code := codeOf(err)
	return code == codeCorrupt || code == codeNoDB || ok && own.Code() == codeShortRead
}

// isMalformed reports whether a file is not laid out as ours are: SQLite finds it
// corrupt, or a table, a row or a column that we ask for is missing or of another type.
func isMalformed(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	_, system := errors.AsType[syscall.Errno](err)
	code := codeOf(err)
	return isCorrupt(err) || code == codeError || code == 0 && !system
}

// codeOf is SQLite's primary result code; 0 for another error.
func codeOf(err error) int {
	if own, ok := errors.AsType[*sqlite.Error](err); ok {
		return own.Code() & 0xff
	}
	return 0
}

// inTransaction commits what do does, or nothing of it.
func inTransaction(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the error is why
		return err
	}
	return tx.Commit()
}

// sumOf is over all of an event that never changes.
func sumOf(r record) int64 {
	hash := sha256.New()
	var fixed [16]byte
	binary.BigEndian.PutUint64(fixed[:], r.number)
	binary.BigEndian.PutUint64(fixed[8:], uint64(r.acceptedAt.UnixMicro()))
	_, _ = hash.Write(fixed[:])
	for _, text := range []string{r.Meeting, r.Kind, r.Source, writeTrace(r.Trace)} {
		binary.BigEndian.PutUint64(fixed[:], uint64(len(text))) // so that nothing passes from one to the next
		_, _ = hash.Write(fixed[:8])
		_, _ = hash.Write([]byte(text))
	}
	_, _ = hash.Write(r.Body)
	return int64(binary.BigEndian.Uint64(hash.Sum(nil)))
}

// recordColumns are what scanRecord reads.
const recordColumns = "number, meeting, kind, source, trace, accepted_at, sum, attempt, body"

// scanRecord reads an event and checks its sum. more are what was selected behind
// recordColumns.
func scanRecord(row interface{ Scan(...any) error }, more ...any) (r record, err error) {
	var accepted, sum int64
	var trace string
	if err := row.Scan(append([]any{&r.number, &r.Meeting, &r.Kind, &r.Source, &trace, &accepted, &sum, &r.attempt, &r.Body}, more...)...); err != nil {
		return r, err
	}
	r.acceptedAt = time.UnixMicro(accepted).UTC()
	r.Trace = readTrace(trace)
	if sumOf(r) != sum {
		return r, fmt.Errorf("%w: event %d does not have its sum", ErrDamaged, r.number)
	}
	return r, nil
}
