package endtoend_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// orderPlace is a project in which one lesson after another is played: what settings
// there were is one history for the whole project.
type orderPlace struct {
	db *pgxpool.Pool // as superuser
}

// openOrderPlace gives the test a project of its own.
func openOrderPlace(t *testing.T) *orderPlace {
	config, err := pgxpool.ParseConfig(stacktest.NewProject(t).DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 3
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	// As the app does, which lets people write there.
	_, err = db.Exec(t.Context(), `grant update on public.users to authenticated;
		create policy "users write about themselves, and admins" on public.users for update to authenticated
			using (id = (select auth.uid()) or (select zoom.is_admin()))`)
	if err != nil {
		t.Fatal(err)
	}
	return &orderPlace{db: db}
}

// now is the database's time.
func (p *orderPlace) now(ctx context.Context) (now time.Time, err error) {
	err = p.db.QueryRow(ctx, "select now()").Scan(&now)
	return now, err
}

// clear takes away the school of the lesson before.
func (p *orderPlace) clear(ctx context.Context) error {
	_, err := p.db.Exec(ctx, `do $$
		declare
			emptied text;
		begin
			set local session_replication_role = replica; -- no trigger is asked
			for emptied in
				select format('%I.%I', schemaname, tablename) from pg_tables
				where schemaname in ('public', 'zoom') and tablename not in ('kinds', 'undo', 'matrix', 'watch', 'counted')
			loop
				execute 'delete from ' || emptied;
			end loop;
		end $$`)
	return err
}

// enter puts the school in as it was at adoption: its rows and its first settings count
// since ever.
func (p *orderPlace) enter(ctx context.Context, h oracle.History) error {
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		if err := p.write(ctx, tx, oracle.Change{Put: h.Start, Settings: &h.Settings}, oracle.School{}); err != nil {
			return err
		}
		return moveInTime(ctx, tx, "-infinity")
	})
}

// enter puts a school into a database as it was at adoption, with the classes that its
// rows speak of.
func enter(ctx context.Context, db *pgxpool.Pool, school oracle.School) error {
	for _, id := range classIDs(school) {
		if !slices.ContainsFunc(school.Classes, func(c oracle.Class) bool { return c.ID == id }) {
			school.Classes = append(school.Classes, oracle.Class{ID: id})
		}
	}
	p := &orderPlace{db}
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		if err := p.write(ctx, tx, oracle.Change{Put: school}, oracle.School{}); err != nil {
			return err
		}
		return moveInTime(ctx, tx, "-infinity")
	})
}

func classIDs(school oracle.School) (ids []string) {
	for _, enrolment := range school.Enrolments {
		ids = append(ids, enrolment.ClassID)
	}
	for _, meeting := range school.Meetings {
		if meeting.ClassID != "" {
			ids = append(ids, meeting.ClassID)
		}
	}
	return unique(ids)
}

// change makes one change of the school's data, at its own time.
func (p *orderPlace) change(ctx context.Context, change oracle.Change, before oracle.School) error {
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		if err := p.write(ctx, tx, change, before); err != nil {
			return err
		}
		return moveInTime(ctx, tx, change.At.UTC().Format(time.RFC3339Nano))
	})
}

