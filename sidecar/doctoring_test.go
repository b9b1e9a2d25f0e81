package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/operator/doctor"
)

// settingsOf are the settings of a sidecar for a project, with an inbox of the
// test's; later ones count.
func settingsOf(t *testing.T, p *stacktest.Project, more ...string) []string {
	return append([]string{
		"SUPABASE_URL=" + p.URL, "SUPABASE_SECRET_KEY=" + p.SecretKey, "ZOOM_WEBHOOK_SECRET=" + stacktest.WebhookSecret,
		"INBOX_DIR=" + filepath.Join(t.TempDir(), "inbox"), "INBOX_MAX_BYTES=16777216",
	}, more...)
}

// examined is what the doctor finds with some settings. How busy the machine of the
// tests is makes no difference: its disk is quick, and its clock stands still.
func examined(t *testing.T, environ []string, q doctor.Question, change ...func(*doctor.Place)) doctor.Report {
	t.Helper()
	place := placeOf(environ)
	try, now := place.Store, time.Now()
	place.Now = func() time.Time { return now }
	place.Store = func(ctx context.Context) (inbox.Trial, error) {
		s, err := try(ctx)
		s.Sync = 0
		return s, err
	}
	for _, c := range change {
		c(&place)
	}
	if place.Project != nil {
		defer place.Project.Close()
	}
	told := 0
	r := doctor.Examine(t.Context(), place, q, func(doctor.Finding) { told++ })
	require.Len(t, r.Findings, told)
	return r
}

// ill is the one check that is not well, as wanted; what is skipped is not
// counted.
func ill(t *testing.T, r doctor.Report, state doctor.State, check string) doctor.Finding {
	t.Helper()
	var found []doctor.Finding
	for _, f := range r.Findings {
		if f.State == doctor.Failed || f.State == doctor.Look {
			found = append(found, f)
		}
	}
	if len(found) != 1 || found[0].Check != check {
		t.Fatalf("%s should be found, and is: %+v", check, found)
	}
	require.Equal(t, state, found[0].State)
	for _, f := range found[0].Faults {
		require.NotEmpty(t, f.Reason)
		require.NotEmpty(t, f.Remedy)
	}
	return found[0]
}

// well has nothing to say against it, and nothing left out.
func well(t *testing.T, r doctor.Report) {
	t.Helper()
	for _, f := range r.Findings {
		require.Equal(t, doctor.OK, f.State, "%+v", f)
	}
}

func TestAllIsWellWithAMigratedProject(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	r := examined(t, settingsOf(t, p), doctor.Question{})
	well(t, r)
	require.Len(t, r.Findings, 21)
	require.Regexp(t, `PostgREST \d+\.\d+`, said(r, "project"))
	require.Regexp(t, `PostgreSQL 17\.`, said(r, "database"))
}

// said is what a check says that is ok or skipped.
func said(r doctor.Report, check string) string {
	for _, f := range r.Findings {
		if f.Check == check {
			return f.Says
		}
	}
	return ""
}

