package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"zoom-attendance/scripts/stack"
)

// The pages that tell operators how we come and go. Their commands and SQL are
// what the test runs.
const (
	adoptingPage = "sidecar/operating/adopting.md"
	leavingPage  = "sidecar/operating/leaving.md"
)

// pageProject is the project that the pages speak of.
const pageProject = "--remote=abcdefghijklmnopqrst"

// adoptionPage is a folder in which the commands of the page were run.
type adoptionPage struct {
	tree    *stack.Tree
	dir     string // in which the page begins, with our repository beside it
	pushing   string // the command that applies, as the page has it
	removal string // the SQL that removes what is ours
	repair  string // the command that makes the history forget us
}

// followThePage does what the page says on a project, up to applying: it shows
// that the app's own folder does not do, and that the dry run from an empty one
// names our migrations and nothing else.
func (s *suite) followThePage(ctx context.Context, t *twin) (*adoptionPage, error) {
	page, err := s.readPages()
	if err != nil {
		return nil, err
	}
	blocks, err := codeBlocks(s.tree, adoptingPage, "sh")
	if err != nil {
		return nil, err
	}
	if len(blocks) < 2 || !strings.Contains(blocks[0], "--dry-run") || !strings.HasPrefix(blocks[1], "supabase db push") {
		return nil, fmt.Errorf("%s does not begin with commands that end in a dry run, and then the push", adoptingPage)
	}
	page.pushing = blocks[1]
	said, err := page.run(ctx, page.dir, blocks[0], t)
	if err != nil {
		return nil, errors.Join(err, page.close())
	}
	err = errors.Join(namesOnlyOurs(s.tree, said), page.fromTheAppsFolder(ctx, t))
	if err != nil {
		return nil, errors.Join(err, page.close())
	}
	return page, nil
}

// readPages makes a folder that has our repository beside it, as on the page.
func (s *suite) readPages() (*adoptionPage, error) {
	dir, err := os.MkdirTemp("", "adoption-")
	if err != nil {
		return nil, err
	}
	page := &adoptionPage{tree: s.tree, dir: dir}
	if err := os.Symlink(s.tree.Root, filepath.Join(dir, "zoom-attendance")); err != nil {
		return nil, errors.Join(err, page.close())
	}
	sql, err1 := codeBlocks(s.tree, leavingPage, "sql")
	commands, err2 := codeBlocks(s.tree, leavingPage, "sh")
	if err := errors.Join(err1, err2); err != nil {
		return nil, errors.Join(err, page.close())
	}
	removal := slices.IndexFunc(sql, func(block string) bool { return strings.HasPrefix(block, "drop schema zoom") })
	repair := slices.IndexFunc(commands, func(block string) bool { return strings.Contains(block, "--status reverted") })
	if removal < 0 || repair < 0 {
		return nil, errors.Join(fmt.Errorf("%s has no SQL that drops the schema zoom, or no command that mends the history", leavingPage), page.close())
	}
	page.removal, page.repair = sql[removal], commands[repair]
	return page, nil
}

func (p *adoptionPage) close() error { return os.RemoveAll(p.dir) }

// adopting is the folder that the page has made.
func (p *adoptionPage) adopting() string { return filepath.Join(p.dir, "adopting") }

// push applies our migrations to a project, as the page does.
func (p *adoptionPage) push(ctx context.Context, t *twin) error {
	_, err := p.run(ctx, p.adopting(), p.pushing, t)
	return err
}

// leave removes what is ours from a project, as the page says.
func (p *adoptionPage) leave(ctx context.Context, t *twin) error {
	if err := stack.Exec(ctx, t.url(stack.Owner), p.removal); err != nil {
		return err
	}
	_, err := p.run(ctx, p.adopting(), p.repair, t)
	return err
}

// run has bash run commands of a page, on this project instead of the page's.
func (p *adoptionPage) run(ctx context.Context, dir, commands string, t *twin) (string, error) {
	if !strings.Contains(commands, pageProject) {
		return "", fmt.Errorf("the commands do not say %s:\n%s", pageProject, commands)
	}
	cli := stack.SupabaseCLI(ctx, p.tree)
	cmd := exec.CommandContext(ctx, "bash", "-euc", strings.ReplaceAll(commands, pageProject, "'--remote="+t.url(stack.Owner)+"'"))
	cmd.Dir = dir
	cmd.Env = append(slices.Clone(cli.Env), "SUPABASE_YES=true", "PATH="+filepath.Dir(cli.Path)+":"+os.Getenv("PATH"))
	return outputOf(cmd)
}

// oldFiles are migrations that lie in the app's folder and were never applied,
// since others took their place.
var oldFiles = map[string]string{
	"20250228_everything_closed.sql":    "drop policy \"The directory is open\" on users;\n",
	"20251230101010_first_thoughts.sql": "drop table zoom_participants;\n",
}

// fromTheAppsFolder shows why the page asks for an empty folder: from the app's,
// which has old files, the push stops, and its hint would apply them.
func (p *adoptionPage) fromTheAppsFolder(ctx context.Context, t *twin) error {
	app := filepath.Join(p.dir, "app")
	if err := os.CopyFS(app, os.DirFS(p.adopting())); err != nil {
		return err
	}
	for name, sql := range oldFiles {
		if err := os.WriteFile(filepath.Join(app, "supabase", "migrations", name), []byte(sql), 0o644); err != nil {
			return err
		}
	}
	said, err := p.run(ctx, app, p.pushing, t)
	if err == nil || !strings.Contains(said, "to be inserted before the last migration on remote database") {
		return fmt.Errorf("from the app's own folder the push should stop, and said: %s", said)
	}
	said, err = p.run(ctx, app, strings.TrimSpace(p.pushing)+" --dry-run --include-all", t)
	for name := range oldFiles {
		if err == nil && !strings.Contains(said, name) {
			err = fmt.Errorf("with --include-all %s would not be applied:\n%s", name, said)
		}
	}
	return err
}

var wouldPush = regexp.MustCompile(`(?m)^ • (\S+)$`)

// namesOnlyOurs says whether a dry run would apply all of our migrations and
// nothing else.
func namesOnlyOurs(tree *stack.Tree, said string) error {
	var named []string
	for _, match := range wouldPush.FindAllStringSubmatch(said, -1) {
		named = append(named, match[1])
	}
	ours, err := filepath.Glob(filepath.Join(tree.Root, "supabase", "migrations", "2026112*"))
	for i := range ours {
		ours[i] = filepath.Base(ours[i])
	}
	if err == nil && (len(ours) == 0 || !slices.Equal(named, ours)) {
		err = fmt.Errorf("the dry run names %q, and ours are %q:\n%s", named, ours, said)
	}
	return err
}

// codeBlocks are what a page has to run, in one language.
func codeBlocks(tree *stack.Tree, page, language string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(tree.Root, page))
	if err != nil {
		return nil, err
	}
	var blocks []string
	for _, match := range regexp.MustCompile("(?ms)^ *```"+language+"\n(.*?)^ *```").FindAllSubmatch(text, -1) {
		blocks = append(blocks, string(match[1]))
	}
	return blocks, nil
}
