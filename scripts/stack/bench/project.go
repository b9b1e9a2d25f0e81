package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"zoom-attendance/scripts/stack"
)

// project is a Supabase project of one contestant.
type project struct {
	ground   *ground
	dir      string
	database string
	db       *pgxpool.Pool // as the superuser
	url      string
	away     atomic.Bool // whether its gateway answers 503

	next    int // the class that has the next lesson
	classes int // that are in the database already; 0: each class is made for its lesson
	undo    []func() error
}

// openProject makes one from a template, which nobody may be connected to.
func (g *ground) openProject(ctx context.Context, template string) (*project, error) {
	p := &project{ground: g, database: "bench_" + strings.ReplaceAll(uuid.NewString(), "-", "")}
	if err := p.open(ctx, template); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return p, nil
}

func (p *project) open(ctx context.Context, template string) (err error) {
	if p.dir, err = os.MkdirTemp(p.ground.server.Dir(), "project-"); err != nil {
		return err
	}
	p.later(func() error { return os.RemoveAll(p.dir) })
	if err := stack.CloneOf(ctx, p.ground.admin(), template, p.database); err != nil {
		return err
	}
	p.later(p.dropDatabase)
	if p.db, err = pgxpool.New(ctx, p.ground.server.URL(stack.Superuser, p.database)); err != nil {
		return err
	}
	p.later(func() error { p.db.Close(); return nil })
	rest, err := stack.StartPostgREST(ctx, stack.PostgRESTConfig{
		Program: p.ground.postgrest, DatabaseURL: p.ground.server.URL(stack.Authenticator, p.database), Pool: 10, Log: new(stack.Said), OwnGroup: true,
	})
	if err != nil {
		return err
	}
	p.later(rest.Close)
	return p.serve(stack.NewGateway(rest.Transport))
}

// serve is the gateway's part.
func (p *project) serve(gateway http.Handler) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	p.url = "http://" + listener.Addr().String()
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.away.Load() {
			http.Error(w, `{"message":"Service unavailable"}`, http.StatusServiceUnavailable)
			return
		}
		gateway.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }() // until it is closed
	p.later(server.Close)
	return nil
}

// later does something when the project is closed, the last first.
func (p *project) later(do func() error) { p.undo = append(p.undo, do) }

// close ends everything of the project, whatever state it is in.
func (p *project) close() error {
	var errs []error
	for len(p.undo) > 0 {
		last := len(p.undo) - 1
		errs = append(errs, p.undo[last]())
		p.undo = p.undo[:last]
	}
	return errors.Join(errs...)
}

func (p *project) dropDatabase() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return stack.Drop(ctx, p.ground.admin(), p.database)
}

// calm has the server write what it has yet to write, so that no contestant
// pays for the one before.
func (p *project) calm(ctx context.Context) error {
	if _, err := p.db.Exec(ctx, "checkpoint"); err != nil {
		return fmt.Errorf("have PostgreSQL write everything: %w", err)
	}
	return nil
}
