package hook_test

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/zoom"
)

const stamp = "1772440000" // now, as the header has it

// lines posts a body under header lines as they stand, which no HTTP client
// would send.
func (w *world) lines(t *testing.T, body string, lines ...string) reply {
	t.Helper()
	return w.raw(t, fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\nConnection: close\r\n%s\r\n\r\n%s",
		hook.PathWebhook, len(body), strings.Join(lines, "\r\n"), body))
}

func TestSignaturesThatAreNotQuiteOne(t *testing.T) {
	good := zoom.Sign(newest, stamp, []byte(joinedBody))
	signature, timestamp := "X-Zm-Signature: "+good, "X-Zm-Request-Timestamp: "+stamp
	for name, c := range map[string]struct {
		lines  []string
		status int
	}{
		"space around is HTTP's and not the signature's":     {[]string{"x-zm-signature:  \t " + good + " \t", timestamp}, 200},
		"header names may be in any case":                    {[]string{"X-ZM-SIGNATURE: " + good, "x-zm-request-timestamp: " + stamp}, 200},
		"a space inside is malformed":                        {[]string{"X-Zm-Signature: v0= " + good[3:], timestamp}, 401},
		"a tab inside is malformed":                          {[]string{"X-Zm-Signature: v0=\t" + good[3:], timestamp}, 401},
		"a signature broken over two lines is malformed":     {[]string{"X-Zm-Signature: " + good[:30], " " + good[30:], timestamp}, 401},
		"a signature and a text behind it is malformed":      {[]string{signature + "; v=1", timestamp}, 401},
		"a truncated signature is malformed":                 {[]string{signature[:len(signature)-1], timestamp}, 401},
		"a signature in capitals is malformed":               {[]string{strings.ToUpper(signature), timestamp}, 401},
		"a quoted signature is malformed":                    {[]string{`X-Zm-Signature: "` + good + `"`, timestamp}, 401},
		"the same signature twice is malformed":              {[]string{signature, signature, timestamp}, 401},
		"twice in different case is malformed":               {[]string{signature, strings.ToLower(signature), timestamp}, 401},
		"two in one line are malformed":                      {[]string{signature + ", " + good, timestamp}, 401},
		"a signature under another name is none":             {[]string{"X_Zm_Signature: " + good, timestamp}, 401},
		"an empty one before the good one is malformed":      {[]string{"X-Zm-Signature:", signature, timestamp}, 401},
		"the timestamp twice is malformed":                   {[]string{signature, timestamp, timestamp}, 401},
		"a timestamp with something behind is malformed":     {[]string{signature, timestamp + " 0"}, 401},
		"a letter that is no ASCII is malformed":             {[]string{signature + "\u00a0", timestamp}, 401},
		"a NUL is not HTTP":                                  {[]string{signature + "\x00", timestamp}, 400},
		"a carriage return alone is not HTTP":                {[]string{signature + "\r0", timestamp}, 400},
		"a length given twice, with two values, is not HTTP": {[]string{signature, timestamp, "Content-Length: 2"}, 400},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			got := w.lines(t, joinedBody, c.lines...)
			require.Equal(t, c.status, got.status)
			require.Len(t, w.inbox.bodies(), map[int]int{200: 1}[c.status])
			if c.status == 401 {
				require.JSONEq(t, unauthorized, got.body)
			}
			require.NotContains(t, w.log.String(), "127.0.0.1")
		})
	}
}

// Each is signed as it stands, by the holder of the secret, so that its form alone
// decides.
func TestTimestampsThatAreNotQuiteOne(t *testing.T) {
	for name, c := range map[string]struct {
		timestamp string
		status    int
	}{
		"seconds":                         {stamp, 200},
		"seconds after leading zeros":     {"00" + stamp, 200},
		"seconds after too many zeros":    {"000" + stamp, 401},
		"milliseconds":                    {stamp + "000", 401},
		"nothing":                         {"", 401},
		"a minus":                         {"-" + stamp, 401},
		"a plus":                          {"+" + stamp, 401},
		"a fraction":                      {stamp + ".0", 401},
		"an exponent":                     {"1.77244e9", 401},
		"hexadecimal":                     {"0x69a54d40", 401},
		"an underscore":                   {"1_772440000", 401},
		"a word":                          {"now", 401},
		"a date":                          {"2026-03-02T08:26:40Z", 401},
		"Arabic digits":                   {"١٧٧٢٤٤٠٠٠٠", 401},
		"full-width digits":               {"１７７２４４００００", 401},
		"forty digits":                    {strings.Repeat("9", 40), 401},
		"forty zeros and then seconds":    {strings.Repeat("0", 40) + stamp, 401},
		"two with a colon":                {stamp + ":" + stamp, 401},
		"the beginning of time":           {"0", 401},
		"the last second that has a form": {strings.Repeat("9", 12), 401},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			got := w.knock(t, joinedBody, with(zoom.HeaderTimestamp, c.timestamp), with(zoom.HeaderSignature, zoom.Sign(newest, c.timestamp, []byte(joinedBody))))
			require.Equal(t, c.status, got.status)
			require.Len(t, w.inbox.bodies(), map[int]int{200: 1}[c.status])
		})
	}
}

