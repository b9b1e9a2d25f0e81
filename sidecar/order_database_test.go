package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/simulate"
	"zoom-attendance/sidecar/zoom"
)

// openOrderDatabase gives the test a project of its own and connects to it as
// the sidecar's calls arrive there: in the role of the service.
func openOrderDatabase(t *testing.T) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(stacktest.NewProject(t).DatabaseURL)
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 2 * orderPlayers
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		_, err := connection.Exec(ctx, "set role service_role")
		return err
	}
	db, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

// enter puts the school's rows into the database, in one round trip.
func enter(ctx context.Context, db *pgxpool.Pool, school simulate.School) error {
	classes := []map[string]string{}
	for _, id := range classIDs(school) {
		classes = append(classes, map[string]string{"id": id, "name": "Class", "grade": "7", "section": "b", "subject": "Algebra"})
	}
	var batch pgx.Batch
	for _, rows := range []struct {
		table, columns string
		of             any
	}{
		{"users", "id, email, name, role", school.Users},
		{"classes", "id, name, grade, section, subject", classes},
		{"class_students", "class_id, student_id", school.Enrolments},
		{"zoom_meetings", "id, zoom_meeting_id, title, meeting_type, start_time, timezone, class_id, status", school.Meetings},
		{"zoom.keys", "customer_key, meeting_id, user_id", school.Keys},
		{"meeting_registrants", "meeting_id, user_id, zoom_registrant_id", school.Registrants},
		{"zoom_participants", "meeting_id, user_id, name, join_time, leave_time, duration, status", school.Participants},
		{"attendance_records", "student_id, class_id, date, status", school.Records},
	} {
		body, err := json.Marshal(rows.of)
		if err != nil {
			return err
		}
		into, from := rows.columns, rows.columns
		if rows.table == "zoom_meetings" {
			into, from = into+", join_url", from+", 'https://zoom.test/j'"
		}
		batch.Queue(fmt.Sprintf("insert into %[1]s (%[2]s) select %[3]s from jsonb_populate_recordset(null::%[1]s, nullif($1::jsonb, 'null'))",
			rows.table, into, from), body)
	}
	return db.SendBatch(ctx, &batch).Close()
}

// apply gives one batch to the real function and returns its outcomes.
func apply(ctx context.Context, db *pgxpool.Pool, facts []zoom.Fact, policy simulate.Policy) ([]zoom.Outcome, error) {
	var outcomes []zoom.Outcome
	var answer []byte
	err := db.QueryRow(ctx, "select public.apply_zoom_events($1::jsonb, $2::jsonb)",
		asJSON(append([]zoom.Fact{}, facts...)), asJSON(policy)).Scan(&answer)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(answer, &outcomes); err != nil {
		return nil, fmt.Errorf("read outcomes %s: %w", answer, err)
	}
	return outcomes, nil
}

// readRows reads what the school's public rows say now. The stamp changes
// whenever any of them is written, even with the values it had.
func readRows(ctx context.Context, db *pgxpool.Pool, school simulate.School) (simulate.Rows, string, error) {
	var meetings []string
	for _, meeting := range school.Meetings {
		meetings = append(meetings, meeting.ID)
	}
	var status, participants, records []byte
	var stamp string
	err := db.QueryRow(ctx, `
		with m as (select x.xmin, x.id, x.status from public.zoom_meetings x where x.id = any ($1::uuid[])),
		p as (select x.xmin, x.* from public.zoom_participants x where x.meeting_id = any ($1::uuid[])),
		a as (select x.xmin, x.* from public.attendance_records x where x.class_id = any ($2::uuid[]))
		select (select coalesce(jsonb_object_agg(id, status), '{}') from m),
			(select coalesce(jsonb_agg(to_jsonb(p) - 'xmin'), '[]') from p),
			(select coalesce(jsonb_agg(to_jsonb(a) - 'xmin'), '[]') from a),
			concat((select string_agg(concat(id, xmin), ' ' order by id) from m), (select string_agg(concat(id, xmin), ' ' order by id) from p),
				(select string_agg(concat(id, xmin), ' ' order by id) from a))`,
		meetings, classIDs(school)).Scan(&status, &participants, &records, &stamp)
	if err != nil {
		return simulate.Rows{}, "", fmt.Errorf("read rows: %w", err)
	}
	rows, err := simulate.RowsOf(status, participants, records)
	return rows, stamp, err
}

// rewrite makes a teacher's change: another status, or no record at all.
func rewrite(ctx context.Context, db *pgxpool.Pool, record simulate.Record) error {
	if record.Status == "" {
		_, err := db.Exec(ctx, "delete from public.attendance_records where student_id = $1 and class_id = $2 and date = $3::date",
			record.StudentID, record.ClassID, record.Date)
		return err
	}
	_, err := db.Exec(ctx, `insert into public.attendance_records (student_id, class_id, date, status) values ($1, $2, $3::date, $4)
		on conflict (student_id, class_id, date) do update set status = excluded.status`,
		record.StudentID, record.ClassID, record.Date, record.Status)
	return err
}

func classIDs(school simulate.School) []string {
	var ids []string
	for _, enrolment := range school.Enrolments {
		ids = append(ids, enrolment.ClassID)
	}
	for _, meeting := range school.Meetings {
		if meeting.ClassID != "" {
			ids = append(ids, meeting.ClassID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func asJSON(value any) string {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(body)
}

func fromJSON(text string, into any) {
	if err := json.Unmarshal([]byte(text), into); err != nil {
		panic(err)
	}
}
