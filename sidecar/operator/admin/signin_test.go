package admin

import (
	"bufio"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// somePages are pages without anything on them. What is at /board/live goes on
// for as long as its request.
type somePages struct{}

func (somePages) Open(path string) bool { return path == "/board/style.css" }

func (somePages) Door(w http.ResponseWriter, status int, says string, form bool) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "door: "+says)
	if form {
		_, _ = io.WriteString(w, "<form>")
	}
}

func (somePages) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	_, _ = io.WriteString(w, "page "+req.URL.Path+"\n")
	if req.URL.Path == "/board/live" {
		_ = extend(w, 0)
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}
}

// newDoor is a room with pages.
func newDoor(t *testing.T, token string) *world {
	return newWorld(t, func(o *Options) { o.Pages, o.Token = somePages{}, zoom.Secret(token) })
}

// answer is what came back, its body read.
type answer struct {
	*http.Response
	body string
}

// visit makes a request as a browser does, and follows no redirection.
func (w *world) visit(method, path string, header http.Header, form url.Values) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.context(), method, w.url+path, strings.NewReader(form.Encode()))
	require.NoError(w.t, err)
	request.Header.Set("Accept", "text/html,application/xhtml+xml")
	if form != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Close = true
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(w.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	return answer{response, string(body)}
}

// signIn gives the token, and returns the header that carries the cookie.
func (w *world) signIn() http.Header {
	w.t.Helper()
	a := w.visit("POST", "/sign-in", nil, url.Values{"token": {testToken}})
	require.Equal(w.t, http.StatusSeeOther, a.StatusCode, a.body)
	require.Equal(w.t, "/", a.Header.Get("Location"))
	require.Len(w.t, a.Cookies(), 1)
	return http.Header{"Cookie": {a.Cookies()[0].Name + "=" + a.Cookies()[0].Value}, "Sec-Fetch-Site": {"same-origin"}}
}

func TestABrowserSignsInOnceAndOut(t *testing.T) {
	w := newDoor(t, testToken)
	a := w.visit("GET", "/", nil, nil)
	require.Equal(t, http.StatusSeeOther, a.StatusCode)
	require.Equal(t, "/sign-in", a.Header.Get("Location"))
	require.Equal(t, "door: <form>", w.visit("GET", "/sign-in", nil, nil).body)
	require.Equal(t, "page /board/style.css\n", w.visit("GET", "/board/style.css", nil, nil).body)
	require.Equal(t, http.StatusSeeOther, w.visit("GET", "/board/board.js", nil, nil).StatusCode)

	in := w.signIn()
	require.Equal(t, "page /\n", w.visit("GET", "/", in, nil).body)
	require.Equal(t, http.StatusOK, w.visit("GET", "/dead", in, nil).StatusCode)
	require.Equal(t, "metrics", w.visit("GET", "/metrics", in, nil).body)
	require.Equal(t, "/", w.visit("GET", "/sign-in", in, nil).Header.Get("Location"))
	require.Equal(t, http.StatusNotFound, w.visit("GET", "/nothing", in, nil).StatusCode)

	// With the session ends what is still being answered in it.
	request, err := http.NewRequestWithContext(w.context(), http.MethodGet, w.url+"/board/live", nil)
	require.NoError(t, err)
	request.Header, request.Close = in, true
	live, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = live.Body.Close() }()
	lines := bufio.NewReader(live.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "page /board/live\n", first)
	a = w.visit("POST", "/sign-out", in, nil)
	require.Equal(t, "/sign-in", a.Header.Get("Location"))
	require.Negative(t, a.Cookies()[0].MaxAge)
	_, err = lines.ReadString('\n')
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, http.StatusSeeOther, w.visit("GET", "/", in, nil).StatusCode, "the cookie opens nothing any more")
	require.NotContains(t, w.log.String(), testToken)
}

