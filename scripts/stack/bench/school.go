package main

import (
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/simulate"
)

const (
	classSize = 25
	bellRings = 40 // lessons that begin at once
)

// schoolDay is when the lessons of a school begin: not long ago, since what began long
// ago is over by the clock.
var schoolDay = time.Now().UTC().Add(-time.Hour).Truncate(time.Minute)

// policy is the sidecar's, by default.
var policy = oracle.Policy{MinMinutes: 15, Timezone: "UTC"}

// manners are how people come and go: once or twice, and all of them known. The
// plain route knows no guests, rooms or second devices, and is not asked to.
var manners = simulate.Options{Duration: 45 * time.Minute, Absent: 0.1, Late: 0.1, Dropouts: 0.15}

// class is a class with the meeting of its lessons.
type class struct {
	oracle.Meeting
	students []oracle.User
}

// lesson is one that a class has.
type lesson struct {
	simulate.Lesson
	class class
}

// lot is the bodies of some lessons, as Zoom would send them.
type lot struct {
	bodies  [][]byte
	lessons []lesson
}

// newClass makes one up. The same number makes the same class, in fill.sql too.
func newClass(n, size int) class {
	c := class{Meeting: oracle.Meeting{
		ID: idOf("meeting %d", n), Number: strconv.Itoa(82000000000 + n), Title: "Lesson", Type: "recurring", Timezone: "UTC",
		StartTime: schoolDay, ClassID: idOf("class %d", n), Status: "scheduled",
	}}
	for i := range size {
		c.students = append(c.students, oracle.User{
			ID: idOf("student %d %d", n, i), Email: fmt.Sprintf("s%d.%d@school.test", n, i), Name: fmt.Sprintf("Student %d %d", n, i), Role: "student"})
	}
	return c
}

// idOf is a uuid for something, always the same.
func idOf(format string, args ...any) string {
	return uuid.UUID(md5.Sum(fmt.Appendf(nil, format, args...))).String()
}

// lesson makes up one of this class.
func (c class) lesson(start time.Time, seed int, how simulate.Options) lesson {
	roster := simulate.Roster{Number: c.Number, Topic: c.Title, Type: c.Type, Timezone: c.Timezone}
	for _, student := range c.students {
		roster.Attendees = append(roster.Attendees, simulate.Attendee{Name: student.Name, Email: student.Email})
	}
	how.Seed = uint64(seed)
	return lesson{simulate.Script(roster, how, simulate.NewInstance(), start), c}
}

// lessons makes up lessons of at least so many events that were not used
// before, and tells the database of their classes. As in a school, a number of
// lessons begin and end together.
func (p *project) lessons(ctx context.Context, events int) (lot, error) {
	var all lot
	for len(all.bodies) < events {
		bell := p.bell(events - len(all.bodies))
		all.bodies = append(all.bodies, bell.bodies...)
		all.lessons = append(all.lessons, bell.lessons...)
	}
	if p.classes > 0 {
		return all, nil
	}
	for some := range slices.Chunk(all.lessons, 500) {
		if err := p.enter(ctx, some); err != nil {
			return lot{}, fmt.Errorf("put classes into the database: %w", err)
		}
	}
	return all, nil
}

// bell is the lessons that begin at once, fewer if they have enough events.
func (p *project) bell(events int) lot {
	var all lot
	var sent []simulate.Event
	for len(all.lessons) < bellRings && len(sent) < events {
		n, day := p.next, 0
		if p.classes > 0 {
			n, day = p.next%p.classes, p.next/p.classes
		}
		l := newClass(n, classSize).lesson(schoolDay.AddDate(0, 0, 7*day), p.next, manners)
		all.lessons = append(all.lessons, l)
		sent = append(sent, l.Events(simulate.Disorder{})...)
		p.next++
	}
	all.bodies = inOrder(sent)
	return all
}

// inOrder is the bodies of events by their times.
func inOrder(events []simulate.Event) [][]byte {
	slices.SortStableFunc(events, func(a, b simulate.Event) int { return a.At.Compare(b.At) })
	bodies := make([][]byte, len(events))
	for i, e := range events {
		bodies[i] = e.Body
	}
	return bodies
}

// looked is what makes of a school that was entered now one that was entered long ago: the sidecar has looked at its rows.
// (Another revision may have no such table.)
const looked = "do $$ begin if to_regclass('zoom.changes') is not null then delete from zoom.changes; end if; end $$"

// enter puts the classes of lessons into the database, in one transaction.
func (p *project) enter(ctx context.Context, lessons []lesson) error {
	var users []oracle.User
	var classes []map[string]string
	var enrolments []oracle.Enrolment
	var meetings []oracle.Meeting
	for _, l := range lessons {
		users = append(users, l.class.students...)
		classes = append(classes, map[string]string{"id": l.class.ClassID, "name": "Class", "grade": "7", "section": "b", "subject": "Algebra"})
		enrolments = append(enrolments, l.class.enrolments()...)
		meetings = append(meetings, l.class.Meeting)
	}
	var batch pgx.Batch
	for _, rows := range []struct {
		table, into, from string
		of                any
	}{
		{"users", "id, email, name, role", "id, email, name, role", users},
		{"classes", "id, name, grade, section, subject", "id, name, grade, section, subject", classes},
		{"class_students", "class_id, student_id", "class_id, student_id", enrolments},
		{"zoom_meetings", "id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status, join_url",
			"id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status, 'https://zoom.test/j'", meetings},
	} {
		body, err := json.Marshal(rows.of)
		if err != nil {
			return err
		}
		batch.Queue(fmt.Sprintf("insert into public.%[1]s (%[2]s) select %[3]s from jsonb_populate_recordset(null::public.%[1]s, $1::jsonb)",
			rows.table, rows.into, rows.from), body)
	}
	batch.Queue(looked)
	return p.db.SendBatch(ctx, &batch).Close()
}

func (c class) enrolments() []oracle.Enrolment {
	all := make([]oracle.Enrolment, len(c.students))
	for i, student := range c.students {
		all[i] = oracle.Enrolment{ClassID: c.ClassID, StudentID: student.ID}
	}
	return all
}
