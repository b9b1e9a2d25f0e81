package simulate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// early is how long before a run a student may come through the app for it.
const early = 30 * time.Minute

// What the app's word is worth for attendance: Policy.AppJoins.
const (
	Corroborate = "corroborate" // it makes a name somebody; the default
	Count       = "count"       // and counts where Zoom saw nothing
	Ignore      = "ignore"
)

// visit is what the app saw of a user: that they joined or left.
type visit struct {
	userID string
	mark
}

// visitsOf gathers what the app saw at a meeting: by time, each once.
func visitsOf(meeting string, facts []zoom.Fact) []visit {
	var visits []visit
	for _, fact := range facts {
		if fact.Meeting == meeting && fact.User != "" {
			kind := zoom.Joined
			if fact.Kind == zoom.AppLeft {
				kind = zoom.Left
			}
			visits = append(visits, visit{fact.User, mark{fact.At, kind}})
		}
	}
	slices.SortFunc(visits, func(a, b visit) int {
		return cmp.Or(strings.Compare(a.userID, b.userID), a.at.Compare(b.at), strings.Compare(string(a.kind), string(b.kind)))
	})
	return slices.CompactFunc(visits, func(a, b visit) bool { return a.userID == b.userID && a.kind == b.kind && a.at.Equal(b.at) })
}

func (m *heldMeeting) visitsBy(userID string) []visit {
	var theirs []visit
	for _, v := range m.visits {
		if v.userID == userID {
			theirs = append(theirs, v)
		}
	}
	return theirs
}

// cameFor says whether the visit is a coming that a run may be the reason of.
func (v visit) cameFor(in *instance) bool {
	return v.kind == zoom.Joined && !v.at.Before(in.start.Add(-early)) && (in.ended.IsZero() || !v.at.After(in.ended))
}

// appWord is the row as the app's page would have written it.
func (m *heldMeeting) appWord(user *User) Participant {
	row := Participant{MeetingID: m.ID, UserID: user.ID, Name: user.Name, Email: user.Email}
	for _, v := range m.visitsBy(user.ID) {
		row.Status, row.LeaveTime = string(v.kind), time.Time{}
		if v.kind == zoom.Joined {
			row.JoinTime = v.at
		} else {
			row.LeaveTime = v.at
		}
	}
	return row
}

// cameToLatest says whether the app saw the user come to the latest occurrence,
// or later.
func (m *heldMeeting) cameToLatest(userID string) bool {
	runs := m.on(m.latestDay())
	first := slices.MinFunc(runs, func(a, b *instance) int { return a.start.Compare(b.start) }).start
	return slices.ContainsFunc(m.visitsBy(userID), func(v visit) bool {
		return v.kind == zoom.Joined && !v.at.Before(first.Add(-early))
	})
}

// named is the student whose name the connection last showed, if it showed no
// key, only one of the class has the name, and the app saw that one come; else nil.
func (m *heldMeeting) named(in *instance, segments []*segment, school School) *User {
	var name string
	var at time.Time
	for _, s := range segments {
		if s.customerKey != "" {
			return nil
		}
		if s.name != "" && newer(s.namedAt, s.name, at, name) {
			name, at = s.name, s.namedAt
		}
	}
	var namesakes []*User
	for _, enrolment := range school.Enrolments {
		user := userByID(school, enrolment.StudentID)
		if name != "" && m.ClassID != "" && enrolment.ClassID == m.ClassID &&
			strings.EqualFold(strings.Trim(user.Name, " "), strings.Trim(name, " ")) {
			namesakes = append(namesakes, user)
		}
	}
	if len(namesakes) != 1 || !slices.ContainsFunc(m.visitsBy(namesakes[0].ID), func(v visit) bool { return v.cameFor(in) }) {
		return nil
	}
	return namesakes[0]
}

// appStays are the times that the app says a user was in the runs of a day,
// clipped to them.
func (m *heldMeeting) appStays(userID, day string) []interval {
	var stays []interval
	visits := m.visitsBy(userID)
	for _, in := range m.on(day) {
		for i, v := range visits {
			if !v.cameFor(in) {
				continue
			}
			stay := interval{from: later(v.at, in.start), to: in.ended}
			if i+1 < len(visits) && (stay.to.IsZero() || visits[i+1].at.Before(stay.to)) {
				stay.to = visits[i+1].at
			}
			if stay.to.IsZero() || stay.to.After(stay.from) {
				stays = append(stays, stay)
			}
		}
	}
	return stays
}
