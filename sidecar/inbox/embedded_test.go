package inbox

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADirectoryHasOneInboxAtATime(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	_, err := Open(testContext(t), o)
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, o.Dir)
	require.NoError(t, b.Ready(), "the first is not disturbed")
	shut(t, b)
	open(t, o)
}

// A kill right after the start leaves the files by which the server and we saw
// that we can write.
func TestWhatAKillAtTheStartLeftBehindIsNoTrouble(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	accept(t, b, "one")
	shut(t, b)
	left := []string{
		filepath.Join(o.Dir, "jetstream", "_test_4711"), filepath.Join(o.Dir, "probe-4711"),
		filepath.Join(streamDir(o, streamEvents), "obs", consumerName, "o.dat"), // of a version before
	}
	for _, path := range left {
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, nil, 0o600))
	}
	b = open(t, o)
	require.NoError(t, b.Ready())
	require.NoError(t, b.health())
	require.Equal(t, []string{"one"}, bodies(take(t, b, 1)))
	for _, path := range left {
		require.NoFileExists(t, path)
	}
}

func TestADirectoryMustBeWritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, dir := range map[string]string{"none is named": "", "it is a file": file, "it is below a file": filepath.Join(file, "inbox")} {
		t.Run(name, func(t *testing.T) {
			_, err := Open(testContext(t), Options{Dir: dir})
			require.ErrorIs(t, err, ErrNotWritable)
			require.ErrorContains(t, err, dir)
		})
	}
}

func TestAFullDiskIsRefusedBeforeTheServerStops(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	left := uint64(reserve - 1)
	b.dir.free = func(string) (uint64, error) { return left, nil }
	require.ErrorIs(t, b.Accept(testContext(t), []byte("one")), ErrFull)
	require.ErrorIs(t, b.Ready(), ErrFull)
	left = reserve
	require.NoError(t, b.Accept(testContext(t), []byte("two")))
	require.NoError(t, b.Ready())
	require.Equal(t, []string{"two"}, bodies(take(t, b, 1)))
}

func TestADirectoryTakenAwayWhileInUseEndsRun(t *testing.T) {
	parent := t.TempDir()
	o := Options{Dir: filepath.Join(parent, "inbox"), Retention: time.Second}
	b := open(t, o)
	require.NoError(t, os.Rename(o.Dir, filepath.Join(parent, "elsewhere")))
	require.ErrorIs(t, b.Ready(), ErrUnavailable)
	require.ErrorIs(t, b.Run(testContext(t)), errStopped)
}

func TestAServerThatStoppedEndsRun(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	require.NoError(t, b.dir.server.DisableJetStream())
	require.ErrorIs(t, b.Ready(), ErrUnavailable)
	require.ErrorIs(t, b.Run(testContext(t)), errStopped)
	require.ErrorIs(t, b.Accept(testContext(t), []byte("one")), ErrUnavailable)
}

func TestTheEmbeddedServerOpensNoPort(t *testing.T) {
	b := open(t, Options{Dir: t.TempDir()})
	require.Nil(t, b.dir.server.Addr())
	_, err := net.Dial("tcp", "127.0.0.1:4222")
	require.Error(t, err)
}

// child is another process that accepts events as fast as it can.
type child struct {
	process *exec.Cmd
	lines   *bufio.Scanner
}

func startChild(t *testing.T, dir string, environment ...string) *child {
	t.Helper()
	c := &child{process: exec.Command(os.Args[0])}
	c.process.Env = append(append(os.Environ(), childDir+"="+dir), environment...)
	out, err := c.process.StdoutPipe()
	require.NoError(t, err)
	c.lines = bufio.NewScanner(io.Reader(out))
	require.NoError(t, c.process.Start())
	t.Cleanup(c.kill)
	return c
}

// answered reads the numbers of n events, or of all that were answered for
// when n is negative.
func (c *child) answered(t *testing.T, n int) (numbers []int) {
	t.Helper()
	for n < 0 || len(numbers) < n {
		if !c.lines.Scan() {
			require.Negative(t, n, "the child ended: %s", c.lines.Text())
			break
		}
		number, err := strconv.Atoi(c.lines.Text())
		require.NoError(t, err)
		numbers = append(numbers, number)
	}
	return numbers
}

// kill is kill -9.
func (c *child) kill() {
	_ = c.process.Process.Kill()
	_ = c.process.Wait()
}

func TestAKillInTheMiddleLosesNothingThatWasAnswered(t *testing.T) {
	for name, environment := range map[string][]string{
		"while nobody takes":     nil,
		"while a relay has some": {childTakes + "=1"},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{Dir: t.TempDir(), AckWait: time.Hour} // it must not be this that brings them back
			var answered []int
			for range 3 {
				c := startChild(t, o.Dir, environment...)
				answered = append(answered, c.answered(t, 300)...)
				require.NoError(t, c.process.Process.Kill())
				answered = append(answered, c.answered(t, -1)...)
				c.kill()
			}
			missing := map[string]int{}
			for _, number := range answered {
				missing[fmt.Sprintf("event %d", number)]++
			}
			b := open(t, o)
			for len(missing) > 0 {
				for _, d := range take(t, b, 1) {
					body := string(d.Body())
					if missing[body]--; missing[body] <= 0 {
						delete(missing, body)
					}
					require.NoError(t, d.Done(testContext(t)))
				}
			}
		})
	}
}

func TestAKillWhileOldEventsAreRemovedIsNoDamage(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	for range 8 {
		c := startChild(t, o.Dir, childSettles+"=1")
		c.answered(t, 1000)
		c.kill()
		b := open(t, o)
		require.NoError(t, b.Ready())
		shut(t, b)
	}
}

func TestAWriteErrorOfTheDiskLosesNothingThatWasAnswered(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	c := startChild(t, o.Dir, childLimited+"=1")
	missing := map[string]bool{}
	for c.lines.Scan() && c.lines.Text() != "true true" {
		missing["event "+c.lines.Text()] = true
	}
	require.Equal(t, "true true", c.lines.Text(), "Ready and Run say that it stopped")
	require.NotEmpty(t, missing)
	c.kill()
	b := open(t, o)
	for len(missing) > 0 {
		for _, d := range take(t, b, 1) {
			delete(missing, string(d.Body()))
		}
	}
}

func TestALockEndsWithItsProcess(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	c := startChild(t, o.Dir)
	c.answered(t, 1)
	_, err := Open(testContext(t), o)
	require.ErrorIs(t, err, ErrLocked)
	c.kill()
	open(t, o)
}

func TestCloseDoesNotWaitForEver(t *testing.T) {
	b, err := Open(testContext(t), Options{Dir: t.TempDir()})
	require.NoError(t, err)
	accept(t, b, "one")
	over, end := context.WithCancel(t.Context())
	end()
	require.NoError(t, b.Close(over))
}
