package monitor_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/monitor"
	"zoom-attendance/scripts/stack/stacktest"
)

var school = []monitor.Person{
	{ID: "00000000-0000-4000-8000-000000000011", Email: "a.okafor@school.test", Name: "Adaeze Okafor", Role: "teacher"},
	{ID: "00000000-0000-4000-8000-000000000119", Email: "hassan.ali@school.test", Name: "حسن علي", Role: "student"},
}

// script stands in for supabase-js.
const script = "var supabase = {}"

// serve mounts the monitor as the gateway does, whose answers may be read by
// pages of any origin.
func serve(t *testing.T, change func(*monitor.Config)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "supabase.js")
	require.NoError(t, os.WriteFile(path, []byte(script), 0o600))
	config := monitor.Config{
		People:         func(context.Context) ([]monitor.Person, error) { return school, nil },
		Token:          func(id, email string) string { return "token of " + id + " " + email },
		SupabaseJS:     path,
		PublishableKey: `sb_publishable_"x"`,
	}
	if change != nil {
		change(&config)
	}
	mux := http.NewServeMux()
	mux.Handle(monitor.Prefix+"/", monitor.New(config))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL + monitor.Prefix
}

func get(t *testing.T, url string) (*http.Response, string) {
	t.Helper()
	return do(t, http.MethodGet, url, "")
}

func do(t *testing.T, method, url, host string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	require.NoError(t, err)
	request.Host = host
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response, string(body)
}

func TestWhatIsServed(t *testing.T) {
	t.Parallel()
	url := serve(t, nil)
	cases := []struct{ path, kind, contains string }{
		{"/", "text/html; charset=utf-8", `content="sb_publishable_&#34;x&#34;"`},
		{"/", "text/html; charset=utf-8", `name="attendance-timezone" content="UTC"`},
		{"/style.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
		{"/monitor.js", "text/javascript; charset=utf-8", "createClient(location.origin"},
		{"/supabase.js", "text/javascript; charset=utf-8", script},
		{"/icon.svg", "image/svg+xml", "<svg"},
		{"/people", "application/json", `"name":"حسن علي"`},
		{"/session?as=a.okafor@school.test", "application/json", "access_token"},
	}
	for _, c := range cases {
		t.Run(c.path, func(t *testing.T) {
			response, body := get(t, url+c.path)
			require.Equal(t, http.StatusOK, response.StatusCode)
			require.Contains(t, body, c.contains)
			h := response.Header
			require.Equal(t, c.kind, h.Get("Content-Type"))
			require.Equal(t, "no-store", h.Get("Cache-Control"))
			require.Empty(t, h.Values("Access-Control-Allow-Origin"), "other pages do not read this")
			csp := h.Get("Content-Security-Policy")
			host := response.Request.URL.Host
			require.Contains(t, csp, "default-src 'self';")
			require.Contains(t, csp, "connect-src 'self' ws://"+host+" wss://"+host+";")
			require.NotContains(t, csp, "unsafe")
		})
	}
}

func TestWhatIsRefused(t *testing.T) {
	t.Parallel()
	broken := func(c *monitor.Config) {
		c.People = func(context.Context) ([]monitor.Person, error) { return nil, errors.New("no database") }
		c.SupabaseJS += ".gone"
	}
	cases := []struct {
		name, method, path, host string
		change                   func(*monitor.Config)
		status                   int
		says                     string
	}{
		{"a session for somebody unknown", "GET", "/session?as=eve@school.test", "", nil, 404, "Nobody in this school has the e-mail eve@school.test"},
		{"a session for nobody", "GET", "/session", "", nil, 400, "Say who"},
		{"a session without a database", "GET", "/session?as=eve@school.test", "", broken, 503, "no database"},
		{"people without a database", "GET", "/people", "", broken, 503, "no database"},
		{"supabase-js that is not installed", "GET", "/supabase.js", "", broken, 404, "npm ci --prefix scripts"},
		{"another method", "POST", "/session?as=a.okafor@school.test", "", nil, 405, ""},
		{"another path", "GET", "/page/index.html", "", nil, 404, ""},
		{"a name that is not this machine's", "GET", "/session?as=a.okafor@school.test", "rebound.example:54321", nil, 403, "this machine alone"},
		{"a name that only begins as ours", "GET", "/", "127.0.0.1.example", nil, 403, "this machine alone"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			response, body := do(t, c.method, serve(t, c.change)+c.path, c.host)
			require.Equal(t, c.status, response.StatusCode, body)
			require.Contains(t, body, c.says)
			require.NotContains(t, body, "access_token")
			require.Equal(t, "no-store", response.Header.Get("Cache-Control"))
		})
	}
}

func TestOnlyThisMachineIsAnswered(t *testing.T) {
	t.Parallel()
	handler := monitor.New(monitor.Config{
		People: func(context.Context) ([]monitor.Person, error) { return school, nil },
		Token:  func(string, string) string { return "token" }, SupabaseJS: "-", PublishableKey: "-",
	})
	cases := []struct {
		from, host string
		status     int
	}{
		{"127.0.0.1:4000", "127.0.0.1:54321", 200},
		{"127.0.0.1:4000", "localhost:54321", 200},
		{"[::1]:4000", "[::1]:54321", 200},
		{"192.0.2.1:4000", "127.0.0.1:54321", 403},
		{"127.0.0.1:4000", "192.0.2.7:54321", 403},
	}
	for _, c := range cases {
		request := httptest.NewRequest(http.MethodGet, "/monitor/people", nil)
		request.RemoteAddr, request.Host = c.from, c.host
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		require.Equal(t, c.status, answer.Code, "from %s to %s", c.from, c.host)
	}
}

func TestASessionIsThatOfTheUser(t *testing.T) {
	t.Parallel()
	url := serve(t, nil)
	_, body := get(t, url+"/session?as=Hassan.Ali@school.test")
	require.JSONEq(t, `{
		"access_token": "token of 00000000-0000-4000-8000-000000000119 hassan.ali@school.test",
		"user": {"id": "00000000-0000-4000-8000-000000000119", "email": "hassan.ali@school.test", "name": "حسن علي", "role": "student"}
	}`, body)
}

func TestTheSeededSchoolIsOfferedAndItsTokensAreGood(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	seed, err := os.ReadFile("../../../supabase/seed.sql")
	require.NoError(t, err)
	_, err = p.DB().Exec(t.Context(), string(seed))
	require.NoError(t, err)
	url := serve(t, func(c *monitor.Config) { c.People, c.Token = monitor.PeopleOf(p.DB()), stack.UserToken })

	var people []monitor.Person
	_, body := get(t, url+"/people")
	require.NoError(t, json.Unmarshal([]byte(body), &people))
	require.Len(t, people, 58)
	require.Equal(t, "Adaeze Okafor", people[0].Name, "teachers come first")

	var session struct {
		AccessToken string `json:"access_token"`
	}
	_, body = get(t, url+"/session?as=maria@school.test")
	require.NoError(t, json.Unmarshal([]byte(body), &session))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/rest/v1/class_students?select=student:users!student_id(name)", nil)
	require.NoError(t, err)
	request.Header.Set("apikey", p.PublishableKey)
	request.Header.Set("Authorization", "Bearer "+session.AccessToken)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	seen, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, string(seen))
	require.Equal(t, 2, strings.Count(string(seen), "Maria Oliveira"), "both her classes, and nobody else's: %s", seen)
	require.Equal(t, 2, strings.Count(string(seen), "name"))
}
