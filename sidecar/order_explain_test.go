package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// What explain_attendance says is what the rows say, and the rules: for every
// enrolled student, on every day of every meeting of lessons made up as above. And
// a line of lesson_timeline says the same.

func TestAnExplanationAgreesWithTheRowsAndTheRules(t *testing.T) {
	db := openOrderDatabase(t)
	forEachLesson(t, 60, func(ctx context.Context, seed uint64) error {
		l := newLesson(seed, nextTag())
		if err := enter(ctx, db, l.school); err != nil {
			return fmt.Errorf("enter the school: %w", err)
		}
		if _, err := apply(ctx, db, l.facts, l.policy); err != nil {
			return fmt.Errorf("apply the facts: %w", err)
		}
		if err := explainAll(ctx, db, l); err != nil {
			return fmt.Errorf("%w\n%s", err, tell(l))
		}
		return nil
	})
}

// explained is what the test looks at.
type explained struct {
	Outcome          string
	Runs             []struct{ Instance string }
	Events           []explainedEvent
	Intervals, Union []struct{ From, To time.Time }
	Seconds          int
	Verdict, Rule    string
	Record           string
	Overridden       bool
}

type explainedEvent struct {
	By, Why string
	Counted bool
}

func explainAll(ctx context.Context, db *pgxpool.Pool, l lesson) error {
	rows, _, err := readRows(ctx, db, l.school)
	if err != nil {
		return err
	}
	bare := l.school
	bare.Records = nil
	verdicts, records := statuses(simulate.Expect(bare, l.facts, l.policy).Records), statuses(rows.Records)
	for _, m := range l.school.Meetings {
		days, err := daysOf(ctx, db, m.ID)
		if err != nil {
			return err
		}
		var before []string // the instances up to that day
		for _, day := range days {
			var instances []string
			var shown []simulate.Participant
			lines, err := timeline(ctx, db, m.Number, day, l.policy)
			if err != nil {
				return err
			}
			for _, seat := range l.school.Enrolments {
				if seat.ClassID != m.ClassID {
					continue
				}
				e, err := explain(ctx, db, m.Number, seat.StudentID, day, l.policy)
				if err != nil {
					return err
				}
				if instances == nil {
					for _, r := range e.Runs {
						instances = append(instances, r.Instance)
					}
					before = append(before, instances...)
					shown = simulate.Expect(l.school, until(l.facts, m.Number, before), l.policy).Participants
				}
				key := simulate.Record{StudentID: seat.StudentID, ClassID: m.ClassID, Date: day}
				if err := e.agrees(verdicts[key], records[key], m.ID, seat.StudentID, shown); err != nil {
					return fmt.Errorf("%s of %s on %s: %w\nexplained as %+v", l.labels().Replace(seat.StudentID), l.labels().Replace(m.ID), day, err, e)
				}
				if err := lines[seat.StudentID].agrees(e); err != nil {
					return fmt.Errorf("the line of %s in %s on %s: %w\nexplained as %+v", l.labels().Replace(seat.StudentID), l.labels().Replace(m.ID), day, err, e)
				}
			}
		}
	}
	return nil
}

// agrees says how an explanation differs from the rows of the day, if it does.
func (e explained) agrees(verdict, record, meetingID, studentID string, shown []simulate.Participant) error {
	length := time.Duration(0)
	for _, s := range e.Union {
		length += s.To.Sub(s.From)
	}
	counted := slices.ContainsFunc(e.Events, func(event explainedEvent) bool { return event.Counted })
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
	case counted != (len(e.Union) > 0), len(e.Intervals) < len(e.Union):
		return errors.New("the events, the intervals and the union differ")
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
	for _, p := range shown {
		if p.MeetingID != meetingID || p.UserID != studentID {
			continue
		}
		seen := p.ZoomParticipantID != "" // else Zoom told nothing of them that day
		if seen != (len(e.Events) > 0) {
			return fmt.Errorf("there are %d events, and by the rules: %s", len(e.Events), p)
		}
		// Null until they have left once; what was over by then is told all the same.
		if seen && p.Duration != nil && *p.Duration != e.Seconds {
			return fmt.Errorf("they have %d seconds, and by the rules: %s", e.Seconds, p)
		}
	}
	return nil
}

// until is the facts without those of a meeting's later instances.
func until(facts []zoom.Fact, meeting string, instances []string) []zoom.Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f zoom.Fact) bool {
		return f.Meeting == meeting && f.User == "" && !slices.Contains(instances, f.Instance)
	})
}

// daysOf is the dates of a meeting's runs, the earliest first.
func daysOf(ctx context.Context, db *pgxpool.Pool, meetingID string) (days []string, err error) {
	err = db.QueryRow(ctx, "select array_agg(distinct held_on::text order by held_on::text) from zoom.instances where meeting_id = $1", meetingID).Scan(&days)
	return days, err
}

// explain asks the real function, as the sidecar does.
func explain(ctx context.Context, db *pgxpool.Pool, meeting, student, day string, policy simulate.Policy) (e explained, err error) {
	var answer []byte
	err = db.QueryRow(ctx, `select public.explain_attendance($1, $2, $3::date, $4::jsonb)
		from set_config('request.jwt.claims', '{"role": "service_role"}', true)`, meeting, student, day, asJSON(policy)).Scan(&answer)
	if err != nil {
		return e, fmt.Errorf("explain: %w", err)
	}
	return e, json.Unmarshal(answer, &e)
}

// line is what lesson_timeline says of somebody.
type line struct {
	ID, Kind  string
	Intervals []struct {
		From, To time.Time
		Why      string
	}
	Union           []struct{ From, To time.Time }
	Seconds         int
	Verdict, Record string
	Overridden      bool
}

// timeline asks the real function, as the board does, and returns the lines of
// the school's people by their ids.
func timeline(ctx context.Context, db *pgxpool.Pool, meeting, day string, policy simulate.Policy) (map[string]line, error) {
	var body []byte
	if err := db.QueryRow(ctx, "select public.lesson_timeline($1, $2::date, $3::jsonb)", meeting, day, asJSON(policy)).Scan(&body); err != nil {
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
	counted := 0
	for _, stay := range l.Intervals {
		if stay.Why == "" {
			counted++
		}
	}
	switch {
	case l.Kind != "enrolled":
		return fmt.Errorf("they are %q", l.Kind)
	case l.Seconds != e.Seconds:
		return fmt.Errorf("%d seconds", l.Seconds)
	case !slices.Equal(l.Union, e.Union):
		return fmt.Errorf("another union: %v", l.Union)
	case counted != len(e.Intervals):
		return fmt.Errorf("%d intervals count", counted)
	case l.Verdict != e.Verdict, l.Record != e.Record, l.Overridden != e.Overridden:
		return fmt.Errorf("verdict %q, record %q, overridden %t", l.Verdict, l.Record, l.Overridden)
	}
	return nil
}
