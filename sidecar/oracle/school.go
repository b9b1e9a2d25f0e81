package oracle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// School is what the database holds at one moment: the rows the app owns, and the
// rows the app or people wrote where the sidecar writes too. An empty text, the zero
// time and a nil number are null.
type School struct {
	Users        []User        `json:"users,omitempty"`
	Classes      []Class       `json:"classes,omitempty"` // those that a teacher is known of
	Meetings     []Meeting     `json:"meetings,omitempty"`
	Registrants  []Registrant  `json:"registrants,omitempty"`
	Parents      []Parent      `json:"parents,omitempty"`
	Keys         []Key         `json:"keys,omitempty"`
	Enrolments   []Enrolment   `json:"enrolments,omitempty"`
	Visits       []Visit       `json:"visits,omitempty"`
	Participants []Participant `json:"participants,omitempty"` // written by the app
	Records      []Record      `json:"records,omitempty"`      // written by people before we said anything
}

// User is a row of users.
type User struct {
	ID       string `json:"id"`
	Email    string `json:"email"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	Inactive bool   `json:"inactive,omitempty"` // not is_active

	staffName string // as staff last wrote it
	isHeld    bool   // the address counts for nobody yet: another user had it before
}

// Class is a row of classes.
type Class struct {
	ID        string `json:"id"`
	TeacherID string `json:"teacher_id,omitempty"`
}

// Meeting is a row of zoom_meetings. Its status is what people last wrote there.
type Meeting struct {
	ID        string    `json:"id"`
	Number    string    `json:"zoom_meeting_id"`
	Title     string    `json:"title"`
	Type      string    `json:"meeting_type,omitempty"` // scheduled, recurring or instant
	StartTime time.Time `json:"start_time"`             // as planned
	Duration  int       `json:"duration,omitempty"`     // in minutes; 0: not told
	Timezone  string    `json:"timezone,omitempty"`
	HostID    string    `json:"host_id,omitempty"`
	ClassID   string    `json:"class_id,omitempty"`
	Status    string    `json:"status"`
	JoinURL   string    `json:"join_url,omitempty"`
	Settings  Settings  `json:"settings,omitzero"`
	CreatedAt time.Time `json:"created_at,omitzero"`

	confirmed bool // its class was written by an admin or outside a user's session
}

// Settings is the part of a meeting's settings that decides something.
type Settings struct {
	UsePMI bool `json:"use_pmi,omitempty"`
}

// Registrant is a row of meeting_registrants.
type Registrant struct {
	MeetingID    string `json:"meeting_id"`
	UserID       string `json:"user_id"`
	RegistrantID string `json:"zoom_registrant_id,omitempty"`
}

// Parent is a row of parent_children.
type Parent struct {
	ParentID  string `json:"parent_id"`
	StudentID string `json:"student_id"`
}

// Key is a row of zoom.keys: what the meeting room gave a user.
type Key struct {
	CustomerKey string `json:"customer_key"`
	MeetingID   string `json:"meeting_id"`
	UserID      string `json:"user_id"`
}

// Enrolment is a row of class_students.
type Enrolment struct {
	ClassID   string `json:"class_id"`
	StudentID string `json:"student_id"`
}

// Visit is a row of zoom.visits: what the server saw a user do on a meeting's page. The
// facts of kinds app_joined and app_left are visits too.
type Visit struct {
	MeetingID string    `json:"meeting_id"`
	UserID    string    `json:"user_id"`
	At        time.Time `json:"at"`
	Kind      string    `json:"kind"` // opened, joined or left
}

// Participant is a row of zoom_participants. Duration is in seconds.
type Participant struct {
	MeetingID         string    `json:"meeting_id"`
	UserID            string    `json:"user_id,omitempty"`
	ZoomParticipantID string    `json:"zoom_participant_id,omitempty"`
	Name              string    `json:"name,omitempty"`
	Email             string    `json:"email,omitempty"`
	JoinTime          time.Time `json:"join_time,omitzero"`
	LeaveTime         time.Time `json:"leave_time,omitzero"`
	Duration          *int      `json:"duration,omitempty"`
	Status            string    `json:"status"` // invited, joined or left
}

// Record is a row of attendance_records. Date is written YYYY-MM-DD.
type Record struct {
	StudentID string `json:"student_id"`
	ClassID   string `json:"class_id"`
	Date      string `json:"date"`
	Status    string `json:"status"` // absent, partial, present, late or excused
}

// Policy is the second argument of apply_zoom_events.
type Policy struct {
	MinMinutes        int    `json:"min_minutes"`
	Timezone          string `json:"timezone"`                      // a zone's name, or "meeting"
	AppJoins          string `json:"app_joins,omitempty"`           // Corroborate (the default), Count or Ignore
	PlanMarginMinutes *int   `json:"plan_margin_minutes,omitempty"` // nil: 60
}

// What the app's word is worth for attendance: Policy.AppJoins.
const (
	Corroborate = "corroborate" // it makes a name somebody; the default
	Count       = "count"       // and counts where Zoom saw nothing
	Ignore      = "ignore"
)

func (p Policy) margin() time.Duration {
	if p.PlanMarginMinutes == nil {
		return time.Hour
	}
	return time.Duration(*p.PlanMarginMinutes) * time.Minute
}

// Rows is what the public tables say: the part of them that facts decide.
type Rows struct {
	Status       map[string]string // of each meeting, by its id
	Participants []Participant
	Records      []Record
}

// RowsOf reads rows as the database writes them in JSON: an object of each
// meeting's status by its id, an array of participants, an array of records.
func RowsOf(status, participants, records []byte) (rows Rows, err error) {
	for _, part := range []struct {
		json []byte
		into any
	}{{status, &rows.Status}, {participants, &rows.Participants}, {records, &rows.Records}} {
		if err := json.Unmarshal(part.json, part.into); err != nil {
			return Rows{}, fmt.Errorf("read the rows: %w", err)
		}
	}
	return rows, nil
}

// Lines writes the rows one a line, sorted, so that two lots of rows are the
// same when their lines are, and a difference can be read.
func (r Rows) Lines() []string {
	var lines []string
	for id, status := range r.Status {
		lines = append(lines, fmt.Sprintf("meeting %s is %s", id, status))
	}
	for _, p := range r.Participants {
		lines = append(lines, p.String())
	}
	for _, record := range r.Records {
		lines = append(lines, record.String())
	}
	slices.Sort(lines)
	return lines
}

// String tells the whole row in one line.
func (p Participant) String() string {
	duration := "null"
	if p.Duration != nil {
		duration = fmt.Sprint(*p.Duration)
	}
	return fmt.Sprintf("participant of %s: user %s, %s, joined %s, left %s, %s s, connection %s, name %q, email %q",
		p.MeetingID, cmp.Or(p.UserID, "null"), p.Status, Clock(p.JoinTime), Clock(p.LeaveTime), duration,
		cmp.Or(p.ZoomParticipantID, "null"), p.Name, p.Email)
}

// String tells the whole row in one line.
func (r Record) String() string {
	return fmt.Sprintf("attendance of %s in %s on %s: %s", r.StudentID, r.ClassID, r.Date, r.Status)
}

// Sentence tells one fact in one line, for people.
func Sentence(f zoom.Fact) string {
	line := fmt.Sprintf("%-7s %s %s %s", f.Kind, f.Meeting, f.Instance, Clock(f.At))
	for _, part := range []struct{ label, value string }{
		{"start", Clock(f.Start)}, {"accepted", Clock(f.Accepted)}, {"body", f.BodyHash}, {"host", f.HostID}, {"host's email", f.HostEmail},
		{"segment", f.Segment}, {"connection", f.Connection}, {"account", f.ZoomUserID}, {"participant", f.ParticipantID},
		{"key", f.CustomerKey}, {"registrant", f.RegistrantID}, {"email", f.Email}, {"name", f.Name}, {"user", f.User},
	} {
		if part.value != "" && part.value != "null" {
			line += " " + part.label + " " + part.value
		}
	}
	return line
}

// Clock is an instant in words, "null" for none.
func Clock(t time.Time) string {
	if t.IsZero() {
		return "null"
	}
	return t.UTC().Format(time.RFC3339)
}
