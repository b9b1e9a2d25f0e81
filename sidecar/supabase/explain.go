package supabase

import (
	"bytes"
	"context"
	"encoding/json"

	supabasego "github.com/supabase-community/supabase-go"
)

const explainFunction = "explain_attendance"

// Explain asks the project why a student's attendance is what it is, by Zoom's
// number of the meeting, an e-mail or user id, and a date (YYYY-MM-DD; empty for
// that of the latest lesson). It returns the function's object as it is.
func (c *Client) Explain(ctx context.Context, meeting, student, date string, p Policy) (json.RawMessage, error) {
	arguments, err := json.Marshal(struct {
		Meeting string `json:"meeting"`
		Student string `json:"student"`
		Date    string `json:"date,omitempty"`
		Policy  Policy `json:"policy"`
	}{meeting, student, date, p})
	if err != nil {
		return nil, &Error{Operation: explainFunction, Code: CodeUnencodable, Err: err}
	}
	var answer json.RawMessage
	err = c.call(ctx, explainFunction, func(p *supabasego.Client) ([]byte, int64, error) {
		return p.From("rpc/"+explainFunction).Insert(json.RawMessage(arguments), false, "", noReturn, "").Execute()
	}, func(body []byte) error {
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || !json.Valid(body) {
			return unexpected("an object was expected")
		}
		answer = bytes.Clone(body)
		return nil
	})
	return answer, err
}
