package zoom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

var update = flag.Bool("update", false, "write what Decode says into testdata/events")

// accepted is when the door accepted what these tests decode.
var accepted = time.Date(2026, 3, 2, 8, 50, 0, 123456789, time.UTC)

// separator stands between the body and what becomes of it.
const separator = "\n-- fact --\n"

func TestDecodeMakesTheFactsInTestdata(t *testing.T) {
	files, err := filepath.Glob("testdata/events/*.golden")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".golden"), "_", " "), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			body, want, found := strings.Cut(string(content), separator)
			require.True(t, found, "%s has no line %q", file, strings.TrimSpace(separator))

			got := describe(zoom.Decode([]byte(body), accepted))
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(body+separator+got), 0o644))
				return
			}
			require.Equal(t, want, got)
		})
	}
}

// describe writes what Decode returned as the golden files have it.
func describe(fact zoom.Fact, err error) string {
	if err != nil {
		return fmt.Sprintf("error: %v\n", err)
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(fact); err != nil {
		return fmt.Sprintf("error: encoding: %v\n", err)
	}
	return out.String()
}

// joined is a body of somebody coming in whose fields a test can spoil.
func joined(participant map[string]any) []byte {
	body, err := json.Marshal(map[string]any{
		"event":    zoom.EventParticipantJoined,
		"event_ts": 1772438475210,
		"payload": map[string]any{"object": map[string]any{
			"id": "81234567890", "uuid": "aB/cD+eFgHiJkLmNoPqRsQ==", "participant": participant,
		}},
	})
	if err != nil {
		panic(err)
	}
	return body
}

func TestDecodeErrorsAreSentinels(t *testing.T) {
	started := func(object string) string {
		return `{"event":"meeting.started","payload":{"object":` + object + `}}`
	}
	for name, tc := range map[string]struct {
		body string
		want error
	}{
		"not an object":                         {`null`, zoom.ErrNotObject},
		"an event we do not use":                {`{"event":"meeting.created"}`, zoom.ErrNotUsed},
		"an event name in the wrong case":       {`{"event":"Meeting.Started"}`, zoom.ErrNotUsed},
		"an event name that is a number":        {`{"event":1}`, zoom.ErrNotUsed},
		"no payload":                            {`{"event":"meeting.started"}`, zoom.ErrNoMeeting},
		"a meeting number with an exponent":     {started(`{"id":8.1234567890e10,"uuid":"x"}`), zoom.ErrNoMeeting},
		"a negative meeting number":             {started(`{"id":-81234567890,"uuid":"x"}`), zoom.ErrNoMeeting},
		"a meeting number in Arabic digits":     {started(`{"id":"٨١٢٣٤٥٦٧٨٩","uuid":"x"}`), zoom.ErrNoMeeting},
		"a meeting number of twenty-one digits": {started(`{"id":123456789012345678901,"uuid":"x"}`), zoom.ErrNoMeeting},
		"neither a time nor an acceptance":      {started(`{"id":81234567890,"uuid":"x"}`), zoom.ErrNoTime},
		"somebody who is nobody": {
			`{"event":"meeting.participant_left","payload":{"object":{"id":"81234567890","uuid":"x","participant":{}}}}`,
			zoom.ErrNobody,
		},
	} {
		t.Run(name, func(t *testing.T) {
			fact, err := zoom.Decode([]byte(tc.body), time.Time{})
			require.ErrorIs(t, err, tc.want)
			require.Zero(t, fact)
		})
	}
}

func TestAnEventThatSaysItsTimeNeedsNoAcceptanceAndNoHash(t *testing.T) {
	fact, err := zoom.Decode(joined(map[string]any{"user_id": "1", "join_time": "2026-03-02T08:01:14Z"}), time.Time{})
	require.NoError(t, err)
	require.Zero(t, fact.Accepted)
	require.Empty(t, fact.BodyHash)
	written, err := json.Marshal(fact)
	require.NoError(t, err)
	require.NotContains(t, string(written), "accepted")
}

func TestTheHashIsThatOfTheBytesAsTheyCame(t *testing.T) {
	const body = `{"event":"meeting.ended","payload":{"object":{"id":"81234567890"}}}`
	first, err := zoom.Decode([]byte(body), accepted)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(body))), first.BodyHash)
	spaced, err := zoom.Decode([]byte(body+" "), accepted)
	require.NoError(t, err)
	require.NotEqual(t, first.BodyHash, spaced.BodyHash)
}

