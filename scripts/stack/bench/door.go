package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/sidecar/zoom"
)

const (
	webhookSecret = zoom.Secret("invented-secret-of-the-bench")
	webhookPath   = "/api/zoom/webhook"
	startPatience = 60 * time.Second
	stopPatience  = 60 * time.Second
)

// door is a program that Zoom could post to.
type door struct {
	address string // host:port
	metrics string // of a sidecar
	health  string // answers 200 once it serves
	command []string
	env     []string
	log     stack.Said
	program *stack.Program
	pid     int
}

// newDoor is one with an address of its own, not yet started.
func newDoor(health string, command ...string) (*door, error) {
	port, err := stack.QuietPort()
	if err != nil {
		return nil, err
	}
	d := &door{address: fmt.Sprintf("127.0.0.1:%d", port), command: command}
	d.health = "http://" + d.address + health
	d.env = append(stack.OwnEnv(), "HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "ZOOM_WEBHOOK_SECRET="+string(webhookSecret))
	return d, nil
}

// newSidecar is the production binary with its default settings.
func (p *project) newSidecar(program, inbox string) (*door, error) {
	admin, err := stack.QuietPort()
	if err != nil {
		return nil, err
	}
	d, err := newDoor("/readyz", program, "serve")
	if err != nil {
		return nil, err
	}
	d.metrics = fmt.Sprintf("http://127.0.0.1:%d/metrics", admin)
	d.env = append(d.env, fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", admin), "INBOX_DIR="+filepath.Join(p.dir, inbox),
		"SUPABASE_URL="+p.url, "SUPABASE_SECRET_KEY="+stack.SecretKey)
	return d, nil
}

// newRoute is the plain Node route.
func (p *project) newRoute() (*door, error) {
	d, err := newDoor("/", "node", filepath.Join(p.ground.tree.Root, "scripts", "stack", "bench", "route", "route.mjs"))
	if err != nil {
		return nil, err
	}
	d.env = append(d.env, "NODE_ENV=production", "SUPABASE_URL="+p.url, "SUPABASE_SECRET_KEY="+stack.SecretKey)
	return d, nil
}

// launch starts the program and does not wait until it serves.
func (d *door) launch() error {
	program, pid, err := stack.Launch(d.command, d.env, &d.log)
	d.program, d.pid = program, pid
	return err
}

// start returns when it serves.
func (d *door) start(ctx context.Context) error {
	if err := d.launch(); err != nil {
		return err
	}
	err := d.program.Await(ctx, startPatience, func(ctx context.Context) error { return stack.Get(ctx, d.health, nil) })
	if err != nil {
		return fmt.Errorf("start %s: %w\n%s", filepath.Base(d.command[0]), err, d.log.Tail(5))
	}
	return nil
}

// stop ends it as an operator would.
func (d *door) stop() error {
	if d.program == nil {
		return nil
	}
	return d.program.Stop(stopPatience)
}

// settle returns when all that was answered 200 is settled.
func (d *door) settle(ctx context.Context) error {
	for {
		sums, err := stack.Metrics(ctx, d.metrics, "sidecar_inbox_accepted_total", "sidecar_inbox_settled_total")
		if err == nil && sums[0] == sums[1] {
			return nil
		}
		if d.program.Err() != nil || ctx.Err() != nil {
			return fmt.Errorf("wait until all is settled: %w\n%s", errors.Join(err, d.program.Err(), ctx.Err()), d.log.Tail(5))
		}
		pause(ctx, 100*time.Millisecond)
	}
}
