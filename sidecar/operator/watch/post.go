package watch

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"zoom-attendance/sidecar/zoom"
)

const (
	postTries   = 5
	postTimeout = 10 * time.Second // of one try
	postTotal   = 5 * time.Minute  // of all; less than the time for which an alert is claimed
	postAtOnce  = 16               // alerts under way; what is more comes again when its claim is over
)

// alert is the body of the request.
type alert struct {
	Name    string    `json:"name"`
	Status  string    `json:"status"` // firing or resolved
	Since   time.Time `json:"since"`
	Says    string    `json:"says"`
	Remedy  string    `json:"remedy,omitempty"`
	Meeting string    `json:"meeting,omitempty"`
	Version string    `json:"version"`
	Text    string    `json:"text"` // all of it in one: what Slack, Mattermost and the like show
}

// delivered is an alert that was sent, for the database to know.
type delivered struct {
	Key    string `json:"key"`
	Status string `json:"status"`
}

// post sends alerts. A nil post sends none.
type post struct {
	url     func() string // a function, so that printing a post prints no address
	signer  *standardwebhooks.Webhook
	client  *http.Client
	version string
	wait1   time.Duration
	remind  time.Duration
	log     *slog.Logger
	metrics metrics
	sending sync.WaitGroup
	room    chan struct{}
	fresh   chan struct{} // gets one when there is something confirmed

	mu        sync.Mutex
	confirmed []delivered
	complaint string // the last failure that was logged
	logged    time.Time
}

func newPost(o Options, m metrics) (*post, error) {
	signer, err := standardwebhooks.NewWebhook(string(o.AlertSecret))
	if err != nil || o.AlertSecret == "" {
		return nil, errors.New("the secret is not base64") // the library's error quotes it
	}
	transport := o.Transport
	if transport == nil {
		dialer := net.Dialer{Timeout: 5 * time.Second}
		transport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second,
			DisableKeepAlives: true, // alerts are rare
		}
	}
	return &post{
		url: func() string { return string(o.AlertURL) }, signer: signer, version: o.Version, wait1: o.RetryWait, remind: o.Remind, log: o.Log, metrics: m,
		room: make(chan struct{}, postAtOnce), fresh: make(chan struct{}, 1),
		client: &http.Client{
			Transport: transport, Timeout: postTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// wait returns once nothing is under way.
func (p *post) wait() {
	if p != nil {
		p.sending.Wait()
	}
}

// send sends an alert, and says in the end whether it was delivered. It does not
// wait for that.
func (p *post) send(ctx context.Context, a alert, at time.Time, done func(ok bool)) {
	select {
	case p.room <- struct{}{}:
	default:
		done(false)
		return
	}
	a.Since, a.Version, a.Text = a.Since.UTC().Truncate(time.Second), p.version, a.text(at)
	if a.Status == resolved {
		a.Remedy = ""
	}
	body, err := json.Marshal(a)
	if err != nil {
		panic(err) // it is made of texts and a time
	}
	p.sending.Go(func() {
		defer func() { <-p.room }()
		err := p.deliver(ctx, body)
		if ctx.Err() == nil { // else we stop: it is sent after the next start, or by another sidecar
			p.note(a, err)
		}
		done(err == nil)
	})
}

// text says all in one line or two.
func (a alert) text(at time.Time) string {
	if a.Status == resolved {
		return fmt.Sprintf("Zoom attendance: it is over, after %s. It was: %s", spelt(at.Sub(a.Since)), a.Says)
	}
	return fmt.Sprintf("Zoom attendance: %s\n%s", a.Says, a.Remedy)
}

// deliver tries until it is taken, refused for good, or the time is over.
func (p *post) deliver(ctx context.Context, body []byte) error {
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.Multiplier, waits.MaxInterval = p.wait1, 4, 2*time.Minute
	id := "msg_" + rand.Text()
	_, err := backoff.Retry(ctx, func() (struct{}, error) { return struct{}{}, p.try(ctx, id, body) },
		backoff.WithBackOff(waits), backoff.WithMaxTries(postTries), backoff.WithMaxElapsedTime(postTotal))
	return err
}

// try sends once. Its error is one of our own words: what net/http says has the
// address in it.
func (p *post) try(ctx context.Context, id string, body []byte) error {
	now := time.Now()
	signature, err := p.signer.Sign(id, now, body)
	if err != nil {
		return backoff.Permanent(errors.New("cannot_sign"))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url(), bytes.NewReader(body))
	if err != nil {
		return backoff.Permanent(errors.New("no_address"))
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "zoom-attendance-sidecar")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := p.client.Do(request)
	if err != nil {
		return unanswered(err)
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // the status says it all
	switch status := response.StatusCode; {
	case status >= 200 && status < 300:
		return nil
	case status >= 500, status == http.StatusTooManyRequests, status == http.StatusRequestTimeout:
		return fmt.Errorf("http_%d", status)
	default:
		return backoff.Permanent(fmt.Errorf("http_%d", status))
	}
}

func unanswered(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok && u.Timeout() {
		return errors.New("timeout")
	}
	return errors.New("no_connection")
}

// note counts and logs what became of an alert. A failure that goes on is logged
// once a day.
func (p *post) note(a alert, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		p.metrics.alerts.WithLabelValues("sent").Inc()
		p.complaint = ""
		p.log.Info("alert sent", zoom.LogMark, a.Name, zoom.LogOutcome, a.Status)
		return
	}
	p.metrics.alerts.WithLabelValues("failed").Inc()
	if p.complaint != err.Error() || time.Since(p.logged) >= p.remind {
		p.complaint, p.logged = err.Error(), time.Now()
		p.log.Error("an alert could not be delivered to ALERT_URL; it is tried again every ten minutes", zoom.LogMark, a.Name, zoom.LogOutcome, a.Status, zoom.LogReason, err.Error())
	}
}

// confirm notes that an alert was delivered that was claimed in the database.
func (p *post) confirm(d delivered) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed = append(p.confirmed, d)
	select {
	case p.fresh <- struct{}{}:
	default:
	}
}

// news gets one when delivered has something new. Until the database knows it,
// another sidecar may think that this one died over it.
func (p *post) news() <-chan struct{} {
	if p == nil {
		return nil
	}
	return p.fresh
}

// delivered is what the database does not know yet.
func (p *post) delivered() []delivered {
	if p == nil {
		return []delivered{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]delivered{}, p.confirmed...)
}

// forget is what the database knows now, the first of delivered.
func (p *post) forget(known []delivered) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.confirmed = slices.Delete(p.confirmed, 0, len(known))
}
