package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"

	"zoom-attendance/sidecar/board"
	"zoom-attendance/sidecar/explain"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/watch"
)

// tokenLeast is how many characters ADMIN_TOKEN has at least.
const tokenLeast = 16

// adminFault says why an address is not one for operators, or nothing: beyond
// this machine there must be a token.
func (c Config) adminFault() string {
	switch {
	case c.AdminToken != "" && len(c.AdminToken) < tokenLeast:
		return fmt.Sprintf("ADMIN_TOKEN is shorter than %d characters: make one with `openssl rand -hex 16`", tokenLeast)
	case c.AdminToken == "" && isListenAddr(c.AdminAddr) && !isLoopback(c.AdminAddr):
		return "ADMIN_TOKEN is missing: ADMIN_ADDR can be reached from other machines (127.0.0.1:9090 cannot)"
	}
	return ""
}

// isLoopback says that an address can be reached from this machine alone.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && (host == "localhost" || net.ParseIP(host).IsLoopback())
}

// heldBy gives the watch the meetings that are held up, each once, the longest first.
func heldBy(carried func() []relay.Held, judged func() []rejudge.Held) func() []watch.Held {
	return func() (held []watch.Held) {
		names := map[string]bool{}
		for _, h := range carried() {
			names[h.Meeting] = true
			held = append(held, watch.Held{Meeting: h.Meeting, Since: h.Since, Cause: h.Cause, Meaning: h.Meaning})
		}
		for _, h := range judged() {
			if !names[h.Meeting] {
				meaning := (&supabase.Error{Code: h.Code}).Meaning()
				held = append(held, watch.Held{Meeting: h.Meeting, Since: h.Since, Cause: h.Code, Meaning: meaning, Judged: true})
			}
		}
		slices.SortStableFunc(held, func(a, b watch.Held) int { return a.Since.Compare(b.Since) })
		return held
	}
}

// marksOf gives the board what the watch finds wrong.
func marksOf(lookout *watch.Watch) func() []board.Mark {
	return func() (marks []board.Mark) {
		for _, m := range lookout.Marks() {
			marks = append(marks, board.Mark(m))
		}
		return marks
	}
}

// forBoard is the project as the board wants it.
type forBoard struct{ forExplaining }

func (f forBoard) LessonTimeline(ctx context.Context, meeting, date string) (json.RawMessage, error) {
	return f.Client.LessonTimeline(ctx, meeting, date, f.policy)
}

func (f forBoard) Unmatched(ctx context.Context) (json.RawMessage, error) {
	return f.Client.Unmatched(ctx, 50)
}

func (f forBoard) RefusedRows(ctx context.Context, most int) (json.RawMessage, error) {
	return f.Client.Ask(ctx, "refused_zoom_rows", struct {
		Most int `json:"most"`
	}{most})
}

// Explain has the answer in words.
func (f forBoard) Explain(ctx context.Context, meeting, student, date string) (json.RawMessage, error) {
	q := explain.Question{Meeting: meeting, Student: student, Date: date}
	body, err := f.forExplaining.Explain(ctx, q)
	if err != nil {
		return nil, err
	}
	words, err := explain.Describe(body, q, f.Timezone())
	switch {
	case errors.Is(err, explain.ErrNothing):
		return nil, fmt.Errorf("%w: %w", board.ErrNothing, err)
	case err != nil:
		return nil, err
	}
	return json.Marshal(words)
}
