package stack

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Migrate applies the migrations of supabase/migrations that a database does
// not have yet, with the Supabase CLI, as an operator would on a hosted
// project. With seed it also runs supabase/seed.sql, if it never ran there.
func Migrate(ctx context.Context, tree *Tree, databaseURL string, seed bool) error {
	args := []string{"db", "push", "--yes", "--remote=" + databaseURL}
	if seed {
		args = append(args, "--include-seed")
	}
	if out, err := Output(SupabaseCLI(ctx, tree, args...)); err != nil {
		return fmt.Errorf("apply the migrations (supabase db push): %w\n%s", err, out)
	}
	return nil
}

// SupabaseCLI is the command of the Supabase CLI for this checkout. It reads
// and writes nothing of a CLI that the user may have of their own.
func SupabaseCLI(ctx context.Context, tree *Tree, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, tree.modules(".bin", "supabase"), args...)
	cmd.Dir = tree.Root
	cmd.Env = plainEnv(
		"SUPABASE_HOME="+filepath.Join(tree.Local, "supabase"),
		"SUPABASE_NO_UPDATE_NOTIFIER=1",
		"SUPABASE_TELEMETRY_DISABLED=1",
	)
	return cmd
}