// Each thing that the doctor checks of a project is broken, one at a time: that
// check fails and no other, and what it says to do makes all well again.
func TestWhatIsBrokenInAProjectIsNamedAndItsRemedyHeals(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	settings := settingsOf(t, p)
	for _, c := range []struct{ sentence, sql, check, reason string }{
		{"a migration is not noted", `delete from supabase_migrations.schema_migrations where version = '20261122000009'`, "migrations", "20261122000009_forgetting.sql"},
		{"visitors may execute a function", `grant execute on function public.apply_zoom_events to anon`, "functions", "public.apply_zoom_events(jsonb,jsonb) may be executed by anon"},
		{"everybody may execute one", `grant execute on function public.rehearse_zoom_lesson to public`, "functions", "may be executed by authenticated"},
		{"users may execute a private one", `grant execute on function zoom.forget to authenticated`, "functions", "zoom.forget(timestamp with time zone,integer) may be executed by authenticated"},
		{"we may not execute one", `revoke execute on function public.look_as_zoom_user from service_role`, "functions", "public.look_as_zoom_user(text) may not be executed by service_role"},
		{"a function that policies ask may not be executed", `revoke execute on function zoom.caller from authenticated`, "functions", "zoom.caller() may not be executed by authenticated"},
		{"a function is gone", `drop function public.zoom_meeting_people`, "functions", "public.zoom_meeting_people(uuid) is not there"},
		{"a function is another", `create or replace function zoom.early() returns interval language plpgsql immutable set search_path = '' as $$ begin return '2 hours'; end $$`, "functions", "zoom.early() is not the one of this version"},
		{"a function has the rights of its owner", `alter function public.apply_zoom_events security definer`, "functions", "public.apply_zoom_events(jsonb,jsonb) is not the one of this version"},
		{"visitors may read a table", `grant select on public.zoom_participants to anon`, "grants", "anon may select public.zoom_participants"},
		{"visitors may read a column", `grant select (email) on public.users to anon`, "grants", "anon may select public.users"},
		{"users may delete attendance", `grant delete on public.attendance_records to authenticated`, "grants", "authenticated may delete public.attendance_records"},
		{"users may empty a table", `grant truncate on public.users to authenticated`, "grants", "authenticated may truncate public.users"},
		{"users may read the facts", `grant select on zoom.marks to authenticated`, "grants", "authenticated may select zoom.marks"},
		{"the facts are open", `grant usage on schema zoom to authenticated`, "grants", "authenticated may use the schema zoom"},
		{"users may not read meetings", `revoke select on public.zoom_meetings from authenticated`, "grants", "authenticated may not select public.zoom_meetings"},
		{"we may not write attendance", `revoke insert, update on public.attendance_records from service_role`, "grants", "service_role may not insert or update public.attendance_records"},
		{"row level security is off", `alter table public.attendance_records disable row level security`, "row security", "public.attendance_records"},
		{"it is off for the facts", `alter table zoom.keys disable row level security`, "row security", "zoom.keys"},
		{"a table has no primary key", `alter table public.meeting_registrants drop constraint meeting_registrants_pkey`, "primary keys", "public.meeting_registrants has none"},
		{"a table has another", `alter table public.qr_checkins drop constraint qr_checkins_pkey, add primary key (session_id, student_id)`, "primary keys", "(session_id, student_id), and should be (id)"},
		{"a policy is gone", `drop policy "people see themselves and those whose meeting they run" on public.zoom_participants`, "policies", "is not there"},
		{"a policy lets everybody see", `alter policy "families and class teachers see attendance" on public.attendance_records using (true)`, "policies", "(using)"},
		{"a policy lets everybody write", `alter policy "people enter the meetings they see" on public.zoom_participants with check (true)`, "policies", "(with check)"},
		{"a policy is for visitors too", `alter policy "hosts and admins delete meetings" on public.zoom_meetings to anon, authenticated`, "policies", "it is for anon, authenticated"},
		{"a guard is gone", `drop trigger users_do_not_promote_themselves on public.users`, "guards", "users_do_not_promote_themselves on public.users is not there"},
		{"a guard is off", `alter table public.zoom_participants disable trigger zoom_outranks_the_page`, "guards", "zoom_outranks_the_page on public.zoom_participants is off"},
		{"a guard watches less", `create or replace trigger a_record_stays_whose_it_is before update on public.attendance_records for each row execute function zoom.keep_identity('id')`, "guards", "is not as it should be"},
		{"a table is not published", `alter publication supabase_realtime drop table public.zoom_meetings`, "realtime", "does not carry public.zoom_meetings"},
		{"the publication is gone", `drop publication supabase_realtime`, "realtime", "carries nothing"},
		{"changes are not published", `alter publication supabase_realtime set (publish = 'insert')`, "realtime", "carries nothing"},
		{"a published table tells strangers of deletes", `alter table public.zoom_participants replica identity full`, "realtime", "the replica identity of public.zoom_participants is full"},
		{"one by another index", `alter table public.zoom_meetings replica identity using index zoom_meetings_zoom_meeting_id_key`, "realtime", "is an index"},
		{"one cannot be changed", `alter table public.attendance_records replica identity nothing`, "realtime", "is nothing"},
		{"an older check of attendance is back", `
			alter table public.attendance_records drop constraint attendance_records_status_check;
			alter table public.attendance_records add constraint older check (status in ('present', 'absent', 'late', 'excused'))`, "attendance", "the check older of public.attendance_records.status refuses partial"},
		{"a check of attendance that knows two statuses", `alter table public.attendance_records add constraint narrow check (status in ('present', 'absent'))`, "attendance",
			"the check narrow of public.attendance_records.status refuses partial, late, excused"},
		{"a second function of a name", `create function public.apply_zoom_events(events json, policy jsonb default '{}') returns jsonb language sql as 'select null::jsonb'`, "functions",
			"public.apply_zoom_events(json,jsonb) has the name of the sidecar's public.apply_zoom_events(jsonb,jsonb)"},
		{"a trigger changes what we write", `
			create function public.meddle() returns trigger language plpgsql as $$ begin new.status := 'late'; return new; end $$;
			create trigger meddling before insert on public.attendance_records for each row execute function public.meddle()`, "round trip", "the attendance late"},
		{"a trigger refuses what we write", `
			create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'not on my watch'; end $$;
			create trigger refusing before insert on public.zoom_participants for each row execute function public.refuse()`, "round trip", "P0001: not on my watch"},
	} {
		healed := t.Run(c.sentence, func(t *testing.T) {
			run := func(sql string) {
				_, err := p.DB().Exec(t.Context(), sql)
				require.NoError(t, err, sql)
			}
			run(c.sql)
			found := ill(t, examined(t, settings, doctor.Question{}), doctor.Failed, c.check)
			reasons := ""
			for _, f := range found.Faults {
				reasons += f.Reason + "\n"
			}
			require.Contains(t, reasons, c.reason)
			for _, f := range found.Faults {
				run(remedySQL(t, f.Remedy, c.reason))
			}
			well(t, examined(t, settings, doctor.Question{}))
		})
		if !healed {
			return // the rest would meet what it left
		}
	}
}

