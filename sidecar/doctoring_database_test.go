package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/operator/doctor"
)

// What the doctor shows of a user's view is what a real token sees through the
// Data API: for every role of the school that the policies are tested with.
func TestTheViewOfAUserIsWhatTheirTokenSees(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	school(t, p)
	rows, err := p.DB().Query(t.Context(), `select id, email from public.users`)
	require.NoError(t, err)
	type user struct {
		ID    uuid.UUID
		Email string
	}
	users, err := pgx.CollectRows(rows, pgx.RowToStructByPos[user])
	require.NoError(t, err)
	require.Len(t, users, 10)
	views := map[string]bool{}
	for _, u := range users {
		r := examined(t, settingsOf(t, p), doctor.Question{As: " " + strings.ToUpper(u.Email)})
		well(t, r)
		var seen struct {
			Tables []struct {
				Table            string
				Seen, Of, Beyond *int
			}
			Meetings []string
		}
		require.NoError(t, json.Unmarshal(r.Seen, &seen))
		require.Len(t, seen.Tables, 10)
		token := stack.UserToken(u.ID.String(), u.Email)
		for _, row := range seen.Tables {
			require.Equal(t, len(read(t, p, token, row.Table+"?select=id")), *row.Seen, "%s sees %s", u.Email, row.Table)
			require.Equal(t, len(read(t, p, stack.ServiceRoleKey, row.Table+"?select=id")), *row.Of, row.Table)
			require.Zero(t, *row.Beyond, "%s sees no more of %s than policies/README.md gives them", u.Email, row.Table)
		}
		var titles []string
		for _, meeting := range read(t, p, token, "zoom_meetings?order=start_time.desc,id") {
			titles = append(titles, meeting["title"].(string))
		}
		require.Equal(t, titles, append([]string(nil), seen.Meetings...), u.Email)
		views[string(r.Seen)] = true
	}
	require.GreaterOrEqual(t, len(views), 7, "they see different things")

	found := ill(t, examined(t, settingsOf(t, p), doctor.Question{As: "nobody@policies.test"}), doctor.Failed, "seen")
	require.Contains(t, found.Faults[0].Reason, "nobody of the school has that e-mail")
	_, err = p.DB().Exec(t.Context(), `revoke select on public.users from authenticated`)
	require.NoError(t, err)
	r := examined(t, settingsOf(t, p), doctor.Question{As: "admin@policies.test"})
	ill(t, r, doctor.Failed, "grants")
	require.Contains(t, string(r.Seen), `{"of": 10, "seen": null, "ways": [], "table": "users", "beyond": null}`, "what they may not look at at all")
}

// What an app lets somebody see that the matrix does not is shown, with the
// policies that do, and is no failure. What cannot be read at all is one.
func TestWhatAUserSeesBeyondTheMatrixIsShown(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	school(t, p)
	_, err := p.DB().Exec(t.Context(), `
		create policy "Enrolments are known" on public.class_students for select to authenticated using (true);
		create policy "Students are shown" on public.users for select to authenticated using (role = 'student');
		create policy "My record" on public.attendance_records for select to authenticated using (student_id = (select auth.uid()))`)
	require.NoError(t, err)
	ask := doctor.Question{As: "student@policies.test"}
	found := finding(t, examined(t, settingsOf(t, p), ask), "seen")
	require.Equal(t, doctor.Look, found.State)
	require.Equal(t, []doctor.Fault{
		{Reason: `they see 2 rows of public.users that policies/README.md does not give them: let by "Students are shown"`, Remedy: found.Faults[0].Remedy},
		{Reason: `they see 2 rows of public.class_students that policies/README.md does not give them: let by "Enrolments are known"`, Remedy: found.Faults[1].Remedy},
	}, found.Faults)

	_, err = p.DB().Exec(t.Context(), `create policy "Broken" on public.qr_checkins for select to authenticated using (1 / (length(id::text) - 36) = 1)`)
	require.NoError(t, err)
	r := examined(t, settingsOf(t, p), ask)
	require.Contains(t, finding(t, r, "seen").Faults[0].Reason, "they cannot read public.qr_checkins: division by zero")
	require.Contains(t, finding(t, r, "seen").Faults[0].Reason, "(22012)")
}

