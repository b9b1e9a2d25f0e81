package oracle

import (
	"cmp"
	"slices"
	"time"
)

// lesson is what runs are of: one that was planned, or one that a run made.
type lesson struct {
	meeting string
	start   time.Time
	length  time.Duration
	isMade  bool // by a run
	runs    []*run

	isEndless bool // its length is that of a run that goes on

	from, to time.Time // the window
	class    string
	date     string
	policy   Policy
}

// takes: something between two instants touches the lesson's window.
func (l *lesson) takes(from, to time.Time) bool { return !from.After(l.to) && !to.Before(l.from) }

// planned is a start that a one-off meeting was given, as one run sees it.
type planned struct {
	start    time.Time
	given    time.Time // when it was given last; zero: at first
	replaced time.Time // zero: it is in force
}

// plans are the starts that a row was ever given, each once.
func plans(t *timeline, meetingID string) []planned {
	var all []planned
	for i, m := range t.plain {
		row := m.meeting(meetingID)
		if row == nil {
			continue
		}
		var since time.Time
		if known := t.plain[:i]; slices.ContainsFunc(known, func(m moment) bool { return m.meeting(meetingID) != nil }) {
			since = t.instants[i-1]
		}
		if last := len(all) - 1; last >= 0 && all[last].start.Equal(row.StartTime) && all[last].replaced.IsZero() {
			continue
		} else if last >= 0 {
			all[last].replaced = since
		}
		all = slices.DeleteFunc(all, func(p planned) bool { return p.start.Equal(row.StartTime) })
		all = append(all, planned{start: row.StartTime, given: since})
	}
	return all
}

// lengthOf is how long a meeting with this start was planned to be at an instant, or
// else at the nearest instant at which it had that start.
func lengthOf(t *timeline, meetingID string, start, at time.Time) time.Duration {
	var length int
	least := time.Duration(-1)
	for i, m := range t.counting {
		row := m.meeting(meetingID)
		if row == nil || !row.StartTime.Equal(start) {
			continue
		}
		distance := t.distance(i, at)
		if least < 0 || distance < least {
			least, length = distance, row.Duration
		}
	}
	return time.Duration(cmp.Or(length, 60)) * time.Minute
}

// distance is how far an instant is from a moment; zero within it.
func (t *timeline) distance(i int, at time.Time) time.Duration {
	switch {
	case i > 0 && at.Before(t.instants[i-1]):
		return t.instants[i-1].Sub(at)
	case i < len(t.instants) && !at.Before(t.instants[i]):
		return at.Sub(t.instants[i])
	}
	return 0
}

// plannedFor is the planned lesson that takes a run: of several the one with the
// nearest start, then the one given later. It has no runs yet; nil for none.
func plannedFor(t *timeline, r *run) *lesson {
	if !isOneOff(t.meetingAt(r.meeting, r.begin)) {
		return nil
	}
	var best *lesson
	var bestPlan planned
	for _, p := range plans(t, r.meeting) {
		if !p.replaced.IsZero() && !r.begin.Before(p.replaced) {
			continue // a start that was replaced takes only what began before
		}
		l := &lesson{meeting: r.meeting, start: p.start, length: lengthOf(t, r.meeting, p.start, r.begin)}
		l.open(t.asOf(r.begin).policy)
		if !l.takes(r.begin, r.until()) {
			continue
		}
		if best == nil || isNearer(r.begin, p, bestPlan) {
			best, bestPlan = l, p
		}
	}
	return best
}

// open sets the window: a margin before the start to a margin after the end.
func (l *lesson) open(policy Policy) {
	l.from, l.to = l.start.Add(-policy.margin()), l.start.Add(l.length).Add(policy.margin())
}

// ends is when the lesson was to end; that of an instant meeting has no end while its
// run is open.
func (l *lesson) ends() time.Time {
	if l.isEndless {
		return time.Time{}
	}
	return l.start.Add(l.length)
}

// until is the end of what is known of a run.
func (r *run) until() time.Time {
	if r.told.IsZero() {
		return later(r.begin, r.heard)
	}
	return later(r.begin, r.told)
}

func isOneOff(row Meeting) bool { return row.Type == "scheduled" || row.Type == "" }

