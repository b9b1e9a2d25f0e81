package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/zoom"
)

const (
	// bucketUnknown is where the numbers of unknown meetings are, the stream
	// KV_ZOOM_UNKNOWN: one value a number, for a retention after its last event.
	bucketUnknown = "ZOOM_UNKNOWN"

	unknownWriters = 16 // numbers written at once
	unknownTries   = 10 // when another process writes the same number
)

// UnknownMeeting is a meeting that nobody knew when events of it came.
type UnknownMeeting struct {
	Meeting string    `json:"meeting"` // Zoom's number
	Count   int       `json:"count"`   // events that came of it
	First   time.Time `json:"first"`   // when the first that is remembered was accepted
	Last    time.Time `json:"last"`    // and the last
}

// unknown remembers the numbers of unknown meetings. What comes while a write is
// under way is written together, each number once.
type unknown struct {
	bucket  jetstream.KeyValue
	writing sync.Mutex

	mu   sync.Mutex
	next *tally // nil: nobody waits
}

// tally is what is to be written of some numbers.
type tally struct {
	numbers map[string]*UnknownMeeting
	written chan struct{}
	err     error
}

func (b *Inbox) openUnknown(ctx context.Context) error {
	bucket, err := b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucketUnknown, Replicas: b.options.Replicas, TTL: max(b.options.Retention, time.Second), // the server takes no shorter one
	})
	if err != nil {
		return fmt.Errorf("make bucket %s: %w", bucketUnknown, err)
	}
	b.unknown = &unknown{bucket: bucket}
	return nil
}

// note returns nil when the number is kept. An event that comes once more is counted
// only if its number was not remembered.
func (u *unknown) note(ctx context.Context, number string, acceptedAt time.Time, attempt int) error {
	t, first := u.join(number, acceptedAt, attempt)
	if first {
		u.write(context.WithoutCancel(ctx), t) // others wait for it too
		return t.err
	}
	select {
	case <-t.written:
		return t.err
	case <-ctx.Done():
		return fmt.Errorf("%w: remember an unknown meeting: %w", ErrUnavailable, context.Cause(ctx))
	}
}

// join adds an event to what is written next, and says whether it is the first.
func (u *unknown) join(number string, acceptedAt time.Time, attempt int) (t *tally, first bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.next == nil {
		u.next, first = &tally{numbers: map[string]*UnknownMeeting{}, written: make(chan struct{})}, true
	}
	m := u.next.numbers[number]
	if m == nil {
		m = &UnknownMeeting{Meeting: number, First: acceptedAt, Last: acceptedAt}
		u.next.numbers[number] = m
	}
	m.span(acceptedAt, acceptedAt)
	if attempt == 1 {
		m.Count++
	}
	return u.next, first
}

// span makes the times of a number cover others.
func (m *UnknownMeeting) span(first, last time.Time) {
	if first.Before(m.First) {
		m.First = first
	}
	if last.After(m.Last) {
		m.Last = last
	}
}

// write writes what was joined until its turn comes.
func (u *unknown) write(ctx context.Context, t *tally) {
	defer close(t.written)
	u.writing.Lock()
	defer u.writing.Unlock()
	u.mu.Lock()
	u.next = nil // who comes from here on waits for the next write
	u.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	defer cancel()
	var numbers errgroup.Group
	numbers.SetLimit(unknownWriters)
	for _, m := range t.numbers {
		numbers.Go(func() error { return u.add(ctx, *m) })
	}
	t.err = numbers.Wait()
}

