package watch

import (
	"context"
	"sync/atomic"
	"time"
)

// The two things that are told of a mark.
const (
	firing   = "firing"
	resolved = "resolved"
)

// aloneAgain is when an alert that could not be delivered is tried once more. One
// that was claimed in the database comes again after the same time.
const aloneAgain = 10 * time.Minute

// told is when an alert was last sent, as far as this process knows.
type told struct {
	at    time.Time
	alone bool // the database has not heard of it
	was   alert
	how   *delivery
}

// delivery is what became of sending an alert.
type delivery struct{ failed atomic.Bool }

// tellClaimed sends what the database gave this sidecar to tell.
func (w *Watch) tellClaimed(ctx context.Context, at time.Time, claimed []toTell) {
	if w.post == nil {
		return
	}
	for _, c := range claimed {
		if c.Status == firing {
			w.told[c.Key] = told{at: at}
		}
		w.post.send(ctx, alert{Name: c.Name, Status: c.Status, Since: c.Since, Says: c.Says, Remedy: c.Remedy, Meeting: c.Meeting}, at, func(ok bool) {
			if ok {
				w.post.confirm(delivered{Key: c.Key, Status: c.Status})
			}
		})
	}
}

// tellAlone sends by itself what the database cannot be asked about, and that it
// is over.
func (w *Watch) tellAlone(ctx context.Context, at time.Time, away bool) {
	if w.post == nil {
		return
	}
	for key, t := range w.told {
		if w.marks[key] != nil {
			continue
		}
		delete(w.told, key)
		if t.alone {
			t.was.Status = resolved
			w.post.send(ctx, t.was, at, func(bool) {})
		}
	}
	if !away {
		return
	}
	for key, m := range w.marks {
		t, known := w.told[key]
		failed := t.how != nil && t.how.failed.Load() && at.Sub(t.at) >= aloneAgain
		if known && !failed && at.Sub(t.at) < w.o.Remind {
			continue
		}
		a := alert{Name: m.name, Status: firing, Since: m.since, Says: m.says, Remedy: m.remedy, Meeting: m.meeting}
		how := &delivery{}
		w.told[key] = told{at: at, alone: true, was: a, how: how}
		w.post.send(ctx, a, at, func(ok bool) { how.failed.Store(!ok) })
	}
}
