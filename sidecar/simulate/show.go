package simulate

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/olekukonko/tablewriter"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress shows how many events are done, what time it is in the lesson, and
// how many are in the room (on two devices, twice): a bar on a terminal, else a
// line for every tenth part.
type progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil without a terminal
	total int
	count atomic.Int64
	here  atomic.Int64
}

func newProgress(out io.Writer, total int) *progress {
	p := &progress{out: out, total: total}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionSetDescription("sending"), progressbar.OptionSetWidth(30),
			progressbar.OptionShowCount(), progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return p
}

// step counts one event. It may be called by many at once.
func (p *progress) step(event Event) {
	done := int(p.count.Add(1))
	scene := fmt.Sprintf("%s  %3d here", event.At.UTC().Format("15:04"), p.here.Add(int64(event.comes)))
	switch tenth := max(p.total/10, 1); {
	case p.bar != nil:
		p.bar.Describe(scene)
		_ = p.bar.Add(1) // a bar that cannot be drawn is no reason to stop
	case done%tenth == 0:
		fmt.Fprintf(p.out, "%s  %d of %d sent\n", scene, done, p.total)
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}

// printAttendance shows the people of a lesson as the rows have them, or what
// the model expects of each where that differs.
func printAttendance(out io.Writer, c check, got Rows) {
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
	slices.SortFunc(rows, func(a, b Participant) int { return strings.Compare(a.Name, b.Name) })
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
		user := userByID(c.before, enrolment.StudentID)
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
