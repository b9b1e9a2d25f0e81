package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

const (
	dialWait    = 5 * time.Second
	silenceMost = 30 * time.Second // between two lines of progress
)

// errBrokenOff: progress ended without its last line.
var errBrokenOff = errors.New("the connection broke off; what was done is done, so do it again for the rest")

// client asks the room of a running sidecar.
type client struct {
	base  string // http://127.0.0.1:9090
	token zoom.Secret
	http  *http.Client
}

// newClient asks at an address directly: no proxy is shown the token, and no
// redirection followed.
func newClient(base string, token zoom.Secret) *client {
	return &client{base: strings.TrimRight(base, "/"), token: token, http: &http.Client{
		Transport: &http.Transport{
			DialContext:           (&net.Dialer{Timeout: dialWait}).DialContext,
			TLSHandshakeTimeout:   dialWait,
			ResponseHeaderTimeout: countWait + answerWait,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// close lets go of the connections.
func (c *client) close() { c.http.CloseIdleConnections() }

// UnknownMeetings asks a running sidecar, at its address for operators, of which
// unknown meetings it has events.
func UnknownMeetings(ctx context.Context, base string, token zoom.Secret) ([]inbox.UnknownMeeting, error) {
	c := newClient(base, token)
	defer c.close()
	var answer struct{ Meetings []inbox.UnknownMeeting }
	err := c.ask(ctx, http.MethodGet, "/unknown", nil, &answer)
	return answer.Meetings, err
}

// ask reads the answer to a request into answer.
func (c *client) ask(ctx context.Context, method, path string, query url.Values, answer any) error {
	response, err := c.send(ctx, method, path, query)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if err := json.NewDecoder(response.Body).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s: %w", c.base, err)
	}
	return nil
}

// watch tells the progress of some work and returns its last line.
func (c *client) watch(ctx context.Context, path string, query url.Values, tell func(done int)) (last progress, err error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	response, err := c.send(ctx, http.MethodPost, path, query)
	if err != nil {
		return last, err
	}
	defer func() { _ = response.Body.Close() }()
	silence := time.AfterFunc(silenceMost, stop)
	defer silence.Stop()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		silence.Reset(silenceMost)
		if err := json.Unmarshal(lines.Bytes(), &last); err != nil {
			return last, fmt.Errorf("read the progress from %s: %w", c.base, err)
		}
		tell(last.Done)
	}
	switch {
	case last.Error != "":
		return last, errors.New(last.Error)
	case !last.Ended:
		return last, errBrokenOff
	}
	return last, nil
}

// send makes a request. An answer that is not 200 is an error.
func (c *client) send(ctx context.Context, method, path string, query url.Values) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, fmt.Errorf("the admin address %q is no URL such as http://127.0.0.1:9090", c.base)
	}
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+string(c.token))
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if response.StatusCode == http.StatusOK {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	return nil, c.refused(response)
}

// unreachable says what to look at when nothing answers.
func (c *client) unreachable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if inner, ok := errors.AsType[*url.Error](err); ok {
		err = inner.Err
	}
	return fmt.Errorf("nothing answers at %s: %w\nIs the sidecar running, and is that its ADMIN_ADDR? (--admin takes another address)", c.base, err)
}

// refused is the error of an answer.
func (c *client) refused(response *http.Response) error {
	if response.StatusCode == http.StatusUnauthorized {
		return fmt.Errorf("the sidecar at %s takes another ADMIN_TOKEN than the one that is set here", c.base)
	}
	var answer struct{ Error string }
	body, _ := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if json.Unmarshal(body, &answer) != nil || answer.Error == "" {
		return fmt.Errorf("%s answers %s: is that the admin address of a sidecar?", c.base, response.Status)
	}
	return refusal{response.StatusCode, answer.Error}
}
