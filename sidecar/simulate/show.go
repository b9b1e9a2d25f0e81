package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/olekukonko/tablewriter"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/terminal"
)

// sending shows how many events are sent, what time it is in the lesson, and how
// many are in the room (on two devices, twice).
type sending struct {
	*terminal.Bar
	here atomic.Int64
}

func newSending(out io.Writer, total int) *sending {
	return &sending{Bar: terminal.NewBar(out, total)}
}

// step counts one event. It may be called by many at once.
func (s *sending) step(event Event) {
	s.Add(fmt.Sprintf("%s  %3d here", event.At.UTC().Format("15:04"), s.here.Add(int64(event.comes))))
}

// printAttendance shows the people of a lesson as the rows have them, or what
// the model expects of each where that differs.
func printAttendance(out io.Writer, c check, got oracle.Rows) {
	day := ""
	records := map[string]string{}
	for _, r := range c.want.Records {
		day = r.Date
	}
	for _, r := range got.Records {
		if r.Date == day {
			records[r.StudentID] = r.Status
		}
	}
	table := tablewriter.NewWriter(out)
	table.Header("name", "status", "joined", "left", "minutes", "attendance")
	seen := map[string]bool{}
	rows := slices.Clone(got.Participants)
	slices.SortFunc(rows, func(a, b oracle.Participant) int { return strings.Compare(a.Name, b.Name) })
	for _, p := range rows {
		if p.Status == "invited" && records[p.UserID] == "" {
			continue
		}
		seen[p.UserID] = true
		minutes := ""
		if p.Duration != nil {
			minutes = fmt.Sprintf("%.1f", float64(*p.Duration)/60)
		}
		_ = table.Append(p.Name, p.Status, timeOfDay(p.JoinTime), timeOfDay(p.LeaveTime), minutes, records[p.UserID])
	}
	for _, enrolment := range c.before.Enrolments {
		user := c.before.User(enrolment.StudentID)
		if user != nil && !seen[user.ID] {
			_ = table.Append(user.Name, "", "", "", "", records[user.ID])
		}
	}
	_ = table.Render()
}

func timeOfDay(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("15:04:05")
}
