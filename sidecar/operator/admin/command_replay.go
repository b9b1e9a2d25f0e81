package admin

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/terminal"
)

var (
	errNoAnswer = errors.New("there is no terminal to ask at: --yes goes on without a question, --dry-run only counts")
	errNotNow   = errors.New("nothing was replayed")
)

type replayOptions struct {
	since, meeting, outcome string
	dryRun, yes, asJSON     bool
}

// ask makes the question to the sidecar of the options.
func (o replayOptions) ask(now time.Time) (inbox.Replay, url.Values, error) {
	r := inbox.Replay{Meeting: strings.NewReplacer(" ", "", "-", "").Replace(o.meeting), Outcome: o.outcome} // as Zoom's pages write a number
	query := url.Values{"meeting": {r.Meeting}, "outcome": {r.Outcome}}
	if o.since == "" {
		return r, query, nil
	}
	since, err := sinceOf(o.since, now)
	r.Since = since
	query.Set("since", since.Format(time.RFC3339Nano))
	return r, query, err
}

// replay counts, asks, replays, and shows how far it is.
func replay(cmd *cobra.Command, c *client, o replayOptions) error {
	which, query, err := o.ask(time.Now())
	if err != nil {
		return err
	}
	var found countView
	if err := c.ask(cmd.Context(), http.MethodGet, "/replay", query, &found); err != nil {
		return err
	}
	if o.asJSON {
		if err := terminal.PrintJSON(cmd.OutOrStdout(), found); err != nil {
			return err
		}
	} else {
		printCount(cmd.OutOrStdout(), found, which)
	}
	if o.dryRun || found.Events == 0 {
		return nil
	}
	if !o.yes {
		if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	bar := terminal.NewBar(cmd.ErrOrStderr(), found.Events)
	last, err := c.watch(cmd.Context(), "/replay", query, bar.Set)
	bar.Done()
	fmt.Fprintf(cmd.OutOrStdout(), "%d events were applied again\n", last.Done)
	return err
}

// sinceOf reads a date, a time, or how long ago.
func sinceOf(text string, now time.Time) (time.Time, error) {
	since, err := terminal.Past(text, now)
	if err != nil {
		return since, fmt.Errorf("--since %w", err)
	}
	return since, nil
}

// printCount says how many events it would be, and of which.
func printCount(out io.Writer, found countView, which inbox.Replay) {
	of := ""
	if which.Meeting != "" {
		of += " of meeting " + which.Meeting
	}
	if which.Outcome != "" {
		of += " settled as " + which.Outcome
	}
	if !which.Since.IsZero() {
		of += " accepted since " + moment(which.Since)
	}
	fmt.Fprintf(out, "%d events%s can be applied again\n", found.Events, of)
	if found.From.After(which.Since) {
		fmt.Fprintf(out, "what was accepted before %s may be gone\n", moment(found.From))
	}
}

// confirm asks whether to go on.
func confirm(in io.Reader, out io.Writer) error {
	if !terminal.Is(in) {
		return errNoAnswer
	}
	fmt.Fprint(out, "Apply them again? [y/N] ")
	answer, _ := bufio.NewReader(in).ReadString('\n')
	if a := strings.ToLower(strings.TrimSpace(answer)); a != "y" && a != "yes" {
		return errNotNow
	}
	return nil
}
