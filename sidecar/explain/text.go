package explain

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/olekukonko/tablewriter"

	"zoom-attendance/sidecar/terminal"
)

// text is the whole answer in words, the answer first.
func (a answer) text(zone *time.Location, colour bool) string {
	p := &page{zone: zone, Paint: terminal.Paint(colour)}
	p.line("%s", p.Bold(a.sentence()))
	p.line("")
	p.line("Rule: %s.", a.Rule)
	if !a.Forgotten { // else there is nothing left to show
		a.meetings(p)
		a.bar(p)
		a.events(p)
		a.others(p)
		a.app(p)
	}
	a.record(p)
	return p.String()
}

// page is what is being written, in the zone of its times.
type page struct {
	strings.Builder
	terminal.Paint
	zone *time.Location
}

func (p *page) line(format string, values ...any) { fmt.Fprintf(p, format+"\n", values...) }

func (p *page) clock(at time.Time) string { return at.In(p.zone).Format("15:04:05") }

// sentence is the answer: what stands in the record, and why in half a line.
func (a answer) sentence() string {
	about := fmt.Sprintf("for %s on %s", a.lesson(), a.day())
	switch why := a.because(); {
	case a.Record == "" && a.Meeting.Class == nil:
		return fmt.Sprintf("%s has no attendance %s: the meeting belongs to no class.", a.Student.Name, about)
	case a.Record == "" && !a.Student.Enrolled:
		return fmt.Sprintf("%s has no attendance %s: they are not enrolled in the class.", a.Student.Name, about)
	case a.Record == "" && a.Verdict == "":
		return fmt.Sprintf("%s is not marked yet %s: %s.", a.Student.Name, about, why)
	case a.Record == "":
		return fmt.Sprintf("%s has no record %s. By what Zoom told it would be %s: %s.", a.Student.Name, about, a.Verdict, why)
	case a.Record == a.Verdict:
		return fmt.Sprintf("%s is marked %s %s: %s.", a.Student.Name, a.Record, about, why)
	case a.Overridden:
		return fmt.Sprintf("%s is marked %s %s, because somebody of the school wrote that. By what Zoom told it would be %s: %s.",
			a.Student.Name, a.Record, about, a.Verdict, why)
	case a.Verdict == "":
		return fmt.Sprintf("%s is marked %s %s. Zoom's facts give no verdict: %s.", a.Student.Name, a.Record, about, why)
	default:
		return fmt.Sprintf("%s is marked %s %s. By what is known now it would be %s: %s.", a.Student.Name, a.Record, about, a.Verdict, why)
	}
}

// because is the reason for the verdict, as one would say it.
func (a answer) because() string {
	enough := spelt(a.Policy.MinSeconds)
	switch {
	case len(a.Meetings) == 0 || a.Meetings[0].Verdict != a.Verdict: // the facts are gone, or no attendance is kept
		return string(a.Rule)
	case a.Verdict == "partial":
		return fmt.Sprintf("%s of the %s that are needed", spelt(a.Meetings[0].Seconds), strings.TrimSuffix(enough, " minutes"))
	case a.Verdict == "present":
		return fmt.Sprintf("%s, and %s are enough", spelt(a.Meetings[0].Seconds), enough)
	case a.Verdict == "absent":
		return "the lesson ended and nobody saw them"
	default:
		return strings.TrimPrefix(string(a.Rule), "nothing yet: ")
	}
}

// lesson is the meeting as people call it, with the class unless that is in it.
func (a answer) lesson() string {
	title := string(a.Meeting.Title)
	if a.Meeting.Class == nil || strings.Contains(title, string(a.Meeting.Class.Name)) {
		return title
	}
	return fmt.Sprintf("%s (class %s)", title, a.Meeting.Class.Name)
}

func (a answer) day() string {
	day, err := time.Parse(time.DateOnly, string(a.Date))
	if err != nil {
		return string(a.Date)
	}
	return day.Format("2 January 2006")
}

// spelt is a length of time in words, as the database spells it.
func spelt(seconds int) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case seconds < 60:
		return count(seconds, "second")
	case seconds%60 == 0:
		return count(seconds/60, "minute")
	default:
		return count(seconds/60, "minute") + " " + count(seconds%60, "second")
	}
}

