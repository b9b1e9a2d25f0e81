package simulate

import (
	"cmp"
	"slices"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// participants is the meeting's rows of zoom_participants: one for each
// person, and those of the app that no fact speaks of.
func (m *heldMeeting) participants(school School) []Participant {
	var rows []Participant
	theirs := map[string]Participant{}
	for _, row := range school.Participants {
		switch {
		case row.MeetingID != m.ID:
		case row.UserID == "":
			rows = append(rows, row) // nobody's: never touched
		default:
			theirs[row.UserID] = row
		}
	}
	for _, v := range m.visits {
		theirs[v.userID] = m.appWord(userByID(school, v.userID)) // whatever its page wrote before
	}
	for _, p := range m.people {
		if p.user != nil {
			delete(theirs, p.user.ID)
		}
		rows = append(rows, m.participant(p))
	}
	for _, row := range theirs {
		rows = append(rows, m.closed(row))
	}
	return rows
}

// participant is the row of a person with segments.
func (m *heldMeeting) participant(all *person) Participant {
	now := all.within(m.latestDay())
	row := Participant{MeetingID: m.ID, Status: "invited"}
	switch {
	case now == nil && all.user != nil && m.cameToLatest(all.user.ID):
		return m.closed(m.appWord(all.user))
	case now == nil && all.user != nil:
		row.UserID, row.Name, row.Email = all.user.ID, all.user.Name, all.user.Email
		return row
	case now == nil:
		row.identify(all)
		return row
	}
	row.identify(now)
	row.JoinTime, row.Status = now.lastJoin(), "joined"
	if !now.here() {
		row.LeaveTime, row.Status = now.lastLeave(), "left"
	}
	if now.settled() { // null until they left once
		seconds := now.seconds()
		row.Duration = &seconds
	}
	return row
}

// identify fills in who the person is, as their segments tell it.
func (row *Participant) identify(p *person) {
	var namedAt, cameAt time.Time
	var key string
	for _, s := range p.segments {
		if s.name != "" && newer(s.namedAt, s.name, namedAt, row.Name) {
			row.Name, namedAt = s.name, s.namedAt
		}
		if newer(s.came(), s.key(), cameAt, key) {
			key, cameAt = s.key(), s.came()
			row.ZoomParticipantID = cmp.Or(s.connection, s.id)
		}
		row.Email = max(row.Email, s.email)
	}
	if p.user != nil {
		row.UserID = p.user.ID
		row.Name = cmp.Or(row.Name, p.user.Name)
		row.Email = cmp.Or(row.Email, p.user.Email)
	}
}

// closed is a row that only the app wrote: the first end after it, on whatever
// day, closes it.
func (m *heldMeeting) closed(row Participant) Participant {
	var end time.Time
	for _, in := range m.instances {
		if in.ended.IsZero() || in.ended.Before(row.JoinTime) {
			continue
		}
		if end.IsZero() || in.ended.Before(end) {
			end = in.ended
		}
	}
	if row.Status == "joined" && !end.IsZero() {
		row.Status, row.LeaveTime = "left", end
	}
	return row
}

// rank orders the verdicts; late and excused have none.
var rank = map[string]int{"": 0, "absent": 1, "partial": 2, "present": 3}

func better(a, b string) string {
	if rank[b] > rank[a] {
		return b
	}
	return a
}

// attendance is the attendance records: what people wrote, and for each
// enrolled student and day of their class the best verdict of its meetings.
func attendance(school School, held []*heldMeeting, policy Policy) []Record {
	status := map[Record]string{} // by student, class and date
	for _, row := range school.Records {
		status[Record{StudentID: row.StudentID, ClassID: row.ClassID, Date: row.Date}] = row.Status
	}
	for _, m := range held {
		for _, enrolment := range school.Enrolments {
			if m.ClassID == "" || enrolment.ClassID != m.ClassID {
				continue
			}
			for _, day := range m.days() {
				record := Record{StudentID: enrolment.StudentID, ClassID: m.ClassID, Date: day}
				if theirs := status[record]; theirs != "late" && theirs != "excused" {
					status[record] = better(theirs, m.verdict(enrolment.StudentID, day, policy))
				}
			}
		}
	}
	var rows []Record
	for row, status := range status {
		if row.Status = status; status != "" {
			rows = append(rows, row)
		}
	}
	return rows
}

func (m *heldMeeting) days() []string {
	var days []string
	for _, in := range m.instances {
		days = append(days, in.day)
	}
	slices.Sort(days)
	return slices.Compact(days)
}

// verdict is what one meeting's day says of one student; empty for nothing yet.
func (m *heldMeeting) verdict(studentID, day string, policy Policy) string {
	var seen *person
	for _, p := range m.people {
		if p.user != nil && p.user.ID == studentID {
			seen = p.within(day)
		}
	}
	var inApp []interval
	if seen == nil && policy.AppJoins == Count {
		inApp = m.appStays(studentID, day)
	}
	switch {
	case len(inApp) > 0:
		return appVerdict(inApp, policy)
	case seen == nil && anyEnded(m.on(day)):
		return "absent"
	case seen == nil || !seen.settled():
		return ""
	case seen.seconds() >= policy.MinMinutes*60:
		return "present"
	default:
		return "partial"
	}
}

// appVerdict is what the app's word alone says; empty while all of it goes on.
func appVerdict(stays []interval, policy Policy) string {
	switch {
	case !slices.ContainsFunc(stays, func(stay interval) bool { return !stay.to.IsZero() }):
		return ""
	case lengthOf(stays) >= policy.MinMinutes*60:
		return "present"
	}
	return "partial"
}

// settled: they left once, or a run that they were in is over.
func (p *person) settled() bool {
	for _, s := range p.segments {
		left := slices.ContainsFunc(s.marks, func(m mark) bool { return m.kind == zoom.Left })
		if left || !s.in.ended.IsZero() {
			return true
		}
	}
	return false
}

func anyEnded(instances []*instance) bool {
	return slices.ContainsFunc(instances, func(in *instance) bool { return !in.ended.IsZero() })
}
