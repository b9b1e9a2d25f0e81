package main_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// offline runs the binary with words, such as inbox check, with no settings but
// INBOX_DIR, and returns what it says and its exit code.
func (p *process) offline(ctx context.Context, t *testing.T, input string, words ...string) (said string, code int) {
	cmd := exec.CommandContext(ctx, p.binary, words...)
	cmd.Env = []string{setting(p.env, "INBOX_DIR"), "LOG_LEVEL=error"}
	cmd.Stdin = strings.NewReader(input)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	require.NoError(t, err)
	return string(out), 0
}

// What an operator does whose disk lost a part of the inbox.
func TestADamagedInboxIsSetAside(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := buildSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	dir := strings.TrimPrefix(setting(p.env, "INBOX_DIR"), "INBOX_DIR=")

	said, code := p.offline(ctx, t, "", "inbox", "check")
	require.Equal(t, 3, code, said)
	require.Contains(t, said, "volume mounted")

	p.start(ctx, t)
	require.Contains(t, p.said(), "a new inbox was made")
	for range 3 {
		p.deliver(ctx, t, []byte(started))
	}
	for _, words := range [][]string{{"inbox", "check"}, {"inbox", "set-aside", "--yes"}} {
		said, code = p.offline(ctx, t, "", words...)
		require.NotZero(t, code)
		require.Contains(t, said, "another process holds it")
	}
	p.stop(t)

	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Zero(t, code, said)
	require.Contains(t, said, "sound")
	require.Contains(t, said, "3 groups: 3 events waiting")
	said, code = p.offline(ctx, t, "", "inbox", "check", "--json")
	require.Zero(t, code, said)
	require.JSONEq(t, `{"damaged": false, "dir": "`+dir+`", "streams": [
		{"name": "ZOOM_EVENTS", "groups": 3, "waiting": 3, "settled": 0, "dead": 0},
		{"name": "ZOOM_LATER", "groups": 0, "waiting": 0, "settled": 0, "dead": 0},
		{"name": "ZOOM_DEAD", "groups": 0, "waiting": 0, "settled": 0, "dead": 0}]}`, said)

	spoilFirst(t, dir)
	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Equal(t, 1, code, said)
	for _, words := range []string{"DAMAGED", "2 events waiting", "cannot be read", "missing: groups 1", "sidecar inbox set-aside"} {
		require.Contains(t, said, words)
	}
	said, code = p.offline(ctx, t, "", "serve")
	require.Equal(t, 2, code, "it has no settings: %s", said)

	said, code = p.offline(ctx, t, "no\n", "inbox", "set-aside")
	require.Equal(t, 1, code, said)
	require.Contains(t, said, "nothing was changed")
	said, code = p.offline(ctx, t, "yes\n", "inbox", "set-aside")
	require.Zero(t, code, said)
	require.Contains(t, said, "2 of 2\n", "how far it is")
	require.Contains(t, said, "Brought over: 2 waiting events")
	old, err := filepath.Glob(dir + ".damaged-*")
	require.NoError(t, err)
	require.Len(t, old, 1)
	require.Contains(t, said, old[0])

	p.serving = make(chan struct{})
	p.start(ctx, t)
	require.Equal(t, 1, strings.Count(p.said(), "a new inbox was made"))
	p.stop(t)
	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Zero(t, code, said)
	require.Contains(t, said, "2 events waiting")
}

// spoilFirst spoils the first event of an inbox.
func spoilFirst(t *testing.T, dir string) {
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "ZOOM_EVENTS", "msgs", "*.blk"))
	require.NoError(t, err)
	require.NotEmpty(t, blocks)
	f, err := os.OpenFile(blocks[0], os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("spoilt"), 100)
	require.NoError(t, errors.Join(err, f.Close()))
}

func TestInboxCommandsNameTheSettingThatIsWrong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := buildSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	for _, c := range []struct {
		set  string
		code int
		says string
	}{
		{"INBOX_MAX_BYTES=none", 2, "INBOX_MAX_BYTES"},
		{"NATS_URL=nats://127.0.0.1:1", 3, "NATS cluster"},
	} {
		cmd := exec.CommandContext(ctx, p.binary, "inbox", "check")
		cmd.Env = []string{c.set}
		out, err := cmd.CombinedOutput()
		exit, ok := errors.AsType[*exec.ExitError](err)
		require.True(t, ok)
		require.Equal(t, c.code, exit.ExitCode(), string(out))
		require.Contains(t, string(out), c.says)
	}
}
