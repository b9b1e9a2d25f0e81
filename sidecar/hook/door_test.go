package hook_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/zoom"
)

const (
	unauthorized = `{"error":"Invalid signature"}`
	receivedBody = `{"received":true}`
)

// challenge is a challenge with a token.
func challenge(token string) string {
	body, err := json.Marshal(map[string]any{"event": zoom.EventURLValidation, "payload": map[string]any{"plainToken": token}})
	if err != nil {
		panic(err)
	}
	return string(body)
}

// challengeAnswer is what a challenge wants to hear.
func challengeAnswer(secret zoom.Secret, token string) string {
	encrypted, err := zoom.AnswerChallenge(secret, token)
	if err != nil {
		panic(err)
	}
	answer, err := json.Marshal(map[string]string{"plainToken": token, "encryptedToken": encrypted})
	if err != nil {
		panic(err)
	}
	return string(answer)
}

func TestWebhookAnswers(t *testing.T) {
	token := "demoPlainToken0123456789"
	bad := with(zoom.HeaderSignature, "v0="+strings.Repeat("0", 64))
	type signer = func(http.Header, string)
	for _, tc := range []struct {
		name   string
		body   string
		sign   []signer
		status int
		answer string
		reason string
		kept   bool
	}{
		{"a body over 1 MiB is too large", strings.Repeat("x", 1<<20+1), nil, 413, `{"error":"Body too large"}`, "too_large", false},
		{"a signed body over 1 MiB is too large", strings.Repeat("x", 1<<20+1), []signer{signed(newest)}, 413, `{"error":"Body too large"}`, "too_large", false},
		{"a body of exactly 1 MiB is read", `{}` + strings.Repeat(" ", 1<<20-2), nil, 401, unauthorized, "no_signature", false},
		{"an empty body is not JSON", ``, nil, 400, `{"error":"Invalid JSON"}`, "invalid_json", false},
		{"a list is not an object", `[]`, nil, 400, `{"error":"Invalid JSON"}`, "invalid_json", false},
		{"two objects are not one", `{}{}`, nil, 400, `{"error":"Invalid JSON"}`, "invalid_json", false},
		{"a signed body that is not JSON is not JSON", `event=x`, []signer{signed(newest)}, 400, `{"error":"Invalid JSON"}`, "invalid_json", false},

		{"an unsigned challenge without a token lacks it", `{"event":"endpoint.url_validation"}`, nil, 400, `{"error":"Missing plainToken"}`, "missing_token", false},
		{"a signed challenge without a token lacks it", `{"event":"endpoint.url_validation","payload":{}}`, []signer{signed(newest)}, 400, `{"error":"Missing plainToken"}`, "missing_token", false},
		{"a challenge with an empty token lacks it", challenge(""), nil, 400, `{"error":"Missing plainToken"}`, "missing_token", false},
		{"a challenge with a wrong signature is refused", challengeBody, []signer{signed("somebody-else")}, 401, unauthorized, "wrong_signature", false},
		{"a challenge signed too long ago is refused", challengeBody, []signer{signedAt(newest, now.Add(-11*time.Minute))}, 401, unauthorized, "stale_timestamp", false},
		{"a challenge with a signature and no timestamp is refused", challengeBody, []signer{signed(newest), without(zoom.HeaderTimestamp)}, 401, unauthorized, "no_signature", false},
		{"a challenge with a timestamp and no signature is refused", challengeBody, []signer{signed(newest), without(zoom.HeaderSignature)}, 401, unauthorized, "no_signature", false},
		{"a challenge with an empty signature header is refused", challengeBody, []signer{with(zoom.HeaderSignature, "")}, 401, unauthorized, "no_signature", false},
		{"a challenge with a bad token and a wrong signature is refused for the signature", challenge("a:b"), []signer{bad, with(zoom.HeaderTimestamp, "1772440000")}, 401, unauthorized, "wrong_signature", false},
		{"an unsigned challenge with a bad token is refused", challenge("v0:1772440000:{}"), nil, 400, `{"error":"Invalid plainToken"}`, "invalid_token", false},
		{"a signed challenge with a bad token is refused", challenge("v0:1772440000:{}"), []signer{signed(newest)}, 400, `{"error":"Invalid plainToken"}`, "invalid_token", false},
		{"a challenge with a token of 129 characters is refused", challenge(strings.Repeat("a", 129)), nil, 400, `{"error":"Invalid plainToken"}`, "invalid_token", false},
		{"an unsigned challenge is answered with the newest secret", challengeBody, nil, 200, challengeAnswer(newest, token), "unsigned_challenge", false},
		{"a trial of ours is answered and not taken for Zoom's", trialBody, []signer{signed(newest)}, 200, challengeAnswer(newest, zoom.TrialToken+"1"), "trial", false},
		{"a challenge signed with the newest secret is answered with it", challengeBody, []signer{signed(newest)}, 200, challengeAnswer(newest, token), "challenge", false},
		{"a challenge signed with the older secret is answered with that", challengeBody, []signer{signed(older)}, 200, challengeAnswer(older, token), "challenge", false},

		{"an unsigned event is refused", joinedBody, nil, 401, unauthorized, "no_signature", false},
		{"an unsigned event we do not use is refused the same", unusedBody, nil, 401, unauthorized, "no_signature", false},
		{"an unsigned event without a meeting is refused the same", noMeetingBody, nil, 401, unauthorized, "no_signature", false},
		{"an unsigned object that says nothing is refused the same", `{}`, nil, 401, unauthorized, "no_signature", false},
		{"an event without a signature is refused", joinedBody, []signer{signed(newest), without(zoom.HeaderSignature)}, 401, unauthorized, "no_signature", false},
		{"an event without a timestamp is refused", joinedBody, []signer{signed(newest), without(zoom.HeaderTimestamp)}, 401, unauthorized, "no_signature", false},
		{"an event with a malformed signature is refused", joinedBody, []signer{signed(newest), with(zoom.HeaderSignature, "v0=00")}, 401, unauthorized, "malformed_signature", false},
		{"an event with a timestamp in milliseconds is refused", joinedBody, []signer{signed(newest), with(zoom.HeaderTimestamp, "1772440000000")}, 401, unauthorized, "malformed_signature", false},
		{"an event with two signatures is refused though both are good", joinedBody, []signer{signed(newest), also(zoom.HeaderSignature, zoom.Sign(newest, "1772440000", []byte(joinedBody)))}, 401, unauthorized, "malformed_signature", false},
		{"an event with two signatures is refused though the first is good", joinedBody, []signer{signed(newest), also(zoom.HeaderSignature, "v0=00")}, 401, unauthorized, "malformed_signature", false},
		{"an event with two timestamps is refused", joinedBody, []signer{signed(newest), also(zoom.HeaderTimestamp, "1772440000")}, 401, unauthorized, "malformed_signature", false},
		{"an event older than the window is refused", joinedBody, []signer{signedAt(newest, now.Add(-10*time.Minute-time.Second))}, 401, unauthorized, "stale_timestamp", false},
		{"an event newer than the window is refused", joinedBody, []signer{signedAt(newest, now.Add(10*time.Minute+time.Second))}, 401, unauthorized, "stale_timestamp", false},
		{"an event signed with no secret of ours is refused", joinedBody, []signer{signed("somebody-else")}, 401, unauthorized, "wrong_signature", false},
		{"an event that was changed after signing is refused", joinedBody, []signer{func(h http.Header, body string) { signed(newest)(h, body+" ") }}, 401, unauthorized, "wrong_signature", false},
		{"a verification token is no signature", joinedBody, []signer{with("Authorization", "legacyDEMOtoken")}, 401, unauthorized, "no_signature", false},

		{"a verified event we do not use is received and let go", unusedBody, []signer{signed(newest)}, 200, receivedBody, "unused_event", false},
		{"a verified event without a name is received and let go", `{}`, []signer{signed(newest)}, 200, receivedBody, "unused_event", false},
		{"a verified event without a meeting is received and let go", noMeetingBody, []signer{signed(newest)}, 200, receivedBody, "no_meeting_id", false},
		{"a verified event is kept", joinedBody, []signer{signed(newest)}, 200, receivedBody, "kept", true},
		{"an event signed with the older secret is kept", joinedBody, []signer{signed(older)}, 200, receivedBody, "kept", true},
		{"an event at the old edge of the window is kept", joinedBody, []signer{signedAt(newest, now.Add(-10*time.Minute))}, 200, receivedBody, "kept", true},
		{"an event at the new edge of the window is kept", joinedBody, []signer{signedAt(newest, now.Add(10*time.Minute))}, 200, receivedBody, "kept", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w := open(t)
			got := w.knock(t, tc.body, tc.sign...)
			require.Equal(t, tc.status, got.status)
			require.JSONEq(t, tc.answer, got.body)
			requireHardened(t, got)
			require.EqualValues(t, 1, w.count(t, tc.status, tc.reason))
			if tc.kept {
				require.Equal(t, []string{tc.body}, w.inbox.bodies(), "the raw bytes are what is kept")
				require.Equal(t, []zoom.Envelope{{Event: zoom.EventParticipantJoined, MeetingID: "81234567890"}}, w.inbox.envelopes)
			} else {
				require.Empty(t, w.inbox.bodies())
			}
		})
	}
}

