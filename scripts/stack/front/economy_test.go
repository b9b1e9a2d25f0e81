package front_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/simulate"
)

// Every row change is a message of Realtime, and a question of row level
// security per subscriber: on a small project a hundred a second is the limit.
func TestALessonCausesFewChanges(t *testing.T) {
	s := newSchool(t)
	s.keepLedger()
	lesson := s.lesson(simulate.Options{Seed: 7, Absent: 0.1, Late: 0.1, Guests: 0.05, Dropouts: 0.2, Crashes: 0.05, Breakouts: 0.5, TwoDevices: 0.05, Lost: 0.05})
	// One at a time, which is the dearest: events that come together share the changes.
	events := lesson.Events(simulate.Disorder{})
	for i := range events {
		s.send(events[i:i+1], 0)
	}

	enrolled := value[int64](s, "select count(*) from class_students where class_id = $1", class7b)
	corrections := value[int64](s, `select count(*) from ledger.changes where "table" = 'attendance_records' and type = 'UPDATE'`)
	t.Logf("%d visits of %d enrolled students and others caused", len(lesson.Visits), enrolled)
	t.Logf("%4d changes of meetings", s.changes("zoom_meetings"))
	t.Logf("%4d changes of participants, %.2f a visit", s.changes("zoom_participants"), float64(s.changes("zoom_participants"))/float64(len(lesson.Visits)))
	t.Logf("%4d changes of attendance, %d of them corrections", s.changes("attendance_records"), corrections)

	require.Equal(t, int64(2), s.changes("zoom_meetings"), "one when it starts, one when it ends")
	require.LessOrEqual(t, s.changes("zoom_participants"), int64(2*len(lesson.Visits)), "one for coming, one for going")
	require.Equal(t, enrolled+corrections, s.changes("attendance_records"), "one for each student, and the corrections")
	require.LessOrEqual(t, corrections, enrolled, "from partial to present, once at most")

	// The same events once more, then backwards.
	before := s.ledger(0)
	s.send(events, 0)
	slices.Reverse(events)
	s.send(events, 0)
	require.Equal(t, before, s.ledger(0), "an event that is repeated changes nothing")
}
