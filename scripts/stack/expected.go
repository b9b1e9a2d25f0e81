package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"github.com/jackc/pgx/v5"
)

// ExpectedFile is where `sidecar doctor` finds how a project should stand.
func ExpectedFile(tree *Tree) string {
	return filepath.Join(tree.Root, "sidecar", "operator", "doctor", "expected.json")
}

// firstOfOurs is the version of the sidecar's first migration. Those before it
// are the app's own, which a project may have made in its own way.
const firstOfOurs = "20261122000001"

// Expected returns what a migrated database says of itself when the doctor
// asks, without what differs from one project to the next, and with the file
// that makes each function and trigger.
func Expected(ctx context.Context, tree *Tree, databaseURL string) (string, error) {
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		return "", err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var state map[string]any
	if err := conn.QueryRow(ctx, "select public.inspect_zoom_project()").Scan(&state); err != nil {
		return "", fmt.Errorf("inspect the migrated database: %w", err)
	}
	delete(state, "server")
	delete(state, "role")
	files, makes, err := ourMigrations(tree)
	if err != nil {
		return "", err
	}
	state["applied"], state["makes"] = files, makes
	text, err := json.Marshal(state)
	if err != nil {
		return "", err
	}
	return prettier(ctx, tree, "json", string(text))
}

var makesSomething = regexp.MustCompile(`(?m)^create (?:or replace )?(?:function|procedure|trigger) ([a-z_.]+)`)

// ourMigrations are the names of the sidecar's migrations in their order, and
// of each function and trigger the one that makes it last.
func ourMigrations(tree *Tree) (names []string, makes map[string]string, err error) {
	files, err := filepath.Glob(filepath.Join(tree.Root, "supabase", "migrations", "*.sql"))
	if err != nil {
		return nil, nil, err
	}
	makes = map[string]string{}
	for _, file := range files {
		name := filepath.Base(file)
		if name < firstOfOurs {
			continue
		}
		sql, err := os.ReadFile(file)
		if err != nil {
			return nil, nil, err
		}
		names = append(names, name)
		for _, made := range makesSomething.FindAllStringSubmatch(string(sql), -1) {
			makes[made[1]] = name
		}
	}
	return names, makes, nil
}
