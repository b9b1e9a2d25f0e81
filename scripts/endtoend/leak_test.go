package endtoend_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// What must be seen nowhere. Each is unlike anything else that is printed.
const (
	markSecret     = "mark-webhook-secret-4d1c"
	markOldSecret  = "mark-older-secret-77e0"
	markSalt       = "mark-salt-0f5a-long-enough"
	markToken      = "mark-admin-token-93bb"
	markEmail      = "mark.student@mark-school.test"
	markName       = "Marka Beispielmark"
	markTopic      = "Mark Topic Algebra"
	markRegistrant = "markRegistrant5c2e"
	markCustomer   = "markCustomer81aa"
	markZoomUser   = "markZoomUser6f30"
	markAccount    = "markAccount2b9d"
	markSegment    = "16977024311"
	markUUID       = "markUuid/aB+cD=="
	markPhone      = "4915559907731"
	markPlain      = "markPlainToken000777"
	markClient     = "198.51.100.177"
	markOwnIP      = "203.0.113.188"
	markBody       = "mark-body-e6c4"
	markUserAgent  = "mark-agent-71c2"
	markLegacy     = "mark-legacy-token-3aa1"
	markAlertPath  = "mark-alert-path-52fb"
	markCollector  = "mark-collector-key-58f2"
)

var marks = []string{
	markSecret, markOldSecret, markSalt, markToken, markEmail, "mark-school", markName, "Marka", markTopic, markRegistrant, markCustomer, markZoomUser,
	markAccount, markSegment, markUUID, markPhone, markPlain, markClient, markOwnIP, markBody, markUserAgent, markLegacy, markCollector,
	markAlertPath, alertSecret, strings.TrimPrefix(alertSecret, "whsec_"), "mark-alert-secret",
}

// marked is an event in which everything is marked.
func marked(event, meeting, name string) []byte {
	body, err := json.Marshal(map[string]any{
		"event": event, "event_ts": 1772441252345, "note": markBody,
		"payload": map[string]any{"account_id": markAccount, "object": map[string]any{
			"id": meeting, "uuid": markUUID, "topic": markTopic, "start_time": "2026-03-02T08:00:04Z", "end_time": "2026-03-02T08:47:31Z",
			"participant": map[string]any{
				"user_id": markSegment, "participant_uuid": markUUID, "participant_user_id": markZoomUser, "registrant_id": markRegistrant,
				"customer_key": markCustomer, "email": markEmail, "user_name": name, "phone_number": markPhone, "public_ip": markOwnIP,
				"join_time": "2026-03-02T08:01:14Z", "leave_time": "2026-03-02T08:40:00Z",
			},
		}},
	})
	if err != nil {
		panic(err)
	}
	return body
}

// witness sends to a sidecar and keeps every word it says.
type witness struct {
	*process
	heard bytes.Buffer // the answers, headers and all
	known []string     // further words that must be seen nowhere: signatures
}

// send posts a body, signed by each of sign, and returns the status.
func (w *witness) send(ctx context.Context, t *testing.T, body []byte, sign ...func(http.Header, []byte)) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("X-Forwarded-For", markClient)
	request.Header.Set("User-Agent", markUserAgent)
	request.Header.Set("Authorization", markLegacy)
	request.Header.Set("traceparent", zoomParent)
	request.Header.Set("tracestate", "vendor="+markBody)
	request.Header.Set("baggage", "name="+markBody)
	for _, s := range sign {
		s(request.Header, body)
	}
	if signature := request.Header.Get(zoom.HeaderSignature); len(signature) > 20 {
		w.known = append(w.known, strings.TrimPrefix(signature, "v0="))
	}
	timestamp := request.Header.Get(zoom.HeaderTimestamp)
	w.known = append(w.known, strings.TrimPrefix(zoom.Sign(markSecret, timestamp, body), "v0=")) // what would have been right
	return w.listen(t, request)
}

// listen makes a request and keeps the answer, but for the two tokens that a good
// challenge is owed.
func (w *witness) listen(t *testing.T, request *http.Request) int {
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if !bytes.Contains(body, []byte("encryptedToken")) {
		fmt.Fprintln(&w.heard, response.Header, string(body))
	}
	return response.StatusCode
}

