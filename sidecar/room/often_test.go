package room_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/room"
	"zoom-attendance/sidecar/visitor"
)

const tooMany = `{"error":"Too many requests"}`

func TestAUserWhoAsksTooOften(t *testing.T) {
	t.Parallel()
	at := now
	w := open(t, newSchool(t), func(o *room.Options) {
		o.Users = visitor.Rate{Burst: 3}
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
		"for no meeting":          w.send(t, http.MethodGet, room.Path+"x/join", "", w.by(pupil)),
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
	w := open(t, newSchool(t), func(o *room.Options) { o.Users = visitor.Rate{Burst: 3} })
	forged := signedBy(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), w.school.people[pupil])
	for range 3 {
		require.Equal(t, 401, w.enter(t, lesson, bearing(forged)).status)
	}
	require.Equal(t, 429, w.enter(t, lesson, bearing(forged)).status)
	require.Equal(t, 200, w.enter(t, lesson, w.by(pupil)).status)
}

func TestAnAddressThatAsksTooOften(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *room.Options) {
		o.Addresses = visitor.Rate{Burst: 3}
		o.TrustedProxies = []string{"10.0.0.1"}
	})
	knock := func(remote, forwarded string, changes ...change) *httptest.ResponseRecorder {
		request := httptest.NewRequest(http.MethodGet, w.path(lesson, "join"), nil)
		request.RemoteAddr = remote
		request.Header.Set("X-Forwarded-For", forwarded)
		for _, change := range changes {
			change(request)
		}
		answer := httptest.NewRecorder()
		w.handler.ServeHTTP(answer, request)
		return answer
	}
	require.Equal(t, 401, knock("203.0.113.7:1", "").Code)
	require.Equal(t, 200, knock("203.0.113.7:2", "198.51.100.1", w.by(pupil)).Code)
	require.Equal(t, 200, knock("203.0.113.7:3", "198.51.100.2", w.by(teacher)).Code)
	limited := knock("203.0.113.7:4", "198.51.100.3", w.by(host))
	require.Equal(t, 429, limited.Code, "whoever it is, and whatever the client forwards")
	require.Equal(t, "1", limited.Header().Get("Retry-After"))
	require.JSONEq(t, tooMany, limited.Body.String())
	require.Equal(t, 401, knock("203.0.113.8:1", "").Code, "another address")

	for n := range 3 {
		require.Equal(t, 401, knock("10.0.0.1:1", "198.51.100.9").Code, n)
	}
	require.Equal(t, 429, knock("10.0.0.1:1", "198.51.100.9").Code)
	require.Equal(t, 401, knock("10.0.0.1:1", "198.51.100.10").Code, "a proxy that is trusted names the client")
	require.NotContains(t, w.log.String(), "203.0.113.7")
	require.NotContains(t, w.log.String(), "198.51.100")
}
