package supabase

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Blame says whose doing an error is, and so what helps.
type Blame int

// The three kinds of blame.
const (
	Weather Blame = iota // nobody's: the same call may succeed later
	Us                   // the operator's: it succeeds once somebody mends something
	Data                 // the facts': the same call never succeeds
)

// String returns weather, us or data.
func (b Blame) String() string { return [...]string{"weather", "us", "data"}[b] }

// verdict is what a code or a status means.
type verdict struct {
	blame    Blame
	meaning  string // and, when it blames us, what to do; never anything personal
	tooMuch  bool   // a smaller batch may succeed
	ofAll    bool   // it is the same whatever the facts
	quotable bool   // the server's message quotes no data
}

func weather(meaning string) verdict {
	return verdict{blame: Weather, meaning: meaning, quotable: true}
}
func us(meaning string) verdict   { return verdict{blame: Us, meaning: meaning, quotable: true} }
func data(meaning string) verdict { return verdict{blame: Data, meaning: meaning} }
func ofAll(v verdict) verdict {
	v.ofAll = true
	return v
}
func tooMuch(meaning string) verdict {
	return verdict{blame: Weather, meaning: meaning, quotable: true, tooMuch: true}
}

const (
	checkKeys  = "the project does not accept the key; check SUPABASE_SECRET_KEY (or SUPABASE_SERVICE_ROLE_KEY) and that it belongs to SUPABASE_URL"
	checkURL   = "this is not the project's address; check SUPABASE_URL"
	checkMigr  = "the database's migrations are behind this sidecar; apply them with: supabase db push --remote, beside an app's own as operating/upgrade.md says (and if they are applied: notify pgrst, 'reload schema')"
	checkGrant = "the key's role may not do this; use the secret or service_role key, and apply the migrations with: supabase db push --remote, beside an app's own as operating/upgrade.md says"
	checkTwins = "the database has two functions of this name, and PostgREST cannot tell which is meant; drop the one that is not the sidecar's"
	checkWrite = "the database is read-only; if its disk is full, make room or enlarge it (Database, Settings in the dashboard) and switch writing on again, and if SUPABASE_URL is a read replica's, set the primary's"
	checkWake  = "the project is paused; resume it in the dashboard"
	checkAge   = "the database's migrations and this sidecar are of different ages; apply the migrations with: supabase db push --remote, beside an app's own as operating/upgrade.md says, and deploy the newest sidecar"
)

// byCode is the table of codes: the first prefix that fits decides.
// https://docs.postgrest.org/en/stable/references/errors.html
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var byCode = []struct {
	prefix string
	verdict
}{
	{CodeConnection, weather("the connection could not be made, or broke")},
	{CodeNoHost, us("the project's address is not known; check SUPABASE_URL, and that the project is not paused")},
	{CodeCertificate, us("the server is not who it should be; check SUPABASE_URL, the clock and the certificates of this machine")},
	{CodeTimeout, tooMuch("no complete answer in time")},
	{CodeNotJSON, weather("something between us and the project answered in its place")},
	{CodeRedirect, us(checkURL)},
	{CodeUnexpected, us(checkAge)},
	{CodeSilence, weather("PostgREST lost its database in the middle of the call")},
	{CodeUnencodable, data("a fact that cannot be written as JSON")},

	{"PGRST00", weather("PostgREST has no database connection")},
	{"PGRST102", data("a body that PostgREST cannot read")},
	{"PGRST106", us("the schema public is not exposed; check the project's API settings")},
	{"PGRST1", us(checkAge)},
	{"PGRST204", weather("PostgREST's schema cache is stale")},
	{"PGRST205", weather("PostgREST's schema cache is stale")},
	{"PGRST203", us(checkTwins)},
	{"PGRST2", us(checkMigr)},
	{"PGRST3", us(checkKeys)},
	{"PGRST", weather("PostgREST has trouble of its own")},

	{"08", weather("the database connection broke")},
	{"25006", ofAll(us(checkWrite))},
	{"25", weather("the database's session is broken")},
	{"40", weather("the transaction was undone: a deadlock or a conflict")},
	{"53200", tooMuch("the database has no memory left")},
	{"53100", ofAll(weather("the database's disk is full"))},
	{"53", weather("the database has no room or no connections left")},
	{"55", weather("what it needs is locked")},
	{"57014", tooMuch("the database stopped the statement: it took too long")},
	{"57", weather("the database is stopping or starting")},
	{"58", weather("the database's machine has trouble")},
	{"XX", weather("the database has trouble of its own")},

	{"42501", us(checkGrant)},
	{"28", us(checkKeys)},
	{"0L", us(checkGrant)},
	{"0P", us(checkGrant)},
	{"3D", us(checkMigr)},
	{"3F", us(checkMigr)},
	{"42", us(checkMigr)},

	{"21", data("facts that contradict each other")},
	{"22", data("a value the database cannot take")},
	{"23", data("a value that breaks a constraint")},
	{"44", data("a value that breaks a constraint")},
	{"54", data("a value beyond a limit of the database")},
	{"P0", data("refused by the function")},
}

