package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"zoom-attendance/scripts/stack"
)

// startSidecar builds the sidecar, starts it and waits until it is ready. Its
// log goes to the terminal, or to a file when a lesson is to be seen there.
func (d *dev) startSidecar(ctx context.Context, quiet bool) error {
	defer timed("the sidecar")()
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=auto", "-o", d.sidecarPath(), "./sidecar")
	build.Dir = d.tree.Root
	if out, err := stack.Output(build); err != nil {
		return fmt.Errorf("build the sidecar: %w\n%s", err, out)
	}
	cmd := exec.Command(d.sidecarPath(), "serve")
	cmd.Dir, cmd.Env = d.tree.Root, d.settings.environ()
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if quiet {
		log, err := os.Create(d.sidecarLog())
		if err != nil {
			return err
		}
		d.onStop(log.Close)
		cmd.Stdout, cmd.Stderr = log, log
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us; we end it in our order
	sidecar, err := stack.Run(cmd, syscall.SIGTERM)
	if err != nil {
		return err
	}
	d.onStop(func() error { return sidecar.Stop(40 * time.Second) })
	if err := sidecar.Await(ctx, 30*time.Second, d.ready); err != nil {
		return err
	}
	d.watch(sidecar)
	return nil
}

func (d *dev) sidecarPath() string { return filepath.Join(d.tree.Root, "bin", "sidecar") }

func (d *dev) sidecarLog() string { return filepath.Join(d.state, "sidecar.log") }

// ready asks /readyz.
func (d *dev) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.settings.sidecarURL()+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("/readyz answers %s", response.Status)
	}
	return nil
}
