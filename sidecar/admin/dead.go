package admin

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// How many dead letters a list shows.
const (
	listMost    = 1000
	listDefault = 100
)

// letterView is a dead letter as it is told. Body and Raw are for one that was
// asked for by its id; all else is fit for a list.
type letterView struct {
	ID         uint64          `json:"id"`
	Event      string          `json:"event,omitempty"` // Zoom's name of it, if it is one we use
	Kind       string          `json:"kind,omitempty"`  // of the fact, if it can be decoded
	Meeting    string          `json:"meeting,omitempty"`
	Reason     string          `json:"reason"`
	AcceptedAt time.Time       `json:"accepted_at"`
	BuriedAt   time.Time       `json:"buried_at"`
	Attempt    int             `json:"attempt"`
	Bytes      int             `json:"bytes"`
	Group      bool            `json:"group,omitempty"` // several events in a form that is not known
	Body       json.RawMessage `json:"body,omitempty"`
	Raw        []byte          `json:"raw,omitempty"` // the body, when it is not JSON
}

// listView is a page of dead letters.
type listView struct {
	Total   int          `json:"total"`
	Letters []letterView `json:"letters"`
	More    bool         `json:"more"` // there are some behind the last
}

func viewOf(l Letter) letterView {
	v := letterView{
		ID: l.ID, Reason: l.Reason, AcceptedAt: l.AcceptedAt, BuriedAt: l.BuriedAt,
		Attempt: l.Attempt, Bytes: len(l.Body), Group: l.Group,
	}
	if envelope, err := zoom.Open(l.Body); err == nil && envelope.Used() {
		v.Event, v.Meeting = envelope.Event, envelope.MeetingID
	}
	if fact, err := zoom.Decode(l.Body, l.AcceptedAt); err == nil {
		v.Kind = string(fact.Kind)
	}
	return v
}

func (r *Room) list(w http.ResponseWriter, req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), answerWait)
	defer cancel()
	after, err := number(req, "after", 0)
	if err != nil {
		return err
	}
	most, err := number(req, "most", listDefault)
	if err != nil {
		return err
	}
	page, err := r.page(ctx, after, int(min(most, listMost)))
	r.record(ctx, "list dead letters", err, slog.Int(zoom.LogEvents, len(page.Letters)))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, page)
}

func (r *Room) page(ctx context.Context, after uint64, most int) (page listView, err error) {
	page.Letters = []letterView{}
	if page.Total, err = r.Inbox.CountDead(ctx); err != nil {
		return page, err
	}
	for letter, err := range r.Inbox.DeadLetters(ctx, after) {
		if err != nil {
			return page, err
		}
		if page.More = len(page.Letters) == most; page.More {
			break
		}
		page.Letters = append(page.Letters, viewOf(letter))
	}
	return page, nil
}

func (r *Room) show(w http.ResponseWriter, req *http.Request) error {
	return r.withLetter(req, "show dead letter", func(ctx context.Context, id uint64) error {
		letter, err := r.Inbox.DeadLetter(ctx, id)
		if err != nil {
			return err
		}
		v := viewOf(letter)
		if json.Valid(letter.Body) {
			v.Body = letter.Body
		} else {
			v.Raw = letter.Body
		}
		return write(w, http.StatusOK, v)
	})
}

func (r *Room) putBack(w http.ResponseWriter, req *http.Request) error {
	return r.withLetter(req, "replay dead letter", func(ctx context.Context, id uint64) error {
		if err := r.Inbox.PutBack(ctx, id); err != nil {
			return err
		}
		return write(w, http.StatusOK, map[string]uint64{"replayed": id})
	})
}

func (r *Room) drop(w http.ResponseWriter, req *http.Request) error {
	return r.withLetter(req, "drop dead letter", func(ctx context.Context, id uint64) error {
		if err := r.Inbox.Drop(ctx, id); err != nil {
			return err
		}
		return write(w, http.StatusOK, map[string]uint64{"dropped": id})
	})
}

// withLetter does something with the dead letter that the path names. Once begun
// it does not end because the client is gone.
func (r *Room) withLetter(req *http.Request, action string, do func(context.Context, uint64) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), answerWait)
	defer cancel()
	id, err := strconv.ParseUint(req.PathValue("id"), 10, 64)
	if err != nil || id == 0 {
		return refusal{http.StatusBadRequest, "the id of a dead letter is a number from 1"}
	}
	err = do(ctx, id)
	r.record(ctx, action, err, slog.Uint64(zoom.LogLetters, id))
	return err
}

func (r *Room) putAllBack(w http.ResponseWriter, req *http.Request) error {
	return r.work(w, req, "replay all dead letters", func(ctx context.Context, done func()) (Kept, error) {
		return Kept{}, r.Inbox.PutAllBack(ctx, func(uint64) { done() })
	})
}

// number reads a number of the query.
func number(req *http.Request, name string, without uint64) (uint64, error) {
	text := req.URL.Query().Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, refusal{http.StatusBadRequest, name + " must be a number"}
	}
	return n, nil
}
