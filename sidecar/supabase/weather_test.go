package supabase_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// spoiler leaves every exchange but the first as it is.
type spoiler struct {
	real  http.RoundTripper
	spoil func(real http.RoundTripper, req *http.Request) (*http.Response, error)
	calls atomic.Int32
}

func (s *spoiler) RoundTrip(req *http.Request) (*http.Response, error) {
	if s.calls.Add(1) == 1 {
		return s.spoil(s.real, req)
	}
	return s.real.RoundTrip(req)
}

// answer is an exchange that never reaches the project.
func answer(status int, contentType, body string, headers ...string) func(http.RoundTripper, *http.Request) (*http.Response, error) {
	return func(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {contentType}}
		for i := 0; i < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: req}, nil
	}
}

// breaksOff is a body that ends in an error.
type breaksOff struct{ io.Reader }

func (b breaksOff) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = syscall.ECONNRESET
	}
	return n, err
}
func (breaksOff) Close() error { return nil }

func resetBefore(http.RoundTripper, *http.Request) (*http.Response, error) {
	return nil, syscall.ECONNRESET
}

// loseAnswer lets the project do its work and loses the answer whole.
func loseAnswer(real http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := real.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return nil, syscall.ECONNRESET
}

// halveAnswer lets the project do its work and loses half the answer.
func halveAnswer(real http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := real.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = breaksOff{bytes.NewReader(body[:len(body)/2])}
	return resp, nil
}

func hang(_ http.RoundTripper, req *http.Request) (*http.Response, error) {
	<-req.Context().Done()
	return nil, req.Context().Err()
}

func hangInBody(real http.RoundTripper, req *http.Request) (*http.Response, error) {
	resp, err := answer(200, "application/json", `["app`)(real, req)
	resp.Body = io.NopCloser(io.MultiReader(resp.Body, readerFunc(func([]byte) (int, error) {
		<-req.Context().Done()
		return 0, req.Context().Err()
	})))
	return resp, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestOneSpoiledExchange(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	withMeeting(t, p)
	html := "<html><body>Bad gateway, said to pupil@school.test</body></html>"

	cases := []struct {
		name    string
		spoil   func(http.RoundTripper, *http.Request) (*http.Response, error)
		cause   string
		blame   supabase.Blame
		tooMuch bool
		wait    time.Duration
		then    zoom.Outcome // what the same call says afterwards
	}{
		{"the connection is reset before anything happened", resetBefore, supabase.CodeConnection, supabase.Weather, false, 0, zoom.Applied},
		{"the answer is lost after it took effect", loseAnswer, supabase.CodeConnection, supabase.Weather, false, 0, zoom.Duplicate},
		{"the answer breaks off after it took effect", halveAnswer, supabase.CodeConnection, supabase.Weather, false, 0, zoom.Duplicate},
		{"no answer comes", hang, supabase.CodeTimeout, supabase.Weather, true, 0, zoom.Applied},
		{"an answer begins and does not end", hangInBody, supabase.CodeTimeout, supabase.Weather, true, 0, zoom.Applied},
		{"a gateway answers 500", answer(500, "text/html", html), "http_500", supabase.Weather, false, 0, zoom.Applied},
		{"a gateway answers 502 in HTML", answer(502, "text/html", html), "http_502", supabase.Weather, false, 0, zoom.Applied},
		{"a gateway answers 503 and says when to come back", answer(503, "text/html", html, "Retry-After", "7"), "http_503", supabase.Weather, false, 7 * time.Second, zoom.Applied},
		{"a gateway answers 429 and says when to come back", answer(429, "application/json", `{"message":"slow down"}`, "Retry-After", "30"), "http_429", supabase.Weather, false, 30 * time.Second, zoom.Applied},
		{"a gateway asks for a wait of a year", answer(429, "text/plain", "", "Retry-After", "31536000"), "http_429", supabase.Weather, false, time.Hour, zoom.Applied},
		{"a gateway asks for a wait that is over", answer(503, "text/plain", "", "Retry-After", "Mon, 02 Mar 2026 08:00:00 GMT"), "http_503", supabase.Weather, false, 0, zoom.Applied},
		{"a gateway's Retry-After is nonsense", answer(503, "text/plain", "", "Retry-After", "soon"), "http_503", supabase.Weather, false, 0, zoom.Applied},
		{"the project is paused", answer(540, "text/html", html), "http_540", supabase.Us, false, 0, zoom.Applied},
		{"the project is over its quota", answer(402, "application/json", `{"message":"exceed_egress_quota"}`), "http_402", supabase.Us, false, 0, zoom.Applied},
		{"a page stands where the project was", answer(200, "text/html", html), supabase.CodeNotJSON, supabase.Weather, false, 0, zoom.Applied},
		{"JSON of another shape", answer(200, "application/json", `{"ok":true}`), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"JSON that is none", answer(200, "application/json", `["applied"`), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"no content", answer(204, "", ""), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"one outcome too many", answer(200, "application/json", `["applied","applied"]`), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"one outcome too few", answer(200, "application/json", `[]`), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"an answer beyond all bounds", answer(200, "application/json", `["applied"]`+strings.Repeat(" ", 17<<20)), supabase.CodeUnexpected, supabase.Us, false, 0, zoom.Applied},
		{"a redirect is not followed", answer(307, "text/plain", "", "Location", "/rest/v1/elsewhere"), supabase.CodeRedirect, supabase.Us, false, 0, zoom.Applied},
		{"a redirect to another method is not followed", answer(302, "text/plain", "", "Location", "https://login.test/"), supabase.CodeRedirect, supabase.Us, false, 0, zoom.Applied},
		{"a 400 without a word is PostgREST's, whose database was gone in mid-call", answer(400, "application/json; charset=utf-8", `{"code":"","details":null,"hint":null,"message":""}`), "silence", supabase.Weather, false, 0, zoom.Applied},
		{"a 400 of a gateway blames no event", answer(400, "text/html", html), "http_400", supabase.Us, false, 0, zoom.Applied},
		{"a body too large for the gateway", answer(413, "text/html", html), "http_413", supabase.Data, false, 0, zoom.Applied},
		{"a code of no known shape is not shown", answer(400, "application/json", `{"code":"pupil@school.test"}`), "http_400", supabase.Us, false, 0, zoom.Applied},
		{"the schema cache is stale", answer(404, "application/json", `{"code":"PGRST205","message":"stale","details":null,"hint":null}`), "PGRST205", supabase.Weather, false, 0, zoom.Applied},
		{"PostgREST lost its database", answer(503, "application/json; charset=utf-8", `{"code":"PGRST002","details":null,"hint":null,"message":"no schema cache"}`), "PGRST002", supabase.Weather, false, 0, zoom.Applied},
	}
	for i, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var s *spoiler
			client := connect(t, p, func(o *supabase.Options) { o.Timeout = time.Second },
				through(t, func(real http.RoundTripper) http.RoundTripper {
					s = &spoiler{real: real, spoil: c.spoil}
					return s
				}))
			fact := joined("")
			fact.Segment = string(rune('A' + i))

			_, err := apply(t.Context(), client, fact)
			var e *supabase.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, int32(1), s.calls.Load(), "one call is one request")
			require.Equal(t, c.cause, e.Cause())
			require.Equal(t, c.blame, e.Blame(), e)
			require.Equal(t, c.tooMuch, e.TooMuch())
			require.Equal(t, c.wait, e.Wait())
			require.Equal(t, c.blame != supabase.Data, supabase.Retryable(err))
			require.ErrorContains(t, err, "apply_zoom_events")
			require.NotContains(t, err.Error(), "pupil@school.test")

			client = connect(t, p)
			got, err := apply(t.Context(), client, fact)
			require.NoError(t, err)
			require.Equal(t, []zoom.Outcome{c.then}, got)
		})
	}
}

