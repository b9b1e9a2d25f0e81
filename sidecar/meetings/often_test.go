package meetings_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

const tooMany = `{"error":"Too many requests"}`

func TestAUserWhoAsksTooOften(t *testing.T) {
	t.Parallel()
	at := now
	w := open(t, newSchool(t), func(o *meetings.Options) {
		o.Users = web.Rate{Burst: 3}
		o.Now = func() time.Time { return at }
	})
	require.Equal(t, 200, w.enter(t, lesson, w.by(pupil)).status)
	require.Equal(t, 200, w.say(t, lesson, "join", w.by(pupil)).status)
	require.Equal(t, 403, w.people(t, lesson, w.by(pupil)).status)

	for name, got := range map[string]reply{
		"by the header":           w.enter(t, lesson, w.by(pupil)),
		"by the cookie":           w.enter(t, lesson, with("Cookie", cookie+"="+base64ed(session(w.token(pupil))))),
		"for another meeting":     w.people(t, assembly, w.by(pupil)),
		"with a bad body":         w.send(t, http.MethodPost, w.path(lesson, "join"), "", w.by(pupil)),
		"for no meeting":          w.send(t, http.MethodGet, meetings.Path+"x/join", "", w.by(pupil)),
		"from behind other pages": w.say(t, lesson, "leave", w.by(pupil), with("Origin", page)),
	} {
		require.Equal(t, "1", got.header.Get("Retry-After"), name)
		requireRefused(t, got, http.StatusTooManyRequests, tooMany)
	}
	require.Equal(t, 200, w.enter(t, lesson, w.by(teacher)).status, "it is the user's own bucket")
	require.EqualValues(t, 3, w.count(t, "get_join", 429, "user_limited"))

	at = at.Add(time.Second)
	require.Equal(t, 200, w.enter(t, lesson, w.by(pupil)).status)
	require.Equal(t, 429, w.enter(t, lesson, w.by(pupil)).status)
}

func TestNobodyEmptiesAnothersBucketByForgingATokenForThem(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) { o.Users = web.Rate{Burst: 3} })
	forged := signedBy(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), w.school.people[pupil])
	for range 3 {
		require.Equal(t, 401, w.enter(t, lesson, bearing(forged)).status)
	}
	require.Equal(t, 429, w.enter(t, lesson, bearing(forged)).status)
	require.Equal(t, 200, w.enter(t, lesson, w.by(pupil)).status)
}

// from sends a request from an address.
func (w *world) from(remote string, changes ...change) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodGet, w.path(lesson, "join"), nil)
	request.RemoteAddr = remote + ":1"
	for _, change := range changes {
		change(request)
	}
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, request)
	return answer
}

// forged is a token of a pupil that Supabase does not take; each is another.
func (w *world) forged(t *testing.T, n int) change {
	return bearing(signedBy(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), w.school.people[pupil], jwt.MapClaims{"n": n}))
}

func TestOnlyFailuresCountAgainstAnAddress(t *testing.T) {
	t.Parallel()
	at := now
	w := open(t, newSchool(t), func(o *meetings.Options) {
		o.Addresses = web.Rate{Burst: 3, Every: 1500 * time.Millisecond}
		o.Now = func() time.Time { return at }
	})
	const school = "203.0.113.7"
	for range 5 {
		require.Equal(t, 200, w.from(school, w.by(pupil)).Code)
		require.Equal(t, 404, w.from(school, w.by(guest)).Code, "a refusal of a user is theirs")
	}
	for n := range 3 {
		require.Equal(t, 401, w.from(school, w.forged(t, n)).Code)
	}
	limited := w.from(school, w.forged(t, 3))
	require.Equal(t, 429, limited.Code)
	require.Equal(t, "2", limited.Header().Get("Retry-After"))
	require.JSONEq(t, tooMany, limited.Body.String())
	require.Equal(t, 200, w.from(school, w.by(pupil)).Code, "a token that Supabase took lately passes")
	require.Equal(t, 429, w.from(school, w.by(teacher)).Code, "a new one waits")
	require.Equal(t, 401, w.from("203.0.113.8", w.forged(t, 4)).Code, "another address")

	at = at.Add(1500 * time.Millisecond)
	require.Equal(t, 200, w.from(school, w.by(teacher)).Code, "and is asked about when there is room, and takes none")
	require.Equal(t, 200, w.from(school, w.by(host)).Code)
	require.Equal(t, 401, w.from(school, w.forged(t, 5)).Code)
	require.Equal(t, 429, w.from(school, w.by(admin)).Code)
	require.Equal(t, 200, w.from(school, w.by(teacher)).Code)
	require.NotContains(t, w.log.String(), school)
}

