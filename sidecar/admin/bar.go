package admin

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// bar shows how far something is: a bar on a terminal, else a line for every
// tenth part.
type bar struct {
	out   io.Writer
	bar   *progressbar.ProgressBar // nil without a terminal
	total int
	next  int // the number from which on to write a line
}

func newBar(out io.Writer, total int) *bar {
	b := &bar{out: out, total: total, next: max(total/10, 1)}
	if file, ok := out.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		b.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(out), progressbar.OptionSetWidth(30), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("events"), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish())
	}
	return b
}

func (b *bar) set(done int) {
	switch {
	case b.bar != nil:
		_ = b.bar.Set(min(done, b.total)) // a bar that cannot be drawn is no reason to stop
	case done >= b.next:
		fmt.Fprintf(b.out, "%d of %d\n", done, b.total)
		b.next = done + max(b.total/10, 1)
	}
}

func (b *bar) done() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// printable shows the characters that a terminal would obey or hide, which
// anybody's name may hold, as their code.
func printable(text string) string {
	var s strings.Builder
	for _, r := range text {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			fmt.Fprintf(&s, `\u%04x`, r)
		} else {
			s.WriteRune(r)
		}
	}
	return s.String()
}
