package room_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/room"
)

const (
	sdkKey    = "demo-sdk-key"
	sdkSecret = "demo-sdk-secret"
)

func withSDK(o *room.Options) { o.SDKKey, o.SDKSecret = sdkKey, sdkSecret }

func TestTheSignatureIsWhatTheMeetingSDKAsksFor(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), withSDK)
	w.exec(t, `update public.zoom_meetings set zoom_meeting_id = '812 3456 7890' where id = $1`, w.meetings[lesson])
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
