package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"zoom-attendance/scripts/stack"
)

// lesson plays a lesson through the sidecar, with enough absence and trouble
// in it to see every verdict, two minutes a second so that it can be watched.
// The simulator reads the attendance back through PostgREST, prints it, and
// fails unless it is right.
func (d *dev) lesson(ctx context.Context) error {
	args := []string{"simulate", "--check", "--speed", "120", "--absent", "0.15", "--dropouts", "0.3"}
	fmt.Printf("\nPlaying a lesson: bin/sidecar %s\n(the sidecar's own log is in %s)\n\nWatch it live, as the class's teacher or as anybody else:\n\n  %s\n\n"+
		"or as an operator, on the board (sign in with %s):\n\n  http://%s\n\n",
		strings.Join(args, " "), d.sidecarLog(), monitorLink, d.settings.shown("ADMIN_TOKEN"), d.settings["ADMIN_ADDR"])
	cmd := exec.CommandContext(ctx, d.sidecarPath(), args...)
	cmd.Dir = d.tree.Root
	cmd.Env = append(d.settings.environ(), "SIDECAR_URL="+d.settings.sidecarURL())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := stack.Finish(cmd); err != nil {
		return fmt.Errorf("play the lesson: %w", err)
	}
	return nil
}
