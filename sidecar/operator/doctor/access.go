package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The roles that a request may come as.
const (
	anon          = "anon"
	authenticated = "authenticated"
	serviceRole   = "service_role"
)

var writes = []string{"insert", "update", "delete"}

// grants compares what each role may do in the schemas and with the tables.
func grants(want, have state) (faults []Fault) {
	for _, role := range []string{anon, authenticated, serviceRole} {
		for _, schema := range slices.Sorted(maps.Keys(want.Schemas)) {
			should, is := slices.Contains(want.Schemas[schema], role), slices.Contains(have.Schemas[schema], role)
			if should && !is {
				faults = append(faults, Fault{fmt.Sprintf("%s may not use the schema %s", role, schema),
					fmt.Sprintf("in the SQL editor: grant usage on schema %s to %s", schema, role)})
			}
			if is && !should {
				faults = append(faults, Fault{fmt.Sprintf("%s may use the schema %s, which is private", role, schema),
					fmt.Sprintf("in the SQL editor: revoke usage on schema %s from public, %s", schema, role)})
			}
		}
		for _, name := range slices.Sorted(maps.Keys(want.Tables)) {
			if role != serviceRole && slices.Contains(have.grantedByApp(), name) {
				continue // the app's own, whatever is granted there
			}
			if is, ok := have.Tables[name]; ok {
				faults = append(faults, granted(name, role, want.Tables[name].Granted[role], is.Granted[role])...)
			}
		}
	}
	return faults
}

// granted compares what a role may do with a table.
func granted(table, role string, should, is []string) (faults []Fault) {
	if verbs := without(should, is); len(verbs) > 0 {
		faults = append(faults, Fault{fmt.Sprintf("%s may not %s %s", role, listed(verbs), table),
			fmt.Sprintf("in the SQL editor: grant %s on %s to %s", strings.Join(verbs, ", "), table, role)})
	}
	if verbs := tooMuch(role, should, is); len(verbs) > 0 {
		faults = append(faults, Fault{fmt.Sprintf("%s may %s %s", role, listed(verbs), table),
			fmt.Sprintf("in the SQL editor: revoke %s on %s from public, %s", strings.Join(verbs, ", "), table, role)})
	}
	return faults
}

// tooMuch are the verbs that a role has and should not. The service role may have
// more than it needs, and who writes a table that ours leaves to the app is for the
// app to say.
func tooMuch(role string, should, is []string) []string {
	verbs := without(is, should)
	switch {
	case role == serviceRole:
		return nil
	case role == authenticated && isTheApps(should):
		return without(verbs, writes)
	}
	return verbs
}

// isTheApps tells of what users are granted on a table that its writes are left to
// the app.
func isTheApps(granted []string) bool {
	return len(granted) > 0 && len(without(writes, granted)) == len(writes)
}

// listed are verbs as one says them.
func listed(verbs []string) string {
	if len(verbs) < 2 {
		return strings.Join(verbs, "")
	}
	last := len(verbs) - 1
	return strings.Join(verbs[:last], ", ") + " or " + verbs[last]
}

// grantedByApp are the tables whose grants are the app's.
func (have state) grantedByApp() []string {
	tables := slices.Concat(have.Theirs, have.Granted)
	slices.Sort(tables)
	return slices.Compact(tables)
}

// leftOpen are the tables without row level security that the app has users read
// by their grants alone.
func (have state) leftOpen(want state) (names []string) {
	for _, name := range have.Theirs {
		if is, ok := have.Tables[name]; ok && is.open() && len(want.Tables[name].Key) > 0 {
			names = append(names, name)
		}
	}
	return names
}

// open tells of a table that its policies are not in force.
func (t table) open() bool { return t.Guarded == nil || !*t.Guarded }

// security names the tables whose policies are not in force.
func security(want, have state) (faults []Fault) {
	for _, name := range tablesOf(want) {
		if is, ok := have.Tables[name]; ok && is.open() && !slices.Contains(have.leftOpen(want), name) {
			faults = append(faults, Fault{"row level security is off on " + name + ": its policies do nothing",
				fmt.Sprintf("in the SQL editor: alter table %s enable row level security", name)})
		}
	}
	return faults
}
