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
	a.list(p, "", a.held(p))
	if !a.Forgotten { // else there is nothing left to show
		a.meetings(p)
		a.bar(p)
		a.events(p)
		a.list(p, othersTitle, a.otherwise(p))
		a.list(p, "", a.remarks())
		a.list(p, "", a.seen(p))
	}
	a.list(p, "", a.notes())
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

// list writes lines, if there are any, under a title, if there is one.
func (a answer) list(p *page, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	p.line("")
	indent := ""
	if title != "" {
		p.line("%s", title)
		indent = "  "
	}
	for _, line := range lines {
		p.line("%s%s", indent, line)
	}
}

// sentence is the answer: what stands in the record, and why in half a line.
func (a answer) sentence() string {
	about := fmt.Sprintf("for %s on %s", a.lesson(), a.day())
	switch why := a.because(); {
	case a.Refused != nil && a.Refused.Wanted != a.Record && a.Refused.Wanted != "":
		return fmt.Sprintf("%s should be marked %s %s (%s), and the school's database refused that.", a.Student.Name, a.Refused.Wanted, about, why)
	case a.Record == "" && a.Verdict == "" && strings.HasPrefix(string(a.Rule), notYet):
		return fmt.Sprintf("%s is not marked yet %s: %s.", a.Student.Name, about, why)
	case a.Record == "" && a.Verdict == "":
		return fmt.Sprintf("%s has no attendance %s: %s.", a.Student.Name, about, why)
	case a.Record == "" && a.Overridden:
		return fmt.Sprintf("%s has no record %s, because somebody of the school removed it. By what Zoom told it would be %s: %s.", a.Student.Name, about, a.Verdict, why)
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

// notYet begins the rule while there is nothing to judge.
const notYet = "nothing yet: "

// because is the reason for the verdict, as one would say it.
func (a answer) because() string {
	enough := spelt(a.Policy.MinSeconds)
	switch {
	case len(a.Meetings) == 0 || a.Meetings[0].Verdict != a.Verdict: // the facts are gone, or no attendance is kept
		return strings.TrimPrefix(strings.TrimPrefix(string(a.Rule), notYet), "no attendance is kept: ")
	case a.Verdict == "partial":
		return fmt.Sprintf("%s of the %s that %s needed", spelt(a.Meetings[0].Seconds), enough, be(a.Policy.MinSeconds, "is", "are"))
	case a.Verdict == "present":
		return fmt.Sprintf("%s, and %s %s enough", spelt(a.Meetings[0].Seconds), enough, be(a.Policy.MinSeconds, "is", "are"))
	case a.Verdict == "absent":
		return strings.TrimPrefix(string(a.Rule), "absent: ")
	default:
		return strings.TrimPrefix(string(a.Rule), notYet)
	}
}

// be is the verb of a length of time.
func be(seconds int, one, many string) string {
	if seconds == 1 || seconds == 60 {
		return one
	}
	return many
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

// held says which lessons there were and why, and which runs.
func (a answer) held(p *page) (lines []string) {
	for _, l := range a.Lessons {
		end := "when it ends"
		if l.EndsAt != nil {
			end = p.clock(*l.EndsAt)
		}
		lines = append(lines, fmt.Sprintf("The lesson is that of %s to %s: %s.", p.clock(l.StartsAt), end, l.Why))
		switch {
		case !l.HasStaff:
			lines = append(lines, "All time of its runs that count is lesson time, since none of the staff was recognised in them.")
		case l.CountsFrom != nil && l.CountsUntil != nil:
			lines = append(lines, fmt.Sprintf("Time counts from %s to %s: the lesson's own, and that from when the staff came until they left.", p.clock(*l.CountsFrom), p.clock(*l.CountsUntil)))
		case l.CountsFrom != nil && l.EndsAt == nil:
			lines = append(lines, fmt.Sprintf("Time counts from %s on: the lesson's own, which has no end yet, and that from when the staff came.", p.clock(*l.CountsFrom)))
		case l.CountsFrom != nil:
			lines = append(lines, fmt.Sprintf("Time counts from %s on: the lesson's own, and that from when the staff came; they have not all left.", p.clock(*l.CountsFrom)))
		}
	}
	for _, r := range a.Runs {
		line := fmt.Sprintf("It was held from %s, and Zoom has told no end", p.clock(r.StartedAt))
		if r.EndedAt != nil {
			line = fmt.Sprintf("It was held from %s to %s", p.clock(r.StartedAt), p.clock(*r.EndedAt))
			if r.EndTold != nil && !*r.EndTold {
				line += ", the last that was heard of it: Zoom never told its end"
			}
		}
		if r.Why != "" {
			line += fmt.Sprintf(". That counts for nothing: %s", r.Why)
		}
		lines = append(lines, line+".")
	}
	return lines
}

func (a answer) meetings(p *page) {
	judged := a.judged(p)
	if len(judged) == 0 {
		return
	}
	p.line("")
	p.line("The class had %d lessons that day; the first of these decides:", len(judged))
	table := tablewriter.NewWriter(p)
	table.Header("meeting", "number", "from", "counted", "would be")
	for _, h := range judged {
		_ = table.Append(h.Title, h.Number, h.From, h.Counted, h.Verdict)
	}
	_ = table.Render()
}

// judged is the class's lessons of that day, if there were several.
func (a answer) judged(p *page) (all []Held) {
	if len(a.Meetings) < 2 {
		return nil
	}
	for _, m := range a.Meetings {
		all = append(all, Held{string(m.Title), string(m.Number), p.clock(m.StartsAt), spelt(m.Seconds), cmp.Or(string(m.Verdict), "nothing")})
	}
	return all
}

func (a answer) events(p *page) {
	p.line("")
	if len(a.Events) == 0 {
		p.line("%s", a.untold())
		return
	}
	p.line("What Zoom told of them, times in %s:", p.zone)
	table := tablewriter.NewWriter(p)
	table.Header("time", "they", "device", "name shown", "known by", "counts")
	for _, t := range a.told(p) {
		counts := p.Green(cmp.Or(t.Why, "yes"))
		if !t.Counts {
			counts = p.Faint("no: " + t.Why)
		}
		_ = table.Append(t.At, t.They, fmt.Sprint(t.Device), t.Name, t.By, counts)
	}
	_ = table.Render()
}

// untold is what there is to say where nothing was taken for them.
func (a answer) untold() string {
	if len(a.Others) > 0 {
		return "Nothing that Zoom told was taken for them."
	}
	return "Zoom told nothing of them."
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
		why := string(e.Why)
		if e.Counted && len(e.Cut) > 0 {
			why = fmt.Sprintf("yes, but not the time %s the lesson", strings.Join(e.Cut, " and "))
		}
		all = append(all, Told{
			At: at, They: cmp.Or(they[e.Kind], e.Kind), Device: devices[e.Connection],
			Name: string(e.Name), By: cmp.Or(map[string]string{"key": "our key", "email": "e-mail", "name": "name, seen by the app"}[e.By], e.By),
			Counts: e.Counted, Why: why,
		})
	}
	return all
}

// they is what somebody did, by the kind of an event.
var they = map[string]string{"joined": "came", "left": "went", "waiting_joined": "waited", "waiting_left": "stopped waiting"}

const othersTitle = "Connections that show their name, e-mail, registration or key, and do not count for them:"

// otherwise is the connections that were not taken for them, a line for each.
func (a answer) otherwise(p *page) (lines []string) {
	for _, o := range a.Others {
		waited := ""
		if o.WasIn != nil && !*o.WasIn {
			waited = ", who only waited to be let in"
		}
		name := "without a name"
		if o.Name != "" {
			name = fmt.Sprintf("%q", o.Name)
		}
		lines = append(lines, fmt.Sprintf("%s to %s  %s%s: %s", p.clock(o.From), p.clock(o.To), name, waited, o.Why))
	}
	return lines
}

// remarks are what is odd about what was taken for them.
func (a answer) remarks() (lines []string) {
	for _, remark := range a.Remarks {
		lines = append(lines, string(remark))
	}
	return lines
}

// seen is what the app saw, and what that is worth.
func (a answer) seen(p *page) []string {
	if len(a.App.Visits) == 0 {
		return []string{"The app did not see them around that time."}
	}
	var seen []string
	for _, v := range a.App.Visits {
		seen = append(seen, map[string]string{"opened": "open the page at ", "joined": "come at ", "left": "go at "}[v.Kind]+p.clock(v.At))
	}
	return []string{fmt.Sprintf("The app saw them %s.", strings.Join(seen, ", ")), fmt.Sprintf("What that is worth: %s.", a.App.Worth)}
}

// notes say what stood in the record before, who outranks whom, and whether
// anything more is expected.
func (a answer) notes() (lines []string) {
	switch {
	case a.SaidBefore == "":
	case a.SaidThen == "":
		lines = append(lines, fmt.Sprintf("Before Zoom's word the record said: %s.", a.SaidBefore))
	case a.Note == "": // which else tells of it
		lines = append(lines, fmt.Sprintf("Somebody wrote %s when Zoom's verdict was %s.", a.SaidBefore, a.SaidThen))
	}
	if a.Note != "" {
		lines = append(lines, string(a.Note))
	}
	for _, outlook := range []word{a.Outlook, a.Changes} {
		if outlook != "" {
			lines = append(lines, string(outlook))
		}
	}
	return lines
}
