package oracle

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// History is all that the school's data ever was, since the project was adopted.
type History struct {
	Start    School   `json:"start"`    // what was there at adoption counts since ever
	Settings Policy   `json:"settings"` // and so do the first settings
	Changes  []Change `json:"changes"`  // in the order of time
	Edits    []Edit   `json:"edits,omitempty"`
}

// Change is what somebody wrote at one instant.
type Change struct {
	At       time.Time `json:"at"`
	By       string    `json:"by,omitempty"` // the user in whose session; empty: outside any
	Put      School    `json:"put,omitzero"` // rows that are so from now on, whole
	Gone     School    `json:"gone,omitzero"`
	Settings *Policy   `json:"settings,omitempty"`
}

// timeline is a history worked out: what was so after each change, and what counts
// for a run that began then.
type timeline struct {
	instants []time.Time // of the changes
	plain    []moment    // what the tables held before the first change, and after each
	counting []moment    // and what counts: with the first values of rows that came later
	clock    time.Time   // what time it is
}

// moment is the school's data and settings at one moment.
type moment struct {
	School
	policy Policy
}

func newTimeline(h History) *timeline {
	first := moment{School: atAdoption(h.Start), policy: h.Settings}
	t := &timeline{plain: []moment{first}}
	for _, change := range h.Changes {
		t.instants = append(t.instants, change.At)
		t.plain = append(t.plain, change.after(t.plain[len(t.plain)-1]))
	}
	t.counting = t.withFirstValues()
	return t
}

// now is how things are after the last change.
func (t *timeline) now() moment { return t.plain[len(t.plain)-1] }

// index is which of the moments an instant lies in.
func (t *timeline) index(at time.Time) int {
	n := 0
	for n < len(t.instants) && !t.instants[n].After(at) {
		n++
	}
	return n
}

// asOf is what counts for a run that began at an instant.
func (t *timeline) asOf(at time.Time) moment { return t.counting[t.index(at)] }

// lookUp asks what counted at an instant; where that gives nothing, it asks again at
// each later change, and the first answer stands. It tells which moment answered.
func lookUp[T comparable](t *timeline, at time.Time, ask func(moment) T) (answer T, index int) {
	var nothing T
	for i := t.index(at); i < len(t.counting); i++ {
		if answer := ask(t.counting[i]); answer != nothing {
			return answer, i
		}
	}
	return nothing, -1
}

// atAdoption: names and classes that were there at adoption are the school's.
func atAdoption(s School) School {
	s.Users, s.Meetings = slices.Clone(s.Users), slices.Clone(s.Meetings)
	for i := range s.Users {
		s.Users[i].staffName = s.Users[i].Name
	}
	for i := range s.Meetings {
		s.Meetings[i].confirmed = true
	}
	return s
}

// Of is what a change makes of a school.
func (c Change) Of(s School) School { return c.after(moment{School: s}).School }

// after is the moment that a change makes of the one before.
func (c Change) after(before moment) moment {
	m := before
	if c.Settings != nil {
		m.policy = *c.Settings
	}
	m.Users = remove(before.Users, c.Gone.Users)
	for _, row := range c.Put.Users {
		row.staffName = staffName(before, row, c.By)
		m.Users = put(m.Users, row)
	}
	m.Meetings = remove(before.Meetings, c.Gone.Meetings)
	for _, row := range c.Put.Meetings {
		row.confirmed = confirmed(before, row, c.By)
		m.Meetings = put(m.Meetings, row)
	}
	m.Classes = put(remove(before.Classes, c.Gone.Classes), c.Put.Classes...)
	m.Registrants = put(remove(before.Registrants, c.Gone.Registrants), c.Put.Registrants...)
	m.Parents = put(remove(before.Parents, c.Gone.Parents), c.Put.Parents...)
	m.Keys = put(remove(before.Keys, c.Gone.Keys), c.Put.Keys...)
	m.Enrolments = put(remove(before.Enrolments, c.Gone.Enrolments), c.Put.Enrolments...)
	m.Visits = put(remove(before.Visits, c.Gone.Visits), c.Put.Visits...)
	m.Participants = put(remove(before.Participants, c.Gone.Participants), c.Put.Participants...)
	return m
}

