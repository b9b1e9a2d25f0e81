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
	list.Flags().Uint64("after", 0, "show those behind a number")
	replay := &cobra.Command{
		Use:   "replay NUMBER… | --all",
		Short: "Put them back among the events that wait; those that still cannot be applied come back",
		RunE:  ask(replayDead),
		Example: `  sidecar dead replay 17 18
  sidecar dead replay --all`,
		ValidArgsFunction: letters,
	}
	replay.Flags().Bool("all", false, "all there are now")
	show := &cobra.Command{Use: "show NUMBER", Short: "Show one with its body, names and e-mails included", Args: cobra.ExactArgs(1), RunE: ask(showDead),
		Example: "  sidecar dead show 17", ValidArgsFunction: letters}
	for _, tells := range []*cobra.Command{list, show} {
		tells.Flags().Bool("json", false, "print what the sidecar answers, as it is")
	}
	dead.AddCommand(list, replay, show,
		&cobra.Command{Use: "drop NUMBER…", Short: "Remove them for good", Args: cobra.MinimumNArgs(1), RunE: ask(dropDead),
			Example: "  sidecar dead drop 17 18", ValidArgsFunction: letters},
	)
	return dead
}

func replayCommand() *cobra.Command {
	var o replayOptions
	command := &cobra.Command{
		Use:   "replay [--since TIME] [--meeting NUMBER] [--outcome NAME]",
		Short: "Apply again what was settled: since a time, of a meeting, or with an outcome",
		Long: `Has a running sidecar apply again events that were settled, as far back as it keeps
them (INBOX_RETENTION): those accepted since a time, after a restore of the database;
those of one meeting; those of which one thing came, such as unknown_meeting. What is
named together must all be so. It may serve meanwhile, and fresh events find room.
The database makes repetition harmless, so when in doubt begin earlier, and when it
was broken off run it again.

After a restore TIME must lie before the backup by as long as events may have waited
then: some minutes on an ordinary day; an outage of the database adds its length.` + environment,
		Example: `  sidecar replay --since 2026-03-02T08:00:00Z --dry-run    how many would it be?
  sidecar replay --since 36h --dry-run --json | jq .events
  sidecar replay --since 36h                               since 36 hours ago
  sidecar replay --meeting 81234567890 --yes               one meeting's, without a question
  sidecar replay --outcome unknown_meeting --dry-run       those of meetings that nobody knew`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		PreRunE: func(*cobra.Command, []string) error {
			if o.asJSON && !o.dryRun {
				return errors.New("--json goes with --dry-run")
			}
			return nil
		},
	}
	admin := adminFlag(command)
	command.RunE = func(cmd *cobra.Command, _ []string) error {
		c := newClient(*admin, zoom.Secret(os.Getenv("ADMIN_TOKEN")))
		defer c.close()
		return replay(cmd, c, o)
	}
	f := command.Flags()
	f.StringVar(&o.since, "since", "", "a date or a time, such as 2026-03-02T08:00:00Z, or how long ago: 36h, 7d")
	f.StringVar(&o.meeting, "meeting", "", "Zoom's number of a meeting; of all, if left out")
	f.StringVar(&o.outcome, "outcome", "", "what came of it, such as applied or unknown_meeting; anything, if left out")
	f.BoolVar(&o.dryRun, "dry-run", false, "only count")
	f.BoolVar(&o.asJSON, "json", false, "print the count as the sidecar answers it, with --dry-run")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	command.MarkFlagsOneRequired("since", "meeting", "outcome")
	return command
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

// numbersOf reads the numbers on a command line, so that a slip is noticed before
// anything is done.
func numbersOf(args []string) (numbers []uint64, err error) {
	for _, arg := range args {
		number, err := strconv.ParseUint(arg, 10, 64)
		if err != nil || number == 0 {
			return nil, fmt.Errorf("%q is not the number of a dead letter; `sidecar dead list` shows them", arg)
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}
