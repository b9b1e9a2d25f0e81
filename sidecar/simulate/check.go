package simulate

import (
	"context"
	"fmt"
	"slices"
	"time"
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
	before School
	want   Rows
	demand demand
}

// newCheck works out what the lesson must end in, given the rows before it.
func newCheck(before School, lesson Lesson, policy Policy) check {
	c := check{before: before, demand: everything}
	meeting := before.Meetings[0]
	day := heldOn(meeting, lesson.Start, policy)
	for _, row := range before.Participants {
		for _, seen := range []time.Time{row.JoinTime, row.LeaveTime} {
			switch {
			case seen.IsZero():
			case heldOn(meeting, seen, policy) > day:
				c.demand = attendanceOnly
			case heldOn(meeting, seen, policy) == day && c.demand == everything:
				c.demand = atLeast
			}
		}
	}
	before.Participants = nil
	c.want = Expect(before, lesson.Facts(), policy)
	c.want.Records = slices.DeleteFunc(c.want.Records, func(r Record) bool { return r.Date != day })
	return c
}

// differences says in plain words what the rows are not yet as they should be.
func (c check) differences(got Rows) []string {
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

func (c check) participant(want Participant, rows []Participant) []string {
	i := slices.IndexFunc(rows, func(got Participant) bool {
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
		{"join time", clock(want.JoinTime), clock(got.JoinTime), fine(exact, got.JoinTime.Compare(want.JoinTime))},
		{"leave time", clock(want.LeaveTime), clock(got.LeaveTime), fine(exact, got.LeaveTime.Compare(want.LeaveTime))},
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

func (c check) record(want Record, rows []Record) []string {
	student := userByID(c.before, want.StudentID)
	name := want.StudentID
	if student != nil {
		name = student.Name
	}
	i := slices.IndexFunc(rows, func(got Record) bool {
		return got.StudentID == want.StudentID && got.ClassID == want.ClassID && got.Date == want.Date
	})
	exact := c.demand == everything
	switch {
	case i < 0:
		return []string{fmt.Sprintf("%s has no attendance on %s, should be %s%s", name, want.Date, word(exact), want.Status)}
	case rows[i].Status == want.Status:
		return nil
	case !exact && (rank[rows[i].Status] > rank[want.Status] || rank[rows[i].Status] == 0): // better, late or excused
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
func (c check) read(ctx context.Context, db *database) (Rows, error) {
	meeting := c.before.Meetings[0]
	meetings, err := rowsOf[Meeting](ctx, db, "zoom_meetings", "id,status", "id", "eq."+meeting.ID)
	if err != nil {
		return Rows{}, err
	}
	rows := Rows{Status: map[string]string{}}
	for _, row := range meetings {
		rows.Status[row.ID] = row.Status
	}
	if rows.Participants, err = readParticipants(ctx, db, meeting.ID); err != nil {
		return Rows{}, err
	}
	rows.Records, err = readRecords(ctx, db, meeting.ClassID)
	return rows, err
}

// settle polls until the rows of every lesson are right, or the patience is
// over. It returns what is still wrong, empty for nothing, and the rows read
// last, lesson by lesson. An error to read is one more thing that is wrong.
func settle(ctx context.Context, db *database, checks []check, patience time.Duration) (wrong []string, rows []Rows) {
	const pause = 100 * time.Millisecond
	deadline := time.Now().Add(patience)
	rows = make([]Rows, len(checks))
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
