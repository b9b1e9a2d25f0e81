package front_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
)

// room is the address of a route of the meeting room, for the lesson.
func (s *school) room(route string) string {
	return s.sidecar.Base + "/api/zoom/meetings/" + s.lessonID() + "/" + route
}

func (s *school) lessonID() string {
	return value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = $1", lessonNumber)
}

// ask sends a request to the room and returns what it answers, which has to be
// JSON with this status.
func (s *school) ask(method, url, body string, headers map[string]string, status int) (answer map[string]any) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	require.NoError(s.t, err)
	request.Header.Set("Origin", s.sidecar.Base)
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	require.NoError(s.t, err)
	require.Equal(s.t, status, response.StatusCode, "%s", said)
	require.NoError(s.t, json.Unmarshal(said, &answer), "%s", said)
	return answer
}

func bearer(token string) map[string]string {
	return map[string]string{"Authorization": "Bearer " + token}
}

// cookie is a cookie of a browser.
type cookie struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// cookies are those that @supabase/ssr sets for somebody who signs in.
func (s *school) cookies(email, encoding, note string) (set []cookie) {
	s.t.Helper()
	argument, err := json.Marshal(map[string]string{"url": s.URL, "key": s.PublishableKey, "token": s.token(email), "encoding": encoding, "note": note})
	require.NoError(s.t, err)
	stacktest.StartNode(s.t, nil, "cookies.mjs", string(argument)).Hear(&set)
	return set
}

func TestTheRoomKnowsWhoSignedInByTheCookiesOfSupabaseSSR(t *testing.T) {
	s := newSchool(t)
	for name, c := range map[string]struct {
		encoding, note string
		chunks         int
	}{
		"one cookie":                {"base64url", "", 1},
		"a long session, in chunks": {"base64url", strings.Repeat("Olá, Maria! ", 600), 4},
		"as older versions did":     {"raw", "", 1},
		"as older versions did, in chunks, with letters of all kinds": {"raw", strings.Repeat("a; b=\"ç\" 李 ", 300), 4},
	} {
		t.Run(name, func(t *testing.T) {
			set := s.cookies(student, c.encoding, c.note)
			require.GreaterOrEqual(t, len(set), c.chunks)
			var pairs []string
			for _, cookie := range set {
				value := cookie.Value
				if c.encoding == "raw" {
					value = url.PathEscape(value) // as the library cookie writes it
				}
				pairs = append(pairs, cookie.Name+"="+value)
			}
			answer := s.ask("GET", s.room("join"), "", map[string]string{"Cookie": "theme=dark; " + strings.Join(pairs, "; ")}, 200)
			require.Equal(t, student, answer["userEmail"])
			require.NotEmpty(t, answer["customerKey"])
		})
	}
}

// guests is the lesson of 7b as Zoom tells of it when it knows nobody: it began
// twenty minutes ago, and all come and stay to the end.
func (s *school) guests(who func(i int, pupil simulate.Attendee) simulate.Attendee) simulate.Lesson {
	lesson := s.lesson(simulate.Options{})
	for i := range lesson.Attendees {
		lesson.Attendees[i] = who(i, lesson.Attendees[i])
	}
	return simulate.Script(lesson.Roster, simulate.Options{Duration: 45 * time.Minute}, simulate.NewInstance(), time.Now().Add(-20*time.Minute).UTC())
}

// marked counts the students of 7b with a status in this lesson.
func (s *school) marked(lesson simulate.Lesson, status string) int {
	return value[int](s, "select count(*) from attendance_records where class_id = $1 and date = $2 and status = $3",
		class7b, lesson.Start.Format(time.DateOnly), status)
}

func TestGuestsWithTheKeysWeIssuedAreAllMarked(t *testing.T) {
	s := newSchool(t)
	lesson := s.guests(func(i int, pupil simulate.Attendee) simulate.Attendee {
		key := s.ask("GET", s.room("join"), "", bearer(s.token(pupil.Email)), 200)["customerKey"].(string)
		require.LessOrEqual(t, len(key), 35)
		return simulate.Attendee{Name: fmt.Sprintf("iPad %d", i), CustomerKey: key}
	})
	s.send(lesson.Events(simulate.Disorder{}), 0)
	require.Equal(t, 42, s.marked(lesson, "present"))
}

