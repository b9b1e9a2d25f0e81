package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
)

// attempt is something that somebody of the old school tries: a user, or a role.
// The numbers are those of testdata/old_school_rows.sql: student 101 is in class
// 6, as 113 is and 102 is not; the teacher of that class is 16, the student's
// parent 322, and their counsellor 22, who teaches another.
type attempt struct{ who, what, sql string }

func (a attempt) String() string {
	if _, err := strconv.Atoi(a.who); err != nil {
		return a.who + " " + a.what
	}
	return "user " + a.who + " " + a.what
}

// abuses succeeded in the old school, though nobody meant them to, and must
// not succeed with us.
var abuses = []attempt{
	{"101", "enters somebody else into a meeting",
		`insert into zoom_participants (meeting_id, user_id) values (@meeting(6), @user(113))`},
	{"101", "changes another's participation",
		`update zoom_participants set duration = 1 where user_id = @user(102)`},
	{"101", "reads a classmate's participation",
		`select from zoom_participants where user_id = @user(113)`},
	{"101", "registers somebody else, approved",
		`insert into meeting_registrants (meeting_id, user_id, status) values (@meeting(6), @user(113), 'approved')`},
	{"101", "approves registrations",
		`update meeting_registrants set status = 'approved'`},
	{"101", "inserts attendance",
		`insert into attendance_records (student_id, class_id, date, status) values (@user(101), @class(6), '2027-01-11', 'present')`},
	{"101", "changes their attendance",
		`update attendance_records set status = 'present' where student_id = @user(101) and status = 'absent'`},
	{"101", "deletes attendance",
		`delete from attendance_records where student_id = @user(101)`},
	{"101", "reads the attendance of others",
		`select from attendance_records where student_id <> @user(101)`},
	{"101", "checks in to a class they are not in",
		`insert into qr_checkins (session_id, student_id) values (@class(200001), @user(101))`},
	{"101", "makes themselves an admin",
		`update users set role = 'admin' where id = @user(101)`},
	{"101", "enrols somebody's child",
		`insert into parent_children (parent_id, student_id) values (@user(101), @user(102))`},
	{"16", "changes the attendance of a class they do not teach",
		`update attendance_records set status = 'absent' where class_id = @class(7)`},
	{"16", "plans a meeting in another's name",
		`insert into zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url) values ('841', @user(17), 'Theirs', now(), 'https://zoom.test/j/841')`},
}

// chores are what the app's pages and the school's own programs do every day.
// They succeed before and after.
var chores = []attempt{
	{"101", "sees their attendance",
		`select from attendance_records where student_id = @user(101)`},
	{"101", "sees their class's meetings",
		`select from zoom_meetings where class_id = @class(6)`},
	{"101", "sees their participation",
		`select from zoom_participants where user_id = @user(101)`},
	{"110", "sees their registrations",
		`select from meeting_registrants where user_id = @user(110)`},
	{"101", "sees their classes",
		`select from classes where id = @class(6)`},
	{"101", "sees their enrolment",
		`select from class_students where student_id = @user(101)`},
	{"101", "sees their family",
		`select from parent_children where student_id = @user(101)`},
	{"101", "sees their teacher",
		`select from users where id = @user(16)`},
	{"101", "sees the codes of their class",
		`select from qr_attendance_sessions where class_id = @class(6)`},
	{"103", "sees their check-ins",
		`select from qr_checkins where student_id = @user(103)`},
	{"101", "changes their telephone number",
		`update users set phone = '+00 555 0001' where id = @user(101)`},
	{"101", "enters a meeting",
		`insert into zoom_participants (meeting_id, user_id, status) values (@meeting(6), @user(101), 'joined')`},
	{"101", "leaves a meeting",
		`update zoom_participants set status = 'left' where user_id = @user(101) and meeting_id = @meeting(15006)`},
	{"101", "registers",
		`insert into meeting_registrants (meeting_id, user_id) values (@meeting(6), @user(101))`},
	{"101", "checks in",
		`insert into qr_checkins (session_id, student_id) values (@class(200006), @user(101))`},
	{"101", "reads notices",
		`select from announcements where audience = 'student'`},
	{"101", "reads their grades",
		`select from grades where student_id = @user(101)`},
	{"16", "sees the attendance of their class",
		`select from attendance_records where class_id = @class(6)`},
	{"16", "records attendance",
		`insert into attendance_records (student_id, class_id, date, status) values (@user(101), @class(6), '2025-09-01', 'late')
		on conflict (student_id, class_id, date) do update set status = excluded.status`},
	{"16", "sees who took part",
		`select from zoom_participants where meeting_id = @meeting(15006)`},
	{"16", "sees the students of their class",
		`select from class_students where class_id = @class(6)`},
	{"16", "plans a meeting",
		`insert into zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url) values ('843', @user(16), 'Ours', now(), 'https://zoom.test/j/843')`},
	{"16", "moves a meeting",
		`update zoom_meetings set start_time = now() where id = @meeting(6)`},
	{"16", "cancels a meeting",
		`delete from zoom_meetings where id = @meeting(6)`},
	{"16", "registers a student",
		`insert into meeting_registrants (meeting_id, user_id, status) values (@meeting(6), @user(101), 'approved')`},
	{"16", "sees the check-ins of their class",
		`select from qr_checkins where session_id = @class(10006)`},
	{"16", "grades",
		`update grades set points = 10 where class_id = @class(6)`},
	{"16", "shows a code",
		`insert into qr_attendance_sessions (class_id, teacher_id, date) values (@class(6), @user(16), '2026-07-01')`},
	{"22", "sees the attendance of the house they counsel",
		`select from attendance_records where student_id = @user(101)`},
	{"322", "sees their child's attendance",
		`select from attendance_records where student_id = @user(101)`},
	{"322", "sees their child's enrolment",
		`select from class_students where student_id = @user(101)`},
	{"322", "sees their children",
		`select from parent_children where parent_id = @user(322)`},
	{"1", "changes a class",
		`update classes set room = 'A1' where id = @class(6)`},
	{"1", "sees all attendance",
		`select from attendance_records where class_id = @class(7)`},
	{"1", "sees all meetings",
		`select from zoom_meetings where id = @meeting(7)`},
	{"1", "announces",
		`insert into announcements (author_id, body) values (@user(1), 'Snow: no school')`},
	{"reporting", "reads participants",
		`select from zoom_participants`},
	{"school-import", "writes attendance",
		`insert into attendance_records (student_id, class_id, date, status) values (@user(101), @class(6), '2027-01-11', 'present')`},
	{"service_role", "reads attendance",
		`select from attendance_records`},
}