func TestTheCookieIsForThisPortAndForNoScript(t *testing.T) {
	w := newDoor(t, testToken)
	for scheme, secure := range map[string]bool{"http": false, "https": true} {
		a := w.visit("POST", "/sign-in", http.Header{"X-Forwarded-Proto": {scheme}}, url.Values{"token": {testToken}})
		c := a.Cookies()[0]
		require.Equal(t, "sidecar-board-"+w.url[strings.LastIndex(w.url, ":")+1:], c.Name)
		require.Equal(t, secure, c.Secure, scheme)
		require.True(t, c.HttpOnly)
		require.Equal(t, http.SameSiteStrictMode, c.SameSite)
		require.Equal(t, "/", c.Path)
		require.Equal(t, int(sessionLife.Seconds()), c.MaxAge)
		require.NotContains(t, c.Value, testToken)
	}
}

func TestAWrongTokenOpensNothing(t *testing.T) {
	w := newDoor(t, testToken)
	for sentence, c := range map[string]struct {
		path string
		form url.Values
	}{
		"another":                      {"/sign-in", url.Values{"token": {testToken + "x"}}},
		"a part of it":                 {"/sign-in", url.Values{"token": {testToken[1:]}}},
		"none":                         {"/sign-in", url.Values{}},
		"the right one in the address": {"/sign-in?token=" + testToken, url.Values{}},
		"longer than a form may be":    {"/sign-in", url.Values{"token": {strings.Repeat("x", maxBody)}}},
	} {
		a := w.visit("POST", c.path, nil, c.form)
		require.Equal(t, http.StatusUnauthorized, a.StatusCode, sentence)
		require.Contains(t, a.body, "<form>", sentence)
		require.Empty(t, a.Cookies(), sentence)
	}
	require.NotContains(t, w.log.String(), testToken)
}

func TestWhoKeepsGuessingWaitsAndTheRightTokenNeverDoes(t *testing.T) {
	right, wrong := "Bearer "+testToken, "Bearer "+testToken+"x"
	form := func(token string) url.Values { return url.Values{"token": {token}} }
	for sentence, guess := range map[string]func(w *world) (status int, retryAfter string){
		"in the form": func(w *world) (int, string) {
			a := w.visit("POST", "/sign-in", nil, form("a guess"))
			require.Contains(t, a.body, "door: ")
			return a.StatusCode, a.Header.Get("Retry-After")
		},
		"in the header": func(w *world) (int, string) {
			a := w.visit("GET", "/dead", http.Header{"Authorization": {wrong}, "Accept": {"*/*"}}, nil)
			return a.StatusCode, a.Header.Get("Retry-After")
		},
		"in a header of another kind": func(w *world) (int, string) {
			a := w.visit("GET", "/metrics", http.Header{"Authorization": {"Basic " + testToken}, "Accept": {"*/*"}}, nil)
			return a.StatusCode, a.Header.Get("Retry-After")
		},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newDoor(t, testToken)
			status, retryAfter, wrongs := 0, "", 0
			for status != http.StatusTooManyRequests {
				require.Less(t, wrongs, 100)
				if status, retryAfter = guess(w); status == http.StatusUnauthorized {
					wrongs++
				}
			}
			require.GreaterOrEqual(t, wrongs, guesses.Burst)
			require.Equal(t, "5", retryAfter)
			for range 2 * guesses.Burst {
				status, _ = w.ask("GET", "/dead", right)
				require.Equal(t, http.StatusOK, status)
			}
			require.Equal(t, http.StatusOK, w.visit("GET", "/", w.signIn(), nil).StatusCode, "nor does the form")
			require.Equal(t, "/sign-in", w.visit("GET", "/", nil, nil).Header.Get("Location"), "nor who only comes to it")
			require.Equal(t, 2, strings.Count(w.log.String(), "an admin request was refused"), "401 and 429, a line each: %s", w.log.String())
		})
	}

	// It ends by itself, and others are not held up.
	salt, now := zoom.Secret("of a test"), time.Now()
	limit := web.NewLimiter(guesses)
	for limit.Allow(web.HashAddress(salt, "192.0.2.1"), now) {
	}
	require.True(t, limit.Allow(web.HashAddress(salt, "192.0.2.2"), now))
	require.True(t, limit.Allow(web.HashAddress(salt, "192.0.2.1"), now.Add(guesses.Every)))
}

