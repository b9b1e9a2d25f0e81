//go:build !linux

package inbox

import "math"

// diskSystem is the file system of a directory. It is known on Linux alone.
type diskSystem struct {
	name            string
	network, memory bool
}

func fileSystem(string) (diskSystem, error) { return diskSystem{}, nil }

func freeBytes(string) (int64, error) { return math.MaxInt64, nil }
