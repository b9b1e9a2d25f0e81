package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
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
	port, err := quietPort()
	if err != nil {
		return nil, err
	}
	d := &door{address: fmt.Sprintf("127.0.0.1:%d", port), command: command}
	d.health = "http://" + d.address + health
	d.env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
		"HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), "ZOOM_WEBHOOK_SECRET=" + string(webhookSecret),
	}
	return d, nil
}

// newSidecar is the production binary with its default settings.
func (p *project) newSidecar(program, inbox string) (*door, error) {
	admin, err := quietPort()
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

// quietPort is one that no connection of ours will happen to be given: it lies
// below those that the kernel hands out.
func quietPort() (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(15000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("find a free port: a hundred were taken")
}

// launch starts the program and does not wait until it serves.
func (d *door) launch() error {
	cmd := exec.Command(d.command[0], d.command[1:]...)
	cmd.Env = d.env
	cmd.Stdout, cmd.Stderr = &d.log, &d.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	program, err := stack.Run(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	d.program, d.pid = program, cmd.Process.Pid
	return nil
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

// metric is the sum of a metric's samples.
func (d *door) metric(ctx context.Context, names ...string) ([]float64, error) {
	sums := make([]float64, len(names))
	err := stack.Get(ctx, d.metrics, func(line string) {
		for i, name := range names {
			var value float64
			if field, number, ok := strings.Cut(line, " "); ok && (field == name || strings.HasPrefix(field, name+"{")) {
				_, _ = fmt.Sscan(number, &value)
				sums[i] += value
			}
		}
	})
	return sums, err
}

// settle returns when all that was answered 200 is settled.
func (d *door) settle(ctx context.Context) error {
	for {
		sums, err := d.metric(ctx, "sidecar_inbox_accepted_total", "sidecar_inbox_settled_total")
		if err == nil && sums[0] == sums[1] {
			return nil
		}
		if d.program.Err() != nil || ctx.Err() != nil {
			return fmt.Errorf("wait until all is settled: %w\n%s", errors.Join(err, d.program.Err(), ctx.Err()), d.log.Tail(5))
		}
		pause(ctx, 100*time.Millisecond)
	}
}
