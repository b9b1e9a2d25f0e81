package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// attempt is something that somebody does in a school that is not quite that of
// testdata/twin.sql: a user, by number, or a role. It works before we come, while
// we are there, and after we left; but what ends is closed with us, for a reason.
type attempt struct {
	who, what, sql string
	ends           string // why it is denied (42501, or no row) once we are there
}

func (a attempt) String() string {
	if _, err := strconv.Atoi(a.who); err != nil {
		return a.who + " " + a.what
	}
	return "user " + a.who + " " + a.what
}

// What people do in the school of testdata/twin_older.sql.
var olderAttempts = []attempt{
	{who: "16", what: "records attendance", sql: `insert into attendance_records (student_id, class_id, date, status)
		values (@user(125), @class(6), '2026-08-25', 'late')`},
}

// What people do in the school of testdata/twin_grown.sql.
var grownAttempts = []attempt{
	{who: "reporting", what: "reads participants", sql: `select from zoom_participants`},
	{who: "reporting", what: "reads attendance", sql: `select from attendance_records`},
	{who: "school-import", what: "writes attendance", sql: `insert into attendance_records (student_id, class_id, date, status)
		values (@user(125), @class(6), '2027-01-11', 'present')`},
	{who: "service_role", what: "reads attendance", sql: `select from attendance_records`},
	{who: "22", what: "sees the attendance of the house they counsel", sql: `select from attendance_records where student_id = @user(125)`},
	{who: "16", what: "moves a meeting", sql: `update zoom_meetings set start_time = '2027-01-11T08:00Z' where id = @meeting(6)`},
	{who: "16", what: "sees a family", sql: `select from parent_children where student_id = @user(125)`},
	{who: "522", what: "sees their children", sql: `select from parent_children where parent_id = @user(522)`},
	{who: "125", what: "sees the meetings of their class", sql: `select from zoom_meetings where id = @meeting(6)`},
	{who: "125", what: "writes what imports write", sql: `insert into attendance_records (student_id, class_id, date, status)
		values (@user(126), @class(6), '2027-01-11', 'present')`,
		ends: "a policy for the roles of the school's own programs was for users too"},
}

// tryAll has everybody try, and says whose attempts went otherwise than they
// should.
func (t *twin) tryAll(ctx context.Context) error {
	var adopted bool
	if err := t.owner.QueryRow(ctx, "select to_regclass('zoom.undo') is not null").Scan(&adopted); err != nil {
		return err
	}
	var wrong []error
	for _, a := range t.attempts {
		rows, err := t.as(ctx, a.who, withIDs(a.sql, "'"))
		denied := err == nil && rows == 0
		if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == "42501" {
			denied, err = true, nil
		}
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", a, err))
		case denied != (adopted && a.ends != ""):
			wrong = append(wrong, fmt.Errorf("%s: denied is %t, adopted %t", a, denied, adopted))
		}
	}
	return errors.Join(wrong...)
}

// as runs a statement as PostgREST does for whoever asks, and rolls it back.
func (t *twin) as(ctx context.Context, who, sql string) (rows int64, err error) {
	role, claims := who, map[string]string{"role": who}
	if _, err := strconv.Atoi(who); err == nil {
		role, claims = "authenticated", map[string]string{"role": "authenticated", "sub": idOf("user", who)}
	}
	said, err := json.Marshal(claims)
	if err != nil {
		return 0, err
	}
	tx, err := t.people.Begin(ctx)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, tx.Rollback(context.WithoutCancel(ctx))) }()
	if _, err := tx.Exec(ctx, "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", role, string(said)); err != nil {
		return 0, err
	}
	done, err := tx.Exec(ctx, sql)
	return done.RowsAffected(), err
}

// strangersWrite looks for policies that are not ours and let people write
// where we alone say who may, whatever their names.
func (t *twin) strangersWrite(ctx context.Context) error {
	var policies []string
	err := t.owner.QueryRow(ctx, `
		select coalesce(array_agg(format('%s on %s', policyname, tablename)), '{}')
		from pg_policies
		where schemaname = 'public' and tablename = any ($1) and permissive = 'PERMISSIVE' and cmd <> 'SELECT'
			and roles && '{public,anon,authenticated}' and policyname not in (select name from zoom.our_policies)`, closedTables).Scan(&policies)
	if err == nil && len(policies) > 0 {
		err = fmt.Errorf("policies of the school still let people write: %q", policies)
	}
	return err
}
