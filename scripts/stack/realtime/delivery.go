package realtime

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"
)

// delivery tells each change to the channels that may know of it: those whose
// binding is about it, whose filter matches, and whose user sees the row.
type delivery struct {
	pool    *pgxpool.Pool
	catalog *catalog
	hub     *hub
	log     *slog.Logger
}

// The errors that subscribers are told instead of a row.
const (
	errorNoKey        = "Error 400: Bad Request, no primary key"
	errorUnauthorized = "Error 401: Unauthorized"
)

func (d *delivery) described(oid uint32) { d.catalog.forget(oid) }

func (d *delivery) changed(ctx context.Context, c *change) {
	subscriptions := d.hub.concerned(c)
	if len(subscriptions) == 0 {
		return
	}
	if err := d.deliver(ctx, c, subscriptions); err != nil && ctx.Err() == nil {
		d.log.Error("realtime: a change was not delivered", "table", c.relation.name, "error", err)
	}
}

func (d *delivery) deliver(ctx context.Context, c *change, subscriptions []subscription) error {
	t, err := d.catalog.table(ctx, c.relation.oid)
	if err != nil {
		return err
	}
	byRole := map[string][]subscription{}
	for _, s := range subscriptions {
		byRole[s.who.role] = append(byRole[s.who.role], s)
	}
	var errs []error
	for role, those := range byRole {
		errs = append(errs, d.toRole(ctx, c, t, role, those))
	}
	return errors.Join(errs...)
}

// toRole delivers to subscribers of one role: they read the same columns.
func (d *delivery) toRole(ctx context.Context, c *change, t *table, role string, subscriptions []subscription) error {
	if fault := t.fault(c.kind, role); fault != "" {
		return send(subscriptions, data{
			Schema: t.schema, Table: t.name, Type: c.kind, Errors: []string{fault},
			Columns: []columnData{}, Record: map[string]json.RawMessage{},
		})
	}
	subscriptions, err := d.matching(ctx, c, t, subscriptions)
	if err != nil {
		return err
	}
	if t.rls && c.kind != kindDelete {
		subscriptions = d.seeing(ctx, c, t, subscriptions)
	}
	if len(subscriptions) == 0 {
		return nil
	}
	told, err := d.describe(ctx, c, t, role)
	if err != nil {
		return err
	}
	return send(subscriptions, told)
}

// fault is why nobody with this role can be told the rows of a table.
func (t *table) fault(kind, role string) string {
	key := t.key()
	if kind == kindDelete {
		return ""
	}
	if len(key) == 0 {
		return errorNoKey
	}
	for _, column := range key {
		if !column.readable(role) {
			return errorUnauthorized
		}
	}
	return ""
}

// send tells the channels, each with the ids of its own bindings.
func send(subscriptions []subscription, told data) error {
	encoded, err := json.Marshal(told)
	if err != nil {
		return err
	}
	for _, s := range subscriptions {
		s.channel.push("postgres_changes", map[string]any{"ids": ids(s.bindings), "data": json.RawMessage(encoded)})
	}
	return nil
}

func ids(bindings []binding) []int {
	ids := make([]int, len(bindings))
	for i, b := range bindings {
		ids[i] = b.id
	}
	return ids
}
