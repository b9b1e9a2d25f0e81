package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/meetings"
	"zoom-attendance/sidecar/operator/admin"
	"zoom-attendance/sidecar/operator/board"
	"zoom-attendance/sidecar/operator/watch"
	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

// serve opens the rooms, runs them until ctx ends or one fails, and closes
// them in the order of the flow: no new requests, answer those under way,
// settle what is in hand, close the inbox. All of that takes SHUTDOWN_TIMEOUT at
// most. A SIGHUP meanwhile reads the webhook secrets anew.
func serve(ctx context.Context, c Config) (err error) {
	setMemoryGoal()
	log := c.logger()
	metrics := newMetrics()
	stop := newStopping(c.ShutdownTimeout, log)
	secrets := newSecrets(c, log, metrics)

	traced, err := c.openTraces(ctx, log, metrics)
	if err != nil {
		return err
	}
	defer func() { traced.Close(stop.close) }()
	tracer := traced.Tracer()

	project, err := supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Policy: c.policy(), Tracer: tracer, Log: log, Metrics: metrics})
	if err != nil {
		return err
	}
	defer project.Close()

	kept, err := inbox.Open(ctx, inbox.Options{
		Dir: c.InboxDir, URL: string(c.NATSURL), Replicas: c.NATSReplicas,
		MaxBytes: c.InboxMaxBytes, Retention: c.InboxRetention, Tracer: tracer, Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stop.closeInbox(kept)) }()

	school := destination{project, stop}
	carrier := relay.New(kept, school, relay.Options{AskFirst: true, Tracer: tracer, Log: log, Metrics: metrics})

	again := rejudge.New(rejudge.Options{Project: project, Inbox: kept, Wake: project.Unfinished(), Log: log, Metrics: metrics})

	salt := cmp.Or(c.IPHashSalt, zoom.Secret(rand.Text())) // one for both rooms: one client, one hash
	door, err := hook.New(hook.Options{
		Secrets: secrets.current, Window: c.SignatureWindow, Keeper: keeper{kept}, MaxBody: c.MaxBodyBytes, MaxBodies: c.MaxBodyMemory,
		Ready:          func() error { return errors.Join(kept.Ready(), carrier.Ready()) },
		TrustedProxies: c.TrustedProxies, IPHashSalt: salt, Tracer: tracer, Log: log, Metrics: metrics,
		Failures: hook.Failures{Burst: c.MaxFailures, Every: c.FailureRefill, Clients: c.MaxFailingClients},
	})
	if err != nil {
		return err
	}
	visits, err := meetings.New(meetings.Options{
		Project: project, Recorder: school,
		Cookie: c.sessionCookie(), EmailDomain: c.AllowedEmailDomain, SDKKey: c.SDKKey, SDKSecret: c.SDKSecret,
		AllowedOrigins: c.AllowedOrigins, TrustedProxies: c.TrustedProxies, IPHashSalt: salt, Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	lookout, err := watch.New(watch.Options{
		Project: project, Counts: metrics, Held: carrier.Held, NotJudged: again.Held, Window: c.SignatureWindow,
		AlertURL: c.AlertURL, AlertSecret: c.AlertSecret, Version: version(), Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	public, err := listen(net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), front(visits, door), hook.ServerOptions{
		MaxConnections: c.MaxConnections, MaxHeaderBytes: c.MaxHeaderBytes,
		ReadTimeout: c.ReadTimeout, IdleTimeout: c.IdleTimeout, Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	pages := board.New(board.Options{
		Metrics: metrics, School: project, Marks: lookout.Marks,
		Timezone: c.AttendanceTimezone, Version: version(), Log: log,
	})
	operators := admin.New(admin.Options{
		Token: c.AdminToken, Inbox: kept, School: project, Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), Pages: pages, Log: log,
	})
	private, err := listen(c.AdminAddr, operators, hook.ServerOptions{Log: log})
	if err != nil {
		return errors.Join(err, public.listener.Close())
	}
	private.server.RegisterOnShutdown(operators.Stop)
	private.server.RegisterOnShutdown(pages.Stop)

	group, ctx := errgroup.WithContext(ctx)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	group.Go(public.serve)
	group.Go(private.serve)
	group.Go(func() error { return kept.Run(working) })
	group.Go(func() error { return carrier.Run(working) })
	group.Go(func() error { return secrets.run(working) })
	group.Go(func() error { return lookout.Run(working) })
	group.Go(func() error { return again.Run(working) })
	group.Go(func() error { return pages.Run(working) })
	group.Go(func() error {
		<-ctx.Done()
		defer stopWorking()
		stop.begin()
		return errors.Join(public.finish(stop), private.finish(stop))
	})
	log.Info("serving", zoom.LogAddr, public.listener.Addr().String())
	return stop.wait(group)
}

// front shows a request to the meeting room or to the door. An http.ServeMux
// would redirect some of them.
func front(visits, door http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, meetings.Path) {
			visits.ServeHTTP(w, r)
			return
		}
		door.ServeHTTP(w, r)
	})
}

// keeper is the inbox as the door wants it.
type keeper struct{ inbox.Inbox }

func (k keeper) Accept(ctx context.Context, body []byte, e zoom.Envelope) error {
	return k.Inbox.Accept(ctx, inbox.Event{
		Body: body, Meeting: e.MeetingID, Kind: e.Event, Source: inbox.SourceWebhook, Trace: trace.SpanContextFromContext(ctx),
	})
}

// destination applies facts until the time for settling is over.
type destination struct {
	*supabase.Client
	stop *stopping
}

func (d destination) Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	ctx, done := d.stop.attend(ctx)
	defer done()
	return d.Client.Apply(ctx, facts)
}

// policy is what the school decides about attendance.
func (c Config) policy() supabase.Policy {
	return supabase.Policy{
		MinMinutes: c.AttendanceMinMinutes, Timezone: c.AttendanceTimezone, AppJoins: c.AttendanceAppJoins,
		PlanMarginMinutes: new(int(c.AttendancePlanMargin / time.Minute)),
	}
}

// newMetrics is a registry with what every Go process tells of itself.
func newMetrics() *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// place is an address that is listened on, and what answers there.
type place struct {
	listener net.Listener
	server   *http.Server
}

// listen takes the address, so that one in use is known before work begins.
func listen(addr string, h http.Handler, o hook.ServerOptions) (place, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return place{}, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return place{listener, hook.Server(addr, h, o)}, nil
}

// serve answers until finish.
func (p place) serve() error {
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", p.server.Addr, err)
	}
	return nil
}

// finish refuses new requests and waits for those under way. Those that are not
// answered in time are cut off, and Zoom sends them again.
func (p place) finish(stop *stopping) error {
	err := p.server.Shutdown(stop.answer)
	if err == nil || stop.answer.Err() == nil {
		return err
	}
	stop.log.Warn("not all was answered within its part of SHUTDOWN_TIMEOUT; the rest is cut off", zoom.LogAddr, p.server.Addr)
	return p.server.Close()
}

// memoryGoal is what the Go runtime tries to stay below by collecting more
// often: a small machine holds it, and no load that was measured needs more. It
// is no bound: what is in use is kept. GOMEMLIMIT in the environment is used
// instead.
const memoryGoal = 56 << 20

func setMemoryGoal() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
