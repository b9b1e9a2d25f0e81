package endtoend_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/oracle"
)

// changes makes up what a school does to its data before, during and after its lessons:
// the fixed timeline of a lesson.
func (m *lessonMaker) changes() {
	count := pick(m, 0, 1, 2, 4, 8)
	var instants []time.Time
	for range count {
		minutes := pick(m, m.IntN(3*24*60), m.IntN(12*60), m.IntN(12*60), m.IntN(20*24*60))
		// Nothing that Zoom tells happens in the half of a second.
		instants = append(instants, m.day.Add(time.Duration(minutes-180)*time.Minute+time.Duration(m.IntN(60))*time.Second+500*time.Millisecond))
	}
	slices.SortFunc(instants, time.Time.Compare)
	instants = slices.Compact(instants)
	for _, at := range instants {
		change := m.change(at)
		change.At = at
		m.made.history.Changes = append(m.made.history.Changes, change)
		m.school = change.Of(m.school)
	}
}

func (m *lessonMaker) change(at time.Time) oracle.Change {
	for {
		made := pick(m, m.meetingChange, m.meetingChange, m.meetingChange, m.userChange, m.userChange, m.linkChange, m.linkChange, m.settingsChange)
		change := made(at)
		if asJSON(change) != asJSON(oracle.Change{}) {
			return change
		}
	}
}

// meetingChange makes, changes or deletes a row.
func (m *lessonMaker) meetingChange(at time.Time) (c oracle.Change) {
	if len(m.school.Meetings) == 0 || m.chance(12) {
		row := m.meeting()
		row.CreatedAt = at
		if m.chance(60) && len(m.made.facts) > 0 {
			row.Number = pick(m, m.made.facts...).Meeting
		}
		if m.isNumberFree(row) {
			c.Put.Meetings = []oracle.Meeting{row}
		}
		return c
	}
	row := pick(m, m.school.Meetings...)
	if m.chance(10) {
		c.Gone.Meetings = []oracle.Meeting{row}
		c.Gone.Registrants, c.Gone.Keys, c.Gone.Participants = m.rowsOfMeeting(row.ID)
		return c
	}
	before := row
	c.By = pick(m, "", "", m.admin.ID)
	switch m.IntN(9) {
	case 0:
		c.By, row.Number = "", fmt.Sprintf("91000%05d", m.IntN(100000))
		if m.chance(40) && len(m.made.facts) > 0 {
			row.Number = pick(m, m.made.facts...).Meeting
		}
		if !m.isNumberFree(row) {
			return oracle.Change{}
		}
	case 1, 2:
		row.StartTime = row.StartTime.Add(time.Duration(pick(m, 24*60, 7*24*60, -24*60, 60, -60, 180, 15)) * time.Minute)
	case 3:
		row.Status = pick(m, "cancelled", "cancelled", "scheduled")
	case 4:
		row.ClassID = pick(m, "", m.school.Classes[0].ID, m.school.Classes[1].ID)
	case 5:
		row.ClassID = m.school.Classes[m.IntN(2)].ID
		if host := m.userOf(row.HostID); host != nil && host.Role == "teacher" && !host.Inactive {
			c.By = host.ID // it may be a class that they do not teach
		}
	case 6:
		row.HostID = pick(m, m.teacher(), pick(m, m.school.Users...).ID)
	case 7:
		row.Type = pick(m, "scheduled", "recurring", "instant")
	case 8:
		row.Duration, row.Timezone = pick(m, 30, 60, 120), pick(m, "UTC", "Asia/Tokyo", "GMT+8")
	}
	if row != before {
		c.Put.Meetings = []oracle.Meeting{row}
		return c
	}
	return oracle.Change{}
}

// isNumberFree: no other row has its number, in any spelling. (The database demands
// that none spells it so. Where a number comes to be two rows' in mid-timeline, what was
// told of a run waits as unknown, although its first event, told later, began before.)
func (m *lessonMaker) isNumberFree(row oracle.Meeting) bool {
	return !slices.ContainsFunc(m.school.Meetings, func(other oracle.Meeting) bool {
		return other.ID != row.ID && digitsOf(other.Number) == digitsOf(row.Number)
	})
}

