package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"zoom-attendance/scripts/stack"
)

// diskSize is more than the free space that the inbox insists on.
const diskSize = "160m"

// disk is a small file system that only those see who enter it: it is mounted
// in a namespace of its own and gone with the process that holds it, so that
// nothing can be left of it.
type disk struct {
	mount  string
	holder int // the process
}

// noDisks says why there can be none here.
func noDisks() string {
	switch {
	case runtime.GOOS != "linux":
		return "a small disk needs Linux"
	case os.Geteuid() != 0:
		return "only root may mount a small disk"
	}
	if out, err := exec.Command("unshare", "--mount", "mount", "-t", "tmpfs", "none", os.TempDir()).CombinedOutput(); err != nil {
		return fmt.Sprintf("no small disk can be mounted here: %v %s", err, strings.TrimSpace(string(out)))
	}
	return ""
}

func (w *world) mountDisk(ctx context.Context) (*disk, error) {
	d := &disk{mount: filepath.Join(w.dir, "disk")}
	if err := os.Mkdir(d.mount, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command("unshare", "--mount", "sh", "-c", `mount -t tmpfs -o size=`+diskSize+` none "$1" && echo $$ && exec sleep infinity`, "sh", d.mount)
	said := new(stack.Said)
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program, err := stack.Run(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, err
	}
	w.later(func() error { program.Kill(); return nil })
	err = program.Await(ctx, 10*time.Second, func(context.Context) (err error) {
		d.holder, err = strconv.Atoi(strings.TrimSpace(said.String()))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mount a small disk: %w %s", err, said)
	}
	return d, nil
}

// enter is the beginning of the command line of a program that sees the disk.
func (d *disk) enter() []string {
	return []string{"nsenter", fmt.Sprintf("--mount=/proc/%d/ns/mnt", d.holder), "--"}
}

// path is a place on the disk, for those who entered.
func (d *disk) path(name string) string { return filepath.Join(d.mount, name) }

// ballast is a file on the disk, for us who did not.
func (d *disk) ballast() string { return fmt.Sprintf("/proc/%d/root%s", d.holder, d.path("ballast")) }

// fill writes until there is no room.
func (d *disk) fill() error {
	file, err := os.Create(d.ballast())
	if err != nil {
		return err
	}
	defer file.Close()
	for chunk := make([]byte, 1<<20); ; {
		_, err := file.Write(chunk)
		if errors.Is(err, syscall.ENOSPC) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("fill the small disk: %w", err)
		}
	}
}

func (d *disk) free() error { return os.Remove(d.ballast()) }
