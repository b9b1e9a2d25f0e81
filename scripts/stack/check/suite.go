package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"zoom-attendance/scripts/stack"
)

// suite is what the steps share: the checkout, and the database server once a
// step needed it.
type suite struct {
	tree   *stack.Tree
	server *stack.TestServer
	failed error // why there is no server
	clones int

	measures bool // have the step adoption measure, and do nothing else
}

// inSuite does something with a suite and stops what that started.
func inSuite(do func(*suite) error) error {
	tree, err := stack.OpenTree()
	if err != nil {
		return err
	}
	s := &suite{tree: tree}
	err = do(s)
	if s.server != nil {
		err = errors.Join(err, s.server.Close())
	}
	return err
}

// install brings the programs that npm has.
func (s *suite) install(ctx context.Context) error {
	return stack.Install(ctx, s.tree, func(what string) { fmt.Println(indent(what)) })
}

// database is the PostgreSQL 17 server with the migrated template. The first
// step to ask starts it.
func (s *suite) database(ctx context.Context) (*stack.TestServer, error) {
	if s.server != nil || s.failed != nil {
		return s.server, s.failed
	}
	if s.failed = s.install(ctx); s.failed == nil {
		s.server, s.failed = stack.StartTestServer(ctx, s.tree, "17")
	}
	return s.server, s.failed
}

// clone makes a migrated database of its own for a step, and returns its name.
func (s *suite) clone(ctx context.Context, server *stack.TestServer) (string, error) {
	s.clones++
	name := fmt.Sprintf("check_%d", s.clones)
	return name, stack.Clone(ctx, server.URL(stack.Superuser, "postgres"), name)
}

// project makes a migrated database of its own for a step, and returns the URL
// of its owner.
func (s *suite) project(ctx context.Context) (string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return "", err
	}
	name, err := s.clone(ctx, server)
	return server.URL(stack.Owner, name), err
}

// command runs a program in the checkout; what it says is part of the error.
func (s *suite) command(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = s.tree.Root
	return outputOf(cmd)
}

func outputOf(cmd *exec.Cmd) (string, error) {
	out, err := stack.Output(cmd)
	if err != nil {
		return out, fmt.Errorf("%s: %w\n%s", filepath.Base(cmd.Path), err, out)
	}
	return out, nil
}
