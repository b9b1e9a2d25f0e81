package stack

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// releaseFlags are how sidecar/Dockerfile builds the binary that is shipped.
// nomsgpack leaves out a codec of gin's that we never ask for, a fifth of the
// binary.
const releaseFlags = "-trimpath -tags nomsgpack"

// BuildRelease builds the binary at path as it is shipped, from the sources
// beneath root. release is what it calls itself; env is added to ours.
func BuildRelease(ctx context.Context, root, path, release string, env ...string) error {
	args := append([]string{"build", "-buildvcs=false"}, strings.Fields(releaseFlags)...)
	build := exec.CommandContext(ctx, "go", append(args, "-ldflags=-s -w -X main.release="+release, "-o", path, "./sidecar")...)
	build.Dir = root
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := Output(build); err != nil {
		return fmt.Errorf("build the sidecar as it is shipped: %w\n%s", err, out)
	}
	return nil
}
