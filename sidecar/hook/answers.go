package hook

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// Why a request got another answer than 200. Signatures and tokens have their
// own errors, in package zoom.
var (
	errTooLarge    = errors.New("body over the limit")
	errBusy        = errors.New("no room for another large body")
	errBrokenOff   = errors.New("body broke off")
	errNoToken     = errors.New("challenge without plainToken")
	errNotKept     = errors.New("inbox did not keep it")
	errNotReady    = errors.New("not ready")
	errTooMany     = errors.New("client failed too often")
	errNotFound    = errors.New("unknown path")
	errMethod      = errors.New("other method")
	errUnexplained = errors.New("unexplained")
)

// Why a request got 200.
const (
	reasonKept      = "kept"
	reasonUnused    = "unused_event"
	reasonNoMeeting = "no_meeting_id"
	reasonChallenge = "challenge"
	reasonUnsigned  = "unsigned_challenge"
	reasonTrial     = "trial"
	reasonAlive     = "alive"
	reasonReady     = "ready"
)

// answer is what an error means to the outside.
type answer struct {
	err        error
	status     int
	text       string     // the client is told this and no more
	reason     string     // the log and the metrics are told this
	level      slog.Level // of the log line
	failed     bool       // a check failed: counts against the client, and can become 429
	retryAfter string     // seconds, if coming back is worth it
}

// limited stands in for the answer to a client that failed too often; when to come
// back is a setting. It is logged as debug: the failures before it were warnings
// enough.
var limited = answer{errTooMany, http.StatusTooManyRequests, "Too many requests", "limited", slog.LevelDebug, false, ""}

// answers are all answers but 200. The first that fits counts; those that wrap
// somebody else's error come first, so that it cannot be taken for one of ours.
// The last is for errors that are not among them; there should be none.
var answers = []answer{
	{errNotKept, http.StatusServiceUnavailable, "Try again later", "not_kept", slog.LevelError, false, retryLater},
	{errNotReady, http.StatusServiceUnavailable, "Not ready", "not_ready", slog.LevelWarn, false, ""},
	{errTooLarge, http.StatusRequestEntityTooLarge, "Body too large", "too_large", slog.LevelWarn, true, ""},
	{errBusy, http.StatusServiceUnavailable, "Try again later", "busy", slog.LevelWarn, false, retryLater},
	{errBrokenOff, http.StatusServiceUnavailable, "Try again later", "broken_off", slog.LevelWarn, false, retryLater},
	{zoom.ErrNotObject, http.StatusBadRequest, "Invalid JSON", "invalid_json", slog.LevelWarn, true, ""},
	{errNoToken, http.StatusBadRequest, "Missing plainToken", "missing_token", slog.LevelWarn, true, ""},
	{zoom.ErrToken, http.StatusBadRequest, "Invalid plainToken", "invalid_token", slog.LevelWarn, true, ""},
	{zoom.ErrNoSignature, http.StatusUnauthorized, "Invalid signature", "no_signature", slog.LevelWarn, true, ""},
	{zoom.ErrMalformed, http.StatusUnauthorized, "Invalid signature", "malformed_signature", slog.LevelWarn, true, ""},
	{zoom.ErrStale, http.StatusUnauthorized, "Invalid signature", "stale_timestamp", slog.LevelWarn, true, ""},
	{zoom.ErrMismatch, http.StatusUnauthorized, "Invalid signature", "wrong_signature", slog.LevelWarn, true, ""},
	{errNotFound, http.StatusNotFound, "Not found", "unknown_path", slog.LevelDebug, false, ""},
	{errMethod, http.StatusMethodNotAllowed, "Method not allowed", "other_method", slog.LevelDebug, false, ""},
	limited,
	{web.ErrPanicked, http.StatusInternalServerError, "Internal error", "panic", slog.LevelError, false, ""},
	{errUnexplained, http.StatusInternalServerError, "Internal error", "unexplained", slog.LevelError, false, ""},
}

// retryLater is the Retry-After of a 503, in seconds. Zoom keeps its own
// schedule (5 minutes first); the header is for everybody between.
const retryLater = "30"

// answerTo returns the answer to an error.
func answerTo(err error) answer {
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a
		}
	}
	return answers[len(answers)-1]
}

// write sends the answer.
func (a answer) write(c *gin.Context) {
	if a.retryAfter != "" {
		c.Header("Retry-After", a.retryAfter)
	}
	c.JSON(a.status, gin.H{"error": a.text})
}
