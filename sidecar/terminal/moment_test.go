package terminal_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/terminal"
)

func TestAMomentOfThePastMayBeADateATimeOrHowLongAgo(t *testing.T) {
	now := time.Date(2026, 3, 2, 8, 0, 0, 500, time.UTC)
	for text, want := range map[string]string{
		"36h":                       "2026-02-28T20:00:00Z",
		"7d":                        "2026-02-23T08:00:00Z",
		"2026-03-02":                "2026-03-02T00:00:00Z",
		"2026-03-02T08:00:00+01:00": "2026-03-02T07:00:00Z",
	} {
		at, err := terminal.Past(text, now)
		require.NoError(t, err, text)
		require.Equal(t, want, at.Format(time.RFC3339), text)
	}
	for _, text := range []string{"", "yesterday", "-1h", "0h", "0d", "-7d", "d", "2026-03-03", "2126-03-02T08:00:00Z", "2026-02-30"} {
		_, err := terminal.Past(text, now)
		require.ErrorContains(t, err, "how long ago, such as 36h or 7d", text)
	}
}
