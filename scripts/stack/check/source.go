package main

import (
	"bufio"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
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
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "./sidecar")
	build.Dir = s.tree.Root
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if _, err := outputOf(build); err != nil {
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
	return nil
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
