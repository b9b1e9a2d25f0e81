package unmatched

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/terminal"
)

// errSome says that not both places could be asked. Which has been printed.
var errSome = errors.New("not all of it could be listed")

// Project is where to ask what cannot be matched.
type Project interface {
	// Unmatched returns unmatched_zoom's object, with at most so many items.
	Unmatched(ctx context.Context, most int) (json.RawMessage, error)
	Close()
}

// Places are where the command asks.
type Places struct {
	Open    func() (Project, error)
	Numbers func(ctx context.Context, admin string) ([]inbox.UnknownMeeting, error) // of a running sidecar
	Admin   string                                                                  // address of the sidecar, unless --admin says
}

const listDefault = 1000

// Command is `sidecar list`. It opens the project when it is called.
func Command(places Places) *cobra.Command {
	var most int
	var admin string
	var asJSON bool
	command := &cobra.Command{
		Use:   "list",
		Short: "List what cannot be matched, and what to do about it",
		Long: `Lists what was told and cannot be matched, or should be looked at: meetings whose
number, class or host is in doubt, runs that belong to no lesson, connections that
fit two people, time zones that nobody knows; the newest first. And the numbers of
meetings of which Zoom told and which no row of the school has, with how many events
came of each: they are kept, and applied when a row with that number appears.

No address is in it, but names are.

From the environment:
  SUPABASE_URL           the project
  SUPABASE_SECRET_KEY    its key, or SUPABASE_SERVICE_ROLE_KEY
  ADMIN_ADDR             where the running sidecar serves operators, unless --admin says
  ADMIN_TOKEN            the one that sidecar has

Exit code 0: listed, be it nothing. 1: one of the two could not be asked; what the
other told is printed. 2: the settings are not right.`,
		Example: `  sidecar list
  sidecar list --most 20
  sidecar list --json | jq -r '.items[] | select(.reason == "run_without_lesson") | .title'
  sidecar list --json | jq -r '.unknown_meetings[].meeting'`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if most < 1 {
				return errors.New("--most must be 1 at least")
			}
			project, err := places.Open()
			if err != nil {
				return err
			}
			defer project.Close()
			l, err := ask(cmd.Context(), project, most)
			if err != nil {
				l.Fault = err.Error()
			}
			numbers, err := places.Numbers(cmd.Context(), admin)
			if err != nil {
				l.UnknownFault = err.Error()
			} else {
				l.Unknown = append([]inbox.UnknownMeeting{}, numbers...)
			}
			return l.print(cmd.OutOrStdout(), cmd.ErrOrStderr(), asJSON)
		},
	}
	f := command.Flags()
	f.IntVar(&most, "most", listDefault, "show so many of what the project lists")
	f.StringVar(&admin, "admin", places.Admin, "address of the running sidecar for operators")
	f.BoolVar(&asJSON, "json", false, "print it for programs")
	return command
}

// ask asks the project.
func ask(ctx context.Context, project Project, most int) (l list, err error) {
	body, err := project.Unmatched(ctx, most)
	if err != nil {
		return l, fmt.Errorf("ask the project: %w", err)
	}
	if err := json.Unmarshal(body, &l); err != nil || l.Items == nil {
		return list{}, errors.New("unmatched_zoom answered something else than items")
	}
	return l, nil
}

// print prints what was told, and ends with an error if not all of it was.
func (l list) print(out, fault io.Writer, asJSON bool) error {
	if asJSON {
		if err := terminal.PrintJSON(out, l); err != nil {
			return err
		}
	} else if _, err := io.WriteString(out, l.text(terminal.Paint(terminal.Colours(out)))); err != nil {
		return err
	}
	if l.Fault == "" && l.UnknownFault == "" {
		return nil
	}
	for _, f := range []struct{ what, said string }{
		{"what cannot be matched", l.Fault}, {"which numbers no row of the school has", l.UnknownFault},
	} {
		if f.said != "" && !asJSON {
			fmt.Fprintf(fault, "It is not known %s: %s\n", f.what, f.said)
		}
	}
	return errSome
}
