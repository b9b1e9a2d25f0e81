package oracle

import "time"

// status is what the newest run says, or, without any, what people wrote. A meeting
// that people cancelled stays so, until they take it back or a later run counts.
func (m *held) status(t *timeline, row Meeting) string {
	if len(m.runs) == 0 {
		return row.Status
	}
	if row.Status == "cancelled" && !m.ranSince(cancelledAt(t, row.ID)) {
		return row.Status
	}
	if m.runs[len(m.runs)-1].isOver {
		return "ended"
	}
	return "started"
}

// cancelledAt is when people cancelled a meeting that is cancelled; the zero time if it
// always was.
func cancelledAt(t *timeline, meetingID string) (at time.Time) {
	for i := 1; i < len(t.plain); i++ {
		before, after := t.plain[i-1].meeting(meetingID), t.plain[i].meeting(meetingID)
		if before != nil && after != nil && before.Status != "cancelled" && after.Status == "cancelled" {
			at = t.instants[i-1]
		}
	}
	return at
}

// ranSince: a run that began after an instant belongs to a lesson.
func (m *held) ranSince(at time.Time) bool {
	for _, r := range m.runs {
		if r.lesson != nil && r.begin.After(at) {
			return true
		}
	}
	return false
}
