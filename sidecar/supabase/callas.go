package supabase

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	supabasego "github.com/supabase-community/supabase-go"

	"zoom-attendance/sidecar/zoom"
)

var errNobody = errors.New("a call as a user needs the user's token")

// CallAs calls a function of the database as the user whose access token it is,
// with a struct of its arguments, and reads its answer into a pointer. Supabase
// checks the token, and policies and functions decide by it; our key only opens
// the gateway. When it is the token that was refused, [Error.RefusesUser] says so.
//
// The answer must have no field that into does not have: then the migrations and
// this binary are of different ages.
func (c *Client) CallAs(ctx context.Context, token zoom.Secret, function string, args, into any) error {
	if token == "" {
		return errNobody // it would be made as ourselves
	}
	return c.function(ctx, token, function, args, into)
}

// Call calls a function of the database as ourselves, and is [Client.CallAs] in
// all else.
func (c *Client) Call(ctx context.Context, function string, args, into any) error {
	return c.function(ctx, "", function, args, into)
}

// Ask calls a function of the database as ourselves and returns the object that it
// answers, as it is.
func (c *Client) Ask(ctx context.Context, function string, args any) (json.RawMessage, error) {
	var answer object
	err := c.function(ctx, "", function, args, &answer)
	return json.RawMessage(answer), err
}

// object is a JSON object, and no other value.
type object json.RawMessage

func (o *object) UnmarshalJSON(value []byte) error {
	if value[0] != '{' {
		return errors.New("an object was expected")
	}
	*o = bytes.Clone(value)
	return nil
}

func (c *Client) function(ctx context.Context, user zoom.Secret, function string, args, into any) error {
	arguments, err := json.Marshal(args)
	if err != nil {
		return &Error{Operation: function, Code: CodeUnencodable, Err: err}
	}
	return c.callAs(ctx, user, function, func(p *supabasego.Client) ([]byte, int64, error) {
		return p.From("rpc/"+function).Insert(json.RawMessage(arguments), false, "", noReturn, "").Execute()
	}, func(body []byte) error {
		answer := json.NewDecoder(bytes.NewReader(body))
		answer.DisallowUnknownFields()
		if answer.Decode(into) != nil {
			return unexpected("an answer of another shape")
		}
		return nil
	})
}
