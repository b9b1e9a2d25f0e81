package inbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"time"
)

// What operators do with the file while the sidecar works on it, or without it.

// Query runs a statement that only reads, for max at most, and gives its columns and
// rows. The rows end at the first error.
func Query(ctx context.Context, dir, statement string, max time.Duration) (columns []string, rows iter.Seq2[[]any, error], err error) {
	db, err := openGuest(dir, guestParams)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, max)
	found, err := db.QueryContext(ctx, statement)
	if err == nil {
		columns, err = found.Columns()
	}
	if err != nil {
		cancel()
		return nil, nil, errors.Join(queryError(ctx, max, err), db.Close())
	}
	return columns, func(yield func([]any, error) bool) {
		defer cancel()
		defer func() { _ = db.Close() }() // it only read
		defer func() { _ = found.Close() }()
		for found.Next() {
			values, into := make([]any, len(columns)), make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := found.Scan(into...); !yield(values, err) || err != nil {
				return
			}
		}
		if err := found.Err(); err != nil {
			yield(nil, queryError(ctx, max, err))
		}
	}, nil
}

// queryError is what ended a statement.
func queryError(ctx context.Context, max time.Duration, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the statement took longer than %v: ask for less, or work on a copy (sidecar inbox copy FILE)", max)
	}
	return err
}

// openGuest opens the file of a directory to read.
func openGuest(dir, params string) (*sql.DB, error) {
	path := filepath.Join(dir, databaseName)
	there, err := exists(path)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("%w in %s", ErrNone, dir)
	}
	return openFile(path, params)
}

// Copy writes a copy of the inbox to a file that is not there yet, whole and without
// what was deleted. The sidecar may work meanwhile.
func Copy(ctx context.Context, dir, file string) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	db, err := openGuest(dir, copyParams)
	if err == nil {
		_, err = db.ExecContext(ctx, "vacuum into ?", file)
		err = errors.Join(err, db.Close())
	}
	if err == nil {
		err = errors.Join(syncFile(file), syncDirectory(filepath.Dir(file)))
	}
	if err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
