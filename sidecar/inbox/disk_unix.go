//go:build linux || darwin || freebsd

package inbox

import "golang.org/x/sys/unix"

// freeBytes is the space that this user may still fill on the disk of path.
func freeBytes(path string) (uint64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return 0, err
	}
	return uint64(fs.Bavail) * uint64(fs.Bsize), nil
}