// lessonsOf says which lesson each run of a meeting belongs to, and returns the
// lessons. Counts says which runs may belong to one at all, held which planned lessons
// were held.
func lessonsOf(t *timeline, runs []*run, counts func(*run) bool, held func(*lesson) bool) []*lesson {
	var lessons []*lesson
	var rest []*run
	for _, r := range runs {
		r.lesson = nil
		if !counts(r) {
			continue
		}
		l := plannedFor(t, r)
		if l == nil {
			rest = append(rest, r)
			continue
		}
		if i := slices.IndexFunc(lessons, func(known *lesson) bool { return known.start.Equal(l.start) }); i >= 0 {
			l = lessons[i]
		} else {
			lessons = append(lessons, l)
		}
		l.add(r)
	}
	for _, l := range lessons {
		l.settle(t)
	}
	plans := slices.Clone(lessons)
	var made []*lesson
	for _, r := range rest {
		l := touched(made, r)
		if l == nil && mayMake(t, r, plans, held) {
			l = &lesson{meeting: r.meeting, start: r.begin, length: ownLength(t, r), isMade: true, isEndless: !r.isOver && hasOwnLength(t, r)}
			made = append(made, l)
		}
		if l != nil {
			l.add(r)
			l.settle(t)
		}
	}
	return append(lessons, made...)
}

func (l *lesson) add(r *run) {
	l.runs = append(l.runs, r)
	r.lesson = l
}

// settle works out what follows from a lesson's first run: its class, its date, its
// settings, its length.
func (l *lesson) settle(t *timeline) {
	first := l.runs[0]
	row := t.meetingAt(l.meeting, first.begin)
	l.policy = t.asOf(first.begin).policy
	if !l.isMade {
		l.length = lengthOf(t, l.meeting, l.start, first.begin)
	}
	l.open(l.policy)
	l.class = first.class
	l.date = dateOf(l.start, zoneOf(l.policy, row))
}

// touched is the lesson that an earlier run made and whose window a run touches: of
// several the one with the nearest start.
func touched(made []*lesson, r *run) *lesson {
	var best *lesson
	for _, l := range made {
		if l.takes(r.begin, r.until()) && (best == nil || r.begin.Sub(l.start).Abs() <= r.begin.Sub(best.start).Abs()) {
			best = l
		}
	}
	return best
}

// mayMake: a run that no window takes makes a lesson if the meeting recurs or is
// instant; or if it comes in the place of a planned lesson that was not held, or before
// the row was made.
func mayMake(t *timeline, r *run, lessons []*lesson, held func(*lesson) bool) bool {
	row := t.meetingAt(r.meeting, r.begin)
	if !isOneOff(row) {
		return true
	}
	for _, l := range lessons {
		if l.start.Equal(row.StartTime) && held(l) {
			return false
		}
	}
	return comesLate(row, r)
}

// comesLate: a run began at or after the planned start, or before the row was made.
func comesLate(row Meeting, r *run) bool {
	return !r.begin.Before(row.StartTime) || r.begin.Before(row.CreatedAt)
}

// ownLength is the length of a lesson that a run makes: the row's, for an instant
// meeting its own.
func ownLength(t *timeline, r *run) time.Duration {
	if hasOwnLength(t, r) {
		return r.until().Sub(r.begin)
	}
	return time.Duration(t.meetingAt(r.meeting, r.begin).Duration) * time.Minute
}

func hasOwnLength(t *timeline, r *run) bool {
	row := t.meetingAt(r.meeting, r.begin)
	return row.Type == "instant" || row.Duration == 0
}

// meetingAt is a meeting's row as it counts at an instant; one that was deleted before
// that as it was last.
func (t *timeline) meetingAt(id string, at time.Time) Meeting {
	for i := t.index(at); i >= 0; i-- {
		if row := t.counting[i].meeting(id); row != nil {
			return *row
		}
	}
	return Meeting{ID: id}
}

// isNearer: a start is nearer to an instant than another, or as near and given later.
func isNearer(at time.Time, a, b planned) bool {
	return cmp.Or(cmp.Compare(at.Sub(b.start).Abs(), at.Sub(a.start).Abs()), a.given.Compare(b.given)) > 0
}
