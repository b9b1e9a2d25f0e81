package zoom_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// fields are where a body says something that matters.
var fields = [][]string{
	{"event"}, {"event_ts"},
	{"payload", "object", "id"}, {"payload", "object", "uuid"}, {"payload", "object", "start_time"}, {"payload", "object", "end_time"},
	{"payload", "object", "host_id"}, {"payload", "object", "host_email"},
	{"payload", "object", "participant", "user_id"}, {"payload", "object", "participant", "participant_uuid"},
	{"payload", "object", "participant", "participant_user_id"}, {"payload", "object", "participant", "id"},
	{"payload", "object", "participant", "registrant_id"}, {"payload", "object", "participant", "customer_key"},
	{"payload", "object", "participant", "email"}, {"payload", "object", "participant", "user_name"},
	{"payload", "object", "participant", "phone_number"}, {"payload", "object", "participant", "join_time"},
	{"payload", "object", "participant", "leave_time"}, {"payload", "object", "participant", "date_time"},
}

// Decode is held to a reading of its own: the body as maps, and the rules of the
// package documentation as regular expressions. Then one field is changed: two
// bodies make equal facts exactly when they say the same.
func FuzzFactsDifferWhenBodiesSayOtherThings(f *testing.F) {
	files, err := filepath.Glob("testdata/events/*.golden")
	if err != nil {
		f.Fatal(err)
	}
	for n, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		body, _, _ := bytes.Cut(content, []byte(separator))
		for _, value := range []string{"", "0", `"1 "`, "2026-03-02T09:00:00+01:00", "10000-01-01T00:00:00Z", "+49 30 5550100", "A\x00da\u0085\xff", "1e999", strings.Repeat("9", 40), "null", `{"id":1}`} {
			f.Add(body, uint8(n), value)
		}
	}
	for n := range fields {
		f.Add(joined(map[string]any{"user_id": "1", "join_time": "2026-03-02T08:01:14Z"}), uint8(n), "another")
		f.Add(joined(map[string]any{"user_id": "1", "user_name": "Ada"}), uint8(n), "1772438475999")
	}
	f.Fuzz(func(t *testing.T, body []byte, field uint8, value string) {
		tree, plain := readPlainly(body)
		if !plain {
			return
		}
		before := requireMeaning(t, body, tree)
		set(tree, fields[int(field)%len(fields)], value)
		changed, err := json.Marshal(tree)
		if err != nil {
			t.Fatal(err)
		}
		tree, _ = readPlainly(changed)
		after := requireMeaning(t, changed, tree)

		first, err1 := zoom.Decode(body, accepted)
		second, err2 := zoom.Decode(changed, accepted)
		same := first == second && errors.Is(err1, err2)
		if same != reflect.DeepEqual(before, after) {
			t.Fatalf("%v and %v make %+v and %+v", before, after, first, second)
		}
	})
}

// requireMeaning fails unless Decode says of the body what its tree says.
func requireMeaning(t *testing.T, body []byte, tree map[string]any) map[string]any {
	t.Helper()
	want := meaning(body, tree)
	fact, err := zoom.Decode(body, accepted)
	got := map[string]any{}
	if err != nil {
		got["error"] = err
	} else if written, _ := json.Marshal(fact); json.Unmarshal(written, &got) != nil {
		t.Fatalf("not JSON: %s", written)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%s\nsays %v\nDecode says %v", body, want, got)
	}
	return want
}

// readPlainly reads an object none of whose keys is there twice, or in another
// case than ours: of those, which counts is a rule with tests of its own.
func readPlainly(body []byte) (tree map[string]any, plain bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&tree) != nil || tree == nil || !errors.Is(decoder.Decode(new(any)), io.EOF) {
		return nil, false
	}
	again, err := json.Marshal(tree)
	return tree, err == nil && keys(body) == keys(again) && ourCase(tree)
}

// keys counts the keys of a body.
func keys(body []byte) (n int) {
	var stack []bool // whether each level is an object
	key := false
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return n
		}
		switch d, isDelim := token.(json.Delim); {
		case isDelim && (d == '{' || d == '['):
			stack, key = append(stack, d == '{'), d == '{'
			continue
		case isDelim:
			stack = stack[:len(stack)-1]
		case key:
			n, key = n+1, false
			continue
		}
		key = len(stack) > 0 && stack[len(stack)-1]
	}
}

// ourCase reports whether every key that is one of ours in some case is in ours.
func ourCase(tree map[string]any) bool {
	for key, value := range tree {
		for _, path := range fields {
			for _, name := range path {
				if strings.EqualFold(key, name) && key != name {
					return false
				}
			}
		}
		if inner, ok := value.(map[string]any); ok && !ourCase(inner) {
			return false
		}
	}
	return true
}

// set changes one field: to the value as JSON if it is that, else as text.
func set(tree map[string]any, path []string, value string) {
	for _, name := range path[:len(path)-1] {
		inner, ok := tree[name].(map[string]any)
		if !ok {
			inner = map[string]any{}
			tree[name] = inner
		}
		tree = inner
	}
	tree[path[len(path)-1]] = value
	if json.Valid([]byte(value)) {
		tree[path[len(path)-1]] = json.RawMessage(value)
	}
}

