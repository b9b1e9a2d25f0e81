package meetings

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/web"
)

// Why a request got another answer than 200.
var (
	errOrigin      = errors.New("not from a page of ours")
	errAddress     = errors.New("too many from this address")
	errUser        = errors.New("too many with this token")
	errNoToken     = errors.New("no token")
	errRefused     = errors.New("token refused")
	errNoMeeting   = errors.New("no meeting for this user")
	errCancelled   = errors.New("meeting is cancelled")
	errNotEnrolled = errors.New("not enrolled")
	errDenied      = errors.New("registration denied")
	errDomain      = errors.New("e-mail of another domain")
	errForbidden   = errors.New("does not oversee the meeting")
	errTooLarge    = errors.New("body over the limit")
	errNotJSON     = errors.New("body is not JSON")
	errAction      = errors.New("unknown action")
	errWeather     = errors.New("no answer from the project")
	errOurs        = errors.New("the project refuses us")
	errNotFound    = errors.New("unknown path")
	errMethod      = errors.New("other method")
	errUnexplained = errors.New("unexplained")
)

// answer is what an error means to the outside.
type answer struct {
	err    error
	status int
	text   string     // the client is told this
	code   string     // and this, if the page acts on it
	reason string     // the log and the metrics are told this
	level  slog.Level // of the log line
}

// The answers to what went well.
var (
	good      = answer{nil, http.StatusOK, "", "", "ok", slog.LevelDebug}
	preflight = answer{nil, http.StatusNoContent, "", "", "preflight", slog.LevelDebug}
)

// answers are all others. The first that fits counts; those that wrap somebody
// else's error come first, so that it cannot be taken for one of ours. The last is
// for errors that are not among them; there should be none. Those below 500 are
// refusals, and logged once a minute per client and reason.
var answers = []answer{
	{web.ErrPanicked, http.StatusInternalServerError, "Internal error", "", "panic", slog.LevelError},
	{errWeather, http.StatusServiceUnavailable, "Try again later", "", "no_answer", slog.LevelWarn},
	{errOurs, http.StatusServiceUnavailable, "Try again later", "", "refuses_us", slog.LevelError},
	{errRefused, http.StatusUnauthorized, "Unauthorized", "", "token_refused", slog.LevelInfo},
	{errNoToken, http.StatusUnauthorized, "Unauthorized", "", "no_token", slog.LevelInfo},
	{errOrigin, http.StatusForbidden, "Invalid Origin", "", "other_origin", slog.LevelInfo},
	{errAddress, http.StatusTooManyRequests, "Too many requests", "", "address_limited", slog.LevelInfo},
	{errUser, http.StatusTooManyRequests, "Too many requests", "", "user_limited", slog.LevelInfo},
	{errNoMeeting, http.StatusNotFound, "Meeting not found", "", "no_meeting", slog.LevelInfo},
	{errCancelled, http.StatusBadRequest, "Meeting is cancelled", "", "cancelled", slog.LevelInfo},
	{errNotEnrolled, http.StatusForbidden, "You are not enrolled in this class", "NOT_ENROLLED", "not_enrolled", slog.LevelInfo},
	{errDenied, http.StatusForbidden, "Your registration for this meeting was denied", "REGISTRATION_DENIED", "denied", slog.LevelInfo},
	{errDomain, http.StatusForbidden, "Students join with the e-mail address of their school", "DOMAIN_RESTRICTED", "other_domain", slog.LevelInfo},
	{errForbidden, http.StatusForbidden, "Forbidden", "", "forbidden", slog.LevelInfo},
	{errTooLarge, http.StatusRequestEntityTooLarge, "Body too large", "", "too_large", slog.LevelInfo},
	{errNotJSON, http.StatusBadRequest, "Invalid JSON", "", "invalid_json", slog.LevelInfo},
	{errAction, http.StatusBadRequest, "Invalid action", "", "invalid_action", slog.LevelInfo},
	{errNotFound, http.StatusNotFound, "Not found", "", "unknown_path", slog.LevelDebug},
	{errMethod, http.StatusMethodNotAllowed, "Method not allowed", "", "other_method", slog.LevelDebug},
	{errUnexplained, http.StatusInternalServerError, "Internal error", "", "unexplained", slog.LevelError},
}

// isRefusal says that the client, and nobody else, is the reason.
func (a answer) isRefusal() bool { return a.status >= 400 && a.status < 500 }

// answerTo returns the answer to an error, or to none.
func answerTo(err error) answer {
	if err == nil {
		return good
	}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			return a
		}
	}
	return answers[len(answers)-1]
}

// refuse sends the answer to an error.
func (r *room) refuse(c *gin.Context, a answer) {
	switch a.err {
	case errAddress:
		c.Header("Retry-After", r.addresses.RetryAfter())
	case errUser:
		c.Header("Retry-After", r.users.RetryAfter())
	case errWeather, errOurs:
		c.Header("Retry-After", "5")
	case errTooLarge:
		c.Header("Connection", "close") // rather than read the rest
	}
	body := gin.H{"error": a.text}
	if a.code != "" {
		body["code"] = a.code
	}
	c.JSON(a.status, body)
}