// rowsOfMeeting are the rows that go with a meeting.
func (m *lessonMaker) rowsOfMeeting(id string) (registrants []oracle.Registrant, keys []oracle.Key, participants []oracle.Participant) {
	for _, row := range m.school.Registrants {
		if row.MeetingID == id {
			registrants = append(registrants, row)
		}
	}
	for _, row := range m.school.Keys {
		if row.MeetingID == id {
			keys = append(keys, row)
		}
	}
	for _, row := range m.school.Participants {
		if row.MeetingID == id {
			participants = append(participants, row)
		}
	}
	return registrants, keys, participants
}

// userChange makes a user or changes one. The admin stays as they are.
func (m *lessonMaker) userChange(time.Time) (c oracle.Change) {
	c.By = pick(m, "", m.admin.ID)
	if m.chance(15) {
		row := m.user(20 + m.IntN(5))
		row.Email = pick(m, row.Email, "new@school.test", m.email())
		if m.isAddressFree(row) {
			c.By, c.Put.Users = "", []oracle.User{row}
			return c
		}
		return oracle.Change{}
	}
	row := pick(m, m.school.Users[1:]...)
	if row.ID == m.admin.ID {
		return oracle.Change{}
	}
	before := row
	switch m.IntN(5) {
	case 0, 1:
		row.Email = pick(m, "new@school.test", fmt.Sprintf("moved%d@school.test", m.IntN(5)), "stranger@elsewhere.test", m.email(), m.email())
		if row.Email == "" || !m.isAddressFree(row) {
			return oracle.Change{}
		}
	case 2:
		row.Name = pick(m, lessonNames...)
		c.By = pick(m, c.By, row.ID)
	case 3:
		row.Inactive = !row.Inactive
	case 4:
		row.Role = pick(m, "student", "parent", "teacher")
	}
	if row == before {
		return oracle.Change{}
	}
	c.Put.Users = []oracle.User{row}
	return c
}

// isAddressFree: nobody else spells their address so, as the database demands.
func (m *lessonMaker) isAddressFree(row oracle.User) bool {
	return !slices.ContainsFunc(m.school.Users, func(other oracle.User) bool { return other.ID != row.ID && other.Email == row.Email })
}

// linkChange changes who belongs to what.
func (m *lessonMaker) linkChange(at time.Time) (c oracle.Change) {
	user := pick(m, m.school.Users[1:]...)
	class := &m.school.Classes[m.IntN(len(m.school.Classes))]
	enrolment := oracle.Enrolment{ClassID: class.ID, StudentID: user.ID}
	switch m.IntN(8) {
	case 0, 1, 2:
		if slices.Contains(m.school.Enrolments, enrolment) {
			c.Gone.Enrolments = []oracle.Enrolment{enrolment}
		} else {
			c.Put.Enrolments = []oracle.Enrolment{enrolment}
		}
	case 3:
		row := *class
		if row.TeacherID = pick(m, "", m.teacher(), m.teacher()); row != *class {
			c.Put.Classes = []oracle.Class{row}
		}
	case 4:
		if parent := m.parent(); slices.Contains(m.school.Parents, parent) {
			c.Gone.Parents = []oracle.Parent{parent}
		} else {
			c.Put.Parents = []oracle.Parent{parent}
		}
	case 5:
		c = m.registrantChange(user)
	case 6:
		if meeting := m.anyMeeting(); meeting.ID != "" && !slices.ContainsFunc(m.school.Keys, func(k oracle.Key) bool { return k.MeetingID == meeting.ID && k.UserID == user.ID }) {
			c.Put.Keys = []oracle.Key{m.key(meeting.ID, user.ID)}
		}
	case 7:
		if meeting := m.anyMeeting(); meeting.ID != "" {
			c.Put.Visits = []oracle.Visit{{MeetingID: meeting.ID, UserID: user.ID, Kind: "opened", At: at.Truncate(time.Minute)}}
			if slices.ContainsFunc(m.school.Visits, func(v oracle.Visit) bool { return asJSON(v) == asJSON(c.Put.Visits[0]) }) {
				return oracle.Change{}
			}
		}
	}
	return c
}

