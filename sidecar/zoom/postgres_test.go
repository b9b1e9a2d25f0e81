package zoom_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// What Decode lets through, the database takes: a fact that it refused would be a
// dead letter for want of what Zoom did not say.
func TestTheDatabaseTakesEveryFactInTestdata(t *testing.T) {
	database := stacktest.NewProject(t).DB()
	_, err := database.Exec(t.Context(), `
		insert into public.zoom_meetings (zoom_meeting_id, title, start_time, join_url)
		values ('81234567890', 'Algebra', '2026-03-02T08:00:00Z', 'https://zoom.test/j/1')`)
	require.NoError(t, err)
	files, err := filepath.Glob("testdata/events/*.golden")
	require.NoError(t, err)
	taken := 0
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		body, _, _ := bytes.Cut(content, []byte(separator))
		fact, err := zoom.Decode(body, accepted)
		if err != nil {
			continue
		}
		events, err := json.Marshal([]zoom.Fact{fact})
		require.NoError(t, err)
		var outcomes []zoom.Outcome
		require.NoError(t, database.QueryRow(t.Context(), `select public.apply_zoom_events($1::jsonb)`, string(events)).Scan(&outcomes), file)
		require.Len(t, outcomes, 1)
		require.NotEqual(t, zoom.UnknownMeeting, outcomes[0], file)
		taken++
	}
	require.Greater(t, taken, 30)
}

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