func TestADatabaseThatIsReadOnlyIsNamed(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		create function public.refuse() returns trigger language plpgsql as $$ begin raise exception 'cannot execute INSERT in a read-only transaction' using errcode = '25006'; end $$;
		create trigger refusing before insert on public.users for each row execute function public.refuse()`)
	require.NoError(t, err)
	found := ill(t, examined(t, settingsOf(t, p), doctor.Question{}), doctor.Failed, "round trip")
	require.Contains(t, found.Faults[0].Reason, "the database is read-only (25006)")
	require.Contains(t, found.Faults[0].Remedy, "read replica")
}

var (
	policyFile    = regexp.MustCompile(`policies/\w+\.sql`)
	migrationFile = regexp.MustCompile(`supabase/migrations/\w+\.sql`)
)

// remedySQL is what somebody runs who does as a remedy says.
func remedySQL(t *testing.T, remedy, reason string) string {
	t.Helper()
	sql, inEditor := strings.CutPrefix(remedy, "in the SQL editor: ")
	switch {
	case strings.Contains(remedy, "migration repair"):
		_, version, _ := strings.Cut(remedy, "--status applied ")
		return "insert into supabase_migrations.schema_migrations (version) values ('" + version + "')"
	case strings.HasPrefix(remedy, "somebody's trigger"):
		return "drop function if exists public.meddle() cascade; drop function if exists public.refuse() cascade"
	case strings.Contains(sql, "set (publish"):
		_, set, _ := strings.Cut(sql, "still carries nothing: ")
		return file(t, migrationFile.FindString(sql)) + ";" + set
	case inEditor && policyFile.MatchString(sql):
		return file(t, policyFile.FindString(sql))
	case migrationFile.MatchString(remedy):
		name, _, _ := strings.Cut(reason, "(")
		return creation(t, file(t, migrationFile.FindString(remedy)), name)
	}
	require.True(t, inEditor, remedy)
	return sql
}

// file is one of the repository's.
func file(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", path))
	require.NoError(t, err)
	return string(text)
}

// creation is how a migration makes a function: its create, revoke and grant.
func creation(t *testing.T, migration, name string) (sql string) {
	t.Helper()
	_, create, found := strings.Cut(migration, "create function "+name+"(")
	require.True(t, found, name)
	create, _, _ = strings.Cut(create, "$$;\n")
	sql = "create or replace function " + name + "(" + create + "$$;\n"
	for _, statement := range access.FindAllString(migration, -1) {
		if strings.Contains(statement, name) {
			sql += statement + "\n"
		}
	}
	return sql
}

// access is a statement that says who may execute what.
var access = regexp.MustCompile(`(?m)^(?:revoke|grant) execute[^;]*;`)

// The app has readers and writers of its own on the people it shows, and somebody
// adds our reader to them again, with its sub-selects: then nobody can write there.
const selfReading = `
	grant update (avatar) on public.users to authenticated;
	create policy "Directory" on public.users for select to authenticated using (true);
	create policy "Own row" on public.users for update to authenticated using (id = (select auth.uid()));
	create policy "Admins" on public.users for update to authenticated
	using (exists (select from public.users me where me.id = (select auth.uid()) and me.role = 'admin'));`

func TestAUserWhoCannotWriteTheirOwnRowIsAFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sentence, sql, check, reason, heal string }{
		{"our reader has a sub-select", selfReading, "policies", "writing there fails for everybody (42P17)", ""},
		{"it is written anew, under another name", selfReading + `
			drop policy "people see those they have to do with" on public.users;
			create policy "People see themselves" on public.users for select to authenticated using (id = (select zoom.claimed_id()))`,
			"policies", `"People see themselves" on public.users has a sub-select`, ""},
		{"a reader of the app's own has one", selfReading + `
			drop policy "people see those they have to do with" on public.users;
			create policy "Friends" on public.users for select to authenticated using (id = (select auth.uid()))`,
			"own rows", "a signed-in student cannot write their own row of public.users: infinite recursion detected in policy for relation \"users\" (42P17)",
			`drop policy "Friends" on public.users`},
		{"they are let write what they cannot see", `
			grant update (avatar) on public.users to authenticated;
			create policy "Own row" on public.users for update to authenticated using (id = (select auth.uid()));
			create policy "Not here" on public.users as restrictive for select to authenticated using (role = 'admin')`,
			"own rows", "public.users: 0 rows were written, and not 1", `drop policy "Not here" on public.users`},
		{"a rule refuses the page of a meeting", `create policy "After school" on public.zoom_participants as restrictive for insert to authenticated with check (false)`,
			"own rows", "their own row of public.zoom_participants: new row violates row-level security policy", `drop policy "After school" on public.zoom_participants`},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			p := stacktest.NewProject(t)
			_, err := p.DB().Exec(t.Context(), c.sql)
			require.NoError(t, err)
			r := examined(t, settingsOf(t, p), doctor.Question{})
			require.Equal(t, []string{c.check}, r.Failures())
			found := finding(t, r, c.check)
			require.Contains(t, found.Faults[0].Reason, c.reason)
			require.NotEmpty(t, found.Faults[0].Remedy)
			if c.check != "own rows" {
				require.Equal(t, doctor.Skipped, finding(t, r, "own rows").State, "it is said once")
			}
			if c.heal == "" {
				c.heal = remedySQL(t, found.Faults[0].Remedy, c.reason)
			}
			_, err = p.DB().Exec(t.Context(), c.heal)
			require.NoError(t, err)
			r = examined(t, settingsOf(t, p), doctor.Question{})
			require.Empty(t, r.Failures())
			require.Equal(t, doctor.OK, finding(t, r, "own rows").State)
		})
	}
}

// finding is what a check found.
func finding(t *testing.T, r doctor.Report, check string) doctor.Finding {
	t.Helper()
	for _, f := range r.Findings {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("there is no check %s", check)
	return doctor.Finding{}
}

// A project whose app has its own rules for the people it shows: none of ours is
// asked for there, whatever is granted, and what is risky is shown.
func TestAProjectThatReadsItsPeopleByItsOwnRulesIsWell(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		do $$
		declare
			tab text;
		begin
			foreach tab in array array['users', 'classes', 'class_students', 'parent_children'] loop
				execute format('grant all on public.%I to anon, authenticated', tab);
				execute format('create policy "Open" on public.%I for select to authenticated using (true)', tab);
			end loop;
		end
		$$;
		alter table public.classes disable row level security;`+policiesOf(t, "users", "classes", "class_students", "parent_children"))
	require.NoError(t, err)
	_, err = p.DB().Exec(t.Context(), `alter table public.classes disable row level security`)
	require.NoError(t, err)
	r := examined(t, settingsOf(t, p), doctor.Question{})
	found := ill(t, r, doctor.Look, "risks")
	require.Len(t, found.Faults, 5, "%+v", found.Faults)
	require.Equal(t, "public.class_students: policy \"Open\" lets everybody whom it is for read all of it", found.Faults[0].Reason)
	require.Contains(t, said(r, "policies"), "the app itself says who reads public.class_students, public.classes, public.parent_children, public.users")
	require.Contains(t, said(r, "row security"), "all tables but public.classes")
	require.Contains(t, said(r, "grants"), "are the app's")

	// What is ours on them is asked for all the same.
	_, err = p.DB().Exec(t.Context(), `drop trigger admins_say_who_teaches on public.classes; revoke select on public.users from service_role`)
	require.NoError(t, err)
	require.Equal(t, []string{"grants", "guards"}, examined(t, settingsOf(t, p), doctor.Question{}).Failures())
}

