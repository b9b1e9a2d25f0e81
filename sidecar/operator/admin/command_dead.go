package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/terminal"
)

// completionWait is how long a shell waits for what it may offer.
const completionWait = 2 * time.Second

func listDead(cmd *cobra.Command, c *client, _ []string) error {
	most, _ := cmd.Flags().GetInt("most")
	after, _ := cmd.Flags().GetUint64("after")
	if most < 1 || most > listMost {
		return fmt.Errorf("--most must be from 1 to %d", listMost)
	}
	var page listView
	query := url.Values{"after": {strconv.FormatUint(after, 10)}, "most": {strconv.Itoa(most)}, "refused": {strconv.Itoa(most)}}
	if err := c.ask(cmd.Context(), http.MethodGet, "/dead", query, &page); err != nil {
		return err
	}
	if wantsJSON(cmd) {
		return terminal.PrintJSON(cmd.OutOrStdout(), page)
	}
	printLetters(cmd.OutOrStdout(), page)
	printRefused(cmd.OutOrStdout(), page)
	return nil
}

func wantsJSON(cmd *cobra.Command) bool {
	wants, _ := cmd.Flags().GetBool("json")
	return wants
}

func printLetters(out io.Writer, page listView) {
	if len(page.Letters) > 0 {
		table := tablewriter.NewWriter(out)
		table.Header("number", "event", "meeting", "source", "accepted", "buried", "tries", "bytes", "reason")
		for _, l := range page.Letters {
			_ = table.Append(l.Number, eventOf(l), terminal.Harmless(l.Meeting), terminal.Harmless(l.Source), moment(l.AcceptedAt), moment(l.BuriedAt), l.Attempt, l.Bytes, terminal.Harmless(l.Reason))
		}
		_ = table.Render()
	}
	fmt.Fprintf(out, "%d of %d dead letters\n", len(page.Letters), page.Total)
	if page.More {
		fmt.Fprintf(out, "for more: --after %d\n", page.Letters[len(page.Letters)-1].Number)
	}
}

// printRefused shows what the school's database refused, if it did.
func printRefused(out io.Writer, page listView) {
	if page.RefusedUntold != "" {
		fmt.Fprintf(out, "\nwhether the school's database refused rows cannot be told: %s\n", terminal.Harmless(page.RefusedUntold))
	}
	if page.Refused == nil {
		return
	}
	fmt.Fprintln(out, "\nRows that the school's database refused, by a check or a trigger of its own (no dead letters: they are tried again every hour, and when something of them changes):")
	table := tablewriter.NewWriter(out)
	table.Header("table", "student", "class", "meeting", "date", "should say", "code", "reason", "since", "tried")
	for _, row := range page.Refused.Rows {
		_ = table.Append(terminal.Harmless(row.Table), terminal.Harmless(row.Student), terminal.Harmless(row.Class), terminal.Harmless(row.Meeting), terminal.Harmless(row.Date),
			terminal.Harmless(row.Wanted), terminal.Harmless(row.Code), terminal.Harmless(row.Reason), moment(row.Since), moment(row.TriedAt))
	}
	_ = table.Render()
	fmt.Fprintf(out, "%d of %d refused rows\n", len(page.Refused.Rows), page.Refused.Of)
}

// eventOf is what to call the event of a dead letter.
func eventOf(l letterView) string {
	return terminal.Harmless(cmp.Or(l.Kind, "(unknown)"))
}

func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func showDead(cmd *cobra.Command, c *client, args []string) error {
	numbers, err := numbersOf(args)
	if err != nil {
		return err
	}
	var l letterView
	if err := c.ask(cmd.Context(), http.MethodGet, letterPath(numbers[0]), nil, &l); err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if wantsJSON(cmd) {
		return terminal.PrintJSON(out, l)
	}
	fmt.Fprintf(out, "number    %d\nevent     %s\nmeeting   %s\nsource    %s\nreason    %s\naccepted  %s\nburied    %s\ntries     %d\nbytes     %d\n\n",
		l.Number, eventOf(l), terminal.Harmless(l.Meeting), terminal.Harmless(l.Source), terminal.Harmless(l.Reason), moment(l.AcceptedAt), moment(l.BuriedAt), l.Attempt, l.Bytes)
	printBody(out, l)
	return nil
}

// printBody prints JSON indented, and anything else quoted.
func printBody(out io.Writer, l letterView) {
	var pretty bytes.Buffer
	if len(l.Body) == 0 || json.Indent(&pretty, l.Body, "", "  ") != nil {
		fmt.Fprintf(out, "%q\n", l.Raw)
		return
	}
	for line := range strings.Lines(pretty.String()) { // within JSON's text no line ends
		fmt.Fprintln(out, terminal.Harmless(strings.TrimSuffix(line, "\n")))
	}
}

func letterPath(number uint64) string { return "/dead/" + strconv.FormatUint(number, 10) }

func replayDead(cmd *cobra.Command, c *client, args []string) error {
	all, _ := cmd.Flags().GetBool("all")
	if all == (len(args) > 0) {
		return errors.New("name numbers, or --all")
	}
	if all {
		return replayAllDead(cmd, c)
	}
	return eachLetter(cmd, args, "put back", func(ctx context.Context, number uint64) error {
		return c.ask(ctx, http.MethodPost, letterPath(number)+"/replay", nil, &struct{}{})
	})
}

func replayAllDead(cmd *cobra.Command, c *client) error {
	var page listView
	if err := c.ask(cmd.Context(), http.MethodGet, "/dead", url.Values{"most": {"1"}}, &page); err != nil {
		return err
	}
	bar := terminal.NewBar(cmd.ErrOrStderr(), page.Total)
	last, err := c.watch(cmd.Context(), "/dead/replay", nil, bar.Set)
	bar.Done()
	fmt.Fprintf(cmd.OutOrStdout(), "%d dead letters put back; those that still cannot be applied come back\n", last.Done)
	return err
}

func dropDead(cmd *cobra.Command, c *client, args []string) error {
	return eachLetter(cmd, args, "dropped", func(ctx context.Context, number uint64) error {
		return c.ask(ctx, http.MethodDelete, letterPath(number), nil, &struct{}{})
	})
}

// completeLetters offers a shell the numbers of dead letters, each with what it is. A
// sidecar that does not answer at once offers none.
func completeLetters(cmd *cobra.Command, c *client, args []string) (offers []cobra.Completion) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionWait)
	defer cancel()
	var page listView
	if c.ask(ctx, http.MethodGet, "/dead", url.Values{"most": {"50"}}, &page) != nil {
		return nil
	}
	for _, l := range page.Letters {
		if number := strconv.FormatUint(l.Number, 10); !slices.Contains(args, number) {
			offers = append(offers, cobra.CompletionWithDesc(number, eventOf(l)+", "+terminal.Harmless(l.Reason)))
		}
	}
	return offers
}

// eachLetter does something with each, and goes on when one is not there.
func eachLetter(cmd *cobra.Command, args []string, done string, do func(context.Context, uint64) error) error {
	numbers, err := numbersOf(args)
	if err != nil {
		return err
	}
	missing := false
	for _, number := range numbers {
		err := do(cmd.Context(), number)
		answer, refused := errors.AsType[refusal](err)
		switch {
		case refused && answer.status == http.StatusNotFound:
			missing = true
			fmt.Fprintf(cmd.OutOrStdout(), "%d is not there\n", number)
		case err != nil:
			return fmt.Errorf("dead letter %d: %w", number, err)
		default:
			fmt.Fprintf(cmd.OutOrStdout(), "%d %s\n", number, done)
		}
	}
	if missing {
		return errSome
	}
	return nil
}
