package terminal

import (
	"bytes"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

func TestWhatATerminalWouldObeyIsShownAsItsCode(t *testing.T) {
	require.Equal(t, `Maria\u001b[31m`, Harmless("Maria\x1b[31m"))
	require.Equal(t, `two\u000alines`, Harmless("two\nlines"))
	require.Equal(t, `\u202eairaM`, Harmless("\u202eairaM"), "the other direction")
	require.Equal(t, "Zoë 李 😀", Harmless("Zoë 李 😀"))
}

func TestColoursAreForTerminalsThatWantThem(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	t.Setenv("TERM", "xterm")
	screen := openTerminal(t)
	require.True(t, Colours(screen))
	require.False(t, Colours(&bytes.Buffer{}))
	require.False(t, Colours(openFile(t)))

	t.Setenv("TERM", "dumb")
	require.False(t, Colours(screen))
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "1")
	require.False(t, Colours(screen))
}

func TestWithoutATerminalEveryTenthIsALine(t *testing.T) {
	var out bytes.Buffer
	b := NewBar(&out, 30)
	for done := range 30 {
		b.Set(done + 1)
	}
	b.Done()
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 10)
	require.Equal(t, "3 of 30", lines[0])
	require.Equal(t, "30 of 30", lines[9])
}

func TestManyMayCountAtOnce(t *testing.T) {
	var out bytes.Buffer
	b := NewBar(&out, 100)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			for range 10 {
				b.Add("10:15")
			}
		})
	}
	all.Wait()
	b.Done()
	require.True(t, strings.HasSuffix(out.String(), "10:15  100 of 100\n"), out.String())
}

func TestOnATerminalThereIsABar(t *testing.T) {
	screen := openTerminal(t)
	b := NewBar(screen, 2)
	b.Add("10:15")
	b.Done()
	require.NotNil(t, b.drawn)
}

func openFile(t *testing.T) *os.File {
	file, err := os.Create(t.TempDir() + "/out")
	require.NoError(t, err)
	t.Cleanup(func() { _ = file.Close() })
	return file
}

// openTerminal is a terminal that nobody looks at.
func openTerminal(t *testing.T) *os.File {
	keyboard, screen, err := pty.Open()
	require.NoError(t, err)
	t.Cleanup(func() { _ = screen.Close(); _ = keyboard.Close() })
	return screen
}
