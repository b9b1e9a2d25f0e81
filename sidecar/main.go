// Command sidecar turns Zoom's webhooks into attendance in a Supabase project.
//
// An event we answered 200 to is never lost, takes effect once, and is seen
// only by those entitled. Each room keeps its part of that sentence:
//
//	Zoom ──POST──▶ hook ──▶ inbox ──▶ relay ──▶ supabase ──▶ rpc/apply_zoom_events
//	               verify    durable   batches   PostgREST
//	               answer    then 200  retries   typed errors
//
//	page ──GET, POST──▶ meetings ──▶ supabase, as the user ──▶ rpc/enter_zoom_meeting and its like
//
//	operator ──▶ operator/admin, which asks for the token ──▶ operator/board ──▶ supabase ──▶ rpc/lesson_timeline and its like
//
// Beside them operator/watch looks out for what nobody would notice: that Zoom is silent.
//
// main wires the rooms, waits for a signal, and closes them in the order in
// which an event goes through them.
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/operator/admin"
	"zoom-attendance/sidecar/operator/explain"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/simulate"
)

// Exit codes.
const (
	exitFailed   = 1   // it could not start, or had to stop
	exitSettings = 2   // the settings are not right
	exitUnknown  = 3   // inbox check could not look, so it cannot tell; explain has nothing to explain, rejudge nothing to judge
	exitSignal   = 128 // and the signal's number: ended at once by a second signal
)

func main() {
	err := command().ExecuteContext(untilSignal())
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "sidecar:", err)
	os.Exit(exitCode(err))
}

func exitCode(err error) int {
	if _, ok := errors.AsType[settingsError](err); ok {
		return exitSettings
	}
	if errors.Is(err, errCannotTell) || errors.Is(err, explain.ErrNothing) || errors.Is(err, rejudge.ErrNothing) {
		return exitUnknown
	}
	return exitFailed
}

const about = `Turns Zoom's webhooks into attendance in a Supabase project.

Settings come from the environment; .env.example lists them all.

Exit codes: 0 all is well; 1 it could not be done, or had to stop; 2 the settings
are not right; 3 it cannot be told; 130 and 143 ended at once by a second signal.`

// command is the command line: serve is what happens without a word.
func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "sidecar",
		Short:         "Turns Zoom's webhooks into attendance in a Supabase project",
		Long:          about,
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          serveCommand,
	}
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Receive events and carry them on (the default)", Args: cobra.NoArgs, RunE: serveCommand,
			Example: "  set -a && . ./.env && sidecar serve"},
		versionCommand(),
		inboxCommand(),
		doctorCommand(),
		explainCommand(),
		listCommand(),
		rejudgeCommand(),
		simulate.Command(),
		completionCommand(),
	)
	root.AddCommand(admin.Commands()...)
	root.CompletionOptions.SetDefaultShellCompDirective(cobra.ShellCompDirectiveNoFileComp) // nothing takes a file
	return root
}

func serveCommand(cmd *cobra.Command, _ []string) error {
	c, err := readConfig(os.Environ())
	if err != nil {
		return err
	}
	return serve(cmd.Context(), c)
}
