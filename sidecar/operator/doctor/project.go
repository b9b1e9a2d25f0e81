package doctor

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"zoom-attendance/sidecar/supabase"
)

const (
	// clockLook and clockFailed are how far the clocks may differ: from the first
	// somebody should look, from that part of SIGNATURE_WINDOW on it is a failure,
	// long before Zoom's events are refused.
	clockLook   = 10 * time.Second
	clockFailed = 5

	// oldestPostgREST is the major version from which on it is known to serve.
	oldestPostgREST = 12

	notFound = "http_404"

	remedyKey = "make a secret key under Project Settings, API Keys, and set it as SUPABASE_SECRET_KEY; a proxy between that sends a browser's User-Agent is refused too"
	remedyURL = "see that SUPABASE_URL is the project's, that the project is not paused, and that this machine may reach it"
)

// catalog are the checks that ask the project's catalog.
var catalog = []string{checkMigrations, checkFunctions, checkGrants, checkSecurity, checkKeys, checkPolicies, checkGuards, checkRealtime, checkAttendance, checkRisks}

// rehearsed are the checks that ask the project's tables, by its own functions.
var rehearsed = []string{checkTrip, checkOwn, checkMeetings}

// project looks at who answers, as whom, and how the project stands. It returns
// because of what its functions cannot be called, or nothing.
func (e *examination) project(ctx context.Context) (because string) {
	after := slices.Concat([]string{checkKey, checkDatabase}, catalog, rehearsed)
	if name := e.wrong("SUPABASE_URL", "SUPABASE_SECRET_KEY", "SUPABASE_SERVICE_ROLE_KEY"); name != "" {
		e.skip(name, append([]string{checkProject, checkClock}, after...)...)
		return name
	}
	if f := e.keyFault(); f.Reason != "" {
		e.skip(checkKey, checkProject, checkClock)
		e.fail(checkKey, f)
		e.skip(checkKey, after[1:]...)
		return checkKey
	}
	if e.Refused != nil {
		e.fail(checkProject, fault(e.Refused, "set SUPABASE_URL as .env.example shows"))
		e.skip(checkProject, append([]string{checkClock}, after...)...)
		return checkProject
	}
	g, check, found := e.greet(ctx)
	if check == checkProject {
		e.fail(check, found)
	} else {
		e.greeted(g)
	}
	if check == checkProject && g.Date.IsZero() {
		e.skip(check, checkClock)
	} else {
		e.clock(g)
	}
	if check == "" {
		return e.database(ctx, after[1:])
	}
	if check == checkKey {
		e.fail(check, found)
		after = after[1:]
	}
	e.skip(check, after...)
	return check
}

// greet asks who is there. Of an answer that is not what it should be it returns
// which check failed, and why.
func (e *examination) greet(ctx context.Context) (g supabase.Greeting, check string, found Fault) {
	g, err := e.Project.Greet(ctx)
	answer, ok := errors.AsType[refusal](err)
	switch {
	case err == nil:
		return g, "", Fault{}
	case ok && answer.RefusesKey():
		return g, checkKey, Fault{"the project does not take it: it is revoked, or another project's", remedyKey}
	case ok && (answer.Cause() == notFound || answer.Cause() == "PGRST126") && e.isThere(ctx):
		return g, "", Fault{} // that it describes nothing is a setting of PostgREST
	}
	return g, checkProject, fault(err, remedyURL)
}

// isThere tells whether something at the address knows of functions.
func (e *examination) isThere(ctx context.Context) bool {
	_, err := e.Project.Ask(ctx, "inspect_zoom_project", struct{}{})
	answer, ok := errors.AsType[refusal](err)
	return err == nil || ok && answer.Answered() && answer.Cause() != notFound
}

// greeted tells who answered.
func (e *examination) greeted(g supabase.Greeting) {
	says := fmt.Sprintf("%s answers in %s", e.URL, short(g.Took))
	if g.PostgREST == "" {
		e.ok(checkProject, says)
		return
	}
	major, _, _ := strings.Cut(g.PostgREST, ".")
	if n, err := strconv.Atoi(major); err == nil && n < oldestPostgREST {
		e.look(checkProject, Fault{fmt.Sprintf("%s has PostgREST %s, older than the %d that this was tried with", e.URL, g.PostgREST, oldestPostgREST),
			"upgrade the project under Project Settings, Infrastructure"})
		return
	}
	e.ok(checkProject, says+", PostgREST "+g.PostgREST)
}

