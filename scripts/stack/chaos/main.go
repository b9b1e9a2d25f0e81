// Command chaos sends events and then verifies: it keeps a ledger of every
// event that a real sidecar answered 200 to, breaks what the sidecar leans on,
// mends it, and asks the database. See ./scripts/chaos, which builds and
// starts it.
//
// It checks the first two parts of the promise, "an event we answered 200 to
// is never lost, takes effect once". Everything is a real process: the sidecar,
// PostgREST, PostgreSQL with fsync on, nats-server for a cluster. What must be
// in the rows is computed by the independent model of package simulate.
//
//	lessons ─▶ sender ──▶ sidecar ──▶ line ──▶ gateway, PostgREST ──▶ Postgres
//	             │           ▲         ▲                    ▲             │
//	             ▼           └─────────┴─── faults ─────────┘             ▼
//	          ledger ──▶ model ─────────────── verdict ◀──────────────── rows
//
// The sender does as Zoom does, only sooner: no answer or a 5xx and it sends
// again; a 4xx and it never does. A fault counts each time it bites, and one
// that did not bite has proved nothing, which fails the run. Times are shown
// and not judged.
//
// Whatever was started is stopped before chaos ends, on Ctrl-C too, and ends
// with it should it be killed.
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
	if err == nil {
		return
	}
	if !errors.Is(err, errBroken) { // which has been told at length
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	os.Exit(1)
}

// errBroken says that the promise was broken, or a fault did not bite.
var errBroken = errors.New("not as promised")

// options are the flags.
type options struct {
	only    []string
	short   bool
	minutes float64
}

func command() *cobra.Command {
	var opts options
	var list bool
	cmd := &cobra.Command{
		Use:   "./scripts/chaos",
		Short: "Break what the sidecar leans on, and see that no event is lost or counted twice",
		Long: `Sends events to a real sidecar while the world around it breaks, and then asks the database whether
each event that was answered 200 is there, once. The table is also written to .local/chaos.md.

  ./scripts/chaos                   every fault, once
  ./scripts/chaos --minutes 60      every fault, again and again, for an hour in all
  ./scripts/chaos --only poison     one fault; may be given again
  ./scripts/chaos --short           what ./scripts/test runs, about a minute`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				printFaults()
				return nil
			}
			chosen, err := choose(opts)
			if err != nil {
				return err
			}
			return run(cmd.Context(), chosen, opts)
		},
	}
	cmd.Flags().BoolVar(&list, "list", false, "list the faults")
	cmd.Flags().StringArrayVar(&opts.only, "only", nil, "only this fault")
	cmd.Flags().BoolVar(&opts.short, "short", false, "the faults of ./scripts/test, a few hundred events each")
	cmd.Flags().Float64Var(&opts.minutes, "minutes", 0, "go on for so long, spread over the faults")
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}
