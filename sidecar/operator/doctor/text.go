package doctor

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"zoom-attendance/sidecar/terminal"
)

// page writes findings as they come:
//
//	ok        clock           is Supabase's to within 1s
//	FAILED    policies        "people see themselves …" on public.zoom_participants is not there
//	                          remedy: in the SQL editor: all of policies/zoom_participants.sql, …
type page struct {
	terminal.Paint
	out io.Writer
	err error
}

const indent = 26 // where what is said begins

func (p *page) line(format string, values ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", values...)
	}
}

func (p *page) finding(f Finding) {
	label := fmt.Sprintf("%-16s", f.Check)
	switch f.State {
	case OK:
		p.line("%s%s%s", p.Green("ok        "), label, f.Says)
	case Skipped:
		p.line("%s", p.Faint("skipped   "+label+f.Says))
	case Look:
		p.faults(p.Yellow("look      ")+label, f.Faults)
	case Failed:
		p.faults(p.Red("FAILED    ")+p.Bold(label), f.Faults)
	}
}

func (p *page) faults(label string, faults []Fault) {
	for i, f := range faults {
		if i > 0 {
			label = strings.Repeat(" ", indent)
		}
		// A title, a name or a policy is shown, never obeyed.
		p.line("%s%s", label, terminal.Harmless(f.Reason))
		p.line("%sremedy: %s", strings.Repeat(" ", indent), terminal.Harmless(f.Remedy))
	}
}

// end shows what a user sees, and sums up.
func (p *page) end(r Report) {
	var v view
	if r.Seen != nil && json.Unmarshal(r.Seen, &v) == nil {
		p.line("")
		p.line("%s", strings.TrimSuffix(v.text(), "\n"))
	}
	count := map[State]int{}
	for _, f := range r.Findings {
		count[f.State]++
	}
	said := p.Green("Nothing failed")
	if n := count[Failed]; n > 0 {
		said = p.Red(fmt.Sprintf("%d of %d checks failed", n, len(r.Findings)))
	}
	for _, state := range []State{Look, Skipped} {
		if n := count[state]; n > 0 {
			said += fmt.Sprintf(", %d %s", n, map[State]string{Look: "to look at", Skipped: "skipped"}[state])
		}
	}
	p.line("")
	p.line("%s.", said)
}
