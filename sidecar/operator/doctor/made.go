package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// missingTables names the tables that are gone.
func missingTables(want, have state) (faults []Fault) {
	for _, name := range slices.Sorted(maps.Keys(want.Tables)) {
		if _, ok := have.Tables[name]; !ok {
			faults = append(faults, Fault{name + " is not there, though the migration that makes it is applied",
				"bring it back from a backup; or make it again as its migration in supabase/migrations does"})
		}
	}
	return faults
}

// functions compares what each does, and who may execute it.
func functions(want, have state) (faults []Fault) {
	for _, name := range slices.Sorted(maps.Keys(want.Functions)) {
		should, is := want.Functions[name], have.Functions[name]
		from := "supabase/migrations/" + want.Makes[name[:strings.Index(name, "(")]]
		switch {
		case is.Made == "":
			faults = append(faults, Fault{name + " is not there",
				fmt.Sprintf("in the SQL editor: its create, revoke and grant from %s, then notify pgrst, 'reload schema'", from)})
			continue
		case is.Made != should.Made:
			faults = append(faults, Fault{name + " is not the one of this version",
				fmt.Sprintf("supabase db push, and the newest sidecar; if both are, somebody changed it: its create from %s, as create or replace", from)})
		}
		for _, role := range is.May {
			if role != serviceRole && !slices.Contains(should.May, role) {
				faults = append(faults, Fault{fmt.Sprintf("%s may be executed by %s", name, role),
					fmt.Sprintf("in the SQL editor: revoke execute on routine %s from public, %s", name, role)})
			}
		}
		for _, role := range should.May {
			if !slices.Contains(is.May, role) {
				faults = append(faults, Fault{fmt.Sprintf("%s may not be executed by %s", name, role),
					fmt.Sprintf("in the SQL editor: grant execute on routine %s to %s", name, role)})
			}
		}
	}
	return append(faults, twins(want, have)...)
}

// twins are functions that have the name of one of ours which the sidecar calls
// through PostgREST, and other arguments.
func twins(want, have state) (faults []Fault) {
	ours := map[string]string{}
	for name := range want.Functions {
		ours[name[:strings.Index(name, "(")]] = name
	}
	for _, name := range slices.Sorted(maps.Keys(have.Functions)) {
		one, isOurs := want.Functions[name], ours[name[:strings.Index(name, "(")]]
		if one.Made == "" && isOurs != "" && strings.HasPrefix(name, "public.") {
			faults = append(faults, Fault{fmt.Sprintf("%s has the name of the sidecar's %s: PostgREST cannot tell which is meant, and refuses calls (PGRST203)", name, isOurs),
				fmt.Sprintf("in the SQL editor: drop function %s; notify pgrst, 'reload schema'", name)})
		}
	}
	return faults
}

// primaryKeys compares those of the tables.
func primaryKeys(want, have state) (faults []Fault) {
	for _, name := range tablesOf(want) {
		is, ok := have.Tables[name]
		if should := want.Tables[name].Key; ok && !slices.Equal(should, is.Key) {
			key := fmt.Sprintf("add primary key (%s)", strings.Join(should, ", "))
			if len(is.Key) == 0 {
				faults = append(faults, Fault{fmt.Sprintf("%s has none: Realtime tells nobody of its rows", name), fmt.Sprintf("in the SQL editor: alter table %s %s", name, key)})
				continue
			}
			faults = append(faults, Fault{fmt.Sprintf("that of %s is (%s), and should be (%s)", name, strings.Join(is.Key, ", "), strings.Join(should, ", ")),
				fmt.Sprintf("in the SQL editor: alter table %s drop constraint %s_pkey, %s", name, bare(name), key)})
		}
	}
	return faults
}

// realtime names the tables whose changes no page hears of.
func realtime(want, have state) (faults []Fault) {
	if missing := without(want.Published, have.Published); len(have.Published) == 0 {
		faults = append(faults, Fault{"the publication supabase_realtime carries nothing: pages hear of no change",
			"in the SQL editor: all of supabase/migrations/" + realtimeFile(want) + "; if it lists tables and still carries nothing: alter publication supabase_realtime set (publish = 'insert, update, delete, truncate')"})
	} else if len(missing) > 0 {
		faults = append(faults, Fault{fmt.Sprintf("the publication supabase_realtime does not carry %s: pages hear of no change there", strings.Join(missing, ", ")),
			"in the SQL editor: alter publication supabase_realtime add table " + strings.Join(missing, ", ")})
	}
	return append(faults, identities(want, have, true)...)
}

// identities are the published tables, ours or the app's own, whose rows Realtime
// should know by their primary keys and does not.
func identities(want, have state, ours bool) (found []Fault) {
	for _, name := range slices.Sorted(maps.Keys(have.Identities)) {
		if _, known := want.Tables[name]; known != ours {
			continue
		}
		said := map[string]string{
			"full":    "is full: a stranger who subscribes hears which rows are deleted there",
			"index":   "is an index: a stranger who subscribes hears its columns of each row that is deleted there",
			"nothing": "is nothing: its rows cannot be changed while it is published",
		}[have.Identities[name]]
		found = append(found, Fault{fmt.Sprintf("the replica identity of %s %s", name, said),
			fmt.Sprintf("in the SQL editor: alter table %s replica identity default", name)})
	}
	return found
}

// attendance names the checks that refuse a status which the sidecar or a teacher
// writes.
func attendance(have state) (faults []Fault) {
	for _, check := range have.Refuses {
		remedy := fmt.Sprintf("in the SQL editor: alter table public.attendance_records drop constraint %q; alter table public.attendance_records add constraint %q "+
			"check (status in ('absent', 'present', 'partial', 'late', 'excused'))", check.Name, check.Name)
		if slices.Equal(check.Statuses, []string{"partial"}) {
			remedy = "in the SQL editor: call zoom.allow_partial()"
		}
		faults = append(faults, Fault{fmt.Sprintf("the check %s of public.attendance_records.status refuses %s: records that say so cannot be written",
			check.Name, strings.Join(check.Statuses, ", ")), remedy})
	}
	return faults
}

// realtimeFile is the migration that makes the publication.
func realtimeFile(want state) string {
	for _, file := range want.Applied {
		if strings.HasSuffix(file, "_realtime.sql") {
			return file
		}
	}
	return ""
}

// tablesOf are the tables, without the views, in order.
func tablesOf(s state) (names []string) {
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		if s.Tables[name].Guarded != nil {
			names = append(names, name)
		}
	}
	return names
}
