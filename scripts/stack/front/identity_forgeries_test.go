package front_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/simulate"
)

const (
	colleague = "k.lindqvist@school.test" // a teacher who does not teach 7b
	classmate = "aiko.sato@school.test"   // of 7b, too
)

// as sends a request to the Data API in somebody's session, as a page of the app
// would, and returns the status and what was said.
func (s *school) as(token, method, path, body string) (status int, said string) {
	s.t.Helper()
	address := s.URL + "/rest/v1/" + path + "?select=id"
	if strings.Contains(path, "?") {
		address = s.URL + "/rest/v1/" + path + "&select=id"
	}
	request, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	require.NoError(s.t, err)
	for name, value := range map[string]string{
		"apikey": s.PublishableKey, "Authorization": "Bearer " + token, "Content-Type": "application/json",
		"Prefer": "return=representation",
	} {
		request.Header.Set(name, value)
	}
	if strings.Contains(path, "on_conflict") {
		request.Header.Add("Prefer", "resolution=merge-duplicates")
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	return response.StatusCode, string(text)
}

// does is a request that has to change one row.
func (s *school) does(email, method, path, body string) {
	s.t.Helper()
	status, said := s.as(s.token(email), method, path, body)
	require.Less(s.t, status, 300, said)
	var rows []json.RawMessage
	require.NoError(s.t, json.Unmarshal([]byte(said), &rows))
	require.Len(s.t, rows, 1, said)
}

// refused is a request that is refused with 42501 and a sentence about a column.
func (s *school) refused(token, method, path, body, about string) {
	s.t.Helper()
	status, said := s.as(token, method, path, body)
	require.Equal(s.t, http.StatusForbidden, status, said)
	var refusal struct{ Code, Message string }
	require.NoError(s.t, json.Unmarshal([]byte(said), &refusal), said)
	require.Equal(s.t, "42501", refusal.Code)
	require.Contains(s.t, refusal.Message, about)
}

// appLetsPeopleWriteUsers is what the app has, and an empty project has not.
const appLetsPeopleWriteUsers = `
	grant insert, update on users to authenticated;
	create policy "people change themselves" on users for update to authenticated using (id = auth.uid());
	create policy "people sign up" on users for insert to authenticated with check (id = auth.uid())`

// run is one run of a meeting, told by hand.
type run struct {
	s      *school
	number string
	uuid   string
	start  time.Time
}

func (s *school) run(number string) run {
	return run{s, number, simulate.NewInstance(), time.Now().UTC().Add(-time.Hour).Truncate(time.Second)}
}

// tells posts one event; person is the JSON of the participant's own fields.
func (r run) tells(event string, after time.Duration, person string) {
	r.s.t.Helper()
	at := r.start.Add(after)
	field := map[string]string{"meeting.participant_joined": "join_time", "meeting.participant_left": "leave_time"}[event]
	object := fmt.Sprintf(`"id":%q,"uuid":%q,"start_time":%q,"host_email":%q`, r.number, r.uuid, r.start.Format(time.RFC3339), teacher)
	if field != "" {
		object += fmt.Sprintf(`,"participant":{%s,%q:%q}`, person, field, at.Format(time.RFC3339))
	}
	if event == "meeting.ended" {
		object += fmt.Sprintf(`,"end_time":%q`, at.Format(time.RFC3339))
	}
	body := fmt.Sprintf(`{"event":%q,"event_ts":%d,"payload":{"account_id":"demo","object":{%s}}}`, event, at.UnixMilli(), object)
	r.s.send([]simulate.Event{{At: at, Body: []byte(body)}}, 0)
}

// catchUp has what changed in the school's data looked at, as the sidecar does within
// ten seconds.
func (s *school) catchUp() {
	s.t.Helper()
	for value[int](s, `select (public.catch_up_zoom() ->> 'left')::int`) > 0 {
	}
}

// record is what the attendance of 7b says of somebody; empty for nothing.
func (s *school) record(email string) string {
	return value[string](s, `select coalesce((select string_agg(status, ' ') from attendance_records where class_id = $1 and student_id = $2), '')`, class7b, s.id(email))
}

// A guest is somebody's by the name that staff wrote. Whoever renames themselves, before the lesson, in it, or after it, takes
// neither a guest's time nor that of a classmate, and takes nothing from the classmate.
func TestNobodyBecomesAGuestOrAClassmateByARename(t *testing.T) {
	for _, when := range []string{"before", "during", "after"} {
		for guest, isThe := range map[string]string{"Aiko Sato": "classmate", "Somebody's iPad": "guest"} {
			t.Run("the name of a "+isThe+", "+when+" the lesson", func(t *testing.T) {
				s := newSchool(t)
				s.exec(appLetsPeopleWriteUsers)
				lesson := s.run(lessonNumber)
				rename := func(at string) {
					if at == when {
						s.does(student, "PATCH", "users?id=eq."+s.id(student), fmt.Sprintf(`{"name":%q}`, guest))
					}
				}
				// Both open the page; its clock is now, and the lesson's run is made to be about now.
				lesson.start = time.Now().UTC().Add(10 * time.Second).Truncate(time.Second)
				rename("before")
				for _, who := range []string{student, classmate} {
					s.ask("POST", s.room("join"), `{"action":"join"}`, bearer(s.token(who)), 200)
				}
				lesson.tells("meeting.participant_joined", 0, fmt.Sprintf(`"user_id":"1","participant_uuid":"g","user_name":%q`, guest))
				rename("during")
				lesson.tells("meeting.participant_left", 40*time.Minute, fmt.Sprintf(`"user_id":"1","participant_uuid":"g","user_name":%q`, guest))
				rename("after")
				lesson.tells("meeting.ended", 45*time.Minute, "")

				require.Equal(t, guest, value[string](s, "select name from users where id = $1", s.id(student)), "the app lets them")
				require.Equal(t, "absent", s.record(student))
				want := map[string]string{"classmate": "present", "guest": "absent"}[isThe]
				require.Equal(t, want, s.record(classmate))
			})
		}
	}
}

// An account with a classmate's address in other letters is no way to their attendance.
func TestNobodySignsUpWithTheAddressOfAnother(t *testing.T) {
	s := newSchool(t)
	s.exec(appLetsPeopleWriteUsers)
	stranger := uuid.NewString()
	row := func(email string) string {
		return fmt.Sprintf(`{"id":%q,"email":%q,"name":"New","role":"student"}`, stranger, email)
	}
	s.refused(stack.UserToken(stranger, "MARIA@school.test"), "POST", "users", row("MARIA@school.test"), "users.email: a user has this address already")
	s.refused(stack.UserToken(stranger, "new@home.test"), "POST", "users", row("Maria@School.test"), "users.email: whoever signs up has the address of their login")
	s.refused(s.token(classmate), "PATCH", "users?id=eq."+s.id(classmate), `{"email":"Maria@School.test"}`, "users.email is for admins to change")
	s.refused(s.token(classmate), "PATCH", "users?id=eq."+s.id(classmate), `{"role":"admin"}`, "users.role is for admins to change")

	// A project may have two such users from before: then only the exact spelling is somebody.
	s.exec(`insert into users (id, email, name, role) values ($1, 'MARIA@school.test', 'Old', 'student')`, stranger)
	s.exec(`insert into class_students (class_id, student_id) values ($1, $2)`, class7b, stranger)
	lesson := s.run(lessonNumber)
	lesson.start = lesson.start.Add(time.Hour + time.Second) // the second user was there when it began
	lesson.tells("meeting.participant_joined", 0, `"user_id":"1","participant_uuid":"a","email":"maria@school.test"`)
	lesson.tells("meeting.participant_joined", 0, `"user_id":"2","participant_uuid":"b","email":"Maria@School.test"`)
	lesson.tells("meeting.ended", 45*time.Minute, "")
	require.Equal(t, "present", s.record(student))
	require.Equal(t, "absent", value[string](s, "select status from attendance_records where student_id = $1", stranger))
	require.Equal(t, 1, value[int](s, "select count(*) from zoom_participants where user_id is null and status = 'left'"), "the other spelling is a guest")
}

// A teacher holds a meeting for a colleague's class, made or moved there: it marks nobody, until an admin saves it.
func TestAMeetingForTheClassOfAnotherTeacherMarksNobody(t *testing.T) {
	for name, make := range map[string]func(s *school){
		"made for it": func(s *school) {
			s.does(colleague, "POST", "zoom_meetings", `{"zoom_meeting_id":"70000000001","title":"Theirs","host_id":"`+s.id(colleague)+`","class_id":"`+class7b+`",
				"meeting_type":"recurring","start_time":"2031-12-01T08:00:00Z","join_url":"https://zoom.test/j/1"}`)
		},
		"moved there": func(s *school) {
			s.does(colleague, "POST", "zoom_meetings", `{"zoom_meeting_id":"70000000001","title":"Theirs","host_id":"`+s.id(colleague)+`",
				"meeting_type":"recurring","start_time":"2031-12-01T08:00:00Z","join_url":"https://zoom.test/j/1"}`)
			s.does(colleague, "PATCH", "zoom_meetings?zoom_meeting_id=eq.70000000001", `{"class_id":"`+class7b+`"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSchool(t)
			make(s)
			hold := func() {
				lesson := s.run("70000000001")
				lesson.tells("meeting.participant_joined", 0, `"user_id":"1","participant_uuid":"a","email":"maria@school.test"`)
				lesson.tells("meeting.ended", 45*time.Minute, "")
			}
			hold()
			require.Zero(t, value[int](s, "select count(*) from attendance_records"))
			require.Equal(t, 1, value[int](s, "select count(*) from zoom_participants where user_id = $1 and duration = 2700", s.id(student)), "who was there is shown")
			s.does(colleague, "PATCH", "zoom_meetings?zoom_meeting_id=eq.70000000001", `{"title":"Still theirs"}`)
			hold()
			require.Zero(t, value[int](s, "select count(*) from attendance_records"), "its host cannot confirm it")
			s.does("office@school.test", "PATCH", "zoom_meetings?zoom_meeting_id=eq.70000000001", `{"title":"Right so"}`)
			hold()
			s.catchUp()
			require.Equal(t, "present", s.record(student))
			require.Equal(t, 41, value[int](s, "select count(*) from attendance_records where status = 'absent'"))
		})
	}
}

// Nobody takes the number of another's meeting, in any spelling.
func TestNobodyTakesTheNumberOfAnother(t *testing.T) {
	s := newSchool(t)
	row := func(number string) string {
		return `{"zoom_meeting_id":"` + number + `","title":"Mine","host_id":"` + s.id(colleague) + `","start_time":"2031-12-01T08:00:00Z","join_url":"https://zoom.test/j/1"}`
	}
	s.refused(s.token(colleague), "POST", "zoom_meetings", row(lessonNumber), "another meeting has this number")
	for _, number := range []string{"812 3456 7890", "812-3456-7890", "８１２３４５６７８９０", "+" + lessonNumber} {
		s.refused(s.token(colleague), "POST", "zoom_meetings", row(number), "zoom_meetings.zoom_meeting_id")
	}
	s.does(colleague, "POST", "zoom_meetings", row("70000000002"))
	// That number belongs to another teacher at Zoom: the row takes it first, and is listed.
	listed := func() int {
		return value[int](s, `select count(*) from jsonb_array_elements(public.unmatched_zoom() -> 'items') item
			where item ->> 'reason' = 'other_host' and item ->> 'number' = '70000000002'`)
	}
	require.Zero(t, listed())
	s.run("70000000002").tells("meeting.started", 0, "")
	require.Equal(t, 1, listed())
	s.refused(s.token(colleague), "PATCH", "zoom_meetings?zoom_meeting_id=eq.70000000002", `{"zoom_meeting_id":"812 3456 7890"}`, "zoom_meetings.zoom_meeting_id")
}

// A student who was marked absent after checking in does not check in once more.
func TestASecondCheckInDoesNotUndoACorrection(t *testing.T) {
	s := newSchool(t)
	today := time.Now().UTC().Format(time.DateOnly)
	open := func(code string) string {
		s.does(teacher, "POST", "qr_attendance_sessions", `{"class_id":"`+class7b+`","teacher_id":"`+s.id(teacher)+`","date":"`+today+`","start_time":"08:00","qr_code":"`+code+`"}`)
		return value[string](s, "select id::text from qr_attendance_sessions where qr_code = $1", code)
	}
	checkIn := func(session string) {
		s.does(student, "POST", "qr_checkins", `{"session_id":"`+session+`","student_id":"`+s.id(student)+`","location_verified":true,"checked_in_at":"2026-01-01T00:00:00Z"}`)
	}
	record := `{"student_id":"` + s.id(student) + `","class_id":"` + class7b + `","date":"` + today + `","status":"%s"}`
	upsert := "attendance_records?on_conflict=student_id,class_id,date"
	mark := func(email, status string) (int, string) {
		return s.as(s.token(email), "POST", upsert, fmt.Sprintf(record, status))
	}
	first := open("first")
	checkIn(first)
	require.Equal(t, today, value[string](s, "select checked_in_at::date::text from qr_checkins"), "when it was is the database's to say")
	status, said := mark(student, "present")
	require.Less(t, status, 300, said)
	status, said = mark(teacher, "absent")
	require.Less(t, status, 300, said)
	status, said = mark(student, "present")
	require.Equal(t, http.StatusForbidden, status, said)
	checkIn(open("second"))
	status, said = mark(student, "present")
	require.Equal(t, http.StatusForbidden, status, said)
	require.Equal(t, "absent", s.record(student))
}

// One's own entry in a meeting is under one's own name.
func TestNobodyEntersUnderAnothersName(t *testing.T) {
	s := newSchool(t)
	meeting := value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = $1", lessonNumber)
	s.does(student, "POST", "zoom_participants", `{"meeting_id":"`+meeting+`","user_id":"`+s.id(student)+`","name":"Aiko Sato","email":"`+classmate+`","status":"joined","duration":5400}`)
	require.Equal(t, "Maria Oliveira maria@school.test", value[string](s, "select name || ' ' || email from zoom_participants"))
	s.does(student, "PATCH", "zoom_participants?user_id=eq."+s.id(student), `{"name":"Aiko Sato","status":"left","leave_time":"2031-12-01T09:00:00Z","duration":5400}`)
	require.Equal(t, "Maria Oliveira left", value[string](s, "select name || ' ' || status from zoom_participants"))
	s.refused(s.token(student), "PATCH", "zoom_participants?user_id=eq."+s.id(student), `{"join_time":"infinity"}`, "zoom_participants.join_time is no time of a school")
	s.refused(s.token(student), "PATCH", "zoom_participants?user_id=eq."+s.id(student), `{"user_id":"`+s.id(classmate)+`"}`, "")
}
