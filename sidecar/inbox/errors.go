package inbox

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// What Open refuses. The text of each names the directory and what to do.
var (
	// ErrLocked: another process works in the directory.
	ErrLocked = errors.New("inbox directory is in use")
	// ErrNotWritable: the directory cannot be made or written.
	ErrNotWritable = errors.New("inbox directory is not writable")
	// ErrDamaged: events that were answered for are missing or unreadable.
	ErrDamaged = errors.New("inbox is damaged")
)

// ErrNone: Inspect and SetAside found no inbox at all.
var ErrNone = errors.New("there is no inbox")

// Why an event was not kept. The sender must try again later.
var (
	// ErrFull: the disk or the stream has no room left for unsettled events.
	ErrFull = errors.New("inbox is full")
	// ErrUnavailable: the inbox is closed, out of reach, or did not answer in time.
	ErrUnavailable = errors.New("inbox is unavailable")
)

// errStopped: the embedded server can no longer write.
var errStopped = errors.New("the store of the inbox has stopped writing; the process must start anew")

// The server's codes for a stream or a store without room.
const (
	codeStoreRefused    jetstream.ErrorCode = 10077
	codeStorageExceeded jetstream.ErrorCode = 10047
)

// storeError turns what JetStream answered to a publish into ErrFull or
// ErrUnavailable.
func storeError(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == codeStoreRefused || api.ErrorCode == codeStorageExceeded) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// reason is the word the metrics use for err.
func reason(err error) string {
	switch {
	case errors.Is(err, ErrFull):
		return "full"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return "gone"
	default:
		return "unavailable"
	}
}
