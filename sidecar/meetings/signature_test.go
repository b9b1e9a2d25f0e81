package meetings_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
)

const (
	sdkKey    = "demo-sdk-key"
	sdkSecret = "demo-sdk-secret"
)

func withSDK(o *meetings.Options) { o.SDKKey, o.SDKSecret = sdkKey, sdkSecret }

func TestTheSignatureIsWhatTheMeetingSDKAsksFor(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), withSDK)
	for who, role := range map[string]int{host: 1, teacher: 0, admin: 0, pupil: 0, parent: 0} {
		t.Run(who, func(t *testing.T) {
			got := w.enter(t, lesson, w.by(who))
			require.Equal(t, http.StatusOK, got.status, got.body)
			answer := read[struct{ SDKKey, SDKSignature string }](t, got)
			require.Equal(t, sdkKey, answer.SDKKey)

			claims := jwt.MapClaims{}
			token, err := jwt.ParseWithClaims(answer.SDKSignature, claims, func(*jwt.Token) (any, error) { return []byte(sdkSecret), nil },
				jwt.WithValidMethods([]string{"HS256"}), jwt.WithTimeFunc(func() time.Time { return now }), jwt.WithIssuedAt(), jwt.WithExpirationRequired())
			require.NoError(t, err)
			require.Equal(t, map[string]any{"alg": "HS256", "typ": "JWT"}, token.Header)
			issued, ends := now.Add(-30*time.Second).Unix(), now.Add(2*time.Hour).Unix()
			require.Equal(t, jwt.MapClaims{
				"appKey": sdkKey, "sdkKey": sdkKey, "mn": "81234567890", "role": float64(role),
				"iat": float64(issued), "exp": float64(ends), "tokenExp": float64(ends),
			}, claims)
			require.GreaterOrEqual(t, ends-issued, int64(1800))
			require.LessOrEqual(t, ends-issued, int64(48*60*60))
			require.NotContains(t, got.body, sdkSecret)
		})
	}
}

// role is that of the signature in an answer to the host; -1 if there is none.
func (w *world) roleOfHost(t *testing.T, meeting string) int {
	t.Helper()
	got := w.enter(t, meeting, w.by(host))
	require.Equal(t, http.StatusOK, got.status, got.body)
	answer := read[struct {
		SDKSignature *string
		SDKKey       *string
		IsHost       bool
		JoinURL      string
	}](t, got)
	require.True(t, answer.IsHost, "the rest of the answer stays")
	require.Equal(t, joinURL, answer.JoinURL)
	require.Equal(t, answer.SDKSignature == nil, answer.SDKKey == nil)
	if answer.SDKSignature == nil {
		return -1
	}
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(*answer.SDKSignature, claims)
	require.NoError(t, err)
	return int(claims["role"].(float64))
}

// The host of the briefing gives it the number of a colleague's lesson.
func TestNobodyIsHostOfAnothersMeetingByItsNumber(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), withSDK)
	w.exec(t, `update public.zoom_meetings set host_id = $2 where id = $1`, w.meetings[lesson], w.school.people[teacher])
	require.Equal(t, 1, w.roleOfHost(t, briefing))
	for name, spelling := range map[string]string{
		"with blanks":             "812 3456 7890",
		"with dashes":             "812-3456-7890",
		"with a plus":             "+81234567890",
		"in full-width digits":    "８１２３４５６７８９０",
		"with a zero before it":   "081234567890",
		"with a blank after it":   lessonNumber + " ",
		"with a line after it":    lessonNumber + "\n",
		"with a letter after it":  lessonNumber + "x",
		"with an invisible blank": "812\u200b34567890",
	} {
		w.exec(t, `update public.zoom_meetings set zoom_meeting_id = $2 where id = $1`, w.meetings[briefing], spelling)
		require.Equal(t, -1, w.roleOfHost(t, briefing), name)
	}
	require.Contains(t, w.log.String(), "write the meeting's number as digits alone")
	for _, part := range []string{"34567890", "3456 7890", "3456-7890"} {
		require.NotContains(t, w.log.String(), part, "which number, the log does not say")
	}

	// Nor is the host of a number that somebody has spelled otherwise; they join, or start it by its address.
	w.exec(t, `update public.zoom_meetings set host_id = $2 where id = $1`, w.meetings[lesson], w.school.people[host])
	for spelling, role := range map[string]int{"812 3456 7890": 0, "812-3456-7890": 0, "+8 1 2 3 4 5 6 7 8 9 0": 0, "81234567892": 1, "812 3456 789": 1} {
		w.exec(t, `update public.zoom_meetings set zoom_meeting_id = $2 where id = $1`, w.meetings[briefing], spelling)
		require.Equal(t, role, w.roleOfHost(t, lesson), spelling)
	}
}