// moveInTime makes what this transaction noted, and would have noted at the clock's
// time, the data of another time.
func moveInTime(ctx context.Context, tx pgx.Tx, when string) error {
	for _, statement := range []string{
		"set local role none",
		"update zoom.history set until = $1::timestamptz where until = now()",
		"update zoom.history set since = $1::timestamptz where since = now()",
		"update zoom.settings set since = $1::timestamptz where since = now()",
	} {
		var arguments []any
		if strings.Contains(statement, "$1") {
			arguments = []any{when}
		}
		if _, err := tx.Exec(ctx, statement, arguments...); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// write makes a change as whoever makes it: a user in their session, or the school's
// server.
func (p *orderPlace) write(ctx context.Context, tx pgx.Tx, change oracle.Change, before oracle.School) error {
	if err := actAs(ctx, tx, change.By); err != nil {
		return err
	}
	gone, put := change.Gone, change.Put
	w := writer{tx: tx}
	removeRows(ctx, &w, "class_students", gone.Enrolments, "class_id", "student_id")
	removeRows(ctx, &w, "parent_children", gone.Parents, "parent_id", "student_id")
	removeRows(ctx, &w, "meeting_registrants", gone.Registrants, "meeting_id", "user_id")
	removeRows(ctx, &w, "zoom_meetings", gone.Meetings, "id")
	removeRows(ctx, &w, "users", gone.Users, "id")
	putRows(ctx, &w, "users", put.Users, before.Users, "id")
	putRows(ctx, &w, "classes", put.Classes, before.Classes, "id")
	putRows(ctx, &w, "class_students", put.Enrolments, before.Enrolments, "class_id", "student_id")
	putRows(ctx, &w, "parent_children", put.Parents, before.Parents, "parent_id", "student_id")
	putRows(ctx, &w, "zoom_meetings", put.Meetings, before.Meetings, "id")
	putRows(ctx, &w, "zoom.keys", put.Keys, before.Keys, "customer_key")
	putRows(ctx, &w, "meeting_registrants", put.Registrants, before.Registrants, "meeting_id", "user_id")
	putRows(ctx, &w, "zoom.visits", put.Visits, nil, "meeting_id", "user_id", "at", "kind")
	putRows(ctx, &w, "zoom_participants", put.Participants, nil, "meeting_id", "user_id")
	putRows(ctx, &w, "attendance_records", put.Records, nil, "student_id", "class_id", "date")
	if w.err != nil {
		return w.err
	}
	if change.Settings != nil {
		if err := actAs(ctx, tx, ""); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, "select public.apply_zoom_events('[]', $1::jsonb)", asJSON(change.Settings)); err != nil {
			return fmt.Errorf("tell the settings: %w", err)
		}
	}
	return nil
}

func actAs(ctx context.Context, tx pgx.Tx, user string) error {
	role, claims := "service_role", map[string]string{"role": "service_role"}
	if user != "" {
		role, claims = "authenticated", map[string]string{"role": "authenticated", "sub": user}
	}
	_, err := tx.Exec(ctx, "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", role, asJSON(claims))
	return err
}

// writer writes rows until the first error.
type writer struct {
	tx  pgx.Tx
	err error
}

func (w *writer) run(ctx context.Context, statement string, body any) {
	if w.err != nil {
		return
	}
	tag, err := w.tx.Exec(ctx, statement, asJSON(body))
	if err != nil {
		w.err = fmt.Errorf("%s with %s: %w", statement, asJSON(body), err)
	} else if tag.RowsAffected() != 1 && !strings.HasPrefix(statement, "delete") {
		w.err = fmt.Errorf("%s with %s: %d rows", statement, asJSON(body), tag.RowsAffected())
	}
}

// putRows inserts rows, or updates the columns that change of the ones that are there.
func putRows[T any](ctx context.Context, w *writer, table string, rows, before []T, key ...string) {
	for _, row := range rows {
		fields := columns(row)
		var old map[string]any
		for _, other := range before {
			if candidate := columns(other); keyOfRow(candidate, key) == keyOfRow(fields, key) {
				old = candidate
			}
		}
		if old == nil {
			names := strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
			w.run(ctx, fmt.Sprintf("insert into %[1]s (%[2]s) select %[2]s from jsonb_populate_record(null::%[1]s, $1)", table, names), fields)
			continue
		}
		var sets []string
		for _, name := range slices.Sorted(maps.Keys(merged(old, fields))) {
			if fmt.Sprint(old[name]) != fmt.Sprint(fields[name]) {
				sets = append(sets, fmt.Sprintf("%[1]s = said.%[1]s", name))
			}
		}
		if len(sets) > 0 {
			w.run(ctx, fmt.Sprintf("update %[1]s own set %[2]s from jsonb_populate_record(null::%[1]s, $1) said where %[3]s",
				table, strings.Join(sets, ", "), isTheRow(key)), fields)
		}
	}
}

func merged(a, b map[string]any) map[string]any {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

func removeRows[T any](ctx context.Context, w *writer, table string, rows []T, key ...string) {
	for _, row := range rows {
		w.run(ctx, fmt.Sprintf("delete from %[1]s own using jsonb_populate_record(null::%[1]s, $1) said where %[2]s", table, isTheRow(key)), columns(row))
	}
}

func isTheRow(key []string) string {
	var same []string
	for _, name := range key {
		same = append(same, fmt.Sprintf("own.%[1]s = said.%[1]s", name))
	}
	return strings.Join(same, " and ")
}

func keyOfRow(fields map[string]any, key []string) string {
	var values []string
	for _, name := range key {
		values = append(values, fmt.Sprint(fields[name]))
	}
	return strings.Join(values, " ")
}

// columns are a row's columns as the tables have them.
func columns(row any) map[string]any {
	var fields map[string]any
	if err := json.Unmarshal([]byte(asJSON(row)), &fields); err != nil {
		panic(err)
	}
	switch row.(type) {
	case oracle.User:
		fields["is_active"] = fields["inactive"] != true
		delete(fields, "inactive")
	case oracle.Class:
		maps.Copy(fields, map[string]any{"name": "Class", "grade": "7", "section": "b", "subject": "Algebra"})
	case oracle.Meeting:
		if fields["settings"] == nil {
			fields["settings"] = map[string]any{}
		}
		if fields["join_url"] == nil {
			fields["join_url"] = "https://zoom.test/j"
		}
		if fields["meeting_type"] == nil {
			fields["meeting_type"] = nil
		}
	}
	return fields
}

// apply gives one batch to the real function, again where it asks for that, and returns
// its outcomes.
func (p *orderPlace) apply(ctx context.Context, facts []zoom.Fact, policy oracle.Policy) (outcomes []zoom.Outcome, err error) {
	var answer []byte
	for again := true; again; {
		err = p.asService(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, "select public.apply_zoom_events($1::jsonb, $2::jsonb)", asJSON(append([]zoom.Fact{}, facts...)), asJSON(policy)).Scan(&answer)
		})
		var refusal *pgconn.PgError
		again = errors.As(err, &refusal) && (refusal.Code == "40001" || refusal.Code == "40P01")
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, &outcomes); err != nil {
		return nil, fmt.Errorf("read outcomes %s: %w", answer, err)
	}
	if len(outcomes) != len(facts) {
		return nil, fmt.Errorf("%d outcomes for %d facts", len(outcomes), len(facts))
	}
	return outcomes, nil
}

