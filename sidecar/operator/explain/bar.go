package explain

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// barWidth is how many characters the lesson is drawn with.
const barWidth = 60

// bar draws the lesson from its start to its end, or to the last that is known
// of it, with the time that counts filled in:
//
//	10:00:00 ████████████░░░░░░░░░░░░░░░░ 10:45:00
//	                   ▲ 15 minutes from the start
//
// The mark stands where they had been there for long enough, or, where that
// never was, where it would have been had they come at the start.
func (a answer) bar(p *page) {
	from, to := a.span()
	if !to.After(from) {
		return
	}
	place := func(at time.Time) float64 { return float64(at.Sub(from)) / float64(to.Sub(from)) * barWidth }
	cells := make([]bool, barWidth)
	for _, s := range a.Union {
		first, last := int(place(s.From)), place(s.To)
		for i := max(first, 0); i < barWidth && (float64(i) < last || i == first); i++ { // however short, it is seen
			cells[i] = true
		}
	}
	var drawn strings.Builder
	for _, filled := range cells {
		if filled {
			drawn.WriteString(p.Green("█"))
		} else {
			drawn.WriteString(p.Faint("░"))
		}
	}
	p.line("")
	p.line("%s %s %s", p.clock(from), &drawn, p.clock(to))

	at, says := a.mark(p)
	cell := min(max(int(place(at)), 0), barWidth-1)
	pad := len("15:04:05 ") + cell
	if says = "▲ " + says; pad+utf8.RuneCountInString(says) > 100 { // to the left of the mark, then
		says = strings.TrimPrefix(says, "▲ ") + " ▲"
		pad -= utf8.RuneCountInString(says) - 1
	}
	p.line("%s%s", strings.Repeat(" ", max(pad, 0)), says)
}

// mark is where the mark of the threshold stands, and what it says there.
func (a answer) mark(p *page) (time.Time, string) {
	at, says := a.threshold(p)
	if _, to := a.span(); at.After(to) {
		says = spelt(a.Policy.MinSeconds) + " would be longer than the lesson"
		if a.isOn() {
			says += " so far"
		}
	}
	return at, says
}

// isOn is whether a run of it has no end yet.
func (a answer) isOn() bool {
	return slices.ContainsFunc(a.Runs, func(r held) bool { return r.EndedAt == nil })
}

// threshold is when they had been there for long enough, or would have been.
func (a answer) threshold(p *page) (time.Time, string) {
	enough := time.Duration(a.Policy.MinSeconds) * time.Second
	left := enough
	decides := a.decides()
	for _, s := range a.Union {
		if decides != nil && (decides.CountsFrom != nil && s.To.Before(*decides.CountsFrom) || decides.CountsUntil != nil && s.From.After(*decides.CountsUntil)) {
			continue // of another lesson
		}
		if stayed := s.To.Sub(s.From); stayed < left {
			left -= stayed
			continue
		}
		at := s.From.Add(left)
		return at, fmt.Sprintf("%s %s reached at %s", spelt(a.Policy.MinSeconds), be(a.Policy.MinSeconds, "was", "were"), p.clock(at))
	}
	from, _ := a.span()
	if decides != nil && decides.CountsFrom != nil && decides.CountsFrom.After(from) {
		from = *decides.CountsFrom
	}
	return from.Add(enough), spelt(a.Policy.MinSeconds) + " from the start"
}

// decides is the lesson of the meeting that decides, or its first; nil if there is
// none.
func (a answer) decides() *lesson {
	for i, l := range a.Lessons {
		if len(a.Meetings) > 0 && a.Meetings[0].Number == a.Meeting.Number && a.Meetings[0].StartsAt.Equal(l.StartsAt) {
			return &a.Lessons[i]
		}
	}
	if len(a.Lessons) > 0 {
		return &a.Lessons[0]
	}
	return nil
}

// span is from when to when the lesson went, as far as it is known: what is
// told of the student may reach beyond what is told of the lesson.
func (a answer) span() (from, to time.Time) {
	widen := func(at time.Time) {
		if from.IsZero() || at.Before(from) {
			from = at
		}
		if at.After(to) {
			to = at
		}
	}
	for _, r := range a.Runs {
		if r.Why != "" && len(a.Lessons) > 0 { // one that does not count may be hours away
			continue
		}
		widen(r.StartedAt)
		if r.EndedAt != nil {
			widen(*r.EndedAt)
		}
	}
	for _, e := range a.Events {
		if e.Counted || to.Equal(from) {
			widen(e.At)
		}
	}
	for _, s := range a.Union {
		widen(s.From)
		widen(s.To)
	}
	return from, to
}
