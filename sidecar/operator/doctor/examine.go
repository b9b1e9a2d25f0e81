package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// Place is what is examined, as main knows it.
type Place struct {
	// Faults are those of the settings, each beginning with the setting's name.
	Faults []string

	// Store tries where events are kept. An error says why none can be.
	Store func(context.Context) (inbox.Trial, error)
	// MaxBytes is how large the kept events may grow.
	MaxBytes uint64

	Project Project
	Refused error       // why there is no project to ask, although its settings look right
	URL     string      // of the project
	Key     zoom.Secret // of the project
	Policy  any         // by which attendance is kept, as apply_zoom_events takes it

	Secrets []zoom.Secret // that sign Zoom's events
	Window  time.Duration // how far a signature's time may be from our clock

	// Transport carries the requests to the public address. Default: Go's.
	Transport http.RoundTripper
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Project is the project to examine.
type Project interface {
	// Greet returns what the headers of the answer told even with an error.
	Greet(context.Context) (supabase.Greeting, error)
	// Ask calls a function of the database and returns the object it answers.
	Ask(ctx context.Context, function string, args any) (json.RawMessage, error)
	Close()
}

// refusal is an error of a call that was answered, in part at least.
type refusal interface {
	error
	Cause() string    // PostgREST's or PostgreSQL's code, or the HTTP status
	Answered() bool   // somebody answered
	RefusesKey() bool // and does not take our key
}

// Question is what to examine beside the place itself.
type Question struct {
	URL string // the public address, or empty
	As  string // whose view of the app to show, or empty
}

// Report is all that was found.
type Report struct {
	Findings []Finding       `json:"checks"`
	Seen     json.RawMessage `json:"seen,omitempty"` // look_as_zoom_user's object
}

// Failures are the names of the checks that failed, each once.
func (r Report) Failures() (names []string) {
	for _, f := range r.Findings {
		if f.State == Failed && (len(names) == 0 || names[len(names)-1] != f.Check) {
			names = append(names, f.Check)
		}
	}
	return names
}

// Examine goes through the checks and tells each finding as it is found.
func Examine(ctx context.Context, p Place, q Question, tell func(Finding)) Report {
	if p.Now == nil {
		p.Now = time.Now
	}
	e := &examination{Place: p, tell: tell}
	e.settings()
	e.store(ctx)
	r := Report{}
	because := e.project(ctx)
	if because == "" {
		e.roundTrip(ctx)
		e.unmatched(ctx)
	}
	if q.URL != "" {
		e.public(ctx, q.URL)
	}
	if q.As != "" {
		r.Seen = e.seen(ctx, q.As, because)
	}
	r.Findings = e.findings
	return r
}

// mostUnmatched is how much of what cannot be matched is told one by one.
const mostUnmatched = 10

// unmatched is unmatched_zoom's object.
type unmatched struct {
	Of    int `json:"of"`
	Items []struct {
		Number string `json:"number"` // empty where it is about users
		Title  string `json:"title"`
		Says   string `json:"says"`
		Remedy string `json:"remedy"`
	} `json:"items"`
}

// unmatched shows what an admin should look at.
func (e *examination) unmatched(ctx context.Context) {
	body, err := e.Project.Ask(ctx, "unmatched_zoom", struct {
		Most int `json:"most"`
	}{mostUnmatched})
	var u unmatched
	if err == nil {
		err = json.Unmarshal(body, &u)
	}
	if because := e.failed(checkMigrations, checkFunctions, checkGrants); err != nil && because != "" {
		e.skip(because, checkMeetings)
		return
	}
	if err != nil {
		e.fail(checkMeetings, fault(err, "look at the project's dashboard, Reports and Logs; then again"))
		return
	}
	var found []Fault
	for _, item := range u.Items {
		says := item.Says
		if item.Number != "" {
			says = fmt.Sprintf("%q (%s): %s", item.Title, item.Number, item.Says)
		}
		found = append(found, Fault{says, item.Remedy})
	}
	if more := u.Of - len(u.Items); more > 0 {
		found = append(found, Fault{fmt.Sprintf("and %d more", more), "`sidecar list` shows them all"})
	}
	if len(found) > 0 {
		e.look(checkMeetings, found...)
		return
	}
	e.ok(checkMeetings, "there is nothing that an admin should look at")
}

// settings makes each fault a line of its own.
func (e *examination) settings() {
	for _, said := range e.Faults {
		name, _, _ := strings.Cut(said, " ")
		e.fail(checkSettings, Fault{Reason: said, Remedy: fmt.Sprintf("set it right where the sidecar gets its environment; .env.example tells of %s", name)})
	}
	if len(e.Faults) == 0 {
		e.ok(checkSettings, "all are right")
	}
}

// wrong is the name of a setting that is at fault and begins like one of these,
// or nothing.
func (e *examination) wrong(prefixes ...string) string {
	for _, said := range e.Faults {
		name, _, _ := strings.Cut(said, " ")
		for _, prefix := range prefixes {
			if strings.HasPrefix(name, prefix) {
				return name
			}
		}
	}
	return ""
}
