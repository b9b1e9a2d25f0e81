package meetings_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
)

// Everybody here is invented.
const (
	host      = "host"               // a teacher, of another class
	teacher   = "class teacher"      // of the class
	colleague = "colleague"          // a teacher without a class
	admin     = "admin"              //
	pupil     = "enrolled student"   // in the class
	guest     = "student of another" // not in the class
	truant    = "student elsewhere"  // in the class, with an e-mail of another domain
	gone      = "student who left"   // in the class, and no longer of the school
	parent    = "parent"             // of the pupil
	neighbour = "other parent"       // of the guest
	unknown   = "unknown"            // has a good token, and the school has no such user
	nobody    = "visitor"            // has no token
)

// The meetings.
const (
	lesson    = "lesson"    // of the class, for the class
	assembly  = "assembly"  // of the class, for all
	briefing  = "briefing"  // of no class, for teachers
	cancelled = "cancelled" // a lesson
)

const (
	lessonNumber = "81234567890"
	password     = "demo-passcode"
	startURL     = "https://zoom.test/s/81234567890?zak=demo"
	joinURL      = "https://zoom.test/j/81234567890"
	ownJoinURL   = "https://zoom.test/w/81234567890?tk=demo"
)

// school is a project with people and meetings in it.
type school struct {
	*stacktest.Project
	people, meetings map[string]string // their ids
	tokens           map[string]string // of people; each asks with one, however long a test takes
}

func newSchool(t testing.TB, changes ...func(*stack.PostgRESTConfig)) *school {
	t.Helper()
	s := &school{stacktest.NewProject(t, changes...), map[string]string{unknown: uuid.NewString()}, map[string]string{}, map[string]string{}}
	add := func(who, role, name, email string) {
		s.people[who] = s.row(t, `insert into public.users (name, role, email) values ($1, $2, $3) returning id::text`, name, role, email)
	}
	add(host, "teacher", "Hedda Host", "hedda@school.test")
	add(teacher, "teacher", "Theo Teacher", "theo@elsewhere.test")
	add(colleague, "teacher", "Cora Colleague", "cora@school.test")
	add(admin, "admin", "Adam Admin", "adam@school.test")
	add(pupil, "student", "Pia Pupil", "Pia@School.test")
	add(guest, "student", "Gus Guest", "gus@school.test")
	add(truant, "student", "Tara Truant", "tara@elsewhere.test")
	add(gone, "student", "Gina Gone", "gina@school.test")
	add(parent, "parent", "Paul Parent", "paul@elsewhere.test")
	add(neighbour, "parent", "Nora Neighbour", "nora@elsewhere.test")
	s.exec(t, `update public.users set is_active = false where id = $1`, s.people[gone])

	class := s.row(t, `insert into public.classes (name, grade, section, subject, teacher_id) values ('Algebra', '7', 'b', 'Algebra', $1) returning id::text`, s.people[teacher])
	for _, who := range []string{pupil, truant, gone} {
		s.exec(t, `insert into public.class_students (class_id, student_id) values ($1, $2)`, class, s.people[who])
	}
	for of, child := range map[string]string{parent: pupil, neighbour: guest} {
		s.exec(t, `insert into public.parent_children (parent_id, student_id) values ($1, $2)`, s.people[of], s.people[child])
	}
	meet := func(meeting, number, audience, status string, class any) {
		s.meetings[meeting] = s.row(t, `
			insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url, start_url, password, target_audience, status, class_id)
			values ($1, $2, 'Algebra', '2026-03-02T08:00:00Z', $3, $4, $5, $6, $7, $8) returning id::text`,
			number, s.people[host], joinURL, startURL, password, audience, status, class)
	}
	meet(lesson, lessonNumber, "class", "scheduled", class)
	meet(assembly, "81234567891", "all", "started", class)
	meet(briefing, "81234567892", "teachers", "scheduled", nil)
	meet(cancelled, "81234567893", "class", "cancelled", class)
	s.exec(t, `insert into public.meeting_registrants (meeting_id, user_id, zoom_registrant_id, join_url, status) values ($1, $2, 'r1', $3, 'approved')`,
		s.meetings[lesson], s.people[truant], ownJoinURL)
	for who, id := range s.people {
		s.tokens[who] = stack.UserToken(id, "")
	}
	return s
}

// token is the access token of a person; empty for nobody.
func (s *school) token(who string) string { return s.tokens[who] }

// row returns the one value of the one row.
func (s *school) row(t testing.TB, sql string, args ...any) (value string) {
	t.Helper()
	require.NoError(t, s.DB().QueryRow(t.Context(), sql, args...).Scan(&value))
	return value
}

func (s *school) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := s.DB().Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}
