package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	lineEvery = 250 * time.Millisecond // between two lines of progress
	lineWait  = 15 * time.Second       // for a client to take one
)

var (
	errStopping = errors.New("the sidecar is stopping; do it again when it runs")
	errGone     = errors.New("the client went away")
)

// progress is a line while something works, and the last.
type progress struct {
	Done  int    `json:"done"`
	Ended bool   `json:"ended,omitempty"`
	Error string `json:"error,omitempty"`
}

// work does something that takes long and shows its progress. It ends early when
// the client goes away or the process stops.
func (r *Room) work(w http.ResponseWriter, req *http.Request, action string,
	do func(ctx context.Context, done func()) error, attrs ...slog.Attr) error {
	if !r.working.TryLock() {
		return refusal{http.StatusConflict, "another replay is at work"}
	}
	defer r.working.Unlock()
	ctx, stop := context.WithCancelCause(req.Context())
	defer stop(nil)
	defer context.AfterFunc(r.life, func() { stop(errStopping) })()
	if err := extend(w, 0); err != nil {
		return err
	}

	var done atomic.Int64
	ended := make(chan error, 1)
	go func() { ended <- do(ctx, func() { done.Add(1) }) }()
	err := show(w, ended, &done, func() { stop(errGone) })
	if err != nil && req.Context().Err() != nil {
		err = errGone
	} else if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	r.record(req.Context(), action, err, append(attrs, slog.Int64(zoom.LogEvents, done.Load()))...)
	last := progress{Done: int(done.Load()), Ended: err == nil}
	if err != nil {
		last.Error = err.Error()
	}
	_ = line(w, last)
	return nil
}

// show writes a line now and then until the work has ended, and returns how.
func show(w http.ResponseWriter, ended <-chan error, done *atomic.Int64, gone func()) error {
	w.Header().Set("Content-Type", "application/x-ndjson")
	beat := time.NewTicker(lineEvery)
	defer beat.Stop()
	for {
		if err := line(w, progress{Done: int(done.Load())}); err != nil {
			gone()
		}
		select {
		case err := <-ended:
			return err
		case <-beat.C:
		}
	}
}

// line writes one line, for which the client has a while.
func line(w http.ResponseWriter, p progress) error {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(time.Now().Add(lineWait)); err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(p); err != nil {
		return err
	}
	return control.Flush()
}

// extend gives an answer longer than the server's timeouts do; 0 is for ever.
// When the time to read ends the server takes the client for gone.
func extend(w http.ResponseWriter, by time.Duration) error {
	var until time.Time
	if by > 0 {
		until = time.Now().Add(by)
	}
	control := http.NewResponseController(w)
	if err := errors.Join(control.SetReadDeadline(until), control.SetWriteDeadline(until)); err != nil {
		return fmt.Errorf("extend the time for an answer: %w", err)
	}
	return nil
}