// tryAll has everybody try, and says whose attempts went otherwise than they
// should.
func (p *oldProject) tryAll(ctx context.Context, attempts []attempt, succeed bool) error {
	if !p.lived {
		return nil
	}
	var wrong []error
	for _, a := range attempts {
		done, err := p.try(ctx, a)
		switch {
		case err != nil:
			wrong = append(wrong, fmt.Errorf("%s: %w", a, err))
		case done && !succeed:
			wrong = append(wrong, fmt.Errorf("%s, which should be denied", a))
		case !done && succeed:
			wrong = append(wrong, fmt.Errorf("%s: denied", a))
		}
	}
	return errors.Join(wrong...)
}

// try says whether an attempt succeeds, and leaves nothing of it. Denied is
// what is forbidden, and what touches no row.
func (p *oldProject) try(ctx context.Context, a attempt) (bool, error) {
	rows, err := p.as(ctx, a.who, withIDs(a.sql))
	if isForbidden(err) {
		return false, nil
	}
	return rows > 0, err
}

// as runs a statement as PostgREST does for whoever asks, and rolls it back.
func (p *oldProject) as(ctx context.Context, who, sql string) (rows int64, err error) {
	role, claims := who, map[string]string{"role": who}
	if _, err := strconv.Atoi(who); err == nil {
		role, claims = "authenticated", map[string]string{"role": "authenticated", "sub": idOf("user", who)}
	}
	said, err := json.Marshal(claims)
	if err != nil {
		return 0, err
	}
	tx, err := p.people.Begin(ctx)
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

// isForbidden says whether a grant or a policy refused a statement.
func isForbidden(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == "42501"
}

// idOf is the id of a row of testdata/old_school_rows.sql.
func idOf(kind, number string) string {
	group := map[string]string{"user": "8000", "class": "9000", "meeting": "a000"}[kind]
	return fmt.Sprintf("00000000-0000-4000-%s-%012s", group, number)
}

var idPattern = regexp.MustCompile(`@(user|class|meeting)\((\d+)\)`)

// withIDs puts ids for @user(101), @class(6) and @meeting(6).
func withIDs(sql string) string {
	return idPattern.ReplaceAllStringFunc(sql, func(said string) string {
		parts := idPattern.FindStringSubmatch(said)
		return "'" + idOf(parts[1], parts[2]) + "'"
	})
}

// visitorsSeeNothing has somebody who is not signed in read our tables.
func (p *oldProject) visitorsSeeNothing(ctx context.Context) error {
	var wrong []error
	for _, table := range slices.Concat(closedTables, openTables) {
		_, err := p.as(ctx, "anon", "select from "+table)
		if err == nil {
			wrong = append(wrong, fmt.Errorf("a visitor may read %s", table))
		} else if !isForbidden(err) {
			wrong = append(wrong, fmt.Errorf("a visitor reads %s: %w", table, err))
		}
	}
	return errors.Join(wrong...)
}

// strangersWrite looks for policies that are not ours and let people write
// where we alone say who may, whatever their names.
func (p *oldProject) strangersWrite(ctx context.Context) error {
	var policies []string
	err := p.owner.QueryRow(ctx, `
		select coalesce(array_agg(format('%s on %s', policyname, tablename)), '{}')
		from pg_policies
		where schemaname = 'public' and tablename = any ($1) and permissive = 'PERMISSIVE' and cmd <> 'SELECT'
			and roles && '{public,anon,authenticated}' and policyname not in (select name from zoom.our_policies)`, closedTables).Scan(&policies)
	if err == nil && len(policies) > 0 {
		err = fmt.Errorf("policies of the old school still let people write: %q", policies)
	}
	return err
}
