package front_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/simulate"
)

// seen is what a page of the monitor shows of a person.
type seen struct {
	User    string `json:"user"`
	Status  string `json:"status"`  // invited, joined or left; empty without a row
	Verdict string `json:"verdict"` // of the attendance; empty without a record
}

// shown reads them off a page, users alone, in the order of their ids.
const shown = `[...document.querySelectorAll('main li[data-user]')].filter((item) => item.dataset.user)
	.map(({dataset}) => ({user: dataset.user, status: dataset.status, verdict: dataset.verdict}))
	.sort((a, b) => a.user < b.user ? -1 : 1)`

// right is the condition that a page shows just this.
func right(t testing.TB, status string, people []seen) string {
	t.Helper()
	want, err := json.Marshal(append([]seen{}, people...))
	require.NoError(t, err)
	return fmt.Sprintf(`document.body.dataset.link === 'live' && document.querySelector('main').dataset.status === %q
		&& JSON.stringify(%s) === JSON.stringify(%s)`, status, shown, want)
}

// truth is what the rows say of the class and its teacher, as their owner sees
// them.
func (s *school) truth() []seen {
	return rows[seen](s, `
		select jsonb_build_object('user', person.id, 'status', coalesce(entry.status, ''), 'verdict', coalesce(record.status, ''))
		from users person
		left join class_students seat on seat.student_id = person.id and seat.class_id = $1
		left join zoom_participants entry on entry.user_id = person.id
			and entry.meeting_id = (select id from zoom_meetings where zoom_meeting_id = $2)
		left join attendance_records record on record.student_id = person.id and record.class_id = $1
		where seat.id is not null or entry.id is not null
		order by person.id`, class7b, lessonNumber)
}

// of is what is true of one person, as far as the matrix lets somebody see it.
func of(truth []seen, user string, withStatus bool) []seen {
	for _, person := range truth {
		if person.User == user {
			if !withStatus {
				person.Status = ""
			}
			return []seen{person}
		}
	}
	return nil
}

func TestEachSeesWhatIsTheirsLive(t *testing.T) {
	s := newSchool(t)
	s.mountMonitor()
	b := openBrowser(t)
	desktop := map[string]any{"width": 1280, "height": 800}
	phone := map[string]any{"width": 390, "height": 844}
	darkPhone := map[string]any{"width": 390, "height": 844, "dark": true}
	pages := []string{"teacher", "teacher on the phone", "student", "parent", "stranger"}
	s.watch(b, "teacher", teacher, desktop)
	s.watch(b, "teacher on the phone", teacher, darkPhone)
	s.watch(b, "student", student, phone)
	s.watch(b, "parent", parent, darkPhone)
	s.watch(b, "stranger", stranger, desktop)
	everywhere := func(do func(page string)) {
		for _, page := range pages {
			do(page)
		}
	}
	everywhere(func(page string) { read[int](b, page, "window.notReloaded = 1") })
	maria := s.id(student)
	everybodyIsRight := func(status string) {
		t.Helper()
		truth := s.truth()
		b.until("teacher", right(t, status, truth))
		b.until("teacher on the phone", right(t, status, truth))
		b.until("student", right(t, status, of(truth, maria, true)))
		b.until("parent", right(t, status, of(truth, maria, false)))
		b.until("stranger", right(t, "", nil))
		require.Empty(t, read[[]any](b, "stranger", "window.repaints"), "a stranger's page is told nothing")
	}
	everywhere(func(page string) { b.shoot(page, "1 before") })

	// The first part of the lesson is watched.
	lesson := s.lesson(simulate.Options{Seed: 11, Absent: 0.12, Late: 0.1, Guests: 0.05, Dropouts: 0.25, Breakouts: 0.3, TwoDevices: 0.05, Lost: 0.05})
	events := lesson.Events(simulate.Disorder{Duplicates: 0.05})
	third := len(events) / 3
	s.send(events[:third], 0)
	everybodyIsRight("started")
	everywhere(func(page string) { b.shoot(page, "2 started") })

	// Realtime goes away in the middle of it, and is back later: what happened meanwhile is seen all the same.
	s.line.cut()
	everywhere(func(page string) { b.until(page, `document.body.dataset.link === 'reconnecting'`) })
	s.send(events[third:2*third], 0)
	b.shoot("teacher", "3 away")
	s.line.connect()
	everybodyIsRight("started")

	// What Realtime loses in silence is seen within a minute, which passes at once here.
	s.exec("alter publication supabase_realtime drop table zoom_participants")
	s.send(events[2*third:2*third+5], 0)
	everywhere(func(page string) {
		read[bool](b, page, `(Date.now = ((real) => () => real() + 60_000)(Date.now), true)`)
	})
	everybodyIsRight("started")
	s.exec("alter publication supabase_realtime add table zoom_participants")

	// Then the rest is live again, to the end.
	everywhere(func(page string) { read[int](b, page, "window.repaints.length = 0") })
	s.send(events[2*third+5:], 0)
	everybodyIsRight("ended")
	everywhere(func(page string) {
		b.shoot(page, "4 ended")
		require.Equal(t, 1, read[int](b, page, "window.notReloaded"), "nothing was reloaded")
	})
	require.NotEmpty(t, read[[]any](b, "teacher", "window.repaints"), "what was painted came from Realtime")
}

// Each asks Realtime for what concerns them, signed in from the first join on,
// and always with a schema: a filter without one is refused.
func TestThePageSubscribesToWhatConcernsItsPerson(t *testing.T) {
	s := newSchool(t)
	s.mountMonitor()
	b := openBrowser(t)
	meeting := value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = $1", lessonNumber)
	everything := map[string]string{
		"zoom_meetings":      "id=eq." + meeting,
		"zoom_participants":  "meeting_id=eq." + meeting,
		"attendance_records": "class_id=eq." + class7b,
	}
	of := func(people string) map[string]string {
		return map[string]string{
			"zoom_meetings":      "id=eq." + meeting,
			"zoom_participants":  "user_id=in.(" + people + ")",
			"attendance_records": "student_id=in.(" + people + ")",
		}
	}
	for who, want := range map[string]map[string]string{
		teacher: everything, student: of(s.id(student)), parent: of(s.id(parent) + "," + s.id(student)),
		stranger: {"zoom_meetings": "zoom_meeting_id=eq." + lessonNumber},
	} {
		s.watch(b, who, who, map[string]any{"width": 390, "height": 844})
		var joins []struct {
			Token  string `json:"access_token"`
			Config struct {
				Bindings []struct{ Event, Schema, Table, Filter string } `json:"postgres_changes"`
			}
		}
		require.NoError(t, json.Unmarshal(b.do(map[string]any{"do": "joins", "page": who}), &joins))
		require.Len(t, joins, 1, "%s joins once", who)
		require.Contains(t, joins[0].Token, ".", "with a token and not with a key")
		asked := map[string]string{}
		for _, binding := range joins[0].Config.Bindings {
			require.Equal(t, "public", binding.Schema)
			if binding.Event != "DELETE" {
				asked[binding.Table] = binding.Filter
			}
		}
		require.Equal(t, want, asked, who)
	}
}
