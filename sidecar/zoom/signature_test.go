package zoom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

// Invented vectors, computed outside of this code.
const (
	demoSecret = zoom.Secret("demo-secret-NOT-REAL-0001")

	endedAt       = "1772441252"
	endedSig      = "v0=4cfcff4753c9101a1f7828131e9956d4f786a2f8b428c2d449bd108b2a178f2d"
	endedRetryAt  = "1772441556"
	endedRetrySig = "v0=fd823ad0a3600c88cd6a0f4d105ff1e394bbc749c43d1fa25598c7fa932dade3"
	rewrittenSig  = "v0=bb2ccb97c5a78897da432f19df61682bb3d7c7788d0513e13b2a4d9a3c051339"

	challengeAt     = "1772440000"
	challengeBody   = `{"payload":{"plainToken":"demoPlainToken0123456789"},"event_ts":1772440000123,"event":"endpoint.url_validation"}`
	challengeSig    = "v0=ce38be92289d2fa01cb7c5aeb096d0ff52f83b1153a819b47aa32a7bd71cc0a1"
	challengeToken  = "demoPlainToken0123456789"
	challengeAnswer = "486bc0594400dd00a3fbf4d6a3c0c01175f734575d23c7fb20c150afe226964e"

	window = 10 * time.Minute
)

// endedBody is a body as Zoom writes it: emoji escaped, other letters raw.
func endedBody(t testing.TB) []byte {
	t.Helper()
	content, err := os.ReadFile("testdata/events/ended_with_emoji_escapes.golden")
	require.NoError(t, err)
	body, _, _ := bytes.Cut(content, []byte(separator))
	require.Equal(t, "1366f2d0b04f739d52edac535d5f68648d9daff468873d69cdd46044e9bfe5fc", fmt.Sprintf("%x", sha256.Sum256(body)))
	return body
}

func clock(t testing.TB, seconds string) time.Time {
	t.Helper()
	n, err := strconv.ParseInt(seconds, 10, 64)
	require.NoError(t, err)
	return time.Unix(n, 0)
}

func TestSignAgreesWithTheVectors(t *testing.T) {
	require.Equal(t, endedSig, zoom.Sign(demoSecret, endedAt, endedBody(t)))
	require.Equal(t, endedRetrySig, zoom.Sign(demoSecret, endedRetryAt, endedBody(t)), "a retry is signed anew")
	require.Equal(t, challengeSig, zoom.Sign(demoSecret, challengeAt, []byte(challengeBody)))
}

func TestABodyThatWasWrittenAgainDoesNotVerify(t *testing.T) {
	var parsed map[string]any
	require.NoError(t, json.Unmarshal(endedBody(t), &parsed))
	require.Contains(t, parsed["payload"].(map[string]any)["object"].(map[string]any)["topic"], "📐")
	// What JSON.stringify(JSON.parse(body)) gives: the same but for the emoji.
	rewritten := bytes.Replace(endedBody(t), []byte(`\uD83D\uDCD0`), []byte("📐"), 1)
	require.Equal(t, rewrittenSig, zoom.Sign(demoSecret, endedAt, rewritten))
	_, err := zoom.Verify([]zoom.Secret{demoSecret}, endedSig, endedAt, rewritten, clock(t, endedAt), window)
	require.ErrorIs(t, err, zoom.ErrMismatch)
}

// request is what Verify is asked about.
type request struct {
	secrets              []zoom.Secret
	signature, timestamp string
	now                  time.Time
}