// withFirstValues adds to each moment the rows that only came later, as they were
// first: the first value of a row counts since ever. An address or a number that
// another row held before counts only from when it was given. Enrolments,
// registrations, links of parents and visits count from when they were made.
func (t *timeline) withFirstValues() []moment {
	counting := slices.Clone(t.plain)
	for i := range counting {
		counting[i].Users = slices.Clone(t.plain[i].Users)
		counting[i].Meetings = slices.Clone(t.plain[i].Meetings)
		counting[i].Classes = slices.Clone(t.plain[i].Classes)
		counting[i].Keys = slices.Clone(t.plain[i].Keys)
	}
	for i := 1; i < len(t.plain); i++ {
		for _, row := range newRows(t.plain[:i], t.plain[i], func(m moment) []User { return m.Users }) {
			if t.addressHeld(i, row) {
				row.isHeld = true
			}
			for j := range i {
				counting[j].Users = append(counting[j].Users, row)
			}
		}
		for _, row := range newRows(t.plain[:i], t.plain[i], func(m moment) []Meeting { return m.Meetings }) {
			if t.numberHeld(i, row) {
				row.Number = ""
			}
			for j := range i {
				counting[j].Meetings = append(counting[j].Meetings, row)
			}
		}
		for _, row := range newRows(t.plain[:i], t.plain[i], func(m moment) []Class { return m.Classes }) {
			for j := range i {
				counting[j].Classes = append(counting[j].Classes, row)
			}
		}
		for _, row := range newRows(t.plain[:i], t.plain[i], func(m moment) []Key { return m.Keys }) {
			for j := range i {
				counting[j].Keys = append(counting[j].Keys, row)
			}
		}
	}
	return counting
}

// newRows are the rows of a moment that none before it had.
func newRows[T row](before []moment, now moment, of func(moment) []T) []T {
	var rows []T
	for _, r := range of(now) {
		known := slices.ContainsFunc(before, func(m moment) bool { return find(of(m), r.key()) != nil })
		if !known {
			rows = append(rows, r)
		}
	}
	return rows
}

// addressHeld: another user had this address, in any case, before that change.
func (t *timeline) addressHeld(change int, user User) bool {
	for _, m := range t.plain[:change] {
		for _, other := range m.Users {
			if other.ID != user.ID && foldEmail(other.Email) == foldEmail(user.Email) {
				return true
			}
		}
	}
	return false
}

// numberHeld: another meeting had this number, in any spelling, before that change.
func (t *timeline) numberHeld(change int, meeting Meeting) bool {
	for _, m := range t.plain[:change] {
		for _, other := range m.Meetings {
			if other.ID != meeting.ID && digits(other.Number) == digits(meeting.Number) {
				return true
			}
		}
	}
	return false
}

// row is a row of one of the tables, with what says which it is.
type row interface{ key() string }

func (u User) key() string        { return u.ID }
func (c Class) key() string       { return c.ID }
func (m Meeting) key() string     { return m.ID }
func (r Registrant) key() string  { return r.MeetingID + " " + r.UserID }
func (p Parent) key() string      { return p.ParentID + " " + p.StudentID }
func (k Key) key() string         { return k.CustomerKey }
func (e Enrolment) key() string   { return e.ClassID + " " + e.StudentID }
func (p Participant) key() string { return p.MeetingID + " " + p.UserID }
func (v Visit) key() string {
	return v.MeetingID + " " + v.UserID + " " + v.Kind + " " + v.At.UTC().Format(time.RFC3339Nano)
}

// find is the row with this key, or nil.
func find[T row](rows []T, key string) *T {
	for i := range rows {
		if rows[i].key() == key {
			return &rows[i]
		}
	}
	return nil
}

// put adds rows, each in place of the one with its key.
func put[T row](rows []T, news ...T) []T {
	return append(remove(rows, news), news...)
}

func remove[T row](rows, gone []T) []T {
	return slices.DeleteFunc(slices.Clone(rows), func(r T) bool { return find(gone, r.key()) != nil })
}

// User is the user with this id; nil for nobody.
func (s School) User(id string) *User       { return find(s.Users, id) }
func (s School) meeting(id string) *Meeting { return find(s.Meetings, id) }
func (s School) teacherOf(classID string) string {
	if class := find(s.Classes, classID); class != nil {
		return class.TeacherID
	}
	return ""
}

func (s School) enrolled(classID, studentID string) bool {
	return classID != "" && find(s.Enrolments, Enrolment{classID, studentID}.key()) != nil
}

func (s School) isParent(parentID, studentID string) bool {
	return find(s.Parents, Parent{parentID, studentID}.key()) != nil
}

func (s School) isAdmin(userID string) bool {
	user := s.User(userID)
	return user != nil && user.Role == "admin"
}

// digits is a number without what people write between its digits.
func digits(number string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, number)
}

// foldEmail is an address without the blanks around it and in one case.
func foldEmail(address string) string { return strings.ToLower(strings.TrimSpace(address)) }

// foldName is a name in one form of its letters, one case, with single blanks.
func foldName(name string) string {
	folded := cases.Fold().String(norm.NFKC.String(name))
	return strings.Join(strings.Fields(norm.NFKC.String(folded)), " ")
}
