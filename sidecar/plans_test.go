package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// aMillionFacts fills the private schema and the rows it is shown in: a school
// year of 50 recurring meetings, 40 students each, 250 lessons, one visit a
// lesson; a mark for each join and leave.
const aMillionFacts = `
set session_replication_role = replica; -- no foreign key checks while filling
insert into users (id, email, name, role)
select md5('u' || i)::uuid, 's' || i || '@school.test', 'Student ' || i, 'student' from generate_series(1, 2000) i;
insert into classes (id, name, grade, section, subject) select md5('c' || c)::uuid, 'Class ' || c, '7', 'b', 'Algebra' from generate_series(1, 50) c;
insert into class_students (class_id, student_id)
select md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid from generate_series(1, 2000) i;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id)
select md5('c' || c)::uuid, (90000000000 + c)::text, 'Lesson', 'recurring', '2026-01-05T08:00Z', 'https://zoom.test/', md5('c' || c)::uuid
from generate_series(1, 50) c;
insert into zoom.instances (meeting_id, instance, stated_start, first_at, ended_at, class_id, held_on)
select md5('c' || c)::uuid, c || '-' || d, '2026-01-05T08:00Z'::timestamptz + d * interval '1 day', '2026-01-05T08:00Z'::timestamptz + d * interval '1 day',
  '2026-01-05T09:00Z'::timestamptz + d * interval '1 day', md5('c' || c)::uuid, '2026-01-05'::date + d
from generate_series(1, 50) c, generate_series(0, 249) d;
insert into zoom.segments (run_id, segment, meeting_id, connection, email, user_id)
select run.run_id, i::text, run.meeting_id, 'c' || i, 's' || i || '@school.test', md5('u' || i)::uuid
from zoom.instances run, generate_series(1, 2000) i
where run.meeting_id = md5('c' || (1 + (i - 1) / 40))::uuid;
insert into zoom.marks (run_id, segment, at, kind, name)
select seg.run_id, seg.segment, run.stated_start + case kind when 'left' then interval '50 minutes' else interval '0' end, kind, 'Student ' || seg.segment
from zoom.segments seg join zoom.instances run on run.run_id = seg.run_id and run.stated_start is not null,
  unnest(array['joined', 'left']) kind;
insert into zoom_participants (id, meeting_id, user_id, status, join_time, leave_time, duration)
select md5('p' || i)::uuid, md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid, 'left', '2026-09-11T08:00Z', '2026-09-11T08:50Z', 3000
from generate_series(1, 2000) i;
insert into zoom.visits (meeting_id, user_id, at, kind)
select md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid, '2026-01-05T07:55Z'::timestamptz + d * interval '1 day', 'joined'
from generate_series(1, 2000) i, generate_series(0, 99) d;
insert into zoom.keys (customer_key, meeting_id, user_id)
select 'key-of-user-' || i || '-for-class', md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid from generate_series(1, 2000) i;
insert into zoom.rows (row_id) select id from zoom_participants where user_id is not null;
insert into attendance_records (student_id, class_id, date, status)
select md5('u' || i)::uuid, md5('c' || (1 + (i - 1) / 40))::uuid, '2026-01-05'::date + d, 'present' from generate_series(1, 2000) i, generate_series(0, 249) d;
insert into zoom.verdicts (student_id, class_id, date, verdict) select student_id, class_id, date, 'present' from attendance_records;
-- And a lecture with all of the first 500.
insert into classes (id, name, grade, section, subject) values (md5('lecture')::uuid, 'Lecture', '7', '', 'Algebra');
insert into class_students (class_id, student_id) select md5('lecture')::uuid, md5('u' || i)::uuid from generate_series(1, 500) i;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id)
values (md5('lecture')::uuid, '90000000099', 'Lecture', 'recurring', '2026-01-05T08:00Z', 'https://zoom.test/', md5('lecture')::uuid);
set session_replication_role = origin;`

