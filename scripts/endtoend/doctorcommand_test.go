package endtoend_test

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// The real program looks at itself, while it runs.
func TestTheDoctorsWords(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	_, err := project.DB().Exec(ctx, `insert into public.users (email, name, role) values ('maria@school.test', 'Maria', 'student')`)
	require.NoError(t, err)
	p := startSidecar(ctx, t, project.URL, project.SecretKey)
	ask := func(set string, words ...string) (said, complaint string, code int) {
		cmd := exec.CommandContext(ctx, p.binary, append([]string{"doctor"}, words...)...)
		cmd.Env = append(append([]string{}, p.env...), "INBOX_MAX_BYTES=16777216", set)
		out, err := cmd.Output()
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			return string(out), string(exit.Stderr), exit.ExitCode()
		}
		require.NoError(t, err)
		return string(out), "", 0
	}

	said, complaint, code := ask("", "--as", "maria@school.test")
	require.Zero(t, code, said+complaint)
	require.Contains(t, said, "ok        inbox")
	require.Contains(t, said, "a running sidecar has it open")
	require.Contains(t, said, "the view of an active student")
	require.Contains(t, said, "Nothing failed")
	require.NotContains(t, said, "\x1b", "colours are for a terminal")
	require.NotContains(t, said, project.SecretKey)

	said, complaint, code = ask("SUPABASE_SECRET_KEY=sb_secret_of-nobody", "--url", p.url)
	require.Equal(t, 1, code)
	require.Contains(t, said, "FAILED    key")
	require.Contains(t, said, "remedy: make a secret key")
	require.Contains(t, said, "skipped   policies")
	require.Contains(t, said, "ok        challenge")
	require.Equal(t, "sidecar: not all is well: key\n", complaint)
	require.NotContains(t, said, "of-nobody")

	said, _, code = ask("PORT=door", "--json")
	require.Equal(t, 1, code, "a setting is a check like the others")
	var answer struct {
		Well   bool
		Checks []struct {
			Check, State, Says string
			Faults             []struct{ Reason, Remedy string }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(said), &answer))
	require.False(t, answer.Well)
	require.Equal(t, "failed", answer.Checks[0].State)
	require.Contains(t, answer.Checks[0].Faults[0].Reason, "PORT")
	require.Equal(t, "ok", answer.Checks[1].State)
	require.NotContains(t, strings.ToLower(said), `"reason": ""`)

	said, _, code = ask("", "--json", "--as", "maria@school.test")
	require.Zero(t, code, said)
	require.Contains(t, said, `"seen": {`)
}
