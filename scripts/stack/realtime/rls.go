package realtime

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// seeing leaves the subscriptions whose user sees the new row, asking once for
// each user. Each is asked alone, for the policies may fail for some.
func (d *delivery) seeing(ctx context.Context, c *change, t *table, subscriptions []subscription) []subscription {
	sql, key := t.exists(c.fields(c.row))
	answers := map[identity]*bool{}
	for _, s := range subscriptions {
		answers[s.who] = new(bool)
	}
	var group errgroup.Group
	group.SetLimit(checks)
	for who, sees := range answers {
		group.Go(func() error {
			*sees = d.sees(ctx, who, t, sql, key)
			return nil
		})
	}
	_ = group.Wait() // no error comes out of it
	var seeing []subscription
	for _, s := range subscriptions {
		if *answers[s.who] {
			seeing = append(seeing, s)
		}
	}
	return seeing
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

// sees is the answer for one user. No answer is a no.
func (d *delivery) sees(ctx context.Context, who identity, t *table, sql string, key []any) bool {
	sees, err := d.ask(ctx, who, sql, key)
	if err != nil && ctx.Err() == nil {
		d.log.Warn("realtime: not delivered, because row level security gave no answer",
			"table", t.name, "role", who.role, "error", err)
	}
	return sees && err == nil
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