func (a answer) meetings(p *page) {
	held := a.held()
	if len(held) == 0 {
		return
	}
	p.line("")
	p.line("The class met %d times that day; the first of these decides:", len(held))
	table := tablewriter.NewWriter(p)
	table.Header("meeting", "number", "counted", "would be")
	for _, h := range held {
		_ = table.Append(h.Title, h.Number, h.Counted, h.Verdict)
	}
	_ = table.Render()
}

// held is the class's meetings of that day, if there were several.
func (a answer) held() (all []Held) {
	if len(a.Meetings) < 2 {
		return nil
	}
	for _, m := range a.Meetings {
		all = append(all, Held{string(m.Title), string(m.Number), spelt(m.Seconds), cmp.Or(string(m.Verdict), "nothing yet")})
	}
	return all
}

func (a answer) events(p *page) {
	p.line("")
	if len(a.Events) == 0 {
		p.line("Zoom told nothing of them.")
		return
	}
	p.line("What Zoom told of them, times in %s:", p.zone)
	table := tablewriter.NewWriter(p)
	table.Header("time", "they", "device", "name shown", "known by", "counts")
	for _, t := range a.told(p) {
		counts := p.Green("yes")
		if !t.Counts {
			counts = p.Faint("no: " + t.Why)
		}
		_ = table.Append(t.At, t.They, fmt.Sprint(t.Device), t.Name, t.By, counts)
	}
	_ = table.Render()
}

// told is the events as they are shown.
func (a answer) told(p *page) (all []Told) {
	devices := map[word]int{}
	for _, e := range a.Events {
		if devices[e.Connection] == 0 {
			devices[e.Connection] = len(devices) + 1
		}
		at := p.clock(e.At)
		if e.Approximate {
			at = "about " + at
		}
		all = append(all, Told{
			At: at, They: cmp.Or(map[string]string{"joined": "came", "left": "went"}[e.Kind], e.Kind), Device: devices[e.Connection],
			Name: string(e.Name), By: cmp.Or(map[string]string{"key": "our key", "email": "e-mail", "name": "name, seen by the app"}[e.By], e.By),
			Counts: e.Counted, Why: string(e.Why),
		})
	}
	return all
}

func (a answer) others(p *page) {
	if len(a.Others) == 0 {
		return
	}
	p.line("")
	p.line("Under the same name, and not counted for them:")
	for _, o := range a.otherwise(p) {
		p.line("  %s", o)
	}
}

// otherwise is the connections under their name, a line for each.
func (a answer) otherwise(p *page) (lines []string) {
	for _, o := range a.Others {
		lines = append(lines, fmt.Sprintf("%s to %s  %q: %s", p.clock(o.From), p.clock(o.To), o.Name, o.Why))
	}
	return lines
}

func (a answer) app(p *page) {
	p.line("")
	for _, line := range a.seen(p) {
		p.line("%s", line)
	}
}

// seen is what the app saw, and what that is worth.
func (a answer) seen(p *page) []string {
	if len(a.App.Visits) == 0 {
		return []string{"The app did not see them."}
	}
	var seen []string
	for _, v := range a.App.Visits {
		seen = append(seen, map[string]string{"opened": "open the page at ", "joined": "come at ", "left": "go at "}[v.Kind]+p.clock(v.At))
	}
	return []string{fmt.Sprintf("The app saw them %s.", strings.Join(seen, ", ")), fmt.Sprintf("What that is worth: %s.", a.App.Worth)}
}

func (a answer) record(p *page) {
	for i, line := range a.notes() {
		if i == 0 {
			p.line("")
		}
		p.line("%s", line)
	}
}

// notes say what stood in the record before, and who outranks whom.
func (a answer) notes() (lines []string) {
	if a.SaidBefore != "" {
		lines = append(lines, fmt.Sprintf("Before Zoom's word the record said: %s.", a.SaidBefore))
	}
	if a.Note != "" {
		lines = append(lines, string(a.Note))
	}
	return lines
}
