//go:build !linux && !darwin && !freebsd

package inbox

import "math"

// freeBytes does not know the disks of this system; the cap of the streams is
// what limits them here.
func freeBytes(string) (uint64, error) { return math.MaxUint64, nil }

// isMount is not known on this system; moving then says what is wrong.
func isMount(string) bool { return false }