func TestTheCallersOwnEndIsNoError(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	c, err := supabase.New(supabase.Options{
		URL: "https://school.supabase.test", Key: "sb_secret_invented",
		Transport: &spoiler{spoil: func(real http.RoundTripper, req *http.Request) (*http.Response, error) {
			close(arrived)
			return hang(real, req)
		}},
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err = apply(ctx, c, joined("1"))
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, errors.As(err, new(*supabase.Error)), "nothing went wrong with the call")
	require.False(t, supabase.Retryable(err))
}

func TestATimeoutNamesTheCall(t *testing.T) {
	t.Parallel()
	c, err := supabase.New(supabase.Options{
		URL: "https://school.supabase.test", Key: "sb_secret_invented", Timeout: time.Millisecond,
		Transport: &spoiler{spoil: hang},
	})
	require.NoError(t, err)
	_, err = apply(t.Context(), c, joined("1"))
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "apply_zoom_events: timeout: no complete answer within")
}

func TestPostgRESTStopsAndComesBack(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	withMeeting(t, p)
	c := connect(t, p)
	_, err := apply(t.Context(), c, joined("1"))
	require.NoError(t, err)

	p.StopPostgREST()
	_, err = apply(t.Context(), c, joined("2"))
	require.True(t, supabase.Retryable(err), err)
	require.Equal(t, supabase.Weather, blame(t, err))

	p.StartPostgREST()
	got, err := apply(t.Context(), c, joined("2"))
	require.NoError(t, err)
	require.Equal(t, []zoom.Outcome{zoom.Applied}, got)
}

func TestAWrongAddressIsShouted(t *testing.T) {
	t.Parallel()
	t.Run("a name that nobody knows", func(t *testing.T) {
		c, err := supabase.New(supabase.Options{
			URL: "https://school.supabase.test", Key: "sb_secret_invented",
			Transport: &spoiler{spoil: func(http.RoundTripper, *http.Request) (*http.Response, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "school.supabase.test", IsNotFound: true}}
			}},
		})
		require.NoError(t, err)
		err = c.Check(t.Context())
		require.Equal(t, supabase.Us, blame(t, err))
		require.ErrorContains(t, err, supabase.CodeNoHost)
	})
	t.Run("a server with another's certificate", func(t *testing.T) {
		server := httptest.NewUnstartedServer(http.HandlerFunc(nothing))
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		defer server.Close()
		c, err := supabase.New(supabase.Options{URL: server.URL, Key: "sb_secret_invented"})
		require.NoError(t, err)
		defer c.Close()
		err = c.Check(t.Context())
		require.Equal(t, supabase.Us, blame(t, err))
		require.ErrorContains(t, err, supabase.CodeCertificate)
	})
	t.Run("a port where nobody listens is weather", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(nothing))
		server.Close()
		c, err := supabase.New(supabase.Options{URL: server.URL, Key: "sb_secret_invented"})
		require.NoError(t, err)
		defer c.Close()
		err = c.Check(t.Context())
		require.Equal(t, supabase.Weather, blame(t, err))
		require.ErrorContains(t, err, supabase.CodeConnection)
	})
}

func blame(t *testing.T, err error) supabase.Blame {
	t.Helper()
	var e *supabase.Error
	require.ErrorAs(t, err, &e)
	return e.Blame()
}
