package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// stage is a meeting ready to be played: who is expected, and, where the
// project can be read, what its rows say before.
type stage struct {
	roster Roster
	school School // of this meeting alone; no meetings without the project
}

// meetingRow is what is read of a meeting.
type meetingRow struct {
	Meeting
	Host *User `json:"host"`
}

// inventedStage is a meeting without a project to read from: whoever comes is
// made up.
func inventedStage(number string, size int) stage {
	roster := Roster{Number: number, Topic: "A lesson 📐", Type: "recurring", Timezone: "UTC"}
	for i := range size {
		roster.Attendees = append(roster.Attendees, Attendee{
			Name: fmt.Sprintf("Student %d", i+1), Email: fmt.Sprintf("student%d@school.test", i+1)})
	}
	return stage{roster: roster}
}

// readStage reads a meeting, its class, its registrants and what is recorded of
// them already.
func readStage(ctx context.Context, db *database, number string) (stage, error) {
	meetings, err := rowsOf[meetingRow](ctx, db, "zoom_meetings",
		"id,zoom_meeting_id,title,meeting_type,start_time,timezone,class_id,status,host:users(id,email,name,role)", "zoom_meeting_id", "eq."+number)
	if err != nil {
		return stage{}, err
	}
	if len(meetings) == 0 {
		return stage{}, fmt.Errorf("the project has no meeting %s: load supabase/seed.sql, or name another with --meeting", number)
	}
	meeting := meetings[0]
	s := stage{school: School{Meetings: []Meeting{meeting.Meeting}}}
	if meeting.Host != nil {
		s.school.Users = append(s.school.Users, *meeting.Host)
	}
	if err := s.readClass(ctx, db, meeting.Meeting); err != nil {
		return stage{}, err
	}
	if s.school.Participants, err = readParticipants(ctx, db, meeting.ID); err != nil {
		return stage{}, err
	}
	if s.school.Records, err = readRecords(ctx, db, meeting.ClassID); err != nil {
		return stage{}, err
	}
	s.roster = newRoster(meeting, s.school)
	return s, nil
}

func (s *stage) readClass(ctx context.Context, db *database, meeting Meeting) error {
	registrants, err := rowsOf[struct {
		Registrant
		User *User `json:"user"`
	}](ctx, db, "meeting_registrants", "meeting_id,user_id,zoom_registrant_id,user:users(id,email,name,role)", "meeting_id", "eq."+meeting.ID)
	if err != nil {
		return err
	}
	for _, row := range registrants {
		s.school.Registrants = append(s.school.Registrants, row.Registrant)
		s.know(row.User)
	}
	if meeting.ClassID == "" {
		return nil
	}
	enrolments, err := rowsOf[struct {
		Enrolment
		User *User `json:"user"`
	}](ctx, db, "class_students", "class_id,student_id,user:users(id,email,name,role)", "class_id", "eq."+meeting.ClassID)
	if err != nil {
		return err
	}
	for _, row := range enrolments {
		s.school.Enrolments = append(s.school.Enrolments, row.Enrolment)
		s.know(row.User)
	}
	return nil
}

func (s *stage) know(user *User) {
	if user != nil && userByID(s.school, user.ID) == nil {
		s.school.Users = append(s.school.Users, *user)
	}
}

func readParticipants(ctx context.Context, db *database, meetingID string) ([]Participant, error) {
	return rowsOf[Participant](ctx, db, "zoom_participants",
		"meeting_id,user_id,zoom_participant_id,name,email,join_time,leave_time,duration,status", "meeting_id", "eq."+meetingID)
}

func readRecords(ctx context.Context, db *database, classID string) ([]Record, error) {
	if classID == "" {
		return nil, nil
	}
	return rowsOf[Record](ctx, db, "attendance_records", "student_id,class_id,date,status", "class_id", "eq."+classID)
}

// newRoster is the students of the meeting's class, and its host. Zoom names
// those who registered by their registration, and the others by their e-mail.
func newRoster(meeting meetingRow, school School) Roster {
	roster := Roster{Number: meeting.Number, Topic: meeting.Title + " 📐", Type: meeting.Type, Timezone: meeting.Timezone}
	if meeting.Host != nil {
		roster.Host = Attendee{Name: meeting.Host.Name, Email: meeting.Host.Email}
	}
	registered := map[string]string{}
	for _, row := range school.Registrants {
		registered[row.UserID] = row.RegistrantID
	}
	// By id, so that a seed makes the same lesson in every copy of the school.
	enrolments := slices.SortedFunc(slices.Values(school.Enrolments), func(a, b Enrolment) int { return strings.Compare(a.StudentID, b.StudentID) })
	for _, enrolment := range enrolments {
		user := userByID(school, enrolment.StudentID)
		if user == nil {
			continue
		}
		who := Attendee{Name: user.Name, RegistrantID: registered[user.ID]}
		if who.RegistrantID == "" {
			who.Email = user.Email
		}
		roster.Attendees = append(roster.Attendees, who)
	}
	return roster
}