// refusedUser is what it means that a user's token is not taken. The same call with
// it never succeeds, and nobody of ours is to blame.
var refusedUser = data("the user's token is expired, not this project's, or of a role that may not do this")

// statusPaused is Supabase's for a project that is paused.
const statusPaused = 540

// byStatus judges an answer whose code says nothing: a gateway's, mostly. It
// blames the data only where the status is about nothing else, since a gateway
// that refuses everything must not cost a single event.
func byStatus(status int) verdict {
	switch {
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly:
		return weather("the request arrived too slowly or too early")
	case status == http.StatusTooManyRequests:
		return weather("the project asks for fewer calls")
	case status == http.StatusRequestEntityTooLarge, status == http.StatusUnprocessableEntity:
		return data("a body the project does not take")
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return us(checkKeys)
	case status == http.StatusPaymentRequired:
		return us("the project is over its quota or suspended; look at its dashboard")
	case status == http.StatusNotFound, status == http.StatusMethodNotAllowed:
		return us(checkURL)
	case status == statusPaused:
		return us(checkWake)
	case status >= 500:
		return weather("the project or its gateway has trouble")
	}
	return us("an answer this sidecar does not know; if it is not the project that answers, check SUPABASE_URL")
}

// verdict looks the error up. A code that is in no row, or none at all, is judged
// by its status, and the message kept back: nobody knows what it quotes, and a
// gateway may quote the whole request.
func (e *Error) verdict() verdict {
	if e.RefusesUser() {
		return refusedUser
	}
	for _, row := range byCode {
		if e.Code != "" && strings.HasPrefix(e.Code, row.prefix) {
			v := row.verdict
			v.meaning = cmp.Or(e.particular(), v.meaning)
			return v
		}
	}
	v := byStatus(e.Status)
	v.quotable = false
	return v
}

var (
	refusedBy = regexp.MustCompile(`relation "attendance_records" violates check constraint "([^"]+)"`)
	candidate = regexp.MustCompile(`[\w.]+\([^()]*\)`)
	argument  = regexp.MustCompile(`\w+ => `)
)

// ourApply is the function of the two that is ours.
const ourApply = "public." + applyFunction + "(jsonb, jsonb)"

// particular is what an error means, where its message names what to mend: a
// constraint, or functions. Neither is personal.
func (e *Error) particular() string {
	switch e.Code {
	case "23514":
		if by := refusedBy.FindStringSubmatch(e.Message); by != nil {
			return fmt.Sprintf("the school's check %q of attendance_records refuses what the sidecar writes; if it lacks the status partial, in the SQL editor: call zoom.allow_partial()", by[1])
		}
	case "PGRST203":
		var others []string
		for _, is := range candidate.FindAllString(e.Message, -1) {
			if is = argument.ReplaceAllString(is, ""); is != ourApply {
				others = append(others, "drop function "+is)
			}
		}
		if len(others) == 1 {
			return "the database has two functions of this name, and PostgREST cannot tell which is meant; drop the one that is not the sidecar's, in the SQL editor: " + others[0]
		}
	}
	return ""
}

// Blame says whose doing the error is. It is the one place that decides.
func (e *Error) Blame() Blame { return e.verdict().blame }

// The questions below let a room that does not import this package ask, by an
// interface of its own.

// BlamesData reports that the same facts will never be taken as they are.
func (e *Error) BlamesData() bool { return e.Blame() == Data }

// BlamesUs reports that calls will succeed once an operator mended something;
// [Error.Meaning] says what.
func (e *Error) BlamesUs() bool { return e.Blame() == Us }

// RefusesUser reports that a call made as a user was refused for the user's token:
// PostgREST does not accept it, or its role may not call the function. A call
// that our own key spoiled is not among them.
func (e *Error) RefusesUser() bool {
	return e.asUser && (e.Code == "42501" || e.Status == http.StatusUnauthorized && strings.HasPrefix(e.Code, "PGRST3"))
}

// Answered reports that somebody answered, whoever it was.
func (e *Error) Answered() bool { return e.Status != 0 }

// RefusesKey reports that the project does not take our own key.
func (e *Error) RefusesKey() bool {
	return !e.asUser && e.Status == http.StatusUnauthorized && e.Code != "42501"
}

// OfAll reports that it is the same with any other facts, though a call with none may
// succeed.
func (e *Error) OfAll() bool { return e.verdict().ofAll }

// TooMuch reports that fewer facts at once may succeed.
func (e *Error) TooMuch() bool { return e.verdict().tooMuch }

// Wait is how long the server asked us to wait; 0: it did not say.
func (e *Error) Wait() time.Duration { return e.RetryAfter }

// Cause is a short word for metrics and dead letters: the code, or else
// "http_503". Never anything personal.
func (e *Error) Cause() string {
	if e.Code != "" {
		return e.Code
	}
	return "http_" + strconv.Itoa(e.Status)
}

// Meaning explains the cause in plain words and, when it blames us, says what
// to do. Never anything personal.
func (e *Error) Meaning() string { return e.verdict().meaning }

// Retryable reports whether the same call is worth making again, now or once
// somebody mended something. An error that is no *Error, such as the caller's
// own cancellation, is not.
func Retryable(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Blame() != Data
}