// An account may subscribe to all of them. What we do not use is let go, and what we
// use is no dead letter.
func TestOfTheEventsThatZoomDocumentsSixBecomeFactsAndTheOthersAreNotUsed(t *testing.T) {
	names, err := os.ReadFile("testdata/published.txt")
	require.NoError(t, err)
	used := map[string]zoom.Kind{}
	for _, name := range strings.Fields(string(names)) {
		body := fmt.Appendf(nil, `{"event":%q,"event_ts":1772438475210,"payload":{"account_id":"acctDEMO0000000000001A","object":{
			"id":81234567890,"uuid":"aB/cD+eFgHiJkLmNoPqRsQ==","start_time":"2026-03-02T08:00:04Z",
			"participant":{"user_id":"16778240","user_name":"Ada Beispiel","date_time":"2026-03-02T08:00:59Z"}}}}`, name)
		envelope, err := zoom.Open(body)
		require.NoError(t, err, name)
		fact, err := zoom.Decode(body, accepted)
		if !envelope.Used() {
			require.ErrorIs(t, err, zoom.ErrNotUsed, name)
			continue
		}
		require.NoError(t, err, name)
		used[name] = fact.Kind
	}
	require.Equal(t, map[string]zoom.Kind{
		"meeting.started": "started", "meeting.ended": "ended",
		"meeting.participant_joined": "joined", "meeting.participant_left": "left",
		"meeting.participant_joined_waiting_room": "waiting_joined", "meeting.participant_left_waiting_room": "waiting_left",
	}, used)
}

func TestDecodeKeepsNoAddressAndNoTelephoneNumber(t *testing.T) {
	fact, err := zoom.Decode(joined(map[string]any{
		"user_id": "16778240", "user_name": "+49 30 5550100", "phone_number": "49305550100",
		"public_ip": "203.0.113.7", "private_ip": "10.0.0.7", "join_time": "2026-03-02T08:01:14Z",
	}), accepted)
	require.NoError(t, err)
	kept, err := json.Marshal(fact)
	require.NoError(t, err)
	for _, secret := range []string{"203.0.113.7", "10.0.0.7", "5550100"} {
		require.NotContains(t, string(kept), secret)
	}
}

func TestNamesThatAreTelephoneNumbers(t *testing.T) {
	for _, tc := range []struct {
		why, name string
		phone     any
		want      string
	}{
		{"a caller's own number goes", "14155550100", "14155550100", ""},
		{"a caller's number written nationally goes", "(415) 555-0100", "+14155550100", ""},
		{"a caller's masked number goes", "1415***0100", "14155550100", ""},
		{"a caller's number beside a word goes", "Caller 14155550100", "14155550100", ""},
		{"a number given as a JSON number counts", "555-0100", 14155550100, ""},
		{"a spoilt phone_number counts", "555-0100", "1415\x005550100", ""},
		{"a caller with a name keeps it", "Ada Beispiel, 7b", "14155550100", "Ada Beispiel, 7b"},
		{"a caller in a numbered room keeps the name", "Room 1204", "14155550100", "Room 1204"},
		{"an international number goes without phone_number", "+1 415 555 0100", "", ""},
		{"ten digits alone go without phone_number", "1415-555-0100", "", ""},
		{"a student's number stays", "20260417", "", "20260417"},
		{"a name with many digits stays", "Ada 2026041700", "", "Ada 2026041700"},
		{"a name without digits stays", "***", "14155550100", "***"},
	} {
		t.Run(tc.why, func(t *testing.T) {
			fact, err := zoom.Decode(joined(map[string]any{"user_id": "1", "user_name": tc.name, "phone_number": tc.phone}), accepted)
			require.NoError(t, err)
			require.Equal(t, tc.want, fact.Name)
		})
	}
}

func TestNamesAreCutAndIDsAreNot(t *testing.T) {
	fact, err := zoom.Decode(joined(map[string]any{
		"user_id": "1", "user_name": strings.Repeat("ä", 300),
		"participant_uuid": strings.Repeat("c", 256), "registrant_id": strings.Repeat("r", 257),
	}), accepted)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ä", 256), fact.Name)
	require.Len(t, fact.Connection, 256)
	require.Empty(t, fact.RegistrantID, "an id that is cut would be another id")
}

