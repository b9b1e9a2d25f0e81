package explain

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"zoom-attendance/sidecar/terminal"
)

// ErrNothing says that there is nothing to explain: no such meeting, no such
// student, or no lesson that day. What is wrapped in it says which.
var ErrNothing = errors.New("there is nothing to explain")

// Question is what to explain.
type Question struct {
	Meeting string // Zoom's number of it
	Student string // an e-mail, or a user id
	Date    string // YYYY-MM-DD; empty for the latest lesson
}

// Project is where to ask.
type Project interface {
	// Explain returns explain_attendance's object.
	Explain(ctx context.Context, meeting, student, date string) (json.RawMessage, error)
	// Timezone is that of the school, or "meeting" for each meeting's own.
	Timezone() string
	Close()
}

// Command is `sidecar explain`. It opens the project when it is called.
func Command(open func() (Project, error)) *cobra.Command {
	var q Question
	var asJSON bool
	command := &cobra.Command{
		Use:   "explain --meeting NUMBER --student E-MAIL",
		Short: "Say why a student's attendance is what it is",
		Long: `Says why a student is marked present, partial or absent: which of Zoom's events
count and which do not, which lesson they belong to and how long that makes,
which rule decided, whose word stands in the record, and whether anything more is
expected. It changes nothing, and needs no running sidecar. A lesson goes by the
settings that were in force when it began.

From the environment, as the sidecar has it:
  SUPABASE_URL              the project
  SUPABASE_SECRET_KEY       its key, or SUPABASE_SERVICE_ROLE_KEY
  ATTENDANCE_TIMEZONE       in which times are shown

Exit code 0: explained. 1: it could not be asked. 2: the settings are not right.
3: there is nothing to explain: no such meeting or student, or no lesson that day.`,
		Example: `  sidecar explain --meeting 81234567890 --student maria@school.test                      the latest lesson
  sidecar explain --meeting 81234567890 --student maria@school.test --date 2026-03-02
  sidecar explain --meeting 81234567890 --student maria@school.test --json | jq .union`,
		Args:         cobra.NoArgs,
		SilenceUsage: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			q.Meeting = strings.NewReplacer(" ", "", "-", "").Replace(q.Meeting) // as Zoom shows it
			q.Student = strings.TrimSpace(q.Student)
			if _, err := time.Parse(time.DateOnly, q.Date); q.Date != "" && err != nil {
				return fmt.Errorf("--date must be a date such as 2026-03-02, not %q", q.Date)
			}
			project, err := open()
			if err != nil {
				return err
			}
			defer project.Close()
			return run(cmd.Context(), cmd.OutOrStdout(), project, q, asJSON)
		},
	}
	f := command.Flags()
	f.StringVar(&q.Meeting, "meeting", "", "Zoom's number of the meeting")
	f.StringVar(&q.Student, "student", "", "the student's e-mail, in any case, or their user id")
	f.StringVar(&q.Date, "date", "", "the date of the lesson, such as 2026-03-02 (default: the latest)")
	f.BoolVar(&asJSON, "json", false, "print what the database answers, as it is")
	_ = command.MarkFlagRequired("meeting")
	_ = command.MarkFlagRequired("student")
	return command
}

func run(ctx context.Context, out io.Writer, project Project, q Question, asJSON bool) error {
	body, err := project.Explain(ctx, q.Meeting, q.Student, q.Date)
	if err != nil {
		return fmt.Errorf("ask the project: %w", err)
	}
	var a answer
	if err := json.Unmarshal(body, &a); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	if asJSON {
		var text bytes.Buffer
		if err := json.Indent(&text, body, "", "  "); err != nil {
			return err
		}
		text.WriteByte('\n')
		if _, err := text.WriteTo(out); err != nil {
			return err
		}
		return a.nothing(q)
	}
	if err := a.nothing(q); err != nil {
		return err
	}
	_, err = io.WriteString(out, a.text(a.zone(project.Timezone()), terminal.Colours(out)))
	return err
}

// nothing says why there is nothing to explain, or nothing.
func (a answer) nothing(q Question) error {
	switch a.Outcome {
	case "ok":
		return nil
	case "unknown_meeting":
		return fmt.Errorf("%w: no meeting of the school has the number %s; it is the one in Zoom's invitation", ErrNothing, q.Meeting)
	case "unknown_student":
		return fmt.Errorf("%w: nobody of the school has the e-mail or id %s", ErrNothing, q.Student)
	case "no_lesson":
		if a.Latest == "" {
			return fmt.Errorf("%w: nothing that Zoom told is known to be of %s", ErrNothing, a.Meeting.Title)
		}
		return fmt.Errorf("%w: nothing that Zoom told is of %s on %s; the latest was on %s", ErrNothing, a.Meeting.Title, a.Date, a.Latest)
	}
	return fmt.Errorf("the project answered %q, which this version does not know", a.Outcome)
}

// zone is the one that times are shown in. One that nobody knows is UTC, as it
// is for the database.
func (a answer) zone(name string) *time.Location {
	if name == "meeting" {
		name = string(a.Meeting.Timezone)
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		return time.UTC
	}
	return zone
}
