package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/rejudge"
)

func TestRejudgeEndsWithWhatItsHelpSays(t *testing.T) {
	require.Equal(t, exitUnknown, exitCode(fmt.Errorf("%w: no class", rejudge.ErrNothing)))
	require.Equal(t, exitFailed, exitCode(fmt.Errorf("not all")))
	t.Setenv("SUPABASE_URL", "")
	t.Setenv("SUPABASE_SECRET_KEY", "")
	t.Setenv("SUPABASE_SERVICE_ROLE_KEY", "")
	c := command()
	c.SetArgs([]string{"rejudge", "--since", "1h"})
	require.Equal(t, exitSettings, exitCode(c.Execute()))
}
