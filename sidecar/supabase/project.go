package supabase

import (
	"errors"
	"reflect"

	"github.com/supabase-community/postgrest-go"
	supabasego "github.com/supabase-community/supabase-go"
)

// errHidden means that supabase-go changed inside. The version is pinned and a
// test holds the field, so nobody meets this error in a released binary.
var errHidden = errors.New("supabase-go no longer keeps a *postgrest.Client in its field rest")

// project makes a supabase-go client that speaks through x, for one call.
func (c *Client) project(x exchange) (*supabasego.Client, error) {
	p, err := supabasego.NewClient(c.url, c.key(), nil)
	if err != nil {
		return nil, err
	}
	rest, err := restOf(p)
	if err != nil {
		return nil, err
	}
	if rest.ClientError != nil {
		return nil, rest.ClientError
	}
	rest.Transport.Parent = x
	return p, nil
}

// restOf returns the PostgREST client inside a supabase-go client. It is
// private there without need ("Why is this a private field??", its own source
// asks) and the only way to give supabase-go a transport.
func restOf(p *supabasego.Client) (*postgrest.Client, error) {
	field := reflect.ValueOf(p).Elem().FieldByName("rest")
	if !field.IsValid() || field.Type() != reflect.TypeFor[*postgrest.Client]() || field.IsNil() {
		return nil, errHidden
	}
	return (*postgrest.Client)(field.UnsafePointer()), nil
}
