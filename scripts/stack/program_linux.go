package stack

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel send the signal to the program when the thread
// that starts it ends.
func dieWithParent(cmd *exec.Cmd, signal syscall.Signal) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = signal
}
