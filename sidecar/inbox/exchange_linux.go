package inbox

import "golang.org/x/sys/unix"

// exchange puts fresh in the place of dir, and dir at aside, in such a way that
// there is an inbox at dir at every moment.
func exchange(dir, fresh, aside string) error {
	if err := unix.Renameat2(unix.AT_FDCWD, dir, unix.AT_FDCWD, fresh, unix.RENAME_EXCHANGE); err != nil {
		return renameBoth(dir, fresh, aside) // the file system cannot
	}
	return rename(fresh, aside)
}
