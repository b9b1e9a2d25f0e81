package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/operator/doctor"
)

var (
	//go:embed testdata/twin.sql
	twinSQL string
	//go:embed testdata/twin_rows.sql
	twinRows string
	//go:embed testdata/twin_older.sql
	twinOlder string
	//go:embed testdata/twin_grown.sql
	twinGrown string
	//go:embed testdata/twin_circles.sql
	twinCircles string
	//go:embed testdata/twin_pairs.sql
	twinPairs string
)

// twin is an invented school's project as it was before the sidecar came, and
// the same database while it is taken over and given back.
type twin struct {
	name     string // of the database
	what     string
	server   *stack.TestServer
	changes  string // SQL that makes it another school than that of testdata/twin.sql
	bySuper  string // what only a superuser can do to it
	lived    bool   // has a year of rows, and people who ask for everything
	partials string // SQL that writes partial attendance while we are there, which an older check refuses
	attempts []attempt
	looks    []string // lines that zoom.risks must have
	circular []string // tables that policies of the app come back to

	tree   *stack.Tree
	owner  *pgx.Conn // the role of migrations
	people *pgx.Conn // PostgREST's role, which becomes whoever asks
	api    *stack.PostgREST
	said   *stack.Said
	fresh  snapshot // a project that never had other rules than ours
}

// twins are the projects that are adopted: one that has lived for a year, on
// the newest and the oldest PostgreSQL that hosted projects run, and schools
// that went other ways, with every state that the publication may be in.
func twins(current, oldest *stack.TestServer) []*twin {
	return []*twin{
		{name: "twin", what: "a year of rows", server: current, lived: true, looks: twinLooks},
		{name: "twin_15", what: "a year of rows, PostgreSQL 15", server: oldest, lived: true, looks: twinLooks},
		{name: "twin_older", what: "no partial attendance, and no publication", server: current, changes: twinOlder,
			bySuper: "drop publication supabase_realtime", attempts: olderAttempts, partials: `insert into attendance_records
			(student_id, class_id, date, status) select student_id, class_id, '2026-08-24', 'partial' from class_students`},
		{name: "twin_grown", what: "roles and rules of its own, and a publication that carries one of the tables", server: current,
			changes: twinGrown, bySuper: "alter publication supabase_realtime add table zoom_meetings, announcements",
			attempts: grownAttempts, looks: grownLooks},
		{name: "twin_circles", what: "policies that ask their own table, and a publication for all tables", server: current,
			changes: twinCircles, bySuper: "drop publication supabase_realtime; create publication supabase_realtime for all tables",
			attempts: circleAttempts, circular: closedTables},
		{name: "twin_pairs", what: "policies that ask each other", server: current, changes: twinCircles + twinPairs,
			attempts: circleAttempts, circular: closedTables},
	}
}

// adoption takes over the projects of schools that have used the app for a year,
// by the commands of the page that says how; sees to it that nothing is lost, that
// everybody may do what they could but for what is closed with a reason; and gives
// them back.
func (s *suite) adoption(ctx context.Context) (err error) {
	current, err := s.database(ctx)
	if err != nil {
		return err
	}
	oldest, err := stack.StartTestServer(ctx, s.tree, "15")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, oldest.Close()) }()
	table, err := readTable(twinTableText)
	if err != nil {
		return fmt.Errorf("testdata/twin_table.txt: %w", err)
	}
	projects := twins(current, oldest)
	for _, t := range projects { // one by one: roles belong to the whole server
		t.tree = s.tree
		if err := errors.Join(t.make(ctx), t.makeFresh(ctx)); err != nil {
			return fmt.Errorf("make %s: %w", t.what, err)
		}
	}
	pages, err := s.readPages()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pages.close()) }()
	if s.measures {
		return s.answers(ctx, pages, projects[0])
	}
	return errors.Join(pages.fromTheAppsFolder(ctx, projects[0]), pages.refuses(ctx, current), s.adoptAll(ctx, projects, pages, table))
}

