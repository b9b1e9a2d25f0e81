//go:build !linux

package inbox

// exchange puts fresh in the place of dir, and dir at aside.
func exchange(dir, fresh, aside string) error { return renameBoth(dir, fresh, aside) }
