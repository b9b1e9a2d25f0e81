package hook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/zoom"
)

// hashOf is the hash the log should have for an address, computed apart.
func hashOf(name string) string {
	mac := hmac.New(sha256.New, []byte("demo-salt"))
	mac.Write([]byte(name))
	return hex.EncodeToString(mac.Sum(nil))[:32]
}

// exhaust fails as often as a client may.
func exhaust(t *testing.T, w *world, sign ...func(http.Header, string)) {
	t.Helper()
	for range 20 {
		require.Equal(t, http.StatusUnauthorized, w.knock(t, joinedBody, sign...).status)
	}
}

func TestAClientThatKeepsFailingIsLimited(t *testing.T) {
	w := open(t)
	exhaust(t, w)
	for name, body := range map[string]string{
		"for an unsigned event":            joinedBody,
		"for a body that is not JSON":      `[]`,
		"for a challenge without a token":  `{"event":"endpoint.url_validation"}`,
		"for a challenge with a bad token": challenge("a:b"),
		"for a body too large":             strings.Repeat("x", 1<<20+1),
	} {
		t.Run(name, func(t *testing.T) {
			got := w.knock(t, body)
			require.Equal(t, http.StatusTooManyRequests, got.status)
			require.Equal(t, "3", got.header.Get("Retry-After"))
			require.JSONEq(t, `{"error":"Too many requests"}`, got.body)
			requireHardened(t, got)
		})
	}
}

func TestHowOftenAClientMayFailIsASetting(t *testing.T) {
	_, handler := build(t, func(o *hook.Options) {
		o.Failures = hook.Failures{Burst: 2, Every: 1500 * time.Millisecond, Clients: 1}
	})
	knock := knocker(handler)
	require.Equal(t, 401, knock("203.0.113.7:1"))
	require.Equal(t, 401, knock("203.0.113.7:1"))
	request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
	request.RemoteAddr = "203.0.113.7:1"
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, request)
	require.Equal(t, 429, answer.Code)
	require.Equal(t, "2", answer.Header().Get("Retry-After"), "in whole seconds, not too early")
	require.Equal(t, 401, knock("203.0.113.8:1"))
	require.Equal(t, 401, knock("203.0.113.7:1"), "forgotten for another")
}

func TestAVerifiedRequestIsNeverLimited(t *testing.T) {
	w := open(t)
	exhaust(t, w)
	require.Equal(t, http.StatusTooManyRequests, w.knock(t, joinedBody).status)
	for range 50 {
		require.Equal(t, http.StatusOK, w.knock(t, joinedBody, signed(newest)).status)
	}
	require.Equal(t, http.StatusOK, w.knock(t, unusedBody, signed(older)).status)
	require.Equal(t, http.StatusOK, w.knock(t, challengeBody, signed(newest)).status)
	require.Equal(t, http.StatusBadRequest, w.knock(t, `[]`, signed(newest)).status, "verified and wrong is still told so")
	require.Equal(t, http.StatusOK, w.knock(t, challengeBody).status, "a good unsigned challenge is no failure")
	require.Equal(t, http.StatusTooManyRequests, w.knock(t, joinedBody).status)
}

func TestWhatWasNeverCheckedDoesNotCount(t *testing.T) {
	w := open(t)
	for range 50 {
		require.Equal(t, http.StatusNotFound, w.send(t, w.request(t, http.MethodGet, "/", "")).status)
		require.Equal(t, http.StatusMethodNotAllowed, w.send(t, w.request(t, http.MethodGet, hook.PathWebhook, "")).status)
		require.Equal(t, http.StatusOK, w.knock(t, joinedBody, signed(newest)).status)
	}
	exhaust(t, w)
}

func TestALimitedClientGetsOneFailureBackEveryThreeSeconds(t *testing.T) {
	at := now
	_, handler := build(t, func(o *hook.Options) { o.Now = func() time.Time { return at } })
	fail := func(address string) int {
		request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
		request.RemoteAddr = address
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer.Code
	}
	for range 20 {
		require.Equal(t, 401, fail("203.0.113.7:1"))
	}
	require.Equal(t, 429, fail("203.0.113.7:2"), "another port is the same client")
	require.Equal(t, 401, fail("203.0.113.8:1"), "another address is another client")
	at = now.Add(3 * time.Second)
	require.Equal(t, 401, fail("203.0.113.7:1"))
	require.Equal(t, 429, fail("203.0.113.7:1"))
}

// knocker fails at a door that does not listen, from any address.
func knocker(handler http.Handler) func(address string, sign ...func(http.Header, string)) int {
	return func(address string, sign ...func(http.Header, string)) int {
		request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
		request.RemoteAddr = address
		for _, s := range sign {
			s(request.Header, joinedBody)
		}
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer.Code
	}
}

