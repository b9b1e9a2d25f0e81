package oracle

import (
	"cmp"
	"slices"
	"time"
)

// rank orders the verdicts; what people write beside them has none.
var rank = map[string]int{"": 0, "absent": 1, "partial": 2, "present": 3}

// verdict is what one lesson says of one student; empty for nothing yet.
func (l *lesson) verdict(t *timeline, m *held, studentID string) string {
	theirs := connectionsOf(l.counted(), studentID)
	counts := l.time()
	if isSeen(theirs, counts) {
		if !l.hadEnrolled(t, studentID) || !haveLeft(theirs, counts) && !l.isOver() {
			return ""
		}
		return l.measure(clipped(stays(theirs), counts))
	}
	if l.policy.AppJoins == Count {
		if inApp := m.appStays(l, studentID); len(inApp) > 0 {
			return l.appVerdict(t, inApp, studentID)
		}
	}
	if l.isOver() && l.missed(t, studentID) && m.makesAbsent(l) {
		return "absent"
	}
	return ""
}

// measure is the verdict on somebody who was seen for so long.
func (l *lesson) measure(stays []interval) string {
	if secondsOf(stays) >= l.policy.MinMinutes*60 {
		return "present"
	}
	return "partial"
}

// isSeen: a stay or a leave of theirs lies in lesson time.
func isSeen(connections []*connection, counts lessonTime) bool {
	return slices.ContainsFunc(stays(connections), counts.touches) || slices.ContainsFunc(leaves(connections), counts.has)
}

// clipped are the parts of stays that are lesson time.
func clipped(stays []interval, counts lessonTime) []interval {
	var parts []interval
	for _, stay := range stays {
		if counts.touches(stay) && !stay.isOpen() {
			parts = append(parts, counts.clip(stay))
		}
	}
	return parts
}

// isOver: no run of the lesson is open, and the last one ended at its start or later.
func (l *lesson) isOver() bool {
	open := slices.ContainsFunc(l.runs, func(r *run) bool { return !r.isOver })
	return !open && !l.lastEnd().Before(l.start)
}

func (l *lesson) lastEnd() (at time.Time) {
	for _, r := range l.runs {
		at = later(at, r.end)
	}
	return at
}

// hadEnrolled: a student of the class when the lesson's first run began, or later.
func (l *lesson) hadEnrolled(t *timeline, studentID string) bool {
	for _, m := range t.plain[t.index(l.runs[0].begin):] {
		if m.enrolled(l.class, studentID) {
			return true
		}
	}
	return false
}

// missed: an active student of the class when the run that ended last did, or when the
// door first heard of that run, if that was later.
func (l *lesson) missed(t *timeline, studentID string) bool {
	last := slices.MaxFunc(l.runs, func(a, b *run) int { return cmp.Or(a.end.Compare(b.end), olderRun(a, b)) })
	told := last.accepted
	if told.IsZero() {
		told = t.clock // the door knows nothing of it: the call that told of it does
	}
	m := t.plain[t.index(later(last.end, told))]
	user := m.User(studentID)
	return m.enrolled(l.class, studentID) && user != nil && !user.Inactive
}

// makesAbsent: a planned lesson makes nobody absent if staff was recognised in the
// meeting and not in the counted runs of this lesson; one that a run made itself, unless it was held and
// lasted as long as present needs.
func (m *held) makesAbsent(l *lesson) bool {
	if !l.isMade {
		return !m.knowsStaff() || len(staffOf(l.counted())) > 0
	}
	return m.wasHeld(l) && l.lastEnd().Sub(l.runs[0].begin) >= time.Duration(l.policy.MinMinutes)*time.Minute
}

// wasHeld: somebody beside the staff was there, and one of the staff too, if any was
// ever recognised in that meeting.
func (m *held) wasHeld(l *lesson) bool {
	runs := l.counted()
	return hasOthers(runs) && (!m.knowsStaff() || len(staffOf(runs)) > 0)
}

// knowsStaff: one of the staff was ever recognised in the meeting, in a run that may be
// a lesson's.
func (m *held) knowsStaff() bool { return len(staffOf(m.likely)) > 0 }

// isLikely: a run may be a lesson's. It is not one that a cancelled meeting had, nor one
// that came before the planned time of a one-off meeting that was made by then.
func isLikely(t *timeline, r *run) bool {
	row := t.meetingAt(r.meeting, r.begin)
	return mayCount(t, r) && (plannedFor(t, r) != nil || !isOneOff(row) || comesLate(row, r))
}

// mayCount: a run that began while people had cancelled the meeting belongs to no
// lesson, unless one of the staff and somebody else were in it.
func mayCount(t *timeline, r *run) bool {
	if t.meetingAt(r.meeting, r.begin).Status != "cancelled" {
		return true
	}
	return len(staffOf([]*run{r})) > 0 && hasOthers([]*run{r})
}

// appVerdict is what the app's word alone says, once some of it is over.
func (l *lesson) appVerdict(t *timeline, inApp []interval, studentID string) string {
	if !l.hadEnrolled(t, studentID) || !slices.ContainsFunc(inApp, func(i interval) bool { return !i.isOpen() }) {
		return ""
	}
	return l.measure(inApp)
}

// appStays are the times that the app says a user was in the counted runs of a lesson.
func (m *held) appStays(l *lesson, userID string) []interval {
	var all []interval
	visits := m.visitsBy(userID)
	counts := l.time()
	for _, r := range l.counted() {
		for i, v := range visits {
			if v.Kind != "joined" || v.At.Before(r.begin.Add(-early)) || r.isOver && v.At.After(r.end) {
				continue
			}
			stay := interval{from: later(v.At, r.begin)}
			if r.isOver {
				stay.to = r.end
			}
			if i+1 < len(visits) && (stay.isOpen() || visits[i+1].At.Before(stay.to)) {
				stay.to = visits[i+1].At
			}
			if !counts.touches(stay) {
				continue
			}
			if stay = counts.clip(stay); stay.isOpen() || stay.to.After(stay.from) {
				all = append(all, stay)
			}
		}
	}
	return all
}

func connectionsOf(runs []*run, userID string) (theirs []*connection) {
	for _, r := range runs {
		for _, c := range r.connections {
			if c.userID == userID {
				theirs = append(theirs, c)
			}
		}
	}
	return theirs
}