// requireHardened checks what every answer carries.
func requireHardened(t *testing.T, got reply) {
	t.Helper()
	require.Equal(t, "application/json; charset=utf-8", got.header.Get("Content-Type"))
	for name, want := range map[string]string{
		"Cache-Control":           "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
		"Referrer-Policy":         "no-referrer",
		"X-Content-Type-Options":  "nosniff",
		"X-Frame-Options":         "DENY",
		"Server":                  "",
		"X-Powered-By":            "",
		"Location":                "",
	} {
		require.Equal(t, want, got.header.Get(name), name)
	}
	require.Len(t, got.header.Get("X-Request-Id"), 26)
}

func TestOtherPathsAndMethodsGetJSONAndNeverARedirect(t *testing.T) {
	w := open(t)
	for _, tc := range []struct {
		method, path string
		status       int
	}{
		{http.MethodPost, "/api/zoom/webhook/", 404},
		{http.MethodPost, "//api/zoom/webhook", 404},
		{http.MethodPost, "/API/zoom/webhook", 404},
		{http.MethodPost, "/api/zoom/../zoom/webhook", 404},
		{http.MethodPost, "/api/zoom/webhook%2F", 404},
		{http.MethodPost, "/api/zoom", 404},
		{http.MethodPost, "/", 404},
		{http.MethodGet, "/", 404},
		{http.MethodGet, "/livez/", 404},
		{http.MethodGet, "/metrics", 404},
		{http.MethodGet, "/debug/pprof/", 404},
		{http.MethodGet, "/api/zoom/webhook", 405},
		{http.MethodHead, "/api/zoom/webhook", 405},
		{http.MethodPut, "/api/zoom/webhook", 405},
		{http.MethodOptions, "/api/zoom/webhook", 405},
		{"BREW", "/api/zoom/webhook", 405},
		{http.MethodPost, "/livez", 405},
		{http.MethodDelete, "/readyz", 405},
	} {
		t.Run(tc.method+" "+tc.path, func(t *testing.T) {
			got := w.send(t, w.request(t, tc.method, tc.path, ""))
			require.Equal(t, tc.status, got.status)
			requireHardened(t, got)
			if tc.method != http.MethodHead {
				require.Contains(t, []string{`{"error":"Not found"}`, `{"error":"Method not allowed"}`}, got.body)
			}
			if tc.status == http.StatusMethodNotAllowed {
				require.NotEmpty(t, got.header.Get("Allow"))
			}
		})
	}
}

