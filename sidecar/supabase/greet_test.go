package supabase_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
)

func TestAGreetingTellsVersionAndTime(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	var asked http.Header
	c := connect(t, p, through(t, func(next http.RoundTripper) http.RoundTripper {
		return roundTrip(func(r *http.Request) (*http.Response, error) {
			asked = r.Header.Clone()
			return next.RoundTrip(r)
		})
	}))
	g, err := c.Greet(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^\d+\.\d+`, g.PostgREST)
	require.Positive(t, g.Took)
	require.Less(t, g.Date.Sub(g.Began).Abs(), time.Minute)
	require.Empty(t, asked.Get("Authorization"), "a secret key is no token")
	require.NotContains(t, asked.Get("User-Agent"), "Mozilla")
}

func TestARefusedGreetingTellsTheTimeAllTheSame(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	g, err := connect(t, p, func(o *supabase.Options) { o.Key = "sb_secret_of-nobody" }).Greet(t.Context())
	e, ok := errors.AsType[*supabase.Error](err)
	require.True(t, ok, "%v", err)
	require.True(t, e.RefusesKey())
	require.True(t, e.Answered())
	require.False(t, g.Date.IsZero())

	p.StopPostgREST()
	_, err = connect(t, p).Greet(t.Context())
	e, ok = errors.AsType[*supabase.Error](err)
	require.True(t, ok, "%v", err)
	require.False(t, e.RefusesKey())
	require.True(t, e.Answered())

	_, err = connect(t, p, func(o *supabase.Options) { o.URL = "http://127.0.0.1:1" }).Greet(t.Context())
	e, ok = errors.AsType[*supabase.Error](err)
	require.True(t, ok, "%v", err)
	require.False(t, e.Answered())
}
