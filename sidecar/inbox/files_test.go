package inbox

import (
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNobodyElseMayReadTheFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "school", "inbox")
	accept(t, open(t, Options{Dir: dir}), "one")
	for name, mode := range map[string]fs.FileMode{
		"": fs.ModeDir | 0o700, databaseName: 0o600, databaseName + "-wal": 0o600, databaseName + "-shm": 0o600, watermarkName: 0o600, lockName: 0o600,
	} {
		info, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		require.Equal(t, mode, info.Mode(), name)
	}
	found, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, found, 5)
}

func TestTheFilesOfASetAsideInboxAreNobodyElsesEither(t *testing.T) {
	dir := t.TempDir()
	in := open(t, Options{Dir: dir})
	accept(t, in, "one")
	shut(t, in)
	require.NoError(t, os.Remove(filepath.Join(dir, watermarkName)))
	done := setAsideNow(t, dir)
	accept(t, open(t, Options{Dir: dir}), "two")
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		require.NoError(t, err)
		info, err := entry.Info()
		require.NoError(t, err)
		require.Zero(t, info.Mode().Perm()&0o077&^dirMode(path, dir), path)
		return nil
	}))
	require.FileExists(t, filepath.Join(done.OldDir, databaseName))
}

// dirMode is what others may do in the directory of a test, which is not the inbox's.
func dirMode(path, dir string) fs.FileMode {
	if path == dir {
		return 0o077
	}
	return 0
}

func TestADirectoryMustBeWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, dir := range map[string]string{"none is named": "", "it is a file": file, "it is below a file": filepath.Join(file, "inbox")} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(testContext(t), Options{Dir: dir})
			require.ErrorIs(t, err, ErrNotWritable)
			require.ErrorContains(t, err, dir)
		})
	}
}

func TestAFileOfAnotherVersionIsRefused(t *testing.T) {
	for name, statement := range map[string]string{
		"of a later version":    "pragma user_version = 2",
		"of no version":         "pragma user_version = 0",
		"of another program":    "pragma application_id = 7",
		"of an unknown program": "pragma application_id = 0",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shut(t, open(t, Options{Dir: dir}))
			tamper(t, dir, statement)
			_, err := Open(testContext(t), Options{Dir: dir})
			require.ErrorIs(t, err, ErrVersion)
			require.ErrorContains(t, err, dir)
		})
	}
}

func TestWhatIsNoDatabaseIsDamaged(t *testing.T) {
	for name, content := range map[string][]byte{"text": []byte(strings.Repeat("not a database, ", 1000)), "a few bytes": []byte("SQLite"), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			shut(t, open(t, Options{Dir: dir}))
			require.NoError(t, os.WriteFile(filepath.Join(dir, databaseName), content, 0o600))
			_, err := Open(testContext(t), Options{Dir: dir})
			require.True(t, isRefusal(err), "%v", err)
			require.ErrorContains(t, err, dir)
		})
	}
}

// SQLite's locks are the process's: they end when any other file descriptor of the same
// file is closed. So only SQLite may open it.
func TestOnlySQLiteOpensTheDatabase(t *testing.T) {
	allowed := []string{
		"makeFile opens by os.OpenFile",        // makes it, before SQLite knows it
		"makeDirectory opens by os.CreateTemp", // a probe
		"tryDisk opens by os.CreateTemp",       // a probe
		"readWatermark opens by os.ReadFile",   // inbox.last
		"makeWatermark opens by os.OpenFile",   // inbox.last
		"syncDirectory opens by os.Open",       // a directory
		"Copy opens by os.OpenFile",            // the copy
		"syncFile opens by os.OpenFile",        // the copy
	}
	var found []string
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(gotoken.NewFileSet(), source, nil, 0)
		require.NoError(t, err)
		for _, declaration := range file.Decls {
			found = append(found, openings(declaration)...)
		}
	}
	slices.Sort(allowed)
	slices.Sort(found)
	require.Equal(t, allowed, found)
}

// openings are the calls in a declaration that open a file.
func openings(declaration ast.Decl) (found []string) {
	function, ok := declaration.(*ast.FuncDecl)
	name := "a variable"
	if ok {
		name = function.Name.Name
	}
	ast.Inspect(declaration, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		pkg, ok := selector.X.(*ast.Ident)
		if ok && slices.Contains([]string{"os", "unix", "syscall", "ioutil"}, pkg.Name) && opensFile(selector.Sel.Name) {
			found = append(found, fmt.Sprintf("%s opens by %s.%s", name, pkg.Name, selector.Sel.Name))
		}
		return true
	})
	return found
}

func opensFile(function string) bool {
	for _, prefix := range []string{"Open", "Create", "ReadFile", "WriteFile", "NewFile", "DirFS", "CopyFS", "Truncate", "Link"} {
		if strings.HasPrefix(function, prefix) {
			return true
		}
	}
	return false
}
