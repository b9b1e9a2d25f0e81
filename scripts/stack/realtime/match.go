package realtime

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// matching leaves the bindings whose filters match.
func (d *delivery) matching(ctx context.Context, c *change, t *table, subscriptions []subscription) ([]subscription, error) {
	met, err := d.conditions(ctx, c, t, subscriptions)
	if err != nil {
		return nil, fmt.Errorf("compare with the filters: %w", err)
	}
	var matching []subscription
	for _, s := range subscriptions {
		var bindings []binding
		for _, b := range s.bindings {
			if b.matches(met) {
				bindings = append(bindings, b)
			}
		}
		if s.bindings = bindings; len(bindings) > 0 {
			matching = append(matching, s)
		}
	}
	return matching, nil
}

func (l listening) matches(met map[condition]bool) bool {
	for _, c := range l.conditions {
		if !met[c] {
			return false
		}
	}
	return true
}

// conditions says which of the filters' conditions a change meets. Postgres
// compares, for it knows the types; each condition is asked once.
func (d *delivery) conditions(ctx context.Context, c *change, t *table, subscriptions []subscription) (map[condition]bool, error) {
	batch := new(pgx.Batch)
	met := map[condition]bool{}
	compared := c.compared()
	for condition := range distinct(subscriptions) {
		column, text := t.column(condition.column), compared[condition.column]
		if column == nil || text == nil {
			continue // a value that is null or unknown meets none
		}
		batch.Queue(condition.sql(column.typ), *text, condition.value).QueryRow(func(row pgx.Row) error {
			var meets bool
			err := row.Scan(&meets)
			met[condition] = meets
			return err
		})
	}
	if batch.Len() == 0 {
		return met, nil
	}
	return met, d.pool.SendBatch(ctx, batch).Close()
}

func distinct(subscriptions []subscription) map[condition]struct{} {
	conditions := map[condition]struct{}{}
	for _, s := range subscriptions {
		for _, b := range s.bindings {
			for _, c := range b.conditions {
				conditions[c] = struct{}{}
			}
		}
	}
	return conditions
}