// policiesOf are the files of some tables.
func policiesOf(t *testing.T, tables ...string) (sql string) {
	for _, table := range tables {
		sql += file(t, "policies/"+table+".sql")
	}
	return sql
}

// Meetings that an admin should look at are shown, and no more than one can read.
func TestDoubtfulMeetingsAreShown(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		insert into public.users (email, name, role) values ('maria@school.test', 'Maria', 'student'), ('Maria@school.test', E'Mar\x1b[2Jia', 'student');
		insert into public.zoom_meetings (zoom_meeting_id, title, start_time, join_url)
		select '830 ' || n, 'Lesson ' || n, now(), 'https://zoom.test/j' from generate_series(1, 12) n`)
	require.NoError(t, err)
	found := ill(t, examined(t, settingsOf(t, p), doctor.Question{}), doctor.Look, "meetings")
	require.Len(t, found.Faults, 11)
	require.Regexp(t, `^Several users have one e-mail in other letters: `, found.Faults[0].Reason)
	require.Regexp(t, `^"Lesson \d+" \(830 \d+\): No event of Zoom's has its number`, found.Faults[1].Reason)
	require.Equal(t, "and 3 more", found.Faults[10].Reason)

	_, err = p.DB().Exec(t.Context(), `delete from public.zoom_meetings`)
	require.NoError(t, err)
	found = ill(t, examined(t, settingsOf(t, p), doctor.Question{}), doctor.Look, "meetings")
	require.Len(t, found.Faults, 1)
	require.Regexp(t, `^Several users have one e-mail in other letters: .*Maria`, found.Faults[0].Reason)
}

