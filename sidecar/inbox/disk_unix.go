//go:build linux || darwin || freebsd

package inbox

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// freeBytes is the space that this user may still fill on the disk of path.
func freeBytes(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), nil
}

// isMount reports whether a file system of its own is mounted at path.
func isMount(path string) bool {
	var here, above unix.Stat_t
	if unix.Stat(path, &here) != nil || unix.Stat(filepath.Dir(path), &above) != nil {
		return false
	}
	return here.Dev != above.Dev
}
