package main

import (
	"context"
	_ "embed"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

//go:embed testdata/snapshot.sql
var snapshotSQL string

// thing is a policy, a grant, a column, the rows of a table…
type thing struct{ kind, name string }

// snapshot is what a project's public schema consists of, and what each thing
// says: see testdata/snapshot.sql.
type snapshot map[thing]string

func takeSnapshot(ctx context.Context, conn *pgx.Conn) (snapshot, error) {
	rows, err := conn.Query(ctx, snapshotSQL)
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	taken := snapshot{}
	var is thing
	var says string
	_, err = pgx.ForEachRow(rows, []any{&is.kind, &is.name, &says}, func() error {
		taken[is] = strings.Join(strings.Fields(says), " ")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("take a snapshot: %w", err)
	}
	return taken, nil
}

// differences are one line for each thing that is not as wanted.
func (want snapshot) differences(have snapshot) string {
	var lines []string
	for is, says := range want {
		if now, ok := have[is]; !ok {
			lines = append(lines, fmt.Sprintf("%s %s is gone", is.kind, is.name))
		} else if now != says {
			lines = append(lines, fmt.Sprintf("%s %s is\n  %s, and should be\n  %s", is.kind, is.name, now, says))
		}
	}
	for is, says := range have {
		if _, ok := want[is]; !ok {
			lines = append(lines, fmt.Sprintf("%s %s is there and should not be: %s", is.kind, is.name, says))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// with is a snapshot in which the things of some kinds are those of another.
func (want snapshot) with(other snapshot, kinds ...string) snapshot {
	isOf := func(is thing, _ string) bool { return slices.Contains(kinds, is.kind) }
	mixed := maps.Clone(want)
	maps.DeleteFunc(mixed, isOf)
	for is, says := range other {
		if isOf(is, says) {
			mixed[is] = says
		}
	}
	return mixed
}

// What is ours in the public schema, besides functions and the tables' access.
var ourIndexes = []string{"users_email_lower_idx", "zoom_meetings_digits_idx"}

// lessonIndex comes where the app has none like it; a project of ours has.
var lessonIndex = thing{"index", "attendance_records_lesson_idx"}

// The tables whose access is ours: those that we alone let people write, and
// those of people, which are the app's if it has readers there.
var (
	closedTables = []string{"attendance_records", "meeting_registrants", "qr_attendance_sessions", "qr_checkins", "zoom_meetings", "zoom_participants"}
	openTables   = []string{"class_students", "classes", "parent_children", "users"}
)

// closedPolicies are the schools' policies by which people wrote what they
// should not, or read all there is. Every other one has to stay as it was.
var closedPolicies = []string{
	"Attendance is open on attendance_records",
	"Staff keep attendance on attendance_records",
	"Students add their own on attendance_records",
	"Students change their own on attendance_records",
	"Codes are open on qr_attendance_sessions",
	"Staff show codes on qr_attendance_sessions",
	"Check-ins are open on qr_checkins",
	"Students check in on qr_checkins",
	"Staff plan meetings on zoom_meetings",
	"Hosts change meetings on zoom_meetings",
	"Hosts call meetings off on zoom_meetings",
	"Anything may add participants on zoom_participants",
	"Anything may change participants on zoom_participants",
	"Anything may register on meeting_registrants",
	"Anything may change registrations on meeting_registrants",

	// Ours replace these, which are named as in the app.
	"Parents can view their children's attendance on attendance_records",
	"Users can view meetings they have access to on zoom_meetings",
	"Users can view participants for meetings they can access on zoom_participants",
	"Users can view their own registrations on meeting_registrants",
	"Teachers can view registrations for their meetings on meeting_registrants",
	"Admins can view all registrations on meeting_registrants",

	// of testdata/twin_grown.sql
	"Signed-in users read attendance on attendance_records",
	"Whoever is signed in reads attendance on attendance_records",

	// of testdata/twin_circles.sql
	"Open readers on attendance_records",
	"Open readers on qr_attendance_sessions",
	"Let through on attendance_records",
	"Let through on qr_attendance_sessions",
	"Let through on qr_checkins",
	"Let through on zoom_meetings",
	"Let through on zoom_participants",
	"Let through on meeting_registrants",
}

// statusCheck is the constraint that an older app does not know partial by.
var statusCheck = thing{"constraint", "attendance_records_status_check on attendance_records"}

// takenOver is what a school's project should be once we took it over: itself,
// but for what is closed, and with what is ours as in a fresh project. Our
// policies hold no sub-select on the circular tables.
func (before snapshot) takenOver(fresh snapshot, circular []string) snapshot {
	want := maps.Clone(before)
	for _, name := range closedPolicies {
		delete(want, thing{"policy", name})
	}
	imports := thing{"policy", "Imports keep attendance on attendance_records"}
	if said, has := want[imports]; has {
		want[imports] = strings.Replace(said, "{authenticated,reporting,school-import}", "{reporting,school-import}", 1)
	}
	if said, has := want[statusCheck]; has && !strings.Contains(said, "'partial'") {
		inner := strings.TrimSuffix(strings.TrimPrefix(said, "CHECK ("), ")")
		want[statusCheck] = "CHECK ((" + inner + " OR (status = 'partial'::text)))"
	}
	theirs := before.readTables()

	for is, says := range fresh {
		_, table, _ := strings.Cut(is.name, " on ")
		switch is.kind {
		case "trigger", "function":
			want[is] = says
		case "policy":
			if slices.Contains(circular, table) {
				says = askedPerRow(says)
			}
			if !slices.Contains(theirs, table) {
				want[is] = says
			}
		case "index":
			if slices.Contains(ourIndexes, is.name) {
				want[is] = says
			}
		}
	}
	want[lessonIndex] = "CREATE INDEX attendance_records_lesson_idx ON public.attendance_records USING btree (class_id, date)"
	for _, table := range slices.Concat(closedTables, openTables) {
		if !slices.Contains(theirs, table) {
			want[thing{"row level security", table}] = "on"
		}
	}
	want.publishAsOurs()
	want.grantAsOurs(fresh, theirs)
	return want
}

var (
	askedOnce    = regexp.MustCompile(`\( SELECT (zoom\.\w+\(\)) AS \w+\)`)
	askedOnceFor = regexp.MustCompile(`\(` + askedOnce.String() + `::(?:uuid|text)\[\]\)`)
)

// askedPerRow is a policy that asks its functions without a sub-select.
func askedPerRow(says string) string {
	return askedOnce.ReplaceAllString(askedOnceFor.ReplaceAllString(says, "($1)"), "$1")
}

// readTables are the tables of people that the app lets users read, by policies
// of its own or since it has no row level security there.
func (before snapshot) readTables() []string {
	var theirs []string
	for _, table := range openTables {
		if before[thing{"row level security", table}] == "off" {
			theirs = append(theirs, table)
		}
	}
	for is, says := range before {
		_, table, _ := strings.Cut(is.name, " on ")
		if is.kind == "policy" && slices.Contains(openTables, table) &&
			(strings.HasPrefix(says, "PERMISSIVE SELECT") || strings.HasPrefix(says, "PERMISSIVE ALL")) {
			theirs = append(theirs, table)
		}
	}
	return theirs
}

// publishAsOurs adds the tables that the front end watches to the publication,
// which is made if need be; one for all tables has them.
func (want snapshot) publishAsOurs() {
	publication := thing{"publication", "supabase_realtime"}
	if want[publication] == "carries all tables" {
		return
	}
	want[publication] = "carries what is listed"
	for _, table := range []string{"zoom_meetings", "zoom_participants", "attendance_records"} {
		want[thing{"publication", "supabase_realtime carries " + table}] = "all rows"
	}
}

// grantAsOurs takes every grant on our tables from visitors, and gives users
// what they have in a fresh project; but tables of people that the app reads by
// its own rules keep what they have.
func (want snapshot) grantAsOurs(fresh snapshot, theirs []string) {
	for is, says := range want {
		object, grantee, _ := strings.Cut(is.name, " to ")
		table, column, _ := strings.Cut(object, ".")
		closed, open := slices.Contains(closedTables, table), slices.Contains(openTables, table) && !slices.Contains(theirs, table)
		switch {
		case is.kind != "grant" || !closed && !open:
		case grantee == "anon", grantee == "public", grantee == "authenticated" && closed:
			delete(want, is)
		case grantee == "authenticated" && column == "":
			want[is] = strings.NewReplacer("REFERENCES, ", "", "TRIGGER, ", "", "TRUNCATE, ", "").Replace(says)
		}
	}
	for is, says := range fresh {
		object, grantee, _ := strings.Cut(is.name, " to ")
		if is.kind == "grant" && (fresh.hasFunction(object) || grantee == "authenticated" && slices.Contains(closedTables, object)) {
			want[is] = says
		}
	}
}

// hasFunction says whether there is a function, such as f(uuid), in a fresh
// project: one of ours.
func (fresh snapshot) hasFunction(name string) bool {
	_, has := fresh[thing{"function", name}]
	return has
}
