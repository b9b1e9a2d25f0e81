package stack

import (
	"bufio"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// started runs a shell script that says "ready" when it is.
func started(t *testing.T, script string) *Program {
	t.Helper()
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	cmd.Stdout = writer
	program, err := Run(cmd, syscall.SIGTERM)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	line, err := bufio.NewReader(reader).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	return program
}

func TestProgram(t *testing.T) {
	t.Run("stops when asked", func(t *testing.T) {
		program := started(t, "echo ready; sleep 3600")
		require.NoError(t, program.Err())
		require.NoError(t, program.Stop(time.Minute))
		require.ErrorContains(t, program.Err(), "sh ended")
	})
	t.Run("is killed when it does not stop", func(t *testing.T) {
		program := started(t, "trap '' TERM; echo ready; while true; do sleep 3600; done")
		require.ErrorContains(t, program.Stop(time.Millisecond), "was killed")
		<-program.Done()
	})
	t.Run("may be stopped after it ended", func(t *testing.T) {
		program := started(t, "echo ready")
		<-program.Done()
		require.ErrorContains(t, program.Err(), "sh ended")
		require.NoError(t, program.Stop(time.Minute))
	})
	t.Run("that cannot be started is an error with its name", func(t *testing.T) {
		_, err := Run(exec.Command("/nowhere/postgres"), syscall.SIGTERM)
		require.ErrorContains(t, err, "start postgres")
	})
}

func TestOutputIsWhatAProgramSaid(t *testing.T) {
	out, err := Output(exec.Command("sh", "-c", "echo one; echo two >&2; exit 3"))
	require.ErrorContains(t, err, "exit status 3")
	require.Equal(t, "one\ntwo", out)
}

func TestProgramsDoNotSeeTheUsersOwnDatabases(t *testing.T) {
	t.Setenv("PGHOST", "elsewhere")
	t.Setenv("PGRST_DB_SCHEMAS", "private")
	t.Setenv("SUPABASE_DB_PASSWORD", "theirs")
	env := plainEnv("PGRST_DB_SCHEMAS=public")
	require.NotContains(t, env, "PGHOST=elsewhere")
	require.NotContains(t, env, "PGRST_DB_SCHEMAS=private")
	require.NotContains(t, env, "SUPABASE_DB_PASSWORD=theirs")
	require.Contains(t, env, "PGRST_DB_SCHEMAS=public")
}
