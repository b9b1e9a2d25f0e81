package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
)

func (s *suite) goTests(ctx context.Context) error {
	if chromium() == "" {
		if err := s.need(ctx, "chromium"); err != nil {
			return err
		}
	}
	if runtime.GOOS == "linux" { // where power cuts are played from recorded system calls
		if err := s.need(ctx, "strace"); err != nil {
			return err
		}
	}
	return s.goTest(ctx, "./...")
}

// chromium is the path of the browser that the tests look at pages with, or
// empty.
func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// goTest runs `go test -race`, which speaks for itself.
func (s *suite) goTest(ctx context.Context, args ...string) error {
	return s.goRun(ctx, append([]string{"test", "-race"}, args...)...)
}

// fuzz runs each fuzz target for some seconds. The seeds run as ordinary tests
// too; this looks a little further each time. It counts inputs: when a time is up,
// go test now and then calls that a failure.
func (s *suite) fuzz(ctx context.Context) error {
	list, err := s.command(ctx, "go", "list", "-f",
		`{{$p := .}}{{range .TestGoFiles}}{{$p.Dir}}/{{.}}{{"\n"}}{{end}}{{range .XTestGoFiles}}{{$p.Dir}}/{{.}}{{"\n"}}{{end}}`,
		"./...")
	if err != nil {
		return err
	}
	var errs []error
	for file := range strings.Lines(list) {
		file = strings.TrimSpace(file)
		if file == "" {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		for _, match := range fuzzTarget.FindAllSubmatch(text, -1) {
			errs = append(errs, s.goRun(ctx, "test", "-run", "^$", "-fuzz", "^"+string(match[1])+"$", "-fuzztime", "20000x", filepath.Dir(file)))
		}
	}
	return errors.Join(errs...)
}

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)

// goRun runs the go tool with what tests need: see stacktest.
func (s *suite) goRun(ctx context.Context, args ...string) error {
	env, err := s.testEnv(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = s.tree.Root
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), env...)
	if err := stack.Finish(cmd); err != nil {
		return fmt.Errorf("go %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

// testEnv starts the database, builds the programs that tests run, and says where
// they are. They are built here because the first build on a machine takes minutes.
func (s *suite) testEnv(ctx context.Context) ([]string, error) {
	server, err := s.database(ctx)
	if err != nil {
		return nil, err
	}
	postgrest, err := s.tree.PostgRESTPath()
	if err != nil {
		return nil, err
	}
	programs := map[string]string{
		stacktest.EnvNatsServer: "github.com/nats-io/nats-server/v2",
		stacktest.EnvSidecar:    "zoom-attendance/sidecar",
	}
	var env []string
	for name, of := range programs {
		path := filepath.Join(s.tree.Local, "bin", strings.ToLower(name))
		if _, err := s.command(ctx, "go", "build", "-o", path, of); err != nil {
			return nil, err
		}
		env = append(env, name+"="+path)
	}
	env = append(env,
		stacktest.EnvDatabaseURL+"="+server.URL(stack.Superuser, "postgres"),
		stacktest.EnvPostgREST+"="+postgrest,
		stacktest.EnvChromium+"="+chromium(),
	)
	temp, err := server.TempDir()
	if temp != "" {
		env = append(env, "TMPDIR="+temp) // so that nothing is left of tests that are killed
	}
	return env, err
}