func TestProbes(t *testing.T) {
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		t.Run(method+" livez is 200 whatever readyz says", func(t *testing.T) {
			w := open(t, func(o *hook.Options) { o.Ready = func() error { return errDiskFull } })
			got := w.send(t, w.request(t, method, hook.PathLive, ""))
			require.Equal(t, http.StatusOK, got.status)
			requireHardened(t, got)
		})
		t.Run(method+" readyz is 200 when ready", func(t *testing.T) {
			w := open(t)
			require.Equal(t, http.StatusOK, w.send(t, w.request(t, method, hook.PathReady, "")).status)
		})
		t.Run(method+" readyz is 503 when not, and says why to the log alone", func(t *testing.T) {
			w := open(t, func(o *hook.Options) { o.Ready = func() error { return errDiskFull } })
			got := w.send(t, w.request(t, method, hook.PathReady, ""))
			require.Equal(t, http.StatusServiceUnavailable, got.status)
			require.NotContains(t, got.body, errDiskFull.Error())
			require.Contains(t, w.log.String(), errDiskFull.Error())
		})
	}
}

func TestAChunkedBodyOver1MiBIsTooLarge(t *testing.T) {
	w := open(t)
	request := w.request(t, http.MethodPost, hook.PathWebhook, "")
	request.Body = io.NopCloser(io.LimitReader(endless{}, 3<<20))
	request.ContentLength = -1
	got := w.send(t, request)
	require.Equal(t, http.StatusRequestEntityTooLarge, got.status)
	require.JSONEq(t, `{"error":"Body too large"}`, got.body)
}

