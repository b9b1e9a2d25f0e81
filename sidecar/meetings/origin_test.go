package meetings_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
)

func TestWhichPagesMayChangeSomething(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) {
		o.AllowedOrigins = []string{page, " https://Other.School.test:8443 ", "https://usual.school.test:443", "http://localhost:3000"}
	})
	own := strings.TrimPrefix(w.url, "http://")
	none := without("Origin")
	origin := func(value string) change { return with("Origin", value) }
	forwarded := func(value string) change { return with("X-Forwarded-Host", value) }
	for name, c := range map[string]struct {
		changes []change
		ok      bool
	}{
		"a page of the same host":                       {[]change{origin(w.url)}, true},
		"a page of the same host over TLS":              {[]change{origin("https://" + own)}, true},
		"an allowed page":                               {[]change{origin(page)}, true},
		"an allowed page on a port":                     {[]change{origin("https://other.school.test:8443")}, true},
		"an allowed page on the usual port":             {[]change{origin("https://usual.school.test")}, true},
		"a page in development":                         {[]change{origin("http://localhost:3000")}, true},
		"a page behind a rewrite":                       {[]change{origin("https://www.school.test"), forwarded("www.school.test")}, true},
		"a page behind two rewrites":                    {[]change{origin("https://www.school.test"), forwarded("www.school.test, inner.test")}, true},
		"a referring page of the same host":             {[]change{none, with("Referer", w.url+"/meetings/1?x=y")}, true},
		"a referring page that is allowed":              {[]change{none, with("Referer", page+"/")}, true},
		"another host, by the request's own Host alone": {[]change{origin("https://www.school.test"), func(r *http.Request) { r.Host = "www.school.test" }}, true},

		"no page":           {[]change{none}, false},
		"a page that hides": {[]change{origin("null")}, false},
		"a page that hides, with a good referrer": {[]change{origin("null"), with("Referer", page)}, false},
		"a foreign page":                          {[]change{origin("https://evil.test")}, false},
		"a foreign page, with a good referrer":    {[]change{origin("https://evil.test"), with("Referer", page)}, false},
		"a foreign referrer":                      {[]change{none, with("Referer", "https://evil.test/"+page)}, false},
		"a referrer that is none":                 {[]change{none, with("Referer", "about:blank")}, false},
		"an empty origin":                         {[]change{origin(""), with("Referer", page)}, false},
		"a host that begins like ours":            {[]change{origin(page + ".evil.test")}, false},
		"a host that ends like ours":              {[]change{origin("https://evil-app.school.test")}, false},
		"our host for a user name":                {[]change{origin("https://app.school.test@evil.test")}, false},
		"a user name before our host":             {[]change{origin("https://evil.test@" + own)}, false},
		"an allowed page without TLS":             {[]change{origin("http://app.school.test")}, false},
		"an allowed page on another port":         {[]change{origin(page + ":8443")}, false},
		"an allowed page with a path":             {[]change{origin("https://evil.test/https://app.school.test")}, false},
		"two origins":                             {[]change{origin(page), also("Origin", "https://evil.test")}, false},
		"two origins in one line":                 {[]change{origin(page + " https://evil.test")}, false},
		"the same host on another port":           {[]change{origin("http://127.0.0.1:1")}, false},
		"a foreign page, and a rewrite of ours":   {[]change{origin("https://evil.test"), forwarded("www.school.test")}, false},
		"a foreign page, last of the forwarded":   {[]change{origin("https://evil.test"), forwarded("www.school.test, evil.test")}, false},
		"an extension of the browser":             {[]change{origin("chrome-extension://demo")}, false},
		"a file":                                  {[]change{origin("file://")}, false},
		"a host forwarded, and nothing of a page": {[]change{none, forwarded("www.school.test")}, false},
		"a pattern":                               {[]change{origin("https://*.school.test")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.say(t, lesson, "leave", append(c.changes, w.by(pupil))...)
			if c.ok {
				require.Equal(t, http.StatusOK, got.status, got.body)
				return
			}
			requireRefused(t, got, http.StatusForbidden, `{"error":"Invalid Origin"}`)
			requireRefused(t, w.say(t, lesson, "leave", c.changes...), http.StatusForbidden, `{"error":"Invalid Origin"}`)
		})
	}
}