func (p *orderPlace) asService(ctx context.Context, do func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		if err := actAs(ctx, tx, ""); err != nil {
			return err
		}
		return do(tx)
	})
}

// catchUp asks for what is due until nothing is.
func (p *orderPlace) catchUp(ctx context.Context) error {
	for range 200 {
		var left int
		err := p.asService(ctx, func(tx pgx.Tx) error {
			return tx.QueryRow(ctx, "select (public.catch_up_zoom() ->> 'left')::int").Scan(&left)
		})
		if err != nil {
			return fmt.Errorf("catch up: %w", err)
		}
		if left == 0 {
			return nil
		}
	}
	return fmt.Errorf("catch up: something is left for ever")
}

// rows reads what the school's public rows say now. The stamp changes whenever any of
// them is written, even with the values it had.
func (p *orderPlace) rows(ctx context.Context) (oracle.Rows, string, error) {
	var status, participants, records []byte
	var stamp string
	err := p.db.QueryRow(ctx, `
		with m as (select x.xmin, x.id, x.status from public.zoom_meetings x),
		p as (select x.xmin, x.* from public.zoom_participants x),
		a as (select x.xmin, x.* from public.attendance_records x)
		select (select coalesce(jsonb_object_agg(id, status), '{}') from m),
			(select coalesce(jsonb_agg(to_jsonb(p) - 'xmin'), '[]') from p),
			(select coalesce(jsonb_agg(to_jsonb(a) - 'xmin'), '[]') from a),
			concat((select string_agg(concat(id, xmin), ' ' order by id) from m), (select string_agg(concat(id, xmin), ' ' order by id) from p),
				(select string_agg(concat(id, xmin), ' ' order by id) from a))`).Scan(&status, &participants, &records, &stamp)
	if err != nil {
		return oracle.Rows{}, "", fmt.Errorf("read rows: %w", err)
	}
	rows, err := oracle.RowsOf(status, participants, records)
	return rows, stamp, err
}

// rewrite makes a teacher's change: another status, or no record at all.
func (p *orderPlace) rewrite(ctx context.Context, record oracle.Record) error {
	return p.asService(ctx, func(tx pgx.Tx) error {
		if record.Status == "" {
			_, err := tx.Exec(ctx, "delete from public.attendance_records where student_id = $1 and class_id = $2 and date = $3::date",
				record.StudentID, record.ClassID, record.Date)
			return err
		}
		_, err := tx.Exec(ctx, `insert into public.attendance_records (student_id, class_id, date, status) values ($1, $2, $3::date, $4)
			on conflict (student_id, class_id, date) do update set status = excluded.status`,
			record.StudentID, record.ClassID, record.Date, record.Status)
		return err
	})
}
