package stack

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheAnonKeyIsTheOneOfSupabaseStart(t *testing.T) {
	require.Equal(t, "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJzdXBhYmFzZS1kZW1vIiwicm9sZSI6ImFub24iLCJleHAiOjE5ODM4MTI5OTZ9.CRXP1A7WOeoJeXxjNni43kdQwgnWNReilDMblYTn_I0", AnonKey)
}
