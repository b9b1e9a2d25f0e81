package inbox

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"

	"zoom-attendance/sidecar/zoom"
)

// The files of a directory:
//
//	inbox.db      the events; and -wal, -shm beside it, which are SQLite's
//	inbox.last    the last number that was answered for: see watermark.go
//	inbox.lock    held while a process works here
const (
	databaseName = "inbox.db"
	lockName     = "inbox.lock"
)

// Reserve is the free space below which an inbox in a directory accepts nothing more,
// so that settling and removing can still be written.
const Reserve = 64 << 20

// claimDirectory makes the directory if it is missing, for this user alone, and takes
// it for this process. The lock ends with close.
func claimDirectory(o Options) (*flock.Flock, error) {
	if err := makeDirectory(o.Dir); err != nil {
		return nil, fmt.Errorf("%w: %s: %w; let this user write there, or set INBOX_DIR to a directory where it may", ErrNotWritable, o.Dir, err)
	}
	system, err := fileSystem(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotWritable, o.Dir, err)
	}
	switch {
	case system.network:
		return nil, networkError(o.Dir, system)
	case system.memory:
		o.Log.Warn("the inbox is in memory: a restart of the machine loses what it keeps; set INBOX_DIR to a directory on a disk",
			zoom.LogDir, o.Dir, zoom.LogReason, system.name)
	}
	lock := flock.New(filepath.Join(o.Dir, lockName), flock.SetPermissions(0o600))
	free, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotWritable, o.Dir, err)
	}
	if !free {
		return nil, fmt.Errorf("%w: another process works in %s; stop it, or give each its own INBOX_DIR", ErrLocked, o.Dir)
	}
	return lock, nil
}

// makeDirectory makes a directory, sees that it can be written, and syncs its name.
func makeDirectory(dir string) error {
	if err := makeDirectories(dir); err != nil {
		return err
	}
	probe, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// makeDirectories makes a directory and those above it that are missing, and syncs the
// name of each.
func makeDirectories(dir string) error {
	there, err := exists(dir)
	if err != nil || there {
		return err
	}
	above := filepath.Dir(dir)
	if err := makeDirectories(above); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDirectory(above)
}

func networkError(dir string, system diskSystem) error {
	return fmt.Errorf("%w: %s is on %s, where a lock and a sync cannot be relied on; set INBOX_DIR to a directory on a disk of this machine, or NATS_URL",
		ErrNotWritable, dir, system.name)
}
