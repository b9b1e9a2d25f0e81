//go:build !linux

package stack

import (
	"os/exec"
	"syscall"
)

// dieWithParent is for Linux alone. Elsewhere a program of ours that was
// orphaned is stopped by the next start.
func dieWithParent(*exec.Cmd, syscall.Signal) {}
