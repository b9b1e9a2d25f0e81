package realtime

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// delivery tells each change to the channels that may know of it: those whose
// binding is about it, whose filter matches, and whose user sees the row. What
// is told of a batch waits until all of it is known.
type delivery struct {
	pool    *pgxpool.Pool
	catalog *catalog
	hub     *hub
	ready   []outgoing
}

// outgoing is what a channel is told of a change.
type outgoing struct {
	channel *channel
	payload any
}

// The errors that subscribers are told instead of a row, or with what is left of
// it.
const (
	errorNoKey        = "Error 400: Bad Request, no primary key"
	errorUnauthorized = "Error 401: Unauthorized"
	errorTooLarge     = "Error 413: Payload Too Large"
)

func (d *delivery) described(oid uint32) { d.catalog.forget(oid) }

func (d *delivery) changed(ctx context.Context, c *change) error {
	subscriptions := d.hub.concerned(c)
	if len(subscriptions) == 0 {
		return nil
	}
	t, err := d.catalog.table(ctx, c.relation.oid)
	if err != nil {
		return err
	}
	byRole := map[string][]subscription{}
	for _, s := range subscriptions {
		byRole[s.who.role] = append(byRole[s.who.role], s)
	}
	for role, those := range byRole {
		if err := d.toRole(ctx, c, t, role, those); err != nil {
			return fmt.Errorf("tell a change of %s: %w", t.name, err)
		}
	}
	return nil
}

func (d *delivery) tell() {
	for _, m := range d.ready {
		m.channel.push("postgres_changes", m.payload)
	}
	d.ready = nil
}

func (d *delivery) forget() { d.ready = nil }

// toRole delivers to subscribers of one role: they read the same columns.
func (d *delivery) toRole(ctx context.Context, c *change, t *table, role string, subscriptions []subscription) error {
	if fault := t.fault(c.kind, role); fault != "" {
		return d.send(subscriptions, c.refused(t, fault))
	}
	subscriptions, err := d.matching(ctx, c, t, subscriptions)
	if err != nil {
		return err
	}
	if t.rls && c.kind != kindDelete {
		if subscriptions, err = d.seeing(ctx, c, t, subscriptions); err != nil {
			return err
		}
	}
	if len(subscriptions) == 0 {
		return nil
	}
	told, err := d.describe(ctx, c, t, role)
	if err != nil {
		return err
	}
	return d.send(subscriptions, told)
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

// send has the channels told, each with the ids of its own bindings.
func (d *delivery) send(subscriptions []subscription, told data) error {
	encoded, err := json.Marshal(told)
	if err != nil {
		return err
	}
	for _, s := range subscriptions {
		payload := map[string]any{"ids": ids(s.bindings), "data": json.RawMessage(encoded)}
		d.ready = append(d.ready, outgoing{s.channel, payload})
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
