package endtoend_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// The real program asks a real project why.
func TestExplainSaysWhy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	seed, err := os.ReadFile("../../supabase/seed.sql")
	require.NoError(t, err)
	_, err = project.DB().Exec(ctx, string(seed))
	require.NoError(t, err)
	_, err = project.DB().Exec(ctx, `select public.apply_zoom_events('[
		{"kind": "started", "meeting": "81234567890", "instance": "first==", "at": "2026-03-02T08:00:00Z"},
		{"kind": "joined", "meeting": "81234567890", "instance": "first==", "at": "2026-03-02T08:00:00Z", "segment": "1", "connection": "A", "email": "MARIA@school.test", "name": "Maria"},
		{"kind": "left", "meeting": "81234567890", "instance": "first==", "at": "2026-03-02T08:09:00Z", "segment": "1", "connection": "A"},
		{"kind": "ended", "meeting": "81234567890", "instance": "first==", "at": "2026-03-02T08:45:00Z"}]')`)
	require.NoError(t, err)
	p := newSidecar(t, project.URL, project.SecretKey)

	ask := func(env []string, words ...string) (said string, code int) {
		cmd := exec.CommandContext(ctx, p.binary, append([]string{"explain"}, words...)...)
		cmd.Env = append([]string{"LOG_LEVEL=error"}, env...)
		out, err := cmd.CombinedOutput()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return string(out), exit.ExitCode()
		}
		require.NoError(t, err)
		return string(out), 0
	}
	env := []string{"SUPABASE_URL=" + project.URL, "SUPABASE_SECRET_KEY=" + project.SecretKey, "ATTENDANCE_TIMEZONE=Europe/Berlin"}

	said, code := ask(env, "--meeting", "812 3456 7890", "--student", "maria@SCHOOL.test")
	require.Equal(t, 0, code, said)
	require.Contains(t, said, "Maria Oliveira is marked partial for Mathematics 7b on 2 March 2026: 9 minutes of the 15 minutes that are needed.\n")
	require.Contains(t, said, "09:09:00")

	said, code = ask(append(env, "ATTENDANCE_MIN_MINUTES=5"), "--meeting", "81234567890", "--student", "maria@school.test", "--date", "2026-03-02", "--json")
	require.Equal(t, 0, code, said)
	var answer struct{ Verdict, Rule, Record string }
	require.NoError(t, json.Unmarshal([]byte(said), &answer))
	require.Equal(t, "partial: 9 minutes of the 15 minutes that are needed", answer.Rule, "a lesson goes by the settings of when it began")
	require.Equal(t, []string{"partial", "partial"}, []string{answer.Verdict, answer.Record})

	for _, test := range []struct {
		name  string
		env   []string
		words []string
		code  int
		says  string
	}{
		{"no such meeting", env, []string{"--meeting", "1", "--student", "maria@school.test"}, 3, "no meeting of the school has the number 1"},
		{"no such student", env, []string{"--meeting", "81234567890", "--student", "nobody@school.test"}, 3, "nobody@school.test"},
		{"no lesson that day", env, []string{"--meeting", "81234567890", "--student", "maria@school.test", "--date", "2026-03-03"}, 3, "the latest was on 2026-03-02"},
		{"no settings", nil, []string{"--meeting", "1", "--student", "maria@school.test"}, 2, "SUPABASE_URL is missing"},
		{"no project", []string{"SUPABASE_URL=http://127.0.0.1:1", "SUPABASE_SECRET_KEY=sb_secret_invented"}, []string{"--meeting", "1", "--student", "maria@school.test"}, 1, "ask the project"},
		{"no student given", env, []string{"--meeting", "1"}, 1, "student"},
	} {
		t.Run(test.name, func(t *testing.T) {
			said, code := ask(test.env, test.words...)
			require.Equal(t, test.code, code, said)
			require.Contains(t, said, test.says)
			require.NotContains(t, said, "ZOOM_WEBHOOK_SECRET", "a setting it does not need")
		})
	}
}