// endless is a body without end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestAChunkedEventIsKept(t *testing.T) {
	w := open(t)
	request := w.request(t, http.MethodPost, hook.PathWebhook, joinedBody)
	request.ContentLength = -1
	signed(newest)(request.Header, joinedBody)
	require.Equal(t, http.StatusOK, w.send(t, request).status)
	require.Equal(t, []string{joinedBody}, w.inbox.bodies())
}

// raw sends bytes as they are and returns the answer, for what no HTTP client
// would send.
func (w *world) raw(t *testing.T, text string) reply {
	t.Helper()
	conn, err := net.Dial("tcp", w.addr)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return reply{response.StatusCode, response.Header, string(body)}
}

func TestABodyThatBreaksOffIsAskedForAgain(t *testing.T) {
	for name, text := range map[string]string{
		"shorter than promised": "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\n{\"event\":",
		"chunks without an end": "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":",
		"chunks that are not":   "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			got := w.raw(t, text)
			require.Equal(t, http.StatusServiceUnavailable, got.status)
			require.Equal(t, "30", got.header.Get("Retry-After"))
			require.EqualValues(t, 1, w.count(t, 503, "broken_off"))
			require.NotContains(t, w.log.String(), "127.0.0.1")
		})
	}
}

func TestTargetsThatAreNoPathAreAnsweredLikeAnyOther(t *testing.T) {
	w := open(t)
	for _, line := range []string{"OPTIONS * HTTP/1.1", "CONNECT example.test:443 HTTP/1.1", "GET http://example.test HTTP/1.1", "POST ? HTTP/1.1"} {
		got := w.raw(t, line+"\r\nHost: example.test\r\nConnection: close\r\n\r\n")
		require.Contains(t, []int{400, 404, 405}, got.status, line)
	}
}

func TestARequestIDIsOursAndNew(t *testing.T) {
	w := open(t)
	first := w.knock(t, joinedBody, signed(newest), with("X-Request-Id", "from-outside")).header.Get("X-Request-Id")
	second := w.knock(t, joinedBody, signed(newest), with("X-Request-Id", "from-outside")).header.Get("X-Request-Id")
	require.NotEqual(t, first, second)
	require.Contains(t, w.log.String(), first)
	require.NotContains(t, w.log.String(), "from-outside")
}

