package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// marks remember how far a stream was settled at certain times, so that a
// group can be removed a retention after it was settled, and how far groups
// were removed. They are one value in a bucket, named after the stream.
type marks struct {
	Removed  uint64    `json:"removed"` // groups up to here may be gone
	Settled  []settled `json:"settled"` // oldest first
	revision uint64
	known    bool // there was such a value
}

// bucketMarks is the bucket, the stream KV_ZOOM_MARKS.
const bucketMarks = "ZOOM_MARKS"

// errMarksMoved: another process wrote the marks first, and keeps house.
var errMarksMoved = errors.New("another process keeps house")

type settled struct {
	At time.Time `json:"at"`
	To uint64    `json:"to"` // groups up to here were settled by then
}

// note adds a mark when the last one is old enough and something was settled
// since.
func (m *marks) note(now time.Time, to uint64, every time.Duration) (changed bool) {
	if n := len(m.Settled); n > 0 && (m.Settled[n-1].To >= to || now.Sub(m.Settled[n-1].At) < every) {
		return false
	}
	m.Settled = append(m.Settled, settled{At: now.UTC(), To: to})
	return true
}

// last is how far the stream was settled by the newest mark.
func (m *marks) last() uint64 {
	if n := len(m.Settled); n > 0 {
		return m.Settled[n-1].To
	}
	return m.Removed
}

// expire forgets the marks from before the time and raises Removed to the
// last of them.
func (m *marks) expire(before time.Time) (changed bool) {
	for len(m.Settled) > 0 && m.Settled[0].At.Before(before) {
		m.Removed = max(m.Removed, m.Settled[0].To)
		m.Settled = m.Settled[1:]
		changed = true
	}
	return changed
}

func (b *Inbox) openMarks(ctx context.Context) (err error) {
	b.marks, err = b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucketMarks, Replicas: b.options.Replicas})
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", bucketMarks, err)
	}
	return nil
}

// readMarks reads the marks of a stream; none are an empty value. It is used
// before the bucket is opened, too.
func (b *Inbox) readMarks(ctx context.Context, stream string) (m marks, err error) {
	bucket := b.marks
	if bucket == nil {
		if bucket, err = b.js.KeyValue(ctx, bucketMarks); errors.Is(err, jetstream.ErrBucketNotFound) {
			return m, nil
		}
		if err != nil {
			return m, fmt.Errorf("open bucket %s: %w", bucketMarks, err)
		}
	}
	entry, err := bucket.Get(ctx, stream)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return m, nil
	}
	if err != nil {
		return m, fmt.Errorf("read the marks of %s: %w", stream, err)
	}
	m.revision = entry.Revision()
	if err := json.Unmarshal(entry.Value(), &m); err != nil {
		return m, fmt.Errorf("read the marks of %s: %w", stream, err)
	}
	m.known = true
	return m, nil
}

// writeMarks returns errMarksMoved when somebody wrote them since they were
// read.
func (b *Inbox) writeMarks(ctx context.Context, stream string, m marks) error {
	value, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("write the marks of %s: %w", stream, err)
	}
	_, err = b.marks.Update(ctx, stream, value, m.revision)
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return errMarksMoved
	}
	if err != nil {
		return fmt.Errorf("write the marks of %s: %w", stream, err)
	}
	return nil
}
