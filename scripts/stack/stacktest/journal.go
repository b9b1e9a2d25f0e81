package stacktest

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"testing"
	"time"
)

// Journal collects the lines of a log, which can be read and waited for. The zero
// value is ready, and may be written to by several goroutines.
type Journal struct {
	Patience time.Duration // how long Await waits; 0: until the test ends

	mu    sync.Mutex
	buf   bytes.Buffer
	wrote chan struct{} // closed with every line; nil: nobody waits
}

// Write takes a line.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.wrote != nil {
		close(j.wrote)
		j.wrote = nil
	}
	return j.buf.Write(p)
}

// Lines are those that hold every one of the words.
func (j *Journal) Lines(words ...string) (found []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for line := range strings.Lines(j.buf.String()) {
		holds := true
		for _, w := range words {
			holds = holds && strings.Contains(line, w)
		}
		if holds {
			found = append(found, line)
		}
	}
	return found
}

// Await waits until a line holds every one of the words.
func (j *Journal) Await(t *testing.T, words ...string) {
	t.Helper()
	ctx := t.Context()
	if j.Patience > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, j.Patience)
		defer cancel()
	}
	for {
		j.mu.Lock()
		if j.wrote == nil {
			j.wrote = make(chan struct{})
		}
		wrote := j.wrote
		j.mu.Unlock()
		if len(j.Lines(words...)) > 0 {
			return
		}
		select {
		case <-wrote:
		case <-ctx.Done():
			t.Fatalf("no line has %q", words)
		}
	}
}
