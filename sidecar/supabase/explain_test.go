package supabase_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

func TestExplainIsForTheSecretKey(t *testing.T) {
	p := stacktest.NewProject(t)
	policy := supabase.Policy{MinMinutes: 15, Timezone: "UTC"}
	ask := func(key string) (json.RawMessage, error) {
		c, err := supabase.New(supabase.Options{URL: p.URL, Key: zoom.Secret(key)})
		require.NoError(t, err)
		defer c.Close()
		return c.Explain(context.Background(), "81234567890", "maria@school.test", "", policy)
	}
	for _, key := range []string{p.SecretKey, p.ServiceRoleKey} {
		answer, err := ask(key)
		require.NoError(t, err)
		require.JSONEq(t, `{"outcome":"unknown_meeting"}`, string(answer))
	}
	_, err := ask(p.AnonKey)
	e, ok := errors.AsType[*supabase.Error](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, "42501", e.Code)
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestExplainWantsAnObject(t *testing.T) {
	for _, body := range []string{`[]`, `null`, `"ok"`} {
		c, err := supabase.New(supabase.Options{URL: "https://abcdefgh.supabase.co", Key: "sb_secret_invented", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})})
		require.NoError(t, err)
		_, err = c.Explain(t.Context(), "1", "maria@school.test", "2026-03-02", supabase.Policy{})
		e, ok := errors.AsType[*supabase.Error](err)
		require.True(t, ok, "%s: %v", body, err)
		require.Equal(t, supabase.CodeUnexpected, e.Code, body)
	}
}
