package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// Bar shows how far something is: a bar on a terminal, else a line for every tenth
// part. It may be used by many at once.
type Bar struct {
	out   io.Writer
	total int

	mu    sync.Mutex
	drawn *progressbar.ProgressBar // nil without a terminal
	count int
	next  int    // the count from which on to write a line
	scene string // what goes before the count
}

// NewBar shows how many of a total of events are done.
func NewBar(out io.Writer, total int) *Bar { return NewBarOf("events", out, total) }

// NewBarOf shows how many of a total of something are done.
func NewBarOf(what string, out io.Writer, total int) *Bar {
	b := &Bar{out: out, total: total, next: max(total/10, 1)}
	if Is(out) {
		b.drawn = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString(what), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return b
}

// Set says how many are done.
func (b *Bar) Set(done int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.show(done)
}

// Add says that one more is done, and what to show beside it: what it was, say.
func (b *Bar) Add(scene string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.scene = scene; b.drawn != nil {
		b.drawn.Describe(scene)
	}
	b.show(b.count + 1)
}

func (b *Bar) show(done int) {
	b.count = done
	switch {
	case b.drawn != nil:
		_ = b.drawn.Set(min(done, b.total)) // a bar that cannot be drawn is no reason to stop
	case done >= b.next:
		if b.scene != "" {
			fmt.Fprint(b.out, b.scene, "  ")
		}
		fmt.Fprintf(b.out, "%d of %d\n", done, b.total)
		b.next = done + max(b.total/10, 1)
	}
}

// Done takes the bar away.
func (b *Bar) Done() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.drawn != nil {
		_ = b.drawn.Finish()
	}
}
