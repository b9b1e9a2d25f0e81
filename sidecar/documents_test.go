package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// page is one document of the repository, by its path from the top.
type page struct {
	path string
	text string // without comments, which nobody sees
}

// pages are all documents.
func pages(t *testing.T) (all []page) {
	t.Helper()
	top := os.DirFS("..")
	require.NoError(t, fs.WalkDir(top, ".", func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && (name == "node_modules" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir // others' and our own leavings
		case filepath.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(top, path)
		all = append(all, page{path, comment.ReplaceAllString(string(text), "")})
		return err
	}))
	require.Greater(t, len(all), 10)
	return all
}

var (
	comment = regexp.MustCompile(`(?s)<!--.*?-->`)
	fence   = regexp.MustCompile("(?ms)^ *```(\\w*)\n(.*?)^ *```$")
	inCode  = regexp.MustCompile("`[^`]+`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	title   = regexp.MustCompile(`(?m)^#{1,6} (.+)$`)
)

// prose is a page without its code blocks.
func (p page) prose() string { return fence.ReplaceAllString(p.text, "") }

// anchors are what a link may name in a page, as GitHub makes them of its
// titles.
func (p page) anchors() (all []string) {
	for _, found := range title.FindAllStringSubmatch(p.prose(), -1) {
		text := link.ReplaceAllString(found[1], "]")
		slug := strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, text)
		anchor := slug
		for n := 1; slices.Contains(all, anchor); n++ {
			anchor = fmt.Sprintf("%s-%d", slug, n)
		}
		all = append(all, anchor)
	}
	return all
}

func TestEveryLinkOfTheDocumentsLeadsSomewhere(t *testing.T) {
	all := pages(t)
	anchors := map[string][]string{}
	for _, p := range all {
		anchors[p.path] = p.anchors()
	}
	seen := 0
	for _, p := range all {
		for _, found := range link.FindAllStringSubmatch(inCode.ReplaceAllString(p.prose(), ""), -1) {
			to, anchor, _ := strings.Cut(found[1], "#")
			if strings.Contains(to, "://") {
				continue
			}
			seen++
			target := p.path
			if to != "" {
				target = filepath.Join(filepath.Dir(p.path), to)
			}
			if _, err := os.Stat(filepath.Join("..", target)); err != nil {
				t.Errorf("%s: the link %s leads nowhere", p.path, found[1])
			} else if anchor != "" && !slices.Contains(anchors[target], anchor) {
				t.Errorf("%s: the link %s names a title that %s does not have; it has %q", p.path, found[1], target, anchors[target])
			}
		}
	}
	require.Greater(t, seen, 50)
}

// GitHub leaves out what a row has beyond the first one's cells, and says nothing.
func TestEveryRowOfATableHasItsCells(t *testing.T) {
	seen := 0
	for _, p := range pages(t) {
		cells := 0 // of the table we are in
		for line := range strings.Lines(p.prose()) {
			row := strings.TrimSpace(line)
			if !strings.HasPrefix(row, "|") {
				cells = 0
				continue
			}
			here := strings.Count(row, "|") - strings.Count(row, `\|`)
			if cells == 0 {
				cells = here
			}
			seen++
			if here != cells || !strings.HasSuffix(row, "|") {
				t.Errorf("%s: %d cells, and not %d: %s", p.path, here-1, cells-1, row)
			}
		}
	}
	require.Greater(t, seen, 100)
}

// Whoever looks for a page finds it from the first one.
func TestEveryDocumentIsReachedFromTheReadme(t *testing.T) {
	all := pages(t)
	reached := []string{"README.md", "CHANGELOG.md"}
	for n := 0; n < len(reached); n++ {
		for _, p := range all {
			if p.path != reached[n] {
				continue
			}
			for _, found := range link.FindAllStringSubmatch(p.prose(), -1) {
				to, _, _ := strings.Cut(found[1], "#")
				if target := filepath.Join(filepath.Dir(p.path), to); to != "" && !slices.Contains(reached, target) {
					reached = append(reached, target)
				}
			}
		}
	}
	for _, p := range all {
		if !strings.Contains(p.path, "testdata") && !slices.Contains(reached, p.path) {
			t.Errorf("no page leads to %s", p.path)
		}
	}
}