func TestVerify(t *testing.T) {
	sent := clock(t, endedAt)
	for _, tc := range []struct {
		name   string
		change func(*request) // of one that passes
		which  int
		want   error
	}{
		{"a good signature passes", func(r *request) {}, 0, nil},
		{"a retry passes under its own timestamp", func(r *request) { r.signature = endedRetrySig; r.timestamp = endedRetryAt }, 0, nil},
		{"a retry's signature fails under the first timestamp", func(r *request) { r.signature = endedRetrySig }, -1, zoom.ErrMismatch},
		{"exactly as old as the window passes", func(r *request) { r.now = sent.Add(window) }, 0, nil},
		{"exactly as new as the window passes", func(r *request) { r.now = sent.Add(-window) }, 0, nil},
		{"older than the window is stale", func(r *request) { r.now = sent.Add(window + 1) }, -1, zoom.ErrStale},
		{"newer than the window is stale", func(r *request) { r.now = sent.Add(-window - 1) }, -1, zoom.ErrStale},
		{"the year 1 is stale", func(r *request) { r.now = time.Time{} }, -1, zoom.ErrStale},
		{"the greatest timestamp is stale", func(r *request) { r.timestamp = "999999999999" }, -1, zoom.ErrStale},
		{"the least timestamp is stale", func(r *request) { r.timestamp = "0" }, -1, zoom.ErrStale},
		{"another secret does not match", func(r *request) { r.secrets = []zoom.Secret{"other"} }, -1, zoom.ErrMismatch},
		{"no secrets match nothing", func(r *request) { r.secrets = []zoom.Secret{} }, -1, zoom.ErrMismatch},
		{"the second secret matches and is named", func(r *request) { r.secrets = []zoom.Secret{"newer", demoSecret} }, 1, nil},
		{"the first of two equal secrets is named", func(r *request) { r.secrets = []zoom.Secret{demoSecret, demoSecret} }, 0, nil},
		{"no signature", func(r *request) { r.signature = "" }, -1, zoom.ErrNoSignature},
		{"no timestamp", func(r *request) { r.timestamp = "" }, -1, zoom.ErrNoSignature},
		{"upper-case hex is malformed", func(r *request) { r.signature = "v0=" + strings.ToUpper(endedSig[3:]) }, -1, zoom.ErrMalformed},
		{"another version is malformed", func(r *request) { r.signature = "v1=" + endedSig[3:] }, -1, zoom.ErrMalformed},
		{"bare hex is malformed", func(r *request) { r.signature = endedSig[3:] }, -1, zoom.ErrMalformed},
		{"too short is malformed", func(r *request) { r.signature = endedSig[:66] }, -1, zoom.ErrMalformed},
		{"too long is malformed", func(r *request) { r.signature = endedSig + "0" }, -1, zoom.ErrMalformed},
		{"a trailing line break is malformed", func(r *request) { r.signature = endedSig + "\n" }, -1, zoom.ErrMalformed},
		{"two signatures in one header are malformed", func(r *request) { r.signature = endedSig + "," + endedSig }, -1, zoom.ErrMalformed},
		{"only a version is malformed", func(r *request) { r.signature = "v0=" }, -1, zoom.ErrMalformed},
		{"a letter that is no hex digit is malformed", func(r *request) { r.signature = "v0=g" + endedSig[4:] }, -1, zoom.ErrMalformed},
		{"milliseconds are malformed", func(r *request) { r.timestamp = endedAt + "000" }, -1, zoom.ErrMalformed},
		{"a negative timestamp is malformed", func(r *request) { r.timestamp = "-" + endedAt }, -1, zoom.ErrMalformed},
		{"a plus sign is malformed", func(r *request) { r.timestamp = "+" + endedAt }, -1, zoom.ErrMalformed},
		{"a fraction is malformed", func(r *request) { r.timestamp = endedAt + ".0" }, -1, zoom.ErrMalformed},
		{"an exponent is malformed", func(r *request) { r.timestamp = "1772441252e0" }, -1, zoom.ErrMalformed},
		{"a leading space is malformed", func(r *request) { r.timestamp = " " + endedAt }, -1, zoom.ErrMalformed},
		{"a trailing line break in the timestamp is malformed", func(r *request) { r.timestamp = endedAt + "\n" }, -1, zoom.ErrMalformed},
		{"digits of another script are malformed", func(r *request) { r.timestamp = "١٧٧٢٤٤١٢٥٢" }, -1, zoom.ErrMalformed},
		{"a leading zero is not what was signed", func(r *request) { r.timestamp = "0" + endedAt }, -1, zoom.ErrMismatch},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := request{[]zoom.Secret{demoSecret}, endedSig, endedAt, sent}
			tc.change(&r)
			which, err := zoom.Verify(r.secrets, r.signature, r.timestamp, endedBody(t), r.now, window)
			require.ErrorIs(t, err, tc.want)
			require.Equal(t, tc.which, which)
		})
	}
}

func TestAnEmptySecretMatchesNothing(t *testing.T) {
	signature := zoom.Sign("", endedAt, endedBody(t))
	_, err := zoom.Verify([]zoom.Secret{"", demoSecret}, signature, endedAt, endedBody(t), clock(t, endedAt), window)
	require.ErrorIs(t, err, zoom.ErrMismatch, "anybody can sign with an empty secret")
}

func TestAnswerChallenge(t *testing.T) {
	answer, err := zoom.AnswerChallenge(demoSecret, challengeToken)
	require.NoError(t, err)
	require.Equal(t, challengeAnswer, answer)

	_, err = zoom.AnswerChallenge(demoSecret, strings.Repeat("a", 128))
	require.NoError(t, err)
	_, err = zoom.AnswerChallenge(demoSecret, "AZaz09+/=_-")
	require.NoError(t, err)
	for name, token := range map[string]string{
		"an empty token":                  "",
		"a token of 129 characters":       strings.Repeat("a", 129),
		"a token that is a signed event":  "v0:" + endedAt + ":{}",
		"a token with a space":            "a b",
		"a token with a line break":       "a\n",
		"a token with a letter of German": "ä",
		"a token with NUL":                "a\x00",
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			answer, err := zoom.AnswerChallenge(demoSecret, token)
			require.ErrorIs(t, err, zoom.ErrToken)
			require.Empty(t, answer)
		})
	}
}

