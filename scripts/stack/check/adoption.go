package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/scripts/stack"
)

var (
	//go:embed testdata/old_school.sql
	oldSchool string
	//go:embed testdata/old_school_rows.sql
	oldSchoolRows string
)

// oldProject is a school's project as it was before the sidecar came, and the
// same database while it is taken over and given back.
type oldProject struct {
	name    string // of the database
	what    string
	server  *stack.TestServer
	bySuper string // what only a superuser can do to it
	lived   bool   // has a year of rows, and people who try things

	owner  *pgx.Conn // the role of migrations
	people *pgx.Conn // PostgREST's role, which becomes whoever asks
	fresh  snapshot  // a project that never had other rules than ours
}

// adoption takes over the project of a school that has used the app for a year,
// sees to it that nothing is lost and nobody may do more than they should, and
// gives it back. The same with the oldest server that hosted projects run, and
// with every state that the publication may be in.
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
	projects := []*oldProject{
		{name: "old_school", what: "a year of rows", server: current, lived: true},
		{name: "old_school_15", what: "PostgreSQL 15", server: oldest},
		{name: "old_school_silent", what: "no publication", server: current,
			bySuper: "drop publication supabase_realtime"},
		{name: "old_school_half", what: "a publication that carries one of the tables", server: current,
			bySuper: "alter publication supabase_realtime add table zoom_meetings, announcements"},
		{name: "old_school_loud", what: "a publication for all tables", server: current,
			bySuper: "drop publication supabase_realtime; create publication supabase_realtime for all tables"},
	}
	for _, p := range projects { // one by one: roles belong to the whole server
		if err := p.make(ctx); err != nil {
			return fmt.Errorf("make %s: %w", p.what, err)
		}
	}
	return s.adoptAll(ctx, projects)
}

