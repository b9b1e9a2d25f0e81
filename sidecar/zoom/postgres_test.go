package zoom_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// Postgres has an HMAC of its own, pgcrypto's: what we sign is what it signs, and
// what it signed we verify. Each input makes a batch of secrets and bodies of many
// lengths, since that is where two implementations would differ.
func FuzzPostgresSignsAsWeDo(f *testing.F) {
	database := stacktest.NewProject(f).DB()
	f.Add(string(demoSecret), challengeAt, []byte(challengeBody))
	f.Add(string(demoSecret), endedAt, endedBody(f))
	f.Add("ключ\xff", "0", []byte("\x00\xff"))
	f.Add(strings.Repeat("k", 32), "999999999999", []byte(strings.Repeat("m", 64)))
	f.Fuzz(func(t *testing.T, secret, timestamp string, body []byte) {
		if secret == "" || len(secret)+len(body) > 1<<14 {
			return // nobody signs with nothing, and a batch is 32 times as long
		}
		var secrets, messages, bodies [][]byte
		for n := range 32 {
			longer := append(bytes.Repeat(body, n%4), body[:len(body)*n/32]...)
			secrets = append(secrets, []byte(strings.Repeat(secret, 1+n%8)))
			bodies = append(bodies, longer)
			messages = append(messages, append([]byte("v0:"+timestamp+":"), longer...))
		}
		var signed []string
		require.NoError(t, database.QueryRow(t.Context(), `
			select array_agg('v0=' || encode(extensions.hmac(message, secret, 'sha256'), 'hex') order by n)
			from unnest($1::bytea[], $2::bytea[]) with ordinality as all_of_them (message, secret, n)`,
			messages, secrets).Scan(&signed))
		for n, theirs := range signed {
			require.Equal(t, theirs, zoom.Sign(zoom.Secret(secrets[n]), timestamp, bodies[n]))
			if !timestampForm.MatchString(timestamp) {
				continue
			}
			known := []zoom.Secret{"another", zoom.Secret(secrets[n])}
			which, err := zoom.Verify(known, theirs, timestamp, bodies[n], clock(t, timestamp), time.Second)
			require.NoError(t, err)
			require.True(t, which == 1 || known[0] == known[1])
		}
	})
}
