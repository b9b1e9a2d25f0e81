package front_test

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/simulate"
)

// participantsPage is the app's page of a meeting: the calls of its components, and
// what these read of the answers.
//
//go:embed room_participants.html
var participantsPage string

// participantsApp is the app that serves it, with its rewrite of the two routes.
func (s *school) participantsApp() http.Handler {
	to, err := url.Parse(s.sidecar.Base)
	require.NoError(s.t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		config, err := json.Marshal(map[string]string{"meeting": s.lessonID(), "url": s.URL, "key": s.PublishableKey, "token": s.token(r.URL.Query().Get("as"))})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(strings.Replace(participantsPage, "CONFIG", string(config), 1)))
	})
	mux.HandleFunc("/supabase.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, "../../node_modules/@supabase/supabase-js/dist/umd/supabase.js")
	})
	mux.Handle("/api/zoom/meetings/", &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.SetXForwarded()
	}})
	return mux
}

// attended is the condition that the card and the report show just these people as present.
func attended(names []string, expected int) string {
	names = append([]string{}, names...)
	slices.Sort(names)
	want, err := json.Marshal(names)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`JSON.stringify([...document.querySelectorAll('#card li[data-attended=true]')].map((item) => item.dataset.name).sort()) === JSON.stringify(%s)
		&& document.querySelector('#report h2').textContent === 'All (%d)  Present (%d)  Absent (%d)'`, want, expected, len(names), expected-len(names))
}

// A third of the class is known by address, a third opened the page and shows its name at Zoom, and a third shows it without having.
func TestThePageOfAMeetingShowsWhoAttendedLive(t *testing.T) {
	s := newSchool(t)
	app := origin(t)
	app.Config.Handler = s.participantsApp()
	b := openBrowser(t)
	open := func(page, email string) {
		b.do(map[string]any{"do": "open", "page": page, "url": app.URL + "/?as=" + email, "width": 1280, "height": 900, "cookies": s.cookies(email, "base64url", "")})
		b.until(page, "document.body.dataset.ready === 'true'")
	}
	open("teacher", teacher)
	read[any](b, "teacher", "live()")
	b.until("teacher", "document.body.dataset.link === 'live'")
	b.until("teacher", attended(nil, 42))
	b.shoot("teacher", "participants before")

	// A student asks how to join, and the page opens the address. Nobody posts anything.
	open("student", student)
	require.Contains(t, read[string](b, "student", "document.querySelector('#card').textContent"), "for the host and the teacher")
	require.Equal(t, value[string](s, "select join_url from meeting_registrants where user_id = $1", s.id(student)),
		read[string](b, "student", "new Promise((done) => { window.open = done; join() })"))

	var present []string
	names := map[string]int{}
	for _, name := range rows[string](s, "select name from users join class_students on student_id = users.id where class_id = $1", class7b) {
		names[name]++
	}
	n := 0
	lesson := s.guests(func(_ int, pupil simulate.Attendee) simulate.Attendee {
		n++
		switch {
		case pupil.Email == student || n%3 == 0 && names[pupil.Name] == 1:
			if pupil.Email != student {
				s.ask("GET", s.room("join"), "", bearer(s.token(pupil.Email)), 200)
			}
			present = append(present, pupil.Name)
			return simulate.Attendee{Name: pupil.Name}
		case n%3 == 1:
			present = append(present, pupil.Name)
			return pupil
		}
		return simulate.Attendee{Name: pupil.Name}
	})
	events := lesson.Events(simulate.Disorder{})
	ended := slices.IndexFunc(events, func(e simulate.Event) bool { return strings.Contains(string(e.Body), "participant_left") })
	s.send(events[:ended], 0)
	b.until("teacher", attended(present, 42))
	tails := func() []string {
		return read[[]string](b, "teacher", "[...document.querySelectorAll('#card li[data-attended=true] .tail')].map((tail) => tail.textContent)")
	}
	head := read[string](b, "teacher", "document.querySelector('#card h2').textContent")
	require.Equal(t, fmt.Sprintf("43 came, %d per cent of the class", (100*len(present)+21)/42), head, "with the teacher and the guests; nobody has left")
	b.shoot("teacher", "participants during")
	for _, tail := range tails() {
		require.Empty(t, tail, "nobody has left, and no bare 0 stands there")
	}

	s.send(events[ended:], 0)
	b.until("teacher", attended(present, 42)+` && window.answer.meeting.status === 'ended' && window.answer.participants.every((p) => p.status !== 'joined')`)
	b.shoot("teacher", "participants after")
	require.Equal(t, len(present), s.marked(lesson, "present"))
	require.Equal(t, 42-len(present), s.marked(lesson, "absent"), "what the page shows is what is recorded")
	require.Len(t, tails(), len(present))
	for _, tail := range tails() {
		require.Regexp(t, `^\d+m$`, tail, "how long each was there")
	}
}
