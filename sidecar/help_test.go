package main

import (
	"bytes"
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
	require.Greater(t, seen, 8)
}

func TestVersionIsACommandAndAFlag(t *testing.T) {
	said := func(word string) string {
		var out bytes.Buffer
		c := command()
		c.SetOut(&out)
		c.SetArgs([]string{word})
		require.NoError(t, c.Execute())
		return out.String()
	}
	require.Equal(t, said("--version"), said("version"))
	require.Contains(t, said("version"), "go1.")
}