// A colon would let one signature stand for two requests: timestamp and body are
// signed as one text. It cannot be in a timestamp.
func TestASignatureCannotBeSplitAnotherWay(t *testing.T) {
	body := "7:" + joinedBody
	signature := zoom.Sign(newest, stamp, []byte(body))
	require.Equal(t, signature, zoom.Sign(newest, stamp+":7", []byte(joinedBody)), "the text that is signed is the same")
	w := open(t)
	got := w.knock(t, joinedBody, with(zoom.HeaderTimestamp, stamp+":7"), with(zoom.HeaderSignature, signature))
	require.Equal(t, http.StatusUnauthorized, got.status)
}

// zipped is text as gzip has it.
func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.String()
}

// Something between Zoom and us reads the JSON and writes it anew. Only where that
// changes a byte is the signature another's.
func TestABodyThatWasWrittenAnewOnItsWay(t *testing.T) {
	emoji := strings.Replace(joinedBody, "Ada", `Ada \uD83D\uDE00`, 1)
	anew := strings.Replace(joinedBody, "Ada", "Ada 😀", 1)
	require.JSONEq(t, emoji, anew)
	bySignatureOf := func(sent string) func(http.Header, string) {
		return func(h http.Header, _ string) { signed(newest)(h, sent) }
	}
	for name, c := range map[string]struct {
		sent, arrives string
		status        int
		reason        string
	}{
		"a plain one is kept":               {joinedBody, joinedBody, 200, "kept"},
		"an emoji as Zoom wrote it is kept": {emoji, emoji, 200, "kept"},
		"an emoji as a letter is not":       {emoji, anew, 401, "wrong_signature"},
		"a blank more is not":               {joinedBody, strings.Replace(joinedBody, ":", ": ", 1), 401, "wrong_signature"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			got := w.knock(t, c.arrives, bySignatureOf(c.sent))
			require.Equal(t, c.status, got.status)
			require.EqualValues(t, 1, w.count(t, c.status, c.reason))
		})
	}
}