func TestOriginsThatMayBeAllowed(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"https://school.test": "https://school.test", " https://School.Test:443 ": "https://school.test", "https://school.test:8443": "https://school.test:8443",
		"http://localhost:3000": "http://localhost:3000", "http://127.0.0.1:80": "http://127.0.0.1", "http://[::1]:3000": "http://[::1]:3000",
		"http://school.test": "", "https://school.test/": "", "https://school.test/app": "", "https://school.test?": "", "https://user@school.test": "",
		"https://*.school.test": "", "*": "", "null": "", "": "", "school.test": "", "https://": "", "https://:443": "", "ftp://localhost": "", "https://a b": "",
	} {
		got, ok := meetings.Origin(given)
		require.Equal(t, want, got, given)
		require.Equal(t, want != "", ok, given)
	}
}

// cors are the headers by which a browser decides.
func cors(h http.Header) map[string]string {
	found := map[string]string{}
	for name := range h {
		if strings.HasPrefix(name, "Access-Control-") {
			found[name] = h.Get(name)
		}
	}
	return found
}

func TestWhichPagesMayReadAnswers(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	allowed := map[string]string{"Access-Control-Allow-Origin": page, "Access-Control-Allow-Credentials": "true"}
	for name, c := range map[string]struct {
		changes []change
		status  int
		cors    map[string]string
	}{
		"an allowed page":                       {[]change{with("Origin", page), w.by(pupil)}, 200, allowed},
		"an allowed page without a token":       {[]change{with("Origin", page)}, 401, allowed},
		"an allowed page that is refused":       {[]change{with("Origin", page), w.by(guest)}, 404, allowed},
		"a page of the same host":               {[]change{with("Origin", w.url), w.by(pupil)}, 200, map[string]string{}},
		"a page behind a rewrite":               {[]change{with("Origin", "https://www.school.test"), with("X-Forwarded-Host", "www.school.test"), w.by(pupil)}, 200, map[string]string{}},
		"a foreign page":                        {[]change{with("Origin", "https://evil.test"), w.by(pupil)}, 200, map[string]string{}},
		"a page that hides":                     {[]change{with("Origin", "null"), w.by(pupil)}, 200, map[string]string{}},
		"nobody's page":                         {[]change{w.by(pupil)}, 200, map[string]string{}},
		"an allowed page in capitals is not it": {[]change{with("Origin", strings.ToUpper(page)), w.by(pupil)}, 200, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.enter(t, lesson, c.changes...)
			require.Equal(t, c.status, got.status, got.body)
			require.Equal(t, c.cors, cors(got.header))
			requireHardened(t, got)
		})
	}
}

func TestPreflights(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	ask := func(path, origin string) reply {
		return w.send(t, http.MethodOptions, path, "", with("Origin", origin),
			with("Access-Control-Request-Method", "POST"), with("Access-Control-Request-Headers", "authorization,x-forwarded-host"))
	}
	for _, route := range []string{"join", "participants"} {
		got := ask(w.path(lesson, route), page)
		require.Equal(t, http.StatusNoContent, got.status, got.body)
		require.Equal(t, map[string]string{
			"Access-Control-Allow-Origin": page, "Access-Control-Allow-Credentials": "true", "Access-Control-Allow-Methods": "GET,POST",
			"Access-Control-Allow-Headers": "Authorization,Content-Type", "Access-Control-Max-Age": "3600",
		}, cors(got.header), "and not X-Forwarded-Host")
		require.Contains(t, got.header.Values("Vary"), "Origin")
	}
	for name, got := range map[string]reply{
		"a foreign page":          ask(w.path(lesson, "join"), "https://evil.test"),
		"a page that hides":       ask(w.path(lesson, "join"), "null"),
		"a page of the same host": ask(w.path(lesson, "join"), w.url),
		"one that asks nothing":   w.send(t, http.MethodOptions, w.path(lesson, "join"), "", with("Origin", page)),
	} {
		requireRefused(t, got, http.StatusMethodNotAllowed, `{"error":"Method not allowed"}`)
		require.Empty(t, cors(got.header), name)
	}
	requireRefused(t, ask(w.path(lesson, "kick"), page), http.StatusNotFound, `{"error":"Not found"}`)
	require.EqualValues(t, 2, w.count(t, "other", 204, "preflight"))

	closed := open(t, w.school, func(o *meetings.Options) { o.AllowedOrigins = nil })
	got := closed.send(t, http.MethodOptions, closed.path(lesson, "join"), "", with("Origin", page), with("Access-Control-Request-Method", "GET"))
	require.Equal(t, http.StatusMethodNotAllowed, got.status, "no page is allowed unless one is named")
	require.Empty(t, cors(got.header))
}
