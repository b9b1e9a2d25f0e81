package inbox

import (
	"context"
	"errors"
)

// What Open refuses. The text of each names the place and what to do.
var (
	// ErrLocked: another process works in the directory.
	ErrLocked = errors.New("inbox directory is in use")
	// ErrNotWritable: the directory cannot be made or written, or its file system is
	// none for an inbox.
	ErrNotWritable = errors.New("inbox directory is not writable")
	// ErrDamaged: events that were answered for are missing or unreadable.
	ErrDamaged = errors.New("inbox is damaged")
	// ErrVersion: the inbox is of another version of the sidecar, or of another program.
	ErrVersion = errors.New("inbox is of another version")
)

// Why an event was not kept. The sender must try again later.
var (
	// ErrFull: the disk or the inbox has no room left.
	ErrFull = errors.New("inbox is full")
	// ErrUnavailable: the inbox is closed, out of reach, or did not answer in time.
	ErrUnavailable = errors.New("inbox is unavailable")
)

// ErrNone: Inspect and SetAside found no inbox at all.
var ErrNone = errors.New("there is no inbox")

// ErrNoLetter: there is no dead letter of that number, or no longer.
var ErrNoLetter = errors.New("no such dead letter")

// errClosed is ErrUnavailable after Close.
var errClosed = errors.Join(ErrUnavailable, errors.New("closed"))

// errTakenBack: the event is not in flight any more: it is settled, or comes again.
var errTakenBack = errors.New("taken back")

// refusedReason is the word the metrics use for err.
func refusedReason(err error) string {
	switch {
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "gone"
	default:
		return "unavailable"
	}
}
