package stack

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv(parentEnv) != "" {
		beParent()
		return
	}
	goleak.VerifyTestMain(m)
}

// parentEnv makes this test binary be the parent that is killed.
const parentEnv = "STACK_TEST_PARENT"

// beParent starts a program that would run for an hour, and waits with it.
func beParent() {
	cmd := exec.Command("sleep", "3600")
	cmd.Stdout = os.Stdout
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	program, err := Run(cmd, syscall.SIGTERM)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	<-program.Done()
}