// school makes the school of the tests of the policies.
func school(t *testing.T, p *stacktest.Project) {
	t.Helper()
	var sql strings.Builder
	for line := range strings.Lines(file(t, "supabase/tests/policies/people.psql")) {
		if !strings.HasPrefix(line, "create extension") {
			sql.WriteString(line)
		}
	}
	_, err := p.DB().Exec(t.Context(), sql.String()+`;
		update public.zoom_meetings set zoom_meeting_id = translate(left(md5(title), 11), 'abcdef', '123456')`)
	require.NoError(t, err)
}

// read are the rows of a table that the holder of a token sees.
func read(t *testing.T, p *stacktest.Project, token, table string) (rows []map[string]any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/rest/v1/"+table, nil)
	require.NoError(t, err)
	r.Header.Set("apikey", p.PublishableKey)
	r.Header.Set("Authorization", "Bearer "+token)
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	require.Equal(t, http.StatusOK, answer.StatusCode, table)
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&rows))
	return rows
}

// The round trip leaves nothing behind: no row anywhere, and nothing for Realtime,
// which reads the log of changes.
func TestTheRoundTripLeavesNoTrace(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	school(t, p)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	changes := follow(ctx, t, p.DB())
	require.Zero(t, changes())
	before := counts(ctx, t, p.DB())
	require.NotZero(t, before["public.users"])

	r := examined(t, settingsOf(t, p), doctor.Question{As: "admin@policies.test"})
	well(t, r)
	require.Contains(t, said(r, "round trip"), "recorded and undone")
	require.Equal(t, before, counts(ctx, t, p.DB()))
	require.Zero(t, changes(), "Realtime is told nothing")

	_, err := p.DB().Exec(ctx, `update public.zoom_meetings set title = title || '!' where title = 'lesson'`)
	require.NoError(t, err)
	require.Equal(t, 1, changes(), "it would have been seen")
}

// follow counts the rows that change in what Realtime is told of, since the last
// time.
func follow(ctx context.Context, t *testing.T, db *pgxpool.Pool) func() int {
	t.Helper()
	conn, err := db.Acquire(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { // the slot goes with its connection, and before the database
		_ = conn.Conn().Close(context.WithoutCancel(ctx))
		conn.Release()
	})
	slot := "doctor_" + strings.ReplaceAll(uuid.NewString(), "-", "_")
	_, err = conn.Exec(ctx, `select pg_create_logical_replication_slot($1, 'pgoutput', true)`, slot)
	require.NoError(t, err)
	return func() (changed int) {
		// What is read is what has reached the disk: all before this has then.
		_, err := conn.Exec(ctx, `set synchronous_commit = on; select pg_logical_emit_message(true, 'doctor', '')`)
		require.NoError(t, err)
		require.NoError(t, conn.QueryRow(ctx, `
			select count(*) from pg_logical_slot_get_binary_changes($1, null, null, 'proto_version', '1', 'publication_names', 'supabase_realtime')
			where get_byte(data, 0) in (ascii('I'), ascii('U'), ascii('D'), ascii('T'))`, slot).Scan(&changed))
		return changed
	}
}

// counts are the rows of every table.
func counts(ctx context.Context, t *testing.T, db *pgxpool.Pool) map[string]int {
	t.Helper()
	rows, err := db.Query(ctx, `select oid::regclass::text, relnamespace::regnamespace || '.' || relname from pg_class
		where relnamespace in ('public'::regnamespace, 'zoom'::regnamespace) and relkind = 'r'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ SQL, Name string }])
	require.NoError(t, err)
	counted := map[string]int{}
	for _, name := range names {
		var n int
		require.NoError(t, db.QueryRow(ctx, "select count(*) from "+name.SQL).Scan(&n))
		counted[name.Name] = n
	}
	return counted
}
