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

	"zoom-attendance/sidecar/terminal"
)

var (
	errNoAnswer = errors.New("there is no terminal to ask at: --yes goes on without a question, --dry-run only counts")
	errNotNow   = errors.New("nothing was replayed")
)

type replayOptions struct {
	since, meeting string
	dryRun, yes    bool
	asJSON         bool
}

// replaySince counts, asks, replays, and shows how far it is.
func replaySince(cmd *cobra.Command, c *client, o replayOptions) error {
	since, err := sinceOf(o.since, time.Now())
	if err != nil {
		return err
	}
	meeting := strings.NewReplacer(" ", "", "-", "").Replace(o.meeting) // as Zoom's pages write it
	query := url.Values{"since": {since.Format(time.RFC3339Nano)}, "meeting": {meeting}}
	var kept keptView
	if err := c.ask(cmd.Context(), http.MethodGet, "/replay", query, &kept); err != nil {
		return err
	}
	if o.asJSON {
		if err := terminal.PrintJSON(cmd.OutOrStdout(), kept); err != nil {
			return err
		}
	} else {
		printKept(cmd.OutOrStdout(), kept, since)
	}
	if o.dryRun || kept.Events == 0 {
		return nil
	}
	if !o.yes {
		if err := confirm(cmd.InOrStdin(), cmd.ErrOrStderr()); err != nil {
			return err
		}
	}
	bar := terminal.NewBar(cmd.ErrOrStderr(), kept.Events)
	last, err := c.watch(cmd.Context(), "/replay", query, bar.Set)
	bar.Done()
	fmt.Fprintf(cmd.OutOrStdout(), "%d events were handed on again\n", last.Done)
	if err == nil && last.Missing > 0 {
		fmt.Fprintf(cmd.OutOrStdout(), "%d groups of events could not be read, or were removed meanwhile for their age or for want of room\n", last.Missing)
		return errSome
	}
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

func printKept(out io.Writer, kept keptView, since time.Time) {
	fmt.Fprintf(out, "%d events were accepted since %s and can be applied again\n", kept.Events, moment(since))
	if kept.From.After(since) {
		fmt.Fprintf(out, "what was accepted before about %s is no longer kept\n", moment(kept.From))
	}
	if kept.Missing > 0 {
		fmt.Fprintf(out, "%d groups of events cannot be read\n", kept.Missing)
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
