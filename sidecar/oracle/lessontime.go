package oracle

import (
	"slices"
	"time"
)

// lessonTime is the time that counts for attendance. A zero limit is none.
type lessonTime struct{ from, to time.Time }

// time is the planned time, widened by the first coming and the last leaving of staff
// in the lesson's counted runs. Where none of them was recognised, all time counts.
func (l *lesson) time() lessonTime {
	staff := staffOf(l.counted())
	if len(staff) == 0 {
		return lessonTime{}
	}
	counts := lessonTime{from: l.start, to: l.ends()}
	for _, at := range joins(staff) {
		if at.Before(counts.from) {
			counts.from = at
		}
	}
	if l.isEndless {
		return counts
	}
	for _, at := range leaves(staff) {
		counts.to = later(counts.to, at)
	}
	for _, stay := range allStays(staff) {
		if stay.isOpen() {
			counts.to = time.Time{}
			break
		}
		if stay.byEnd {
			counts.to = later(counts.to, stay.to)
		}
	}
	return counts
}

// has: the instant lies in the time that counts.
func (t lessonTime) has(at time.Time) bool {
	return (t.from.IsZero() || !at.Before(t.from)) && (t.to.IsZero() || !at.After(t.to))
}

// touches: a stay, of whatever length, lies partly in the time that counts.
func (t lessonTime) touches(stay interval) bool {
	return (t.to.IsZero() || !stay.from.After(t.to)) && (t.from.IsZero() || stay.isOpen() || !stay.to.Before(t.from))
}

// clip is the part of a stay that counts.
func (t lessonTime) clip(stay interval) interval {
	if stay.from.Before(t.from) {
		stay.from = t.from
	}
	if !t.to.IsZero() && stay.to.After(t.to) {
		stay.to = t.to
	}
	return stay
}

// counted are the runs that count for attendance: where some run had two people in it,
// those that one person alone was in do not.
func (l *lesson) counted() []*run {
	if !slices.ContainsFunc(l.runs, func(r *run) bool { return r.people() >= 2 }) {
		return l.runs
	}
	return slices.DeleteFunc(slices.Clone(l.runs), func(r *run) bool { return r.people() == 1 })
}

// people is how many were in a run: users, and connections that are nobody's.
func (r *run) people() int {
	var users []string
	guests := 0
	for _, c := range r.connections {
		if c.userID == "" {
			guests++
		}
		users = appendNew(users, c.userID)
	}
	return len(users) + guests
}

func staffOf(runs []*run) (staff []*connection) {
	for _, r := range runs {
		for _, c := range r.connections {
			if c.isStaff {
				staff = append(staff, c)
			}
		}
	}
	return staff
}

// hasOthers: somebody beside the staff was in one of the runs.
func hasOthers(runs []*run) bool {
	for _, r := range runs {
		for _, c := range r.connections {
			if !c.isStaff {
				return true
			}
		}
	}
	return false
}
