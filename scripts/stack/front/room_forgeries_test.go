package front_test

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
)

// insert sends a row to the Data API in somebody's session, as a page of the app
// would. Whether the project takes it, is not asked here.
func (s *school) insert(table, email, row string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.URL+"/rest/v1/"+table, strings.NewReader(row))
	require.NoError(s.t, err)
	for name, value := range map[string]string{"apikey": s.PublishableKey, "Authorization": "Bearer " + s.token(email), "Content-Type": "application/json"} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
}

// joinOf is the address at which one asks how to enter the only meeting of a title.
func (s *school) joinOf(title string) string {
	return s.sidecar.Base + "/api/zoom/meetings/" + value[string](s, "select id::text from zoom_meetings where title = $1", title) + "/join"
}

// roleIn is that of the signature in an answer; -1 without.
func roleIn(t *testing.T, answer map[string]any) int {
	t.Helper()
	signature, ok := answer["sdkSignature"].(string)
	if !ok {
		return -1
	}
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(signature, claims)
	require.NoError(t, err)
	return int(claims["role"].(float64))
}

// A teacher makes a meeting with the number of a colleague's, however it is spelled: whether the project refuses the row or had it
// before it refused such, nobody is given a host's signature with it.
func TestNoSpellingOfANumberMakesAHostOfAnothersMeeting(t *testing.T) {
	s := newSchool(t)
	s.sidecar = s.StartSidecar("ZOOM_SDK_KEY=demo-sdk-key", "ZOOM_SDK_SECRET=demo-sdk-secret")
	const colleague, title = "k.lindqvist@school.test", "Forged"
	require.Equal(t, 1, roleIn(t, s.ask("GET", s.room("join"), "", bearer(s.token(teacher)), 200)), "the host's own")
	for name, number := range map[string]string{
		"plain": lessonNumber, "with blanks": "812 3456 7890", "with dashes": "812-3456-7890", "in full-width digits": "８１２３４５６７８９０",
		"with a plus": "+" + lessonNumber, "with a zero before it": "0" + lessonNumber,
	} {
		t.Run(name, func(t *testing.T) {
			s.insert("zoom_meetings", colleague, `{"zoom_meeting_id":"`+number+`","title":"`+title+`","host_id":"`+s.id(colleague)+`",
				"start_time":"2031-12-01T08:00:00Z","join_url":"https://zoom.test/j/1","target_audience":"personal"}`)
			s.exec(`insert into zoom_meetings (zoom_meeting_id, title, host_id, start_time, join_url) values ($1, $2, $3, now(), 'https://zoom.test/j/1')
				on conflict do nothing`, number, title, s.id(colleague))
			if name == "plain" {
				require.Zero(t, value[int](s, "select count(*) from zoom_meetings where title = $1", title), "two rows cannot have it")
				return
			}
			answer := s.ask("GET", s.joinOf(title), "", bearer(s.token(colleague)), 200)
			require.Equal(t, true, answer["isHost"], "of the row")
			require.Equal(t, -1, roleIn(t, answer))
			s.exec("delete from zoom_meetings where title = $1", title)
		})
	}
}

// A teacher puts a script where an address should be: no page is told to open it.
func TestAScriptForAnAddressIsHandedToNobody(t *testing.T) {
	s := newSchool(t)
	for _, address := range []string{"javascript:alert(1)", " JavaScript:alert(1)", "data:text/html,<script>alert(1)</script>"} {
		s.insert("zoom_meetings", teacher, `{"zoom_meeting_id":"70000000001","title":"Scripted","host_id":"`+s.id(teacher)+`","class_id":"`+class7b+`",
			"start_time":"2031-12-01T08:00:00Z","join_url":"`+address+`"}`)
		s.exec(`insert into zoom_meetings (zoom_meeting_id, title, host_id, class_id, start_time, join_url, start_url)
			values ('70000000001', 'Scripted', $1, $2, now(), $3, $3) on conflict (zoom_meeting_id) do update set join_url = $3, start_url = $3`,
			s.id(teacher), class7b, address)
		for _, who := range []string{teacher, student, parent} {
			answer := s.ask("GET", s.joinOf("Scripted"), "", bearer(s.token(who)), 200)
			require.Contains(t, answer, "joinUrl")
			require.Nil(t, answer["joinUrl"], who)
			require.Nil(t, answer["startUrl"], who)
		}
	}
}

// Eight clients without a token flood the room past what an address may fail; forty students behind the same address ask for the
// first time, and all are answered.
func TestWhoHasNoTokenSpendsNothingOfAnAddress(t *testing.T) {
	s := newSchool(t)
	students := rows[string](s, "select email from users join class_students on student_id = users.id where class_id = $1 order by email limit 40", class7b)
	require.Len(t, students, 40)
	join := s.room("join")
	kept := &http.Transport{MaxIdleConnsPerHost: 64}
	t.Cleanup(kept.CloseIdleConnections)
	status := func(token string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, join, nil)
		if err != nil {
			return 0
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := kept.RoundTrip(request)
		if err != nil {
			return 0
		}
		_ = response.Body.Close()
		return response.StatusCode
	}

	var stop atomic.Bool
	var limited, flood sync.WaitGroup
	for range 8 {
		limited.Add(1)
		flood.Go(func() {
			past := sync.OnceFunc(limited.Done)
			defer past()
			for !stop.Load() {
				if status("") == http.StatusTooManyRequests {
					past()
				}
			}
		})
	}
	limited.Wait() // all eight
	for _, email := range students {
		require.Equal(t, http.StatusOK, status(s.token(email)), email)
	}
	stop.Store(true)
	flood.Wait()
	metrics := s.sidecar.Metrics()
	require.Contains(t, metrics, `sidecar_room_requests_total{reason="ok",route="get_join",status="200"} 40`)
	require.Less(t, strings.Count(s.sidecar.Log(), "address_limited"), 10, "a line a minute, however many were refused")
}
