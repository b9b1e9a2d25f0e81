package simulate

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// made is the meetings and classes made for several lessons at once.
type made struct {
	numbers  []string
	meetings []string // ids
	classes  []string // ids
}

// makeMeetings makes as many meetings like the given one, each of a class of
// its own with the same students and by the same host.
func makeMeetings(ctx context.Context, db *database, like stage, count int) (made, error) {
	var m made
	var classes, enrolments, meetings []map[string]any
	first := time.Now().UnixMilli() % 1_000_000_000
	for i := range count {
		class, meeting := uuid.NewString(), uuid.NewString()
		number := fmt.Sprintf("99%09d", (first+int64(i))%1_000_000_000)
		m.numbers = append(m.numbers, number)
		m.meetings = append(m.meetings, meeting)
		m.classes = append(m.classes, class)
		classes = append(classes, map[string]any{"id": class, "name": "Simulated class", "grade": "", "section": "", "subject": "Made by sidecar simulate"})
		for _, enrolment := range like.school.Enrolments {
			enrolments = append(enrolments, map[string]any{"class_id": class, "student_id": enrolment.StudentID})
		}
		meetings = append(meetings, map[string]any{
			"id": meeting, "zoom_meeting_id": number, "title": "Simulated lesson", "meeting_type": "recurring",
			"start_time": time.Now().UTC(), "join_url": "https://zoom.test/j/" + number, "class_id": class,
		})
	}
	for _, step := range []struct {
		table string
		rows  []map[string]any
	}{{"classes", classes}, {"class_students", enrolments}, {"zoom_meetings", meetings}} {
		if len(step.rows) == 0 {
			continue
		}
		if err := db.insert(ctx, step.table, step.rows); err != nil {
			return m, errors.Join(err, m.takeAway(ctx, db))
		}
	}
	return m, nil
}

// takeAway removes what makeMeetings made, and with it all that the lessons
// left behind. It does so even if ctx was cancelled.
func (m made) takeAway(ctx context.Context, db *database) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return errors.Join(
		db.remove(ctx, "zoom_meetings", m.meetings),
		db.remove(ctx, "classes", m.classes),
	)
}
