package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"zoom-attendance/scripts/stack"
)

// chaos runs the short form of ./scripts/chaos, which speaks for itself. It has
// a database server of its own: one that syncs what it is told.
func (s *suite) chaos(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.tree.Root, "scripts", "chaos"), "--short")
	cmd.Dir = s.tree.Root
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := stack.Finish(cmd); err != nil {
		return fmt.Errorf("./scripts/chaos --short: %w", err)
	}
	return nil
}