func (m *lessonMaker) anyMeeting() oracle.Meeting {
	if len(m.school.Meetings) == 0 {
		return oracle.Meeting{}
	}
	return pick(m, m.school.Meetings...)
}

// registrantChange registers somebody, gives another id, or takes the registration away.
func (m *lessonMaker) registrantChange(user oracle.User) (c oracle.Change) {
	meeting := m.anyMeeting()
	if meeting.ID == "" {
		return c
	}
	row := oracle.Registrant{MeetingID: meeting.ID, UserID: user.ID, RegistrantID: pick(m, "reg-new", "reg-unknown")}
	if len(m.school.Registrants) > 0 && m.chance(60) {
		row.RegistrantID = pick(m, m.school.Registrants...).RegistrantID
	}
	i := slices.IndexFunc(m.school.Registrants, func(r oracle.Registrant) bool { return r.MeetingID == meeting.ID && r.UserID == user.ID })
	switch {
	case i >= 0 && m.chance(30):
		c.Gone.Registrants = []oracle.Registrant{m.school.Registrants[i]}
	case i < 0 || m.school.Registrants[i] != row:
		c.Put.Registrants = []oracle.Registrant{row}
	}
	return c
}

func (m *lessonMaker) settingsChange(time.Time) (c oracle.Change) {
	policy := m.policy()
	if asJSON(policy) != asJSON(m.settings()) {
		c.Settings = &policy
	}
	return c
}

// settings are the ones in force after the changes so far.
func (m *lessonMaker) settings() oracle.Policy {
	return settingsAfter(m.made.history, len(m.made.history.Changes))
}

func settingsAfter(h oracle.History, changes int) oracle.Policy {
	policy := h.Settings
	for _, change := range h.Changes[:changes] {
		if change.Settings != nil {
			policy = *change.Settings
		}
	}
	return policy
}

// schoolAfter is what the school's tables hold after so many changes.
func schoolAfter(h oracle.History, changes int) oracle.School {
	school := h.Start
	for _, change := range h.Changes[:changes] {
		school = change.Of(school)
	}
	return school
}

// sentence tells a change in a line, for people.
func sentence(c oracle.Change, before oracle.School) string {
	var parts []string
	for _, row := range c.Put.Meetings {
		parts = append(parts, "meeting "+changed(before.Meetings, row, func(m oracle.Meeting) bool { return m.ID == row.ID }))
	}
	for _, row := range c.Put.Users {
		parts = append(parts, "user "+changed(before.Users, row, func(u oracle.User) bool { return u.ID == row.ID }))
	}
	for _, part := range []struct {
		words string
		rows  string
	}{
		{"class", asJSON(c.Put.Classes)}, {"enrol", asJSON(c.Put.Enrolments)}, {"link a parent", asJSON(c.Put.Parents)},
		{"register", asJSON(c.Put.Registrants)}, {"give a key", asJSON(c.Put.Keys)}, {"visit", asJSON(c.Put.Visits)},
		{"delete", asJSON(c.Gone)},
	} {
		if part.rows != "null" && part.rows != "{}" {
			parts = append(parts, part.words+" "+part.rows)
		}
	}
	if c.Settings != nil {
		parts = append(parts, "settings "+asJSON(c.Settings))
	}
	by := ""
	if c.By != "" {
		by = " by " + c.By
	}
	return c.At.UTC().Format(time.RFC3339Nano) + by + ": " + strings.Join(parts, ", ")
}

// changed is what a row has that its former version had not.
func changed[T any](before []T, row T, same func(T) bool) string {
	fields := columns(row)
	if i := slices.IndexFunc(before, same); i >= 0 {
		for name, value := range columns(before[i]) {
			if name != "id" && fmt.Sprint(fields[name]) == fmt.Sprint(value) {
				delete(fields, name)
			} else if _, ok := fields[name]; !ok {
				fields[name] = nil
			}
		}
	}
	return asJSON(fields)
}

// digitsOf is a number without the blanks between its digits.
func digitsOf(number string) string { return strings.ReplaceAll(number, " ", "") }