func TestWhatCountsAsAFailureOfAnAddress(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	unknownID := strings.Replace(s.meetings[lesson], "-", "+", 1)
	for name, c := range map[string]struct {
		ask     func(w *world, n int) reply
		failure bool
	}{
		"a forged token":            {func(w *world, n int) reply { return w.enter(t, lesson, w.forged(t, n)) }, true},
		"a forged token that posts": {func(w *world, n int) reply { return w.say(t, lesson, "join", w.forged(t, n)) }, true},
		"a forged token for no meeting": {func(w *world, n int) reply {
			return w.send(t, "GET", meetings.Path+unknownID+"/join", "", w.forged(t, n))
		}, true},
		"a forged token and a bad body":    {func(w *world, n int) reply { return w.send(t, "POST", w.path(lesson, "join"), "x", w.forged(t, n)) }, true},
		"a token of nobody":                {func(w *world, n int) reply { return w.enter(t, lesson, bearing(stack.UserToken("nobody", ""))) }, true},
		"a user who may not enter":         {func(w *world, n int) reply { return w.enter(t, lesson, w.by(guest)) }, false},
		"a user whom the school knows not": {func(w *world, n int) reply { return w.enter(t, lesson, w.by(unknown)) }, false},
		"no token":                         {func(w *world, n int) reply { return w.enter(t, lesson) }, false},
		"another's page": {func(w *world, n int) reply {
			return w.say(t, lesson, "join", w.by(pupil), with("Origin", "https://elsewhere.test"))
		}, false},
		"another path": {func(w *world, n int) reply { return w.send(t, "GET", meetings.Path+"x", "") }, false},
		"a user with a bad body after a 200": {func(w *world, n int) reply {
			w.enter(t, lesson, w.by(host))
			return w.send(t, "POST", w.path(lesson, "join"), "x", w.by(host))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, s, func(o *meetings.Options) { o.Addresses = web.Rate{Burst: 4, Every: time.Hour} })
			for n := range 4 {
				require.NotEqual(t, 200, c.ask(w, n).status)
			}
			status := map[bool]int{true: 429, false: 200}[c.failure]
			require.Equal(t, status, w.enter(t, lesson, w.by(teacher)).status)
		})
	}
	t.Run("a project that is away", func(t *testing.T) {
		w := open(t, s, func(o *meetings.Options) { o.Addresses = web.Rate{Burst: 4, Every: time.Hour} })
		s.StopPostgREST()
		for n := range 9 {
			require.Equal(t, 503, w.enter(t, lesson, w.forged(t, n)).status)
		}
		s.StartPostgREST()
		require.Equal(t, 200, w.enter(t, lesson, w.by(teacher)).status, "is nobody's failure")
	})
}

// expiring is a project for which every token is over once it says so.
type expiring struct {
	meetings.Project
	over atomic.Bool
}

func (e *expiring) CallAs(ctx context.Context, token zoom.Secret, function string, args, into any) error {
	if e.over.Load() {
		token += "A" // another signature
	}
	return e.Project.CallAs(ctx, token, function, args, into)
}

func TestATokenThatIsRefusedIsKnownNoMore(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	project := &expiring{Project: connect(t, s)}
	w := open(t, s, func(o *meetings.Options) {
		o.Project, o.Addresses = project, web.Rate{Burst: 1, Every: time.Hour}
	})
	for range 3 {
		require.Equal(t, 200, w.enter(t, lesson, w.by(pupil)).status)
	}
	project.over.Store(true)
	require.Equal(t, 401, w.enter(t, lesson, w.by(pupil)).status)
	require.Equal(t, 429, w.enter(t, lesson, w.by(pupil)).status, "like any other that is refused")
}

