package oracle

import (
	"cmp"
	"slices"
	"time"
)

// participants are the meeting's rows of zoom_participants: one for each person, and
// those of the app that no fact speaks of.
func (m *held) participants(t *timeline) []Participant {
	now := t.now()
	var rows []Participant
	theirs := map[string]Participant{}
	for _, row := range now.Participants {
		switch {
		case row.MeetingID != m.id:
		case row.UserID == "":
			rows = append(rows, row) // nobody's: never touched
		default:
			theirs[row.UserID] = row
		}
	}
	for _, v := range m.visits {
		if v.Kind != "opened" && now.User(v.UserID) != nil {
			theirs[v.UserID] = m.appWord(t, v.UserID) // whatever its page wrote before
		}
	}
	shown := m.shown()
	for userID, connections := range m.users() {
		if now.User(userID) == nil {
			continue
		}
		delete(theirs, userID)
		rows = append(rows, m.userRow(t, userID, connections, shown))
	}
	for _, c := range m.guests() {
		rows = append(rows, m.guestRow(c, shown))
	}
	for _, row := range theirs {
		rows = append(rows, m.closed(row))
	}
	return rows
}

// shown are the runs that the rows show: those of the lesson that the newest run
// belongs to, or that run alone if it belongs to none.
func (m *held) shown() []*run {
	if len(m.runs) == 0 {
		return nil
	}
	newest := m.runs[len(m.runs)-1]
	if newest.lesson == nil {
		return []*run{newest}
	}
	return newest.lesson.runs
}

// users are the connections of each user who was ever in the meeting.
func (m *held) users() map[string][]*connection {
	users := map[string][]*connection{}
	for _, r := range m.runs {
		for _, c := range r.connections {
			if c.userID != "" {
				users[c.userID] = append(users[c.userID], c)
			}
		}
	}
	return users
}

func (m *held) guests() (guests []*connection) {
	for _, r := range m.runs {
		for _, c := range r.connections {
			if c.userID == "" {
				guests = append(guests, c)
			}
		}
	}
	return guests
}

// userRow shows where a user was, by default under the name and the address that they
// had when it began; who was seen in earlier runs only is invited again.
func (m *held) userRow(t *timeline, userID string, connections []*connection, shown []*run) Participant {
	user := t.asOf(since(shown)).User(userID)
	there := among(connections, shown)
	if len(there) == 0 && m.cameSince(shown, userID) {
		return m.closed(m.appWord(t, userID))
	}
	row := Participant{MeetingID: m.id, UserID: userID, Status: "invited"}
	if len(there) > 0 {
		row.show(there)
	}
	row.Name = cmp.Or(ownName(user, there), row.Name, user.Name)
	row.Email = cmp.Or(row.Email, user.Email)
	return row
}

func (m *held) guestRow(c *connection, shown []*run) Participant {
	row := Participant{MeetingID: m.id}
	row.show([]*connection{c})
	if len(among([]*connection{c}, shown)) == 0 {
		row.Status, row.JoinTime, row.LeaveTime, row.Duration = "invited", time.Time{}, time.Time{}, nil
	}
	return row
}

func among(connections []*connection, runs []*run) (those []*connection) {
	for _, c := range connections {
		if slices.Contains(runs, c.in) {
			those = append(those, c)
		}
	}
	return those
}

// show fills in the times, the length and who it was, as Zoom told them.
func (row *Participant) show(connections []*connection) {
	row.Status = "joined"
	for _, at := range joins(connections) {
		row.JoinTime = later(row.JoinTime, at)
	}
	if !slices.ContainsFunc(allStays(connections), interval.isOpen) {
		row.Status, row.LeaveTime = "left", lastLeave(connections)
	}
	if len(leaves(connections)) > 0 || slices.ContainsFunc(allStays(connections), func(i interval) bool { return i.byEnd }) {
		seconds := secondsOf(stays(connections))
		row.Duration = &seconds
	}
	row.Name = newestName(connections)
	var newest time.Time
	for _, c := range connections {
		for _, address := range c.emails() {
			row.Email = max(row.Email, address)
		}
		for _, s := range c.segments {
			if cmp.Or(s.came().Compare(newest), cmp.Compare(s.id, row.ZoomParticipantID)) > 0 {
				newest, row.ZoomParticipantID = s.came(), s.id
			}
		}
	}
}

// ownName is the user's own name as they showed it, in any case; empty where they
// showed others only.
func ownName(user *User, connections []*connection) string {
	return newestNameOf(connections, func(name string) bool { return foldName(name) == foldName(user.Name) })
}

// lastLeave is the latest leave, or the latest stay that an end closed.
func lastLeave(connections []*connection) (at time.Time) {
	for _, left := range leaves(connections) {
		at = later(at, left)
	}
	for _, stay := range allStays(connections) {
		if stay.byEnd {
			at = later(at, stay.to)
		}
	}
	return at
}

// came is when the segment last began. One that only ever left stands far behind all
// that joined, by when it left.
func (s *segment) came() time.Time {
	for _, m := range slices.Backward(s.marks) {
		if m.kind == "joined" {
			return m.at
		}
	}
	return s.marks[len(s.marks)-1].at.AddDate(-1000, 0, 0)
}

// since is when the first of some runs began.
func since(runs []*run) time.Time { return slices.MinFunc(runs, olderRun).begin }

// appWord is the row as the app's page would have written it, under the name and the
// address that the user had.
func (m *held) appWord(t *timeline, userID string) Participant {
	row := Participant{MeetingID: m.id, UserID: userID}
	for _, v := range m.visitsBy(userID) {
		if user := t.asOf(v.At).User(userID); user != nil {
			row.Name, row.Email = user.Name, user.Email
		}
		row.Status, row.LeaveTime = v.Kind, time.Time{}
		if v.Kind == "joined" {
			row.JoinTime = v.At
		} else {
			row.LeaveTime = v.At
		}
	}
	return row
}

// cameSince: the app saw the user come to what is shown, or later.
func (m *held) cameSince(shown []*run, userID string) bool {
	first := since(shown)
	return slices.ContainsFunc(m.visitsBy(userID), func(v Visit) bool {
		return v.Kind == "joined" && !v.At.Before(first.Add(-early))
	})
}

// closed is a row that only the app wrote: the first end after it closes it, with the
// time from its coming.
func (m *held) closed(row Participant) Participant {
	if row.Status != "joined" {
		return row
	}
	for _, r := range m.runs {
		if r.isOver && !r.end.Before(row.JoinTime) && (row.LeaveTime.IsZero() || r.end.Before(row.LeaveTime)) {
			row.Status, row.LeaveTime = "left", r.end
		}
	}
	if row.Status == "left" && !row.JoinTime.IsZero() {
		seconds := int(row.LeaveTime.Sub(row.JoinTime) / time.Second)
		row.Duration = &seconds
	}
	return row
}

// visitsBy are the comings and goings of a user that the app saw, by time.
func (m *held) visitsBy(userID string) []Visit {
	var theirs []Visit
	for _, v := range m.visits {
		if v.UserID == userID && v.Kind != "opened" {
			theirs = append(theirs, v)
		}
	}
	return theirs
}
