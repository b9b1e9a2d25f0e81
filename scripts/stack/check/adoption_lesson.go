package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

var (
	//go:embed testdata/old_school_lesson.sql
	oldSchoolLesson string
	//go:embed testdata/old_school_learned.sql
	oldSchoolLearned string
)

// teach holds two lessons in the adopted project, and looks at what became of
// the rows that were there.
func (p *oldProject) teach(ctx context.Context) error {
	if !p.lived {
		return nil
	}
	if _, err := p.owner.PgConn().Exec(ctx, oldSchoolLesson).ReadAll(); err != nil {
		return fmt.Errorf("hold a lesson: %w", err)
	}
	rows, err := p.owner.Query(ctx, oldSchoolLearned)
	if err != nil {
		return fmt.Errorf("look at a lesson: %w", err)
	}
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(wrong) > 0 {
		err = errors.New("after a lesson:\n" + indent(strings.Join(wrong, "\n")))
	}
	return err
}