// Eight clients without a token, or eight that forge them, have spent what there is and go on; behind the same address forty
// requests of users are answered.
func TestStrangersDoNotSpendWhatAnAddressHas(t *testing.T) {
	t.Parallel()
	for name, stranger := range map[string]func(w *world, n int) change{
		"without a token": func(*world, int) change { return func(*http.Request) {} },
		"with forged tokens, once the students have been taken": func(w *world, n int) change { return w.forged(t, n) },
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, newSchool(t), func(o *meetings.Options) {
				o.Addresses = web.Rate{Burst: 50, Every: time.Hour}
				o.Users = web.Rate{Burst: 1000}
			})
			if strings.HasPrefix(name, "with forged") {
				for _, who := range []string{pupil, host, teacher, admin} {
					require.Equal(t, 200, w.enter(t, lesson, w.by(who)).status)
				}
			}
			var requests atomic.Int64
			flood := func(until func(code int) bool) *sync.WaitGroup {
				var clients sync.WaitGroup
				for range 8 {
					clients.Go(func() {
						for !until(w.from("203.0.113.7", stranger(w, int(requests.Add(1)))).Code) {
						}
					})
				}
				return &clients
			}
			spent := flood(func(code int) bool { return code == 429 })
			spent.Wait()
			for n := range 40 {
				who := []string{pupil, host, teacher, admin}[n%4]
				beside := flood(func(int) bool { return true })
				require.Equal(t, 200, w.from("203.0.113.7", w.by(who)).Code, who)
				beside.Wait()
			}
			lines := strings.Count(w.log.String(), `"reason":"address_limited"`)
			require.Equal(t, 1, lines, "however many were refused")
		})
	}
}

func TestRefusalsAreLoggedOnceAMinuteForEachClient(t *testing.T) {
	t.Parallel()
	at := now
	w := open(t, newSchool(t), func(o *meetings.Options) { o.Now = func() time.Time { return at } })
	lines := func() (lines []map[string]any) {
		for line := range strings.Lines(w.log.String()) {
			var fields map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &fields))
			if fields[zoom.LogReason] != "ok" {
				lines = append(lines, fields)
			}
		}
		return lines
	}
	for range 5 {
		w.from("203.0.113.7")
		w.from("203.0.113.8")
		w.from("203.0.113.7", w.by(guest))   // these two have not failed as a stranger does:
		w.from("203.0.113.7", w.by(unknown)) // each is a client of their own
		w.from("203.0.113.7", w.by(pupil))
	}
	require.Len(t, lines(), 4)
	require.EqualValues(t, 5, w.count(t, "get_join", 404, "no_meeting")/2, "the metrics know of each")
	at = at.Add(time.Minute - time.Millisecond)
	w.from("203.0.113.7")
	require.Len(t, lines(), 4)
	at = at.Add(time.Millisecond)
	w.from("203.0.113.7")
	all := lines()
	require.Len(t, all, 5)
	require.EqualValues(t, 5, all[4][zoom.LogUnlogged], "four, and the one a moment before the minute was over")
	for _, line := range all[:4] {
		require.NotContains(t, line, zoom.LogUnlogged)
	}
	for _, line := range all {
		require.NotEmpty(t, line[zoom.LogIPHash])
	}
}

func TestATrustedProxyNamesTheClient(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) {
		o.Addresses = web.Rate{Burst: 1, Every: time.Hour}
		o.TrustedProxies = []string{"10.0.0.1"}
	})
	forwarded := func(from string) change { return with("X-Forwarded-For", from) }
	require.Equal(t, 401, w.from("203.0.113.7", forwarded("198.51.100.1")).Code)
	require.Equal(t, 429, w.from("203.0.113.7", forwarded("198.51.100.2")).Code, "whatever the client forwards")
	require.Equal(t, 401, w.from("10.0.0.1", forwarded("198.51.100.9")).Code)
	require.Equal(t, 429, w.from("10.0.0.1", forwarded("198.51.100.9")).Code)
	require.Equal(t, 401, w.from("10.0.0.1", forwarded("198.51.100.10")).Code)
	require.NotContains(t, w.log.String(), "203.0.113.7")
	require.NotContains(t, w.log.String(), "198.51.100")
}
