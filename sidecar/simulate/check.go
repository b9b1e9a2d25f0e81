package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"

	"zoom-attendance/sidecar/oracle"
)

// demand is how much of the rows a lesson decides alone. See the package's doc.
type demand string

const (
	everything     demand = "everything"
	atLeast        demand = "at least"
	attendanceOnly demand = "attendance only"
)

// check knows what one lesson must end in, and compares.
type check struct {
	before oracle.School
	want   oracle.Rows
	demand demand
}

// newCheck works out what the lesson must end in, given the rows before it.
func newCheck(before oracle.School, lesson Lesson, policy oracle.Policy) check {
	c := check{before: before, demand: everything}
	meeting := before.Meetings[0]
	before.Participants = nil
	c.want = oracle.ExpectUnchanged(before, lesson.Facts(), policy)
	day := dayOf(before, lesson, policy)
	for _, row := range c.before.Participants {
		for _, seen := range []time.Time{row.JoinTime, row.LeaveTime} {
			switch {
			case seen.IsZero():
			case oracle.DateOf(meeting, seen, policy) > day:
				c.demand = attendanceOnly
			case oracle.DateOf(meeting, seen, policy) == day && c.demand == everything:
				c.demand = atLeast
			}
		}
	}
	c.want.Records = slices.DeleteFunc(c.want.Records, func(r oracle.Record) bool { return r.Date != day })
	return c
}

// dayOf is the date that the lesson counts for: that of the records it makes.
func dayOf(before oracle.School, lesson Lesson, policy oracle.Policy) string {
	before.Records = nil
	for _, made := range oracle.ExpectUnchanged(before, lesson.Facts(), policy).Records {
		return made.Date
	}
	return oracle.DateOf(before.Meetings[0], lesson.Start, policy)
}

// differences says in plain words what the rows are not yet as they should be.
func (c check) differences(got oracle.Rows) []string {
	var all []string
	meeting := c.before.Meetings[0]
	if status := got.Status[meeting.ID]; c.demand != attendanceOnly && status != c.want.Status[meeting.ID] {
		all = append(all, fmt.Sprintf("meeting %s is %s, should be %s", meeting.Number, status, c.want.Status[meeting.ID]))
	}
	if c.demand != attendanceOnly {
		for _, want := range c.want.Participants {
			all = append(all, c.participant(want, got.Participants)...)
		}
	}
	for _, want := range c.want.Records {
		all = append(all, c.record(want, got.Records)...)
	}
	return all
}

func (c check) participant(want oracle.Participant, rows []oracle.Participant) []string {
	i := slices.IndexFunc(rows, func(got oracle.Participant) bool {
		if want.UserID == "" {
			return got.UserID == "" && got.ZoomParticipantID == want.ZoomParticipantID
		}
		return got.UserID == want.UserID
	})
	if i < 0 {
		return []string{fmt.Sprintf("%s is not among the participants", want.Name)}
	}
	got, exact := rows[i], c.demand == everything || want.UserID == ""
	var all []string
	for _, field := range []struct {
		name      string
		want, got any
		fine      bool
	}{
		{"status", want.Status, got.Status, want.Status == got.Status},
		{"join time", oracle.Clock(want.JoinTime), oracle.Clock(got.JoinTime), fine(exact, got.JoinTime.Compare(want.JoinTime))},
		{"leave time", oracle.Clock(want.LeaveTime), oracle.Clock(got.LeaveTime), fine(exact, got.LeaveTime.Compare(want.LeaveTime))},
		{"duration", seconds(want.Duration), seconds(got.Duration), fine(exact, seconds(got.Duration)-seconds(want.Duration))},
		{"name", want.Name, got.Name, !exact || want.Name == got.Name},
		{"e-mail", want.Email, got.Email, !exact || want.Email == got.Email},
		{"connection", want.ZoomParticipantID, got.ZoomParticipantID, !exact || want.ZoomParticipantID == got.ZoomParticipantID},
	} {
		if !field.fine {
			all = append(all, fmt.Sprintf("%s: %s is %v, should be %s%v", want.Name, field.name, field.got, word(exact), field.want))
		}
	}
	return all
}

// fine judges how got compares to what was wanted: the same, or more of it.
func fine(exact bool, order int) bool { return order == 0 || !exact && order > 0 }

func (c check) record(want oracle.Record, rows []oracle.Record) []string {
	student := c.before.User(want.StudentID)
	name := want.StudentID
	if student != nil {
		name = student.Name
	}
	i := slices.IndexFunc(rows, func(got oracle.Record) bool {
		return got.StudentID == want.StudentID && got.ClassID == want.ClassID && got.Date == want.Date
	})
	exact := c.demand == everything
	switch {
	case i < 0:
		return []string{fmt.Sprintf("%s has no attendance on %s, should be %s%s", name, want.Date, word(exact), want.Status)}
	case rows[i].Status == want.Status:
		return nil
	case !exact && oracle.IsBetter(rows[i].Status, want.Status): // or what people wrote
		return nil
	default:
		return []string{fmt.Sprintf("%s is %s on %s, should be %s%s", name, rows[i].Status, want.Date, word(exact), want.Status)}
	}
}

func word(exact bool) string {
	if exact {
		return ""
	}
	return "at least "
}

// seconds is a duration to compare; an unknown one is less than any.
func seconds(duration *int) int {
	if duration == nil {
		return -1
	}
	return *duration
}

// read reads what the check looks at.
func (c check) read(ctx context.Context, db *database) (oracle.Rows, error) {
	meeting := c.before.Meetings[0]
	meetings, err := rowsOf[oracle.Meeting](ctx, db, "zoom_meetings", "id,status", "id", "eq."+meeting.ID)
	if err != nil {
		return oracle.Rows{}, err
	}
	rows := oracle.Rows{Status: map[string]string{}}
	for _, row := range meetings {
		rows.Status[row.ID] = row.Status
	}
	if rows.Participants, err = readParticipants(ctx, db, meeting.ID); err != nil {
		return oracle.Rows{}, err
	}
	rows.Records, err = readRecords(ctx, db, meeting.ClassID)
	return rows, err
}

// settle polls until the rows of every lesson are right, or the patience is
// over. It returns what is still wrong, empty for nothing, and the rows read
// last, lesson by lesson. An error to read is one more thing that is wrong.
func settle(ctx context.Context, db *database, checks []check, patience time.Duration) (wrong []string, rows []oracle.Rows) {
	const pause = 100 * time.Millisecond
	deadline := time.Now().Add(patience)
	rows = make([]oracle.Rows, len(checks))
	next := 0 // all before it are right
	for {
		for ; next < len(checks); next++ {
			var err error
			if rows[next], err = checks[next].read(ctx, db); err != nil {
				wrong = []string{err.Error()}
				break
			}
			if wrong = checks[next].differences(rows[next]); len(wrong) > 0 {
				break
			}
		}
		if next == len(checks) || time.Now().After(deadline) || wait(ctx, pause) != nil {
			break
		}
	}
	for i := next + 1; i < len(checks); i++ {
		got, err := checks[i].read(ctx, db)
		if err != nil {
			return append(wrong, err.Error()), rows
		}
		rows[i] = got
		wrong = append(wrong, checks[i].differences(got)...)
	}
	return wrong, rows
}
