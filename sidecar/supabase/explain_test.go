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
	ask := func(key string) (json.RawMessage, error) {
		c, err := supabase.New(supabase.Options{URL: p.URL, Key: zoom.Secret(key), Policy: policy})
		require.NoError(t, err)
		defer c.Close()
		return c.Explain(context.Background(), "81234567890", "maria@school.test", "")
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

func TestTheBoardsQuestionsAreForTheSecretKey(t *testing.T) {
	p := stacktest.NewProject(t)
	for sentence, ask := range map[string]struct {
		question func(*supabase.Client) (json.RawMessage, error)
		answer   string
	}{
		"the lessons": {func(c *supabase.Client) (json.RawMessage, error) { return c.RecentLessons(t.Context()) }, `[]`},
		"a lesson": {func(c *supabase.Client) (json.RawMessage, error) {
			return c.LessonTimeline(t.Context(), "81234567890", "2026-03-02")
		}, `{"outcome":"unknown_meeting"}`},
	} {
		for _, key := range []string{p.SecretKey, p.ServiceRoleKey, p.AnonKey} {
			c, err := supabase.New(supabase.Options{URL: p.URL, Key: zoom.Secret(key), Policy: policy})
			require.NoError(t, err)
			answer, err := ask.question(c)
			c.Close()
			if key == p.SecretKey || key == p.ServiceRoleKey {
				require.NoError(t, err, sentence)
				require.JSONEq(t, ask.answer, string(answer), sentence)
				continue
			}
			e, ok := errors.AsType[*supabase.Error](err)
			require.True(t, ok, "%s: %v", sentence, err)
			require.Equal(t, "42501", e.Code, sentence)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestExplainWantsAnObject(t *testing.T) {
	for _, body := range []string{`[]`, `null`, `"ok"`} {
		c, err := supabase.New(supabase.Options{URL: "https://abcdefgh.supabase.co", Key: "sb_secret_invented", Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
		})})
		require.NoError(t, err)
		_, err = c.Explain(t.Context(), "1", "maria@school.test", "2026-03-02")
		e, ok := errors.AsType[*supabase.Error](err)
		require.True(t, ok, "%s: %v", body, err)
		require.Equal(t, supabase.CodeUnexpected, e.Code, body)
	}
}
