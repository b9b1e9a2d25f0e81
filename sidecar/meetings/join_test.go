package meetings_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

func TestThePageOfAMeetingReadsItsAnswer(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	answer := func(who string) map[string]any {
		got := w.enter(t, lesson, w.by(who))
		require.Equal(t, http.StatusOK, got.status, got.body)
		return read[map[string]any](t, got)
	}
	asPupil := answer(pupil)
	require.Len(t, asPupil["customerKey"], 32)
	require.Equal(t, w.row(t, `select customer_key from zoom.keys where meeting_id = $1 and user_id = $2`, w.meetings[lesson], w.school.people[pupil]), asPupil["customerKey"])
	require.Equal(t, map[string]any{
		"joinUrl": joinURL, "startUrl": nil, "password": password, "meetingNumber": lessonNumber, "isHost": false,
		"sdkSignature": nil, "sdkKey": nil, "userName": "Pia Pupil", "userEmail": "Pia@School.test", "isRegistered": false,
		"customerKey": asPupil["customerKey"],
	}, asPupil)
	require.Equal(t, asPupil, answer(pupil), "asked again, it is the same")

	asHost := answer(host)
	require.Equal(t, true, asHost["isHost"])
	require.Equal(t, startURL, asHost["startUrl"])
	require.NotEqual(t, asPupil["customerKey"], asHost["customerKey"])

	asRegistrant := answer(truant)
	require.Equal(t, true, asRegistrant["isRegistered"])
	require.Equal(t, ownJoinURL, asRegistrant["joinUrl"])
	require.Equal(t, "invited", w.row(t, `select status from public.zoom_participants where user_id = $1`, w.school.people[truant]))
}

func TestAskedManyTimesAtOnceAUserHasOneKey(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	keys := make(chan any, 12)
	var all sync.WaitGroup
	for range cap(keys) {
		all.Go(func() {
			keys <- read[map[string]any](t, w.enter(t, lesson, w.by(pupil)))["customerKey"]
		})
	}
	all.Wait()
	close(keys)
	first := <-keys
	require.NotEmpty(t, first)
	for key := range keys {
		require.Equal(t, first, key)
	}
}

func TestOnlyStudentsMustHaveAnAddressOfTheSchool(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) { o.EmailDomain = "school.TEST" })
	for who, status := range map[string]int{pupil: 200, truant: 403, teacher: 200, parent: 200} {
		t.Run(who, func(t *testing.T) {
			for _, got := range []reply{w.enter(t, lesson, w.by(who)), w.say(t, lesson, "join", w.by(who))} {
				require.Equal(t, status, got.status, got.body)
				if status == http.StatusForbidden {
					require.Equal(t, "DOMAIN_RESTRICTED", read[map[string]string](t, got)["code"])
				}
			}
		})
	}
}

func TestWhatAUserDidIsRecorded(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	for _, c := range []struct {
		action string
		kind   zoom.Kind
	}{{"join", zoom.AppJoined}, {"leave", zoom.AppLeft}} {
		got := w.say(t, lesson, c.action, w.by(pupil))
		require.Equal(t, http.StatusOK, got.status, got.body)
		require.JSONEq(t, `{"success":true}`, got.body)
		facts := w.ledger.all()
		require.Equal(t, zoom.Fact{
			Kind: c.kind, Meeting: lessonNumber, User: w.school.people[pupil], At: time.Date(2026, 3, 2, 8, 1, 14, 123456000, time.UTC),
		}, facts[len(facts)-1])
	}
}

func TestWhatAUserDidReachesTheDatabase(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	w := open(t, s, func(o *meetings.Options) { o.Recorder = connect(t, s) })
	for _, action := range []string{"join", "leave"} {
		got := w.say(t, lesson, action, w.by(pupil))
		require.Equal(t, http.StatusOK, got.status, w.log.String())
	}
	require.Equal(t, "joined left", w.row(t, `
		select string_agg(kind, ' ' order by kind) from zoom.visits where meeting_id = $1 and user_id = $2 and at = '2026-03-02T08:01:14.123456Z'`,
		s.meetings[lesson], s.people[pupil]))
}