func TestBodiesThatMeanHarm(t *testing.T) {
	change := func(old, new string) string {
		require.Contains(t, joinedBody, old)
		return strings.Replace(joinedBody, old, new, 1)
	}
	deep := func(levels int) string {
		return change(`"account_id"`, `"deep":`+strings.Repeat("[", levels)+strings.Repeat("]", levels)+`,"account_id"`)
	}
	at := func(time string) string { return change("2026-03-02T08:01:14Z", time) }
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"a NUL in the text is not JSON":                    {change("Ada", "A\x00da"), 400, "invalid_json"},
		"a NUL behind it is not JSON":                      {joinedBody + "\x00", 400, "invalid_json"},
		"an escaped NUL is kept":                           {change("Ada", `A\u0000da`), 200, "kept"},
		"a lone surrogate is kept":                         {change("Ada", `\ud83d Ada \udcd0`), 200, "kept"},
		"an escaped emoji is kept":                         {change("Ada", `\ud83d\udcd0`), 200, "kept"},
		"bytes that are no UTF-8 are kept":                 {change("Ada", "\xff\xfe\xc0\x80"), 200, "kept"},
		"the same key twice is kept":                       {change(`"event_ts"`, `"event_ts":1,"event_ts"`), 200, "kept"},
		"a second event name is the one that counts":       {change(`"event":`, `"event":"meeting.created","event":`), 200, "kept"},
		"a second event name may be one we do not use":     {strings.TrimSuffix(joinedBody, "}") + `,"event":"meeting.created"}`, 200, "unused_event"},
		"five thousand levels are kept":                    {deep(5_000), 200, "kept"},
		"a hundred thousand levels are not read":           {deep(100_000), 400, "invalid_json"},
		"levels without an end are not read":               {strings.Repeat(`{"payload":`, 90_000), 400, "invalid_json"},
		"a number beyond all floats is kept":               {change("1772438475210", "1e999"), 200, "kept"},
		"a number of ten thousand digits is kept":          {change("1772438475210", strings.Repeat("9", 10_000)), 200, "kept"},
		"a meeting of forty digits is none":                {change(`"81234567890"`, strings.Repeat("8", 40)), 200, "no_meeting_id"},
		"a meeting below nought is none":                   {change(`"81234567890"`, "-81234567890"), 200, "no_meeting_id"},
		"a meeting with an exponent is none":               {change(`"81234567890"`, "8e10"), 200, "no_meeting_id"},
		"a time in the year 0 is kept":                     {at("0000-01-01T00:00:00Z"), 200, "kept"},
		"a time in the year 9999 is kept":                  {at("9999-12-31T23:59:59Z"), 200, "kept"},
		"a time in the year 10000 is kept":                 {at("10000-01-01T00:00:00Z"), 200, "kept"},
		"a byte order mark is not JSON":                    {"\ufeff" + joinedBody, 400, "invalid_json"},
		"UTF-16 is not JSON":                               {"\xff\xfe{\x00}\x00", 400, "invalid_json"},
		"a second object is not one":                       {joinedBody + joinedBody, 400, "invalid_json"},
		"a brace too many is not one":                      {joinedBody + "}", 400, "invalid_json"},
		"a number that JSON does not know is not JSON":     {change("1772438475210", "NaN"), 400, "invalid_json"},
		"a form is not JSON":                               {"payload=" + joinedBody, 400, "invalid_json"},
		"gzip is not JSON, whatever its header says":       {zipped(t, joinedBody), 400, "invalid_json"},
		"ten megabytes of blanks in gzip are not unpacked": {zipped(t, strings.Repeat(" ", 10<<20)), 400, "invalid_json"},
		"an object for a name is kept":                     {change(`"Ada Beispiel"`, `{"$gt":""}`), 200, "kept"},
		"a name that is SQL is kept":                       {change("Ada", `'; drop table users; --`), 200, "kept"},
		"a list of a hundred thousand names is kept":       {change(`"Ada Beispiel"`, "["+strings.Repeat(`"x",`, 100_000)+`"x"]`), 200, "kept"},
		"a hundred thousand other payloads are kept":       {change(`"event_ts"`, strings.Repeat(`"payload":{},`, 70_000)+`"event_ts"`), 200, "kept"},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			got := w.knock(t, c.body, signed(newest), with("Content-Encoding", "gzip"), with("Content-Type", "text/plain"))
			require.Equal(t, c.status, got.status)
			require.EqualValues(t, 1, w.count(t, c.status, c.reason))
			if c.reason == "kept" {
				require.Equal(t, []string{c.body}, w.inbox.bodies(), "byte for byte")
			}
			unsigned := w.knock(t, c.body)
			require.Contains(t, []int{400, 401}, unsigned.status, "and nothing of it without a signature")
		})
	}
}

// naive is a door as many are written: it answers every challenge, and checks the
// signature of everything else.
func naive(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var e struct {
		Event   string
		Payload struct{ PlainToken string }
	}
	_ = json.Unmarshal(body, &e)
	answer := map[string]any{"received": true}
	if e.Event == zoom.EventURLValidation {
		mac := hmac.New(sha256.New, []byte(newest))
		mac.Write([]byte(e.Payload.PlainToken))
		answer = map[string]any{"plainToken": e.Payload.PlainToken, "encryptedToken": hex.EncodeToString(mac.Sum(nil))}
	} else if zoom.Sign(newest, r.Header.Get(zoom.HeaderTimestamp), body) != r.Header.Get(zoom.HeaderSignature) {
		w.WriteHeader(http.StatusUnauthorized)
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// Whoever may have a text signed has an event signed: the challenge's formula and
// the signature's are the same. The attacker knows no secret.
func TestTheChallengeForgesNoEvent(t *testing.T) {
	attack := func(knock func(body string, sign ...func(http.Header, string)) reply) (forged int) {
		event := strings.Replace(joinedBody, "Ada Beispiel", "Nobody At All", 1)
		asked := knock(challenge("v0:" + stamp + ":" + event))
		var answer struct{ EncryptedToken string }
		require.NoError(t, json.Unmarshal([]byte(asked.body), &answer))
		return knock(event, with(zoom.HeaderTimestamp, stamp), with(zoom.HeaderSignature, "v0="+answer.EncryptedToken)).status
	}
	victim := httptest.NewServer(http.HandlerFunc(naive))
	defer victim.Close()
	fallen := &world{addr: victim.Listener.Addr().String(), client: victim.Client()}
	require.Equal(t, http.StatusOK, attack(func(body string, sign ...func(http.Header, string)) reply { return fallen.knock(t, body, sign...) }),
		"the attack is a real one")

	w := open(t)
	require.Equal(t, http.StatusUnauthorized, attack(func(body string, sign ...func(http.Header, string)) reply { return w.knock(t, body, sign...) }))
	require.Empty(t, w.inbox.bodies())
	require.EqualValues(t, 1, w.count(t, 400, "invalid_token"))
}
