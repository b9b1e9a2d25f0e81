package meetings

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// visit is what the room learns of one request on the way to its answer.
type visit struct {
	token   zoom.Secret // of the user, as it came
	user    string      // a hash of it
	taken   bool        // Supabase has taken it for this request
	known   bool        // or lately
	meeting string      // the id of the meeting's row, a uuid
	body    any         // of a 200
}

// handler does the work of one route: it fills in the visit, or says in its error
// why there is no 200.
type handler func(*gin.Context, *visit) error

// serve is the one place that answers: it runs a handler, picks the answer to
// its error, counts it and logs it.
func (r *room) serve(route string, handle handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		began := time.Now()
		requestID := web.SetHeaders(c)
		c.Header("Vary", "Origin")

		var v visit
		err := web.Recovered(func() error { return handle(c, &v) })
		a := answerTo(err)
		switch {
		case err != nil:
			r.refuse(c, a)
		case c.Writer.Written():
			a = preflight
		default:
			c.JSON(http.StatusOK, v.body)
		}

		took := time.Since(began)
		r.metrics.answered(route, a, took)
		r.record(c, v, a, err, slog.String(zoom.LogRequestID, requestID), slog.String(zoom.LogRoute, route), slog.Duration(zoom.LogTook, took))
	}
}

// record writes the one log line of a request, of refusals one a minute for each
// client and reason: a client is a token that Supabase takes, else an address. The
// line knows the client by a hash, and of the user nothing.
func (r *room) record(c *gin.Context, v visit, a answer, err error, attrs ...slog.Attr) {
	ctx := c.Request.Context()
	if !r.Log.Enabled(ctx, a.level) {
		return
	}
	if a.isRefusal() {
		client := v.user
		if !v.known {
			client = r.address(c)
		}
		write, unlogged := r.refusals.Line(client, a.reason, r.Now())
		if !write {
			return
		}
		if unlogged > 0 {
			attrs = append(attrs, slog.Int(zoom.LogUnlogged, unlogged))
		}
	}
	attrs = append(attrs, slog.Int(zoom.LogStatus, a.status), slog.String(zoom.LogReason, a.reason))
	if v.meeting != "" {
		attrs = append(attrs, slog.String(zoom.LogMeetingID, v.meeting))
	}
	if err != nil {
		attrs = append(attrs, slog.String(zoom.LogError, err.Error()), slog.String(zoom.LogIPHash, r.address(c)))
	}
	r.Log.LogAttrs(ctx, a.level, "request answered", attrs...)
}

// address names the sender of a request by a hash.
func (r *room) address(c *gin.Context) string {
	return web.HashAddress(r.IPHashSalt, c.ClientIP())
}