// The reason for the rule above: were the token answered, the answer would be a
// valid signature for a body of the attacker's choice.
func TestATokenInTheFormOfASignedEventWouldForgeOne(t *testing.T) {
	forged := []byte(`{"event":"meeting.ended"}`)
	token := "v0:" + endedAt + ":" + string(forged)
	signature := "v0=" + hex.EncodeToString(hmacByHand([]byte(demoSecret), []byte(token)))
	_, err := zoom.Verify([]zoom.Secret{demoSecret}, signature, endedAt, forged, clock(t, endedAt), window)
	require.NoError(t, err, "the two formulas are the same")
	_, err = zoom.AnswerChallenge(demoSecret, token)
	require.ErrorIs(t, err, zoom.ErrToken, "so this one must never be answered")
}

// hmacByHand is RFC 2104 spelled out, so that the oracle shares no code with
// what it judges.
func hmacByHand(key, message []byte) []byte {
	if len(key) > sha256.BlockSize {
		short := sha256.Sum256(key)
		key = short[:]
	}
	inner, outer := bytes.Repeat([]byte{0x36}, sha256.BlockSize), bytes.Repeat([]byte{0x5c}, sha256.BlockSize)
	for i, k := range key {
		inner[i] ^= k
		outer[i] ^= k
	}
	digest := sha256.Sum256(append(inner, message...))
	digest = sha256.Sum256(append(outer, digest[:]...))
	return digest[:]
}

var timestampForm = regexp.MustCompile(`\A[0-9]{1,12}\z`)

func FuzzVerify(f *testing.F) {
	f.Add("demo-secret-NOT-REAL-0001", challengeAt, []byte(challengeBody), challengeSig, int64(1772440000), uint(0))
	f.Add("s", "0", []byte{}, "v0=", int64(0), uint(3))
	f.Add(strings.Repeat("long", 40), "1772440000", []byte("{}"), strings.ToUpper(challengeSig), int64(1772440601), uint(600))
	f.Fuzz(func(t *testing.T, secret, timestamp string, body []byte, signature string, now int64, flip uint) {
		verify := func(signature, timestamp string, body []byte) error {
			_, err := zoom.Verify([]zoom.Secret{zoom.Secret(secret)}, signature, timestamp, body, time.Unix(now, 0), window)
			return err
		}
		good := "v0=" + hex.EncodeToString(hmacByHand([]byte(secret), []byte("v0:"+timestamp+":"+string(body))))
		acceptable := secret != "" && timestampForm.MatchString(timestamp) && near(timestamp, now)
		if got := verify(good, timestamp, body) == nil; got != acceptable {
			t.Fatalf("the right signature: accepted is %v, want %v", got, acceptable)
		}
		if signature != good && verify(signature, timestamp, body) == nil {
			t.Fatalf("%q passed; only %q may", signature, good)
		}
		if !acceptable {
			return
		}
		if flipped := flipBit([]byte(good), flip); verify(string(flipped), timestamp, body) == nil {
			t.Fatalf("%q passed for %q", flipped, good)
		}
		if flipped := flipBit([]byte(timestamp), flip); verify(good, string(flipped), body) == nil {
			t.Fatalf("timestamp %q passed for %q", flipped, timestamp)
		}
		if len(body) > 0 && verify(good, timestamp, flipBit(body, flip)) == nil {
			t.Fatal("another body passed")
		}
		if verify(good, timestamp, append(bytes.Clone(body), 0)) == nil {
			t.Fatal("a longer body passed")
		}
	})
}

// near says whether timestamp is within the window of now, in its own words.
func near(timestamp string, now int64) bool {
	sent, err := strconv.ParseInt(timestamp, 10, 64)
	distance := sent - now
	return err == nil && now > -1<<40 && now < 1<<40 && distance >= -600 && distance <= 600
}

// flipBit returns a copy with one bit changed.
func flipBit(b []byte, which uint) []byte {
	b = bytes.Clone(b)
	which %= uint(len(b)) * 8
	b[which/8] ^= 1 << (which % 8)
	return b
}

func BenchmarkVerify(b *testing.B) {
	body, now := endedBody(b), clock(b, endedAt)
	secrets := []zoom.Secret{demoSecret}
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := zoom.Verify(secrets, endedSig, endedAt, body, now, window); err != nil {
			b.Fatal(err)
		}
	}
}
