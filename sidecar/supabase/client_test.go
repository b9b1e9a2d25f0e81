package supabase_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"github.com/supabase-community/postgrest-go"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

func TestApplySaysWhatBecameOfEachFactInOrder(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	withMeeting(t, p)
	c := connect(t, p)
	unknown := joined("1")
	unknown.Meeting, unknown.Instance = "99900000000", "b3RoZXIgd29ybGQ=="

	got, err := apply(t.Context(), c, joined("1"), unknown, joined("2"))
	require.NoError(t, err)
	require.Equal(t, []zoom.Outcome{zoom.Applied, zoom.UnknownMeeting, zoom.Applied}, got)

	got, err = apply(t.Context(), c, joined("2"), joined("1"))
	require.NoError(t, err)
	require.Equal(t, []zoom.Outcome{zoom.Duplicate, zoom.Duplicate}, got)
}

func TestApplyingNothingIsACheckOfAddressKeyFunctionAndGrant(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	require.NoError(t, connect(t, p).Check(t.Context()))
}

func TestManyCallsAtOnce(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	withMeeting(t, p)
	c := connect(t, p)
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			got, err := apply(t.Context(), c, joined(fmt.Sprint(i)))
			if err != nil || got[0] != zoom.Applied {
				t.Errorf("call %d: %v, %v", i, got, err)
			}
		})
	}
	all.Wait()
}

func TestSelectReadsRowsThroughFilters(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	withMeeting(t, p)
	c := connect(t, p)
	_, err := apply(t.Context(), c, joined("1"))
	require.NoError(t, err)

	var rows []struct {
		Name   string
		Status string
	}
	err = c.Select(t.Context(), "zoom_participants", "name,status", &rows, func(q *postgrest.FilterBuilder) {
		q.Neq("status", "invited").Order("name", nil)
	})
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Equal(t, "Pia Pupil", rows[0].Name)

	err = c.Select(t.Context(), "no_such_table", "", &rows, nil)
	require.ErrorAs(t, err, new(*supabase.Error))
	err = c.Select(t.Context(), "zoom_participants", "", new(int), nil)
	require.ErrorContains(t, err, supabase.CodeUnexpected)
	err = c.Select(t.Context(), "zoom_participants", "", &rows, func(q *postgrest.FilterBuilder) { q.Filter("name", "looks like", "P") })
	require.ErrorContains(t, err, "invalid filter operator")
	err = c.Select(t.Context(), "zoom_participants", "", &rows, nil)
	require.NoError(t, err, "a call that went wrong leaves nothing behind for the next")
}

func TestBothKindsOfKeyGoWhereTheyBelong(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	for name, c := range map[string]struct{ key, authorization string }{
		"a secret key goes on apikey only":    {p.SecretKey, ""},
		"a legacy key goes into both headers": {p.ServiceRoleKey, "Bearer " + p.ServiceRoleKey},
	} {
		t.Run(name, func(t *testing.T) {
			var sent http.Header
			var body []byte
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sent = r.Header.Clone()
				body, _ = io.ReadAll(r.Body)
				nothing(w, r)
			}))
			defer server.Close()
			key := func(o *supabase.Options) { o.Key = zoom.Secret(c.key) }
			wire := connect(t, p, key, func(o *supabase.Options) { o.URL = server.URL })
			require.NoError(t, wire.Check(t.Context()))
			wire.Close()

			require.Equal(t, []string{c.key}, sent.Values("apikey"))
			require.Equal(t, c.authorization, sent.Get("Authorization"))
			if c.authorization == "" {
				require.NotContains(t, sent, "Authorization")
			}
			require.Equal(t, []string{"application/json"}, sent.Values("Content-Type"))
			require.Equal(t, "public", sent.Get("Content-Profile"))
			require.NotContains(t, sent, "Prefer", "a function has no rows to return or to merge")
			require.NotContains(t, sent, "Idempotency-Key", "it is a word to Go, not to the server")
			require.Equal(t, "zoom-attendance-sidecar", sent.Get("User-Agent"), "nothing like a browser's")
			require.JSONEq(t, `{"events":[],"policy":{"min_minutes":15,"timezone":"UTC","app_joins":"count"}}`, string(body))

			require.NoError(t, connect(t, p, key).Check(t.Context()), "and the project accepts it so")
		})
	}
}

func TestConnectionsAreKeptAndNoMoreThanAllowed(t *testing.T) {
	t.Parallel()
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(nothing))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	c, err := supabase.New(supabase.Options{URL: server.URL, Key: "sb_secret_invented", MaxConns: 3})
	require.NoError(t, err)
	defer c.Close()
	for range 4 {
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := c.Check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
	require.LessOrEqual(t, opened.Load(), int32(3))
}

// nothing answers that nothing was applied.
func nothing(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`[]`))
}

// The server closes a kept connection at the moment it is used again.
func TestAKeptConnectionThatWasClosedCostsNoError(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var served sync.WaitGroup
	defer served.Wait()
	defer listener.Close()
	served.Go(func() {
		for connection := 1; ; connection++ {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			r := bufio.NewReader(conn)
			for answered := 0; ; answered++ {
				req, err := http.ReadRequest(r)
				if err != nil {
					break
				}
				_, _ = io.Copy(io.Discard, req.Body)
				if connection == 1 && answered == 1 {
					break
				}
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]")
			}
			_ = conn.Close()
		}
	})
	c, err := supabase.New(supabase.Options{URL: "http://" + listener.Addr().String(), Key: "sb_secret_invented"})
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.Check(t.Context()))
	require.NoError(t, c.Check(t.Context()))
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	const key = "sb_secret_invented"
	for name, c := range map[string]struct{ url, key, says string }{
		"no address":               {"", key, "project URL"},
		"an address of no server":  {"abcdefgh.supabase.co", key, "project URL"},
		"an address of a database": {"postgres://db.supabase.test/postgres", key, "project URL"},
		"a login in the address":   {"https://user:word@school.supabase.test", key, "address alone"},
		"the address of PostgREST": {"https://school.supabase.test/rest/v1", key, "must end before"},
		"no key":                   {"https://school.supabase.test", "", "required"},
		"a publishable key":        {"https://school.supabase.test", "sb_publishable_invented", "publishable"},
		"two keys":                 {"https://school.supabase.test", key + "\n" + key, "line break"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := supabase.New(supabase.Options{URL: c.url, Key: zoom.Secret(c.key)})
			require.ErrorContains(t, err, c.says)
			require.NotContains(t, err.Error(), key)
			require.NotContains(t, err.Error(), "word@")
		})
	}
	_, err := supabase.New(supabase.Options{URL: "https://school.supabase.test/", Key: key})
	require.NoError(t, err)
}

func TestAPrintedClientShowsNoKey(t *testing.T) {
	t.Parallel()
	c, err := supabase.New(supabase.Options{URL: "https://school.supabase.test", Key: "sb_secret_invented"})
	require.NoError(t, err)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, c), "invented")
		require.NotContains(t, fmt.Sprintf(verb, *c), "invented")
	}
}

func TestCallsAreMeasuredByWhatCameOfThem(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	reg := prometheus.NewRegistry()
	c := connect(t, p, func(o *supabase.Options) { o.Metrics = reg })
	require.NoError(t, c.Check(t.Context()))
	p.StopPostgREST()
	require.Error(t, c.Check(t.Context()))
	n, err := testutil.GatherAndCount(reg, "sidecar_supabase_call_seconds")
	require.NoError(t, err)
	require.Equal(t, 2, n, "one series for ok, one for the failure")
}
