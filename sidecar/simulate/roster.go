package simulate

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"zoom-attendance/sidecar/oracle"
)

// stage is a meeting ready to be played: who is expected, and, where the
// project can be read, what its rows say before.
type stage struct {
	roster Roster
	school oracle.School // of this meeting alone; no meetings without the project
}

// meetingRow is what is read of a meeting.
type meetingRow struct {
	oracle.Meeting
	Host  *oracle.User `json:"host"`
	Class *struct {
		oracle.Class
		Teacher *oracle.User `json:"teacher"`
	} `json:"class"`
}

// userRow is what is read of a user.
type userRow struct {
	oracle.User
	IsActive *bool `json:"is_active"`
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
		"id,zoom_meeting_id,title,meeting_type,start_time,duration,timezone,host_id,class_id,status,join_url,settings,created_at,"+
			"host:users(id,email,name,role),class:classes(id,teacher_id,teacher:users(id,email,name,role))", "zoom_meeting_id", "eq."+number)
	if err != nil {
		return stage{}, err
	}
	if len(meetings) == 0 {
		return stage{}, fmt.Errorf("the project has no meeting %s: load supabase/seed.sql, or name another with --meeting", number)
	}
	meeting := meetings[0]
	s := stage{school: oracle.School{Meetings: []oracle.Meeting{meeting.Meeting}}}
	s.know(meeting.Host)
	if meeting.Class != nil {
		s.school.Classes = append(s.school.Classes, meeting.Class.Class)
		s.know(meeting.Class.Teacher)
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

func (s *stage) readClass(ctx context.Context, db *database, meeting oracle.Meeting) error {
	registrants, err := rowsOf[struct {
		oracle.Registrant
		User *userRow `json:"user"`
	}](ctx, db, "meeting_registrants", "meeting_id,user_id,zoom_registrant_id,user:users(id,email,name,role,is_active)", "meeting_id", "eq."+meeting.ID)
	if err != nil {
		return err
	}
	for _, row := range registrants {
		s.school.Registrants = append(s.school.Registrants, row.Registrant)
		s.know(row.User.known())
	}
	if meeting.ClassID == "" {
		return nil
	}
	enrolments, err := rowsOf[struct {
		oracle.Enrolment
		User *userRow `json:"user"`
	}](ctx, db, "class_students", "class_id,student_id,user:users(id,email,name,role,is_active)", "class_id", "eq."+meeting.ClassID)
	if err != nil {
		return err
	}
	for _, row := range enrolments {
		s.school.Enrolments = append(s.school.Enrolments, row.Enrolment)
		s.know(row.User.known())
	}
	return nil
}

// known is the user as the model knows them; nil for none.
func (u *userRow) known() *oracle.User {
	if u == nil {
		return nil
	}
	u.Inactive = u.IsActive != nil && !*u.IsActive
	return &u.User
}

func (s *stage) know(user *oracle.User) {
	if user != nil && s.school.User(user.ID) == nil {
		s.school.Users = append(s.school.Users, *user)
	}
}

func readParticipants(ctx context.Context, db *database, meetingID string) ([]oracle.Participant, error) {
	return rowsOf[oracle.Participant](ctx, db, "zoom_participants",
		"meeting_id,user_id,zoom_participant_id,name,email,join_time,leave_time,duration,status", "meeting_id", "eq."+meetingID)
}

func readRecords(ctx context.Context, db *database, classID string) ([]oracle.Record, error) {
	if classID == "" {
		return nil, nil
	}
	return rowsOf[oracle.Record](ctx, db, "attendance_records", "student_id,class_id,date,status", "class_id", "eq."+classID)
}

// newRoster is the students of the meeting's class, and its host. Zoom names
// those who registered by their registration, and the others by their e-mail.
func newRoster(meeting meetingRow, school oracle.School) Roster {
	roster := Roster{Number: meeting.Number, Topic: meeting.Title + " 📐", Type: meeting.Type, Timezone: meeting.Timezone}
	if meeting.Host != nil {
		roster.Host = Attendee{Name: meeting.Host.Name, Email: meeting.Host.Email}
	}
	registered := map[string]string{}
	for _, row := range school.Registrants {
		registered[row.UserID] = row.RegistrantID
	}
	// By id, so that a seed makes the same lesson in every copy of the school.
	enrolments := slices.SortedFunc(slices.Values(school.Enrolments), func(a, b oracle.Enrolment) int { return strings.Compare(a.StudentID, b.StudentID) })
	for _, enrolment := range enrolments {
		user := school.User(enrolment.StudentID)
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