// What is the app's own is not ours to judge; what may open what ours close is
// shown, and is no failure.
func TestWhatIsTheAppsOwnIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		sentence, sql string
		look          string // the check to look at; empty: all is well
	}{
		{"the app's tables, functions and policies", `
			create table public.lunches (id int); grant all on public.lunches to anon;
			create function public.lunch() returns int language sql as 'select 1';
			alter publication supabase_realtime add table public.lunches;
			create policy "admins change people" on public.users for update to authenticated using ((select auth.jwt()) -> 'app_metadata' ->> 'role' = 'admin');
			grant update on public.users to authenticated;
			create policy "school hours" on public.attendance_records as restrictive for select to authenticated using (true);
			create policy "the sync job" on public.attendance_records for all to service_role using (true)`, ""},
		{"what people write about themselves", `
			create policy "people change their own name" on public.users for update to authenticated using (id = (select auth.uid()));
			grant update on public.users to authenticated`, "risks"},
		{"a view that looks past the policies", `create view public.roster as select name from public.users; grant select on public.roster to anon`, "risks"},
		{"a table of its own that tells all of what is deleted", `
			create table public.chats (id int primary key); alter table public.chats enable row level security;
			alter table public.chats replica identity full; alter publication supabase_realtime add table public.chats`, "realtime"},
		{"start addresses that everybody reads", `
			insert into public.zoom_meetings (zoom_meeting_id, title, start_time, join_url, start_url)
			values ('83000000001', 'Lesson', now(), 'https://zoom.test/j', 'https://zoom.test/s')`, "risks"},
		{"a project that notes no migrations", `drop schema supabase_migrations cascade`, ""},
		{"a column of another text type", `
			drop policy "class teachers record it, and a check-in marks present" on public.attendance_records;
			drop policy "class teachers correct it, and a check-in marks present" on public.attendance_records;
			alter table public.attendance_records alter column status type varchar(20);` + file(t, "policies/attendance_records.sql"), ""},
		{"a policy that adds to what ours allow", `create policy "everybody sees" on public.attendance_records for select to authenticated using (true)`, "risks"},
		{"one that lets everybody write", `create policy "system can insert" on public.zoom_participants for insert with check (true)`, "risks"},
		{"a table that asks for more than ours", `alter table public.classes add column campus text not null`, "round trip"},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			t.Parallel()
			p := stacktest.NewProject(t)
			_, err := p.DB().Exec(t.Context(), c.sql)
			require.NoError(t, err)
			r := examined(t, settingsOf(t, p), doctor.Question{})
			require.Empty(t, r.Failures())
			if c.look == "" {
				well(t, r)
			} else {
				ill(t, r, doctor.Look, c.look)
			}
		})
	}
}

