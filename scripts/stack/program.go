package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Program is a child process that does not outlive us. [Program.Stop] ends it
// in an orderly way; if we are killed before we get there, the kernel sends it
// the same signal (Linux; elsewhere the next start cleans up).
type Program struct {
	name   string
	cmd    *exec.Cmd
	signal syscall.Signal
	done   chan struct{}
	err    error // how it ended; set before done is closed
}

// Run starts cmd. The signal is what asks this program to end.
func Run(cmd *exec.Cmd, signal syscall.Signal) (*Program, error) {
	p := &Program{name: filepath.Base(cmd.Path), cmd: cmd, signal: signal, done: make(chan struct{})}
	started := make(chan error)
	go func() {
		// The kernel ties the child to the thread that made it, so that
		// thread must live for as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		dieWithParent(cmd, signal)
		if err := cmd.Start(); err != nil {
			started <- err
			return
		}
		started <- nil
		p.err = cmd.Wait()
		close(p.done)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	return p, nil
}

// Done is closed when the program has ended, for whatever reason.
func (p *Program) Done() <-chan struct{} { return p.done }

// Err says how the program ended. It is nil until Done is closed.
func (p *Program) Err() error {
	select {
	case <-p.done:
		if p.err != nil {
			return fmt.Errorf("%s ended: %w", p.name, p.err)
		}
		return fmt.Errorf("%s ended", p.name)
	default:
		return nil
	}
}

// Await asks until the answer is nil, and returns what is wrong when the
// program ends, ctx ends, or the time within which it should answer is over.
func (p *Program) Await(ctx context.Context, within time.Duration, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w", p.name, err)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// Stop asks the program to end, waits, and after patience kills it.
func (p *Program) Stop(patience time.Duration) error {
	p.ask(p.signal)
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.Kill()
		return fmt.Errorf("%s did not stop within %s and was killed", p.name, patience)
	}
}

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Program) Kill() {
	p.ask(syscall.SIGKILL)
	<-p.done
}

// ask signals the program, or its whole group if it leads one.
func (p *Program) ask(signal syscall.Signal) {
	pid := p.cmd.Process.Pid
	if p.cmd.SysProcAttr != nil && p.cmd.SysProcAttr.Setpgid {
		pid = -pid
	}
	_ = syscall.Kill(pid, signal) // it may have ended already
}

// Output runs cmd to its end and returns what it printed on both streams. It
// ends with us, and with the context of cmd if it has one.
func Output(cmd *exec.Cmd) (string, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := Finish(cmd)
	return strings.TrimSpace(out.String()), err
}

// Finish runs cmd to its end, in a process group of its own which ends with
// us, and with the context of cmd if it has one.
func Finish(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if cmd.Cancel != nil {
		cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
		cmd.WaitDelay = 10 * time.Second
	}
	p, err := Run(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	<-p.done
	return p.err
}

// plainEnv is our environment without the variables that would lead libpq,
// PostgREST or the Supabase CLI to other servers than ours, and with the
// given ones.
func plainEnv(extra ...string) []string {
	var env []string
	for _, kv := range os.Environ() {
		if strings.HasPrefix(kv, "PG") || strings.HasPrefix(kv, "SUPABASE_") {
			continue
		}
		env = append(env, kv)
	}
	return append(env, extra...)
}

// tail is the end of a log: at most n lines of it.
func tail(r io.Reader, n int) string {
	text, err := io.ReadAll(r)
	if err != nil && !errors.Is(err, io.EOF) {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
