package stack

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// TypesFile is where the front end finds the types of the database.
func TypesFile(tree *Tree) string { return filepath.Join(tree.Root, "supabase", "types.ts") }

// Types returns the TypeScript types of the schema public of a database, as
// the Supabase CLI writes them, formatted.
func Types(ctx context.Context, tree *Tree, databaseURL string) (string, error) {
	types, err := printed(SupabaseCLI(ctx, tree, "gen", "types", "typescript", "--remote="+databaseURL, "--schema", "public"))
	if err != nil {
		return "", fmt.Errorf("supabase gen types: %w", err)
	}
	return prettier(ctx, tree, "typescript", typesHeader+types)
}

// prettier formats a text of a kind that it knows.
func prettier(ctx context.Context, tree *Tree, kind, text string) (string, error) {
	format := exec.CommandContext(ctx, tree.modules(".bin", "prettier"), "--parser="+kind, "--print-width=120")
	format.Dir = tree.Root
	format.Stdin = strings.NewReader(text)
	formatted, err := printed(format)
	if err != nil {
		return "", fmt.Errorf("format the %s: %w", kind, err)
	}
	return formatted, nil
}

const typesHeader = `// The types of the database, for createClient<Database>(…) of @supabase/supabase-js.
// Written by ./scripts/generate from the migrated database.

`

// printed runs cmd to its end and returns what it printed on standard output;
// what it printed on the other stream is part of the error.
func printed(cmd *exec.Cmd) (string, error) {
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := Finish(cmd); err != nil {
		return "", fmt.Errorf("%w\n%s", err, said.String())
	}
	return out.String(), nil
}
