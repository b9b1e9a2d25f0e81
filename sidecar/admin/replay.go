package admin

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// keptView is what a replay would hand out.
type keptView struct {
	Events  int       `json:"events"`
	Missing int       `json:"missing"`       // groups that could not be read
	From    time.Time `json:"from,omitzero"` // what was accepted before is gone
}

// demand is which events are to be replayed.
type demand struct {
	since   time.Time
	meeting string // empty: of all
}

func demandOf(req *http.Request) (demand, error) {
	query := req.URL.Query()
	since, err := time.Parse(time.RFC3339Nano, query.Get("since"))
	if err != nil {
		return demand{}, refusal{http.StatusBadRequest, "since must be a time such as 2026-03-02T08:00:00Z"}
	}
	meeting := query.Get("meeting")
	if strings.Trim(meeting, "0123456789") != "" || len(meeting) > 20 {
		return demand{}, refusal{http.StatusBadRequest, "meeting must be a number of Zoom's, such as 81234567890"}
	}
	return demand{since.UTC(), meeting}, nil
}

// wants says whether an event is of the meeting.
func (d demand) wants(body []byte) bool {
	if d.meeting == "" {
		return true
	}
	envelope, err := zoom.Open(body)
	return err == nil && envelope.MeetingID == d.meeting
}

func (d demand) attrs() []slog.Attr {
	return []slog.Attr{slog.Time(zoom.LogSince, d.since), slog.String(zoom.LogMeeting, d.meeting)}
}

func (r *Room) count(w http.ResponseWriter, req *http.Request) error {
	d, err := demandOf(req)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(req.Context(), countWait)
	defer cancel()
	if err := extend(w, countWait+answerWait); err != nil {
		return err
	}
	kept, err := r.Inbox.CountSince(ctx, d.since, d.wants)
	r.record(ctx, "count for a replay", err, append(d.attrs(), slog.Int(zoom.LogEvents, kept.Events))...)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, keptView(kept))
}

func (r *Room) replay(w http.ResponseWriter, req *http.Request) error {
	d, err := demandOf(req)
	if err != nil {
		return err
	}
	return r.work(w, req, "replay", func(ctx context.Context, done func()) (Kept, error) {
		return r.Inbox.Replay(ctx, d.since, d.wants, done)
	}, d.attrs()...)
}
