package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// meetings, classes and runs are the ids of a lot.
func (l lot) meetings() []string {
	return l.each(func(l lesson) string { return l.class.ID })
}

func (l lot) classes() []string {
	return l.each(func(l lesson) string { return l.class.ClassID })
}

func (l lot) runs() []string {
	return l.each(func(l lesson) string { return l.Instance })
}

func (l lot) each(of func(lesson) string) []string {
	all := make([]string, len(l.lessons))
	for i, lesson := range l.lessons {
		all[i] = of(lesson)
	}
	return all
}

// lastCommit is when the last of a lot's rows was committed.
func (p *project) lastCommit(ctx context.Context, l lot) (time.Time, error) {
	var last time.Time
	err := p.db.QueryRow(ctx, `
		select max(pg_xact_commit_timestamp(wrote)) from (
			select xmin from public.zoom_meetings where id = any ($1)
			union all select xmin from public.zoom_participants where meeting_id = any ($1)
			union all select xmin from public.attendance_records where class_id = any ($2)
			union all select mark.xmin from zoom.marks mark join zoom.instances run using (run_id) where run.meeting_id = any ($1)
		) rows (wrote)`, l.meetings(), l.classes()).Scan(&last)
	if err != nil {
		return last, fmt.Errorf("ask when the last row was committed: %w", err)
	}
	return last, nil
}

// checkRows says whether the database has every fact of a lot, and, unless its
// classes have a past, the rows that the independent model demands.
func (p *project) checkRows(ctx context.Context, l lot) error {
	marks, ends := 0, 0
	err := p.db.QueryRow(ctx, `select
			(select count(*) from zoom.marks mark join zoom.instances run using (run_id)
				where run.meeting_id = any ($1) and run.instance = any ($2) and mark.kind in ('joined', 'left')),
			(select count(*) from zoom.instances run where run.meeting_id = any ($1) and run.instance = any ($2) and run.ended_at is not null)`,
		l.meetings(), l.runs()).Scan(&marks, &ends)
	if err != nil {
		return fmt.Errorf("count the facts: %w", err)
	}
	if want := l.marks(); marks != want || ends != len(l.lessons) {
		return fmt.Errorf("the database has %d of %d comings and goings, %d of %d ends", marks, want, ends, len(l.lessons))
	}
	if p.classes > 0 {
		return nil
	}
	rows, err := p.rows(ctx, l)
	if err != nil {
		return err
	}
	return differ(l.model().Lines(), rows.Lines())
}

// marks are how often somebody came or went.
func (l lot) marks() int {
	n := 0
	for _, lesson := range l.lessons {
		for _, fact := range lesson.Facts() {
			if fact.Kind == zoom.Joined || fact.Kind == zoom.Left {
				n++
			}
		}
	}
	return n
}

// model is the rows that a lot must end in.
func (l lot) model() oracle.Rows {
	all := oracle.Rows{Status: map[string]string{}}
	for _, lesson := range l.lessons {
		school := oracle.School{Users: lesson.class.students, Meetings: []oracle.Meeting{lesson.class.Meeting}, Enrolments: lesson.class.enrolments()}
		rows := oracle.ExpectUnchanged(school, lesson.Facts(), policy)
		all.Status[lesson.class.ID] = rows.Status[lesson.class.ID]
		all.Participants = append(all.Participants, rows.Participants...)
		all.Records = append(all.Records, rows.Records...)
	}
	return all
}

// rows reads the public rows of a lot.
func (p *project) rows(ctx context.Context, l lot) (oracle.Rows, error) {
	var status, participants, records []byte
	err := p.db.QueryRow(ctx, `select
		(select coalesce(jsonb_object_agg(id, status), '{}') from public.zoom_meetings where id = any ($1)),
		(select coalesce(jsonb_agg(p), '[]') from public.zoom_participants p where meeting_id = any ($1)),
		(select coalesce(jsonb_agg(a), '[]') from public.attendance_records a where class_id = any ($2))`,
		l.meetings(), l.classes()).Scan(&status, &participants, &records)
	if err != nil {
		return oracle.Rows{}, fmt.Errorf("read the rows: %w", err)
	}
	return oracle.RowsOf(status, participants, records)
}

// differ says in what two lots of sorted lines differ, a few of them.
func differ(want, got []string) error {
	if slices.Equal(want, got) {
		return nil
	}
	var lines []string
	for _, line := range want {
		if _, found := slices.BinarySearch(got, line); !found {
			lines = append(lines, "should be: "+line)
		}
	}
	for _, line := range got {
		if _, found := slices.BinarySearch(want, line); !found {
			lines = append(lines, "is:        "+line)
		}
	}
	return fmt.Errorf("the rows are not right, %d differences\n%s", len(lines), strings.Join(lines[:min(len(lines), 8)], "\n"))
}

// checkCounts says whether all is done that a lot asks for, by whatever rules: each
// who came has left, each meeting has ended, each who is enrolled has a record.
func (p *project) checkCounts(ctx context.Context, l lot) error {
	var people, ends, records int
	err := p.db.QueryRow(ctx, `select
			(select count(*) from public.zoom_participants where meeting_id = any ($1) and status = 'left' and leave_time is not null),
			(select count(*) from public.zoom_meetings where id = any ($1) and status = 'ended'),
			(select count(*) from public.attendance_records where class_id = any ($2))`,
		l.meetings(), l.classes()).Scan(&people, &ends, &records)
	if err != nil {
		return fmt.Errorf("count the rows: %w", err)
	}
	want := l.model()
	if people != len(want.Participants) || ends != len(l.lessons) || records != len(want.Records) {
		return fmt.Errorf("the route wrote %d of %d participants, %d of %d ends, %d of %d records",
			people, len(want.Participants), ends, len(l.lessons), records, len(want.Records))
	}
	return nil
}
