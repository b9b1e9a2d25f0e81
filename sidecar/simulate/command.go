package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// ErrWrong says that the rows were not as they should be, or that events were
// not accepted. What was wrong has been printed.
var ErrWrong = errors.New("the lesson did not end in the rows it should")

// settings is what the command line and the environment say.
type settings struct {
	Options
	Disorder
	oracle.Policy

	url      string
	meeting  string
	lessons  int
	speed    float64
	senders  int
	start    string
	check    bool
	patience time.Duration
	keep     bool

	secret     zoom.Secret
	projectURL string
	projectKey zoom.Secret
}

// Command is `sidecar simulate`.
func Command() *cobra.Command {
	var s settings
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Play lessons to a sidecar as Zoom would, and check the rows",
		Long: `Plays a lesson: makes up who comes and goes, and posts the webhooks that Zoom
would, signed, to a running sidecar. With --check it then waits until the rows say
what happened, prints the attendance, and fails where they differ.

From the environment:
  ZOOM_WEBHOOK_SECRET           signs the events (the first of a list)
  SUPABASE_URL                  the project to read the class from, and to check
  SUPABASE_SECRET_KEY           its key, or SUPABASE_SERVICE_ROLE_KEY
  ATTENDANCE_MIN_MINUTES        as the sidecar has it
  ATTENDANCE_TIMEZONE           as the sidecar has it
  SIDECAR_URL                   the sidecar's address, unless --url says

Without a project the class is made up, and nothing can be checked.
A meeting may be played again and again; a second lesson on one day is a restart
of the first, and is then checked for what it adds.`,
		Example: `  sidecar simulate --check                               a lesson of class 7b, as fast as possible
  sidecar simulate --speed 60                            the same to watch, a minute a second
  sidecar simulate --class-size 200 --shuffle --check    a big lesson, out of order
  sidecar simulate --speed 0 --senders 64 --lessons 20 --check    how fast is it?`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := s.complete(); err != nil {
				return err
			}
			return run(cmd.Context(), s, cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	f := command.Flags()
	f.StringVar(&s.url, "url", cmp.Or(os.Getenv("SIDECAR_URL"), "http://127.0.0.1:8080"), "address of the sidecar")
	f.StringVar(&s.meeting, "meeting", "81234567890", "Zoom's number of the meeting to play")
	f.IntVar(&s.lessons, "lessons", 1, "play so many at once, in meetings made for it and removed afterwards")
	f.Float64Var(&s.speed, "speed", 0, "1 is real time, 60 a minute a second, 0 as fast as possible")
	f.IntVar(&s.senders, "senders", 8, "events to have on their way at once")
	f.StringVar(&s.start, "start", "", "when the lesson started, as 2026-03-02T08:00:00Z (default: so that it ends now)")
	f.BoolVar(&s.check, "check", false, "wait for the rows and compare; fail where they differ")
	f.DurationVar(&s.patience, "wait", 30*time.Second, "how long the rows may take to be right")
	f.BoolVar(&s.keep, "keep", false, "do not remove the meetings made for --lessons")
	f.IntVar(&s.Size, "class-size", 0, "how many are expected; beyond the class they are strangers (default: the class)")
	f.DurationVar(&s.Duration, "duration", 45*time.Minute, "from the start of the lesson to its end")
	f.Uint64Var(&s.Seed, "seed", 0, "makes up the same people's comings and goings again (default: new ones)")
	for _, share := range []struct {
		into  *float64
		name  string
		value float64
		help  string
	}{
		{&s.Absent, "absent", 0.05, "do not come"},
		{&s.Late, "late", 0.1, "come late"},
		{&s.Guests, "guests", 0.05, "do not tell Zoom who they are"},
		{&s.Dropouts, "dropouts", 0.1, "lose the connection; one in three stays away"},
		{&s.Crashes, "crashes", 0.05, "vanish and are back before Zoom has noticed"},
		{&s.Breakouts, "breakouts", 0.5, "go to another room and back"},
		{&s.TwoDevices, "two-devices", 0.05, "are there on two devices for a while"},
		{&s.Lost, "lost", 0.05, "never leave, as far as Zoom tells"},
	} {
		f.Float64Var(share.into, share.name, share.value, "share of the people, 0 to 1, who "+share.help)
	}
	f.Float64Var(&s.Duplicates, "duplicates", 0.05, "share of the events that are sent twice")
	f.BoolVar(&s.Shuffle, "shuffle", false, "send the events in any order at all")
	return command
}

// complete reads the environment and names every fault at once.
func (s *settings) complete() error {
	first, _, _ := strings.Cut(os.Getenv("ZOOM_WEBHOOK_SECRET"), ",")
	s.secret = zoom.Secret(strings.TrimSpace(first))
	s.projectURL = os.Getenv("SUPABASE_URL")
	s.projectKey = zoom.Secret(cmp.Or(os.Getenv("SUPABASE_SECRET_KEY"), os.Getenv("SUPABASE_SERVICE_ROLE_KEY")))
	s.Timezone = cmp.Or(os.Getenv("ATTENDANCE_TIMEZONE"), "UTC")
	minutes, err := strconv.Atoi(cmp.Or(os.Getenv("ATTENDANCE_MIN_MINUTES"), "15"))
	s.MinMinutes = minutes
	if s.Seed == 0 {
		s.Seed = rand.Uint64()
	}
	var faults []error
	if err != nil {
		faults = append(faults, errors.New("ATTENDANCE_MIN_MINUTES must be a whole number"))
	}
	if s.secret == "" {
		faults = append(faults, errors.New("ZOOM_WEBHOOK_SECRET must be set: it signs the events"))
	}
	if (s.check || s.lessons > 1) && (s.projectURL == "" || s.projectKey == "") {
		faults = append(faults, errors.New("--check and --lessons need SUPABASE_URL and SUPABASE_SECRET_KEY"))
	}
	if s.lessons < 1 || s.senders < 1 || s.Size < 0 || s.speed < 0 || s.Duration < time.Second {
		faults = append(faults, errors.New("--lessons and --senders must be at least 1, --duration a second, --class-size and --speed not negative"))
	}
	if _, err := s.startTime(); err != nil {
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// startTime is the one asked for, or such that the lesson ends when the last
// event is sent.
func (s *settings) startTime() (time.Time, error) {
	if s.start == "" {
		start := time.Now().Add(-s.Duration)
		if s.speed > 0 {
			start = start.Add(time.Duration(float64(s.Duration) / s.speed))
		}
		return start.UTC(), nil
	}
	start, err := time.Parse(time.RFC3339, s.start)
	if err != nil {
		return start, fmt.Errorf("--start must be a time such as 2026-03-02T08:00:00Z, not %q", s.start)
	}
	return start.UTC(), nil
}
