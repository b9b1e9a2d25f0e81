package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"zoom-attendance/scripts/stack"
)

// ground is what the faults of one run share: a PostgreSQL server that syncs
// what it is told, and the programs.
type ground struct {
	tree      *stack.Tree
	server    *stack.TestServer // deletes its directory, and all beneath it, in the end
	config    stack.PostgresConfig
	dir       string
	sidecar   string // paths of programs
	postgrest string
	nats      string // once it is needed
}

// openGround fetches, starts and builds it.
func openGround(ctx context.Context) (*ground, error) {
	tree, err := stack.OpenTree()
	if err != nil {
		return nil, err
	}
	if err := stack.Install(ctx, tree, func(what string) { fmt.Println(what) }); err != nil {
		return nil, err
	}
	g := &ground{tree: tree}
	fmt.Println("Starting PostgreSQL 17 with the migrations, building the sidecar")
	if g.server, err = stack.StartTestServer(ctx, tree, "17"); err != nil {
		return nil, err
	}
	if err := g.furnish(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *ground) furnish(ctx context.Context) (err error) {
	port, err := stack.QuietPort()
	if err != nil {
		return err
	}
	g.dir = g.server.Dir()
	if g.config, err = g.server.MakeDurable(ctx, g.tree, port); err != nil {
		return err
	}
	if g.postgrest, err = g.tree.PostgRESTPath(); err != nil {
		return err
	}
	if err := g.server.UseTempDir(); err != nil {
		return err
	}
	g.sidecar, err = g.build(ctx, "sidecar", "./sidecar")
	return err
}

// startPostgres starts the server on its data. After a crash the processes
// that survived the first may hold them a little longer.
func (g *ground) startPostgres(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		pg, err := stack.StartPostgres(ctx, g.tree, g.config)
		if err == nil {
			g.server.Postgres = pg
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// signalPostgres signals the server's first process.
func (g *ground) signalPostgres(signal syscall.Signal) error {
	text, err := os.ReadFile(filepath.Join(g.dir, "data", "postmaster.pid"))
	if err != nil {
		return err
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		return fmt.Errorf("read the process id of PostgreSQL: %w", err)
	}
	return syscall.Kill(pid, signal)
}

// admin is the server as its superuser.
func (g *ground) admin() string { return g.server.URL(stack.Superuser, "postgres") }

// build builds a program for this run alone.
func (g *ground) build(ctx context.Context, name, of string) (string, error) {
	path := filepath.Join(g.dir, name)
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, of)
	cmd.Dir = g.tree.Root
	if out, err := stack.Output(cmd); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
	}
	return path, nil
}

func (g *ground) close() error { return g.server.Close() }
