package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// debian says which package has which program.
var debian = map[string]string{
	"shellcheck": "shellcheck",
	"pg_prove":   "libtap-parser-sourcehandler-pgtap-perl",
	"psql":       "postgresql-client",
	"chromium":   "chromium",
	"strace":     "strace",
}

// need sees to it that programs are there: on Debian and its kin it installs
// what is missing if it may, elsewhere it names the command that does.
func (s *suite) need(ctx context.Context, programs ...string) error {
	var packages []string
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			packages = append(packages, debian[program])
		}
	}
	if len(packages) == 0 {
		return nil
	}
	if runtime.GOOS == "darwin" {
		return fmt.Errorf("%s missing: brew install shellcheck libpq && brew install --cask chromium && cpan TAP::Parser::SourceHandler::pgTAP", strings.Join(programs, ", "))
	}
	install := append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, packages...)
	become, may := s.root(ctx)
	if _, err := exec.LookPath("apt-get"); err != nil || !may {
		return fmt.Errorf("missing: sudo %s", strings.Join(install, " "))
	}
	fmt.Println(indent("installing " + strings.Join(packages, ", ")))
	if err := s.apt(ctx, append(become, install...)); err != nil {
		return fmt.Errorf("install what is missing: %w", err)
	}
	return nil
}

// root is what to put before a command to run it as root, if we may.
func (s *suite) root(ctx context.Context) (prefix []string, may bool) {
	if os.Geteuid() == 0 {
		return nil, true
	}
	_, err := s.command(ctx, "sudo", "-n", "true")
	return []string{"sudo", "-n"}, err == nil
}

// apt runs an apt-get command, and if that does not find its packages, once
// more with fresh lists.
func (s *suite) apt(ctx context.Context, command []string) error {
	_, err := s.command(ctx, command[0], command[1:]...)
	if err == nil {
		return nil
	}
	become, may := s.root(ctx)
	if !may {
		return err
	}
	update := append(become, "apt-get", "update")
	if _, err := s.command(ctx, update[0], update[1:]...); err != nil {
		return err
	}
	_, err = s.command(ctx, command[0], command[1:]...)
	return err
}

// pgtapFiles are the files of the extension pgTAP, which is nothing but SQL:
// those of an installed PostgreSQL, or taken out of Debian's package without
// installing it and the server that it asks for.
func (s *suite) pgtapFiles(ctx context.Context) ([]string, error) {
	own := filepath.Join(s.tree.Local, "pgtap")
	if files := extensionIn(own, "/usr/share/postgresql/*/extension", "/opt/homebrew/share/postgresql*/extension"); files != nil {
		return files, nil
	}
	names, err := s.command(ctx, "apt-cache", "pkgnames", "postgresql-")
	if err != nil {
		return nil, fmt.Errorf("pgTAP is missing: put pgtap.control and pgtap--*.sql (https://pgtap.org) into %s", own)
	}
	pkgs := slices.DeleteFunc(strings.Fields(names), func(name string) bool { return !strings.HasSuffix(name, "-pgtap") })
	if len(pkgs) == 0 {
		return nil, errors.New("apt knows no postgresql-*-pgtap: sudo apt-get update, then try again")
	}
	if err := s.extract(ctx, slices.Max(pkgs), "usr/share/postgresql/*/extension", own); err != nil {
		return nil, err
	}
	if files := extensionIn(own); files != nil {
		return files, nil
	}
	return nil, fmt.Errorf("the package %s has no pgTAP in it", slices.Max(pkgs))
}

// promtool is the path of Prometheus' own checker: one that is installed, or taken
// out of Debian's package, which would bring a server that runs.
func (s *suite) promtool(ctx context.Context) (string, error) {
	if path, err := exec.LookPath("promtool"); err == nil {
		return path, nil
	}
	own := filepath.Join(s.tree.Local, "promtool")
	if _, err := os.Stat(own); err == nil {
		return own, nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return "", errors.New("promtool is missing: brew install prometheus")
	}
	return own, s.extract(ctx, "prometheus", "usr/bin/promtool", own)
}

// extract downloads a Debian package and keeps one of its files or directories.
func (s *suite) extract(ctx context.Context, pkg, what, to string) error {
	tmp, err := os.MkdirTemp(s.tree.Local, "deb-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	fmt.Println(indent("fetching " + filepath.Base(to) + " out of the Debian package " + pkg))
	script := `cd "$1" && apt-get download "$2" && dpkg-deb -x ./*.deb files`
	if err := s.apt(ctx, []string{"bash", "-c", script, "bash", tmp, pkg}); err != nil {
		return fmt.Errorf("fetch the package %s: %w", pkg, err)
	}
	found, err := filepath.Glob(filepath.Join(tmp, "files", what))
	if err != nil || len(found) != 1 {
		return fmt.Errorf("the package %s has no %s in it", pkg, what)
	}
	return os.Rename(found[0], to)
}

// extensionIn are pgTAP's files in the first of the directories that has them.
func extensionIn(patterns ...string) []string {
	for _, pattern := range patterns {
		controls, _ := filepath.Glob(filepath.Join(pattern, "pgtap.control"))
		if len(controls) == 0 {
			continue
		}
		files, _ := filepath.Glob(filepath.Join(filepath.Dir(controls[0]), "pgtap--*.sql"))
		return append(files, controls[0])
	}
	return nil
}
