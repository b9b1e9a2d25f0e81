package supabase

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Codes of our own, beside PostgREST's (PGRST…) and PostgreSQL's (SQLSTATE).
const (
	CodeConnection  = "connection"        // no connection, or it broke before the answer was whole
	CodeNoHost      = "no_such_host"      // the address has no server
	CodeCertificate = "certificate"       // the server is not who it should be
	CodeTimeout     = "timeout"           // no complete answer in time
	CodeNotJSON     = "not_json"          // a 2xx that somebody between us and PostgREST made up
	CodeRedirect    = "redirect"          // a 3xx; the address is not the project's
	CodeUnexpected  = "unexpected_answer" // JSON, but not what this binary's function answers
	CodeUnencodable = "unencodable"       // a fact that JSON cannot hold; nothing was sent
	CodeSilence     = "silence"           // PostgREST's error without a word: PostgreSQL was gone in mid-call
)

// maxRetryAfter bounds what a server may ask us to wait.
const maxRetryAfter = time.Hour

// Error is a call that did not succeed, or that may have and whose answer was
// lost. See [Error.Blame] for what to make of it.
//
// Message and Details are the server's words and may quote the data they are
// about: a name, an e-mail. Details is never logged, Message only by
// [Error.Error], which leaves it out where it may quote.
type Error struct {
	Operation  string        // what was called, such as apply_zoom_events
	Status     int           // HTTP status; 0 when there was no answer
	Code       string        // PGRST…, an SQLSTATE, one of ours, or empty
	Message    string        // the server's words
	Details    string        // the server's, and often data: do not log
	Hint       string        // the server's, for whoever writes the SQL
	RetryAfter time.Duration // what the server asked us to wait; 0: it did not
	Err        error         // the cause, when it was an error of Go's

	asUser bool // the call was made with a user's token
}

// answered makes the error of an answer that is not a 2xx.
func answered(resp *http.Response, body []byte) *Error {
	var said struct{ Code, Message, Details, Hint any }
	_ = json.Unmarshal(body, &said) // a gateway may answer in HTML; the status says enough
	e := &Error{
		Status:     resp.StatusCode,
		Code:       code(text(said.Code)),
		Message:    text(said.Message),
		Details:    text(said.Details),
		Hint:       text(said.Hint),
		RetryAfter: retryAfter(resp.Header.Get("Retry-After"), time.Now()),
	}
	// PostgREST 12: 400 {"code":"","details":null,"hint":null,"message":""}
	if said.Code == "" && e.Message == "" {
		e.Code = CodeSilence
	}
	return e
}

// text is the string in a JSON value. PostgREST's hint and details may be null
// or, for errors of its own, an array.
func text(v any) string {
	s, _ := v.(string)
	return s
}

var codeShape = regexp.MustCompile(`^(PGRST[0-9A-Z]{3}|[0-9A-Z]{5})$`)

// raisable are PostgreSQL's codes that somebody's trigger may raise, with a
// message about the row: all but those for a function, column or table that is
// missing, whose message names it.
func raisable(code string) bool {
	return len(code) == 5 && code != "42883" && code != "42703" && code != "42P01"
}

// code lets through what is shaped like a code, for it becomes a metric's
// label and the reason of a dead letter.
func code(s string) string {
	if codeShape.MatchString(s) {
		return s
	}
	return ""
}

// retryAfter reads a Retry-After header: seconds, or a date.
func retryAfter(s string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(s); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// Error says what was called and what came back, in words fit for a log: no
// word of the server's that may quote a fact.
func (e *Error) Error() string {
	parts := []string{e.Operation + ":"}
	if e.Status != 0 {
		parts = append(parts, strconv.Itoa(e.Status))
	}
	if e.Code != "" {
		parts = append(parts, e.Code)
	}
	v := e.verdict()
	if said := oneLine(e.Message); said != "" && v.quotable && !raisable(e.Code) {
		return strings.Join(parts, " ") + ": " + said
	}
	return strings.Join(parts, " ") + ": " + v.meaning
}

// Unwrap returns the error of Go's beneath, if there was one.
func (e *Error) Unwrap() error { return e.Err }

// oneLine keeps a server's words to one line of bearable length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if runes := []rune(s); len(runes) > 200 {
		return string(runes[:200]) + "…"
	}
	return s
}