var (
	whiteControl = regexp.MustCompile(`[\t\n\v\f\r\x{85}]`)
	unfit        = regexp.MustCompile(`[\p{Cc}\x{FFFD}]`)
	onlyDigits   = regexp.MustCompile(`^[0-9]+$`)
	someDigits   = regexp.MustCompile(`\p{Nd}`)
	someLetter   = regexp.MustCompile(`\p{L}`)
)

// meaning is what the fact of a body must be, as JSON has it, or the error.
func meaning(body []byte, tree map[string]any) map[string]any {
	at := func(path ...string) any {
		var value any = tree
		for _, name := range path {
			inner, _ := value.(map[string]any)
			value = inner[name]
		}
		return value
	}
	meeting := func(name string) any { return at("payload", "object", name) }
	person := func(name string) any { return at("payload", "object", "participant", name) }

	event, _ := at("event").(string)
	rule, used := map[string]struct {
		kind string
		when any
	}{
		"meeting.started":            {"started", meeting("start_time")},
		"meeting.ended":              {"ended", meeting("end_time")},
		"meeting.participant_joined": {"joined", person("join_time")},
		"meeting.participant_left":   {"left", person("leave_time")},

		"meeting.participant_joined_waiting_room": {"waiting_joined", person("date_time")},
		"meeting.participant_left_waiting_room":   {"waiting_left", person("date_time")},
	}[wholeText(event)]
	if !used {
		return map[string]any{"error": zoom.ErrNotUsed}
	}
	fact := map[string]any{"kind": rule.kind}
	put := func(name, value string) {
		if value != "" {
			fact[name] = value
		}
	}
	if number := wholeText(anID(meeting("id"))); onlyDigits.MatchString(number) && len(number) <= 20 {
		put("meeting", number)
	}
	put("instance", wholeText(anID(meeting("uuid"))))
	put("start", timeOf(meeting("start_time")))
	put("accepted", "2026-03-02T08:50:00.123456Z")
	put("host_id", wholeText(anID(meeting("host_id"))))
	host, _ := meeting("host_email").(string)
	put("host_email", wholeText(host))
	if put("at", timeOfMillis(at("event_ts"))); fact["at"] != nil {
		fact["approximate"] = true
	}
	if own := timeOf(rule.when); own != "" {
		put("at", own)
		delete(fact, "approximate")
	}
	if fact["at"] == nil {
		put("body_hash", fmt.Sprintf("%x", sha256.Sum256(body)))
	}
	ofPerson := rule.kind != "started" && rule.kind != "ended"
	if ofPerson {
		put("connection", wholeText(anID(person("participant_uuid"))))
		put("segment", wholeText(anID(person("user_id"))))
		put("zoom_user_id", wholeText(anID(person("id"))))
		put("zoom_user_id", wholeText(anID(person("participant_user_id"))))
		if id := wholeText(anID(person("id"))); id != fact["zoom_user_id"] {
			put("participant_id", id)
		}
		put("registrant_id", wholeText(anID(person("registrant_id"))))
		put("customer_key", wholeText(anID(person("customer_key"))))
		email, _ := person("email").(string)
		put("email", wholeText(email))
		name, _ := person("user_name").(string)
		put("name", nameWithoutNumber(name, strings.TrimSpace(anID(person("phone_number"))) != ""))
	}
	if fact["meeting"] == nil {
		return map[string]any{"error": zoom.ErrNoMeeting}
	}
	named := false
	for _, name := range []string{"segment", "connection", "email", "name", "zoom_user_id", "registrant_id", "customer_key"} {
		named = named || fact[name] != nil
	}
	if ofPerson && !named {
		return map[string]any{"error": zoom.ErrNobody}
	}
	return fact
}

// anID is a text, or the digits of a whole number.
func anID(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		if onlyDigits.MatchString(v.String()) {
			return v.String()
		}
	}
	return ""
}

func wholeText(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 256 || unfit.MatchString(s) {
		return ""
	}
	return s
}

func nameWithoutNumber(s string, dialledIn bool) string {
	s = strings.TrimSpace(unfit.ReplaceAllString(whiteControl.ReplaceAllString(s, " "), ""))
	if letters := []rune(s); len(letters) > 256 {
		s = strings.TrimSpace(string(letters[:256]))
	}
	digits, wordless := len(someDigits.FindAllString(s, -1)), !someLetter.MatchString(s)
	switch {
	case dialledIn && (digits >= 5 || digits > 0 && wordless),
		!dialledIn && wordless && digits >= 10,
		!dialledIn && wordless && digits >= 7 && strings.HasPrefix(s, "+"):
		return ""
	}
	return s
}

func timeOf(value any) string {
	s, _ := value.(string)
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(s))
	if err != nil {
		return ""
	}
	return believed(t.Unix())
}

func timeOfMillis(value any) string {
	ms, err := strconv.ParseInt(wholeText(anID(value)), 10, 64)
	if err != nil || ms < 0 {
		return ""
	}
	return believed(ms / 1000)
}

// believed is an instant of the years 2015 to 2099, in UTC.
func believed(seconds int64) string {
	if seconds < 1420070400 || seconds >= 4102444800 {
		return ""
	}
	return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05Z")
}
