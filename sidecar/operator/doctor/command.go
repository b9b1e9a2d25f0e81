package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/terminal"
)

// ErrFailed says that a check failed. What is wrapped in it names which.
var ErrFailed = errors.New("not all is well")

// Command is `sidecar doctor`. It makes the place when it is called.
func Command(place func() Place) *cobra.Command {
	var q Question
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check the place the sidecar runs in, and name what is wrong with its remedy",
		Long: `Checks the settings, the disk, the clock and the project, and with --url what Zoom
meets at the public address. A line for each check; for what is not as it should
be, the reason and the remedy. It changes nothing and leaves no trace, needs no
running sidecar, and may be called beside one.

  ok        as it should be
  look      it works, and somebody should look at it
  failed    it does not work, or opens what should be closed
  skipped   cannot be told, because of what failed before

The settings come from the environment, as the sidecar has them. The inbox is at
fault from less than 64 MiB of free space on; the clock from a fifth of
SIGNATURE_WINDOW on, and to be looked at from 10 seconds on. An answer to Zoom is
at fault from 3 seconds on, and to be looked at from 1 second on.

It prints the titles and hosts of meetings that an admin should look at. With --as
also the titles of that user's meetings, how many rows they see, and how many of
those policies/README.md does not give them.

Exit code 0: nothing failed. 1: something did, a setting too.`,
		Example: `  sidecar doctor
  sidecar doctor --url https://sidecar.school.example          and what Zoom meets there
  sidecar doctor --as maria@school.test                        and what that user sees
  sidecar doctor --json | jq -r '.checks[] | select(.state == "failed") | .faults[].remedy'
  fly ssh console -C "/sidecar doctor"                         on the machine it runs on`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.As = strings.TrimSpace(q.As)
			return run(cmd.Context(), cmd.OutOrStdout(), place(), q, asJSON)
		},
	}
	f := command.Flags()
	f.StringVar(&q.URL, "url", "", "the public address that Zoom posts to")
	f.StringVar(&q.As, "as", "", "show what the user with this e-mail sees in the app")
	f.BoolVar(&asJSON, "json", false, "print everything as one object")
	return command
}

func run(ctx context.Context, out io.Writer, p Place, q Question, asJSON bool) error {
	if p.Project != nil {
		defer p.Project.Close()
	}
	page := &page{out: out, Paint: terminal.Paint(terminal.Colours(out))}
	r := Examine(ctx, p, q, func(f Finding) {
		if !asJSON && ctx.Err() == nil { // what is found while it is being ended means nothing
			page.finding(f)
		}
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if asJSON {
		page.err = terminal.PrintJSON(out, struct {
			Well bool `json:"well"`
			Report
		}{len(r.Failures()) == 0, r})
	} else {
		page.end(r)
	}
	if failures := r.Failures(); page.err == nil && len(failures) > 0 {
		return fmt.Errorf("%w: %s", ErrFailed, strings.Join(failures, ", "))
	}
	return page.err
}