// plan is a node of EXPLAIN's JSON.
type plan struct {
	NodeType  string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	IndexCond string  `json:"Index Cond"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Removed   float64 `json:"Rows Removed by Filter"`
	Plans     []plan  `json:"Plans"`
}

// value is what a query of one text says.
func value(t *testing.T, conn *pgx.Conn, query string) (text string) {
	require.NoError(t, conn.QueryRow(context.Background(), query).Scan(&text))
	return text
}

// explained calls apply_zoom_events and returns the text and the plan of every
// statement inside it, as it really ran.
func explained(t *testing.T, conn *pgx.Conn, plans *[]string, events string) map[string]plan {
	*plans = nil
	var outcomes string
	require.NoError(t, conn.QueryRow(context.Background(), `select public.apply_zoom_events($1::jsonb)::text`, events).Scan(&outcomes))
	require.NotContains(t, outcomes, "unknown")
	steps := map[string]plan{}
	for _, notice := range *plans {
		var step struct {
			Text string `json:"Query Text"`
			Plan plan   `json:"Plan"`
		}
		_, object, found := strings.Cut(notice, "plan:\n")
		require.True(t, found, notice)
		require.NoError(t, json.Unmarshal([]byte(object), &step), object)
		steps[step.Text] = step.Plan
	}
	return steps
}

// scans returns how a plan reads whole tables or whole indexes of the app's or
// the facts' tables, and how many rows it looked at in all.
func scans(p plan) (whole []string, rows float64) {
	if p.Relation != "" || p.Index != "" {
		rows = (p.Rows + p.Removed) * p.Loops
		byIndex := strings.Contains(p.NodeType, "Index") && p.IndexCond != "" || p.NodeType == "Bitmap Heap Scan" || p.NodeType == "ModifyTable"
		if !byIndex {
			whole = append(whole, fmt.Sprintf("%s on %s%s", p.NodeType, p.Relation, p.Index))
		}
	}
	for _, child := range p.Plans {
		w, r := scans(child)
		whole, rows = append(whole, w...), rows+r
	}
	return whole, rows
}

func TestNoStepOfApplyReadsAWholeTableOfAMillionFacts(t *testing.T) {
	ctx := context.Background()
	p := stacktest.NewProject(t)

	config, err := pgx.ParseConfig(p.DatabaseURL)
	require.NoError(t, err)
	config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol // several statements in one go
	var plans []string
	config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if strings.Contains(n.Message, "plan:\n") {
			plans = append(plans, n.Message)
		}
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(ctx)) }()

	exec := func(sql string) {
		_, err := conn.Exec(ctx, sql)
		require.NoError(t, err)
	}
	// The plans are made while the tables are empty, as on the first day, and
	// kept: they must do for a million too.
	exec(`insert into zoom_meetings (zoom_meeting_id, title, start_time, join_url) values ('1', 'First', now(), 'https://zoom.test/')`)
	exec(`select public.apply_zoom_events('[{"kind":"ended","meeting":"1","instance":"a","at":"2026-01-01T08:00:00Z"},{"kind":"joined","meeting":"1","instance":"a","segment":"1","at":"2026-01-01T07:00:00Z"}]')`)
	exec(aMillionFacts)
	var facts int
	require.NoError(t, conn.QueryRow(ctx, `select count(*) from zoom.marks`).Scan(&facts))
	require.GreaterOrEqual(t, facts, 1_000_000)
	exec(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
		set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set auto_explain.log_format = json;
		set auto_explain.log_level = notice; set client_min_messages = notice`)

	lesson := func(minute int, kind, segment string) string {
		who := ""
		if segment != "" {
			who = fmt.Sprintf(`,"segment":%q,"connection":%q,"email":"s1@school.test"`, segment, "c"+segment)
		}
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","instance":"today","start":"2026-11-20T08:00:00Z","at":"2026-11-20T08:%02d:00Z"%s}`, kind, minute, who)
	}
	lecture := func(minute int, kind string) string {
		var events []string
		for i := range 500 {
			events = append(events, fmt.Sprintf(`{"kind":%q,"meeting":"90000000099","instance":"today","start":"2026-11-20T08:00:00Z","at":"2026-11-20T08:%02d:00Z","segment":"%d","connection":"c%d","email":"s%d@school.test"}`,
				kind, minute, i, i, i+1))
		}
		return strings.Join(events, ",")
	}
	app := func(clock, kind string) string {
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","at":"2026-11-20T%sZ","user":"%s"}`, kind, clock, value(t, conn, `select md5('u2')::uuid::text`))
	}
	guest := func(minute int, kind, segment, key, name string) string {
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","instance":"today","start":"2026-11-20T08:00:00Z","at":"2026-11-20T08:%02d:00Z","segment":%q,"connection":"g%s","customer_key":%q,"name":%q}`,
			kind, minute, segment, segment, key, name)
	}
	const (
		few  = 3000     // rows that a step may look at: a class and its lesson, not a table
		many = 500 * 20 // and for a batch of 500: so many for each, not one times the other
	)
	for _, c := range []struct {
		sentence, events string
		limit            float64
	}{
		{"a new lesson begins, so everyone of the one before goes back to invited", lesson(0, "started", ""), few},
		{"a student joins", lesson(1, "joined", "x"), few},
		{"the student leaves", lesson(20, "left", "x"), few},
		{"the app saw somebody come", app("07:55:00", "app_joined"), few},
		{"a guest has their name", guest(20, "joined", "n", "", "Student 2"), few},
		{"another has a key", guest(20, "joined", "k", "key-of-user-3-for-class", "an iPad"), few},
		{"and a third shows the same one", guest(20, "joined", "l", "key-of-user-3-for-class", "a phone"), few},
		{"the app saw them go", app("08:30:00", "app_left"), few},
		{"two come and one goes in one batch", lesson(21, "joined", "y") + "," + lesson(22, "left", "y") + "," + lesson(23, "joined", "z"), few},
		{"the lesson ends", lesson(45, "ended", ""), few},
		{"and the last leave comes late", lesson(44, "left", "z"), few},
		{"five hundred come to a lecture in one batch", lecture(1, "joined"), many},
		{"and go in one batch", lecture(40, "left"), many},
		{"and the lecture ends", strings.ReplaceAll(lesson(45, "ended", ""), "90000000001", "90000000099"), many},
	} {
		t.Run(c.sentence, func(t *testing.T) {
			steps := explained(t, conn, &plans, "["+c.events+"]")
			require.Greater(t, len(steps), 10, "every nested statement is explained")
			for text, p := range steps {
				whole, rows := scans(p)
				require.Empty(t, whole, text)
				require.Less(t, rows, c.limit, "rows looked at by: %s", text)
			}
		})
	}
}
