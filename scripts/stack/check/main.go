// Command check runs every check of the repository, or some of them; see
// ./scripts/test, which builds and starts it.
//
// A step is announced, timed, and says on one line how it went. One that fails
// shows its output; the others run all the same, and the end says how to run
// each failed one alone. Steps that need a database share one server, started
// by the first of them. Whatever was started is stopped before check ends, on
// Ctrl-C too; what a killed run left on disk is deleted by the next.
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
	if err := run(ctx, os.Args[1:]); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintln(os.Stderr, "test:", err)
		}
		os.Exit(1)
	}
}

// errSaid is a failure that the user has been told of.
var errSaid = errors.New("failed")

// run follows the command line. `--go` takes the rest of it for `go test`,
// flags included, so it is looked for before flags are read.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "--go" {
		if len(args) == 1 {
			args = append(args, "./...")
		}
		return inSuite(func(s *suite) error { return s.goTest(ctx, args[1:]...) })
	}
	return command().ExecuteContext(ctx)
}

func command() *cobra.Command {
	var only []string
	var list, answers bool
	cmd := &cobra.Command{
		Use:   "./scripts/test",
		Short: "Run every check of the repository",
		Long: `Runs every check of the repository, from a bare clone: it fetches what it needs, and leaves nothing running.

  ./scripts/test                                all steps
  ./scripts/test --only pgtap                   one step; may be given again
  ./scripts/test --go ./sidecar/relay -run X    go test -race for some packages, with all they need running`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if list {
				printSteps()
				return nil
			}
			chosen, err := choose(only)
			if err != nil {
				return err
			}
			return inSuite(func(s *suite) error {
				s.measures = answers
				return runSteps(cmd.Context(), s, chosen)
			})
		},
	}
	cmd.Flags().StringArrayVar(&only, "only", nil, "run this step only")
	cmd.Flags().BoolVar(&list, "list", false, "list the steps")
	cmd.Flags().BoolVar(&answers, "answers", false, "with --only adoption: measure the app's heaviest reads before and after, and check nothing")
	cmd.CompletionOptions.DisableDefaultCmd = true
	return cmd
}
