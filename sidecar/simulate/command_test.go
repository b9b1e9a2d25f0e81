package simulate

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// plainSidecar verifies, decodes, and has the real function apply each event
// before it answers; spoil, if not nil, may change or drop a fact.
func plainSidecar(t *testing.T, db *pgxpool.Pool, spoil func(*zoom.Fact) bool) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, err := zoom.Verify([]zoom.Secret{testSecret}, r.Header.Get(zoom.HeaderSignature), r.Header.Get(zoom.HeaderTimestamp), body, time.Now(), time.Minute)
		if err != nil {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		fact, err := zoom.Decode(body, time.Time{})
		if err == nil && (spoil == nil || spoil(&fact)) {
			err = applyOne(r.Context(), db, fact)
		}
		if err != nil {
			t.Errorf("apply: %v", err)
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func applyOne(ctx context.Context, db *pgxpool.Pool, fact zoom.Fact) error {
	body, err := json.Marshal([]zoom.Fact{fact})
	if err != nil {
		return err
	}
	_, err = db.Exec(ctx, `select public.apply_zoom_events($1::jsonb, '{"min_minutes":15,"timezone":"UTC"}')`, string(body))
	return err
}

// stageAt puts the seed's school into a project and says how to play there.
func stageAt(t *testing.T, spoil func(*zoom.Fact) bool) (*stacktest.Project, func(arguments ...string) (string, error)) {
	project := stacktest.NewProject(t)
	seed, err := os.ReadFile("../../supabase/seed.sql")
	require.NoError(t, err)
	_, err = project.DB().Exec(t.Context(), string(seed))
	require.NoError(t, err)
	t.Setenv("ZOOM_WEBHOOK_SECRET", string(testSecret)+",an-older-one")
	t.Setenv("SUPABASE_URL", project.URL)
	t.Setenv("SUPABASE_SECRET_KEY", project.SecretKey)
	t.Setenv("ATTENDANCE_MIN_MINUTES", "")
	t.Setenv("ATTENDANCE_TIMEZONE", "")
	url := plainSidecar(t, project.DB(), spoil)
	return project, func(arguments ...string) (string, error) {
		var out strings.Builder
		command := Command()
		command.SetArgs(append([]string{"--url", url, "--check", "--wait", "2s", "--seed", "11"}, arguments...))
		command.SetOut(&out)
		command.SetErr(io.Discard)
		err := command.ExecuteContext(t.Context())
		return out.String(), err
	}
}

func TestALessonEndsInTheRowsItShouldHoweverOftenItIsPlayed(t *testing.T) {
	_, play := stageAt(t, nil)
	// At midday, so that all of them are on one day.
	out, err := play("--start", "2026-03-02T12:00:00Z", "--shuffle")
	require.NoError(t, err, out)
	require.Contains(t, out, "checked for everything")
	require.Contains(t, out, "Maria Oliveira")

	out, err = play("--start", "2026-03-02T12:10:00Z", "--seed", "12")
	require.NoError(t, err, out)
	require.Contains(t, out, "checked for at least")

	out, err = play("--start", "2026-03-01T12:10:00Z", "--seed", "13")
	require.NoError(t, err, out)
	require.Contains(t, out, "checked for attendance only")

	out, err = play("--start", "2026-03-03T12:00:00Z", "--seed", "14")
	require.NoError(t, err, out)
	require.Contains(t, out, "checked for everything")
}

func TestSeveralLessonsArePlayedInMeetingsThatAreGoneAfterwards(t *testing.T) {
	project, play := stageAt(t, nil)
	out, err := play("--lessons", "3", "--class-size", "45", "--senders", "4")
	require.NoError(t, err, out)
	require.Contains(t, out, "3 lesson(s)")
	var meetings, classes int
	require.NoError(t, project.DB().QueryRow(t.Context(),
		"select (select count(*) from public.zoom_meetings), (select count(*) from public.classes)").Scan(&meetings, &classes))
	require.Equal(t, []int{6, 3}, []int{meetings, classes}, "those of the seed")
}

func TestTheCheckFailsWhenTheSidecarGetsItWrong(t *testing.T) {
	var spoil func(*zoom.Fact) bool
	_, play := stageAt(t, func(f *zoom.Fact) bool { return spoil(f) })
	midday := time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour) // a run of today is not over by the clock
	for day, test := range []struct {
		name  string
		spoil func(*zoom.Fact) bool
		says  string
	}{
		{"by losing the ends", func(f *zoom.Fact) bool { return f.Kind != zoom.Ended }, "is started, should be ended"},
		{"by losing who left", func(f *zoom.Fact) bool { return f.Kind != zoom.Left }, "duration is"},
		{"by losing the e-mails", func(f *zoom.Fact) bool { f.Email = ""; return true }, "should be left"},
		{"by a minute", func(f *zoom.Fact) bool {
			if f.Kind == zoom.Joined {
				f.At = f.At.Add(time.Minute)
			}
			return true
		}, "join time is"},
	} {
		t.Run(test.name, func(t *testing.T) {
			spoil = test.spoil
			out, err := play("--wait", "200ms", "--start", midday.AddDate(0, 0, day).Format(time.RFC3339))
			require.ErrorIs(t, err, ErrWrong)
			require.Contains(t, out, test.says)
		})
	}
}

func TestAllFaultsOfTheSettingsAreNamedAtOnce(t *testing.T) {
	for _, name := range []string{"ZOOM_WEBHOOK_SECRET", "SUPABASE_URL", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"} {
		t.Setenv(name, "")
	}
	command := Command()
	command.SetArgs([]string{"--check", "--senders", "0", "--start", "yesterday"})
	command.SetErr(io.Discard)
	err := command.ExecuteContext(t.Context())
	for _, part := range []string{"ZOOM_WEBHOOK_SECRET", "SUPABASE_URL", "--senders", "--start"} {
		require.ErrorContains(t, err, part)
	}
}
