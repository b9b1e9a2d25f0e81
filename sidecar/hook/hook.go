package hook

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/semaphore"

	"zoom-attendance/sidecar/web"
	"zoom-attendance/sidecar/zoom"
)

// The paths of the door. Every other one is a 404, with a slash behind it too.
const (
	PathWebhook = "/api/zoom/webhook" // POST: Zoom
	PathLive    = "/livez"            // GET, HEAD: 200 while the process lives
	PathReady   = "/readyz"           // GET, HEAD: 200 while events can be kept and carried on, else 503
)

// zoomPatience is how long Zoom waits for an answer.
const zoomPatience = 3 * time.Second

// Keeper is what the door needs of the inbox.
type Keeper interface {
	// Accept returns nil once the event is safe: it survives a crash of this
	// process at that very moment. Any error means that Zoom has to send it
	// again. Accept must return soon after ctx is done. The body is Accept's to
	// keep and not to change; the envelope is what was read of it. The span of a
	// traced request is in ctx.
	Accept(ctx context.Context, body []byte, envelope zoom.Envelope) error
}

// Options are what the door is made of. Secrets and Keeper are required.
type Options struct {
	// Secrets gives the webhook secret tokens as they are now, newest first. A
	// request passes with any of them. It is called once for each request, so
	// that secrets can be changed while requests are under way, by any number of
	// goroutines at once; it must give at least one, and none empty.
	Secrets func() []zoom.Secret

	// Window is how far a request's timestamp may be from our clock, in either
	// direction. Default 10 minutes.
	Window time.Duration

	// Keeper is the inbox.
	Keeper Keeper

	// AcceptTimeout is how long Keeper may take before we answer 503. It must be
	// under the 3 seconds that Zoom waits. Default 2 seconds.
	AcceptTimeout time.Duration

	// MaxBody is the longest body we read, in bytes. Zoom's participant events
	// have about 700. Default 1 MiB.
	MaxBody int64

	// MaxBodies is how many bytes of bodies may be in memory at once, the first
	// 16 KiB of each not counted. When there is no room, a body that is longer
	// is answered 503. Default 32 MiB.
	MaxBodies int64

	// Ready is asked by /readyz: nil means that events can be kept and carried
	// on. It must not ask the destination: one that is down must not close the
	// door. Default: always ready.
	Ready func() error

	// TrustedProxies are addresses and networks (CIDR) whose X-Forwarded-For header
	// says who the client is, or "fly" on Fly.io; see [web.Router]. Never use
	// that word elsewhere, where clients could set the header themselves.
	// Default: no header is believed.
	TrustedProxies []string

	// Failures is how often a client may fail.
	Failures Failures

	// IPHashSalt makes client addresses unguessable from their hashes. Default:
	// a random one, so that hashes change with every start.
	IPHashSalt zoom.Secret

	Tracer  trace.Tracer          // Default: nothing is traced.
	Log     *slog.Logger          // Default: nothing is logged.
	Metrics prometheus.Registerer // Default: nothing is registered.
	Now     func() time.Time      // Default: time.Now.
}

// door is the handler's state: its options and what they were made into.
type door struct {
	Options
	metrics  *metrics
	failures *web.Limiter
	room     *semaphore.Weighted // for bodies
}

// New builds the door. It fails when options are missing or unusable, and then
// names all faults at once.
func New(o Options) (http.Handler, error) {
	o.setDefaults()
	router, err := web.Router(o.TrustedProxies)
	if err := errors.Join(o.check(), err); err != nil {
		return nil, fmt.Errorf("hook options: %w", err)
	}
	d := &door{Options: o, metrics: newMetrics(o.Metrics, len(o.Secrets()), o.Now()), failures: web.NewLimiter(o.Failures), room: semaphore.NewWeighted(o.MaxBodies)}

	router.POST(PathWebhook, d.serve(d.webhook))
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		router.Handle(method, PathLive, d.serve(d.live))
		router.Handle(method, PathReady, d.serve(d.ready))
	}
	router.NoRoute(d.serve(func(*gin.Context, *visit) error { return errNotFound }))
	router.NoMethod(d.serve(func(*gin.Context, *visit) error { return errMethod }))
	return router, nil
}

func (o *Options) setDefaults() {
	if o.Window == 0 {
		o.Window = 10 * time.Minute
	}
	if o.AcceptTimeout == 0 {
		o.AcceptTimeout = 2 * time.Second
	}
	if o.MaxBody == 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxBodies == 0 {
		o.MaxBodies = 32 << 20
	}
	o.Failures = o.Failures.Or(defaultFailures)
	if o.Ready == nil {
		o.Ready = func() error { return nil }
	}
	if o.IPHashSalt == "" {
		o.IPHashSalt = zoom.Secret(rand.Text())
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
}

func (o *Options) check() error {
	var faults []error
	if o.Secrets == nil || len(o.Secrets()) == 0 || slices.Contains(o.Secrets(), "") {
		faults = append(faults, errors.New("secrets: at least one, and none empty"))
	}
	if o.Keeper == nil {
		faults = append(faults, errors.New("keeper: required"))
	}
	if o.Window < 0 {
		faults = append(faults, fmt.Errorf("window: %v is negative", o.Window))
	}
	if o.AcceptTimeout < 0 || o.AcceptTimeout >= zoomPatience {
		faults = append(faults, fmt.Errorf("accept timeout: %v is not between 0 and the %v that Zoom waits", o.AcceptTimeout, zoomPatience))
	}
	if o.MaxBody < 0 || o.MaxBodies < o.MaxBody {
		faults = append(faults, fmt.Errorf("max bodies: %d bytes do not hold one body of %d", o.MaxBodies, o.MaxBody))
	}
	if o.Failures.Negative() {
		faults = append(faults, fmt.Errorf("failures: %+v has something negative", o.Failures))
	}
	return errors.Join(faults...)
}
