package realtime

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// seeing leaves the subscriptions whose user sees the new row, asking once for
// each user. If one of the questions fails, all have.
func (d *delivery) seeing(ctx context.Context, c *change, t *table, subscriptions []subscription) ([]subscription, error) {
	sql, key := t.exists(c.fields(c.row))
	answers := map[identity]*bool{}
	for _, s := range subscriptions {
		answers[s.who] = new(bool)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(checks)
	for who, sees := range answers {
		group.Go(func() (err error) {
			*sees, err = d.ask(ctx, who, sql, key)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("ask row level security: %w", err)
	}
	return slices.DeleteFunc(subscriptions, func(s subscription) bool { return !*answers[s.who] }), nil
}

// exists asks for the row with the primary key that these values have.
func (t *table) exists(values fields) (sql string, key []any) {
	var tests []string
	for i, column := range t.key() {
		name := pgx.Identifier{column.name}.Sanitize()
		tests = append(tests, fmt.Sprintf("%s = $%d::text::%s", name, i+1, column.typ))
		key = append(key, values[column.name])
	}
	return fmt.Sprintf("select exists(select from %s where %s)", t.sql(), strings.Join(tests, " and ")), key
}

// ask asks as somebody else. The two statements are one transaction, with which
// the role and the claims end.
func (d *delivery) ask(ctx context.Context, who identity, sql string, args []any) (answer bool, err error) {
	batch := new(pgx.Batch)
	batch.Queue("select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)", who.role, who.claims)
	batch.Queue(sql, args...).QueryRow(func(row pgx.Row) error { return row.Scan(&answer) })
	err = d.pool.SendBatch(ctx, batch).Close()
	return answer, err
}