func TestGuestsWithStolenForeignAndAlteredKeysAreNot(t *testing.T) {
	s := newSchool(t)
	s.exec(`insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url, class_id) values ('81234500000', 'Another', now(), 'https://zoom.test/', $1)`, class7b)
	another := s.sidecar.Base + "/api/zoom/meetings/" + value[string](s, "select id::text from zoom_meetings where zoom_meeting_id = '81234500000'") + "/join"
	stolen := s.ask("GET", s.room("join"), "", bearer(s.token(student)), 200)["customerKey"].(string)

	lesson := s.guests(func(i int, pupil simulate.Attendee) simulate.Attendee {
		guest := simulate.Attendee{Name: fmt.Sprintf("iPad %d", i)}
		switch i % 3 {
		case 0:
			guest.CustomerKey = stolen
		case 1: // theirs, of another meeting
			guest.CustomerKey = s.ask("GET", another, "", bearer(s.token(pupil.Email)), 200)["customerKey"].(string)
		case 2: // theirs, but for one letter
			key := s.ask("GET", s.room("join"), "", bearer(s.token(pupil.Email)), 200)["customerKey"].(string)
			guest.CustomerKey = key[1:] + "g"
		}
		return guest
	})
	s.send(lesson.Events(simulate.Disorder{}), 0)
	require.Equal(t, 1, s.marked(lesson, "present"), "the student whose key it was, and nobody by it")
	require.Equal(t, 41, s.marked(lesson, "absent"))
	require.Contains(t, s.sidecar.Metrics(), `outcome="unknown_key"`)
}

func TestGuestsWhoseNamesTheAppSawComeAreAllMarked(t *testing.T) {
	s := newSchool(t)
	lesson := s.guests(func(i int, pupil simulate.Attendee) simulate.Attendee {
		s.ask("POST", s.room("join"), `{"action":"join"}`, bearer(s.token(pupil.Email)), 200)
		return simulate.Attendee{Name: "  " + strings.ToLower(pupil.Name)}
	})
	s.send(lesson.Events(simulate.Disorder{Duplicates: 0.2, Shuffle: true}), 0)
	require.Equal(t, 42, s.marked(lesson, "present"))
}

func TestANameAloneAndTheAppAloneAreNotMarked(t *testing.T) {
	for mode, counted := range map[string]int{"corroborate": 0, "count": 1} {
		t.Run(mode, func(t *testing.T) {
			s := newSchool(t, "ATTENDANCE_APP_JOINS="+mode)
			// Two of one name, who both came through the app; one who only opened the page; all others come by name alone.
			s.exec(`update users set name = 'Ana Silva' where id in (select student_id from class_students where class_id = $1 and student_id <> $2 order by student_id limit 2)`, class7b, s.id(student))
			s.ask("POST", s.room("join"), `{"action":"join"}`, bearer(s.token(student)), 200)
			lesson := s.guests(func(i int, pupil simulate.Attendee) simulate.Attendee {
				switch {
				case pupil.Email == student:
					return simulate.Attendee{Name: "somebody else"}
				case pupil.Name == "Ana Silva":
					s.ask("POST", s.room("join"), `{"action":"join"}`, bearer(s.token(pupil.Email)), 200)
				}
				return simulate.Attendee{Name: pupil.Name}
			})
			s.send(lesson.Events(simulate.Disorder{}), 0)
			require.Equal(t, 3*counted, s.marked(lesson, "present"), "the app's word, where the school counts it")
			require.Equal(t, 42-3*counted, s.marked(lesson, "absent"))
		})
	}
}

