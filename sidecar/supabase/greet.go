package supabase

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	supabasego "github.com/supabase-community/supabase-go"
)

// Greeting is what the project says of itself at the door.
type Greeting struct {
	PostgREST string        // its version, such as 12.0.2; empty when it is not told
	Date      time.Time     // the server's clock, to the second; zero when it is not told
	Began     time.Time     // when we asked, by our own clock
	Took      time.Duration // until the answer was there
}

var versionShape = regexp.MustCompile(`^[0-9]+(\.[0-9]+)*`)

// Greet asks for the description of the Data API, which is there for our own key
// alone. What the answer's headers tell is returned even if it was a refusal.
func (c *Client) Greet(ctx context.Context) (Greeting, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	g := Greeting{Began: time.Now()}
	x := exchange{ctx: ctx, client: c}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url+supabasego.REST_URL+"/", nil)
	if err != nil {
		return g, err
	}
	dress(req.Header, c.key(), "")
	req.Header.Set("Accept", "application/openapi+json, application/json")
	resp, err := c.transport.RoundTrip(req)
	if err == nil {
		err = g.read(x, resp)
	} else {
		err = x.unanswered(err)
	}
	g.Took = time.Since(g.Began)
	return g, c.explain(ctx, "GET "+supabasego.REST_URL+"/", g.Took, err)
}

// read takes in an answer, also one that refuses.
func (g *Greeting) read(x exchange, resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	g.Date, _ = http.ParseTime(resp.Header.Get("Date"))
	body, err := readWhole(resp.Body)
	if err != nil {
		return x.unanswered(err)
	}
	var said struct{ Info struct{ Version string } }
	_ = json.Unmarshal(body, &said) // a refusal says no version
	g.PostgREST = versionShape.FindString(said.Info.Version)
	return x.refusal(resp, body)
}
