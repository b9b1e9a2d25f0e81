package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
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
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
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
		require.Contains(t, said, "another process works in "+dir)
	}
	p.stop(t)

	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Zero(t, code, said)
	require.Contains(t, said, "sound")
	require.Contains(t, said, "3 events waiting, 0 settled, 0 dead letters")
	said, code = p.offline(ctx, t, "", "inbox", "check", "--json")
	require.Zero(t, code, said)
	require.JSONEq(t, `{"damaged": false, "dir": "`+dir+`", "waiting": 3, "settled": 0, "dead": 0, "removed": 0, "last": 3}`, said)

	spoilFirst(t, dir)
	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Equal(t, 1, code, said)
	for _, words := range []string{"DAMAGED", "2 events waiting", "damaged: event ", "does not have its sum", "sidecar inbox set-aside"} {
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
	old, err := filepath.Glob(filepath.Join(dir, "set-aside-*"))
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

// spoilFirst changes a letter in the body of an event of a stopped sidecar's inbox.
func spoilFirst(t *testing.T, dir string) {
	path := filepath.Join(dir, "inbox.db")
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	at := bytes.Index(content, []byte(started))
	require.Positive(t, at)
	content[at+len(started)/2] ^= 1
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// What an operator asks of a sidecar that runs.
func TestTheInboxIsAskedAndCopiedWhileTheSidecarRuns(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
	file := filepath.Join(t.TempDir(), "copy.db")
	for _, words := range [][]string{{"inbox", "sql", "select 1"}, {"inbox", "copy", file}} {
		said, code := p.offline(ctx, t, "", words...)
		require.Equal(t, 3, code, said)
		require.Contains(t, said, "volume mounted")
	}
	p.start(ctx, t)
	for range 3 {
		p.deliver(ctx, t, []byte(started))
	}

	said, code := p.offline(ctx, t, "", "inbox", "sql", "select meeting, kind, count(*) as events from events group by 1, 2")
	require.Zero(t, code, said)
	for _, words := range []string{"81234567890", "meeting.started", "3", "1 rows"} {
		require.Contains(t, said, words)
	}
	said, code = p.offline(ctx, t, "", "inbox", "sql", "--json", "select number, outcome, body from events where number = 2")
	require.Zero(t, code, said)
	var rows []struct {
		Number  int
		Outcome *string
		Body    string
	}
	require.NoError(t, json.Unmarshal([]byte(said), &rows), said)
	require.Len(t, rows, 1)
	require.Equal(t, 2, rows[0].Number)
	require.Nil(t, rows[0].Outcome)
	require.Equal(t, started, rows[0].Body)
	said, code = p.offline(ctx, t, "", "inbox", "sql", "select char(27) || '[2J' as trick")
	require.Zero(t, code, said)
	require.Contains(t, said, `\u001b[2J`, "a terminal obeys nothing")

	for statement, says := range map[string]string{
		"delete from events":          "readonly",
		"select nothing from events":  "nothing",
		"update book set removed = 7": "readonly",
		"with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n": "longer than 1s",
	} {
		said, code = p.offline(ctx, t, "", "inbox", "sql", statement)
		require.Equal(t, 1, code, said)
		require.Contains(t, said, says)
	}

	said, code = p.offline(ctx, t, "", "inbox", "copy", file)
	require.Zero(t, code, said)
	require.Contains(t, said, file)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	said, code = p.offline(ctx, t, "", "inbox", "copy", file)
	require.Equal(t, 1, code, "it is there already: %s", said)

	p.deliver(ctx, t, []byte(started))
	p.stop(t)
	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Zero(t, code, said)
	require.Contains(t, said, "4 events waiting")
}

// What backups.md says of a disk that was lost.
func TestACopyIsRestored(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
	dir := strings.TrimPrefix(setting(p.env, "INBOX_DIR"), "INBOX_DIR=")
	file := filepath.Join(t.TempDir(), "copy.db")
	p.start(ctx, t)
	p.deliver(ctx, t, []byte(started))
	said, code := p.offline(ctx, t, "", "inbox", "copy", file)
	require.Zero(t, code, said)
	p.stop(t)
	require.NoError(t, os.RemoveAll(dir))

	require.NoError(t, os.Mkdir(dir, 0o700))
	require.NoError(t, os.Rename(file, filepath.Join(dir, "inbox.db")))
	said, code = p.offline(ctx, t, "", "inbox", "check")
	require.Equal(t, 1, code, said)
	require.Contains(t, said, "damaged: inbox.last is missing")
	said, code = p.offline(ctx, t, "", "inbox", "set-aside", "--yes")
	require.Zero(t, code, said)
	require.Contains(t, said, "Brought over: 1 waiting events")
	p.serving = make(chan struct{})
	p.start(ctx, t)
	p.stop(t)
}

func TestInboxCommandsNameTheSettingThatIsWrong(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
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
