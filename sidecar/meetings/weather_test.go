package meetings_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// everyRoute asks each route as the host.
func everyRoute(t *testing.T, w *world) map[string]reply {
	return map[string]reply{
		"get_join":         w.enter(t, lesson, w.by(host)),
		"post_join":        w.say(t, lesson, "join", w.by(host)),
		"get_participants": w.people(t, lesson, w.by(host)),
	}
}

// requireLater checks that the user is told to come again, and the operator why.
func requireLater(t *testing.T, w *world, reason, level string) {
	t.Helper()
	for route, got := range everyRoute(t, w) {
		requireRefused(t, got, http.StatusServiceUnavailable, later)
		require.Equal(t, "5", got.header.Get("Retry-After"))
		require.EqualValues(t, 1, w.count(t, route, 503, reason), route)
	}
	require.Contains(t, w.log.String(), `"level":"`+level+`"`)
	require.Empty(t, w.ledger.all())
}

func TestAProjectThatIsDownMeansLater(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.StopPostgREST()
	w := open(t, s)
	requireLater(t, w, "no_answer", "WARN")
	s.StartPostgREST()
	for _, got := range everyRoute(t, w) {
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
}

// hanging is a connection on which no answer comes.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

func TestAProjectThatIsSlowMeansLater(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	requireLater(t, open(t, s, func(o *meetings.Options) {
		o.Timeout = time.Millisecond
		o.Project = connect(t, s, func(o *supabase.Options) { o.Transport = hanging{} })
	}), "no_answer", "WARN")
}

func TestADatabaseInTroubleMeansLater(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	for _, function := range []string{"zoom.admission(uuid, text)", "zoom.oversees_meeting(uuid)"} {
		s.exec(t, `alter function `+function+` rename to in_trouble`)
	}
	s.exec(t, `
		create function zoom.admission(uuid, text) returns text language plpgsql as $$ begin raise exception 'Pia Pupil' using errcode = '57014'; end $$;
		create function zoom.oversees_meeting(uuid) returns boolean language plpgsql as $$ begin raise exception 'Pia Pupil' using errcode = '53300'; end $$`)
	w := open(t, s)
	requireLater(t, w, "no_answer", "WARN")
	require.NotContains(t, w.log.String(), "Pia")
}

func TestWhatIsOursToMendIsNotTheUsersFault(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	t.Run("a key that the project does not know", func(t *testing.T) {
		requireLater(t, open(t, s, func(o *meetings.Options) {
			o.Project = connect(t, s, func(o *supabase.Options) { o.Key = "sb_secret_invented" })
		}), "refuses_us", "ERROR")
	})
	t.Run("an address beside the project", func(t *testing.T) {
		requireLater(t, open(t, s, func(o *meetings.Options) {
			o.Project = connect(t, s, func(o *supabase.Options) { o.URL += "/elsewhere" })
		}), "refuses_us", "ERROR")
	})
	t.Run("functions that answer something else", func(t *testing.T) {
		s.exec(t, `
			create or replace function zoom.admission(meeting uuid, email_domain text) returns text language sql as $$ select 'perhaps' $$;
			create or replace function public.zoom_meeting_people(meeting uuid) returns jsonb language sql as $$ select '{"outcome":"ok","more":1}'::jsonb $$`)
		requireLater(t, open(t, s), "refuses_us", "ERROR")
	})
	t.Run("functions that are missing", func(t *testing.T) {
		s.StopPostgREST()
		s.exec(t, `drop function public.enter_zoom_meeting, public.zoom_meeting_admission, public.zoom_meeting_people`)
		s.StartPostgREST()
		requireLater(t, open(t, s), "refuses_us", "ERROR")
	})
}

func TestTheOldKindOfKeyWorksToo(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	w := open(t, s, func(o *meetings.Options) {
		o.Project = connect(t, s, func(o *supabase.Options) { o.Key = zoom.Secret(s.ServiceRoleKey) })
	})
	for _, got := range everyRoute(t, w) {
		require.Equal(t, http.StatusOK, got.status, got.body)
	}
	require.Equal(t, http.StatusNotFound, w.enter(t, lesson, w.by(guest)).status, "and the user is still the one who asks")
}

func TestNewNamesAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := meetings.New(meetings.Options{
		SDKSecret: sdkSecret, AllowedOrigins: []string{"https://school.test/path"}, Timeout: -1, TrustedProxies: []string{"everybody"}, Users: web.Rate{Burst: -1},
	})
	require.Error(t, err)
	for _, word := range []string{"project", "recorder", "cookie", "SDK", "users", "timeout", "allowed origins", "trusted proxies"} {
		require.ErrorContains(t, err, word)
	}
	require.NotContains(t, err.Error(), sdkSecret)
}
