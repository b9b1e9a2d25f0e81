package main

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// mark is a fact as the database has it. committed is zero where PostgreSQL does
// not know it any more.
type mark struct{ at, committed time.Time }

// kept reads which facts the database has, and when the transaction that wrote
// each was committed. A fact that is there with two times has two marks.
func (w *world) kept(ctx context.Context) (map[key][]mark, error) {
	rows, err := w.db.Query(ctx, `
		select run.instance, mark.segment, mark.kind, mark.at, pg_xact_commit_timestamp(mark.xmin)
		from zoom.marks mark join zoom.instances run using (run_id)`)
	if err != nil {
		return nil, fmt.Errorf("read the facts: %w", err)
	}
	all := map[key][]mark{}
	var instance, segment, kind string
	var at time.Time
	var committed *time.Time
	_, err = pgx.ForEachRow(rows, []any{&instance, &segment, &kind, &at, &committed}, func() error {
		k := key{zoom.Kind(kind), instance, segment}
		all[k] = append(all[k], mark{at, orZero(committed)})
		return nil
	})
	return all, err
}

func orZero(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

// rows reads the public rows that facts decide.
func (w *world) rows(ctx context.Context) (oracle.Rows, error) {
	var status, participants, records []byte
	err := w.db.QueryRow(ctx, `select
		(select coalesce(jsonb_object_agg(id, status), '{}') from public.zoom_meetings),
		(select coalesce(jsonb_agg(p), '[]') from public.zoom_participants p),
		(select coalesce(jsonb_agg(a), '[]') from public.attendance_records a)`).Scan(&status, &participants, &records)
	if err != nil {
		return oracle.Rows{}, fmt.Errorf("read the rows: %w", err)
	}
	return oracle.RowsOf(status, participants, records)
}

// difference is what is missing from got, and what is too much, line by line.
func difference(want, got []string) []string {
	balance := map[string]int{}
	for _, line := range want {
		balance[line]++
	}
	for _, line := range got {
		balance[line]--
	}
	var lines []string
	for line, n := range balance {
		switch {
		case n > 0:
			lines = append(lines, "should be: "+line)
		case n < 0:
			lines = append(lines, "is:        "+line)
		}
	}
	return lines
}
