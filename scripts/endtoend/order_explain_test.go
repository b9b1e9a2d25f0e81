package endtoend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/oracle"
)

// What explain_attendance says is what the rows say, and the rules: for every enrolled
// student, on every day of every meeting of lessons made up as above. And a line of
// lesson_timeline says the same.

func TestAnExplanationAgreesWithTheRowsAndTheRules(t *testing.T) {
	forEachLesson(t, 60, func(ctx context.Context, p *orderPlace, l lesson) error {
		l.batches = []batch{{facts: all(len(l.facts)), after: len(l.history.Changes)}}
		problem, err := play(ctx, p, l, 1)
		if err != nil || problem != "" {
			return fmt.Errorf("%s%w\n%s", problem, err, tell(l))
		}
		if err := explainAll(ctx, p, l); err != nil {
			return fmt.Errorf("%w\n%s", err, tell(l))
		}
		return nil
	})
}

// explained is what the test looks at.
type explained struct {
	Outcome          string
	Events           []explainedEvent
	Intervals, Union []struct{ From, To time.Time }
	Seconds          int
	Verdict, Rule    string
	Record           string
	Overridden       bool
	Meeting          struct {
		ID    string
		Class *struct{ ID string }
	}
}

// isOf says whether it is of that meeting and class: a number may be two rows', and the
// lessons of a meeting on one date may be of two classes.
func (e explained) isOf(one oracle.Lesson) bool {
	return e.Meeting.ID == one.MeetingID && e.Meeting.Class != nil && e.Meeting.Class.ID == one.ClassID
}

type explainedEvent struct {
	By, Why string
	Counted bool
}

// worth is the order of verdicts.
var worth = []string{"", "absent", "partial", "present"}

func explainAll(ctx context.Context, p *orderPlace, l lesson) error {
	rows, _, err := p.rows(ctx)
	if err != nil {
		return err
	}
	now, err := p.now(ctx)
	if err != nil {
		return err
	}
	bare := l.history
	bare.Start.Records = nil
	lessons := oracle.Lessons(bare, l.facts, now)
	best := map[oracle.Record]string{} // of several lessons of a class on one date, the best
	for _, one := range lessons {
		for student, verdict := range one.Verdicts {
			key := oracle.Record{StudentID: student, ClassID: one.ClassID, Date: one.Date}
			if slices.Index(worth, verdict) > slices.Index(worth, best[key]) {
				best[key] = verdict
			}
		}
	}
	records, school := statuses(rows.Records), schoolAfter(l.history, len(l.history.Changes))
	policy := settingsAfter(l.history, len(l.history.Changes))
	for _, one := range lessons {
		row := meetingIn(school, one.MeetingID)
		if row == nil || one.ClassID == "" {
			continue
		}
		lines, err := p.timeline(ctx, row.Number, one.Date, policy)
		if err != nil {
			return err
		}
		for student := range one.Verdicts {
			if school.User(student) == nil {
				continue
			}
			e, err := p.explain(ctx, row.Number, student, one.Date, policy)
			if err != nil {
				return err
			}
			if e.Outcome == "ok" && !e.isOf(one) {
				continue
			}
			key := oracle.Record{StudentID: student, ClassID: one.ClassID, Date: one.Date}
			if err := e.agrees(best[key], records[key]); err != nil {
				return fmt.Errorf("%s of %s on %s: %w\nexplained as %+v", l.labels().Replace(student), l.labels().Replace(row.ID), one.Date, err, e)
			}
			if err := lines[student].agrees(e); err != nil {
				return fmt.Errorf("the line of %s in %s on %s: %w\nexplained as %+v", l.labels().Replace(student), l.labels().Replace(row.ID), one.Date, err, e)
			}
		}
	}
	return nil
}

func meetingIn(school oracle.School, id string) *oracle.Meeting {
	i := slices.IndexFunc(school.Meetings, func(m oracle.Meeting) bool { return m.ID == id })
	if i < 0 {
		return nil
	}
	return &school.Meetings[i]
}

// agrees says how an explanation differs from the rows of the day, if it does.
func (e explained) agrees(verdict, record string) error {
	length := time.Duration(0)
	for _, s := range e.Union {
		length += s.To.Sub(s.From)
	}
	switch {
	case e.Outcome != "ok":
		return errors.New("not explained")
	case e.Verdict != verdict:
		return fmt.Errorf("the verdict is %q, and by the rules %q", e.Verdict, verdict)
	case e.Record != record:
		return fmt.Errorf("the record is %q, and it says %q", e.Record, record)
	case e.Overridden && e.Record == e.Verdict, !e.Overridden && e.Verdict != "" && e.Record != e.Verdict:
		return errors.New("whose word stands is wrong")
	case int(length/time.Second) != e.Seconds:
		return fmt.Errorf("the union is %s long, and they have %d seconds", length, e.Seconds)
	case e.Rule == "":
		return errors.New("no rule")
	}
	for _, event := range e.Events {
		if event.By == "" {
			return errors.New("an event does not say how they were recognised")
		}
		if event.Counted == (event.Why != "") {
			return errors.New("an event neither counts nor says why not")
		}
	}
	return nil
}

// explain asks the real function, as the sidecar does.
func (p *orderPlace) explain(ctx context.Context, meeting, student, day string, policy oracle.Policy) (e explained, err error) {
	var answer []byte
	err = p.asService(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select public.explain_attendance($1, $2, $3::date, $4::jsonb)", meeting, student, day, asJSON(policy)).Scan(&answer)
	})
	if err != nil {
		return e, fmt.Errorf("explain: %w", err)
	}
	return e, json.Unmarshal(answer, &e)
}

// line is what lesson_timeline says of somebody.
type line struct {
	ID, Kind        string
	Union           []struct{ From, To time.Time }
	Seconds         int
	Verdict, Record string
	Overridden      bool
}

// timeline asks the real function, as the board does, and returns the lines of the
// school's people by their ids.
func (p *orderPlace) timeline(ctx context.Context, meeting, day string, policy oracle.Policy) (map[string]line, error) {
	var body []byte
	err := p.asService(ctx, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, "select public.lesson_timeline($1, $2::date, $3::jsonb)", meeting, day, asJSON(policy)).Scan(&body)
	})
	if err != nil {
		return nil, fmt.Errorf("ask for the timeline: %w", err)
	}
	var answer struct {
		Outcome string
		People  []line
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	lines := map[string]line{}
	for _, one := range answer.People {
		if one.ID != "" {
			lines[one.ID] = one
		}
	}
	return lines, nil
}

// agrees says how a line differs from the explanation, if it does.
func (l line) agrees(e explained) error {
	switch {
	case l.Seconds != e.Seconds:
		return fmt.Errorf("%d seconds", l.Seconds)
	case !slices.Equal(l.Union, e.Union):
		return fmt.Errorf("another union: %v", l.Union)
	case l.Verdict != e.Verdict, l.Record != e.Record, l.Overridden != e.Overridden:
		return fmt.Errorf("verdict %q, record %q, overridden %t", l.Verdict, l.Record, l.Overridden)
	}
	return nil
}
