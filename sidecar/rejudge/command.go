package rejudge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/terminal"
)

var (
	// ErrNothing says that there is nothing to judge: no such meeting, no such class, or
	// several of that name. What is wrapped in it says which.
	ErrNothing = errors.New("there is nothing to judge anew")

	// errSome says that not all could be judged. What could not has been printed.
	errSome = errors.New("not all could be judged")
)

// School is where to ask.
type School interface {
	Project
	// Ask calls a function and returns the object that it answers.
	Ask(ctx context.Context, function string, args any) (json.RawMessage, error)
	Close()
}

// choice is what to judge anew: see rejudge_zoom.
type choice struct {
	Meeting string `json:"meeting,omitempty"`
	Class   string `json:"class,omitempty"`
	Date    string `json:"date,omitempty"`
	Since   string `json:"since,omitempty"`
	AsOfNow bool   `json:"as_of_now"`
	DryRun  bool   `json:"dry_run"`
}

// chosen is rejudge_zoom's object, and for programs what became of it.
type chosen struct {
	Outcome string `json:"outcome"`
	Lessons int    `json:"lessons"`
	Runs    int    `json:"runs"`
	Classes []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"classes,omitempty"`
	Left   *int              `json:"left,omitempty"`   // runs that are still to be judged; nil: none was chosen
	Failed map[string]string `json:"failed,omitempty"` // meetings that could not be judged, with the code
}

// Command is `sidecar rejudge`. It opens the project when it is called.
func Command(open func() (School, error)) *cobra.Command {
	var c choice
	var asOf string
	var asJSON bool
	command := &cobra.Command{
		Use:   "rejudge --meeting NUMBER | --class CLASS | --date DATE | --since TIME",
		Short: "Have lessons judged anew, by the facts that are kept",
		Long: `Has the database judge lessons anew, from the facts that it keeps: those of a meeting,
of a class, of a date, or all since a time. Several of these narrow each other down.
What people wrote into the records stands, as ever.

Nothing is needed for what the school corrects from day to day: an enrolment, an
address, a class that was missing is taken into account by itself. This is for what
was so already and wrong: with --as-of now the school's data of today decides, in place
of those of when each lesson was held. Without it, they are judged by those again.

The sidecar may run or not. Broken off, the rest is judged by the sidecar.

From the environment, as the sidecar has it:
  SUPABASE_URL              the project
  SUPABASE_SECRET_KEY       its key, or SUPABASE_SERVICE_ROLE_KEY

Exit code 0: done. 1: it could not be done, or not all of it. 2: the settings are not
right. 3: there is no such meeting or class, or several classes of that name.`,
		Example: `  sidecar rejudge --date 2026-03-02 --dry-run              how many lessons would it be?
  sidecar rejudge --meeting 81234567890
  sidecar rejudge --class 7b --since 7d                    since seven days ago
  sidecar rejudge --class 7b --date 2026-03-02 --as-of now
  sidecar rejudge --since 36h --dry-run --json | jq .runs`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c.Meeting = strings.NewReplacer(" ", "", "-", "").Replace(c.Meeting) // as Zoom shows it
			if err := c.check(asOf, time.Now()); err != nil {
				return err
			}
			school, err := open()
			if err != nil {
				return err
			}
			defer school.Close()
			return judge(cmd, school, c, asJSON)
		},
	}
	f := command.Flags()
	f.StringVar(&c.Meeting, "meeting", "", "Zoom's number of a meeting")
	f.StringVar(&c.Class, "class", "", "the name or the id of a class")
	f.StringVar(&c.Date, "date", "", "the date of the lessons, such as 2026-03-02; of a time, or of how long ago, its date in UTC")
	f.StringVar(&c.Since, "since", "", "all since a date or a time, such as 2026-03-02T08:00:00Z, or how long ago: 36h, 7d")
	f.StringVar(&asOf, "as-of", "", "now: by the school's data of today, and not of when the lessons were held")
	f.BoolVar(&c.DryRun, "dry-run", false, "only count")
	f.BoolVar(&asJSON, "json", false, "print it for programs")
	command.MarkFlagsOneRequired("meeting", "class", "date", "since")
	_ = command.RegisterFlagCompletionFunc("as-of", cobra.FixedCompletions([]cobra.Completion{"now"}, cobra.ShellCompDirectiveNoFileComp))
	return command
}

// check makes the choice one that the database understands.
func (c *choice) check(asOf string, now time.Time) error {
	if strings.Trim(c.Meeting, "0123456789") != "" {
		return fmt.Errorf("--meeting must be a number of Zoom's, such as 81234567890, not %q", c.Meeting)
	}
	if asOf != "" && asOf != "now" {
		return fmt.Errorf("--as-of takes now alone, not %q; without it the data of when the lessons were held decide", asOf)
	}
	c.AsOfNow = asOf == "now"
	if _, err := time.Parse(time.DateOnly, c.Date); c.Date != "" && err != nil {
		at, err := terminal.Past(c.Date, now)
		if err != nil {
			return fmt.Errorf("--date %w", err)
		}
		c.Date = at.Format(time.DateOnly)
	}
	if c.Since != "" {
		at, err := terminal.Past(c.Since, now)
		if err != nil {
			return fmt.Errorf("--since %w", err)
		}
		c.Since = at.Format(time.RFC3339)
	}
	return nil
}

// judge counts, has the lessons judged, and shows how far it is.
func judge(cmd *cobra.Command, school School, c choice, asJSON bool) error {
	ctx, out := cmd.Context(), cmd.OutOrStdout()
	wanted := c
	wanted.DryRun = true
	count, err := choose(ctx, school, wanted)
	if err != nil {
		return err
	}
	if err := count.nothing(c); err != nil {
		if asJSON {
			err = errors.Join(terminal.PrintJSON(out, count), err)
		}
		return err
	}
	if !asJSON {
		fmt.Fprintf(out, "%s, %s\n", counted(count.Lessons, "lesson"), counted(count.Runs, "run"))
	}
	if c.DryRun || count.Runs == 0 {
		if asJSON {
			return terminal.PrintJSON(out, count)
		}
		return nil
	}
	if count, err = choose(ctx, school, c); err != nil {
		return err
	}
	bar := terminal.NewBarOf("runs", cmd.ErrOrStderr(), count.Runs)
	left, failed, err := follow(ctx, school, count.Runs, bar.Set)
	bar.Done()
	if err != nil {
		return fmt.Errorf("%w\nWhat is left is judged by the sidecar, once it runs", err)
	}
	count.Left, count.Failed = &left, failed
	if asJSON {
		if err := terminal.PrintJSON(out, count); err != nil {
			return err
		}
	} else {
		tell(out, count)
	}
	if left > 0 {
		return errSome
	}
	return nil
}

// tell says what became of it.
func tell(out io.Writer, c chosen) {
	if *c.Left == 0 {
		fmt.Fprintf(out, "%s judged anew\n", counted(c.Runs, "run"))
		return
	}
	fmt.Fprintf(out, "%s could not be judged now; the sidecar tries again, at most an hour later\n", counted(*c.Left, "run"))
	for _, meeting := range slices.Sorted(maps.Keys(c.Failed)) {
		fmt.Fprintf(out, "  meeting %s: %s\n", terminal.Harmless(meeting), terminal.Harmless(c.Failed[meeting]))
	}
}

// choose has lessons noted that are to be judged anew, or only counted.
func choose(ctx context.Context, school School, c choice) (answer chosen, err error) {
	body, err := school.Ask(ctx, "rejudge_zoom", struct {
		Chosen choice `json:"chosen"`
	}{c})
	if err != nil {
		return answer, fmt.Errorf("ask the project: %w", err)
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return answer, fmt.Errorf("read the answer: %w", err)
	}
	return answer, nil
}

// nothing says why there is nothing to judge, or nothing.
func (c chosen) nothing(asked choice) error {
	switch c.Outcome {
	case "ok":
		return nil
	case "unknown_meeting":
		return fmt.Errorf("%w: no meeting of the school has the number %s; it is the one in Zoom's invitation", ErrNothing, asked.Meeting)
	case "unknown_class":
		return fmt.Errorf("%w: no class of the school has the name or id %s", ErrNothing, terminal.Harmless(asked.Class))
	case "ambiguous_class":
		var which strings.Builder
		for _, one := range c.Classes {
			fmt.Fprintf(&which, "\n  --class %s  (%s)", one.ID, terminal.Harmless(one.Name))
		}
		return fmt.Errorf("%w: several classes have the name %s; say which by its id:%s", ErrNothing, terminal.Harmless(asked.Class), which.String())
	}
	return fmt.Errorf("the project answered %q, which this version does not know", c.Outcome)
}

// follow has the database judge what was chosen, beside the sidecar if one runs, until
// nothing of it is left but what is put off.
func follow(ctx context.Context, school School, runs int, show func(done int)) (left int, failed map[string]string, err error) {
	waits := backoff.NewExponentialBackOff()
	waits.MaxInterval = 5 * time.Second
	failed = map[string]string{}
	for conflicts, before := 0, runs+1; ; {
		var caught caughtUp
		err := school.Call(ctx, "catch_up_zoom", struct{}{}, &caught)
		refused, ok := errors.AsType[Refusal](err)
		switch {
		case ok && strings.HasPrefix(refused.Cause(), "40") && conflicts < followConflicts:
			conflicts++ // with a sidecar that does the same
		case err != nil:
			return 0, nil, fmt.Errorf("ask the project: %w", err)
		}
		for _, f := range caught.Failed {
			failed[f.Meeting] = f.Code
		}
		var now struct {
			Left int `json:"left"`
		}
		if err := school.Call(ctx, "rejudge_left", struct{}{}, &now); err != nil {
			return 0, nil, fmt.Errorf("ask the project: %w", err)
		}
		show(max(0, runs-now.Left))
		if now.Left == 0 || err == nil && caught.Left == 0 {
			return now.Left, failed, nil
		}
		if now.Left < before {
			before = now.Left
			waits.Reset()
			continue
		}
		select { // a sidecar has them in hand
		case <-time.After(waits.NextBackOff()):
		case <-ctx.Done():
			return 0, nil, ctx.Err()
		}
	}
}

// followConflicts is how many conflicts with sidecars are put up with.
const followConflicts = 50

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
