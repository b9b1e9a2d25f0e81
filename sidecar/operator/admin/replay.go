package admin

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

const (
	maxMeeting = 20 // digits of a meeting's number
	maxOutcome = 64 // characters of an outcome
)

// countView is what a replay would hand out.
type countView struct {
	Events int       `json:"events"`
	From   time.Time `json:"from,omitzero"` // what was accepted before may be gone
}

// replayOf is which events are to be replayed. All of them must be asked for by a time.
func replayOf(req *http.Request) (r inbox.Replay, err error) {
	query := req.URL.Query()
	r.Meeting, r.Outcome = query.Get("meeting"), query.Get("outcome")
	since := query.Get("since")
	if since == "" && r.Meeting == "" && r.Outcome == "" {
		return r, refusal{http.StatusBadRequest, "say which events: since, meeting or outcome"}
	}
	if since != "" {
		if r.Since, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return r, refusal{http.StatusBadRequest, "since must be a time such as 2026-03-02T08:00:00Z"}
		}
		r.Since = r.Since.UTC()
	}
	if strings.Trim(r.Meeting, "0123456789") != "" || len(r.Meeting) > maxMeeting {
		return r, refusal{http.StatusBadRequest, "meeting must be a number of Zoom's, such as 81234567890"}
	}
	if strings.Trim(r.Outcome, "abcdefghijklmnopqrstuvwxyz_") != "" || len(r.Outcome) > maxOutcome {
		return r, refusal{http.StatusBadRequest, "outcome must be one of the database's, such as unknown_meeting"}
	}
	return r, nil
}

// chosen is what the log says of a replay.
func chosen(r inbox.Replay) (attrs []slog.Attr) {
	if !r.Since.IsZero() {
		attrs = append(attrs, slog.Time(zoom.LogSince, r.Since))
	}
	if r.Meeting != "" {
		attrs = append(attrs, slog.String(zoom.LogMeeting, r.Meeting))
	}
	if r.Outcome != "" {
		attrs = append(attrs, slog.String(zoom.LogOutcome, r.Outcome))
	}
	return attrs
}

func (r *Room) count(w http.ResponseWriter, req *http.Request) error {
	which, err := replayOf(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(req.Context(), countWait)
	defer cancel()
	if err := extend(w, countWait+answerWait); err != nil {
		return err
	}
	which.DryRun = true
	found, err := r.Inbox.Replay(ctx, which, func() {})
	r.record(ctx, "count for a replay", err, append(chosen(which), slog.Int(zoom.LogEvents, found.Events))...)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, countView(found))
}

func (r *Room) replay(w http.ResponseWriter, req *http.Request) error {
	which, err := replayOf(req)
	if err != nil {
		return err
	}
	return r.work(w, req, "replay", func(ctx context.Context, done func()) error {
		_, err := r.Inbox.Replay(ctx, which, done)
		return err
	}, chosen(which)...)
}