// adoptAll adopts the projects side by side.
func (s *suite) adoptAll(ctx context.Context, projects []*twin, pages *adoptionPages, table *actionTable) error {
	var running sync.WaitGroup
	errs := make([]error, len(projects))
	for i, project := range projects {
		running.Go(func() {
			if err := s.adopt(ctx, project, pages, table); err != nil {
				errs[i] = fmt.Errorf("%s:\n%s", project.what, indent(err.Error()))
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// adopt is the life of one project with us. What is wrong at one stage does
// not keep the next from being looked at.
func (s *suite) adopt(ctx context.Context, t *twin, pages *adoptionPages, table *actionTable) error {
	if err := t.open(ctx); err != nil {
		return err
	}
	defer t.close(ctx)
	before, err := t.snapshot(ctx)
	if err != nil {
		return err
	}
	history, err := t.history(ctx)
	if err != nil {
		return err
	}
	couldThen := t.tryAll(ctx)
	did, err := t.outcomes(ctx, table)
	if err != nil {
		return err
	}
	if err := pages.adopt(ctx, t); err != nil {
		return errors.Join(couldThen, err)
	}
	wrong := errors.Join(couldThen, t.holds(ctx, "after it was taken over", before.takenOver(t.fresh, t.circular)), t.strangersWrite(ctx), t.tryAll(ctx))
	do, err := t.outcomes(ctx, table)
	if err != nil {
		return errors.Join(wrong, err)
	}
	return errors.Join(
		wrong,
		s.compare(t, table, did, do),
		t.tellsWhatToLookAt(ctx, pages),
		t.isWell(ctx),
		s.takeOverAgain(ctx, t, pages),
		t.teach(ctx),
		s.giveBack(ctx, t, pages, before, history),
	)
}

// compare holds what everybody did and does against the table. What it finds
// is also written to a file, from which the table may be taken.
func (s *suite) compare(t *twin, table *actionTable, did, do [][]string) error {
	if !t.lived {
		return nil
	}
	err := table.differs(did, do)
	if err == nil {
		return nil
	}
	file := filepath.Join(s.tree.Local, t.name+"_table.txt")
	return errors.Join(fmt.Errorf("what people could do, and can (see %s):\n%w", file, err), table.write(file, did, do))
}

// isWell has the doctor look at the project. What is the app's own may be worth a
// look, and is no failure.
func (t *twin) isWell(ctx context.Context) error {
	var stands, rehearsed json.RawMessage
	if err := t.owner.QueryRow(ctx, "select public.inspect_zoom_project(), public.rehearse_zoom_lesson()").Scan(&stands, &rehearsed); err != nil {
		return err
	}
	findings, err := doctor.Judge(stands)
	for _, found := range findings {
		if found.State != doctor.OK && found.State != doctor.Look {
			err = errors.Join(err, fmt.Errorf("sidecar doctor: %s %s: %+v", found.Check, found.State, found.Faults))
		}
	}
	if !strings.Contains(string(rehearsed), `"attendance": "present"`) {
		err = errors.Join(err, fmt.Errorf("sidecar doctor: a lesson of nobody: %s", rehearsed))
	}
	if strings.Contains(string(rehearsed), `"says"`) {
		err = errors.Join(err, fmt.Errorf("sidecar doctor: people who cannot write their own rows: %s", rehearsed))
	}
	return err
}

// takeOverAgain applies everything once more, which must change nothing.
func (s *suite) takeOverAgain(ctx context.Context, t *twin, pages *adoptionPages) error {
	once, err := t.snapshot(ctx)
	if err != nil {
		return err
	}
	noted, err := t.noted(ctx)
	if err != nil {
		return err
	}
	if t.lived { // one push that finds nothing to do says it for all
		if err := pages.again(ctx, t); err != nil {
			return fmt.Errorf("again: %w", err)
		}
	}
	if err := s.applyPolicies(ctx, t.url(stack.Owner), ""); err != nil {
		return fmt.Errorf("again: %w", err)
	}
	notedAgain, err := t.noted(ctx)
	if err == nil && noted != notedAgain {
		err = fmt.Errorf("policies/ applied again changed zoom.undo from\n%s\nto\n%s", noted, notedAgain)
	}
	return errors.Join(err, t.holds(ctx, "after policies/ were applied again", once))
}

// noted is what zoom.undo remembers.
func (t *twin) noted(ctx context.Context) (string, error) {
	var noted string
	err := t.owner.QueryRow(ctx, "select coalesce(string_agg(undo::text, e'\\n' order by step), '') from zoom.undo undo").Scan(&noted)
	return noted, err
}

// tellsWhatToLookAt makes sure that a school is told what of its app stays
// risky or may break, and nothing else; and that the page says what to do then.
func (t *twin) tellsWhatToLookAt(ctx context.Context, pages *adoptionPages) error {
	rows, err := t.owner.Query(ctx, `select format('%s %s', relation, what) from zoom.undo where what like 'look: %' order by step`)
	if err != nil {
		return err
	}
	told, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	slices.Sort(told)
	if want := slices.Sorted(slices.Values(t.looks)); t.looks != nil && !slices.Equal(told, want) {
		err = fmt.Errorf("what to look at is\n%s\nand should be\n%s", strings.Join(told, "\n"), strings.Join(want, "\n"))
	}
	for _, line := range told {
		if !slices.ContainsFunc(pages.looks, func(known *regexp.Regexp) bool { return known.MatchString(line) }) {
			err = errors.Join(err, fmt.Errorf("%s does not say what to do when it says: %s", adoptingPage, line))
		}
	}
	return err
}

// giveBack brings the old access back, then removes all that is ours.
func (s *suite) giveBack(ctx context.Context, t *twin, pages *adoptionPages, before snapshot, history string) error {
	lived, err := t.snapshot(ctx)
	if err != nil {
		return err
	}
	want := before.with(lived, "rows", "index", "function")
	for is, says := range t.fresh { // our functions stay until they are removed
		if function, _, _ := strings.Cut(is.name, " to "); is.kind == "grant" && t.fresh.hasFunction(function) {
			want[is] = says
		}
	}
	if _, err := t.owner.Exec(ctx, "select zoom.hide_start_urls()"); err != nil { // they come back, too
		return fmt.Errorf("hide the start addresses: %w", err)
	}
	if t.partials != "" {
		if _, err := t.owner.Exec(ctx, t.partials); err != nil {
			return fmt.Errorf("write partial attendance: %w", err)
		}
		before[statusCheck] += " NOT VALID" // the rows stay, and the check is what it was for new ones
		want[statusCheck] = before[statusCheck]
		if lived, err = t.snapshot(ctx); err != nil {
			return err
		}
		want = want.with(lived, "rows")
	}
	if _, err := t.owner.Exec(ctx, "call zoom.give_back()"); err != nil {
		return fmt.Errorf("give it back: %w", err)
	}
	wrong := t.holds(ctx, "after it was given back", want)
	if err := pages.leave(ctx, t); err != nil {
		return errors.Join(wrong, fmt.Errorf("remove ours, as %s says: %w", leavingPage, err))
	}
	now, err := t.history(ctx)
	if err == nil && now != history {
		err = fmt.Errorf("the history of migrations was\n%s\nand is\n%s", history, now)
	}
	return errors.Join(wrong, err, t.holds(ctx, "after ours was removed", before.with(lived, "rows")), t.tryAll(ctx))
}

// make makes the database, without rows.
func (t *twin) make(ctx context.Context) error {
	admin := t.server.URL(stack.Superuser, "postgres")
	if err := stack.Exec(ctx, admin, fmt.Sprintf("create database %s owner %s", t.name, stack.Owner)); err != nil {
		return err
	}
	if err := t.server.Bootstrap(ctx, t.name); err != nil {
		return err
	}
	if err := stack.Exec(ctx, t.url(stack.Owner), twinSQL); err != nil {
		return err
	}
	if err := stack.Exec(ctx, t.url(stack.Owner), t.changes); err != nil {
		return err
	}
	return stack.Exec(ctx, t.url(stack.Superuser), t.bySuper)
}

// open connects to the database, and fills it.
func (t *twin) open(ctx context.Context) (err error) {
	if t.owner, err = pgx.Connect(ctx, t.url(stack.Owner)); err != nil {
		return err
	}
	if t.people, err = pgx.Connect(ctx, t.url(stack.Authenticator)); err != nil {
		return err
	}
	if t.lived {
		err = t.fill(ctx)
	}
	return err
}

// fill gives the school its year.
func (t *twin) fill(ctx context.Context) error {
	rows := strings.ReplaceAll(twinRows, "current_date", "date '"+today.Format(time.DateOnly)+"'")
	return stack.Exec(ctx, t.url(stack.Owner), rows)
}

// makeFresh makes a project beside it that has our migrations and nothing else.
func (t *twin) makeFresh(ctx context.Context) error {
	name := t.name + "_fresh"
	if err := stack.Clone(ctx, t.server.URL(stack.Superuser, "postgres"), name); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, t.server.URL(stack.Owner, name))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	t.fresh, err = takeSnapshot(ctx, conn)
	return err
}

func (t *twin) close(ctx context.Context) {
	_ = t.owner.Close(context.WithoutCancel(ctx))
	_ = t.people.Close(context.WithoutCancel(ctx))
}

func (t *twin) url(role string) string { return t.server.URL(role, t.name) }

func (t *twin) snapshot(ctx context.Context) (snapshot, error) {
	return takeSnapshot(ctx, t.owner)
}

// history is what the Supabase CLI knows to have been applied.
func (t *twin) history(ctx context.Context) (string, error) {
	var history string
	err := t.owner.QueryRow(ctx, "select string_agg(applied::text, e'\\n' order by version) from supabase_migrations.schema_migrations applied").Scan(&history)
	return history, err
}

// holds says in what the project is not as it should be.
func (t *twin) holds(ctx context.Context, when string, want snapshot) error {
	have, err := t.snapshot(ctx)
	if err != nil {
		return err
	}
	if wrong := want.differences(have); wrong != "" {
		return fmt.Errorf("%s:\n%s", when, indent(wrong))
	}
	return nil
}