func TestAnInboxThatRefusesMeans503(t *testing.T) {
	for name, err := range map[string]error{
		"a full disk":                      errDiskFull,
		"an error that looks like a 4xx":   fmt.Errorf("store: %w", zoom.ErrMismatch),
		"a context that ended by itself":   context.Canceled,
		"an error in the inbox's own time": context.DeadlineExceeded,
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, func(o *hook.Options) {
				o.Keeper = keeperFunc(func(context.Context, []byte) error { return err })
			})
			got := w.knock(t, joinedBody, signed(newest))
			require.Equal(t, http.StatusServiceUnavailable, got.status)
			require.Equal(t, "30", got.header.Get("Retry-After"))
			require.JSONEq(t, `{"error":"Try again later"}`, got.body)
			require.EqualValues(t, 1, w.count(t, 503, "not_kept"))
		})
	}
}

func TestAnInboxThatHangsMeans503BeforeZoomGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, handler := build(t, func(o *hook.Options) {
			o.Now, o.AcceptTimeout = time.Now, 1500*time.Millisecond
			o.Keeper = keeperFunc(func(ctx context.Context, _ []byte) error {
				<-ctx.Done()
				return ctx.Err()
			})
		})
		request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
		signedAt(newest, time.Now())(request.Header, joinedBody)
		answer, began := httptest.NewRecorder(), time.Now()
		handler.ServeHTTP(answer, request)
		require.Equal(t, http.StatusServiceUnavailable, answer.Code)
		require.Equal(t, "30", answer.Header().Get("Retry-After"))
		require.Equal(t, 1500*time.Millisecond, time.Since(began), "by the bubble's clock")
	})
}

func TestAClientThatHangsUpDoesNotStopTheInbox(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	_, handler := build(t, func(o *hook.Options) {
		o.Keeper = keeperFunc(func(inner context.Context, _ []byte) error {
			hangUp()
			require.ErrorIs(t, ctx.Err(), context.Canceled, "the client is gone")
			return inner.Err()
		})
	})
	request := httptest.NewRequestWithContext(ctx, http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
	signed(newest)(request.Header, joinedBody)
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	require.Equal(t, http.StatusOK, answer.Code, "what the inbox was given is not taken back")
}

func TestAPanicMeans500AndALogLineWithoutTheRequest(t *testing.T) {
	for name, thrown := range map[string]any{
		"an error that holds the body": fmt.Errorf("cannot store %s", joinedBody),
		"the body itself":              joinedBody,
		"a fault of the runtime":       nil,
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t, func(o *hook.Options) {
				o.Keeper = keeperFunc(func(_ context.Context, body []byte) error {
					if thrown == nil {
						_ = body[:len(body)+1<<21] // out of range
					}
					panic(thrown)
				})
			})
			got := w.knock(t, joinedBody, signed(newest))
			require.Equal(t, http.StatusInternalServerError, got.status)
			require.JSONEq(t, `{"error":"Internal error"}`, got.body)
			requireHardened(t, got)
			require.Contains(t, w.log.String(), "door_test.go", "the stack says where")
			require.NotContains(t, w.log.String(), "ada@school.test")
			require.EqualValues(t, 1, w.count(t, 500, "panic"))
			require.Equal(t, http.StatusOK, w.knock(t, unusedBody, signed(newest)).status, "the door stays open")
		})
	}
}