// A project that has not all migrations fails for that alone.
func TestMissingMigrationsAreOneFailure(t *testing.T) {
	t.Parallel()
	for sentence, c := range map[string]struct{ sql, reason string }{
		"one of them":        {`delete from supabase_migrations.schema_migrations where version = '20261122000014'; drop function public.watch_zoom`, "20261122000014_watching.sql"},
		"that of the doctor": {`drop function public.inspect_zoom_project; notify pgrst, 'reload schema'`, "inspect_zoom_project"},
		"a table is lost":    {`drop table zoom.visits`, "zoom.visits is not there"},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p := stacktest.NewProject(t)
			_, err := p.DB().Exec(t.Context(), c.sql)
			require.NoError(t, err)
			found := ill(t, examined(t, settingsOf(t, p), doctor.Question{}), doctor.Failed, "migrations")
			require.Contains(t, found.Faults[0].Reason, c.reason)
		})
	}
}

func TestAFunctionThatTheDoctorNeedsIsNamed(t *testing.T) {
	t.Parallel()
	for sentence, sql := range map[string]string{
		"may not be executed":   `revoke execute on function public.inspect_zoom_project from service_role`,
		"the rehearsal is gone": `drop function public.rehearse_zoom_lesson`,
		"the view is gone":      `drop function public.look_as_zoom_user`,
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p := stacktest.NewProject(t)
			_, err := p.DB().Exec(t.Context(), `insert into public.users (email, name, role) values ('maria@school.test', 'Maria', 'student');`+sql)
			require.NoError(t, err)
			ill(t, examined(t, settingsOf(t, p), doctor.Question{As: "maria@school.test"}), doctor.Failed, "functions")
		})
	}
}
