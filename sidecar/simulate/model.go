package simulate

import (
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// Expect says which rows the facts must end in, given what the school had
// before and the policy. It is the rules in words, written down a second time
// and as plainly as they can be: slow, in memory, and knowing nothing of how
// the database goes about it. The order of the facts, and how often each is
// given, make no difference.
func Expect(school School, facts []zoom.Fact, policy Policy) Rows {
	rows := Rows{Status: map[string]string{}}
	var held []*heldMeeting
	for _, row := range school.Meetings {
		m := hold(row, school, facts, policy)
		held = append(held, m)
		rows.Status[row.ID] = m.status()
		rows.Participants = append(rows.Participants, m.participants(school)...)
	}
	rows.Records = attendance(school, held, policy)
	return rows
}

// heldMeeting is a meeting with all that is known of its instances.
type heldMeeting struct {
	Meeting
	instances []*instance
	visits    []visit
	people    []*person
}

// instance is one run of a meeting.
type instance struct {
	uuid     string
	start    time.Time
	ended    time.Time // zero while it runs
	day      string    // held_on, YYYY-MM-DD
	segments []*segment
}

// segment is one visit of one connection to one room.
type segment struct {
	id          string
	in          *instance
	connection  string
	customerKey string
	registrant  string
	email       string
	name        string
	namedAt     time.Time
	marks       []mark
}

// mark is an instant at which somebody came or went.
type mark struct {
	at   time.Time
	kind zoom.Kind
}

// hold gathers a meeting's facts into instances and people.
func hold(row Meeting, school School, facts []zoom.Fact, policy Policy) *heldMeeting {
	m := &heldMeeting{Meeting: row}
	byInstance := map[string][]zoom.Fact{}
	for _, fact := range facts {
		if fact.Meeting == row.Number && fact.User == "" {
			byInstance[fact.Instance] = append(byInstance[fact.Instance], fact)
		}
	}
	for uuid, facts := range byInstance {
		in := newInstance(uuid, facts)
		in.day = heldOn(row, in.start, policy)
		m.instances = append(m.instances, in)
	}
	slices.SortFunc(m.instances, olderInstance)
	m.visits = visitsOf(row.Number, facts)
	m.people = peopleOf(m, school, policy)
	return m
}

func newInstance(uuid string, facts []zoom.Fact) *instance {
	in := &instance{uuid: uuid, start: startOf(facts)}
	bySegment := map[string][]zoom.Fact{}
	for _, fact := range facts {
		switch fact.Kind {
		case zoom.Ended:
			in.ended = later(in.ended, fact.At)
		case zoom.Joined, zoom.Left:
			bySegment[fact.Segment] = append(bySegment[fact.Segment], fact)
		}
	}
	for id, facts := range bySegment {
		in.segments = append(in.segments, newSegment(id, in, facts))
	}
	return in
}

// startOf is the least start that any fact tells, a started fact's own instant
// among them; where none tells one, the least instant of all.
func startOf(facts []zoom.Fact) time.Time {
	var told, all []time.Time
	for _, fact := range facts {
		all = append(all, fact.At)
		if !fact.Start.IsZero() {
			told = append(told, fact.Start)
		}
		if fact.Kind == zoom.Started {
			told = append(told, fact.At)
		}
	}
	if len(told) == 0 {
		told = all
	}
	return slices.MinFunc(told, time.Time.Compare)
}

// newSegment keeps the greatest value of each identity, the latest name, and
// the marks: by time, joined before left, each once.
func newSegment(id string, in *instance, facts []zoom.Fact) *segment {
	s := &segment{id: id, in: in}
	for _, fact := range facts {
		s.connection = max(s.connection, fact.Connection)
		s.customerKey = max(s.customerKey, fact.CustomerKey)
		s.registrant = max(s.registrant, fact.RegistrantID)
		s.email = max(s.email, fact.Email)
		if fact.Name != "" && newer(fact.At, fact.Name, s.namedAt, s.name) {
			s.name, s.namedAt = fact.Name, fact.At
		}
		s.marks = append(s.marks, mark{fact.At, fact.Kind})
	}
	slices.SortFunc(s.marks, func(a, b mark) int {
		if order := a.at.Compare(b.at); order != 0 {
			return order
		}
		return strings.Compare(string(a.kind), string(b.kind)) // "joined" < "left"
	})
	s.marks = slices.CompactFunc(s.marks, func(a, b mark) bool { return a.kind == b.kind && a.at.Equal(b.at) })
	return s
}

// key names the segment's connection; a segment without one stands alone.
func (s *segment) key() string {
	if s.connection != "" {
		return s.connection
	}
	return "segment " + s.id
}

// came is when the segment last began. One that only ever left stands far
// behind all that joined, by when it left.
func (s *segment) came() time.Time {
	for _, m := range slices.Backward(s.marks) {
		if m.kind == zoom.Joined {
			return m.at
		}
	}
	return s.marks[len(s.marks)-1].at.AddDate(-1000, 0, 0)
}

// heldOn is the local date that an instance counts for.
func heldOn(row Meeting, start time.Time, policy Policy) string {
	at := start
	if row.Type == "scheduled" {
		at = row.StartTime
	}
	name := policy.Timezone
	if name == "meeting" {
		name = row.Timezone
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		zone = time.UTC
	}
	return at.In(zone).Format(time.DateOnly)
}

// olderInstance orders instances; the last of them is the newest.
func olderInstance(a, b *instance) int {
	if order := a.start.Compare(b.start); order != 0 {
		return order
	}
	return strings.Compare(a.uuid, b.uuid)
}

// latestDay is the date of the latest occurrence, empty without instances.
func (m *heldMeeting) latestDay() string {
	day := ""
	for _, in := range m.instances {
		day = max(day, in.day)
	}
	return day
}

func (m *heldMeeting) on(day string) []*instance {
	var those []*instance
	for _, in := range m.instances {
		if in.day == day {
			those = append(those, in)
		}
	}
	return those
}

// status is what the newest instance says; without any, what the app said.
func (m *heldMeeting) status() string {
	if len(m.instances) == 0 {
		return m.Status
	}
	if m.instances[len(m.instances)-1].ended.IsZero() {
		return "started"
	}
	return "ended"
}

// newer compares by time, then by text.
func newer(at time.Time, text string, thanAt time.Time, thanText string) bool {
	if order := at.Compare(thanAt); order != 0 {
		return order > 0
	}
	return text > thanText
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
