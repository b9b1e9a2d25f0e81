package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
)

func TestChosenStepsKeepTheirOrder(t *testing.T) {
	chosen, err := choose([]string{"pgtap", "gofmt"})
	require.NoError(t, err)
	require.Len(t, chosen, 2)
	require.Equal(t, "gofmt", chosen[0].name)
	require.Equal(t, "pgtap", chosen[1].name)

	all, err := choose(nil)
	require.NoError(t, err)
	require.Len(t, all, len(steps))

	_, err = choose([]string{"lint"})
	require.ErrorContains(t, err, `no step "lint"`)
}

func TestAFailedStepFailsTheRunAndTheOthersStillRun(t *testing.T) {
	var ran []string
	run := func(name string, err error) step {
		return step{name, "", func(*suite, context.Context) error {
			ran = append(ran, name)
			return err
		}}
	}
	err := runSteps(t.Context(), new(suite), []step{run("a", nil), run("b", errors.New("wrong")), run("c", nil)})
	require.ErrorIs(t, err, errSaid)
	require.Equal(t, []string{"a", "b", "c"}, ran)
	require.NoError(t, runSteps(t.Context(), new(suite), []step{run("a", nil)}))
}

func TestEveryBashScriptIsChecked(t *testing.T) {
	s := &suite{tree: &stack.Tree{Root: "../../.."}}
	scripts, err := s.bashScripts("scripts", ".ci")
	require.NoError(t, err)
	for _, script := range []string{"scripts/dev", "scripts/test", "scripts/stack/run", ".ci/run"} {
		require.Contains(t, scripts, "../../../"+script)
	}
}
