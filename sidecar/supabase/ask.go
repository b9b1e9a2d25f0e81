package supabase

import (
	"bytes"
	"context"
	"encoding/json"

	supabasego "github.com/supabase-community/supabase-go"
)

// Ask calls a function of the database as ourselves, with a struct of its
// arguments, and returns the object that it answers as it is.
func (c *Client) Ask(ctx context.Context, function string, args any) (json.RawMessage, error) {
	arguments, err := json.Marshal(args)
	if err != nil {
		return nil, &Error{Operation: function, Code: CodeUnencodable, Err: err}
	}
	var answer json.RawMessage
	err = c.call(ctx, function, func(p *supabasego.Client) ([]byte, int64, error) {
		return p.From("rpc/"+function).Insert(json.RawMessage(arguments), false, "", noReturn, "").Execute()
	}, func(body []byte) error {
		if !bytes.HasPrefix(bytes.TrimSpace(body), []byte("{")) || !json.Valid(body) {
			return unexpected("an object was expected")
		}
		answer = bytes.Clone(body)
		return nil
	})
	return answer, err
}
