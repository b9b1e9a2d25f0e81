package terminal

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"

	"golang.org/x/term"
)

// Colours tells whether to write in colours: to a terminal that knows them, unless
// NO_COLOR is set to anything.
func Colours(out io.Writer) bool {
	return Is(out) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// Is tells whether a writer or a reader is a terminal.
func Is(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// Harmless is text of somebody's on one line: the characters that a terminal would
// obey or hide, which anybody's name may hold, are their code.
func Harmless(text string) string {
	var shown strings.Builder
	for _, r := range text {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			fmt.Fprintf(&shown, `\u%04x`, r)
		} else {
			shown.WriteRune(r)
		}
	}
	return shown.String()
}

// PrintJSON prints an answer for programs, and for people who look at it.
func PrintJSON(out io.Writer, answer any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(answer)
}

// Word is text of somebody's as JSON has it, made [Harmless]; empty for null.
type Word string

// UnmarshalJSON reads a JSON string.
func (w *Word) UnmarshalJSON(body []byte) error {
	var said string // null leaves it empty
	if err := json.Unmarshal(body, &said); err != nil {
		return err
	}
	*w = Word(Harmless(said))
	return nil
}
