package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"

	"zoom-attendance/sidecar/hook"
	"zoom-attendance/sidecar/inbox"
	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/supabase"
	"zoom-attendance/sidecar/zoom"
)

const (
	answerGrace = 5 * time.Second  // for requests under way when we are told to stop
	closeGrace  = 10 * time.Second // for the inbox to close its files
)

// serve opens the rooms, runs them until ctx ends or one fails, and closes
// them in the order of the flow: no new requests, answer those under way,
// settle what is in hand, close the inbox.
func serve(ctx context.Context, c Config) (err error) {
	log := c.logger()
	metrics := newMetrics()

	project, err := supabase.New(supabase.Options{URL: c.SupabaseURL, Key: c.supabaseKey(), Log: log, Metrics: metrics})
	if err != nil {
		return err
	}
	defer project.Close()

	kept, err := inbox.Open(ctx, inbox.Options{
		Dir: c.InboxDir, URL: string(c.NATSURL), Replicas: c.NATSReplicas,
		MaxBytes: c.InboxMaxBytes, Retention: c.InboxRetention, Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeInbox(kept)) }()

	carrier := relay.New(kept, destination{project, c.policy()}, relay.Options{Log: log, Metrics: metrics})

	door, err := hook.New(hook.Options{
		Secrets: c.WebhookSecrets, Window: c.SignatureWindow, Keeper: kept,
		Ready:          func() error { return errors.Join(kept.Ready(), carrier.Ready()) },
		TrustedProxies: c.TrustedProxies, IPHashSalt: c.IPHashSalt, Log: log, Metrics: metrics,
	})
	if err != nil {
		return err
	}
	public, err := listen(net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))), door, log)
	if err != nil {
		return err
	}
	admin, err := listen(c.AdminAddr, promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), log)
	if err != nil {
		return errors.Join(err, public.listener.Close())
	}

	group, ctx := errgroup.WithContext(ctx)
	working, stopWorking := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWorking()
	group.Go(public.serve)
	group.Go(admin.serve)
	group.Go(func() error { return kept.Run(working) })
	group.Go(func() error { return carrier.Run(working) })
	group.Go(func() error {
		<-ctx.Done()
		defer stopWorking()
		log.Info("stopping")
		return errors.Join(public.finish(), admin.finish())
	})
	log.Info("serving", zoom.LogAddr, public.listener.Addr().String())
	return group.Wait()
}

// destination applies facts by the school's policy.
type destination struct {
	*supabase.Client
	policy supabase.Policy
}

func (d destination) Apply(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
	return d.Client.Apply(ctx, facts, d.policy)
}

// policy is what the school decides about attendance.
func (c Config) policy() supabase.Policy {
	return supabase.Policy{MinMinutes: c.AttendanceMinMinutes, Timezone: c.AttendanceTimezone}
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
func listen(addr string, h http.Handler, log *slog.Logger) (place, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return place{}, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return place{listener, hook.Server(addr, h, log)}, nil
}

// serve answers until finish.
func (p place) serve() error {
	if err := p.server.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve on %s: %w", p.server.Addr, err)
	}
	return nil
}

// finish refuses new requests and waits for those under way.
func (p place) finish() error {
	ctx, cancel := context.WithTimeout(context.Background(), answerGrace)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		return fmt.Errorf("finish answering on %s: %w", p.server.Addr, err)
	}
	return nil
}

func closeInbox(kept *inbox.Inbox) error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return kept.Close(ctx)
}