// The table of settings names those that there are, with their defaults, and no
// other but one of Go's own.
func TestTheTableOfSettingsIsWhole(t *testing.T) {
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	names := regexp.MustCompile("`([A-Z_]+)`")
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`[A-Z_]{4,}`.*)$").FindAllStringSubmatch(string(text), -1) {
		cells := strings.Split(row[1], "|")
		found := names.FindAllStringSubmatch(cells[0], -1)
		defaults := strings.Split(strings.TrimSpace(cells[1]), ", ")
		require.Len(t, defaults, len(found), "a default for each: %s", row[1])
		for i, name := range found {
			documented[name[1]] = defaults[i]
		}
	}
	delete(documented, "GOMEMLIMIT")
	for _, f := range reflect.VisibleFields(reflect.TypeFor[Config]()) {
		name, value := f.Tag.Get("env"), f.Tag.Get("envDefault")
		require.True(t, documented[name] != "", "%s is missing in the table, or its default is", name)
		if value != "" {
			require.Equal(t, value, documented[name], "the default of %s", name)
		}
		delete(documented, name)
	}
	require.Empty(t, documented, "there are no such settings")
}

// Whoever copies a command out of a page is understood: it is there, and so is
// each of its flags.
func TestTheDocumentsShowCommandsThatThereAre(t *testing.T) {
	// A command ends where its quotes do, at a comment, and at what joins it to another. Its last word may be quoted.
	ours := regexp.MustCompile("(?m)(?:^|[\\s\"'`(/])sidecar( [a-z-][^\\s\"'`|;)#&]*(?: [^\\s\"'`|;)#&]+)*)( '[^']*'| \"[^\"]*\")?")
	seen := 0
	for _, p := range pages(t) {
		if p.path == "CHANGELOG.md" {
			continue // it also tells of what is gone
		}
		var code []string
		for _, span := range inCode.FindAllString(p.prose(), -1) {
			if strings.HasPrefix(span, "`sidecar ") { // else it is somebody's words, such as the log's
				code = append(code, span)
			}
		}
		for _, block := range fence.FindAllStringSubmatch(p.text, -1) {
			if block[1] == "sh" {
				code = append(code, strings.ReplaceAll(block[2], "\\\n", ""))
			}
		}
		for _, found := range ours.FindAllStringSubmatch(strings.Join(code, "\n"), -1) {
			seen++
			words := strings.Fields(found[1])
			if found[2] != "" {
				words = append(words, found[2])
			}
			require.NoError(t, understood(words), "%s: sidecar%s%s", p.path, found[1], found[2])
		}
	}
	require.Greater(t, seen, 20)
}

// understood asks the command line itself, and runs nothing.
func understood(words []string) error {
	root := command()
	root.InitDefaultVersionFlag()
	named, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if err := named.ParseFlags(rest); err != nil {
		return err
	}
	return named.ValidateArgs(named.Flags().Args())
}

func TestACommandThatIsNoneIsNotUnderstood(t *testing.T) {
	for _, line := range []string{"deaf", "dead lost", "dead list --much 3", "dead show", "replay --since", "explain --pupil maria"} {
		require.Error(t, understood(strings.Fields(line)), line)
	}
	for _, line := range []string{"serve", "dead list --most 3", "dead show 17", "dead replay --all", "replay --since 36h", "--version"} {
		require.NoError(t, understood(strings.Fields(line)), line)
	}
}

// What happens when: each fault that chaos tries has an answer.
func TestEveryFaultIsExplainedToOperators(t *testing.T) {
	faults, err := os.ReadFile("../scripts/stack/chaos/faults.go")
	require.NoError(t, err)
	answers, err := os.ReadFile("operating/what-happens-when.md")
	require.NoError(t, err)
	found := regexp.MustCompile(`(?m)^\t\{name: "(\w+)"`).FindAllStringSubmatch(string(faults), -1)
	require.Greater(t, len(found), 10)
	for _, name := range found {
		part := regexp.MustCompile("(?m)^## .*\n+`" + name[1] + "`")
		require.True(t, part.Match(answers), "%s has no part of its own", name[1])
	}
}
