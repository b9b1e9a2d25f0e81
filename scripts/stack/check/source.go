package main

import (
	"bufio"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"zoom-attendance/scripts/stack"
)

func (s *suite) gofmt(ctx context.Context) error {
	dirs, err := s.command(ctx, "go", "list", "-f", "{{.Dir}}", "./...")
	if err != nil {
		return err
	}
	var files []string
	for dir := range strings.Lines(dirs) {
		found, err := filepath.Glob(filepath.Join(strings.TrimSpace(dir), "*.go"))
		if err != nil {
			return err
		}
		files = append(files, found...)
	}
	out, err := s.command(ctx, "gofmt", append([]string{"-l"}, files...)...)
	if err == nil && out != "" {
		err = fmt.Errorf("not formatted; gofmt -w does it:\n%s", out)
	}
	return err
}

func (s *suite) vet(ctx context.Context) error {
	_, err := s.command(ctx, "go", "vet", "./...")
	return err
}

func (s *suite) staticcheck(ctx context.Context) error {
	_, err := s.command(ctx, "go", "tool", "staticcheck", "./...")
	return err
}

// alerts has Prometheus' own checker read the rules and run their unit tests.
func (s *suite) alerts(ctx context.Context) error {
	promtool, err := s.promtool(ctx)
	if err != nil {
		return err
	}
	_, err1 := s.command(ctx, promtool, "check", "rules", "sidecar/monitoring/alerts.yml")
	_, err2 := s.command(ctx, promtool, "test", "rules", "sidecar/monitoring/alerts_test.yml")
	return errors.Join(err1, err2)
}

func (s *suite) shellcheck(ctx context.Context) error {
	if err := s.need(ctx, "shellcheck"); err != nil {
		return err
	}
	scripts, err := s.bashScripts("scripts", ".ci")
	if err != nil {
		return err
	}
	if len(scripts) == 0 {
		return errors.New("no scripts were found")
	}
	_, err = s.command(ctx, "shellcheck", scripts...)
	return err
}

// bashScripts are the files beneath some directories that begin as bash
// scripts do.
func (s *suite) bashScripts(dirs ...string) ([]string, error) {
	var scripts []string
	for _, dir := range dirs {
		err := filepath.WalkDir(filepath.Join(s.tree.Root, dir), func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case entry.Name() == "node_modules":
				return filepath.SkipDir
			case !entry.Type().IsRegular():
				return nil
			}
			if isBash(path) {
				scripts = append(scripts, path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return scripts, nil
}

func isBash(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	line, _ := bufio.NewReader(file).ReadString('\n')
	return strings.TrimSpace(line) == "#!/usr/bin/env bash"
}

// binary builds what is shipped and looks into it.
func (s *suite) binary(ctx context.Context) error {
	path := filepath.Join(s.tree.Local, "bin", "sidecar-static")
	if err := s.release(ctx, s.tree.Root, path); err != nil {
		return err
	}
	if runtime.GOOS == "linux" {
		if err := isStatic(path); err != nil {
			return err
		}
	}
	deps, err := s.command(ctx, "go", "list", "-deps", "./sidecar")
	if err != nil {
		return err
	}
	for dep := range strings.Lines(deps) {
		if strings.HasPrefix(dep, "zoom-attendance/scripts") {
			return fmt.Errorf("the production binary contains %s, which is for development alone", strings.TrimSpace(dep))
		}
	}
	said, err := s.command(ctx, path, "--version")
	if err == nil && !strings.Contains(said, "release-of-the-tests") {
		err = fmt.Errorf("the binary does not name its release, but says %q", said)
	}
	return err
}

// release builds the binary as it is shipped, from a copy of the repository.
func (s *suite) release(ctx context.Context, root, path string, env ...string) error {
	return stack.BuildRelease(ctx, root, path, "release-of-the-tests", env...)
}

// reproducible builds the binary in another directory, with nothing from
// earlier builds, and compares it with the one of the step binary.
func (s *suite) reproducible(ctx context.Context) error {
	first := filepath.Join(s.tree.Local, "bin", "sidecar-static")
	if err := s.release(ctx, s.tree.Root, first); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.tree.Local, "reproducible-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	copied := filepath.Join(dir, "copy")
	for _, part := range []string{"go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(s.tree.Root, part))
		if err != nil {
			return err
		}
		if err := errors.Join(os.MkdirAll(copied, 0o755), os.WriteFile(filepath.Join(copied, part), text, 0o644)); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(copied, "sidecar"), os.DirFS(filepath.Join(s.tree.Root, "sidecar"))); err != nil {
		return err
	}
	second := filepath.Join(dir, "sidecar-static")
	if err := s.release(ctx, copied, second, "GOCACHE="+filepath.Join(dir, "cache")); err != nil {
		return err
	}
	return sameFile(first, second)
}

// sameFile says whether two files are the same, byte by byte.
func sameFile(a, b string) error {
	one, err1 := os.ReadFile(a)
	other, err2 := os.ReadFile(b)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	if !bytes.Equal(one, other) {
		return fmt.Errorf("two builds of one source differ: %s and one from elsewhere", a)
	}
	return nil
}

// modules makes sure that what was fetched is what go.sum says, and that go.mod
// says what is used.
func (s *suite) modules(ctx context.Context) error {
	if _, err := s.command(ctx, "go", "mod", "verify"); err != nil {
		return err
	}
	out, err := s.command(ctx, "go", "mod", "tidy", "-diff")
	if err != nil {
		return fmt.Errorf("go.mod is not tidy; go mod tidy mends it:\n%s", out)
	}
	return nil
}

// licences are those of all that is in the binary.
func (s *suite) licences(ctx context.Context) error {
	_, err := s.command(ctx, filepath.Join(s.tree.Root, "scripts", "licences"))
	return err
}

// isStatic says whether a program runs without a dynamic linker.
func isStatic(path string) error {
	file, err := elf.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return errors.New("the production binary is not static: something in it needs cgo")
		}
	}
	return nil
}
