package endtoend_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What an operator sees at eight in the morning when the sidecar will not
// start: one line that says why, and an exit code.
func TestAStartThatIsRefusedSaysWhy(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	// No project is needed to open the door: one that is down must not close it.
	running := startSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	inUse, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, inUse.Close()) }()

	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	damaged := filepath.Join(t.TempDir(), "inbox")
	damage(ctx, t, damaged)

	for sentence, c := range map[string]struct {
		set  []string
		code int
		says []string
	}{
		"settings that are missing or wrong, all at once": {
			[]string{"ZOOM_WEBHOOK_SECRET=", "SUPABASE_URL=school", "PORT=door"}, 2, []string{"ZOOM_WEBHOOK_SECRET", "SUPABASE_URL", "PORT"}},
		"a secret in the quotes of an env file": {
			[]string{`ZOOM_WEBHOOK_SECRET="invented-secret"`, `SUPABASE_SECRET_KEY='sb_secret_invented'`}, 2, []string{"ZOOM_WEBHOOK_SECRET has quotes", "SUPABASE_SECRET_KEY has quotes"}},
		"a port in use": {
			[]string{"PORT=" + fmt.Sprint(inUse.Addr().(*net.TCPAddr).Port)}, 1, []string{"listen on 127.0.0.1:", "address already in use"}},
		"an inbox that another process has locked": {
			[]string{setting(running.env, "INBOX_DIR")}, 1, []string{"another process", setting(running.env, "INBOX_DIR")[len("INBOX_DIR="):]}},
		"an inbox directory that cannot be one": {
			[]string{"INBOX_DIR=" + file + "/inbox"}, 1, []string{file}},
		"an inbox that is damaged": {
			[]string{"INBOX_DIR=" + damaged}, 1, []string{"damaged", damaged, "sidecar inbox check", "sidecar inbox set-aside"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			cmd := exec.CommandContext(ctx, running.binary)
			cmd.Env = append(append([]string{}, running.env...), fmt.Sprintf("PORT=%d", freePort(t)), "ADMIN_ADDR=127.0.0.1:0", "INBOX_DIR="+filepath.Join(t.TempDir(), "inbox"))
			cmd.Env = append(cmd.Env, c.set...)
			out, err := cmd.CombinedOutput()
			exit, ok := errors.AsType[*exec.ExitError](err)
			require.True(t, ok, "it started: %s", out)
			require.Equal(t, c.code, exit.ExitCode(), string(out))
			said := string(out)
			last := said[strings.LastIndex(said, "sidecar: ")+1:]
			for _, words := range c.says {
				require.Contains(t, last, words)
			}
		})
	}
	running.stop(t)
}

// setting is NAME=value as it is in the environment.
func setting(env []string, name string) string {
	for _, entry := range env {
		if strings.HasPrefix(entry, name+"=") {
			return entry
		}
	}
	return ""
}

// damage fills an inbox with a real event, by a real sidecar, and then takes
// the file away.
func damage(ctx context.Context, t *testing.T, dir string) {
	p := newProcess(t, dir, "http://127.0.0.1:1", "sb_secret_invented")
	p.start(ctx, t)
	p.deliver(ctx, t, []byte(`{"event":"meeting.started","event_ts":1772441252345,"payload":{"object":{"id":"81234567890","uuid":"aB==","start_time":"2026-03-02T08:00:04Z"}}}`))
	p.stop(t)
	require.NoError(t, os.Remove(filepath.Join(dir, "inbox.db")))
}
