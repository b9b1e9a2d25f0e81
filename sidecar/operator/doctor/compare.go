package doctor

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Judge compares what inspect_zoom_project answered with how a project should
// stand.
func Judge(answer json.RawMessage) ([]Finding, error) {
	var have state
	if err := json.Unmarshal(answer, &have); err != nil {
		return nil, err
	}
	e := &examination{tell: func(Finding) {}}
	e.compare(expected(), have)
	return e.findings, nil
}

// compare says where the project is not as it should. What is missing because
// its migration is, is said once.
func (e *examination) compare(want, have state) {
	faults := map[string][]Fault{
		checkMigrations: missingTables(want, have),
		checkFunctions:  functions(want, have),
		checkGrants:     grants(want, have),
		checkSecurity:   security(want, have),
		checkKeys:       primaryKeys(want, have),
		checkPolicies:   policies(want, have),
		checkGuards:     guards(want, have),
		checkRealtime:   realtime(want, have),
		checkAttendance: attendance(have),
	}
	looks := map[string][]Fault{
		checkRealtime: identities(want, have, false),
		checkRisks:    risks(want, have),
	}
	whole := true
	for _, found := range faults {
		whole = whole && len(found) == 0
	}
	unapplied := unapplied(want, have)
	if len(unapplied) > 0 && !whole {
		e.fail(checkMigrations, Fault{"not applied: " + strings.Join(unapplied, ", "), "supabase db push, from the same version of the repository as this sidecar; beside an app's own migrations as operating/upgrade.md says"})
		e.skip(checkMigrations, catalog[1:]...)
		return
	}
	if len(unapplied) > 0 {
		versions := make([]string, len(unapplied))
		for i, file := range unapplied {
			versions[i] = version(file)
		}
		faults[checkMigrations] = []Fault{{"all that they make is there, and the project does not know them as applied: " + strings.Join(unapplied, ", "),
			"so that supabase db push does not try again: supabase migration repair --status applied " + strings.Join(versions, " ")}}
	}
	for _, check := range catalog {
		if len(faults[check]) == 0 && len(looks[check]) > 0 {
			e.look(check, looks[check]...)
			continue
		}
		e.judge(check, faults[check], as(check, want, have))
	}
}

// as is what to say of a check that found nothing.
func as(check string, want, have state) string {
	switch check {
	case checkMigrations:
		if have.Applied == nil {
			return "the project notes none; all that they make is there"
		}
		return fmt.Sprintf("all %d of the sidecar's are applied", len(want.Applied))
	case checkFunctions:
		return fmt.Sprintf("all %d are this version's, and only those may execute them who should", len(want.Functions))
	case checkGrants:
		if theirs := have.grantedByApp(); len(theirs) > 0 {
			return "each role may do what the policies speak of, visitors nothing; those of " + strings.Join(theirs, ", ") + " are the app's"
		}
		return "each role may do what the policies speak of, visitors nothing"
	case checkSecurity:
		if off := have.leftOpen(want); len(off) > 0 {
			return fmt.Sprintf("is on for all tables but %s, which the app leaves open", strings.Join(off, ", "))
		}
		return fmt.Sprintf("is on for all %d tables", len(tablesOf(want)))
	case checkKeys:
		return "every table has its own"
	case checkPolicies:
		if n := len(want.Policies) - len(have.expectedOf(want)); n > 0 {
			return fmt.Sprintf("all %d are as policies/ says; the app itself says who reads %s", len(want.Policies)-n, strings.Join(have.Theirs, ", "))
		}
		return fmt.Sprintf("all %d are as policies/ says", len(want.Policies))
	case checkGuards:
		return fmt.Sprintf("all %d triggers are on", len(want.Guards))
	case checkAttendance:
		return "its check knows every status: absent, present, partial, late and excused"
	case checkRisks:
		return "the app's own rules open nothing that ours close"
	default:
		return "is told of " + strings.Join(want.Published, ", ")
	}
}

// unapplied are the migrations that the project does not note as applied.
func unapplied(want, have state) (files []string) {
	for _, file := range want.Applied {
		if have.Applied != nil && !slices.Contains(have.Applied, version(file)) {
			files = append(files, file)
		}
	}
	return files
}

// version is that of a migration's file.
func version(file string) string {
	v, _, _ := strings.Cut(file, "_")
	return v
}

// without are the words of one list that are not in the other.
func without(words, others []string) (left []string) {
	for _, word := range words {
		if !slices.Contains(others, word) {
			left = append(left, word)
		}
	}
	return left
}
