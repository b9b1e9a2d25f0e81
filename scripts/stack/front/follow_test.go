package front_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
)

// told is a line of follow.mjs: a change, or what the server says of the
// subscription.
type told struct {
	change
	Who       string
	System    string
	Message   string
	Old       map[string]any
	Committed string
	Errors    []string
}

// followers are people who follow everything with supabase-js.
type followers struct {
	t     testing.TB
	node  *stacktest.Node
	heard map[string][]told
}

// follow returns when the subscriptions of all are in place. A token may be
// empty: a visitor.
func (s *school) follow(tokens map[string]string) *followers {
	s.t.Helper()
	type person struct {
		Name  string `json:"name"`
		Token string `json:"token"`
	}
	var people []person
	for name, token := range tokens {
		people = append(people, person{name, token})
	}
	argument, err := json.Marshal(map[string]any{"url": s.URL, "key": s.PublishableKey, "people": people})
	require.NoError(s.t, err)
	f := &followers{t: s.t, node: stacktest.StartNode(s.t, nil, "follow.mjs", string(argument)), heard: map[string][]told{}}
	for ready := 0; ready < len(people); {
		line := f.next()
		require.Equal(s.t, "ok", line.System, line.Message)
		ready++
	}
	return f
}

func (f *followers) next() told {
	f.t.Helper()
	var line told
	f.node.Hear(&line)
	return line
}

// until hears changes until each of these people heard of the row.
func (f *followers) until(id string, people ...string) {
	f.t.Helper()
	waiting := map[string]bool{}
	for _, name := range people {
		waiting[name] = true
	}
	for len(waiting) > 0 {
		line := f.next()
		require.Empty(f.t, line.System, line.Message)
		f.heard[line.Who] = append(f.heard[line.Who], line)
		if line.Row["id"] == id {
			delete(waiting, line.Who)
		}
	}
}

// changes are what somebody heard, for comparing with the ledger.
func (f *followers) changes(who string) []change {
	var all []change
	for _, line := range f.heard[who] {
		all = append(all, line.change)
	}
	return all
}

func TestEveryChangeOfALessonArrivesOnceAndInOrder(t *testing.T) {
	s := newSchool(t)
	s.keepLedger()
	tokens := map[string]string{"visitor": ""}
	for _, email := range []string{teacher, student, parent, stranger} {
		tokens[email] = s.token(email)
	}
	f := s.follow(tokens)
	lesson := s.lesson(simulate.Options{Seed: 3, Absent: 0.1, Guests: 0.1, Dropouts: 0.2, Breakouts: 0.3, TwoDevices: 0.1, Lost: 0.1})
	events := lesson.Events(simulate.Disorder{Duplicates: 0.1})
	// Coming and going are two changes then, however many events the database takes together.
	s.send(events[:len(events)/2], 0)
	s.send(events[len(events)/2:], 0)
	// Everybody of the school hears of the assembly, so whoever heard of it has heard of all before it.
	const assembly = "00000000-0000-4000-8000-000000000e05"
	s.exec("update zoom_meetings set description = 'Now' where id = $1", assembly)
	f.until(assembly, teacher, student, parent, stranger)

	everything := s.ledger(0)
	require.Greater(t, len(everything), 100)
	require.Equal(t, everything, f.changes(teacher), "the teacher hears of every change, once, in the order of the commits")

	maria := s.id(student)
	of := func(tables ...string) (changes []change) {
		for _, c := range everything {
			for _, table := range tables {
				if c.Table == table && (table == "zoom_meetings" || c.Row["user_id"] == maria || c.Row["student_id"] == maria) {
					changes = append(changes, c)
				}
			}
		}
		return changes
	}
	require.Equal(t, of("zoom_meetings", "zoom_participants", "attendance_records"), f.changes(student), "a student hears of the meeting and of themselves")
	require.Equal(t, of("zoom_meetings", "attendance_records"), f.changes(parent), "a parent hears of the meeting and of their child's attendance")
	require.Equal(t, everything[len(everything)-1:], f.changes(stranger), "somebody of another class hears of the assembly alone, not of so much as a key")
	for _, line := range f.heard["visitor"] {
		require.Equal(t, []string{"Error 401: Unauthorized"}, line.Errors)
		require.Empty(t, line.Row, "a visitor is refused, as Realtime refuses whoever is granted nothing: without a row")
		require.Empty(t, line.Old, "and without a key")
	}

	for _, line := range f.heard[teacher] {
		require.Empty(t, line.Errors)
		require.NotEmpty(t, line.Committed)
		if line.Type == "UPDATE" {
			require.Equal(t, map[string]any{"id": line.Row["id"]}, line.Old, "of the old row there is the key")
		}
	}
}
