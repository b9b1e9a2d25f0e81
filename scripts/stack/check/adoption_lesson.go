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
	//go:embed testdata/twin_lesson.sql
	twinLesson string
	//go:embed testdata/twin_learned.sql
	twinLearned string
)

// teach holds two lessons in the adopted project, and looks at what became of
// the rows that were there.
func (t *twin) teach(ctx context.Context) error {
	if !t.lived {
		return nil
	}
	if _, err := t.owner.PgConn().Exec(ctx, twinLesson).ReadAll(); err != nil {
		return fmt.Errorf("hold a lesson: %w", err)
	}
	rows, err := t.owner.Query(ctx, twinLearned)
	if err != nil {
		return fmt.Errorf("look at a lesson: %w", err)
	}
	wrong, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err == nil && len(wrong) > 0 {
		err = errors.New("after a lesson:\n" + indent(strings.Join(wrong, "\n")))
	}
	return err
}
