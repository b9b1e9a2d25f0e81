package hook

import (
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// handler does the work of one route: it fills in the visit, or says in its error
// why there is no 200.
type handler func(*gin.Context, *visit) error

// serve is the one place that answers: it runs a handler, picks the answer to
// its error, counts it and logs it.
func (d *door) serve(handle handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := visit{began: time.Now()}
		requestID := web.SetHeaders(c)

		err := web.Recovered(func() error { return handle(c, &v) })
		a := answer{status: http.StatusOK, reason: v.reason, level: slog.LevelDebug}
		if err == nil {
			c.JSON(http.StatusOK, v.body)
		} else {
			a = d.refuse(c, v, err)
			a.write(c)
		}

		v.end(a)
		took := time.Since(v.began)
		d.metrics.answered(a, c.FullPath(), took, d.Now())
		d.record(c, v, a, err, slog.String(zoom.LogRequestID, requestID), slog.Duration(zoom.LogTook, took))
	}
}

// refuse picks the answer to an error, which is 429 for a client that failed
// too often. A verified request gets its own answer always.
func (d *door) refuse(c *gin.Context, v visit, err error) answer {
	a := answerTo(err)
	if a.failed && !v.verified && !d.failures.Allow(d.client(c), d.Now()) {
		a = limited
		a.retryAfter = d.failures.RetryAfter()
	}
	return a
}

// record writes the one log line of a request. It knows the client by a hash and
// of the body only what a verified event calls itself.
func (d *door) record(c *gin.Context, v visit, a answer, err error, attrs ...slog.Attr) {
	ctx := c.Request.Context()
	if !d.Log.Enabled(ctx, a.level) {
		return
	}
	attrs = append(attrs, slog.Int(zoom.LogStatus, a.status), slog.String(zoom.LogReason, a.reason))
	if id := zoomID(c.Request.Header); id != "" {
		attrs = append(attrs, slog.String(zoom.LogZoomID, id))
	}
	if v.event != "" {
		attrs = append(attrs, slog.String(zoom.LogEvent, v.event), slog.String(zoom.LogMeeting, v.meeting))
	}
	if v.span != nil {
		attrs = append(attrs, slog.String(zoom.LogTraceID, v.span.SpanContext().TraceID().String()))
	}
	if err != nil {
		attrs = append(attrs, slog.String(zoom.LogError, err.Error()), slog.String(zoom.LogIPHash, d.client(c)))
	}
	d.Log.LogAttrs(ctx, a.level, "request answered", attrs...)
}

// plainID is the form of Zoom's ids. Anybody can send these headers, so nothing
// else reaches the log.
var plainID = regexp.MustCompile(`^[A-Za-z0-9_.;=-]{1,128}$`)

// zoomID returns what Zoom calls the request, if it looks like that.
func zoomID(h http.Header) string {
	for _, header := range []string{zoom.HeaderRequestID, zoom.HeaderTrackingID} {
		if id := h.Get(header); plainID.MatchString(id) {
			return id
		}
	}
	return ""
}
