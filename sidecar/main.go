// Command sidecar turns Zoom's webhooks into attendance in a Supabase project.
//
// An event we answered 200 to is never lost, takes effect once, and is seen
// only by those entitled. Each room keeps its part of that sentence:
//
//	Zoom ──POST──▶ hook ──▶ inbox ──▶ relay ──▶ supabase ──▶ rpc/apply_zoom_events
//	               verify    durable   batches   PostgREST
//	               answer    then 200  retries   typed errors
//
// main wires the rooms, waits for a signal, and closes them in the order in
// which an event goes through them.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/simulate"
)

// Exit codes.
const (
	exitFailed   = 1 // it could not start, or had to stop
	exitSettings = 2 // the settings are not right
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends at once

	err := command().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "sidecar:", err)
	if _, ok := errors.AsType[settingsError](err); ok {
		os.Exit(exitSettings)
	}
	os.Exit(exitFailed)
}

// command is the command line: serve is what happens without a word.
func command() *cobra.Command {
	root := &cobra.Command{
		Use:           "sidecar",
		Short:         "Turns Zoom's webhooks into attendance in a Supabase project",
		Long:          "Turns Zoom's webhooks into attendance in a Supabase project.\nSettings come from the environment; .env.example lists them all.",
		Version:       version(),
		Args:          cobra.NoArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          serveCommand,
	}
	root.AddCommand(
		&cobra.Command{Use: "serve", Short: "Receive events and carry them on (the default)", Args: cobra.NoArgs, RunE: serveCommand},
		simulate.Command(),
	)
	return root
}

func serveCommand(cmd *cobra.Command, _ []string) error {
	c, err := readConfig(os.Environ())
	if err != nil {
		return err
	}
	return serve(cmd.Context(), c)
}
