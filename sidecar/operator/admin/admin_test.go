package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/zoom"
)

func TestTheTokenDecidesWhatIsAnswered(t *testing.T) {
	const right = "Bearer " + testToken
	for sentence, c := range map[string]struct {
		token, method, path, authorization string
		status                             int
	}{
		"metrics with the token":              {testToken, "GET", "/metrics", right, 200},
		"metrics without":                     {testToken, "GET", "/metrics", "", 401},
		"the list with the token":             {testToken, "GET", "/dead", right, 200},
		"the list without":                    {testToken, "GET", "/dead", "", 401},
		"the list with another":               {testToken, "GET", "/dead", right + "x", 401},
		"the list with a part of it":          {testToken, "GET", "/dead", right[:len(right)-1], 401},
		"the list with nothing":               {testToken, "GET", "/dead", "Bearer ", 401},
		"the list with the token alone":       {testToken, "GET", "/dead", testToken, 401},
		"the list with another scheme":        {testToken, "GET", "/dead", "Basic " + testToken, 401},
		"an unknown path without":             {testToken, "GET", "/nothing", "", 401},
		"an unknown path with the token":      {testToken, "GET", "/nothing", right, 404},
		"another method with the token":       {testToken, "PUT", "/dead", right, 404},
		"no token set, metrics":               {"", "GET", "/metrics", "", 200},
		"no token set, the list":              {"", "GET", "/dead", "", 403},
		"no token set, the list with nothing": {"", "GET", "/dead", "Bearer ", 403},
		"no token set, a replay":              {"", "POST", "/replay", "", 403},
		"no token set, metrics by a detour":   {"", "GET", "/dead/../metrics", "", 403},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.Token = zoom.Secret(c.token) })
			status, body := w.ask(c.method, c.path, c.authorization)
			require.Equal(t, c.status, status, body)
			if status == http.StatusOK {
				return
			}
			var answer struct{ Error string }
			require.NoError(t, json.Unmarshal([]byte(body), &answer), body)
			require.NotEmpty(t, answer.Error)
			require.NotContains(t, w.log.String(), testToken)
		})
	}
}

func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	for _, question := range []string{
		"GET /dead?after=x", "GET /dead?most=-1", "GET /dead/x", "GET /dead/0", "DELETE /dead/-1", "POST /dead/1.5/replay",
		"GET /replay", "GET /replay?since=yesterday", "POST /replay?since=36h", "GET /replay?since=2026-03-02T08:00:00Z&meeting=7b", "GET /replay?outcome=7b", "POST /replay?outcome=x%0A",
	} {
		method, path, _ := strings.Cut(question, " ")
		status, body := w.ask(method, path, "Bearer "+testToken)
		require.Equal(t, http.StatusBadRequest, status, "%s: %s", question, body)
	}
	status, _ := w.ask("GET", "/dead/1", "Bearer "+testToken)
	require.Equal(t, http.StatusNotFound, status)
}

func TestARequestWithALongBodyIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	request, err := http.NewRequestWithContext(w.context(), http.MethodPost, w.url+"/dead/replay", strings.NewReader(strings.Repeat("x", maxBody+1)))
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+testToken)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

// stuck is an inbox that cannot put back.
type stuck struct{ inbox.Inbox }

func (stuck) PutBack(context.Context, uint64) error {
	return errors.New("inbox is full: no room")
}

func TestWhatTheInboxRefusesIsSaid(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Inbox = stuck{o.Inbox} })
	status, body := w.ask("POST", "/dead/1/replay", "Bearer "+testToken)
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.JSONEq(t, `{"error":"inbox is full: no room"}`, body)
	w.log.await(t, "inbox is full")
}