// adoptAll adopts the projects side by side.
func (s *suite) adoptAll(ctx context.Context, projects []*oldProject) error {
	var running sync.WaitGroup
	errs := make([]error, len(projects))
	for i, project := range projects {
		running.Go(func() {
			if err := s.adopt(ctx, project); err != nil {
				errs[i] = fmt.Errorf("%s:\n%s", project.what, indent(err.Error()))
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// adopt is the life of one project with us. What is wrong at one stage does
// not keep the next from being looked at.
func (s *suite) adopt(ctx context.Context, p *oldProject) error {
	if err := p.open(ctx); err != nil {
		return err
	}
	defer p.close(ctx)
	before, err := p.snapshot(ctx)
	if err != nil {
		return err
	}
	couldThen := errors.Join(p.tryAll(ctx, abuses, true), p.tryAll(ctx, chores, true))
	if err := stack.Migrate(ctx, s.tree, p.url(stack.Owner), false); err != nil {
		return errors.Join(couldThen, err)
	}
	return errors.Join(
		couldThen,
		p.holds(ctx, "after it was taken over", before.takenOver(p.fresh)),
		p.strangersWrite(ctx),
		p.tryAll(ctx, abuses, false),
		p.tryAll(ctx, chores, true),
		p.visitorsSeeNothing(ctx),
		p.tellsWhatToLookAt(ctx),
		s.takeOverAgain(ctx, p),
		p.teach(ctx),
		p.giveBack(ctx, before),
	)
}

// takeOverAgain applies everything once more, which must change nothing.
func (s *suite) takeOverAgain(ctx context.Context, p *oldProject) error {
	once, err := p.snapshot(ctx)
	if err != nil {
		return err
	}
	noted, err := p.noted(ctx)
	if err != nil {
		return err
	}
	if p.lived { // one push that finds nothing to do says it for all
		if err := stack.Migrate(ctx, s.tree, p.url(stack.Owner), false); err != nil {
			return fmt.Errorf("again: %w", err)
		}
	}
	if err := s.applyPolicies(ctx, p.url(stack.Owner), ""); err != nil {
		return fmt.Errorf("again: %w", err)
	}
	notedAgain, err := p.noted(ctx)
	if err == nil && noted != notedAgain {
		err = fmt.Errorf("policies/ applied again changed zoom.undo from\n%s\nto\n%s", noted, notedAgain)
	}
	return errors.Join(err, p.holds(ctx, "after policies/ were applied again", once))
}

// noted is what zoom.undo remembers.
func (p *oldProject) noted(ctx context.Context) (string, error) {
	var noted string
	err := p.owner.QueryRow(ctx, "select coalesce(string_agg(undo::text, e'\\n' order by step), '') from zoom.undo undo").Scan(&noted)
	return noted, err
}

// tellsWhatToLookAt makes sure that a school is told what of its app may break.
func (p *oldProject) tellsWhatToLookAt(ctx context.Context) error {
	var told []string
	rows, err := p.owner.Query(ctx, "select format('%s %s', relation, what) from zoom.undo where what like 'look: %' order by 1")
	if err == nil {
		told, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	for _, want := range []string{
		`public.parent_children look: row level security was off, so pages that write here need a policy now`,
		`public.class_students look: policy "System can enrol" lets users write what they like here, and this table decides who sees what`,
		`public.users look: policy "Everyone reads what is for everyone" on public.announcements asks this table, and for visitors that fails now (42501)`,
	} {
		if err == nil && !slices.Contains(told, want) {
			err = fmt.Errorf("zoom.undo does not say %q, but\n%s", want, strings.Join(told, "\n"))
		}
	}
	return err
}

// giveBack brings the old access back, then removes all that is ours.
func (p *oldProject) giveBack(ctx context.Context, before snapshot) error {
	lived, err := p.snapshot(ctx)
	if err != nil {
		return err
	}
	want := before.with(lived, "rows", "index", "function")
	for function, roles := range ourFunctions {
		for _, role := range append([]string{"postgres"}, roles...) {
			want[thing{"grant", function + " to " + role}] = "EXECUTE"
		}
	}
	if _, err := p.owner.Exec(ctx, "call zoom.give_back()"); err != nil {
		return fmt.Errorf("give it back: %w", err)
	}
	wrong := p.holds(ctx, "after it was given back", want)
	if err := stack.Exec(ctx, p.url(stack.Owner), "drop schema zoom cascade; drop function public.apply_zoom_events, public.enter_zoom_meeting, public.explain_attendance, "+
		"public.lesson_timeline, public.recent_lessons, public.zoom_meeting_admission, public.zoom_meeting_people"); err != nil {
		return errors.Join(wrong, fmt.Errorf("remove ours: %w", err))
	}
	return errors.Join(wrong, p.holds(ctx, "after ours was removed", before.with(lived, "rows", "index")))
}

// make makes the database, and beside it the one of a fresh project.
func (p *oldProject) make(ctx context.Context) error {
	admin := p.server.URL(stack.Superuser, "postgres")
	if err := stack.Exec(ctx, admin, fmt.Sprintf("create database %s owner %s", p.name, stack.Owner)); err != nil {
		return err
	}
	if err := p.server.Bootstrap(ctx, p.name); err != nil {
		return err
	}
	if err := stack.Exec(ctx, p.url(stack.Owner), oldSchool); err != nil {
		return err
	}
	if err := stack.Exec(ctx, p.url(stack.Superuser), p.bySuper); err != nil {
		return err
	}
	return p.makeFresh(ctx)
}

// open connects to the database, and fills it.
func (p *oldProject) open(ctx context.Context) (err error) {
	if p.owner, err = pgx.Connect(ctx, p.url(stack.Owner)); err != nil {
		return err
	}
	if p.people, err = pgx.Connect(ctx, p.url(stack.Authenticator)); err != nil {
		return err
	}
	if p.lived {
		_, err = p.owner.PgConn().Exec(ctx, oldSchoolRows).ReadAll()
	}
	return err
}

func (p *oldProject) makeFresh(ctx context.Context) error {
	name := p.name + "_fresh"
	if err := stack.Clone(ctx, p.server.URL(stack.Superuser, "postgres"), name); err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, p.server.URL(stack.Owner, name))
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	p.fresh, err = takeSnapshot(ctx, conn)
	return err
}

func (p *oldProject) close(ctx context.Context) {
	_ = p.owner.Close(context.WithoutCancel(ctx))
	_ = p.people.Close(context.WithoutCancel(ctx))
}

func (p *oldProject) url(role string) string { return p.server.URL(role, p.name) }

func (p *oldProject) snapshot(ctx context.Context) (snapshot, error) {
	return takeSnapshot(ctx, p.owner)
}

// holds says in what the project is not as it should be.
func (p *oldProject) holds(ctx context.Context, when string, want snapshot) error {
	have, err := p.snapshot(ctx)
	if err != nil {
		return err
	}
	if wrong := want.differences(have); wrong != "" {
		return fmt.Errorf("%s:\n%s", when, indent(wrong))
	}
	return nil
}