func TestTheTimesOfEventsAndChallengesAreKnownAndHowFarTheClocksDiffer(t *testing.T) {
	at := now
	w := open(t, func(o *hook.Options) { o.Now = func() time.Time { return at } })
	event := func() float64 { return w.series(t, "sidecar_hook_last_event_timestamp_seconds", nil) }
	challenge := func() float64 { return w.series(t, "sidecar_hook_last_challenge_timestamp_seconds", nil) }
	require.EqualValues(t, now.Unix(), event(), "before the first: the start")

	at = now.Add(90 * time.Second)
	w.knock(t, joinedBody, signed(newest))
	require.EqualValues(t, at.Unix(), event())
	require.EqualValues(t, now.Unix(), challenge())
	require.EqualValues(t, 90, w.series(t, "sidecar_hook_clock_offset_seconds", nil), "it was signed that long ago")

	at = now.Add(2 * time.Minute)
	w.knock(t, joinedBody, signed("somebody-else"))
	w.knock(t, challengeBody, signed(newest))
	require.EqualValues(t, now.Add(90*time.Second).Unix(), event(), "what was refused is no event")
	require.EqualValues(t, at.Unix(), challenge())

	last := at
	at = now.Add(3 * time.Minute)
	w.knock(t, challengeBody)
	w.knock(t, trialBody, signed(newest))
	require.EqualValues(t, last.Unix(), challenge(), "neither a stranger's nor the doctor's says that Zoom still asks")
}

// trialBody is a challenge of the doctor's.
var trialBody = challenge(zoom.TrialToken + "1")

func TestWhatZoomSignedAndCameOutsideTheWindowIsCounted(t *testing.T) {
	at := now
	w := open(t, func(o *hook.Options) { o.Now = func() time.Time { return at } })
	for sentence, c := range map[string]struct {
		off    time.Duration
		secret zoom.Secret
		counts float64
	}{
		"within the window":                    {9 * time.Minute, newest, 0},
		"our clock is ahead":                   {11 * time.Minute, newest, 1},
		"our clock is behind":                  {-11 * time.Minute, older, 1},
		"somebody else signed it, and not now": {11 * time.Minute, "somebody-else", 0},
	} {
		before := w.series(t, "sidecar_hook_stale_signed_total", nil)
		at = now.Add(c.off)
		w.knock(t, joinedBody, signed(c.secret))
		require.InDelta(t, c.counts, w.series(t, "sidecar_hook_stale_signed_total", nil)-before, 0, sentence)
	}
}

func TestMatchesAreCountedBySecret(t *testing.T) {
	w := open(t)
	w.knock(t, joinedBody, signed(newest))
	w.knock(t, joinedBody, signed(older))
	w.knock(t, challengeBody, signed(older))
	w.knock(t, challengeBody)
	w.knock(t, joinedBody, signed("somebody-else"))
	require.EqualValues(t, 1, w.series(t, "sidecar_hook_secret_matches_total", map[string]string{"secret": "0"}))
	require.EqualValues(t, 2, w.series(t, "sidecar_hook_secret_matches_total", map[string]string{"secret": "1"}))
	lint(t, w)
}

func TestManyAtOnceAreAllKeptOrRefused(t *testing.T) {
	w := open(t)
	const knocks = 100
	statuses := make(chan int, 2*knocks)
	var group sync.WaitGroup
	for i := range knocks {
		body := strings.Replace(joinedBody, "16778240", fmt.Sprint(16778240+i), 1)
		group.Go(func() { statuses <- w.knock(t, body, signed(newest)).status })
		group.Go(func() { statuses <- w.knock(t, body, signed("somebody-else")).status })
	}
	group.Wait()
	close(statuses)
	seen := map[int]int{}
	for status := range statuses {
		seen[status]++
	}
	require.Equal(t, map[int]int{200: knocks, 401: 20, 429: knocks - 20}, seen)
	require.Len(t, w.inbox.bodies(), knocks)
}

func BenchmarkDoor(b *testing.B) {
	handler, err := hook.New(hook.Options{
		Secrets: secrets(newest),
		Keeper:  keeperFunc(func(context.Context, []byte) error { return nil }),
		Now:     func() time.Time { return now },
	})
	require.NoError(b, err)
	header := http.Header{}
	signed(newest)(header, joinedBody)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
			request.Header = header
			answer := httptest.NewRecorder()
			if handler.ServeHTTP(answer, request); answer.Code != http.StatusOK {
				b.Fatal(answer.Code)
			}
		}
	})
}
