package supabase

import (
	"context"
	"encoding/json"
)

// Explain asks the project why a student's attendance is what it is, by Zoom's
// number of the meeting, an e-mail or user id, and a date (YYYY-MM-DD; empty for
// that of the latest lesson). It returns the function's object as it is.
func (c *Client) Explain(ctx context.Context, meeting, student, date string, p Policy) (json.RawMessage, error) {
	return c.Ask(ctx, "explain_attendance", struct {
		Meeting string `json:"meeting"`
		Student string `json:"student"`
		Date    string `json:"date,omitempty"`
		Policy  Policy `json:"policy"`
	}{meeting, student, date, p})
}
