package oracle

import (
	"slices"
	"time"

	"zoom-attendance/sidecar/zoom"
)

const (
	longest = 30 * time.Hour // no meeting lasts longer: an interval beyond it is a mistake
	silence = time.Hour      // of a run whose end was never told
)

// closeRuns says of a meeting's runs, in order, which are over and when they ended.
func closeRuns(runs []*run, now time.Time) {
	for i, r := range runs {
		given := i+1 < len(runs) // a later one began
		r.isOver = !r.told.IsZero() || given || isGivenUp(r, now)
		r.end = r.told
		if r.end.IsZero() {
			r.end = r.until()
		}
	}
}

// isGivenUp: 30 hours after it began, and an hour after the last thing heard of it, a
// run is over although nobody told its end.
func isGivenUp(r *run, now time.Time) bool {
	return !now.Before(r.begin.Add(longest)) && !now.Before(r.heard.Add(silence))
}

// interval is a stay: from a joined to the next mark, else to the run's end.
type interval struct {
	from, to time.Time // to is zero while it is open
	byEnd    bool      // the run's end closed it
}

func (i interval) isOpen() bool { return i.to.IsZero() }

func (s *segment) intervals(r *run) []interval {
	var stays []interval
	for i, m := range s.marks {
		if m.kind != zoom.Joined {
			continue
		}
		stay := interval{from: m.at}
		if i+1 < len(s.marks) {
			stay.to = s.marks[i+1].at
		} else if r.isOver {
			stay.to, stay.byEnd = later(m.at, r.end), true
		}
		stays = append(stays, stay)
	}
	return stays
}

// stays are the intervals of some connections, without absurd ones.
func stays(connections []*connection) []interval {
	return slices.DeleteFunc(allStays(connections), func(i interval) bool { return !i.isOpen() && i.to.Sub(i.from) > longest })
}

func allStays(connections []*connection) []interval {
	var all []interval
	for _, c := range connections {
		for _, s := range c.segments {
			all = append(all, s.intervals(c.in)...)
		}
	}
	return all
}

// leaves are the instants at which some connections left, by their own marks.
func leaves(connections []*connection) []time.Time {
	return instants(connections, zoom.Left)
}

func joins(connections []*connection) []time.Time {
	return instants(connections, zoom.Joined)
}

func instants(connections []*connection, kind zoom.Kind) []time.Time {
	var all []time.Time
	for _, c := range connections {
		for _, s := range c.segments {
			for _, m := range s.marks {
				if m.kind == kind {
					all = append(all, m.at)
				}
			}
		}
	}
	return all
}

// secondsOf is the length in whole seconds of the union of those stays that are over.
func secondsOf(stays []interval) int {
	closed := slices.DeleteFunc(slices.Clone(stays), interval.isOpen)
	slices.SortFunc(closed, func(a, b interval) int { return a.from.Compare(b.from) })
	var total time.Duration
	var covered time.Time
	for _, stay := range closed {
		if from := later(stay.from, covered); stay.to.After(from) {
			total += stay.to.Sub(from)
		}
		covered = later(covered, stay.to)
	}
	return int(total / time.Second)
}

// haveLeft: a leave of theirs, or a stay of theirs that is over, lies in the time that
// counts.
func haveLeft(connections []*connection, counts lessonTime) bool {
	return slices.ContainsFunc(leaves(connections), counts.has) ||
		slices.ContainsFunc(stays(connections), func(i interval) bool { return !i.isOpen() && counts.touches(i) })
}
