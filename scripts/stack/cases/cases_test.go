package cases_test

import (
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every case of testdata ends in the rows it tells of, in whatever order the
// school and Zoom were heard: as told, and in another order.
func TestTheRowsSayWhatHappened(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)

	worlds := make(chan *world, runtime.GOMAXPROCS(0))
	for range cap(worlds) {
		worlds <- newWorld(t)
	}
	for i, file := range files {
		name := strings.TrimSuffix(filepath.ToSlash(strings.TrimPrefix(file, "testdata/")), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := readStory(file)
			require.NoError(t, err)
			w := <-worlds
			defer func(w *world) { worlds <- w }(w)
			if slices.ContainsFunc(s.steps, func(s step) bool { return s.kind == database }) {
				w = newWorld(t) // one whose schema may be changed
			}
			for _, in := range []order{asTold, []order{backwards, apart}[i%2]} {
				if err := w.tell(t.Context(), s, in); err != nil {
					t.Errorf("%s: %v", in, err)
				}
			}
		})
	}
}

// A case that cannot be read is a fault, not a case that passes.
func TestAStoryThatMakesNoSenseIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no expectation":       "zoom 2026-03-02 [u]: S 08:00",
		"an unknown entry":     "meet 2026-03-02: S 08:00\nexpect:\n  attendance: none",
		"an unknown event":     "zoom 2026-03-02 [u]: X 08:00\nexpect:\n  attendance: none",
		"an unknown attribute": "zoom 2026-03-02 [u]: S(08:00,who=a)\nexpect:\n  attendance: none",
		"no run":               "zoom 2026-03-02: S 08:00\nexpect:\n  attendance: none",
		"a time of no clock":   "zoom 2026-03-02 [u]: S 8\nexpect:\n  attendance: none",
		"neither time":         "zoom 2026-03-02 [u]: E -\nexpect:\n  attendance: none",
		"half a join":          "zoom 2026-03-02 [u]: J(a,08:00)\nexpect:\n  attendance: none",
		"an expectation of no": "expect:\n  attendance none",
		"a change at no time":  "change noon: select 1\nexpect:\n  attendance: none",
		"the future":           "zoom 2026-03-02 [u]: S 08:00\nchange 2026-03-02 07:00: select 1\nexpect:\n  attendance: none",
		"the past":             "change 2026-03-02 09:00: select 1\nzoom 2026-03-02 [u]: S 08:00\nexpect:\n  attendance: none",
		"a line of nobody":     "  attendance: none",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseStory(text)
			require.Error(t, err)
		})
	}
}
