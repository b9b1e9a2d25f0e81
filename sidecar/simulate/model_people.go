package simulate

import (
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// longest is Zoom's own cap on a meeting: an interval beyond it is a mistake.
const longest = 30 * time.Hour

// person is a matched user, else one connection of one instance.
type person struct {
	user     *User // nil for a guest
	segments []*segment
}

// peopleOf matches each connection of each instance, and puts the connections
// of one user together.
func peopleOf(m *heldMeeting, school School, policy Policy) []*person {
	var people []*person
	users := map[string]*person{}
	for _, in := range m.instances {
		for _, segments := range connections(in) {
			user := match(m.ID, segments, school)
			if user == nil && policy.AppJoins != Ignore {
				user = m.named(in, segments, school)
			}
			if user != nil && users[user.ID] != nil {
				users[user.ID].segments = append(users[user.ID].segments, segments...)
				continue
			}
			who := &person{user: user, segments: segments}
			people = append(people, who)
			if user != nil {
				users[user.ID] = who
			}
		}
	}
	return people
}

func connections(in *instance) map[string][]*segment {
	byKey := map[string][]*segment{}
	for _, s := range in.segments {
		byKey[s.key()] = append(byKey[s.key()], s)
	}
	return byKey
}

// match finds whose connection it is: by a key we issued, else by registration,
// else by e-mail; of several that one rung names the least id; nil for nobody.
func match(meetingID string, segments []*segment, school School) *User {
	var keyed, registered, mailed []string
	for _, s := range segments {
		for _, k := range school.Keys {
			if k.MeetingID == meetingID && k.CustomerKey == s.customerKey {
				keyed = append(keyed, k.UserID)
			}
		}
		for _, r := range school.Registrants {
			if r.MeetingID == meetingID && s.registrant != "" && r.RegistrantID == s.registrant {
				registered = append(registered, r.UserID)
			}
		}
		if owner := ownerOf(s.email, school); owner != "" {
			mailed = append(mailed, owner)
		}
	}
	for _, rung := range [][]string{keyed, registered, mailed} {
		if len(rung) > 0 {
			return userByID(school, slices.Min(rung))
		}
	}
	return nil
}

// ownerOf is the id of the user with this e-mail: the one who spells it so,
// else the only one who has it in any case; empty for nobody, and for a tie.
func ownerOf(email string, school School) string {
	email = strings.Trim(email, " ")
	var exact, similar []string
	for _, u := range school.Users {
		switch theirs := strings.Trim(u.Email, " "); {
		case email == "":
		case theirs == email:
			exact = append(exact, u.ID)
			fallthrough
		case strings.EqualFold(theirs, email):
			similar = append(similar, u.ID)
		}
	}
	switch {
	case len(exact) == 1:
		return exact[0]
	case len(similar) == 1:
		return similar[0]
	}
	return ""
}

func userByID(school School, id string) *User {
	for i := range school.Users {
		if school.Users[i].ID == id {
			return &school.Users[i]
		}
	}
	return nil
}

// within keeps the person's segments of one day; nil where they have none.
func (p *person) within(day string) *person {
	var those []*segment
	for _, s := range p.segments {
		if s.in.day == day {
			those = append(those, s)
		}
	}
	if len(those) == 0 {
		return nil
	}
	return &person{user: p.user, segments: those}
}

// interval is a stay: from a joined to the next mark, else to the end.
type interval struct {
	from, to time.Time // to is zero while it is open
	byEnd    bool      // the instance's end closed it
}

func (s *segment) intervals() []interval {
	var stays []interval
	for i, m := range s.marks {
		if m.kind != zoom.Joined {
			continue
		}
		stay := interval{from: m.at}
		if i+1 < len(s.marks) {
			stay.to = s.marks[i+1].at
		} else if !s.in.ended.IsZero() {
			stay.to, stay.byEnd = later(m.at, s.in.ended), true
		}
		stays = append(stays, stay)
	}
	return stays
}

// seconds is the time during which at least one of the stays was going on.
func (p *person) seconds() int {
	var stays []interval
	for _, s := range p.segments {
		for _, stay := range s.intervals() {
			if stay.to.Sub(stay.from) <= longest {
				stays = append(stays, stay)
			}
		}
	}
	return lengthOf(stays)
}

// lengthOf is the length in seconds of the union of those stays that are over.
func lengthOf(stays []interval) int {
	stays = slices.DeleteFunc(stays, func(stay interval) bool { return stay.to.IsZero() })
	slices.SortFunc(stays, func(a, b interval) int { return a.from.Compare(b.from) })
	var total time.Duration
	var covered time.Time
	for _, stay := range stays {
		if from := later(stay.from, covered); stay.to.After(from) {
			total += stay.to.Sub(from)
		}
		covered = later(covered, stay.to)
	}
	return int(total / time.Second)
}

// here tells whether any stay is still open.
func (p *person) here() bool {
	for _, s := range p.segments {
		for _, stay := range s.intervals() {
			if stay.to.IsZero() {
				return true
			}
		}
	}
	return false
}

func (p *person) lastJoin() (at time.Time) {
	for _, s := range p.segments {
		for _, m := range s.marks {
			if m.kind == zoom.Joined {
				at = later(at, m.at)
			}
		}
	}
	return at
}

// lastLeave is the latest left, or the latest stay that an end closed.
func (p *person) lastLeave() (at time.Time) {
	for _, s := range p.segments {
		for _, m := range s.marks {
			if m.kind == zoom.Left {
				at = later(at, m.at)
			}
		}
		for _, stay := range s.intervals() {
			if stay.byEnd {
				at = later(at, stay.to)
			}
		}
	}
	return at
}
