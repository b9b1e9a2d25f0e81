package doctor

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/terminal"
)

func shown(colour bool, findings ...Finding) string {
	var b strings.Builder
	p := &page{out: &b, Paint: terminal.Paint(colour)}
	for _, f := range findings {
		p.finding(f)
	}
	p.end(Report{Findings: findings})
	return b.String()
}

func TestALineForEachCheckAndARemedyForEachFault(t *testing.T) {
	findings := []Finding{
		{Check: checkSettings, State: OK, Says: "all are right"},
		{Check: checkClock, State: Look, Faults: []Fault{{"is 12s ahead", "set it"}}},
		{Check: checkGrants, State: Failed, Faults: []Fault{{"one is missing", "grant it"}, {"one is too much", "revoke it"}}},
		{Check: checkTrip, State: Skipped, Says: "because of grants"},
	}
	want := `ok        settings        all are right
look      clock           is 12s ahead
                          remedy: set it
FAILED    grants          one is missing
                          remedy: grant it
                          one is too much
                          remedy: revoke it
skipped   round trip      because of grants

1 of 4 checks failed, 1 to look at, 1 skipped.
`
	require.Equal(t, want, shown(false, findings...))
	colours := strings.NewReplacer("\x1b[0m", "", "\x1b[1m", "", "\x1b[2m", "", "\x1b[31m", "", "\x1b[32m", "", "\x1b[33m", "")
	require.NotEqual(t, want, shown(true, findings...))
	require.Equal(t, want, colours.Replace(shown(true, findings...)), "colours change nothing else")
	require.Contains(t, shown(false, findings[0]), "Nothing failed.")
}

func TestATitleIsShownAndNeverObeyed(t *testing.T) {
	var v view
	require.NoError(t, json.Unmarshal([]byte(`{"outcome":"ok","tables":[{"table":"users","seen":null,"of":3}],"meetings":["M\u001b[2J\u202e\u0007"]}`), &v))
	text := v.text()
	require.Contains(t, text, "may not look")
	require.Contains(t, text, `"M\x1b[2J\u202e\a"`)
}

func TestAnErrorThatKnowsWhatToDoIsTakenApart(t *testing.T) {
	require.Equal(t, Fault{"the disk is full; or so", "make room"}, fault(errorOf("the disk is full; or so; make room"), "look"))
	require.Equal(t, Fault{"the disk is full", "look"}, fault(errorOf("the disk is full"), "look"))
}

type errorOf string

func (e errorOf) Error() string { return string(e) }

// What the catalog's way of printing adds is no difference; all else is one.
func TestTwoWaysToPrintARuleAreOne(t *testing.T) {
	require.Equal(t, plain(`((status = 'present'::text) AND (id IN ( SELECT a.id,
    a.date)))`), plain(`(((status)::text = 'present'::text) AND (id IN ( SELECT a.id, a.date)))`))
	require.Equal(t, plain(`(kind = 'a'::character varying)`), plain(`(kind = 'a'::text)`))
	require.Equal(t, plain(`((a = ( SELECT zoom.caller() AS caller)) OR (b = ANY (( SELECT zoom.children() AS children)::uuid[])))`),
		plain(`((a = zoom.caller()) OR (b = ANY (zoom.children())))`))
	require.NotEqual(t, plain(`(a = ( SELECT zoom.caller() AS caller))`), plain(`(a = zoom.claimed_id())`))
	require.NotEqual(t, plain(`( SELECT auth.uid() AS uid)`), plain(`auth.uid()`))
	require.NotEqual(t, plain(`((a OR b) AND c)`), plain(`(a OR (b AND c))`))
	require.NotEqual(t, plain(`(id = 'a'::text)`), plain(`(id = 'b'::text)`))
	require.NotEqual(t, plain(`true`), plain(`(( SELECT zoom.is_admin() AS is_admin))`))
}

// What a remedy leads to is there.
func TestTheFileThatMakesEachFunctionAndGuardIsKnown(t *testing.T) {
	want := expected()
	require.NotEmpty(t, want.Functions)
	for name := range want.Functions {
		require.Contains(t, want.Applied, want.Makes[name[:strings.Index(name, "(")]], name)
	}
	require.NotEmpty(t, want.Guards)
	for _, g := range want.Guards {
		require.Contains(t, want.Applied, want.Makes[g.Name], g.Name)
	}
	for _, p := range want.Policies {
		require.FileExists(t, filepath.Join("..", "..", "..", "policies", bare(p.Table)+".sql"))
	}
	require.FileExists(t, filepath.Join("..", "..", "..", "supabase", "migrations", realtimeFile(want)))
}

func TestALengthOfTimeIsShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 812345 * time.Nanosecond: "812µs", 1249 * time.Microsecond: "1ms", 45678 * time.Microsecond: "46ms", 522 * time.Millisecond: "522ms",
		1249 * time.Millisecond: "1.2s", 12345 * time.Millisecond: "12s", 10 * time.Minute: "10m", time.Hour: "1h", 299 * time.Second: "4m59s",
	} {
		require.Equal(t, want, short(d))
	}
}

func TestANumberOfBytesIsShort(t *testing.T) {
	for bytes, want := range map[uint64]string{10 << 20: "10 MiB", 1 << 30: "1.0 GiB", 72 << 30: "72 GiB"} {
		require.Equal(t, want, size(bytes))
	}
}