func signedBy(secret zoom.Secret, ago time.Duration) func(http.Header, []byte) {
	return func(h http.Header, body []byte) {
		timestamp := strconv.FormatInt(time.Now().Add(-ago).Unix(), 10)
		h.Set(zoom.HeaderTimestamp, timestamp)
		h.Set(zoom.HeaderSignature, zoom.Sign(secret, timestamp, body))
	}
}

func header(name, value string) func(http.Header, []byte) {
	return func(h http.Header, _ []byte) { h.Set(name, value) }
}

// refusals are what a project may answer in place of doing what it should,
// quoting all it was told.
var refusals = map[string]struct {
	status int
	body   string
}{
	"a gateway that echoes":      {400, `{"message":"cannot take %s"}`},
	"a gateway that speaks HTML": {502, `<html>%s</html>`},
	"a wrong key":                {401, `{"message":"Invalid API key","hint":"%s"}`},
	"a wrong JWT":                {401, `{"code":"PGRST301","message":"JWT invalid","details":"%s"}`},
	"a limit":                    {429, `{"message":"slow down, %s"}`},
	"a stale cache":              {404, `{"code":"PGRST202","message":"Could not find the function","details":"Searched for %s"}`},
	"a code that nobody knows":   {400, `{"code":"ZZ999","message":"%s","details":"%[1]s","hint":"%[1]s"}`},
	"trouble with a row":         {500, `{"code":"XX000","message":"trouble","details":"Failing row contains (%s)","hint":"%[1]s"}`},
	"an answer of another kind":  {200, `{"applied":"%s"}`},
}

// echo stands before a project. It answers one call of each function with each
// refusal, and then lets everything through; done tells that the events had theirs.
func echo(t *testing.T, project, key string) (address string, done <-chan struct{}) {
	target, err := url.Parse(project)
	require.NoError(t, err)
	forward := httputil.NewSingleHostReverseProxy(target)
	var names []string
	for name := range refusals {
		names = append(names, name)
	}
	slices.Sort(names)
	var mu sync.Mutex
	calls := map[string]int{}
	all := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/watch_zoom") { // it asks once a minute
			forward.ServeHTTP(w, r)
			return
		}
		mu.Lock()
		n := calls[r.URL.Path]
		calls[r.URL.Path]++
		mu.Unlock()
		if n == len(names) && strings.HasSuffix(r.URL.Path, "/apply_zoom_events") {
			close(all)
		}
		if n >= len(names) {
			forward.ServeHTTP(w, r)
			return
		}
		told, _ := io.ReadAll(r.Body)
		quoted, _ := json.Marshal(string(told) + key)
		refusal := refusals[names[n]]
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(refusal.status)
		_, _ = fmt.Fprintf(w, refusal.body, strings.Trim(string(quoted), `"`))
	}))
	t.Cleanup(server.Close)
	return server.URL, all
}

