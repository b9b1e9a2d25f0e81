// Command generate writes the files of the repository that are made from
// others; see ./scripts/generate. The checks fail when one of them is stale.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"zoom-attendance/scripts/stack"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := generate(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

// generate writes the migrations first: the types, and what the doctor expects,
// are those of the database that they lead to.
func generate(ctx context.Context) error {
	tree, err := stack.OpenTree()
	if err != nil {
		return err
	}
	if err := stack.Install(ctx, tree, func(what string) { fmt.Println(what) }); err != nil {
		return err
	}
	for _, shipped := range []stack.Shipped{stack.Rules, stack.Policies} {
		migration, sql, err := shipped.Written(tree)
		if err != nil {
			return err
		}
		if err := write(tree, migration, sql); err != nil {
			return err
		}
	}
	return inNewDatabase(ctx, tree, func(url string) error {
		types, err := stack.Types(ctx, tree, url)
		if err != nil {
			return err
		}
		if err := write(tree, stack.TypesFile(tree), types); err != nil {
			return err
		}
		expected, err := stack.Expected(ctx, tree, url)
		if err != nil {
			return err
		}
		return write(tree, stack.ExpectedFile(tree), expected)
	})
}

// inNewDatabase does something with a database that has every migration.
func inNewDatabase(ctx context.Context, tree *stack.Tree, do func(url string) error) (err error) {
	server, err := stack.StartTestServer(ctx, tree, "17")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	const name = "generated"
	if err := stack.Clone(ctx, server.URL(stack.Superuser, "postgres"), name); err != nil {
		return err
	}
	return do(server.URL(stack.Owner, name))
}

// write replaces a file if it says something else, and says so.
func write(tree *stack.Tree, path, text string) error {
	relative, err := filepath.Rel(tree.Root, path)
	if err != nil {
		return err
	}
	if have, err := os.ReadFile(path); err == nil && string(have) == text {
		fmt.Println("up to date:", relative)
		return nil
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	fmt.Println("written:   ", relative)
	return nil
}
