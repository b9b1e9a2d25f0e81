package supabase

import (
	"context"
	"encoding/json"

	"github.com/supabase-community/postgrest-go"
	supabasego "github.com/supabase-community/supabase-go"
)

// Select reads rows of a public table into a pointer to a slice. The columns
// are PostgREST's ("id,name", "*" or "" for all). The function where, if not
// nil, narrows and orders them:
//
//	err := c.Select(ctx, "zoom_participants", "name,status", &rows, func(q *postgrest.FilterBuilder) {
//		q.Eq("meeting_id", id).Order("name", &postgrest.OrderOpts{Ascending: true})
//	})
//
// postgrest-go keeps one filter per column; the last one wins. A project
// answers at most as many rows as its settings allow (1,000 by default).
func (c *Client) Select(ctx context.Context, table, columns string, into any, where func(*postgrest.FilterBuilder)) error {
	return c.call(ctx, "select "+table, func(p *supabasego.Client) ([]byte, int64, error) {
		q := p.From(table).Select(columns, "", false)
		if where != nil {
			where(q)
		}
		return q.Execute()
	}, func(body []byte) error {
		if err := json.Unmarshal(body, into); err != nil {
			return &Error{Code: CodeUnexpected, Message: "rows of another shape", Err: err}
		}
		return nil
	})
}
