package zoom

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// How long a text may be. See the package documentation for what happens to
// one that is longer.
const (
	maxID      = 256 // bytes
	maxName    = 256 // characters
	maxMeeting = 20  // digits; Zoom uses 9 to 11
)

// The instants we believe: from earliest up to latest, latest excluded.
var (
	earliest = time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
	latest   = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
)

// text returns a JSON string as it stands, or "" for anything else. encoding/json
// turns invalid UTF-8 and lone surrogates into U+FFFD.
func text(raw json.RawMessage) string {
	if isPlain(raw) {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// isPlain says whether raw is a JSON string of ASCII without escapes, which
// stands for itself. Nearly all are.
func isPlain(raw json.RawMessage) bool {
	if len(raw) < 2 || raw[0] != '"' || raw[len(raw)-1] != '"' {
		return false
	}
	for _, c := range raw[1 : len(raw)-1] {
		if c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// textOrInteger is text that also takes a bare integer, as its digits.
func textOrInteger(raw json.RawMessage) string {
	if isDigits(string(raw)) {
		return string(raw)
	}
	return text(raw)
}

// id returns an identifier given as text or as a bare integer, or "".
func id(raw json.RawMessage) string { return whole(textOrInteger(raw)) }

// word returns an identifier given as text, or "".
func word(raw json.RawMessage) string { return whole(text(raw)) }

// whole returns s trimmed, or "" if it is not printable throughout and at most
// maxID bytes long.
func whole(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > maxID || strings.ContainsFunc(s, unprintable) {
		return ""
	}
	return s
}

// meetingNumber returns a meeting's number as decimal digits, or "".
func meetingNumber(raw json.RawMessage) string {
	s := id(raw)
	if !isDigits(s) || len(s) > maxMeeting {
		return ""
	}
	return s
}

// name returns a display name, mended: trimmed, on one line, without characters
// that cannot be shown or stored, and cut at maxName characters.
func name(raw json.RawMessage) string {
	s := strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r) && unicode.IsSpace(r):
			return ' '
		case unprintable(r):
			return -1
		}
		return r
	}, text(raw)))
	if utf8.RuneCountInString(s) > maxName {
		s = strings.TrimSpace(string([]rune(s)[:maxName]))
	}
	return s
}

// unprintable says whether a character has no place in a text we keep: control
// characters (NUL, which jsonb refuses, among them) and the mark of broken UTF-8.
func unprintable(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError }

// instant returns an RFC 3339 time as UTC in whole seconds, or the zero time if
// there is none that can be believed.
func instant(raw json.RawMessage) time.Time {
	t, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(text(raw)))
	if err != nil {
		return time.Time{}
	}
	return believable(t)
}

// instantOfMillis is instant for Unix milliseconds.
func instantOfMillis(raw json.RawMessage) time.Time {
	ms, err := strconv.ParseInt(id(raw), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return believable(time.UnixMilli(ms))
}

func believable(t time.Time) time.Time {
	if t.Before(earliest) || !t.Before(latest) {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// isDigits says whether s is one or more ASCII digits and nothing else.
func isDigits(s string) bool {
	return s != "" && strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' }) < 0
}
