package admin

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/zoom"
)

// errSome says that not all went well. What did not has been printed.
var errSome = errors.New("not all of it could be done")

const environment = `

From the environment:
  ADMIN_ADDR     where the running sidecar serves operators, unless --admin says
  ADMIN_TOKEN    the one that sidecar has`

// Commands are `sidecar dead` and `sidecar replay`, which ask a running sidecar.
func Commands() []*cobra.Command {
	return []*cobra.Command{deadCommand(), replayCommand()}
}

func deadCommand() *cobra.Command {
	dead := &cobra.Command{
		Use:   "dead",
		Short: "List, show, replay or drop dead letters: events that could not be applied",
		Long: `Asks a running sidecar about its dead letters: events that can never be applied
as they are, each kept with the reason. When the cause is mended, replay them.` + environment,
		Example:      "  sidecar dead list",
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE:         func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	admin := adminFlag(dead)
	ask := func(do func(*cobra.Command, *client, []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			c := newClient(*admin, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
			defer c.close()
			return do(cmd, c, args)
		}
	}
	letters := func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		c := newClient(*admin, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
		defer c.close()
		return completeLetters(cmd, c, args), cobra.ShellCompDirectiveNoFileComp
	}
	list := &cobra.Command{Use: "list", Short: "Show what there is, the oldest first, without names or e-mails; and the rows that the school's database refused", Args: cobra.NoArgs, RunE: ask(listDead),
		Example: `  sidecar dead list --most 20
  sidecar dead list --json | jq -r '.letters[].reason'`}
	list.Flags().Int("most", listDefault, "show so many, up to "+strconv.Itoa(listMost))
	list.Flags().Uint64("after", 0, "show those behind an id")
	replay := &cobra.Command{
		Use:   "replay ID… | --all",
		Short: "Put them back among the events that wait; those that still cannot be applied come back with a new id",
		RunE:  ask(replayDead),
		Example: `  sidecar dead replay 17 18
  sidecar dead replay --all`,
		ValidArgsFunction: letters,
	}
	replay.Flags().Bool("all", false, "all there are now")
	show := &cobra.Command{Use: "show ID", Short: "Show one with its body, names and e-mails included", Args: cobra.ExactArgs(1), RunE: ask(showDead),
		Example: "  sidecar dead show 17", ValidArgsFunction: letters}
	for _, tells := range []*cobra.Command{list, show} {
		tells.Flags().Bool("json", false, "print what the sidecar answers, as it is")
	}
	dead.AddCommand(list, replay, show,
		&cobra.Command{Use: "drop ID…", Short: "Remove them for good", Args: cobra.MinimumNArgs(1), RunE: ask(dropDead),
			Example: "  sidecar dead drop 17 18", ValidArgsFunction: letters},
	)
	return dead
}

func replayCommand() *cobra.Command {
	var o replayOptions
	replay := &cobra.Command{
		Use:   "replay --since TIME",
		Short: "Apply everything again that was accepted since a time, after a restore of the database",
		Long: `Has a running sidecar apply again what it accepted since a time, as far back as it
keeps events (INBOX_RETENTION). It may serve meanwhile, and fresh events go first.
The database makes repetition harmless, so when in doubt begin earlier, and when it
was broken off run it again.

TIME must lie before the backup by as long as events may have waited then: some
minutes on an ordinary day; an outage of the database adds its length.` + environment,
		Example: `  sidecar replay --since 2026-03-02T08:00:00Z --dry-run    how many would it be?
  sidecar replay --since 36h --dry-run --json | jq .events
  sidecar replay --since 36h                               since 36 hours ago
  sidecar replay --since 36h --meeting 81234567890 --yes   one meeting's, without a question`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error {
			if o.asJSON && !o.dryRun {
				return errors.New("--json goes with --dry-run")
			}
			return nil
		},
	}
	admin := adminFlag(replay)
	replay.RunE = func(cmd *cobra.Command, _ []string) error {
		c := newClient(*admin, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
		defer c.close()
		return replaySince(cmd, c, o)
	}
	f := replay.Flags()
	f.StringVar(&o.since, "since", "", "a date or a time, such as 2026-03-02T08:00:00Z, or how long ago: 36h, 7d")
	f.StringVar(&o.meeting, "meeting", "", "Zoom's number of a meeting; of all, if left out")
	f.BoolVar(&o.dryRun, "dry-run", false, "only count")
	f.BoolVar(&o.asJSON, "json", false, "print the count as the sidecar answers it, with --dry-run")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	_ = replay.MarkFlagRequired("since")
	return replay
}

func adminFlag(cmd *cobra.Command) *string {
	return cmd.PersistentFlags().String("admin", URL(os.Getenv("ADMIN_ADDR")), "address of the running sidecar for operators")
}

// URL is where to ask a sidecar that listens on an address.
func URL(addr string) string {
	host, port, err := net.SplitHostPort(cmp.Or(addr, "127.0.0.1:9090"))
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// idsOf reads the ids on a command line, so that a slip is noticed before
// anything is done.
func idsOf(args []string) (ids []uint64, err error) {
	for _, arg := range args {
		id, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || id == 0 {
			return nil, fmt.Errorf("%q is not the id of a dead letter; `sidecar dead list` shows them", arg)
		}
		ids = append(ids, id)
	}
	return ids, nil
}
