package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/monitor"
	"zoom-attendance/scripts/stack/realtime"
)

// startLocal starts PostgreSQL, PostgREST, Realtime and the gateway, in the order in
// which they lean on each other.
func (d *dev) startLocal(ctx context.Context, fresh bool) error {
	ports := append(d.sidecarPorts(), "127.0.0.1:"+gatewayPort, fmt.Sprintf("127.0.0.1:%d", postgresPort))
	if err := checkPorts(ctx, ports...); err != nil {
		return err
	}
	if fresh {
		fmt.Printf("Starting over: deleting the local database and inbox in %s\n", d.state)
		if err := os.RemoveAll(d.state); err != nil {
			return fmt.Errorf("delete the local data: %w", err)
		}
	}
	if err := os.MkdirAll(d.state, 0o755); err != nil {
		return err
	}
	if err := stack.Install(ctx, d.tree, func(what string) { fmt.Println(what) }); err != nil {
		return err
	}
	pg, err := d.startPostgres(ctx)
	if err != nil {
		return err
	}
	return d.startGateway(ctx, pg)
}

func (d *dev) startPostgres(ctx context.Context) (*stack.Postgres, error) {
	defer timed("PostgreSQL 17 with the migrations and seed of supabase/")()
	pg, err := stack.StartPostgres(ctx, d.tree, stack.PostgresConfig{
		Major: "17", Dir: d.state, Port: postgresPort, Durable: true,
	})
	if err != nil {
		return nil, err
	}
	d.onStop(pg.Stop)
	d.watch(pg.Program)
	return pg, stack.Migrate(ctx, d.tree, pg.URL(stack.Owner, "postgres"), true)
}

func (d *dev) startGateway(ctx context.Context, pg *stack.Postgres) error {
	defer timed("PostgREST, Realtime's stand-in and the gateway")()
	log, err := os.Create(filepath.Join(d.state, "postgrest.log"))
	if err != nil {
		return err
	}
	d.onStop(log.Close)
	postgrest, err := d.tree.PostgRESTPath()
	if err != nil {
		return err
	}
	rest, err := stack.StartPostgREST(ctx, stack.PostgRESTConfig{
		Program: postgrest, DatabaseURL: pg.URL(stack.Authenticator, "postgres"), Pool: 20, Log: log, OwnGroup: true,
	})
	if err != nil {
		return fmt.Errorf("%w (see %s)", err, log.Name())
	}
	d.onStop(rest.Close)
	d.watch(rest)
	gateway := stack.NewGateway(rest.Transport)
	if err := d.startRealtime(ctx, pg, gateway); err != nil {
		return err
	}
	if err := d.mountMonitor(ctx, pg, gateway); err != nil {
		return err
	}
	return d.listen(gateway)
}

// mountMonitor serves the class monitor.
func (d *dev) mountMonitor(ctx context.Context, pg *stack.Postgres, gateway *stack.Gateway) error {
	people, err := pgxpool.New(ctx, pg.URL(stack.Owner, "postgres"))
	if err != nil {
		return err
	}
	d.onStop(func() error { people.Close(); return nil })
	gateway.HandlePage(monitor.Prefix, monitor.New(monitor.Config{
		People: monitor.PeopleOf(people), Token: stack.UserToken, SupabaseJS: d.tree.SupabaseJS(),
		PublishableKey: stack.PublishableKey, Timezone: d.settings["ATTENDANCE_TIMEZONE"],
	}))
	return nil
}

// startRealtime serves /realtime/v1.
func (d *dev) startRealtime(ctx context.Context, pg *stack.Postgres, gateway *stack.Gateway) error {
	log, err := os.Create(filepath.Join(d.state, "realtime.log"))
	if err != nil {
		return err
	}
	d.onStop(log.Close)
	server, err := realtime.Start(ctx, realtime.Config{
		DatabaseURL: pg.URL(stack.Superuser, "postgres"), JWTSecret: stack.JWTSecret, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	if err != nil {
		return err
	}
	d.onStop(server.Close)
	d.watch(server)
	gateway.Handle("/realtime/v1", server)
	return nil
}

// listen serves the gateway.
func (d *dev) listen(gateway http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:"+gatewayPort)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: gateway, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			d.ended <- err
		}
	}()
	d.onStop(func() error {
		err := server.Close()
		<-served
		return err
	})
	return nil
}
