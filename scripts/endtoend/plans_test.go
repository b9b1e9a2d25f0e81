package endtoend_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// aMillionFacts fills the private schema and the rows it is shown in: a school
// year of 50 recurring meetings, 40 students each, 250 lessons, one visit a
// lesson; a mark for each join and leave. Each user had two other addresses
// before, and each meeting two other plans.
const aMillionFacts = `
set session_replication_role = replica; -- no foreign key checks and no triggers while filling
insert into users (id, email, name, role)
select md5('u' || i)::uuid, 's' || i || '@school.test', 'Student ' || i, 'student' from generate_series(1, 2000) i;
insert into users (id, email, name, role) select md5('t' || c)::uuid, 't' || c || '@school.test', 'Teacher ' || c, 'teacher' from generate_series(1, 50) c;
insert into parent_children (parent_id, student_id) select md5('t' || c)::uuid, md5('u' || c)::uuid from generate_series(1, 50) c;
insert into classes (id, name, grade, section, subject, teacher_id)
select md5('c' || c)::uuid, 'Class ' || c, '7', 'b', 'Algebra', md5('t' || c)::uuid from generate_series(1, 50) c;
insert into class_students (class_id, student_id)
select md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid from generate_series(1, 2000) i;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, host_id, start_time, join_url, class_id, created_at)
select md5('c' || c)::uuid, (90000000000 + c)::text, 'Lesson', 'recurring', md5('t' || c)::uuid, '2025-01-05T08:00Z', 'https://zoom.test/', md5('c' || c)::uuid, '2025-01-01'
from generate_series(1, 50) c;
insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id)
select md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid, 'reg-' || i from generate_series(1, 2000) i;
-- And a lecture with all of the first 500.
insert into classes (id, name, grade, section, subject) values (md5('lecture')::uuid, 'Lecture', '7', '', 'Algebra');
insert into class_students (class_id, student_id) select md5('lecture')::uuid, md5('u' || i)::uuid from generate_series(1, 500) i;
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, start_time, join_url, class_id, created_at)
values (md5('lecture')::uuid, '90000000099', 'Lecture', 'recurring', '2025-01-05T08:00Z', 'https://zoom.test/', md5('lecture')::uuid, '2025-01-01');
-- A one-off of each class, that was planned anew a few times.
insert into zoom_meetings (id, zoom_meeting_id, title, meeting_type, host_id, start_time, join_url, class_id, created_at)
select md5('o' || c)::uuid, (91000000000 + c)::text, 'Once', 'scheduled', md5('t' || c)::uuid, current_date + 1 + interval '8 hours', 'https://zoom.test/', md5('c' || c)::uuid, '2025-01-01'
from generate_series(1, 50) c;
insert into zoom.history (relation, row_key, was, since, until, is_first)
select told.relation, zoom.history_key(told.relation, told.says), zoom.deciding(told.relation, told.says, null) || version.was, version.since, version.until, version.since = '-infinity'
from (
  select 'users' as relation, to_jsonb(own) as says from users own
  union all select 'classes', to_jsonb(own) from classes own
  union all select 'class_students', to_jsonb(own) from class_students own
  union all select 'parent_children', to_jsonb(own) from parent_children own
  union all select 'zoom_meetings', to_jsonb(own) from zoom_meetings own
  union all select 'meeting_registrants', to_jsonb(own) from meeting_registrants own
) told
cross join lateral (
  select case told.relation when 'users' then jsonb_build_object('email', n || '.' || (told.says ->> 'email'))
      when 'zoom_meetings' then jsonb_build_object('start_time', '2025-01-0' || n || 'T08:00Z') end as was,
    case n when 1 then '-infinity' else '2025-02-01'::timestamptz end as since, '2025-02-01'::timestamptz + (n - 1) * interval '1 day' as until
  from generate_series(1, 2) n where told.relation in ('users', 'zoom_meetings')
  union all
  select '{}', case when told.relation in ('users', 'zoom_meetings') then '2025-02-02'::timestamptz else '-infinity' end, 'infinity'
) version;
insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values ('-infinity', 15, 'UTC', 'corroborate', '1 hour');
insert into zoom.meetings (meeting_id, staff_seen) select id, title = 'Lesson' from zoom_meetings where zoom_meeting_id like '9%';
insert into zoom.lessons (meeting_id, is_planned, starts_at, ends_at, as_of, class_id, held_on, min_seconds, app_joins, counts_from, counts_until, has_staff,
  is_over, is_held, makes_absent, expected_at)
select md5('c' || c)::uuid, false, at, at + interval '1 hour', at, md5('c' || c)::uuid, at::date, 900, 'corroborate', at, at + interval '1 hour', true, true, true, true, at + interval '1 hour'
from generate_series(1, 50) c, generate_series(0, 249) d cross join lateral (select '2026-01-05T08:00Z'::timestamptz + d * interval '1 day') told (at);
insert into zoom.instances (number, instance, meeting_id, class_id, stated_start, first_at, told_end, ended_at, told_at, people, has_staff, has_others, lesson_id, counts, host_user, teacher)
select 90000000000 + c, c || '-' || d, lesson.meeting_id, lesson.class_id, lesson.starts_at, lesson.starts_at, lesson.ends_at, lesson.ends_at, lesson.starts_at, 2, true, true, lesson.lesson_id, true,
  md5('t' || c)::uuid, md5('t' || c)::uuid
from generate_series(1, 50) c, generate_series(0, 249) d
join zoom.lessons lesson on lesson.starts_at = '2026-01-05T08:00Z'::timestamptz + d * interval '1 day'
where lesson.meeting_id = md5('c' || c)::uuid;
update zoom.meetings meeting set shown_run = run.run_id, shown_lesson = run.lesson_id
from zoom.instances run where run.meeting_id = meeting.meeting_id and run.instance like '%-249';
insert into zoom.segments (run_id, segment, connection, email, was_in, user_id, known_by)
select run.run_id, i::text, 'c' || i, 's' || i || '@school.test', true, md5('u' || i)::uuid, 'email'
from zoom.instances run, generate_series(1, 2000) i
where run.meeting_id = md5('c' || (1 + (i - 1) / 40))::uuid;
insert into zoom.segments (run_id, segment, connection, email, was_in, user_id, known_by, is_staff)
select run_id, 't', 'ct', 't' || split_part(instance, '-', 1) || '@school.test', true, host_user, 'email', true from zoom.instances where number like '9%';
insert into zoom.marks (run_id, segment, at, kind, name)
select seg.run_id, seg.segment, run.stated_start + case when kind = 'joined' then interval '0' when seg.is_staff then interval '1 hour' else interval '50 minutes' end, kind, 'Student ' || seg.segment
from zoom.segments seg join zoom.instances run on run.run_id = seg.run_id and run.number like '9%',
  unnest(array['joined', 'left']) kind;
insert into zoom.marks (run_id, segment, at, kind) select run_id, '', ended_at, 'ended' from zoom.instances where number like '9%';
insert into zoom_participants (id, meeting_id, user_id, zoom_participant_id, name, email, status, join_time, leave_time, duration)
select md5('p' || i)::uuid, md5('c' || (1 + (i - 1) / 40))::uuid, md5('u' || i)::uuid, i::text, 'Student ' || i, 's' || i || '@school.test', 'left', '2026-09-11T08:00Z', '2026-09-11T08:50Z', 3000
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

// fewRows are tables that may be read whole: those that stay small, and those that
// are empty when the work is done.
var fewRows = map[string]bool{"settings": true, "kinds": true, "due": true, "changes": true, "unfinished": true, "refused": true}

// step is a statement inside a call, as it really ran: how it read whole tables,
// and how many rows it looked at, however often it ran, and where.
type step struct {
	whole []string
	rows  float64
	where map[string]float64
}

// scan adds how a plan reads whole tables or whole indexes of the app's or the
// facts' tables (those of a few rows apart), and how many rows it looked at.
func (s *step) scan(p plan) {
	if p.Relation != "" || p.Index != "" {
		rows := (p.Rows + p.Removed) * p.Loops
		s.where[fmt.Sprintf("%s %s %s %s", p.NodeType, p.Relation, p.Index, p.IndexCond)] += rows
		relation := p.Relation
		if relation == "" {
			relation, _, _ = strings.Cut(p.Index, "_")
		}
		byIndex := strings.Contains(p.NodeType, "Index") && p.IndexCond != "" || p.NodeType == "Bitmap Heap Scan" || p.NodeType == "ModifyTable"
		if fewRows[relation] {
			byIndex = true
		} else {
			s.rows += rows
		}
		if !byIndex {
			s.whole = append(s.whole, fmt.Sprintf("%s on %s%s", p.NodeType, p.Relation, p.Index))
		}
	}
	for _, child := range p.Plans {
		s.scan(child)
	}
}

// plansOf makes a call and returns every statement inside it by its text.
func plansOf(t *testing.T, conn *pgx.Conn, plans *[]string, call string) map[string]*step {
	*plans = nil
	var answer string
	require.NoError(t, conn.QueryRow(context.Background(), "select ("+call+")::text").Scan(&answer))
	require.NotContains(t, answer, "unknown")
	require.NotContains(t, answer, `"failed": [{`)
	steps := map[string]*step{}
	for _, notice := range *plans {
		var told struct {
			Text string `json:"Query Text"`
			Plan plan   `json:"Plan"`
		}
		_, object, found := strings.Cut(notice, "plan:\n")
		require.True(t, found, notice)
		require.NoError(t, json.Unmarshal([]byte(object), &told), object)
		if steps[told.Text] == nil {
			steps[told.Text] = &step{where: map[string]float64{}}
		}
		steps[told.Text].scan(told.Plan)
	}
	return steps
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
	exec(`select public.catch_up_zoom(), public.rejudge_zoom('{}')`)
	exec(`select public.apply_zoom_events('[{"kind":"ended","meeting":"1","instance":"a","at":"2026-01-01T08:00:00Z"},{"kind":"joined","meeting":"1","instance":"a","segment":"1","at":"2026-01-01T07:00:00Z"}]')`)
	exec(aMillionFacts)
	var facts int
	require.NoError(t, conn.QueryRow(ctx, `select count(*) from zoom.marks`).Scan(&facts))
	require.GreaterOrEqual(t, facts, 1_000_000)
	exec(`select set_config('request.jwt.claims', '{"role": "service_role"}', false)`)
	exec(`set track_functions = 'all'; load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
		set auto_explain.log_analyze = on; set auto_explain.log_timing = off; set auto_explain.log_format = json;
		set auto_explain.log_level = notice; set client_min_messages = notice`)

	// From that day on the school takes the app's word.
	exec(`insert into zoom.settings (since, min_minutes, timezone, app_joins, plan_margin) values (current_date + 1, 15, 'UTC', 'count', '1 hour')`)
	today := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly) // tomorrow, so that no run is over by the clock
	lesson := func(minute int, kind, segment string) string {
		who := ""
		if segment != "" {
			who = fmt.Sprintf(`,"segment":%q,"connection":%q,"email":"s1@school.test"`, segment, "c"+segment)
		}
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","instance":"today","start":"%[2]sT08:00:00Z","at":"%[2]sT08:%02[3]d:00Z"%[4]s}`, kind, today, minute, who)
	}
	lecture := func(minute int, kind string) string {
		var events []string
		for i := range 500 {
			events = append(events, fmt.Sprintf(`{"kind":%q,"meeting":"90000000099","instance":"the lecture","start":"%[2]sT08:00:00Z","at":"%[2]sT08:%02[3]d:00Z","segment":"%[4]d","connection":"c%[4]d","email":"s%[5]d@school.test"}`,
				kind, today, minute, i, i+1))
		}
		return strings.Join(events, ",")
	}
	app := func(clock, kind string) string {
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","at":"%sT%sZ","user":"%s"}`, kind, today, clock, value(t, conn, `select md5('u2')::uuid::text`))
	}
	guest := func(minute int, kind, segment, more string) string {
		return fmt.Sprintf(`{"kind":%q,"meeting":"90000000001","instance":"today","start":"%[2]sT08:00:00Z","at":"%[2]sT08:%02[3]d:00Z","segment":%[4]q,"connection":"g%[5]s",%[6]s}`,
			kind, today, minute, segment, segment, more)
	}
	const (
		few  = 5000     // rows that a step may look at: a class, its lesson and its meeting's year, not a table
		many = 500 * 20 // and for a batch of 500, or twenty runs at once: so many for each, not one times the other
	)
	why := func(meeting, student, date string) string {
		return fmt.Sprintf("public.explain_attendance('%s', '%s', '%s')", meeting, student, date)
	}
	apply := func(events string) string { return "public.apply_zoom_events('[" + events + "]')" }
	wednesday := fmt.Sprintf(`{"kind":"joined","meeting":"91000000001","instance":"once","start":"%[1]sT08:00:00Z","at":"%[1]sT08:01:00Z","segment":"1","connection":"c1","email":"s1@school.test"}`, today)
	sentences := []struct {
		sentence, before, call string
		limit                  float64
	}{
		{"a new lesson begins, so everyone of the one before goes back to invited", "", apply(lesson(0, "started", "")), few},
		{"a student joins", "", apply(lesson(1, "joined", "x")), few},
		{"the student leaves", "", apply(lesson(20, "left", "x")), few},
		{"the app saw somebody come", "", apply(app("07:55:00", "app_joined")), few},
		{"a guest has their name", "", apply(guest(20, "joined", "n", `"name":"Student 2"`)), few},
		{"another has a key", "", apply(guest(20, "joined", "k", `"customer_key":"key-of-user-3-for-class","name":"an iPad"`)), few},
		{"and a third shows the same one", "", apply(guest(20, "joined", "l", `"customer_key":"key-of-user-3-for-class","name":"a phone"`)), few},
		{"a fourth has a registration, and their parent's address", "", apply(guest(20, "joined", "r", `"registrant_id":"reg-1","email":"T1@school.test"`)), few},
		{"a fifth has an address of nobody yet", "", apply(guest(20, "joined", "s", `"email":"newcomer@school.test"`)), few},
		{"a sixth has one of long ago", "", apply(guest(20, "joined", "q", `"email":"1.s7@school.test"`)), few},
		{"the teacher comes", "", apply(guest(20, "joined", "t", `"email":"t1@school.test"`)), few},
		{"the app saw them go", "", apply(app("08:30:00", "app_left")), few},
		{"two come and one goes in one batch", "", apply(lesson(21, "joined", "y") + "," + lesson(22, "left", "y") + "," + lesson(23, "joined", "z")), few},
		{"somebody comes of whom no time was told", "", apply(`{"kind":"joined","meeting":"90000000001","accepted":"` + today + `T08:30:00Z","body_hash":"0a","email":"s4@school.test"}`), few},
		{"and it was accepted earlier than that", "", apply(`{"kind":"joined","meeting":"90000000001","accepted":"` + today + `T08:29:00Z","body_hash":"0a","email":"s4@school.test"}`), few},
		{"the lesson ends", "", apply(lesson(45, "ended", "")), few},
		{"and the last leave comes late", "", apply(lesson(44, "left", "z")), few},
		{"a one-off lesson is held", "", apply(wednesday), few},
		{"and somebody is there in the afternoon", "", apply(strings.NewReplacer(`"once"`, `"again"`, "T08:", "T15:").Replace(wednesday)), few},
		{"a number of nobody is told", "", "case when public.apply_zoom_events('[{\"kind\":\"ended\",\"meeting\":\"92000000001\",\"instance\":\"x\",\"at\":\"2026-03-02T08:00:00Z\"}]') = '[\"unknown_meeting\"]' then 1 end", few},
		{"a row is refused", `alter table attendance_records add constraint no_tens check (student_id <> md5('u50')::uuid) not valid`,
			apply(strings.NewReplacer(`"email":"s1@`, `"email":"s50@`, `"today"`, `"of tens"`, "90000000001", "90000000002").Replace(lesson(30, "joined", "ten") + "," + lesson(50, "left", "ten") + "," + lesson(55, "ended", ""))), few},
		{"and tried again", `alter table attendance_records drop constraint no_tens; update zoom.refused set tried_at = now() - interval '2 hours'`, "public.catch_up_zoom()", many},
		{"somebody is given an address that a guest showed", `update users set email = 'newcomer@school.test' where id = md5('u5')::uuid`, "public.catch_up_zoom()", many},
		{"a student is enrolled", `delete from class_students where student_id = md5('u6')::uuid; insert into class_students (class_id, student_id) values (md5('c1')::uuid, md5('u6')::uuid)`, "public.catch_up_zoom()", many},
		{"a class has another teacher", `update classes set teacher_id = md5('t2')::uuid where id = md5('c1')::uuid`, "public.catch_up_zoom()", many},
		{"somebody is registered", `insert into meeting_registrants (meeting_id, user_id, zoom_registrant_id) values (md5('c1')::uuid, md5('u50')::uuid, 'reg-new')`, "public.catch_up_zoom()", many},
		{"somebody opened the page", `insert into zoom.visits (meeting_id, user_id, at, kind) values (md5('c1')::uuid, md5('u8')::uuid, '` + today + `T07:58:00Z', 'opened')`, "public.catch_up_zoom()", many},
		{"a meeting is planned anew", `update zoom_meetings set start_time = start_time + interval '1 day' where id = md5('o1')::uuid`, "public.catch_up_zoom('2026-01-01')", many},
		{"lessons of a meeting are chosen", "", `public.rejudge_zoom('{"meeting":"90000000001","since":"2026-09-01T00:00:00Z"}')`, few},
		{"and judged anew", "", "public.catch_up_zoom()", many},
		{"how many are left is asked", "", "public.rejudge_left()", few},
		{"five hundred come to a lecture in one batch", "", apply(lecture(1, "joined")), many},
		{"and go in one batch", "", apply(lecture(40, "left")), many},
		{"and the lecture ends", "", apply(strings.NewReplacer("90000000001", "90000000099", `"today"`, `"the lecture"`).Replace(lesson(45, "ended", ""))), many},
		{"and what it left is written", "delete from zoom.due; delete from zoom.changes", "public.catch_up_zoom()", many},
		{"somebody asks why a student is marked as they are", "", why("90000000001", "s2@school.test", today), few},
		{"and of whom a guest had the name", "", why("90000000001", "s3@school.test", today), few},
		{"and who was in one of long ago", "", why("90000000002", "s50@school.test", "2026-03-02"), few},
		{"and who was one of five hundred", "", why("90000000099", "s2@school.test", today), many},
		{"somebody looks at a lesson", "", "public.lesson_timeline('90000000001', '" + today + "')", few},
		{"and at one of five hundred", "", "public.lesson_timeline('90000000099', '" + today + "')", 2 * many},
		{"and at the newest", "", "public.recent_lessons()", few},
	}
	play := func(t *testing.T) {
		for _, c := range sentences {
			t.Run(c.sentence, func(t *testing.T) {
				if c.before != "" {
					exec("set auto_explain.log_min_duration = -1; " + c.before)
					exec("set auto_explain.log_min_duration = 0")
				}
				for text, ran := range plansOf(t, conn, &plans, c.call) {
					require.Empty(t, ran.whole, text)
					require.Less(t, ran.rows, c.limit, "rows looked at (%v) by: %s", ran.where, text)
				}
			})
		}
	}
	t.Run("by the plans of the first day", func(t *testing.T) {
		exec("begin")
		play(t)
		exec("rollback")
	})
	t.Run("by the plans for a million facts", func(t *testing.T) {
		exec("analyze")
		play(t)
	})

	// What cannot be matched is looked for in all of the school's meetings and users, but in no more of the facts than the
	// newest runs have.
	t.Run("somebody looks at what cannot be matched", func(t *testing.T) {
		for text, ran := range plansOf(t, conn, &plans, "public.unmatched_zoom()") {
			for _, whole := range ran.whole {
				require.NotRegexp(t, " on (marks|segments|history|lessons|visits|verdicts|attendance_records)", whole, text)
			}
			require.Less(t, ran.rows, 20.0*few, "rows looked at by: %s", text)
		}
	})

	// Each rule was asked.
	exec("select pg_stat_force_next_flush()")
	asked := map[string]bool{}
	rows, err := conn.Query(ctx, `select schemaname || '.' || funcname from pg_stat_user_functions where calls > 0`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	for _, name := range names {
		asked[name] = true
	}
	for _, name := range rules(t) {
		require.True(t, asked[name] || elsewhere[name] != "", "the test does not look at the plans of %s", name)
	}
}

// elsewhere are the functions of supabase/schemas whose plans are not looked at, and
// why.
var elsewhere = map[string]string{
	"zoom.is_zone":             "is asked for lists",
	"zoom.counted_class":       "is one call of zoom.class_at",
	"zoom.refused_key":         "reads nothing",
	"public.refused_zoom_rows": "reads what was refused, and that is little",
}

// rules are the functions of supabase/schemas by which rows come about.
func rules(t *testing.T) (names []string) {
	files, err := filepath.Glob("../../supabase/schemas/[01]*.sql")
	require.NoError(t, err)
	for _, file := range files {
		sql, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range regexp.MustCompile(`(?m)^create function ((?:zoom|public)\.\w+)`).FindAllStringSubmatch(string(sql), -1) {
			names = append(names, match[1])
		}
	}
	require.Greater(t, len(names), 50)
	return names
}