func TestWhoMaySeeAMeetingMayLeaveIt(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t), func(o *meetings.Options) { o.EmailDomain = "school.test" })
	for _, c := range []struct {
		who, meeting string
		status       int
	}{
		{pupil, cancelled, 200}, {guest, assembly, 200}, {truant, lesson, 200},
		{guest, lesson, 404}, {gone, lesson, 404}, {unknown, assembly, 404}, {nobody, lesson, 401},
	} {
		t.Run(c.who+" leaves the "+c.meeting, func(t *testing.T) {
			before := len(w.ledger.all())
			require.Equal(t, c.status, w.say(t, c.meeting, "leave", w.by(c.who)).status)
			require.Equal(t, c.status == http.StatusOK, len(w.ledger.all()) > before)
		})
	}
}

func TestWhoMayNotEnterIsNotRecorded(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	for who, meeting := range map[string]string{guest: assembly, pupil: cancelled, unknown: lesson, nobody: lesson} {
		require.NotEqual(t, http.StatusOK, w.say(t, meeting, "join", w.by(who)).status)
	}
	require.Empty(t, w.ledger.all())
}

func TestBodiesThatAreNoAction(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	const notJSON, noAction = `{"error":"Invalid JSON"}`, `{"error":"Invalid action"}`
	for name, c := range map[string]struct {
		body   string
		status int
		told   string
	}{
		"nothing":                  {"", 400, notJSON},
		"a word":                   {"join", 400, notJSON},
		"half an object":           {`{"action":"join"`, 400, notJSON},
		"two objects":              {`{"action":"join"}{}`, 400, notJSON},
		"a form":                   {"action=join", 400, notJSON},
		"a list":                   {`[{"action":"join"}]`, 400, noAction},
		"a text":                   {`"join"`, 400, noAction},
		"null":                     {`null`, 400, noAction},
		"an object without action": {`{}`, 400, noAction},
		"an action that is none":   {`{"action":"kick"}`, 400, noAction},
		"an action of the wrong":   {`{"action":["join"]}`, 400, noAction},
		"an action in capitals":    {`{"action":"JOIN"}`, 400, noAction},
		"more than 4 KiB":          {`{"action":"join","x":"` + strings.Repeat("x", 4<<10) + `"}`, 413, `{"error":"Body too large"}`},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.send(t, http.MethodPost, w.path(lesson, "join"), c.body, w.by(pupil))
			requireRefused(t, got, c.status, c.told)
		})
	}
	t.Run("4 KiB are read", func(t *testing.T) {
		body := `{"action":"join"}`
		got := w.send(t, http.MethodPost, w.path(lesson, "join"), body+strings.Repeat(" ", 4<<10-len(body)), w.by(pupil))
		require.Equal(t, http.StatusOK, got.status, got.body)
	})
	require.Len(t, w.ledger.all(), 1)
}

func TestOtherPathsAndMethodsGetJSONAndNeverARedirect(t *testing.T) {
	t.Parallel()
	w := open(t, newSchool(t))
	id := w.meetings[lesson]
	for _, c := range []struct {
		method, path string
		status       int
		told         string
	}{
		{"GET", "/api/zoom/meetings/", 404, `{"error":"Not found"}`},
		{"GET", "/api/zoom/meetings/" + id, 404, `{"error":"Not found"}`},
		{"GET", "/api/zoom/meetings/" + id + "/", 404, `{"error":"Not found"}`},
		{"GET", "/api/zoom/meetings/" + id + "/join/", 404, `{"error":"Not found"}`},
		{"GET", "/api/zoom/meetings/" + id + "/Join", 404, `{"error":"Not found"}`},
		{"GET", "/api/zoom/meetings//join", 404, notFound},
		{"GET", "/api/zoom/meetings/" + lessonNumber + "/join", 404, notFound},
		{"GET", "/api/zoom/meetings/{" + id + "}/join", 404, notFound},
		{"GET", "/api/zoom/meetings/urn:uuid:" + id + "/join", 404, notFound},
		{"GET", "/api/zoom/meetings/" + strings.ReplaceAll(id, "-", "") + "/join", 404, notFound},
		{"GET", "/api/zoom/meetings/" + id + "%20/participants", 404, notFound},
		{"POST", "/api/zoom/meetings/x/join", 404, notFound},
		{"HEAD", "/api/zoom/meetings/" + id + "/join", 405, ""},
		{"PUT", "/api/zoom/meetings/" + id + "/join", 405, `{"error":"Method not allowed"}`},
		{"DELETE", "/api/zoom/meetings/" + id + "/participants", 405, `{"error":"Method not allowed"}`},
		{"POST", "/api/zoom/meetings/" + id + "/participants", 405, `{"error":"Method not allowed"}`},
		{"OPTIONS", "/api/zoom/meetings/" + id + "/join", 405, `{"error":"Method not allowed"}`},
	} {
		t.Run(c.method+" "+c.path, func(t *testing.T) {
			got := w.send(t, c.method, c.path, `{"action":"join"}`, w.by(pupil))
			require.Equal(t, c.status, got.status, got.body)
			requireHardened(t, got)
			if c.told != "" {
				require.JSONEq(t, c.told, got.body)
			}
		})
	}
	t.Run("an id in capitals is the same id", func(t *testing.T) {
		got := w.send(t, http.MethodGet, meetings.Path+strings.ToUpper(id)+"/join", "", w.by(pupil))
		require.Equal(t, http.StatusOK, got.status, got.body)
	})
}

