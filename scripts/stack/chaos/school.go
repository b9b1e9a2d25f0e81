package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/simulate"
)

const classSize = 25

// policy is the sidecar's, by default.
var policy = oracle.Policy{MinMinutes: 15, Timezone: "UTC"}

// lessons makes up lessons of at least so many events, each with a class of its
// own that the database is told of.
func (w *world) lessons(ctx context.Context, events int) ([]event, error) {
	var all []event
	var news oracle.School
	for len(all) < events {
		lesson := w.lesson(&news)
		some, err := w.ledger.enter(lesson)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if err := w.enter(ctx, news); err != nil {
		return nil, fmt.Errorf("put classes into the database: %w", err)
	}
	w.school.Users = append(w.school.Users, news.Users...)
	w.school.Enrolments = append(w.school.Enrolments, news.Enrolments...)
	w.school.Meetings = append(w.school.Meetings, news.Meetings...)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}

// lesson makes up one, in a class of its own.
func (w *world) lesson(school *oracle.School) simulate.Lesson {
	n := len(w.school.Meetings) + len(school.Meetings)
	class := uuid.NewString()
	roster := simulate.Roster{Number: strconv.Itoa(82000000000 + n), Topic: "Chaos", Type: "recurring", Timezone: "UTC"}
	for i := range classSize {
		student := oracle.User{ID: uuid.NewString(), Email: fmt.Sprintf("s%d.%d@school.test", n, i), Name: fmt.Sprintf("Student %d %d", n, i), Role: "student"}
		school.Users = append(school.Users, student)
		school.Enrolments = append(school.Enrolments, oracle.Enrolment{ClassID: class, StudentID: student.ID})
		roster.Attendees = append(roster.Attendees, simulate.Attendee{Name: student.Name, Email: student.Email})
	}
	start := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	school.Meetings = append(school.Meetings, oracle.Meeting{
		ID: uuid.NewString(), Number: roster.Number, Title: roster.Topic, Type: roster.Type, Timezone: "UTC",
		StartTime: start, ClassID: class, Status: "scheduled",
	})
	return simulate.Script(roster, simulate.Options{
		Duration: 45 * time.Minute, Absent: 0.1, Late: 0.1, Guests: 0.1, Dropouts: 0.2, Crashes: 0.1, Breakouts: 0.5,
		TwoDevices: 0.1, Lost: 0.1, Seed: rand.Uint64(),
	}, simulate.NewInstance(), start)
}

// enter puts a school's rows into the database, in one transaction.
func (w *world) enter(ctx context.Context, school oracle.School) error {
	var classes []map[string]string
	for _, meeting := range school.Meetings {
		classes = append(classes, map[string]string{"id": meeting.ClassID, "name": "Class", "grade": "7", "section": "b", "subject": "Algebra"})
	}
	var batch pgx.Batch
	for _, rows := range []struct {
		table, into, from string
		of                any
	}{
		{"users", "id, email, name, role", "id, email, name, role", school.Users},
		{"classes", "id, name, grade, section, subject", "id, name, grade, section, subject", classes},
		{"class_students", "class_id, student_id", "class_id, student_id", school.Enrolments},
		{"zoom_meetings", "id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status, join_url",
			"id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status, 'https://zoom.test/j'", school.Meetings},
	} {
		body, err := json.Marshal(rows.of)
		if err != nil {
			return err
		}
		batch.Queue(fmt.Sprintf("insert into public.%[1]s (%[2]s) select %[3]s from jsonb_populate_recordset(null::public.%[1]s, $1::jsonb)",
			rows.table, rows.into, rows.from), body)
	}
	return w.db.SendBatch(ctx, &batch).Close()
}
