package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"zoom-attendance/scripts/stack"
)

// ground is what the contestants share: a PostgreSQL server that syncs what it
// is told, and the programs.
type ground struct {
	tree      *stack.Tree
	server    *stack.TestServer // deletes its directory, and all beneath it, in the end
	sidecar   string            // paths of programs
	postgrest string
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
	fmt.Println("Starting PostgreSQL 17 with the migrations, building the sidecar")
	g := &ground{tree: tree}
	if g.server, err = stack.StartTestServer(ctx, tree, "17"); err != nil {
		return nil, err
	}
	if err := g.furnish(ctx); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

func (g *ground) furnish(ctx context.Context) (err error) {
	if _, err := g.server.MakeDurable(ctx, g.tree, 0); err != nil {
		return err
	}
	if g.postgrest, err = g.tree.PostgRESTPath(); err != nil {
		return err
	}
	if err := g.server.UseTempDir(); err != nil {
		return err
	}
	g.sidecar, err = g.release(ctx, g.tree.Root, "sidecar")
	return err
}

// release builds the sidecar of a checkout as it is shipped.
func (g *ground) release(ctx context.Context, root, name string) (string, error) {
	path := filepath.Join(g.server.Dir(), name)
	return path, stack.BuildRelease(ctx, root, path, "bench")
}

// admin is the server as its superuser.
func (g *ground) admin() string { return g.server.URL(stack.Superuser, "postgres") }

func (g *ground) close() error { return g.server.Close() }
