package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"zoom-attendance/scripts/stack"
)

const (
	startPatience = 60 * time.Second
	stopPatience  = 60 * time.Second
)

// sidecar is the real program, which may be killed and started again.
type sidecar struct {
	url, health, admin string
	inbox              string
	command            []string // the program, or what leads to it
	env                []string
	log                stack.Said

	mu      sync.Mutex
	running *stack.Program // nil while it should not run
}

// newSidecar is one with an inbox and addresses of its own, not yet started.
func (w *world) newSidecar(inbox string, env ...string) (*sidecar, error) {
	port, err1 := stack.QuietPort()
	admin, err2 := stack.QuietPort()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	s := &sidecar{
		url:     fmt.Sprintf("http://127.0.0.1:%d/api/zoom/webhook", port),
		health:  fmt.Sprintf("http://127.0.0.1:%d/readyz", port),
		admin:   fmt.Sprintf("http://127.0.0.1:%d", admin),
		inbox:   inbox,
		command: []string{w.ground.sidecar, "serve"},
		env: append(stack.OwnEnv(), append([]string{
			"HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", admin), "LOG_FORMAT=text",
			"INBOX_DIR=" + inbox, "ZOOM_WEBHOOK_SECRET=" + string(webhookSecret),
			"SUPABASE_URL=" + w.line.url, "SUPABASE_SECRET_KEY=" + stack.SecretKey,
		}, env...)...),
	}
	w.sidecars = append(w.sidecars, s)
	return s, nil
}

// launch starts the program and does not wait until it serves.
func (s *sidecar) launch() error {
	program, _, err := stack.Launch(s.command, s.env, &s.log)
	s.set(program)
	return err
}

// start returns when it can keep events.
func (s *sidecar) start(ctx context.Context) error {
	if err := s.launch(); err != nil {
		return err
	}
	err := s.program().Await(ctx, startPatience, func(ctx context.Context) error { return stack.Get(ctx, s.health, nil) })
	if err != nil {
		return fmt.Errorf("start the sidecar: %w\n%s", err, s.log.Tail(5))
	}
	return nil
}

// kill is kill -9, wherever it is.
func (s *sidecar) kill() {
	if program := s.program(); program != nil {
		program.Kill()
		s.set(nil)
	}
}

// stop is what a deployment does; it must end by itself and well.
func (s *sidecar) stop() error {
	program := s.program()
	if program == nil {
		return nil
	}
	s.set(nil)
	select {
	case <-program.Done():
		return fmt.Errorf("the sidecar had ended by itself: %w\n%s", program.Err(), s.log.Tail(5))
	default:
	}
	if err := program.Stop(stopPatience); err != nil {
		return err
	}
	if exit, failed := errors.AsType[*exec.ExitError](program.Err()); failed {
		return fmt.Errorf("the sidecar did not stop well: %w\n%s", exit, s.log.Tail(5))
	}
	return nil
}

// startOrRefuse starts it and returns, if the start is refused, the last line
// of why.
func (s *sidecar) startOrRefuse(ctx context.Context) (refusal string, err error) {
	if err := s.launch(); err != nil {
		return "", err
	}
	program := s.program()
	err = program.Await(ctx, startPatience, func(ctx context.Context) error { return stack.Get(ctx, s.health, nil) })
	if program.Err() != nil {
		s.set(nil)
		return s.log.Tail(1), nil
	}
	return "", err
}

// ended says whether it is gone though nobody ended it.
func (s *sidecar) ended() bool {
	program := s.program()
	return program != nil && program.Err() != nil
}

func (s *sidecar) program() *stack.Program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

func (s *sidecar) set(program *stack.Program) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = program
}

// metric is the sum of a metric's samples.
func (s *sidecar) metric(ctx context.Context, name string) (float64, error) {
	sums, err := stack.Metrics(ctx, s.admin+"/metrics", name)
	return sums[0], err
}
