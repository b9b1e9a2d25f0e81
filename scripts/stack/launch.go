package stack

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// QuietPort is one that no connection of ours will happen to be given while its
// program is away: it lies below those that the kernel hands out.
func QuietPort() (int, error) {
	for range 100 {
		port := 15000 + rand.IntN(15000)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("find a free port: a hundred were taken")
}

// OwnEnv is what of our environment a program needs, and no setting of a
// sidecar that somebody has exported.
func OwnEnv() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir()}
}

// Launch starts a program that Ctrl-C does not reach, and returns it with its
// process id. What it says goes into said.
func Launch(command, env []string, said *Said) (*Program, int, error) {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = env
	cmd.Stdout, cmd.Stderr = said, said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us
	program, err := Run(cmd, syscall.SIGTERM)
	if err != nil {
		return nil, 0, err
	}
	return program, cmd.Process.Pid, nil
}
