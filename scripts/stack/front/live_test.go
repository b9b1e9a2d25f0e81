package front_test

import (
	"cmp"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
)

// looked is a line of live.mjs: what a page selected, that it joins, that it is
// open, or that a minute has passed.
type looked struct {
	Who          string
	Status       string
	Participants []struct {
		User   string `json:"user_id"`
		Status string
	}
	Records []struct {
		Student string `json:"student_id"`
		Status  string
	}

	Joins string // as whom it joins a channel of Realtime

	Channels  []string
	Connected bool

	Minute bool
}

// seen is what the page then shows, users alone, as [school.truth] tells it.
func (l looked) seen() []seen {
	people := map[string]seen{}
	for _, row := range l.Participants {
		if row.User != "" {
			people[row.User] = seen{User: row.User, Status: row.Status}
		}
	}
	for _, record := range l.Records {
		people[record.Student] = seen{record.Student, people[record.Student].Status, record.Status}
	}
	var list []seen
	for _, person := range people {
		list = append(list, person)
	}
	slices.SortFunc(list, func(a, b seen) int { return cmp.Compare(a.User, b.User) })
	return list
}

// pages are live.mjs at work.
type pages struct {
	t    testing.TB
	node *stacktest.Node
	last map[string]looked
}

func (p *pages) next() looked {
	p.t.Helper()
	var l looked
	p.node.Hear(&l)
	if l.Joins != "" {
		require.Equal(p.t, "signed in", l.Joins, l.Who)
		return p.next()
	}
	if l.Who != "" && l.Channels == nil {
		p.last[l.Who] = l
	}
	return l
}

// until hears the pages look until each shows the lesson so.
func (p *pages) until(status string, want map[string][]seen) {
	p.t.Helper()
	for {
		right := 0
		for who, people := range want {
			last := p.last[who]
			if last.Status == status && slices.Equal(last.seen(), people) {
				right++
			}
		}
		if right == len(want) {
			return
		}
		p.next()
	}
}

// minute lets a minute pass, and returns who looked at the end of it.
func (p *pages) minute() (who []string) {
	p.t.Helper()
	p.node.Tell("")
	for {
		l := p.next()
		if l.Minute {
			slices.Sort(who)
			return who
		}
		who = append(who, l.Who)
	}
}

// printed is the code that a page of the documents has after a heading.
func printed(t testing.TB, page, heading string) string {
	t.Helper()
	text, err := os.ReadFile("../../../sidecar/operating/" + page)
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)\n## " + regexp.QuoteMeta(heading) + "\n.*?\n```js\n(.*?)```\n").FindSubmatch(text)
	require.NotNil(t, found, "%s has no code after %q", page, heading)
	return string(found[1])
}

// The lines that nextjs.md gives to a front end do what it says of them.
func TestTheLinesOfTheDocumentsMakeAPageLive(t *testing.T) {
	s := newSchool(t)
	lesson := value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = $1", lessonNumber)
	maria := s.id(student)
	type person struct {
		Name     string            `json:"name"`
		Token    string            `json:"token"`
		User     map[string]string `json:"user"`
		Students []string          `json:"students,omitempty"`
	}
	as := func(email string, students ...string) person {
		return person{email, s.token(email), map[string]string{"id": s.id(email), "email": email}, students}
	}
	argument, err := json.Marshal(map[string]any{
		"url": s.URL, "key": s.PublishableKey, "code": printed(t, "nextjs.md", "The front end, live"),
		"meeting": map[string]string{"id": lesson, "class_id": class7b},
		"people":  []person{as(teacher), as(student, maria), as(parent, maria), {Name: "visitor"}},
	})
	require.NoError(t, err)
	p := &pages{t, stacktest.StartNode(t, nil, "live.mjs", string(argument)), map[string]looked{}}
	open := map[string]looked{}
	for len(open) < 4 {
		if l := p.next(); l.Channels != nil {
			open[l.Who] = l
		}
	}
	require.Equal(t, []string{"realtime:lesson " + lesson}, open[student].Channels)
	require.Empty(t, open["visitor"].Channels, "who is not signed in does not subscribe")
	require.False(t, open["visitor"].Connected, "nor connect")

	everybodyIsRight := func(status string) {
		t.Helper()
		truth := s.truth()
		p.until(status, map[string][]seen{
			teacher: inRows(truth), student: inRows(of(truth, maria, true)), parent: inRows(of(truth, maria, false)),
		})
	}
	everybodyLooks := func() {
		t.Helper()
		require.Equal(t, []string{teacher, parent, student}, slices.Compact(p.minute()))
	}
	everybodyIsRight("scheduled") // each looks as soon as Realtime promises changes

	script := s.lesson(simulate.Options{Seed: 5, Absent: 0.2, Guests: 0.1, Dropouts: 0.2})
	events := script.Events(simulate.Disorder{})
	third := len(events) / 3
	s.send(events[:third], 0)
	everybodyIsRight("started")

	// What happens while Realtime is away is seen when it is back.
	s.line.cut()
	s.send(events[third:third+5], 0)
	s.line.connect()
	everybodyIsRight("started")

	// What Realtime loses, it loses in silence: it is seen within a minute.
	s.exec("alter publication supabase_realtime drop table zoom_participants")
	s.send(events[third+5:2*third], 0)
	everybodyLooks()
	everybodyIsRight("started")
	s.exec("alter publication supabase_realtime add table zoom_participants")

	// A change of the publication may cost a batch, as hosted. So the pages subscribe anew, and each looks once it has.
	s.line.cut()
	p.last = map[string]looked{}
	s.line.connect()
	everybodyIsRight("started")

	s.send(events[2*third:], 0)
	everybodyIsRight("ended")
	everybodyLooks() // once more, for what was written after the end
	for range 100 {
		if len(p.minute()) == 0 {
			return
		}
	}
	require.Fail(t, "the pages look for ever")
}

// inRows leaves out who is in no row.
func inRows(people []seen) []seen {
	var in []seen
	for _, person := range people {
		if person.Status != "" || person.Verdict != "" {
			in = append(in, person)
		}
	}
	return in
}
