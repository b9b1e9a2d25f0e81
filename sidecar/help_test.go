package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// Whoever asks for help gets an example to copy.
func TestEveryCommandHasAnExample(t *testing.T) {
	seen := 0
	var look func(*cobra.Command)
	look = func(c *cobra.Command) {
		for _, child := range c.Commands() {
			look(child)
		}
		if c.Runnable() && c.HasParent() {
			require.NotEmpty(t, c.Example, c.CommandPath())
			require.NotEmpty(t, c.Short, c.CommandPath())
			seen++
		}
	}
	look(command())
	require.Greater(t, seen, 12)
}

func TestVersionIsACommandAndAFlag(t *testing.T) {
	require.Equal(t, runs(t, "--version"), runs(t, "version"))
	require.Contains(t, runs(t, "version"), "go1.")

	var b build
	require.NoError(t, json.Unmarshal([]byte(runs(t, "version", "--json")), &b))
	require.NotEmpty(t, b.Version)
	require.Contains(t, runs(t, "version"), b.Version)
}

// A shell is offered the commands and what they take, and no file of the working
// directory, since nothing takes one.
func TestShellsCompleteWhatIsTyped(t *testing.T) {
	for _, shell := range shells {
		require.Contains(t, runs(t, "completion", shell), "sidecar", shell)
	}
	require.Contains(t, runs(t, "__complete", "inb"), "inbox\tLook into")
	for _, words := range [][]string{{"explain", "--meeting", ""}, {"replay", "--since", ""}, {"rejudge", "--class", ""}, {"list", "--admin", ""}, {"dead", "list", ""}} {
		require.Contains(t, runs(t, append([]string{"__complete"}, words...)...), ":4\n", "%v: no files", words)
	}
}

func TestTheHelpSaysWhatEveryExitCodeMeans(t *testing.T) {
	help := runs(t, "help")
	for _, code := range []int{0, exitFailed, exitSettings, exitUnknown, exitSignal + int(syscall.SIGINT), exitSignal + int(syscall.SIGTERM)} {
		require.Regexp(t, fmt.Sprintf(`\b%d\b`, code), help)
	}
}

// runs gives the command line some words and returns what it says.
func runs(t *testing.T, words ...string) string {
	t.Helper()
	var out bytes.Buffer
	c := command()
	c.SetOut(&out)
	c.SetErr(io.Discard)
	c.SetArgs(words)
	require.NoError(t, c.Execute())
	return out.String()
}