// appPage is a page of the app with the component that opens a meeting: it asks
// when it is loaded, and notes joining and leaving. What comes of that is in the
// body's data.
const appPage = `<!doctype html><meta charset="utf-8"><title>Lesson</title>
<button id="join">Join</button><button id="leave">Leave</button><p id="said"></p>
<form id="forged" method="post" enctype="text/plain" action="%[1]s/join"><input name='{"action":"join","x":"' value='"}'></form>
<script>
const route = "%[1]s", say = (key, value) => { document.body.dataset[key] = value; document.querySelector("#said").textContent += key + ": " + value + " "; };
const call = (path, options) => fetch(route + path, { credentials: "include", ...options })
  .then(async (answer) => ({ status: answer.status, ...await answer.json() }), (error) => ({ status: String(error) }));
call("/join").then((told) => say("mounted", told.status + " " + (told.userName ?? told.error)));
for (const action of ["join", "leave"]) document.querySelector("#" + action).onclick = () =>
  call("/join", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ action }) }).then((told) => say(action, told.status));
</script>`

// app is the school's Next.js app: its pages, which call this route, and its
// rewrite of /api/zoom.
func (s *school) app(route string) http.Handler {
	to, err := url.Parse(s.sidecar.Base)
	require.NoError(s.t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, appPage, route)
	})
	mux.Handle("/api/zoom/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
	}})
	return mux
}

// origin serves pages at an origin of their own, once there is a handler.
func origin(t *testing.T) *httptest.Server {
	server := httptest.NewServer(nil)
	t.Cleanup(server.Close)
	return server
}

func TestThePageOfAMeetingWorksWhereItMayAndNowhereElse(t *testing.T) {
	s := newSchool(t)
	same, listed, other := origin(t), origin(t), origin(t)
	s.sidecar = s.StartSidecar("ALLOWED_ORIGINS=" + listed.URL)
	path := "/api/zoom/meetings/" + s.lessonID()
	same.Config.Handler = s.app(path) // through the app's rewrite
	listed.Config.Handler = s.app(s.sidecar.Base + path)
	other.Config.Handler = s.app(s.sidecar.Base + path)

	visits := func() []string {
		return rows[string](s, "select kind from zoom.visits where user_id = $1 and kind <> 'opened' order by at", s.id(student))
	}
	b := openBrowser(t)
	open := func(page string, at *httptest.Server) {
		b.do(map[string]any{"do": "open", "page": page, "url": at.URL, "width": 600, "height": 400, "cookies": s.cookies(student, "base64url", "")})
		b.until(page, "document.body.dataset.mounted")
	}
	press := func(page, button string) string {
		read[any](b, page, fmt.Sprintf("document.querySelector('#%s').click()", button))
		b.until(page, "document.body.dataset."+button)
		return read[string](b, page, "document.body.dataset."+button)
	}

	for i, at := range []*httptest.Server{same, listed} {
		page := []string{"the app's own", "an allowed one"}[i]
		open(page, at)
		require.Equal(t, "200 Maria Oliveira", read[string](b, page, "document.body.dataset.mounted"))
		require.Equal(t, "200", press(page, "join"))
		require.Equal(t, "200", press(page, "leave"))
		require.Len(t, visits(), 2*(i+1))
		b.shoot(page, "meeting page")
	}
	require.Equal(t, "left", value[string](s, "select status from zoom_participants where user_id = $1 and meeting_id = $2::uuid", s.id(student), s.lessonID()))
	require.NotEmpty(t, rows[string](s, "select kind from zoom.visits where user_id = $1 and kind = 'opened'", s.id(student)), "the page asked how to enter")

	// A page that nobody allowed gets no answer to read, and its requests do nothing, the old form with the cookies of
	// the student not either.
	const page = "a stranger's"
	open(page, other)
	require.Contains(t, read[string](b, page, "document.body.dataset.mounted"), "TypeError")
	require.Contains(t, press(page, "join"), "TypeError")
	read[any](b, page, "document.querySelector('#forged').submit()")
	b.until(page, `document.body.innerText.includes("Invalid Origin")`)
	require.Len(t, visits(), 4)
	b.shoot(page, "meeting page")
}
