package supabase

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"

	"zoom-attendance/sidecar/zoom"
)

const (
	// userAgent must not look like a browser's: the gateway answers 401 to a
	// secret key that a browser seems to hold.
	userAgent = "zoom-attendance-sidecar"

	// maxAnswer is the longest answer that is read. An answer to a batch has
	// some twenty bytes per fact.
	maxAnswer = 16 << 20
)

var errTooLong = fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)

// exchange carries one call of a client: it is the transport beneath the two
// libraries and holds the context they do not know.
type exchange struct {
	ctx    context.Context
	client *Client
	user   zoom.Secret // the access token of the user it is made as; empty: as ourselves
}

// RoundTrip sends one request of postgrest-go's and returns a 2xx answer, read
// whole. Anything else is an *Error, so the libraries never see a bad status,
// follow a redirect or wait for a body.
func (x exchange) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(x.ctx)
	dress(req.Header, x.client.key(), x.user)

	resp, err := x.traced(req, x.client.transport.RoundTrip)
	if err != nil {
		return nil, x.unanswered(err)
	}
	defer resp.Body.Close()

	body, err := readWhole(resp.Body)
	if err != nil {
		return nil, x.unanswered(err)
	}
	if err := x.refusal(resp, body); err != nil {
		return nil, err
	}
	x.client.metrics.changed(resp.Header)
	x.client.unfinished(resp.Header)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// dress puts the headers of a request in order.
func dress(h http.Header, key string, user zoom.Secret) {
	h.Set("User-Agent", userAgent)
	h.Set("apikey", key)
	switch {
	case user != "":
		h.Set("Authorization", "Bearer "+string(user)) // the gateway goes by our key, PostgREST by this
	case strings.HasPrefix(key, "sb_"):
		h.Del("Authorization") // not a JWT: PostgREST would refuse it (PGRST301)
	default:
		h.Set("Authorization", "Bearer "+key) // PostgREST reads a legacy key only here
	}
	if h.Get("Prefer") == "" {
		h.Del("Prefer")
	}
	// Every call may be made twice without harm. Said so, Go makes it again by
	// itself when a kept connection turns out to be closed. An empty value is
	// not sent.
	h["Idempotency-Key"] = nil
}

// readWhole reads an answer up to the longest we accept.
func readWhole(r io.Reader) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxAnswer {
		return nil, errTooLong
	}
	return body, nil
}

// unanswered is the error of a request that got no complete answer. It may
// have taken effect all the same.
func (x exchange) unanswered(err error) error {
	switch {
	case errors.Is(err, errTooLong):
		return &Error{Code: CodeUnexpected, Message: err.Error(), Err: err}
	case errors.Is(x.ctx.Err(), context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Err: context.DeadlineExceeded}
	case x.ctx.Err() != nil:
		return x.ctx.Err()
	}
	return &Error{Code: unconnected(err), Message: err.Error(), Err: err}
}

// unconnected tells a connection that somebody must set right from one that
// broke.
func unconnected(err error) string {
	if name, ok := errors.AsType[*net.DNSError](err); ok && name.IsNotFound {
		return CodeNoHost
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return CodeCertificate
	}
	return CodeConnection
}

// refusal returns nil for a 2xx answer in JSON (or of no body), and the error
// in any other answer.
func (x exchange) refusal(resp *http.Response, body []byte) error {
	switch s := resp.StatusCode; {
	case s == http.StatusMultipleChoices && answered(resp, body).Code != "": // PostgREST's, for two functions of one name
		return answered(resp, body)
	case s >= 300 && s < 400:
		return &Error{Status: s, Code: CodeRedirect, Message: "redirected, which is not followed"}
	case s < 200 || s >= 400:
		e := answered(resp, body)
		e.asUser = x.user != ""
		return e
	case len(body) > 0 && !isJSON(resp.Header):
		return &Error{Status: s, Code: CodeNotJSON, Message: "the answer is not PostgREST's"}
	}
	return nil
}

// isJSON tells whether an answer says that it is JSON.
func isJSON(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}
