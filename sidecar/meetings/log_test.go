package meetings_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

func TestTheLogHoldsNothingItMustNot(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	w := open(t, s, withSDK, func(o *meetings.Options) { o.TrustedProxies = []string{"127.0.0.1"} })
	keyless := connect(t, s, func(o *supabase.Options) { o.Key = "sb_secret_invented" })
	w.ledger.then = func(ctx context.Context) ([]zoom.Outcome, error) {
		return keyless.Apply(ctx, []zoom.Fact{{Kind: zoom.AppJoined, Meeting: lessonNumber, User: s.people[pupil], At: now}})
	}
	from := with("X-Forwarded-For", "198.51.100.23")
	forged := signedBy(t, jwt.SigningMethodHS256, []byte(strings.Repeat("x", 40)), s.people[pupil], jwt.MapClaims{"email": "pia@school.test"})
	tokens := []string{s.token(pupil), s.token(host), s.token(guest), forged, s.ServiceRoleKey, s.SecretKey, "word"}
	for _, token := range tokens {
		for _, by := range []change{bearing(token), with("Cookie", cookie+"="+base64ed(session(token)))} {
			for _, meeting := range []string{lesson, assembly, cancelled} {
				w.enter(t, meeting, from, by)
				w.people(t, meeting, from, by)
				w.say(t, meeting, "join", from, by)
				w.say(t, meeting, "kick Pia", from, by)
				w.say(t, meeting, "leave", from, by, with("Origin", "https://pia.school.test"), with("Referer", "https://pia.school.test/"))
			}
			w.send(t, http.MethodGet, meetings.Path+"pia@school.test/join?email=pia@school.test", "", from, by)
			w.send(t, http.MethodGet, meetings.Path+"pia@school.test", "", from, by)
		}
	}
	log := w.log.String()
	require.Contains(t, log, web.HashAddress("demo-salt", "198.51.100.23"), "the client's hash is there")
	require.Contains(t, log, s.meetings[lesson], "and the meeting's id")
	for _, word := range append(tokens[:len(tokens)-1:len(tokens)-1],
		"Bearer", "base64-", "sb-school", "demo-refresh", "demo-salt", sdkSecret, "eyJ", "sb_secret", password, "zoom.test", "198.51.100.23", "127.0.0.1",
		"Pia", "pia@", "Pia@", "hedda@", "Hedda", "school.test", s.people[pupil], s.people[host], "kick", lessonNumber,
		w.row(t, `select customer_key from zoom.keys where user_id = $1 limit 1`, s.people[pupil])) {
		require.NotContains(t, log, word)
	}
}

func TestEveryRequestHasOneLogLine(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	w.send(t, http.MethodGet, meetings.Path+strings.ToUpper(w.meetings[lesson])+"/join", "", w.by(pupil))
	w.enter(t, lesson)
	w.enter(t, lesson, w.by(guest))
	w.say(t, lesson, "join", w.by(pupil), without("Origin"))
	w.send(t, http.MethodOptions, w.path(lesson, "join"), "", with("Origin", page), with("Access-Control-Request-Method", "GET"))
	w.send(t, http.MethodGet, meetings.Path, "")
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	require.Len(t, lines, 6)
	for i, line := range lines {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		for _, name := range []string{zoom.LogStatus, zoom.LogReason, zoom.LogRoute, zoom.LogRequestID, zoom.LogTook} {
			require.Contains(t, fields, name)
		}
		require.Equal(t, fields[zoom.LogStatus].(float64) >= 300, fields[zoom.LogIPHash] != nil, "only refusals name the client")
		require.Equal(t, i == 0 || i == 2, fields[zoom.LogMeetingID] == w.meetings[lesson], line)
	}
	lint(t, w)
}
