package doctor

import (
	"slices"
	"strings"
)

// State is how a check ended.
type State string

// The states of a check. Only a failure makes the exit code 1.
const (
	OK      State = "ok"
	Look    State = "look" // it works, and somebody should look at it
	Failed  State = "failed"
	Skipped State = "skipped"
)

// Finding is what one check found.
type Finding struct {
	Check  string  `json:"check"`
	State  State   `json:"state"`
	Says   string  `json:"says,omitempty"`   // of ok and skipped: what was found, or because of what it was not looked for
	Faults []Fault `json:"faults,omitempty"` // of failed and look
}

// Fault is something that is not as it should be.
type Fault struct {
	Reason string `json:"reason"`
	Remedy string `json:"remedy"`
}

// fault takes an error of the sidecar's apart: those that know what to do end with
// it, behind a semicolon. For the others there is a remedy at hand.
func fault(err error, remedy string) Fault {
	reason := err.Error()
	if at := strings.LastIndex(reason, "; "); at >= 0 {
		reason, remedy = reason[:at], reason[at+2:]
	}
	return Fault{Reason: reason, Remedy: remedy}
}

// The names of the checks, in their order.
const (
	checkSettings   = "settings"
	checkInbox      = "inbox"
	checkSpace      = "free space"
	checkSync       = "sync speed"
	checkProject    = "project"
	checkClock      = "clock"
	checkKey        = "key"
	checkDatabase   = "database"
	checkMigrations = "migrations"
	checkFunctions  = "functions"
	checkGrants     = "grants"
	checkSecurity   = "row security"
	checkKeys       = "primary keys"
	checkPolicies   = "policies"
	checkGuards     = "guards"
	checkRealtime   = "realtime"
	checkAttendance = "attendance"
	checkRisks      = "risks"
	checkTrip       = "round trip"
	checkOwn        = "own rows"
	checkMeetings   = "meetings"
	checkAddress    = "address"
	checkRedirect   = "redirect"
	checkChallenge  = "challenge"
	checkUnsigned   = "unsigned"
	checkTime       = "answer time"
	checkSeen       = "seen"
)

// examination is one going through the checks.
type examination struct {
	Place
	tell     func(Finding)
	findings []Finding
}

func (e *examination) add(f Finding) {
	e.findings = append(e.findings, f)
	e.tell(f)
}

func (e *examination) ok(check, says string) { e.add(Finding{Check: check, State: OK, Says: says}) }

func (e *examination) look(check string, faults ...Fault) {
	e.add(Finding{Check: check, State: Look, Faults: faults})
}

func (e *examination) fail(check string, faults ...Fault) {
	e.add(Finding{Check: check, State: Failed, Faults: faults})
}

// judge is a failure if there are faults.
func (e *examination) judge(check string, faults []Fault, says string) {
	if len(faults) > 0 {
		e.fail(check, faults...)
		return
	}
	e.ok(check, says)
}

// skip leaves checks out because of one that failed.
func (e *examination) skip(because string, checks ...string) {
	for _, check := range checks {
		e.add(Finding{Check: check, State: Skipped, Says: "because of " + because})
	}
}

// failed returns the first of some checks that failed, or nothing.
func (e *examination) failed(checks ...string) string {
	for _, f := range e.findings {
		if f.State == Failed && slices.Contains(checks, f.Check) {
			return f.Check
		}
	}
	return ""
}
