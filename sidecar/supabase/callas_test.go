package supabase_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// withMirror is a project with a function that tells users who they are.
func withMirror(t *testing.T) *stacktest.Project {
	t.Helper()
	p := stacktest.NewProject(t)
	p.StopPostgREST()
	_, err := p.DB().Exec(t.Context(), `
		create function public.mirror(word text) returns jsonb language sql stable set search_path = '' as $$
			select jsonb_build_object('word', word, 'id', auth.uid(), 'role', auth.role())
		$$;
		revoke execute on function public.mirror from public, anon, service_role;
		grant execute on function public.mirror to authenticated;`)
	require.NoError(t, err)
	p.StartPostgREST()
	return p
}

type word struct {
	Word string `json:"word"`
}

type reflection struct{ Word, ID, Role string }

func TestACallAsAUserIsTheUsers(t *testing.T) {
	t.Parallel()
	p := withMirror(t)
	id := uuid.NewString()
	for name, key := range map[string]string{"with a secret key": p.SecretKey, "with a legacy key": p.ServiceRoleKey} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, p, func(o *supabase.Options) { o.Key = zoom.Secret(key) })
			var got reflection
			require.NoError(t, c.CallAs(t.Context(), zoom.Secret(stack.UserToken(id, "pia@school.test")), "mirror", word{"hello"}, &got))
			require.Equal(t, reflection{"hello", id, "authenticated"}, got)
			require.NoError(t, c.Check(t.Context()), "the next call is our own again")
		})
	}
}

func TestOurKeyOpensTheGatewayAndTheUsersTokenIsTheirs(t *testing.T) {
	t.Parallel()
	for _, key := range []string{stack.SecretKey, stack.ServiceRoleKey} {
		var sent http.Header
		var path, body string
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			text, _ := io.ReadAll(r.Body)
			sent, path, body = r.Header.Clone(), r.URL.Path, string(text)
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{}`)
		}))
		defer server.Close()
		c, err := supabase.New(supabase.Options{URL: server.URL, Key: zoom.Secret(key)})
		require.NoError(t, err)
		defer c.Close()
		require.NoError(t, c.CallAs(t.Context(), "a.b.c", "mirror", word{"hello"}, &reflection{}))
		require.Equal(t, []string{key}, sent.Values("apikey"))
		require.Equal(t, []string{"Bearer a.b.c"}, sent.Values("Authorization"))
		require.Equal(t, "/rest/v1/rpc/mirror", path)
		require.JSONEq(t, `{"word":"hello"}`, body)
	}
}

func TestATokenThatIsRefusedIsNobodysFaultOfOurs(t *testing.T) {
	t.Parallel()
	p := withMirror(t)
	sign := func(secret string, expires time.Time, role string) string {
		token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": uuid.NewString(), "role": role, "exp": expires.Unix()}).SignedString([]byte(secret))
		require.NoError(t, err)
		return token
	}
	soon := time.Now().Add(time.Hour)
	good := sign(stack.JWTSecret, soon, "authenticated")
	for name, token := range map[string]string{
		"an expired one":                    sign(stack.JWTSecret, time.Now().Add(-time.Hour), "authenticated"),
		"one of another project":            sign(strings.Repeat("x", 40), soon, "authenticated"),
		"a garbled one":                     "x" + good,
		"none at all":                       "word",
		"one whose role may not":            sign(stack.JWTSecret, soon, "anon"),
		"the anon key":                      p.AnonKey,
		"our own key, which may do so much": p.ServiceRoleKey,
	} {
		t.Run(name, func(t *testing.T) {
			err := connect(t, p).CallAs(t.Context(), zoom.Secret(token), "mirror", word{"hello"}, &reflection{})
			var e *supabase.Error
			require.ErrorAs(t, err, &e)
			require.True(t, e.RefusesUser(), err)
			require.False(t, e.BlamesUs(), err)
			require.False(t, supabase.Retryable(err))
			require.ErrorContains(t, err, "the user's token")
			require.NotContains(t, err.Error(), token)
		})
	}
	t.Run("but a key that the gateway refuses is ours", func(t *testing.T) {
		c := connect(t, p, func(o *supabase.Options) { o.Key = "sb_secret_invented" })
		err := c.CallAs(t.Context(), zoom.Secret(good), "mirror", word{"hello"}, &reflection{})
		var e *supabase.Error
		require.ErrorAs(t, err, &e)
		require.False(t, e.RefusesUser(), err)
		require.True(t, e.BlamesUs())
	})
	t.Run("and so is a call of our own with the same answer", func(t *testing.T) {
		err := connect(t, p, func(o *supabase.Options) { o.Key = zoom.Secret(p.AnonKey) }).Check(t.Context())
		var e *supabase.Error
		require.ErrorAs(t, err, &e)
		require.False(t, e.RefusesUser(), err)
		require.True(t, e.BlamesUs())
	})
}

func TestACallAsNobodyIsNotMadeAsOurselves(t *testing.T) {
	t.Parallel()
	s := &spoiler{spoil: resetBefore}
	c, err := supabase.New(supabase.Options{URL: "https://school.supabase.test", Key: "sb_secret_invented", Transport: s})
	require.NoError(t, err)
	require.ErrorContains(t, c.CallAs(t.Context(), "", "mirror", word{}, &reflection{}), "token")
	require.Zero(t, s.calls.Load())
	require.ErrorContains(t, c.CallAs(t.Context(), "a.b.c", "mirror", make(chan int), &reflection{}), supabase.CodeUnencodable)
	require.Zero(t, s.calls.Load())
}

func TestACallAsOurselvesIsTheServiceRoles(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	ask := func(key string) (answer map[string]any, err error) {
		c := connect(t, p, func(o *supabase.Options) { o.Key = zoom.Secret(key) })
		return answer, c.Call(t.Context(), "watch_zoom", struct{}{}, &answer)
	}
	for _, key := range []string{p.SecretKey, p.ServiceRoleKey} {
		answer, err := ask(key)
		require.NoError(t, err)
		require.Contains(t, answer, "lessons")
	}
	_, err := ask(p.AnonKey)
	require.Equal(t, supabase.Us, blame(t, err))
	require.ErrorContains(t, err, "42501")
}

func TestAnAnswerOfAnotherShapeBlamesUs(t *testing.T) {
	t.Parallel()
	p := withMirror(t)
	c := connect(t, p)
	user := zoom.Secret(stack.UserToken(uuid.NewString(), "pia@school.test"))
	for name, into := range map[string]any{
		"a field too many":        &word{},
		"a text that is a number": &struct{ Word int }{},
		"a list":                  &[]reflection{},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.CallAs(t.Context(), user, "mirror", word{"hello"}, into)
			require.Equal(t, supabase.Us, blame(t, err))
			require.ErrorContains(t, err, supabase.CodeUnexpected)
		})
	}
	err := c.CallAs(t.Context(), user, "no_such_function", word{"hello"}, &reflection{})
	require.Equal(t, supabase.Us, blame(t, err))
}
