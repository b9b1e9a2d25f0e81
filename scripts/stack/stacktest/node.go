package stacktest

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"zoom-attendance/scripts/stack"
)

// Node is a script at work that answers in JSON, a value per line.
type Node struct {
	t      testing.TB
	input  io.WriteCloser
	output *json.Decoder
	reads  interface{ SetReadDeadline(time.Time) error } // the pipe beneath output
}

// silence is how long a script may say nothing while somebody listens.
const silence = 2 * time.Minute

// StartNode runs a script with Node.js, which finds the packages of
// scripts/node_modules for scripts beneath scripts/. The script has to end when
// its input does, at the latest when the test ends; env is added to ours.
func StartNode(t testing.TB, env []string, script string, args ...string) *Node {
	t.Helper()
	cmd := exec.Command("node", append([]string{script}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	complaints := new(stack.Said)
	cmd.Stderr = complaints
	input, err1 := cmd.StdinPipe()
	output, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	reads, ok := output.(interface{ SetReadDeadline(time.Time) error })
	if !ok {
		t.Fatalf("the pipe of a command is a %T, which knows no deadline", output)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = input.Close()
		_ = reads.SetReadDeadline(time.Time{})
		_, _ = io.Copy(io.Discard, output)
		if err := cmd.Wait(); err != nil {
			t.Errorf("node %s: %v", script, err)
		}
		if t.Failed() {
			t.Logf("node %s said:\n%s", script, complaints)
		}
	})
	return &Node{t: t, input: input, output: json.NewDecoder(output), reads: reads}
}

// Tell writes a line to the script.
func (n *Node) Tell(line string) {
	n.t.Helper()
	if _, err := io.WriteString(n.input, line+"\n"); err != nil {
		n.t.Fatal(err)
	}
}

// End ends the input, which asks the script to end.
func (n *Node) End() {
	n.t.Helper()
	if err := n.input.Close(); err != nil {
		n.t.Fatal(err)
	}
}

// More says whether the script has another answer, as soon as it has one or
// has ended.
func (n *Node) More() bool { return n.output.More() }

// Hear reads the next answer.
func (n *Node) Hear(answer any) {
	n.t.Helper()
	if err := n.reads.SetReadDeadline(time.Now().Add(silence)); err != nil {
		n.t.Fatal(err)
	}
	if err := n.output.Decode(answer); err != nil {
		n.t.Fatal(err)
	}
}
