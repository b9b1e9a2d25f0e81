package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/terminal"
)

// What the inbox commands end with, besides the inbox's own errors.
var (
	errDamaged    = errors.New("the inbox is damaged")
	errCannotTell = errors.New("the inbox could not be looked at")
	errNotAgreed  = errors.New("nothing was changed: answer yes, or say --yes")
	errCluster    = fmt.Errorf("%w: it is in the NATS cluster of NATS_URL; use the nats tool", errCannotTell)
)

// inboxCommand is for the file of an inbox.
func inboxCommand() *cobra.Command {
	root := &cobra.Command{Use: "inbox", Short: "Look into the inbox's file, copy it, check it, and set a damaged one aside", Args: cobra.NoArgs}
	root.AddCommand(sqlCommand(), copyCommand(), checkCommand(), setAsideCommand())
	return root
}

func checkCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use: "check",
		Example: `  INBOX_DIR=/data/inbox sidecar inbox check
  INBOX_DIR=/data/inbox sidecar inbox check --json | jq .damaged`,
		Short: "Say what the inbox in INBOX_DIR holds and what is damaged",
		Long: `Reads the inbox in INBOX_DIR, each event of it, and changes nothing. Says how many
events can be read, how many of them are settled, and what is missing or unreadable.

Exit code 0: sound. 1: damaged. 2: the settings are not right. 3: it could not look,
because a sidecar is running or there is no inbox.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return checkInbox(cmd.Context(), cmd.OutOrStdout(), asJSON)
		},
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print it for programs")
	return command
}

func setAsideCommand() *cobra.Command {
	var yes bool
	command := &cobra.Command{
		Use:     "set-aside",
		Example: "  INBOX_DIR=/data/inbox sidecar inbox set-aside",
		Short:   "Put a new inbox in the place of a damaged one, with all events that can be read",
		Long: `Makes a new inbox with every event of the one in INBOX_DIR that can still be read,
and puts it in its place. The old files are kept in INBOX_DIR/set-aside-<time>.
Until the new one is whole nothing of the old one changes, and when it is broken off
it is done again. It needs as much free space as the old one takes.

What had been settled stays settled; all other events are applied when the sidecar
starts, and those that had been applied already change nothing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			agree := func() error { return nil }
			if !yes {
				agree = func() error { return ask(cmd.InOrStdin(), cmd.OutOrStdout()) }
			}
			return setInboxAside(cmd.Context(), cmd.OutOrStdout(), cmd.ErrOrStderr(), agree)
		},
	}
	command.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return command
}

func checkInbox(ctx context.Context, out io.Writer, asJSON bool) error {
	c, err := readInboxConfig(os.Environ())
	if err != nil {
		return err
	}
	report, err := inbox.Inspect(ctx, c.InboxDir)
	switch {
	case errors.Is(err, inbox.ErrNone):
		return cannotTell(err)
	case err != nil:
		return fmt.Errorf("%w: %w", errCannotTell, err)
	}
	if asJSON {
		if err := showJSON(out, report); err != nil || !report.Damaged() {
			return err
		}
		return errDamaged
	}
	show(out, report)
	if !report.Damaged() {
		return nil
	}
	_, _ = fmt.Fprintf(out, "\nsidecar serve refuses to start on it.\n"+
		"sidecar inbox set-aside makes a new inbox with the events above and keeps the old files; only what is damaged is lost.\n")
	return errDamaged
}

func setInboxAside(ctx context.Context, out, progress io.Writer, agree func() error) error {
	c, err := readInboxConfig(os.Environ())
	if err != nil {
		return err
	}
	options := inbox.Options{Dir: c.InboxDir, MaxBytes: c.InboxMaxBytes, Retention: c.InboxRetention, Log: c.logger()}
	var bar *terminal.Bar
	done, err := inbox.SetAside(ctx, options, time.Now(), func(r inbox.Report) error {
		show(out, r)
		bar = terminal.NewBar(progress, r.Events())
		if !r.Damaged() {
			_, _ = fmt.Fprintln(out, "\nNothing is damaged as far as the files tell. All of it would be brought over.")
		}
		return agree()
	}, func(events int) { bar.Set(events) })
	if err != nil {
		return err
	}
	bar.Done()
	_, _ = fmt.Fprintf(out, "\nBrought over: %d waiting events, %d settled ones, %d dead letters.\nThe old files are kept in %s\n"+
		"The sidecar can be started.\n", done.Waiting, done.Settled, done.Dead, done.OldDir)
	return nil
}

// readInboxConfig reads the settings that these commands need; others may be
// missing.
func readInboxConfig(environ []string) (Config, error) {
	c, faults := parseConfig(environ)
	var ours []string
	for _, fault := range faults {
		if strings.HasPrefix(fault, "INBOX_") || strings.HasPrefix(fault, "LOG_") {
			ours = append(ours, fault)
		}
	}
	switch {
	case len(ours) > 0:
		return Config{}, settingsError(ours)
	case c.NATSURL != "":
		return Config{}, errCluster
	}
	return c, nil
}

// showJSON prints what an inbox holds for programs.
func showJSON(out io.Writer, r inbox.Report) error {
	return terminal.PrintJSON(out, struct {
		Damaged bool `json:"damaged"`
		inbox.Report
	}{r.Damaged(), r})
}

// show prints what an inbox holds.
func show(out io.Writer, r inbox.Report) {
	state := "sound"
	if r.Damaged() {
		state = "DAMAGED"
	}
	_, _ = fmt.Fprintf(out, "%s: %s\n", r.Dir, state)
	_, _ = fmt.Fprintf(out, "  %d events waiting, %d settled, %d dead letters; %d were removed after their time\n", r.Waiting, r.Settled, r.Dead, r.Removed)
	for _, what := range r.Damage {
		_, _ = fmt.Fprintf(out, "  damaged: %s\n", what)
	}
}

// ask waits for a yes.
func ask(in io.Reader, out io.Writer) error {
	_, _ = fmt.Fprint(out, "\nMake a new inbox with what can be read, and keep the old files? (yes/no) ")
	line, err := bufio.NewReader(in).ReadString('\n')
	if strings.TrimSpace(line) == "yes" {
		return nil
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return errNotAgreed
}
