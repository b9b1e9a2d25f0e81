package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	metricMade = regexp.MustCompile(`Name:\s+"(sidecar_\w+)"`)
	metricUsed = regexp.MustCompile(`\bsidecar_\w+`)
	ofFamily   = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// The dashboard and the alerts ask for metrics that there are, and the page that
// explains metrics explains each.
func TestWhatIsWatchedIsWhatThereIs(t *testing.T) {
	var made []string
	require.NoError(t, filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range metricMade.FindAllStringSubmatch(string(text), -1) {
			made = append(made, found[1])
		}
		return err
	}))
	require.Greater(t, len(made), 20)

	for _, file := range []string{"alerts.yml", "alerts_test.yml", "dashboard.json", "README.md"} {
		text, err := os.ReadFile(filepath.Join("monitoring", file))
		require.NoError(t, err)
		used := metricUsed.FindAllString(string(text), -1)
		require.NotEmpty(t, used, file)
		for _, name := range used {
			require.True(t, slices.Contains(made, name) || slices.Contains(made, ofFamily.ReplaceAllString(name, "")), "%s asks for %s, which nobody tells", file, name)
		}
		if file == "README.md" {
			for _, name := range made {
				require.Contains(t, string(text), "| `"+name+"` |", "every metric is explained")
			}
		}
	}
}
