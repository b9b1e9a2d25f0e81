package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/gofrs/flock"

	"zoom-attendance/scripts/stack"
)

// dev is what runs, and how to stop it.
type dev struct {
	tree     *stack.Tree
	state    string // database, inbox and logs; what --fresh deletes
	settings settings
	ended    chan error     // one of the programs ended by itself
	stops    []func() error // in the order of starting
}

// begin finds the checkout and makes sure that nobody else runs it.
func begin() (*dev, error) {
	tree, err := stack.OpenTree()
	if err != nil {
		return nil, err
	}
	d := &dev{tree: tree, state: filepath.Join(tree.State, "dev"), ended: make(chan error, 8)}
	if err := d.lock(); err != nil {
		return nil, err
	}
	if d.settings, err = readSettings(tree.Root); err != nil {
		return nil, errors.Join(err, d.stopAll())
	}
	return d, nil
}

func (d *dev) lock() error {
	path := filepath.Join(d.tree.State, "dev.lock")
	lock := flock.New(path)
	free, err := lock.TryLock()
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	if !free {
		pid, _ := os.ReadFile(path)
		return fmt.Errorf("already running here as process %s: stop that one with Ctrl-C, or kill %s", pid, pid)
	}
	d.onStop(lock.Close)
	return os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())), 0o644)
}

// project gets ready the Supabase project that the sidecar will write to.
func (d *dev) project(ctx context.Context, opts options) (local bool, err error) {
	own, err := d.settings.ownProject()
	switch {
	case err != nil:
		return false, err
	case own && opts.lesson:
		return false, errors.New("--lesson writes invented attendance, so it plays on the local project alone: unset SUPABASE_URL")
	case own && opts.fresh:
		return false, errors.New("--fresh deletes the local project, but SUPABASE_URL names another one: unset it")
	case own:
		d.settings.useInbox(filepath.Join(d.tree.State, d.settings.inboxName()))
		return false, checkPorts(ctx, d.sidecarPorts()...)
	}
	d.settings.useLocal(filepath.Join(d.state, "inbox"))
	return true, d.startLocal(ctx, opts.fresh)
}

// wait returns on Ctrl-C, or with an error when something ended by itself.
func (d *dev) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-d.ended:
		return err
	}
}

// watch reports a program that ends by itself.
func (d *dev) watch(program interface {
	Done() <-chan struct{}
	Err() error
}) {
	done := program.Done()
	go func() {
		<-done
		d.ended <- program.Err()
	}()
}

func (d *dev) onStop(stop func() error) { d.stops = append(d.stops, stop) }

// stopAll stops what was started, the last first.
func (d *dev) stopAll() error {
	var errs []error
	for _, stop := range slices.Backward(d.stops) {
		errs = append(errs, stop())
	}
	d.stops = nil
	return errors.Join(errs...)
}
