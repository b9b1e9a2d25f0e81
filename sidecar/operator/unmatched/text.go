package unmatched

import (
	"fmt"
	"strings"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/terminal"
)

// list is what was told, and what `--json` prints.
type list struct {
	Of           int                    `json:"of"` // how much there is in all
	Items        []item                 `json:"items"`
	Fault        string                 `json:"fault,omitempty"` // why the project told nothing
	Unknown      []inbox.UnknownMeeting `json:"unknown_meetings"`
	UnknownFault string                 `json:"unknown_meetings_fault,omitempty"` // why no sidecar told them
}

// item is one of unmatched_zoom's.
type item struct {
	Reason string     `json:"reason"`
	ID     word       `json:"id"` // of the meeting; empty, as all of it, where it is about users
	Number word       `json:"number"`
	Title  word       `json:"title"`
	Host   word       `json:"host"`
	Class  word       `json:"class"`
	Since  *time.Time `json:"since"`
	Says   word       `json:"says"`
	Remedy word       `json:"remedy"`
}

// word is text of somebody's, fit to be shown.
type word = terminal.Word

// text is the list in words.
func (l list) text(paint terminal.Paint) string {
	var b strings.Builder
	for _, i := range l.Items {
		fmt.Fprintf(&b, "%s\n  %s\n  %s\n\n", paint.Bold(i.about()), i.Says, paint.Faint(string(i.Remedy)))
	}
	if more := l.Of - len(l.Items); more > 0 {
		fmt.Fprintf(&b, "And %d more: --most %d shows them all.\n\n", more, l.Of)
	}
	for _, n := range l.Unknown {
		events := fmt.Sprintf("%d events", n.Count)
		if n.Count == 1 {
			events = "1 event"
		}
		fmt.Fprintf(&b, "%s\n  No row of the school has this number. %s came of it, the last at %s.\n  %s\n\n", paint.Bold("Meeting "+terminal.Harmless(n.Meeting)), events,
			n.Last.UTC().Format(time.DateTime)+" UTC", paint.Faint("If it is a meeting of the school, an admin enters it with that number: what is kept of it is applied within seconds."))
	}
	if b.Len() == 0 && l.Fault == "" && l.UnknownFault == "" {
		return "There is nothing that cannot be matched.\n"
	}
	return b.String()
}

// about is the line that says what an item is about.
func (i item) about() string {
	parts := []string{"Users with one e-mail"}
	if i.Title != "" {
		parts = []string{string(i.Title)}
	}
	if i.Class != "" && !strings.Contains(string(i.Title), string(i.Class)) {
		parts = append(parts, "class "+string(i.Class))
	}
	if i.Number != "" {
		parts = append(parts, string(i.Number))
	}
	if i.Since != nil {
		parts = append(parts, i.Since.UTC().Format(time.DateOnly))
	}
	return strings.Join(parts, " · ")
}