// clock compares ours with the server's. Its answer tells the second alone, and
// came from somewhere between the question and the answer.
func (e *examination) clock(g supabase.Greeting) {
	if name := e.wrong("SIGNATURE_WINDOW"); name != "" {
		e.skip(name, checkClock)
		return
	}
	if g.Date.IsZero() {
		e.look(checkClock, Fault{"the project does not tell the time", "compare this machine's clock by hand: date -u"})
		return
	}
	ahead := g.Began.Add(g.Took / 2).Sub(g.Date.Add(time.Second / 2))
	apart := max(ahead.Abs()-g.Took/2-time.Second/2, 0)
	limit := e.Window / clockFailed
	way := "ahead of"
	if ahead < 0 {
		way = "behind"
	}
	found := Fault{fmt.Sprintf("this machine's is %s %s Supabase's; Zoom's events are refused from %s on", short(apart.Round(time.Second)), way, short(e.Window)),
		"have it set from the net (NTP): timedatectl, or chronyc tracking, says how that stands"}
	switch {
	case apart >= limit:
		e.fail(checkClock, found)
	case apart >= clockLook:
		e.look(checkClock, found)
	case apart >= time.Second:
		e.ok(checkClock, fmt.Sprintf("is %s %s Supabase's", short(apart), way))
	default:
		e.ok(checkClock, "is Supabase's, as far as can be told")
	}
}

// claims is what a legacy key says of itself.
type claims struct {
	Role    string `json:"role"`
	Ref     string `json:"ref"`
	Expires int64  `json:"exp"`
}

// keyFault says what can be seen to be wrong with the key itself, or nothing.
func (e *examination) keyFault() Fault {
	key := string(e.Key)
	switch {
	case strings.HasPrefix(key, "sb_secret_"):
		return Fault{}
	case strings.HasPrefix(key, "sb_"):
		return Fault{"it is a publishable key, which may not write", remedyKey}
	}
	c, ok := legacy(key)
	switch host := e.host(); {
	case !ok:
		return Fault{"it is neither a secret key (sb_secret_…) nor a legacy one", remedyKey}
	case c.Role != "service_role":
		return Fault{fmt.Sprintf("it is the legacy key of the role %q, which may not write", c.Role), remedyKey}
	case c.Expires != 0 && e.Now().After(time.Unix(c.Expires, 0)):
		return Fault{"it is a legacy key that ran out on " + time.Unix(c.Expires, 0).UTC().Format("2 January 2006"), remedyKey}
	case c.Ref != "" && strings.HasSuffix(host, ".supabase.co") && host != c.Ref+".supabase.co":
		return Fault{fmt.Sprintf("it is of the project %s, and SUPABASE_URL is %s", c.Ref, host), "set both to the same project's"}
	}
	return Fault{}
}

func (e *examination) host() string {
	u, err := url.Parse(e.URL)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// legacy reads a legacy key. Whether it is genuine is the project's to check.
func legacy(key string) (c claims, ok bool) {
	parts := strings.Split(key, ".")
	if len(parts) != 3 {
		return c, false
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	return c, err == nil && json.Unmarshal(body, &c) == nil && c.Role != ""
}

// database asks the project how it stands. The checks after it are skipped if it
// does not say; it returns because of what.
func (e *examination) database(ctx context.Context, checks []string) (because string) {
	body, err := e.Project.Ask(ctx, "inspect_zoom_project", struct{}{})
	var have state
	if err == nil {
		err = json.Unmarshal(body, &have)
	}
	if err == nil && have.Role == serviceRole {
		e.key()
		e.ok(checkDatabase, "PostgreSQL "+have.Server)
		e.compare(expected(), have)
		return ""
	}
	check, found := e.unasked(err, have.Role)
	if check == checkKey {
		e.fail(check, found)
	} else {
		e.key()
	}
	for _, other := range checks {
		if other == check {
			e.fail(check, found)
		} else {
			e.skip(check, other)
		}
	}
	return check
}

// unasked is which check failed when the project did not say how it stands, or
// said it to another role.
func (e *examination) unasked(err error, role string) (string, Fault) {
	if err == nil {
		return checkKey, Fault{fmt.Sprintf("it acts as the role %q", role), remedyKey}
	}
	answer, ok := errors.AsType[refusal](err)
	switch {
	case ok && answer.RefusesKey():
		return checkKey, Fault{"the project does not take it", remedyKey}
	case ok && (answer.Cause() == "PGRST202" || answer.Cause() == "42883"):
		return checkMigrations, Fault{"the project has no function inspect_zoom_project: the migrations are not applied, or older than this sidecar",
			"supabase db push, beside an app's own migrations as operating/upgrade.md says; if that has nothing to do, in the SQL editor: notify pgrst, 'reload schema'"}
	case ok && answer.Cause() == "42501":
		return checkFunctions, Fault{"public.inspect_zoom_project() may not be executed by service_role",
			"in the SQL editor: grant execute on routine public.inspect_zoom_project() to service_role"}
	}
	return checkDatabase, fault(err, "look at the project's dashboard, Reports and Logs; then again")
}

// key tells of one that the project takes.
func (e *examination) key() {
	if strings.HasPrefix(string(e.Key), "sb_secret_") {
		e.ok(checkKey, "is a secret key, in the header apikey alone; it acts as service_role")
		return
	}
	e.look(checkKey, Fault{"it is a legacy service_role key, which Supabase takes until the end of 2026",
		"make a secret key under Project Settings, API Keys, and set it as SUPABASE_SECRET_KEY in place of SUPABASE_SERVICE_ROLE_KEY"})
}