func TestAClientThatHangsUpDoesNotStopTheRecord(t *testing.T) {
	t.Parallel()
	ctx, hangUp := context.WithCancel(t.Context())
	w := open(t, newSchool(t))
	hangUp()
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, w.path(lesson, "join"), strings.NewReader(`{"action":"leave"}`))
	w.by(pupil)(request)
	with("Origin", "https://"+request.Host)(request)
	answer := httptest.NewRecorder()
	w.handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusOK, answer.Code, answer.Body)
	require.Len(t, w.ledger.all(), 1)
}

func TestARecordThatFails(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	for name, c := range map[string]struct {
		then   func(context.Context) ([]zoom.Outcome, error)
		status int
		told   string
		reason string
		level  string
	}{
		"for the weather":         {func(context.Context) ([]zoom.Outcome, error) { return nil, errors.New("no connection") }, 503, later, "no_answer", "WARN"},
		"for our key":             {func(context.Context) ([]zoom.Outcome, error) { return nil, &supabase.Error{Status: 401} }, 503, later, "refuses_us", "ERROR"},
		"for the fact":            {func(context.Context) ([]zoom.Outcome, error) { return nil, &supabase.Error{Status: 400, Code: "22023"} }, 503, later, "refuses_us", "ERROR"},
		"as the meeting is gone":  {func(context.Context) ([]zoom.Outcome, error) { return []zoom.Outcome{zoom.UnknownMeeting}, nil }, 404, notFound, "no_meeting", "INFO"},
		"in a panic with a name":  {func(context.Context) ([]zoom.Outcome, error) { panic("Pia Pupil") }, 500, `{"error":"Internal error"}`, "panic", "ERROR"},
		"as it was there already": {func(context.Context) ([]zoom.Outcome, error) { return []zoom.Outcome{zoom.Duplicate}, nil }, 200, `{"success":true}`, "ok", "DEBUG"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, s)
			w.ledger.then = c.then
			got := w.say(t, lesson, "join", w.by(pupil))
			requireRefused(t, got, c.status, c.told)
			require.EqualValues(t, 1, w.count(t, "post_join", c.status, c.reason))
			require.Contains(t, w.log.String(), fmt.Sprintf("%q:%q", "level", c.level))
			require.NotContains(t, w.log.String(), "Pia")
			require.Equal(t, c.status == 503, got.header.Get("Retry-After") == "5")
		})
	}
}

// Who is let in for the first time gets a row, which pages hear of.
func TestTheRowOfAnEntranceIsCounted(t *testing.T) {
	t.Parallel()
	s, counted := newSchool(t), prometheus.NewRegistry()
	w := open(t, s, func(o *meetings.Options) {
		o.Project = connect(t, s, func(o *supabase.Options) { o.Metrics = counted })
	})
	changes := func(participants int) string {
		return fmt.Sprintf(`
			# HELP sidecar_supabase_row_changes_total Rows that our calls wrote, by table; each is a message of Realtime to everybody who watches it.
			# TYPE sidecar_supabase_row_changes_total counter
			sidecar_supabase_row_changes_total{table="attendance_records"} 0
			sidecar_supabase_row_changes_total{table="zoom_meetings"} 0
			sidecar_supabase_row_changes_total{table="zoom_participants"} %d
		`, participants)
	}
	for n, who := range []string{guest, pupil, pupil, host} {
		w.enter(t, lesson, w.by(who))
		want := []int{0, 1, 1, 2}[n]
		require.NoError(t, testutil.GatherAndCompare(counted, strings.NewReader(changes(want)), "sidecar_supabase_row_changes_total"))
	}
}
