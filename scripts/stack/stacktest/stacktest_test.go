package stacktest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
)

// withMemo is a project with one table that authenticated may read and
// service_role may write.
func withMemo(t *testing.T) *stacktest.Project {
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		create table public.memos (id int primary key, owner uuid, body text);
		alter table public.memos enable row level security;
		grant select on public.memos to authenticated, anon;
		grant select, insert on public.memos to service_role;
		create policy "people see their own memos" on public.memos for select to authenticated using (owner = (select auth.uid()));`)
	require.NoError(t, err)
	p.StopPostgREST() // so that it certainly knows the table
	p.StartPostgREST()
	return p
}

// ask sends a request and returns its status and body.
func ask(t *testing.T, method, url, body string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(text)
}

func TestProject(t *testing.T) {
	t.Parallel()
	p := withMemo(t)
	reader := uuid.NewString()
	_, err := p.DB().Exec(t.Context(), `insert into public.memos values (1, $1, 'mine'), (2, gen_random_uuid(), 'theirs')`, reader)
	require.NoError(t, err)
	memos := p.URL + "/rest/v1/memos?select=body&order=id"

	cases := []struct {
		name    string
		headers []string
		status  int
		body    string
	}{
		{"a request without a key is refused", nil, 401, "No API key found"},
		{"a key that is not ours is refused", []string{"apikey", "sb_secret_other"}, 401, "Invalid API key"},
		{"the secret key alone sees every row", []string{"apikey", p.SecretKey}, 200, `"mine"`},
		{"the secret key as a bearer too, as supabase-go sends it, sees every row",
			[]string{"apikey", p.SecretKey, "Authorization", "Bearer " + p.SecretKey}, 200, "theirs"},
		{"the secret key in a browser is refused", []string{"apikey", p.SecretKey, "User-Agent", "Mozilla/5.0"}, 401, "browser"},
		{"the legacy service key in both headers sees every row",
			[]string{"apikey", p.ServiceRoleKey, "Authorization", "Bearer " + p.ServiceRoleKey}, 200, "theirs"},
		{"the publishable key is nobody", []string{"apikey", p.PublishableKey}, 200, `[]`},
		{"a legacy key in the apikey header alone is nobody", []string{"apikey", p.ServiceRoleKey}, 200, `[]`},
		{"a user's token sees what its policy allows",
			[]string{"apikey", p.PublishableKey, "Authorization", "Bearer " + stack.UserToken(reader, "reader@school.test")},
			200, `[{"body":"mine"}]`},
		{"a token that we did not sign is refused by PostgREST",
			[]string{"apikey", p.PublishableKey, "Authorization", "Bearer " + p.AnonKey + "x"}, 401, "PGRST301"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, body := ask(t, http.MethodGet, memos, "", c.headers...)
			require.Equal(t, c.status, status, body)
			require.Contains(t, body, c.body)
		})
	}

	t.Run("the key may come in the query", func(t *testing.T) {
		status, body := ask(t, http.MethodGet, memos+"&apikey="+p.SecretKey, "")
		require.Equal(t, 200, status, body)
	})
	t.Run("a service that is not there is a 404 in JSON", func(t *testing.T) {
		status, body := ask(t, http.MethodGet, p.URL+"/auth/v1/user", "", "apikey", p.SecretKey)
		require.Equal(t, 404, status)
		require.True(t, json.Valid([]byte(body)), body)
	})
	t.Run("a browser may ask from another origin", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, memos, nil)
		require.NoError(t, err)
		request.Header.Set("Origin", "http://127.0.0.1:3000")
		request.Header.Set("Access-Control-Request-Method", "GET")
		request.Header.Set("Access-Control-Request-Headers", "apikey, x-client-info")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		require.Equal(t, 200, response.StatusCode)
		require.Equal(t, []string{"*"}, response.Header.Values("Access-Control-Allow-Origin"))
		require.Equal(t, "apikey, x-client-info", response.Header.Get("Access-Control-Allow-Headers"))
	})
}

func TestProjectsShareNothing(t *testing.T) {
	t.Parallel()
	withMemo(t)
	other := stacktest.NewProject(t)
	var found bool
	err := other.DB().QueryRow(t.Context(), `select to_regclass('public.memos') is not null`).Scan(&found)
	require.NoError(t, err)
	require.False(t, found)
}

func TestPostgRESTMayCrashAndComeBack(t *testing.T) {
	t.Parallel()
	p := withMemo(t)
	memos := p.URL + "/rest/v1/memos"
	for range 2 {
		p.StopPostgREST()
		status, body := ask(t, http.MethodGet, memos, "", "apikey", p.SecretKey)
		require.Equal(t, 503, status, body)
		p.StartPostgREST()
		status, body = ask(t, http.MethodGet, memos, "", "apikey", p.SecretKey)
		require.Equal(t, 200, status, body)
	}
}

// PostgREST hangs up after a HEAD without a word; whoever is next must not
// notice.
func TestARequestAfterAHeadIsAnswered(t *testing.T) {
	t.Parallel()
	p := withMemo(t)
	memos := p.URL + "/rest/v1/memos"
	for i := range 50 {
		status, _ := ask(t, http.MethodHead, memos, "", "apikey", p.SecretKey)
		require.Equal(t, 200, status)
		status, body := ask(t, http.MethodPost, memos, fmt.Sprintf(`{"id":%d}`, i),
			"apikey", p.SecretKey, "Content-Type", "application/json")
		require.Equal(t, 201, status, body)
	}
}

func TestNothingIsGrantedThatNoMigrationGranted(t *testing.T) {
	t.Parallel()
	p := stacktest.NewProject(t)
	_, err := p.DB().Exec(t.Context(), `
		set role postgres; create table public.plain (id int primary key); reset role; notify pgrst, 'reload schema'`)
	require.NoError(t, err)
	status, body := ask(t, http.MethodGet, p.URL+"/rest/v1/plain", "", "apikey", p.SecretKey)
	require.NotEqual(t, 200, status)
	require.Contains(t, body, "42501")
}