// add writes what there is new of one number.
func (u *unknown) add(ctx context.Context, fresh UnknownMeeting) error {
	for range unknownTries {
		m, revision, err := u.get(ctx, fresh.Meeting)
		if err != nil {
			return err
		}
		if revision == 0 {
			m = fresh
			m.Count = max(1, m.Count)
		} else {
			m.Count += fresh.Count
			m.span(fresh.First, fresh.Last)
		}
		value, err := json.Marshal(m)
		if err != nil {
			return err
		}
		if revision == 0 {
			_, err = u.bucket.Create(ctx, fresh.Meeting, value)
		} else {
			_, err = u.bucket.Update(ctx, fresh.Meeting, value, revision)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, jetstream.ErrKeyExists) && !isMismatch(err) {
			return storeError(err)
		}
	}
	return fmt.Errorf("%w: others write the unknown meetings all the time", ErrUnavailable)
}

// get reads what is remembered of a number. Its revision is 0 if that is nothing.
func (u *unknown) get(ctx context.Context, number string) (m UnknownMeeting, revision uint64, err error) {
	entry, err := u.bucket.Get(ctx, number)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		return m, 0, nil
	case err != nil:
		return m, 0, fmt.Errorf("%w: read the unknown meetings: %w", ErrUnavailable, err)
	}
	if err := json.Unmarshal(entry.Value(), &m); err != nil {
		return m, 0, fmt.Errorf("read the unknown meetings: %w", err)
	}
	return m, entry.Revision(), nil
}

// UnknownMeetings are the meetings of which events are kept and that nobody knew when
// they came, the latest first.
func (b *Inbox) UnknownMeetings(ctx context.Context) (all []UnknownMeeting, err error) {
	values, err := b.unknown.bucket.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("%w: read the unknown meetings: %w", ErrUnavailable, err)
	}
	defer func() { _ = values.Stop() }()
	for {
		select {
		case entry := <-values.Updates():
			if entry == nil { // all that there are
				slices.SortFunc(all, func(a, b UnknownMeeting) int {
					return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Meeting, b.Meeting))
				})
				return all, ctx.Err()
			}
			var m UnknownMeeting
			if json.Unmarshal(entry.Value(), &m) == nil {
				all = append(all, m)
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: read the unknown meetings: %w", ErrUnavailable, ctx.Err())
		}
	}
}

// Recall hands out again, through Next, what is kept of the meetings of these numbers
// that are remembered as unknown, returns when all of it is settled, and how many
// events that were. A number is forgotten then, unless its meeting is unknown still.
func (b *Inbox) Recall(ctx context.Context, numbers []string) (events int, err error) {
	remembered := map[string]uint64{}
	var since time.Time
	for _, number := range numbers {
		m, revision, err := b.unknown.get(ctx, number)
		if err != nil {
			return 0, fmt.Errorf("recall: %w", err)
		}
		if revision == 0 {
			continue
		}
		if len(remembered) == 0 || m.First.Before(since) {
			since = m.First
		}
		remembered[number] = revision
	}
	if len(remembered) == 0 {
		return 0, nil
	}
	kept, err := b.replay(ctx, fromUnknown, since, func(body []byte) bool {
		envelope, err := zoom.Open(body)
		return err == nil && remembered[envelope.MeetingID] > 0
	}, func() {})
	if err != nil {
		return kept.Events, err
	}
	for number, revision := range remembered {
		err := b.unknown.bucket.Delete(ctx, number, jetstream.LastRevision(revision))
		if err != nil && !isMismatch(err) {
			return kept.Events, fmt.Errorf("recall: %w: forget a number: %w", ErrUnavailable, err)
		}
	}
	return kept.Events, nil
}

// isMismatch says that a value was written since it was read.
func isMismatch(err error) bool {
	wrong, ok := errors.AsType[*jetstream.APIError](err)
	return ok && wrong.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

// UnknownSince is when the first event of a meeting was accepted that is remembered as
// unknown; zero if there is none.
func (b *Inbox) UnknownSince(ctx context.Context) (first time.Time, err error) {
	all, err := b.UnknownMeetings(ctx)
	for _, m := range all {
		if first.IsZero() || m.First.Before(first) {
			first = m.First
		}
	}
	return first, err
}