// One process, everything that can come in and go wrong, the most talkative log
// there is: and nothing of what was marked is in the log, in the metrics or in an
// answer.
func TestNothingPrivateIsEverSaid(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	project := stacktest.NewProject(t)
	meetingOfMarks(ctx, t, project)
	poisonous(ctx, t, project)
	silentLesson(ctx, t, project)
	listener, alerts := receiveAlerts(t)
	address, refused := echo(t, project.URL, project.SecretKey)
	spans := newCollector(t)
	w := &witness{process: newSidecar(t, address, project.SecretKey)}
	w.env = append(w.env, "LOG_LEVEL=debug", "ZOOM_WEBHOOK_SECRET="+markSecret+","+markOldSecret, "IP_HASH_SALT="+markSalt,
		"ADMIN_TOKEN="+markToken, "TRUSTED_PROXIES=127.0.0.1", "MAX_BODY_BYTES=65536", "MAX_BODY_MEMORY=1048576",
		"ALERT_URL="+listener+"/refuse/no_challenge/"+markAlertPath+"?token="+markBody, "ALERT_SECRET="+alertSecret,
		"OTEL_EXPORTER_OTLP_ENDPOINT="+spans.url, "OTEL_EXPORTER_OTLP_HEADERS=x-key="+markCollector)
	w.start(ctx, t)
	good := signedBy(markSecret, 0)
	joined := marked(zoom.EventParticipantJoined, "81234567890", markName)
	poison := marked(zoom.EventParticipantJoined, "81234567890", markName+" poison")
	poison = bytes.ReplaceAll(poison, []byte(`"participant_uuid":"`), []byte(`"participant_uuid":"other-`)) // another person
	poison = bytes.ReplaceAll(poison, []byte(markSegment), []byte(markSegment+"9"))

	// To the database, past every refusal.
	require.Equal(t, 200, w.send(ctx, t, joined, good))
	select {
	case <-refused:
	case <-ctx.Done():
		t.Fatalf("the database was not asked often enough:\n%s", w.said())
	}

	// To whom the watch tells: one alert arrives, another one is refused.
	alert := awaitAlert(ctx, t, w.process, alerts)
	require.Equal(t, "lesson_silent", alert["name"])
	require.Equal(t, "81234567899", alert["meeting"])
	w.hears(ctx, t, 1, "could not be delivered")

	// At the door.
	for sentence, c := range map[string]struct {
		body   []byte
		sign   []func(http.Header, []byte)
		status int
	}{
		"repeated":                              {joined, []func(http.Header, []byte){good}, 200},
		"signed with the older secret":          {marked(zoom.EventParticipantLeft, "81234567890", markName), []func(http.Header, []byte){signedBy(markOldSecret, 0)}, 200},
		"of a meeting nobody knows":             {marked(zoom.EventParticipantJoined, "89999999999", markName), []func(http.Header, []byte){good}, 200},
		"a name that the database cannot take":  {poison, []func(http.Header, []byte){good}, 200},
		"undecodable":                           {bytes.Replace(joined, []byte(`"participant"`), []byte(`"somebody"`), 1), []func(http.Header, []byte){good}, 200},
		"not used":                              {marked("meeting.sharing_started", "81234567890", markName), []func(http.Header, []byte){good}, 200},
		"unsigned":                              {joined, nil, 401},
		"signed by another":                     {joined, []func(http.Header, []byte){signedBy("mark-other", 0)}, 401},
		"signed long ago":                       {joined, []func(http.Header, []byte){signedBy(markSecret, time.Hour)}, 401},
		"a marked signature":                    {joined, []func(http.Header, []byte){good, header(zoom.HeaderSignature, "v0="+markBody)}, 401},
		"a marked timestamp":                    {joined, []func(http.Header, []byte){good, header(zoom.HeaderTimestamp, markBody)}, 401},
		"a marked tracking id":                  {joined, []func(http.Header, []byte){header(zoom.HeaderTrackingID, markEmail+" "+markName)}, 401},
		"not JSON":                              {[]byte(markName + markEmail), []func(http.Header, []byte){good}, 400},
		"too long":                              {append(joined, bytes.Repeat([]byte(" "), 1<<16)...), []func(http.Header, []byte){good}, 413},
		"a challenge":                           {challengeOf(markPlain), []func(http.Header, []byte){good}, 200},
		"a challenge without a signature":       {challengeOf(markPlain), nil, 200},
		"a challenge wrongly signed":            {challengeOf(markPlain), []func(http.Header, []byte){signedBy("mark-other", 0)}, 401},
		"a challenge that would forge an event": {challengeOf("v0:1:" + markBody), []func(http.Header, []byte){good}, 400},
	} {
		require.Equal(t, c.status, w.send(ctx, t, c.body, c.sign...), sentence)
	}
	for range 25 { // until it is limited
		w.send(ctx, t, joined, signedBy("mark-other", 0))
	}
	elsewhere, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(w.url, "/api/zoom/webhook")+"/"+markEmail+"?key="+markBody, nil)
	require.NoError(t, err)
	require.Equal(t, 404, w.listen(t, elsewhere))

	// While PostgREST is down.
	w.hears(ctx, t, 2, "dead letter")
	again := outagesOver(w.said())
	project.StopPostgREST()
	require.Equal(t, 200, w.send(ctx, t, marked(zoom.EventMeetingEnded, "81234567890", ""), good))
	w.hears(ctx, t, 1, "apply_zoom_events: 503")
	project.StartPostgREST()
	w.hearsOutageEnd(ctx, t, again+1)

	// What operators see.
	metrics := w.operator(ctx, t, "/metrics", 200)
	w.operator(ctx, t, "/dead", 200)
	w.operator(ctx, t, "/"+markEmail, 404)
	w.stop(t)

	// What was meant to happen did.
	said := w.said()
	for _, sign := range []string{"22P02", "undecodable", "the meeting is unknown", "PGRST301", "ZZ999", "XX000", "http_502", "http_429", "limited", "wrong_signature", "stale_timestamp", "malformed_signature", "invalid_token", "too_large", "challenge"} {
		require.Contains(t, said, sign)
	}
	requireSilent(t, "the log", said, w.known)
	requireSilent(t, "the metrics", metrics, w.known)
	requireSilent(t, "an answer", w.heard.String(), w.known)
	requireSilent(t, "an alert", fmt.Sprint(alert), w.known)
	require.Equal(t, markCollector, spans.headers.Get("X-Key"))
	for _, name := range []string{"POST /api/zoom/webhook", "keep inbox", "process event", "apply batch", "apply_zoom_events"} {
		require.NotEmpty(t, spans.named(name), name)
	}
	requireSilent(t, "a trace", spans.heard.String(), w.known)
}

