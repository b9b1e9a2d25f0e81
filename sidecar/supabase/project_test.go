package supabase_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

var policy = supabase.Policy{MinMinutes: 15, Timezone: "UTC", AppJoins: "count"}

// connect makes a client of a real project, with a pool that the test closes.
func connect(t *testing.T, p *stacktest.Project, change ...func(*supabase.Options)) *supabase.Client {
	t.Helper()
	o := supabase.Options{URL: p.URL, Key: zoom.Secret(p.SecretKey), Policy: policy}
	for _, c := range change {
		c(&o)
	}
	c, err := supabase.New(o)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// through puts a transport of the test's beneath the client, on a real pool.
func through(t *testing.T, wrap func(http.RoundTripper) http.RoundTripper) func(*supabase.Options) {
	pool := &http.Transport{}
	t.Cleanup(pool.CloseIdleConnections)
	return func(o *supabase.Options) { o.Transport = wrap(pool) }
}

// standIn puts a function of the test's in the place of apply_zoom_events.
func standIn(t *testing.T, p *stacktest.Project, body string) {
	t.Helper()
	p.StopPostgREST()
	_, err := p.DB().Exec(t.Context(), `
		drop function if exists public.apply_zoom_events;
		create function public.apply_zoom_events(events jsonb, policy jsonb default '{}') returns jsonb
		language plpgsql volatile set search_path = '' as $f$ begin `+body+` end $f$;
		revoke execute on function public.apply_zoom_events from public;
		grant execute on function public.apply_zoom_events to service_role;`)
	require.NoError(t, err)
	p.StartPostgREST() // with a fresh schema cache
}

const meeting = "81234567890"

// withMeeting puts one meeting into the project.
func withMeeting(t *testing.T, p *stacktest.Project) {
	t.Helper()
	_, err := p.DB().Exec(t.Context(), `
		with host as (
			insert into public.users (email, name, role) values ('host@school.test', 'Ada Host', 'teacher') returning id)
		insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url)
		select $1, id, 'Algebra', '2026-03-02T08:00:00Z', 'https://zoom.test/j/1' from host`, meeting)
	require.NoError(t, err)
}

func joined(segment string) zoom.Fact {
	return zoom.Fact{
		Kind: zoom.Joined, Meeting: meeting, Instance: "aGVsbG8gd29ybGQ==", Segment: segment,
		At: time.Date(2026, 3, 2, 8, 0, 5, 0, time.UTC), Email: "pupil@school.test", Name: "Pia Pupil",
	}
}

func apply(ctx context.Context, c *supabase.Client, facts ...zoom.Fact) ([]zoom.Outcome, error) {
	return c.Apply(ctx, facts)
}