func TestAClientCannotEscapeByAnotherAddressOfItsNetwork(t *testing.T) {
	_, handler := build(t)
	knock := knocker(handler)
	for n := range 20 {
		require.Equal(t, 401, knock(fmt.Sprintf("[2001:db8:1:2::%x]:1", n)))
	}
	require.Equal(t, 429, knock("[2001:db8:1:2:ffff::1]:1"), "the same /64")
	require.Equal(t, 401, knock("[2001:db8:1:3::1]:1"), "the next /64")
}

func TestAClientCannotEscapeOrBlameAnotherByAForgedHeader(t *testing.T) {
	_, handler := build(t, func(o *hook.Options) { o.TrustedProxies = []string{"10.0.0.1"} })
	knock := knocker(handler)
	for n := range 20 {
		require.Equal(t, 401, knock("203.0.113.7:1", with("X-Forwarded-For", fmt.Sprintf("198.51.100.%d", n))))
	}
	require.Equal(t, 429, knock("203.0.113.7:1", with("X-Forwarded-For", "198.51.100.99")))
	require.Equal(t, 401, knock("10.0.0.1:1", with("X-Forwarded-For", "198.51.100.1")), "who was named is not to blame")
}

// Whatever number of addresses fail, the door remembers 4,096, and forgets first
// who was seen longest ago. Forgetting is mercy: a bucket is full again.
func TestTheDoorRemembersABoundedNumberOfClients(t *testing.T) {
	_, handler := build(t, func(o *hook.Options) { o.Log = nil })
	knock := knocker(handler)
	address := func(n int) string { return fmt.Sprintf("10.%d.%d.%d:1", n>>16, n>>8&255, n&255) }
	fill := func(first, last int) {
		for n := first; n < last; n++ {
			require.Equal(t, 401, knock(address(n)))
		}
	}
	for range 20 {
		require.Equal(t, 401, knock("203.0.113.7:1"))
	}
	fill(0, 4095)
	require.Equal(t, 429, knock("203.0.113.7:1"), "4,095 others fit beside it")
	before := heap()
	fill(4095, 12_000)
	require.Less(t, heap()-before, int64(1<<20), "however many there are")
	require.Equal(t, 401, knock("203.0.113.7:1"), "seen longest ago, and forgotten")
}

func TestClientsAreToldApartByHash(t *testing.T) {
	for _, tc := range []struct {
		name, remote string
		forwarded    []string
		fly          string
		trusted      []string
		want         string
	}{
		{name: "an IPv4 address by itself", remote: "203.0.113.7:4711", want: "203.0.113.7"},
		{name: "an IPv4 address in IPv6 clothes as the IPv4 one", remote: "[::ffff:203.0.113.7]:4711", want: "203.0.113.7"},
		{name: "an IPv6 address by its network", remote: "[2001:db8:1:2:3:4:5:6]:4711", want: "2001:db8:1:2::/64"},
		{name: "its neighbour by the same network", remote: "[2001:db8:1:2::1]:4711", want: "2001:db8:1:2::/64"},
		{name: "an address with a zone as unknown", remote: "[fe80::1%eth0]:4711", want: "unknown"},
		{name: "an unreadable address as unknown", remote: "pipe", want: "unknown"},
		{name: "a forwarded address is not believed without trust", remote: "203.0.113.7:4711", forwarded: []string{"198.51.100.1"}, want: "203.0.113.7"},
		{name: "a forwarded address is not believed from outside the trusted network", remote: "203.0.113.7:4711", forwarded: []string{"198.51.100.1"}, trusted: []string{"10.0.0.0/8"}, want: "203.0.113.7"},
		{name: "a forwarded address is believed from a trusted proxy", remote: "10.0.0.1:4711", forwarded: []string{"198.51.100.1"}, trusted: []string{" 10.0.0.0/8 "}, want: "198.51.100.1"},
		{name: "what a client wrote in front of it is not", remote: "10.0.0.1:4711", forwarded: []string{"192.0.2.9, 198.51.100.1"}, trusted: []string{"10.0.0.0/8"}, want: "198.51.100.1"},
		{name: "nor in a header of its own", remote: "10.0.0.1:4711", forwarded: []string{"192.0.2.9", "198.51.100.1, 10.0.0.2"}, trusted: []string{"10.0.0.0/8"}, want: "198.51.100.1"},
		{name: "a forwarded address in IPv6 clothes as the IPv4 one", remote: "10.0.0.1:4711", forwarded: []string{"::ffff:198.51.100.1"}, trusted: []string{"10.0.0.0/8"}, want: "198.51.100.1"},
		{name: "a forwarded word leaves the proxy's address", remote: "10.0.0.1:4711", forwarded: []string{"localhost"}, trusted: []string{"10.0.0.1"}, want: "10.0.0.1"},
		{name: "Fly's header is not believed elsewhere", remote: "203.0.113.7:4711", fly: "198.51.100.1", want: "203.0.113.7"},
		{name: "nor from another trusted proxy", remote: "10.0.0.1:4711", fly: "198.51.100.1", trusted: []string{"10.0.0.0/8"}, want: "10.0.0.1"},
		{name: "Fly's header is believed on Fly", remote: "172.16.0.1:4711", fly: "198.51.100.1", forwarded: []string{"192.0.2.9, 198.51.100.1, 203.0.113.200"}, trusted: []string{"fly"}, want: "198.51.100.1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w, handler := build(t, func(o *hook.Options) { o.TrustedProxies = tc.trusted })
			request := httptest.NewRequest(http.MethodPost, hook.PathWebhook, strings.NewReader(joinedBody))
			request.RemoteAddr = tc.remote
			request.Header["X-Forwarded-For"] = tc.forwarded
			request.Header.Set("X-Real-Ip", "192.0.2.77")
			if tc.fly != "" {
				request.Header.Set("Fly-Client-Ip", tc.fly)
			}
			handler.ServeHTTP(httptest.NewRecorder(), request)
			require.Contains(t, w.log.String(), `"ip_hash":"`+hashOf(tc.want)+`"`)
		})
	}
}