// requireSilent looks for the marks as they are, and as encodings write them.
func requireSilent(t *testing.T, where, text string, known []string) {
	t.Helper()
	keys := []string{"sb_secret_"}
	for _, mark := range slices.Concat(marks, known, keys) {
		for _, form := range []string{mark, fmt.Sprintf("%x", mark), fmt.Sprint([]byte(mark)), url.QueryEscape(mark), strings.ToUpper(mark)} {
			if at := strings.Index(text, form); at >= 0 {
				line := text[strings.LastIndexByte(text[:at], '\n')+1:]
				line, _, _ = strings.Cut(line, "\n")
				t.Errorf("%s says %q:\n%s", where, form, line)
			}
		}
	}
	if peer := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(text, -1); where != "the log" {
		require.Empty(t, peer, "%s names an address", where)
	}
}

func challengeOf(token string) []byte {
	body, err := json.Marshal(map[string]any{"event": zoom.EventURLValidation, "payload": map[string]any{"plainToken": token}})
	if err != nil {
		panic(err)
	}
	return body
}

// meetingOfMarks enters the meeting 81234567890.
func meetingOfMarks(ctx context.Context, t *testing.T, project *stacktest.Project) {
	_, err := project.DB().Exec(ctx, `
		with host as (
			insert into public.users (email, name, role) values ('host@school.test', 'Host', 'teacher') returning id
		)
		insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url)
		select '81234567890', id, '`+markTopic+`', '2026-03-02T08:00:00Z', 'https://zoom.test/j' from host`)
	require.NoError(t, err)
}

// silentLesson has the watch find a lesson that should be running, and no challenge.
func silentLesson(ctx context.Context, t *testing.T, project *stacktest.Project) {
	_, err := project.DB().Exec(ctx, `
		with watch as (
			insert into zoom.watch (began_at, unbroken_since) values (now() - interval '100 hours', now() - interval '1 hour')
		)
		insert into public.zoom_meetings (zoom_meeting_id, host_id, title, start_time, join_url, created_at)
		select '81234567899', id, '`+markTopic+`', now() - interval '20 minutes', 'https://zoom.test/j', now() - interval '1 day' from public.users`)
	require.NoError(t, err)
}

// poisonous has the database refuse names "… poison", with the words of the event
// in its message, detail and hint.
func poisonous(ctx context.Context, t *testing.T, project *stacktest.Project) {
	_, err := project.DB().Exec(ctx, `
		create function public.poison() returns trigger language plpgsql as $$
		begin
			if new.name like '% poison' then
				raise exception 'invalid input: %', new.name using errcode = '22P02', hint = new.name,
					detail = (select own.email from zoom.segments own where own.run_id = new.run_id and own.segment = new.segment);
			end if;
			return new;
		end $$;
		create trigger poison before insert or update on zoom.marks for each row execute function public.poison()`)
	require.NoError(t, err)
}

// operator asks as an operator does.
func (w *witness) operator(ctx context.Context, t *testing.T, path string, status int) string {
	address, _ := strings.CutPrefix(setting(w.env, "ADMIN_ADDR"), "ADMIN_ADDR=")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+markToken)
	request.Close = true
	before := w.heard.Len()
	require.Equal(t, status, w.listen(t, request))
	return w.heard.String()[before:]
}
