package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// rootStates holds the state of every checkout that root runs the stack of.
const rootStates = "/var/lib/zoom-attendance"

// Tree is one checkout of the repository, and the places on this machine that
// belong to it. Two checkouts share nothing.
type Tree struct {
	Root  string // the checkout
	Local string // what was built or fetched: Root/.local
	State string // databases and inboxes: Local, or for root a directory that nobody can reach

	runAs *syscall.Credential // whom PostgreSQL runs as, nil for whoever we are
}

// OpenTree finds the checkout that the working directory is the root of, and
// makes its directories.
func OpenTree() (*Tree, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find the working directory: %w", err)
	}
	if _, err := os.Stat(filepath.Join(root, "scripts", "package-lock.json")); err != nil {
		return nil, fmt.Errorf("%s is not the root of the repository", root)
	}
	local := filepath.Join(root, ".local")
	tree := &Tree{Root: root, Local: local, State: local}
	if os.Geteuid() == 0 {
		if err := tree.stateForRoot(); err != nil {
			return nil, err
		}
	}
	for _, dir := range []string{tree.Local, tree.State} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, fmt.Errorf("make %s: %w", dir, err)
		}
		if err := writable(dir); err != nil {
			return nil, fmt.Errorf("%s belongs to another user, root perhaps: remove it with sudo rm -r %s", dir, dir)
		}
	}
	return tree, nil
}

// stateForRoot picks the user nobody and a directory outside the checkout,
// which may be in a home that nobody cannot enter.
func (t *Tree) stateForRoot() error {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return fmt.Errorf("PostgreSQL does not run as root, and there is no user nobody to run it as: %w", err)
	}
	uid, err1 := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, err2 := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(err1, err2); err != nil {
		return fmt.Errorf("read the ids of the user nobody: %w", err)
	}
	t.runAs = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	sum := sha256.Sum256([]byte(t.Root))
	t.State = filepath.Join(rootStates, hex.EncodeToString(sum[:6]))
	if err := os.MkdirAll(t.State, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", t.State, err)
	}
	// Whatever the umask: nobody must be able to pass through.
	return errors.Join(os.Chmod(rootStates, 0o755), os.Chmod(t.State, 0o755))
}

// give makes path belong to the user that PostgreSQL runs as.
func (t *Tree) give(path string) error {
	if t.runAs == nil {
		return nil
	}
	return os.Chown(path, int(t.runAs.Uid), int(t.runAs.Gid))
}

// giveAll does so for a directory and all beneath it.
func (t *Tree) giveAll(dir string) error {
	return filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(t.runAs.Uid), int(t.runAs.Gid))
	})
}

// modules is a path beneath scripts/node_modules.
func (t *Tree) modules(elem ...string) string {
	return filepath.Join(append([]string{t.Root, "scripts", "node_modules"}, elem...)...)
}

func writable(dir string) error {
	probe, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	probe.Close()
	return os.Remove(probe.Name())
}
