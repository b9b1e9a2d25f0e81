package inbox

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"
)

const (
	rescueBatch  = 1000 // events brought over at a time
	rescueAtOnce = 256  // of them on their way at once, to share a sync
)

// Rescued is what SetAside did.
type Rescued struct {
	OldDir  string // where the damaged directory is now
	Waiting int    // events brought over that will be handed out
	Settled int    // events brought over that had been settled
	Dead    int    // dead letters brought over
}

// SetAside puts a new inbox in the place of a damaged one. In the new one is
// every event that can still be read; what had been settled stays settled, stays for
// another retention, and is recalled if its meeting was unknown. The old directory is kept, as it was, beside it.
//
// agree is told what is damaged before anything is changed; its error ends it.
// moved is told how many events are in the new inbox by now.
// Until the new inbox is whole the old one is in its place, and locked; then the
// two change places. On an error the old one is where it was.
func SetAside(ctx context.Context, o Options, at time.Time, agree func(Report) error, moved func(events int)) (done Rescued, err error) {
	o = o.withDefaults()
	if real, err := filepath.EvalSymlinks(o.Dir); err == nil {
		o.Dir = real // so that the directory moves, not a link to it
	}
	d, err := lockExisting(o.Dir)
	if err != nil {
		return done, err
	}
	defer d.close()
	report, all, err := inspect(ctx, d.path)
	if err != nil {
		return done, err
	}
	if err := agree(report); err != nil {
		return done, err
	}
	if isMount(o.Dir) {
		return done, fmt.Errorf("%s is a mount, which cannot be moved: copy it to another place, empty it, and copy it back beneath a new directory there; "+
			"then set INBOX_DIR to that one and try again", o.Dir)
	}
	stamp := at.UTC().Format("20060102T150405Z")
	fresh := o
	fresh.Dir = o.Dir + ".new-" + stamp
	numbers, whole, err := storedUnknown(o.Dir)
	if err != nil {
		return done, err
	}
	if !whole {
		// Which of the settled events nobody knew cannot be told: all are handed out
		// again, which does no harm.
		for i := range all {
			all[i].settled = progress{}
		}
	}
	if done, err = bringOver(ctx, fresh, all, numbers, moved); err != nil {
		_ = os.RemoveAll(fresh.Dir)
		return Rescued{}, fmt.Errorf("bring over what can be read: %w; %s is as it was", err, o.Dir)
	}
	done.OldDir = o.Dir + ".damaged-" + stamp
	if err := exchange(o.Dir, fresh.Dir, done.OldDir); err != nil {
		return Rescued{}, fmt.Errorf("put the new inbox in its place: %w; look at %s, %s and %s", err, o.Dir, fresh.Dir, done.OldDir)
	}
	return done, nil
}

// storedUnknown reads the unknown meetings that a directory remembers, which no server
// has open, and says whether all of them could be read. (At the very end something may
// be torn: that was not noted yet.)
func storedUnknown(root string) (numbers map[string]UnknownMeeting, whole bool, err error) {
	const bucket, prefix = "KV_" + bucketUnknown, "$KV." + bucketUnknown + "."
	blocks, err := blocksOf(filepath.Join(streamsIn(root), bucket), bucket, prefix)
	if err != nil {
		return nil, false, err
	}
	numbers, whole = map[string]UnknownMeeting{}, true
	written := map[uint64]string{}
	for i, b := range blocks {
		found, err := b.read(func(r record) error {
			number, isNumber := strings.CutPrefix(r.subject, prefix)
			var m UnknownMeeting
			switch {
			case r.removed: // it is too old, or another took its place
				if number := written[r.seq]; number != "" {
					delete(written, r.seq)
					if !slices.Contains(slices.Collect(maps.Values(written)), number) {
						delete(numbers, number)
					}
				}
			case !isNumber:
			case r.header.Get("KV-Operation") != "": // recalled: the bucket's note that it is gone
				delete(numbers, number)
			case json.Unmarshal(r.data, &m) == nil:
				numbers[number], written[r.seq] = m, number
			}
			return nil
		})
		if err != nil {
			return nil, false, fmt.Errorf("read %s: %w", b.path, err)
		}
		whole = whole && len(found.faults(b, i == len(blocks)-1)) == 0
	}
	return numbers, whole, nil
}