func TestDeepNestingIsAnErrorAndNoCrash(t *testing.T) {
	deep := strings.Repeat("[", 500_000) + strings.Repeat("]", 500_000)
	_, err := zoom.Decode([]byte(`{"event":"meeting.started","payload":`+deep+`}`), accepted)
	require.ErrorIs(t, err, zoom.ErrNotObject)
	_, err = zoom.Open([]byte(`{"payload":` + deep + `}`))
	require.ErrorIs(t, err, zoom.ErrNotObject)
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/events/*.golden")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		body, _, _ := bytes.Cut(content, []byte(separator))
		f.Add(body)
	}
	f.Add(joined(map[string]any{"user_id": "1", "user_name": "A\u0000da"}))
	f.Add([]byte("{\"event\":\"meeting.started\",\"payload\":{\"object\":{\"id\":1,\"uuid\":\"\xff\"}},\"event_ts\":1772438475210}"))
	f.Fuzz(func(t *testing.T, body []byte) {
		fact, err := zoom.Decode(body, accepted)
		again, errAgain := zoom.Decode(bytes.Clone(body), accepted)
		if fact != again || !errors.Is(errAgain, err) {
			t.Fatalf("the same bytes made %+v, %v and then %+v, %v", fact, err, again, errAgain)
		}
		envelope, errOpen := zoom.Open(body)
		requireAgreement(t, fact, err, envelope, errOpen)
		if err == nil {
			requireStorable(t, fact)
		}
	})
}

// requireAgreement holds Open and Decode to one another.
func requireAgreement(t *testing.T, fact zoom.Fact, err error, envelope zoom.Envelope, errOpen error) {
	t.Helper()
	switch {
	case errors.Is(err, zoom.ErrNotObject) != (errOpen != nil):
		t.Fatalf("Decode says %v, Open says %v", err, errOpen)
	case errOpen == nil && envelope.Used() == errors.Is(err, zoom.ErrNotUsed):
		t.Fatalf("Decode says %v of an event that is used: %v", err, envelope.Used())
	case err == nil && fact.Meeting != envelope.MeetingID:
		t.Fatalf("Decode says meeting %q, Open says %q", fact.Meeting, envelope.MeetingID)
	case errors.Is(err, zoom.ErrNoMeeting) && envelope.MeetingID != "":
		t.Fatalf("Decode says there is no meeting, Open says %q", envelope.MeetingID)
	}
}

// requireStorable checks that Postgres takes the fact as jsonb and that it keeps
// what Fact promises.
func requireStorable(t *testing.T, fact zoom.Fact) {
	t.Helper()
	written, err := json.Marshal(fact)
	if err != nil || !json.Valid(written) || !utf8.Valid(written) || bytes.Contains(written, []byte(`\u0000`)) {
		t.Fatalf("not storable: %s (%v)", written, err)
	}
	var back zoom.Fact
	if err := json.Unmarshal(written, &back); err != nil || back != fact {
		t.Fatalf("written and read again: %+v, %v; want %+v", back, err, fact)
	}
	for _, s := range []string{
		string(fact.Kind), fact.Meeting, fact.Instance, fact.HostID, fact.HostEmail, fact.Segment, fact.Connection,
		fact.ZoomUserID, fact.ParticipantID, fact.RegistrantID, fact.CustomerKey, fact.Email, fact.Name, fact.BodyHash,
	} {
		if !utf8.ValidString(s) || strings.TrimSpace(s) != s || strings.ContainsFunc(s, unicode.IsControl) || utf8.RuneCountInString(s) > 256 {
			t.Fatalf("not clean: %q", s)
		}
	}
	for _, at := range []time.Time{fact.At, fact.Start} {
		if at.Location() != time.UTC || at.Nanosecond() != 0 || (!at.IsZero() && (at.Year() < 2015 || at.Year() >= 2100)) {
			t.Fatalf("not a believable whole second in UTC: %v", at)
		}
	}
	switch {
	case fact.Meeting == "":
		t.Fatalf("a fact without a meeting: %+v", fact)
	case fact.At.IsZero() != (fact.BodyHash != ""):
		t.Fatalf("a fact has a time or the hash of its body: %+v", fact)
	case !fact.Accepted.Equal(accepted.Truncate(time.Microsecond)):
		t.Fatalf("accepted at %v", fact.Accepted)
	}
}

func BenchmarkDecode(b *testing.B) {
	content, err := os.ReadFile("testdata/events/joined_guest_with_empty_identity.golden")
	if err != nil {
		b.Fatal(err)
	}
	body, _, _ := bytes.Cut(content, []byte(separator))
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if _, err := zoom.Decode(body, accepted); err != nil {
			b.Fatal(err)
		}
	}
}