func TestWhatChangesSomethingMustComeFromOurPage(t *testing.T) {
	w := newDoor(t, testToken)
	in := w.signIn()
	for sentence, c := range map[string]struct {
		header http.Header
		status int
	}{
		"our page":                       {http.Header{"Sec-Fetch-Site": {"same-origin"}}, 404}, // there is no such letter
		"our page, an older browser":     {http.Header{"Origin": {w.url}}, 404},
		"another site":                   {http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		"another port of this host":      {http.Header{"Sec-Fetch-Site": {"same-site"}}, 403},
		"another site, an older browser": {http.Header{"Origin": {"https://elsewhere.test"}}, 403},
		"nobody says from where":         {http.Header{}, 403},
	} {
		header := c.header.Clone()
		header["Cookie"] = in["Cookie"]
		for _, question := range []string{"POST /dead/1/replay", "DELETE /dead/1"} {
			method, path, _ := strings.Cut(question, " ")
			require.Equal(t, c.status, w.visit(method, path, header, nil).StatusCode, "%s, %s", sentence, question)
		}
	}
	for sentence, c := range map[string]struct {
		site, mode string
		status     int
	}{
		"our page asks":                  {"same-origin", "cors", 200},
		"somebody typed the address":     {"none", "navigate", 200},
		"a link at another port":         {"same-site", "navigate", 200},
		"a picture at another port":      {"same-site", "no-cors", 403},
		"a script of another site":       {"cross-site", "cors", 403},
		"a browser that does not say so": {"", "", 200},
	} {
		header := http.Header{"Cookie": in["Cookie"], "Sec-Fetch-Site": {c.site}, "Sec-Fetch-Mode": {c.mode}}
		require.Equal(t, c.status, w.visit("GET", "/dead", header, nil).StatusCode, sentence)
	}
	require.Equal(t, http.StatusForbidden, w.visit("POST", "/sign-out", http.Header{"Cookie": in["Cookie"], "Sec-Fetch-Site": {"cross-site"}}, nil).StatusCode)
	require.Equal(t, http.StatusForbidden, w.visit("POST", "/sign-in", http.Header{"Sec-Fetch-Site": {"cross-site"}}, url.Values{"token": {testToken}}).StatusCode,
		"nobody is signed in by another's page")
	require.Equal(t, http.StatusOK, w.visit("GET", "/dead", in, nil).StatusCode)
}

func TestWithoutATokenTheDoorSaysWhatToDo(t *testing.T) {
	w := newDoor(t, "")
	for _, path := range []string{"/", "/dead", "/board/live"} {
		a := w.visit("GET", path, nil, nil)
		require.Equal(t, http.StatusForbidden, a.StatusCode)
		require.Equal(t, "door: "+saysNoToken, a.body)
	}
	require.Equal(t, http.StatusForbidden, w.visit("POST", "/sign-in", nil, url.Values{"token": {""}}).StatusCode)
	require.Equal(t, "metrics", w.visit("GET", "/metrics", nil, nil).body)
}

func TestASessionIsOverAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9090/", nil)
		require.Nil(t, s.of(request))
		request.AddCookie(cookie(request, s.begin()))
		time.Sleep(sessionLife - time.Second)
		open := s.of(request)
		require.NotNil(t, open)
		time.Sleep(2 * time.Second)
		require.Error(t, open.Err(), "what is answered in it ends")
		require.Nil(t, s.of(request))
		require.Empty(t, s.open)
	})
}

func TestThereAreOnlySoManySessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s sessions
		var all []*http.Request
		for range sessionsMost + 1 {
			request := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:9090/", nil)
			request.AddCookie(cookie(request, s.begin()))
			all = append(all, request)
			time.Sleep(time.Second)
		}
		require.Nil(t, s.of(all[0]), "the oldest is out")
		for _, request := range all[1:] {
			require.NotNil(t, s.of(request))
		}
		require.Len(t, s.open, sessionsMost)
		for _, request := range all {
			s.finish(request)
		}
	})
}
