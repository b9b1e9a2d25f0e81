package main

import (
	"os"
	"runtime/debug"
)

// memoryGoal is what the Go runtime tries to stay below by collecting more
// often: a small machine holds it, and no load that was measured needs more. It
// is no bound: what is in use is kept. GOMEMLIMIT in the environment is used
// instead.
const memoryGoal = 56 << 20

func setMemoryGoal() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryGoal)
	}
}
