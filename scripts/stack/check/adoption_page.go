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

// adoptionPages are what the pages have to run, and where: in a folder that has
// our repository beside it.
type adoptionPages struct {
	tree    *stack.Tree
	dir     string
	bring   string           // commands that fetch what the history says, and end in a dry run
	push    string           // the command that applies
	removal string           // the SQL that removes what is ours
	repair  string           // the command that makes the history forget us
	looks   []*regexp.Regexp // what the page explains of what zoom.undo tells
}

// readPages reads them, and makes the folder.
func (s *suite) readPages() (*adoptionPages, error) {
	adopting, err1 := codeBlocks(s.tree, adoptingPage, "sh")
	leaving, err2 := codeBlocks(s.tree, leavingPage, "sh")
	sql, err3 := codeBlocks(s.tree, leavingPage, "sql")
	if err := errors.Join(err1, err2, err3); err != nil {
		return nil, err
	}
	pages := &adoptionPages{
		tree:    s.tree,
		bring:   blockWith(adopting, "--dry-run"),
		push:    blockWith(adopting, "supabase db push --remote"),
		removal: blockWith(sql, "drop schema zoom"),
		repair:  blockWith(leaving, "--status reverted"),
	}
	if pages.bring == "" || pages.push == "" || pages.removal == "" || pages.repair == "" {
		return nil, fmt.Errorf("%s or %s lacks a command: %+v", adoptingPage, leavingPage, pages)
	}
	dir, err := os.MkdirTemp("", "adoption-")
	if err != nil {
		return nil, err
	}
	pages.dir = dir
	if pages.looks, err = explainedLooks(s.tree); err != nil {
		return nil, err
	}
	return pages, os.Symlink(s.tree.Root, filepath.Join(dir, "zoom-attendance"))
}

// blockWith is the first block that says something, else empty.
func blockWith(blocks []string, what string) string {
	if i := slices.IndexFunc(blocks, func(block string) bool { return strings.Contains(block, what) }); i >= 0 {
		return blocks[i]
	}
	return ""
}

func (p *adoptionPages) close() error { return os.RemoveAll(p.dir) }

// adopt does what the page says, from an empty folder.
func (p *adoptionPages) adopt(ctx context.Context, t *twin) error {
	commands := strings.ReplaceAll(p.bring, "adopting", t.name) // the folder: other projects have theirs
	said, err := p.run(ctx, p.dir, commands, t)
	if err != nil {
		return err
	}
	if err := namesOnlyOurs(p.tree, said); err != nil {
		return err
	}
	return p.again(ctx, t)
}

// again applies from the folder that adopt has made.
func (p *adoptionPages) again(ctx context.Context, t *twin) error {
	_, err := p.run(ctx, p.folder(t), p.push, t)
	return err
}

// leave removes what is ours from a project, as the page says.
func (p *adoptionPages) leave(ctx context.Context, t *twin) error {
	if err := stack.Exec(ctx, t.url(stack.Owner), p.removal); err != nil {
		return err
	}
	_, err := p.run(ctx, p.folder(t), p.repair, t)
	return err
}

func (p *adoptionPages) folder(t *twin) string { return filepath.Join(p.dir, t.name) }

// run has bash run commands of a page, on this project instead of the page's.
func (p *adoptionPages) run(ctx context.Context, dir, commands string, t *twin) (string, error) {
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
func (p *adoptionPages) fromTheAppsFolder(ctx context.Context, t *twin) error {
	app := filepath.Join(p.dir, "app")
	if _, err := p.run(ctx, p.dir, strings.ReplaceAll(p.bring, "adopting", "app"), t); err != nil {
		return err
	}
	for name, sql := range oldFiles {
		if err := os.WriteFile(filepath.Join(app, "supabase", "migrations", name), []byte(sql), 0o644); err != nil {
			return err
		}
	}
	said, err := p.run(ctx, app, p.push, t)
	if err == nil || !strings.Contains(said, "to be inserted before the last migration on remote database") {
		return fmt.Errorf("from the app's own folder the push should stop, and said: %s", said)
	}
	said, err = p.run(ctx, app, strings.TrimSpace(p.push)+" --dry-run --include-all", t)
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

var lookRow = regexp.MustCompile("(?m)^\\| `(.*)` \\| .* \\|$")

// explainedLooks are the lines that a table of the page explains, in which …
// stands for anything.
func explainedLooks(tree *stack.Tree) ([]*regexp.Regexp, error) {
	text, err := os.ReadFile(filepath.Join(tree.Root, adoptingPage))
	if err != nil {
		return nil, err
	}
	_, table, found := strings.Cut(string(text), "| `look:` | then |")
	table, _, ends := strings.Cut(table, "\n\n")
	if !found || !ends {
		return nil, fmt.Errorf("%s has no table of what to look at", adoptingPage)
	}
	var looks []*regexp.Regexp
	for _, row := range lookRow.FindAllStringSubmatch(table, -1) {
		looks = append(looks, regexp.MustCompile("look: "+strings.ReplaceAll(regexp.QuoteMeta(row[1]), "…", ".*")))
	}
	return looks, nil
}

// refuses shows that a project in a state that we do not know is left as it is.
func (p *adoptionPages) refuses(ctx context.Context, server *stack.TestServer) error {
	var wrong error
	for i, state := range []struct{ changes, says string }{
		{"alter table zoom_meetings alter duration type bigint", "public.zoom_meetings.duration is of the type bigint, and not integer"},
		{"alter table classes drop column teacher_id cascade", "public.classes has no column teacher_id"},
		{"drop table qr_checkins cascade", "there is no table public.qr_checkins"},
	} {
		strange := &twin{name: fmt.Sprintf("twin_strange_%d", i), server: server, tree: p.tree, changes: state.changes}
		if err := strange.make(ctx); err != nil {
			return err
		}
		err := p.adopt(ctx, strange)
		if err == nil || !strings.Contains(err.Error(), state.says) {
			wrong = errors.Join(wrong, fmt.Errorf("after %q the push should say %q, and said: %v", state.changes, state.says, err))
		}
		wrong = errors.Join(wrong, stack.Exec(ctx, strange.url(stack.Owner), `do $$ begin
			assert to_regnamespace('zoom') is null, 'something of ours is in a project that was refused';
			assert not exists (select from supabase_migrations.schema_migrations where version like '202611%'), 'its history knows us';
		end $$`))
	}
	return wrong
}
