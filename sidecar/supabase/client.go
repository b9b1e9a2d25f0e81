package supabase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	supabasego "github.com/supabase-community/supabase-go"
	"go.opentelemetry.io/otel/trace"

	"zoom-attendance/sidecar/zoom"
)

// Options say which project to speak to, and how.
type Options struct {
	// URL of the project, such as https://abcdefgh.supabase.co. Required.
	URL string

	// Key is the project's secret key (sb_secret_…) or its legacy service_role
	// JWT. Required.
	Key zoom.Secret

	// Policy is the school's, by which facts are applied and explained.
	Policy Policy

	// Timeout ends a call that has no complete answer. It should be longer
	// than the database's own statement timeout (8 s on Supabase; 4 s of
	// apply_zoom_events, which sets its own), so that the
	// database gives up first and says why. Default 10 s.
	Timeout time.Duration

	// MaxConns is how many connections are kept and, over HTTP/1.1, how many
	// there may be. Default 8.
	MaxConns int

	Tracer  trace.Tracer          // nil: nothing is traced
	Log     *slog.Logger          // default: slog's default
	Metrics prometheus.Registerer // nil: measured, and not shown

	// Transport carries the requests. Default: a pool of the client's own.
	// It must return what the server answered; redirects are not its business.
	Transport http.RoundTripper
}

// Client sets facts down in one project. It may be used by any number of
// goroutines.
type Client struct {
	url       string
	key       func() string // a function, so that printing a Client prints no key
	policy    Policy
	timeout   time.Duration
	host      string // of url
	tracer    trace.Tracer
	log       *slog.Logger
	metrics   metrics
	transport http.RoundTripper
	ownPool   *http.Transport // transport, when it is ours to close
	left      chan struct{}   // a large lesson left records, see Unfinished
}

// New checks the options and makes a client. It opens no connection: a project
// that is down when the sidecar starts is weather like any other.
func New(o Options) (*Client, error) {
	base, err := projectURL(o.URL)
	if err != nil {
		return nil, err
	}
	if err := checkKey(o.Key); err != nil {
		return nil, err
	}
	c := &Client{
		url:       base,
		key:       func() string { return string(o.Key) },
		policy:    o.Policy,
		timeout:   o.Timeout,
		host:      hostOf(base),
		tracer:    o.Tracer,
		log:       o.Log,
		metrics:   newMetrics(o.Metrics),
		transport: o.Transport,
		left:      make(chan struct{}, 1),
	}
	if c.timeout <= 0 {
		c.timeout = 10 * time.Second
	}
	if c.log == nil {
		c.log = slog.Default()
	}
	if c.transport == nil {
		c.ownPool = newPool(o.MaxConns)
		c.transport = c.ownPool
	}
	if _, err := c.project(exchange{}); err != nil {
		return nil, fmt.Errorf("open project: %w", err)
	}
	return c, nil
}

// Close lets go of idle connections. Calls still under way finish.
func (c *Client) Close() {
	if c.ownPool != nil {
		c.ownPool.CloseIdleConnections()
	}
}

// projectURL returns the project's address without a trailing slash.
func projectURL(raw string) (string, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return "", errors.New("the project URL must read like https://abcdefgh.supabase.co")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", errors.New("the project URL must be an address alone, without a login, query or fragment")
	}
	if strings.Contains(u.Path, supabasego.REST_URL) {
		return "", fmt.Errorf("the project URL must end before %s", supabasego.REST_URL)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// checkKey refuses what can be seen to be wrong without asking the project.
func checkKey(key zoom.Secret) error {
	switch k := string(key); {
	case k == "":
		return errors.New("a secret key (sb_secret_…) or a service_role key is required")
	case strings.ContainsAny(k, " \t\r\n"):
		return errors.New("the key has a blank or a line break in it")
	case strings.HasPrefix(k, "sb_publishable_"):
		return errors.New("a publishable key may not write: the secret key (sb_secret_…) is required")
	}
	return nil
}

// call makes one exchange with the project as ourselves.
func (c *Client) call(ctx context.Context, operation string, build func(*supabasego.Client) ([]byte, int64, error), read func([]byte) error) error {
	return c.callAs(ctx, "", operation, build, read)
}

// callAs makes one exchange with the project under the client's deadline: build
// sends it, read makes sense of the body of a 2xx answer. It is made as the user
// whose token is given, or as ourselves without one.
func (c *Client) callAs(ctx context.Context, user zoom.Secret, operation string, build func(*supabasego.Client) ([]byte, int64, error), read func([]byte) error) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	ctx, span := c.begin(ctx, operation)

	p, err := c.project(exchange{ctx: ctx, client: c, user: user})
	if err != nil {
		end(span, err)
		return fmt.Errorf("%s: open project: %w", operation, err)
	}
	started := time.Now()
	body, _, err := build(p)
	if err == nil {
		err = read(body)
	}
	took := time.Since(started)
	err = c.explain(ctx, operation, took, err)
	end(span, err)
	c.metrics.observe(operation, took, err)
	return err
}

// explain turns what came up through the two libraries into what this package
// promises: an *Error, or the caller's own cancellation.
func (c *Client) explain(ctx context.Context, operation string, took time.Duration, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Operation = operation
		if e.Code == CodeTimeout {
			e.Message = fmt.Sprintf("no complete answer within %s", took.Round(10*time.Millisecond))
		}
		c.log.Debug("call refused", zoom.LogStatus, e.Status, zoom.LogCode, e.Code, zoom.LogTook, took)
		return e
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", operation, context.Cause(ctx))
	}
	return fmt.Errorf("%s: %w", operation, err)
}
