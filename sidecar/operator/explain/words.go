package explain

import (
	"encoding/json"
	"fmt"
	"time"
)

// Words is an explanation in pieces, for a page. Times of day are in Zone; what
// somebody calls themselves is shown as [Describe] found it, with control
// characters as their code, and is text.
type Words struct {
	Answer    string    `json:"answer"` // what stands in the record, and why in half a line
	Rule      string    `json:"rule"`
	Zone      string    `json:"zone"`
	Forgotten bool      `json:"forgotten"` // what Zoom told was removed: there is nothing to show but the answer
	From      time.Time `json:"from"`      // the lesson, as far as it is known
	To        time.Time `json:"to"`
	Union     []Stay    `json:"union"`     // the times that count
	EnoughAt  time.Time `json:"enough_at"` // when they had been there for long enough, or would have been
	Enough    string    `json:"enough"`    // what to say of that
	Lesson    []string  `json:"lesson"`    // which lessons there were and why, and which runs
	Meetings  []Held    `json:"meetings"`  // the class's lessons of that day, the one that decides first; none if there is but one
	Told      []Told    `json:"told"`      // what Zoom told of them
	Untold    string    `json:"untold"`    // what to say if that is nothing
	Others    []string  `json:"others"`    // connections that show something of theirs and were not taken for them
	Remarks   []string  `json:"remarks"`   // what is odd about those that were
	App       []string  `json:"app"`       // what the app saw
	Notes     []string  `json:"notes"`     // what stood in the record before, who outranks whom, and what is still expected
}

// Stay is a time that counts.
type Stay struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Held is one of the class's lessons of that day.
type Held struct {
	Title   string `json:"title"`
	Number  string `json:"number"`
	From    string `json:"from"`
	Counted string `json:"counted"`
	Verdict string `json:"verdict"`
}

// Told is an event of Zoom's.
type Told struct {
	At     string `json:"at"`
	They   string `json:"they"` // came, went, waited …
	Device int    `json:"device"`
	Name   string `json:"name"`
	By     string `json:"by"`
	Counts bool   `json:"counts"`
	Why    string `json:"why"` // it does not; or what of it does not
}

// Describe puts what explain_attendance answered into words, with times in a
// zone: an IANA name, or "meeting" for the meeting's own. It fails with
// [ErrNothing] if there is nothing to explain.
func Describe(body json.RawMessage, q Question, timezone string) (Words, error) {
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return Words{}, fmt.Errorf("read the answer: %w", err)
	}
	if err := a.nothing(q); err != nil {
		return Words{}, err
	}
	p := &page{zone: a.zone(timezone)}
	w := Words{
		Answer: a.sentence(), Rule: string(a.Rule) + ".", Zone: p.zone.String(), Forgotten: a.Forgotten,
		Union: []Stay{}, Meetings: []Held{}, Told: []Told{}, Others: []string{}, Remarks: []string{}, App: []string{},
		Lesson: append([]string{}, a.held(p)...), Notes: append([]string{}, a.notes()...),
	}
	if a.Forgotten {
		return w, nil
	}
	w.From, w.To = a.span()
	w.EnoughAt, w.Enough = a.mark(p)
	for _, s := range a.Union {
		w.Union = append(w.Union, Stay(s))
	}
	w.Meetings = append(w.Meetings, a.judged(p)...)
	w.Untold = a.untold()
	w.Remarks = append(w.Remarks, a.remarks()...)
	w.Told = append(w.Told, a.told(p)...)
	w.Others = append(w.Others, a.otherwise(p)...)
	w.App = append(w.App, a.seen(p)...)
	return w, nil
}
