package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/scripts/stack"
)

// hole is a way to break the access rules of a table that the tests must notice.
type hole struct{ Of, What, SQL string }

// holes tests the tests: each policy is dropped, then opened to everybody, each
// guard is dropped, and each policy that an app has on the tables of people is
// added, one at a time; the tests of the policies must fail every time.
func (s *suite) holes(ctx context.Context) error {
	server, err := s.database(ctx)
	if err != nil {
		return err
	}
	sound, err := s.withPgtap(ctx, server, "17")
	if err != nil {
		return err
	}
	all, err := findHoles(ctx, server.URL(stack.Owner, sound))
	if err != nil {
		return err
	}
	theirs, err := s.appPolicies(ctx, server)
	if err != nil {
		return err
	}
	all = append(all, theirs...)
	var unnoticed []string
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for i, h := range all {
		group.Go(func() error {
			noticed, err := s.notices(ctx, server, sound, fmt.Sprintf("hole_%d", i), h)
			if err == nil && !noticed {
				mu.Lock()
				defer mu.Unlock()
				unnoticed = append(unnoticed, h.What)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if len(unnoticed) > 0 {
		return fmt.Errorf("no test notices:\n%s", strings.Join(unnoticed, "\n"))
	}
	fmt.Printf("    each of %d holes is noticed\n", len(all))
	return nil
}

// notices says whether a test of the policies fails on a database with a hole.
func (s *suite) notices(ctx context.Context, server *stack.TestServer, sound, name string, h hole) (bool, error) {
	admin := server.URL(stack.Superuser, "postgres")
	if err := stack.CloneOf(ctx, admin, sound, name); err != nil {
		return false, err
	}
	if err := stack.Exec(ctx, server.URL(stack.Owner, name), h.SQL); err != nil {
		return false, fmt.Errorf("%s: %w", h.What, err)
	}
	tests, err := s.sqlTests(filepath.Join("supabase", "tests", "policies"))
	if err != nil {
		return false, err
	}
	// What people can do has to tell; that the doctor counts the policies does not.
	tests = slices.DeleteFunc(tests, func(test string) bool { return filepath.Base(test) == "doctor.test.sql" })
	// Its own tests first, which mostly notice.
	slices.SortStableFunc(tests, func(a, b string) int {
		return cmp.Compare(strings.Index(b, h.Of), strings.Index(a, h.Of))
	})
	noticed := false
	for i := 0; i < len(tests) && !noticed; i++ {
		out, failed := s.prove(ctx, server, name, tests[i])
		if failed != nil && !strings.Contains(out, "Result: FAIL") {
			return false, failed
		}
		noticed = failed != nil
	}
	return noticed, stack.Drop(ctx, admin, name)
}

// findHoles lists what there is to break.
func findHoles(ctx context.Context, url string) ([]hole, error) {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `
		with policy as (
			select tablename as of, format('%I on %I', policyname, tablename) as named, cmd, qual is not null as reads, with_check is not null as writes
			from pg_policies where schemaname = 'public'
		)
		select of, named || ' is dropped' as what, 'drop policy ' || named as sql from policy
		union all
		select of, named || ' lets everybody reach every row', format('alter policy %s using (true)', named) from policy where reads
		union all
		select of, named || ' lets everybody write any row', format('alter policy %s with check (true)', named) from policy where writes
		union all
		select tgrelid::regclass::text, format('%I on %s is dropped', tgname, tgrelid::regclass), format('drop trigger %I on %s', tgname, tgrelid::regclass)
		from pg_trigger where not tgisinternal
		order by what`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByName[hole])
	if err == nil && len(all) == 0 {
		err = errors.New("there are no policies to break")
	}
	return all, err
}

// appPolicies are the ways in which the app of testdata/twin.sql lets people read
// and write who is who: each of its policies on those tables, with the grant that
// it needs. Beside ours each lets somebody do more.
func (s *suite) appPolicies(ctx context.Context, server *stack.TestServer) ([]hole, error) {
	app := &twin{name: "hole_app", server: server}
	if err := app.make(ctx); err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, app.url(stack.Owner))
	if err != nil {
		return nil, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	rows, err := conn.Query(ctx, `
		select tablename as of, format('%I on %I is added', policyname, tablename) as what,
			format('grant %1$s on %2$I to authenticated; create policy %3$I on %2$I for %4$s to %5$s', case cmd when 'ALL' then 'insert, update, delete' else cmd end,
				tablename, policyname, cmd, array_to_string(roles, ', '))
			|| coalesce(' using (' || qual || ')', '') || coalesce(' with check (' || with_check || ')', '') as sql
		from pg_policies where schemaname = 'public' and tablename = any ($1)
			-- It asks parent_children, as the parent, and so shows what ours shows there.
			and policyname <> 'Parents see where their children are'
		order by what`, openTables)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByName[hole])
}