func TestTheLogHoldsNothingItMustNot(t *testing.T) {
	w := open(t, func(o *hook.Options) { o.TrustedProxies = []string{"127.0.0.1"} })
	from := with("X-Forwarded-For", "198.51.100.23")
	secretAnswer := challengeAnswer(newest, "demoPlainToken0123456789")
	signers := [][]func(http.Header, string){
		{from}, {from, signed(newest)}, {from, signed(older)}, {from, signed("somebody-else")},
		{from, signedAt(newest, now.Add(time.Hour))}, {from, signed(newest), with(zoom.HeaderSignature, "v0=feed")},
		{from, signed(newest), with(zoom.HeaderRequestID, "0a1b2c3d_0000_4000_8000_00000000a001")},
		{from, with(zoom.HeaderTrackingID, "ada@school.test from 198.51.100.23")},
		{from, with("Authorization", "legacyDEMOtoken"), with("Clientid", "clientDEMO00000000001"), with("User-Agent", "agentDEMO")},
	}
	bodies := []string{joinedBody, unusedBody, noMeetingBody, challengeBody, challenge("v0:1:ada@school.test"), `{"event":"ada@school.test"}`, `ada@school.test`}
	for _, sign := range signers {
		for _, body := range bodies {
			if strings.HasPrefix(body, `{"event":"ada`) && len(sign) > 1 {
				continue // a verified event's name is Zoom's, and is logged
			}
			w.knock(t, body, sign...)
		}
	}
	w.send(t, w.request(t, http.MethodGet, "/ada@school.test?email=ada@school.test", ""))

	log := w.log.String()
	require.Contains(t, log, hashOf("198.51.100.23"), "the client's hash is there")
	require.Contains(t, log, "0a1b2c3d_0000_4000_8000_00000000a001", "and Zoom's id")
	var encrypted struct{ EncryptedToken string }
	require.NoError(t, json.Unmarshal([]byte(secretAnswer), &encrypted))
	forbidden := []string{
		string(newest), string(older), "demo-salt", encrypted.EncryptedToken, "demoPlainToken", "Ada", "ada@school.test", "198.51.100.23", "127.0.0.1",
		"203.0.113.7", "16778240", "aB/cD", "acctDEMO", "v0=", "legacyDEMOtoken", "clientDEMO", "agentDEMO",
	}
	for _, body := range bodies {
		header := http.Header{}
		signed(newest)(header, body)
		forbidden = append(forbidden, strings.TrimPrefix(header.Get(zoom.HeaderSignature), "v0="))
	}
	for _, word := range forbidden {
		require.NotContains(t, log, word)
	}
}

func TestEveryRequestHasOneLogLine(t *testing.T) {
	w := open(t)
	requests := 0
	for _, body := range []string{joinedBody, unusedBody, challengeBody, `[]`} {
		w.knock(t, body)
		w.knock(t, body, signed(newest))
		requests += 2
	}
	w.send(t, w.request(t, http.MethodGet, hook.PathLive, ""))
	requests++
	lines := strings.Split(strings.TrimSpace(w.log.String()), "\n")
	require.Len(t, lines, requests)
	for _, line := range lines {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &fields))
		for _, name := range []string{zoom.LogStatus, zoom.LogReason, zoom.LogRequestID, zoom.LogTook} {
			require.Contains(t, fields, name)
		}
		require.Equal(t, fields[zoom.LogStatus] != float64(200), fields[zoom.LogIPHash] != nil, "only refusals name the client")
	}
}
