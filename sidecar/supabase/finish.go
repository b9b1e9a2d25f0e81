package supabase

import (
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"zoom-attendance/sidecar/zoom"
)

// headerUnfinished is where apply_zoom_events says that a large lesson left records
// for calls of their own.
const headerUnfinished = "Sidecar-Unfinished"

const (
	finishFunction = "finish_zoom_lessons"

	// leftBehind is how often it is asked for what an earlier process, or another
	// sidecar, left unfinished.
	leftBehind = time.Minute
)

// unfinished notes that an answer spoke of records that were left.
func (c *Client) unfinished(h http.Header) {
	if h.Get(headerUnfinished) == "" {
		return
	}
	select {
	case c.left <- struct{}{}:
	default: // it is known already
	}
}

// FinishLessons writes, in parts, the attendance that large lessons leave for later:
// a transaction of thousands of changes is more than Realtime can tell its listeners
// of. It begins when a call says that something was left, and once a minute for what
// nobody finished. It returns nil when ctx ends; what is left then is written by the
// next process.
func (c *Client) FinishLessons(ctx context.Context) error {
	waits := backoff.NewExponentialBackOff()
	waits.MaxInterval = leftBehind
	wait := time.Duration(0)
	failing := false // one line when it begins: what is wrong is wrong with all calls, and said of them
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-c.left:
		case <-time.After(wait):
		}
		left, err := c.finishPart(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			wait = waits.NextBackOff()
			if !failing {
				c.log.Warn("attendance that large lessons left cannot be written; trying again", zoom.LogError, err, zoom.LogWait, wait)
			}
			failing = true
		case left > 0:
			waits.Reset()
			wait, failing = 0, false
		default:
			waits.Reset()
			wait, failing = leftBehind, false
		}
	}
}

// finishPart writes one part and returns how many records are left.
func (c *Client) finishPart(ctx context.Context) (left int, err error) {
	err = c.Call(ctx, finishFunction, struct{}{}, &left)
	return left, err
}
