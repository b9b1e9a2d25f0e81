package board

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/operator/explain"
)

const (
	someone = "00000000-0000-4000-8000-000000000101"
	which   = `{"meeting":"81234567890","student":"` + someone + `","date":"2026-03-02"}`
)

func TestALessonAndAnExplanationAreTheDatabasesWords(t *testing.T) {
	w := newWorld(t)
	answer := w.ask(http.MethodGet, "/board/lesson?meeting=81234567890&date=2026-03-02", "")
	require.Equal(t, http.StatusOK, answer.Code)
	require.JSONEq(t, `{"outcome":"ok","said":"81234567890 2026-03-02"}`, answer.Body.String())
	answer = w.ask(http.MethodPost, "/board/why", which)
	require.Equal(t, http.StatusOK, answer.Code)
	require.Contains(t, answer.Body.String(), "81234567890 "+someone+" 2026-03-02")

	// Whoever looks leaves a line, and one only while they go on.
	for range 5 {
		w.ask(http.MethodGet, "/board/lesson?meeting=81234567890&date=2026-03-02", "")
	}
	require.Equal(t, 1, strings.Count(w.log.String(), `action="show a lesson" meeting=81234567890`), w.log.String())
	require.Equal(t, 1, strings.Count(w.log.String(), `action=explain`))
	require.NotContains(t, w.log.String(), someone)
}

func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	w := newWorld(t)
	for _, question := range []string{
		"GET /board/lesson", "GET /board/lesson?meeting=x&date=2026-03-02", "GET /board/lesson?meeting=1&date=2026-13-02", "GET /board/lesson?meeting=1&date=yesterday",
		"POST /board/why", "POST /board/why {}", `POST /board/why {"meeting":"1","student":"maria@school.test","date":"2026-03-02"}`,
		`POST /board/why ` + strings.Replace(which, "03-02", "03-32", 1), `POST /board/why ` + which + strings.Repeat(" ", maxBody),
	} {
		parts := append(strings.SplitN(question, " ", 3), "")
		require.Equal(t, http.StatusBadRequest, w.ask(parts[0], parts[1], parts[2]).Code, question[:min(len(question), 80)])
	}
	require.Equal(t, http.StatusNotFound, w.ask(http.MethodGet, "/board/nothing", "").Code)
	require.Equal(t, http.StatusNotFound, w.ask(http.MethodGet, "/board/vendor/uPlot.min.css", "").Code)
	require.Equal(t, http.StatusNotFound, w.ask(http.MethodGet, "/board/why", "").Code)
}

func TestWhatTheDatabaseCannotAnswerIsSaid(t *testing.T) {
	w := newWorld(t)
	w.school.set("", fmt.Errorf("%w: no meeting has that number", explain.ErrNothing))
	answer := w.ask(http.MethodPost, "/board/why", which)
	require.Equal(t, http.StatusNotFound, answer.Code)
	require.JSONEq(t, `{"error":"there is nothing to explain: no meeting has that number"}`, answer.Body.String())
	w.school.set("", errors.New("lesson_timeline: connection refused"))
	answer = w.ask(http.MethodGet, "/board/lesson?meeting=1&date=2026-03-02", "")
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.JSONEq(t, `{"error":"lesson_timeline: connection refused"}`, answer.Body.String())
	require.Contains(t, w.log.String(), "connection refused")
}

var inline = regexp.MustCompile(`(?i)<script>|<style|\sstyle=|\son[a-z]+=|="javascript:|https?://`)

// The Content-Security-Policy would refuse what is inline, so nothing is; and
// nothing comes from elsewhere.
func TestThePagesAreStrict(t *testing.T) {
	w := newWorld(t)
	for path, kind := range map[string]string{
		"/": "text/html; charset=utf-8", "/board/board.js": "text/javascript; charset=utf-8", "/board/style.css": "text/css; charset=utf-8",
		"/board/icon.svg": "image/svg+xml", "/board/uPlot.iife.min.js": "text/javascript; charset=utf-8",
	} {
		answer := w.ask(http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, answer.Code, path)
		require.Equal(t, kind, answer.Header().Get("Content-Type"))
		policy := answer.Header().Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'self'", "require-trusted-types-for 'script'"} {
			require.Contains(t, policy, rule)
		}
		require.NotContains(t, policy, "unsafe")
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
		require.Equal(t, "no-referrer", answer.Header().Get("Referrer-Policy"))
	}
	for _, name := range []string{"index.html", "door.html", "closed.html"} {
		require.Empty(t, inline.FindAllString(string(read(name)), -1), name)
	}
	require.NoError(t, fs.WalkDir(embedded, "assets", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".js") && !strings.Contains(path, "vendor") {
			body, err := embedded.ReadFile(path)
			require.NoError(t, err)
			require.NotRegexp(t, `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|https?://`, string(body), path)
		}
		return err
	}))
}

func TestTheDoorSaysWhatItIsToldAndNoMore(t *testing.T) {
	w := newWorld(t)
	door := func(says string, form bool) string {
		recorder := httptest.NewRecorder()
		w.Door(recorder, http.StatusForbidden, says, form)
		require.Equal(t, http.StatusForbidden, recorder.Code)
		require.Contains(t, recorder.Header().Get("Content-Security-Policy"), "frame-ancestors 'none'")
		return recorder.Body.String()
	}
	require.Contains(t, door("", true), `<form method="post" action="/sign-in">`)
	require.Contains(t, door("", true), `role="alert"></p>`)
	require.Contains(t, door("", true), `aria-invalid="false"`)
	require.Contains(t, door("Not that.", true), `role="alert">Not that.<`)
	require.Contains(t, door("Not that.", true), `aria-invalid="true"`)
	require.NotContains(t, door("Closed.", false)+door("", true), "{{")
	require.NotContains(t, door("Closed.", false), "<form")
	require.Contains(t, door("<b>", false), "&lt;b&gt;")

	for path, open := range map[string]bool{"/board/style.css": true, "/board/icon.svg": true, "/board/board.js": false, "/board/live": false, "/": false, "/board/": false} {
		require.Equal(t, open, w.Open(path), path)
	}
}
