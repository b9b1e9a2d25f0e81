// Command bench measures how fast the sidecar is, and beside what. See
// ./scripts/bench, which builds and starts it.
//
// A number alone says more about the machine than about the program, so each is
// taken in one run with others to hold it against, in turns, warm, and the
// ratios are what counts:
//
//   - the route: the same work as an app's own webhook route does it, in Node
//     with supabase-js, a call of the database after another (see route/);
//   - the limits: gin that checks a signature and does nothing else, the disk
//     that writes and syncs, PostgreSQL that is given the same batches by
//     pgbench, without a sidecar, PostgREST or HTTP.
//
// Everything is a real process, as in ./scripts/chaos: the production binary,
// PostgREST, and PostgreSQL with fsync on.
//
//	lessons ─▶ sender ─▶ sidecar ─▶ gateway, PostgREST ─▶ Postgres ─▶ times of the commits
//	              └────▶ route ───▶ gateway, PostgREST ─▶ Postgres        │
//	              └────▶ gin                  pgbench ──▶ Postgres        ▼
//	                                                               check, then the table
//
// After each round the rows are compared with the independent model of package
// oracle, or, those of the route and of another revision, counted: who loses events is not fast. That
// is the only way to fail. A target that is missed is shown and no more, since
// times depend on the machine.
//
// The sender, the gateway and the databases share the machine with what is
// measured, for every contestant alike.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// options are the flags.
type options struct {
	only    []string
	rounds  int
	quick   bool
	compare string
}

func command() *cobra.Command {
	var o options
	var list bool
	cmd := &cobra.Command{
		Use:   "./scripts/bench",
		Short: "Measure the sidecar beside a plain route and beside what the machine can do",
		Long: `Measures the sidecar, a plain Node route that does the same work, and the limits of this machine, in turns.
The table is also written to .local/bench.md, latency against load to .local/bench.svg.

  ./scripts/bench                    every measurement
  ./scripts/bench --only settled     one; may be given again
  ./scripts/bench --quick            small, to try it: the numbers mean little
  ./scripts/bench --compare HEAD~3   another revision's sidecar and migrations beside those of the working tree`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				printMeasurements()
				return nil
			}
			if o.compare != "" {
				return compare(cmd.Context(), o)
			}
			return run(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the measurements")
	cmd.Flags().StringArrayVar(&o.only, "only", nil, "only this measurement")
	cmd.Flags().IntVar(&o.rounds, "rounds", 0, "how often each is measured (default 3, with --compare 6)")
	cmd.Flags().BoolVar(&o.quick, "quick", false, "small sizes")
	cmd.Flags().StringVar(&o.compare, "compare", "", "measure the sidecar of this revision, too, and compare")
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.AddCommand(ginCommand())
	return cmd
}