// bringOver fills a new inbox. The settled events go first, so that all that is
// in it then can be settled, and the inbox is opened anew for the others.
func bringOver(ctx context.Context, o Options, all []stored, numbers map[string]UnknownMeeting, moved func(events int)) (Rescued, error) {
	done := haul{tell: moved}
	err := withInbox(ctx, o, func(b *Inbox) error {
		for _, m := range numbers {
			if err := b.unknown.add(ctx, m); err != nil {
				return err
			}
		}
		for _, q := range b.queues() {
			if err := b.bringSettled(ctx, q, all, &done); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return done.Rescued, err
	}
	err = withInbox(ctx, o, func(b *Inbox) error {
		for _, q := range b.queues() {
			if err := b.bringWaiting(ctx, q, all, &done); err != nil {
				return err
			}
		}
		return b.bringDead(ctx, all, &done)
	})
	return done.Rescued, err
}

// haul is what was brought over so far.
type haul struct {
	Rescued
	tell func(events int)
}

// add counts n more of one kind.
func (h *haul) add(kind *int, n int) {
	*kind += n
	h.tell(h.Waiting + h.Settled + h.Dead)
}

func withInbox(ctx context.Context, o Options, do func(*Inbox) error) error {
	b, err := Open(ctx, o)
	if err != nil {
		return err
	}
	err = do(b)
	_ = b.Close(context.WithoutCancel(ctx)) // it has no error of its own
	return err
}

func storedOf(all []stored, name string) (s stored) {
	for _, each := range all {
		if each.name == name {
			return each
		}
	}
	return s
}

// bringSettled brings over the settled groups of a queue and settles them.
func (b *Inbox) bringSettled(ctx context.Context, q *queue, all []stored, done *haul) error {
	s := storedOf(all, q.name)
	c := &cart{queue: q, unloaded: func(n int) error {
		done.add(&done.Settled, n)
		return b.settleNext(ctx, n)
	}}
	_, err := s.each(ctx, func(r record) error {
		if !s.settled.settled(r.seq) {
			return nil
		}
		events, err := readGroup(r.header, r.data)
		if err != nil {
			return nil // it is a dead letter, as a whole
		}
		return c.load(ctx, events, r.header)
	})
	if err != nil {
		return err
	}
	return c.unload(ctx)
}

// settleNext settles the next n events, which are all there are.
func (b *Inbox) settleNext(ctx context.Context, n int) error {
	for n > 0 {
		deliveries, err := b.Next(ctx, n)
		if err != nil {
			return err
		}
		for _, d := range deliveries {
			if err := d.Done(ctx); err != nil {
				return err
			}
		}
		n -= len(deliveries)
	}
	return nil
}

// bringWaiting brings over the groups of a queue that are not settled.
func (b *Inbox) bringWaiting(ctx context.Context, q *queue, all []stored, done *haul) error {
	s := storedOf(all, q.name)
	c := &cart{queue: q, unloaded: func(n int) error { done.add(&done.Waiting, n); return nil }}
	_, err := s.each(ctx, func(r record) error {
		if s.settled.settled(r.seq) {
			return nil
		}
		events, err := readGroup(r.header, r.data)
		if err != nil { // of a later version: as it is
			done.add(&done.Waiting, 1)
			return q.store(ctx, &nats.Msg{Subject: q.subject, Header: r.header, Data: r.data})
		}
		return c.load(ctx, events, r.header)
	})
	if err != nil {
		return err
	}
	return c.unload(ctx)
}

// bringDead brings over the dead letters as they are.
func (b *Inbox) bringDead(ctx context.Context, all []stored, done *haul) error {
	_, err := storedOf(all, streamDead).each(ctx, func(r record) error {
		done.add(&done.Dead, 1)
		_, err := b.keepDead(ctx, &nats.Msg{Subject: subjectDead, Header: r.header, Data: r.data})
		return err
	})
	return err
}

// cart carries events into a queue, many at once.
type cart struct {
	queue    *queue
	letters  []letter
	unloaded func(n int) error
}

func (c *cart) load(ctx context.Context, events []event, header nats.Header) error {
	due, _ := time.Parse(time.RFC3339Nano, header.Get(headerDue)) // none: zero
	for _, e := range events {
		c.letters = append(c.letters, letter{event: e, due: due})
	}
	if len(c.letters) < rescueBatch {
		return nil
	}
	return c.unload(ctx)
}

func (c *cart) unload(ctx context.Context) error {
	carriers, inTime := errgroup.WithContext(ctx)
	carriers.SetLimit(rescueAtOnce)
	for _, l := range c.letters {
		carriers.Go(func() error { return c.queue.lane.put(inTime, l.event, l.due) })
	}
	if err := carriers.Wait(); err != nil {
		return err
	}
	n := len(c.letters)
	c.letters = c.letters[:0]
	return c.unloaded(n)
}
