package stack

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Only the end of both processes closes the pipe that both hold.
func TestAProgramEndsWhenItsParentIsKilled(t *testing.T) {
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), parentEnv+"=1")
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	parent.Stdout = writer
	require.NoError(t, parent.Start())
	require.NoError(t, writer.Close())
	require.NoError(t, reader.SetReadDeadline(time.Now().Add(time.Minute)))

	lines := bufio.NewReader(reader)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready\n", line)
	require.NoError(t, parent.Process.Kill())
	_, err = io.Copy(io.Discard, lines)
	require.NoError(t, err, "the program outlived its parent")
	require.Error(t, parent.Wait())
}
