package doctor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// rehearsal is rehearse_zoom_lesson's object.
type rehearsal struct {
	Stage        string   `json:"stage"`
	Code         string   `json:"code"`
	Says         string   `json:"says"`
	Outcomes     []string `json:"outcomes"`
	Meeting      string   `json:"meeting"`
	Participant  string   `json:"participant"`
	SecondsShort *int     `json:"seconds_short"`
	Attendance   string   `json:"attendance"`

	Refused *refusedRow `json:"refused"` // nil: every row was taken

	Own []attempt `json:"own"`
}

// refusedRow is one that a check or a trigger of the school refused.
type refusedRow struct {
	Table  string `json:"table"`
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// attempt is somebody who writes a row of their own, in their own session.
type attempt struct {
	Who   string `json:"who"` // their role at the school
	Table string `json:"table"`
	Code  string `json:"code"`
	Says  string `json:"says"` // empty: they can
}

// roundTrip has a lesson of nobody applied and undone, as the relay would have it
// applied.
func (e *examination) roundTrip(ctx context.Context) {
	if name := e.wrong("ATTENDANCE_"); name != "" {
		e.skip(name, checkTrip, checkOwn)
		return
	}
	began := time.Now()
	body, err := e.Project.Ask(ctx, "rehearse_zoom_lesson", struct {
		Policy any `json:"policy"`
	}{e.Policy})
	took := time.Since(began)
	var said rehearsal
	if err == nil {
		err = json.Unmarshal(body, &said)
	}
	found := said.fault()
	if err != nil {
		found = fault(err, "look at the project's dashboard, Reports and Logs; then again")
	}
	// Without these it cannot go well, and they have a remedy of their own.
	because := e.failed(checkMigrations, checkFunctions, checkGrants, checkKeys, checkRealtime)
	defer func() { e.ownRows(said.Own, err == nil) }()
	switch {
	case found.Reason == "":
		e.ok(checkTrip, fmt.Sprintf("a lesson of nobody was recorded and undone in %s", short(took)))
	case because != "":
		e.skip(because, checkTrip)
	case err == nil && said.isTheApps():
		e.look(checkTrip, found)
	default:
		e.fail(checkTrip, found)
	}
}

// ownRows tells whether people can write what is their own.
func (e *examination) ownRows(attempts []attempt, asked bool) {
	var faults []Fault
	told := map[string]bool{}
	appsOwn := true
	for _, a := range attempts {
		if found := a.fault(); a.Says != "" && !told[found.Reason] {
			told[found.Reason] = true
			faults = append(faults, found)
			appsOwn = appsOwn && a.isTheApps()
		}
	}
	because := e.failed(checkMigrations, checkFunctions, checkGrants, checkSecurity, checkKeys, checkPolicies, checkGuards, checkRealtime, checkTrip)
	switch {
	case because != "" && (len(faults) > 0 || !asked):
		e.skip(because, checkOwn)
	case len(attempts) == 0:
		e.skip(checkTrip, checkOwn)
	case len(faults) > 0 && appsOwn:
		e.look(checkOwn, faults...)
	case len(faults) > 0:
		e.fail(checkOwn, faults...)
	default:
		e.ok(checkOwn, fmt.Sprintf("people can write what is theirs; %d of their writes were tried and undone", len(attempts)))
	}
}

// fault is what came of it, if they cannot.
func (a attempt) fault() Fault {
	reason := fmt.Sprintf("a signed-in %s cannot write their own row of %s: %s", a.Who, a.Table, oneLine(a.Says))
	switch a.Code {
	case "":
		return Fault{reason, fmt.Sprintf("see which policies on %s let them: one for reading has to show them the row, one for writing to take it, and a trigger may leave it out", a.Table)}
	case "42P17":
		return Fault{fmt.Sprintf("%s (%s)", reason, a.Code),
			fmt.Sprintf("policies of the app on %s ask the table they stand on, or each other: have those that do ask a function that is security definer instead", a.Table)}
	}
	return Fault{fmt.Sprintf("%s (%s)", reason, a.Code), fmt.Sprintf("look for it among the app's policies and triggers on %s", a.Table)}
}

// isTheApps tells of a rule of the app's own tables, which asks for more than the
// attempt gave.
func (a attempt) isTheApps() bool {
	return strings.HasPrefix(a.Code, "23") || strings.HasPrefix(a.Code, "P0")
}

// fault is what went otherwise than it should, or nothing.
func (r rehearsal) fault() Fault {
	const remedy = "somebody's trigger or rule on zoom_meetings, zoom_participants or attendance_records changes what the sidecar writes: look for it there"
	switch {
	case r.isTheApps():
		return Fault{fmt.Sprintf("a school of nobody cannot be made to try it with: %s: %s", r.Code, oneLine(r.Says)),
			"none is needed if the app's own tables ask for more than the sidecar's; sidecar simulate tries it with real rows"}
	case r.Code == "25006":
		return Fault{"a lesson cannot be recorded: the database is read-only (25006)",
			"if its disk is full, make room or enlarge it (Database, Settings in the dashboard) and switch writing on again; if SUPABASE_URL is a read replica's, set the primary's"}
	case r.Stage != "undone":
		return Fault{fmt.Sprintf("a lesson cannot be recorded: %s: %s", r.Code, oneLine(r.Says)), remedy}
	case r.Refused != nil:
		return Fault{fmt.Sprintf("a row of %s is refused, and set aside: %s: %s", r.Refused.Table, r.Refused.Code, oneLine(r.Refused.Reason)),
			"somebody's trigger or check there refuses what the sidecar writes: look for it; sidecar dead list has the rows that it refused so far"}
	case slices.Contains(r.Outcomes, "unknown_meeting"):
		return Fault{"the sidecar does not find a meeting that was just made", remedy}
	case r.Meeting != "ended" || r.Participant != "left" || r.SecondsShort == nil || *r.SecondsShort != 0 || r.Attendance != "present":
		stay := "none"
		if r.SecondsShort != nil {
			stay = fmt.Sprintf("%d seconds short", *r.SecondsShort)
		}
		return Fault{fmt.Sprintf("a student who stayed was recorded otherwise: the meeting %s, the participant %s (time: %s), the attendance %s",
			orNothing(r.Meeting), orNothing(r.Participant), stay, orNothing(r.Attendance)), remedy}
	}
	return Fault{}
}

// isTheApps tells that the app's own rules stood in the way, before any of ours
// was asked.
func (r rehearsal) isTheApps() bool {
	return r.Stage == "school" && (strings.HasPrefix(r.Code, "23") || strings.HasPrefix(r.Code, "P0"))
}

func orNothing(word string) string {
	if word == "" {
		return "nothing"
	}
	return word
}

// oneLine keeps a server's words to one line of bearable length.
func oneLine(said string) string {
	said = strings.Join(strings.Fields(said), " ")
	if runes := []rune(said); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return said
}
