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
}

// roundTrip has a lesson of nobody applied and undone, as the relay would have it
// applied.
func (e *examination) roundTrip(ctx context.Context) {
	if name := e.wrong("ATTENDANCE_"); name != "" {
		e.skip(name, checkTrip)
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
	because := e.failed(checkMigrations, checkFunctions, checkGrants, checkKeys)
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

// fault is what went otherwise than it should, or nothing.
func (r rehearsal) fault() Fault {
	const remedy = "somebody's trigger or rule on zoom_meetings, zoom_participants or attendance_records changes what the sidecar writes: look for it there"
	switch {
	case r.isTheApps():
		return Fault{fmt.Sprintf("a school of nobody cannot be made to try it with: %s: %s", r.Code, oneLine(r.Says)),
			"none is needed if the app's own tables ask for more than the sidecar's; sidecar simulate tries it with real rows"}
	case r.Stage != "undone":
		return Fault{fmt.Sprintf("a lesson cannot be recorded: %s: %s", r.Code, oneLine(r.Says)), remedy}
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
