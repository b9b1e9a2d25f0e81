package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

// How many dead letters a list shows.
const (
	listMost    = 1000
	listDefault = 100

	refusedWait = 3 * time.Second // for the database to say what it refused
)

// letterView is a dead letter as it is told. Body and Raw are for one that was
// asked for by its number; all else is fit for a list.
type letterView struct {
	Number     uint64          `json:"number"`
	Meeting    string          `json:"meeting,omitempty"` // Zoom's number
	Kind       string          `json:"kind,omitempty"`    // Zoom's name of the event
	Source     string          `json:"source,omitempty"`  // who told of it
	Reason     string          `json:"reason"`
	AcceptedAt time.Time       `json:"accepted_at"`
	BuriedAt   time.Time       `json:"buried_at"`
	Attempt    int             `json:"attempt"`
	Bytes      int             `json:"bytes"`
	Body       json.RawMessage `json:"body,omitempty"`
	Raw        []byte          `json:"raw,omitempty"` // the body, when it is not JSON
}

// listView is a page of dead letters.
type listView struct {
	Total   int          `json:"total"`
	Letters []letterView `json:"letters"`
	More    bool         `json:"more"` // there are some behind the last

	Refused       *refusedView `json:"refused,omitempty"`        // nil: it was not asked for, there is none, or it cannot be told
	RefusedUntold string       `json:"refused_untold,omitempty"` // why it cannot be told
}

// refusedView is what the school's database refused: see refused_zoom_rows.
type refusedView struct {
	Of   int          `json:"of"`
	Rows []refusedRow `json:"rows"`
}

type refusedRow struct {
	Table   string    `json:"table"`
	Student string    `json:"student"`
	Class   string    `json:"class"`
	Meeting string    `json:"meeting"`
	Date    string    `json:"date"`
	Wanted  string    `json:"wanted"` // what it should have said
	Reason  string    `json:"reason"` // the constraint, or the words of the trigger
	Code    string    `json:"code"`
	Since   time.Time `json:"since"`
	TriedAt time.Time `json:"tried_at"`
}

func viewOf(l inbox.DeadLetter) letterView {
	return letterView{
		Number: l.Number, Meeting: l.Meeting, Kind: l.Kind, Source: l.Source, Reason: l.Reason,
		AcceptedAt: l.AcceptedAt, BuriedAt: l.BuriedAt, Attempt: l.Attempt, Bytes: len(l.Body),
	}
}

func (r *Room) list(w http.ResponseWriter, req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), answerWait)
	defer cancel()
	after, err := numberIn(req, "after", 0)
	if err != nil {
		return err
	}
	most, err := numberIn(req, "most", listDefault)
	if err != nil {
		return err
	}
	refused, err := numberIn(req, "refused", 0)
	if err != nil {
		return err
	}
	page, err := r.page(ctx, after, int(min(most, listMost)))
	if err == nil && refused > 0 {
		page.Refused, page.RefusedUntold = r.refusedRows(ctx, int(min(refused, listMost)))
	}
	r.record(ctx, "list dead letters", err, slog.Int(zoom.LogEvents, len(page.Letters)))
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, page)
}

func (r *Room) page(ctx context.Context, after uint64, most int) (page listView, err error) {
	page.Letters = []letterView{}
	now, err := r.Inbox.Stats(ctx)
	if err != nil {
		return page, err
	}
	page.Total = now.Dead
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

// refusedRows asks the school for what it refused, or says why it cannot be told.
func (r *Room) refusedRows(ctx context.Context, most int) (*refusedView, string) {
	if r.School == nil {
		return nil, ""
	}
	ctx, cancel := context.WithTimeout(ctx, refusedWait)
	defer cancel()
	body, err := r.School.RefusedRows(ctx, most)
	var view refusedView
	if err == nil {
		err = json.Unmarshal(body, &view)
	}
	if refusal, ok := errors.AsType[Refusal](err); ok {
		return nil, refusal.Meaning()
	}
	switch {
	case err != nil:
		return nil, "the database did not answer as it should"
	case view.Of == 0:
		return nil, ""
	}
	return &view, ""
}

// unknown tells of which unknown meetings there are events.
func (r *Room) unknown(w http.ResponseWriter, req *http.Request) error {
	ctx, cancel := context.WithTimeout(req.Context(), answerWait)
	defer cancel()
	all, err := r.Inbox.Unknown(ctx)
	r.record(ctx, "list unknown meetings", err)
	if err != nil {
		return err
	}
	return write(w, http.StatusOK, map[string][]inbox.UnknownMeeting{"meetings": append([]inbox.UnknownMeeting{}, all...)})
}

func (r *Room) show(w http.ResponseWriter, req *http.Request) error {
	return r.withLetter(req, "show dead letter", func(ctx context.Context, number uint64) error {
		letter, err := r.Inbox.DeadLetter(ctx, number)
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
	return r.withLetter(req, "replay dead letter", func(ctx context.Context, number uint64) error {
		if err := r.Inbox.PutBack(ctx, number); err != nil {
			return err
		}
		return write(w, http.StatusOK, map[string]uint64{"replayed": number})
	})
}

func (r *Room) drop(w http.ResponseWriter, req *http.Request) error {
	return r.withLetter(req, "drop dead letter", func(ctx context.Context, number uint64) error {
		if err := r.Inbox.Drop(ctx, number); err != nil {
			return err
		}
		return write(w, http.StatusOK, map[string]uint64{"dropped": number})
	})
}

// withLetter does something with the dead letter that the path names. Once begun
// it does not end because the client is gone.
func (r *Room) withLetter(req *http.Request, action string, do func(context.Context, uint64) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), answerWait)
	defer cancel()
	number, err := strconv.ParseUint(req.PathValue("number"), 10, 64)
	if err != nil || number == 0 {
		return refusal{http.StatusBadRequest, "dead letters are numbered from 1"}
	}
	err = do(ctx, number)
	r.record(ctx, action, err, slog.Uint64(zoom.LogLetters, number))
	return err
}

func (r *Room) putAllBack(w http.ResponseWriter, req *http.Request) error {
	return r.work(w, req, "replay all dead letters", func(ctx context.Context, done func()) error {
		return inbox.PutAllBack(ctx, r.Inbox, func(uint64) { done() })
	})
}

// numberIn reads a number of the query.
func numberIn(req *http.Request, name string, without uint64) (uint64, error) {
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
