//go:build linux

package inbox

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A recording is what a child asked of the kernel, by strace, in the order in which it
// asked and was answered.
type recording struct {
	root    string // the directory that is watched
	start   map[string][]byte
	moments []callMoment
	claims  claims // all of them
}

// callMoment is the begin or the end of a system call.
type callMoment struct {
	*systemCall
	ended bool
}

// systemCall is one that changes a file, or what the child says.
type systemCall struct {
	name         string
	path, to     string // to: of a rename
	data         []byte
	at           int64 // offset, or the new size
	create, cuts bool  // of an open: O_CREAT, O_TRUNC
	result       int64
	injected     bool
}

const (
	recordedCalls = "openat,open,creat,pwrite64,write,writev,lseek,ftruncate,fallocate,fsync,fdatasync,sync_file_range," +
		"rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,rmdir,link,linkat,symlink,symlinkat"
	mostPrinted = "9000000"
)

// requireStrace is the path of strace.
func requireStrace(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("system calls are recorded on Linux alone")
	}
	path, err := exec.LookPath("strace")
	require.NoError(t, err, "strace is missing: sudo apt-get install strace, or run all of ./scripts/test, which does")
	return path
}

// recordChild runs a child on a directory below root, and records it until it ends. faults
// are what strace is to inject.
func recordChild(t *testing.T, job, root, dir string, faults []string, environment ...string) *recording {
	t.Helper()
	log := filepath.Join(t.TempDir(), "strace")
	before := []string{requireStrace(t), "-f", "-y", "-xx", "-s", mostPrinted, "-e", "trace=" + recordedCalls, "-e", "signal=none", "-o", log}
	for _, fault := range faults {
		before = append(before, "-e", "inject="+fault)
	}
	if len(faults) == 0 {
		before = append(before, "--seccomp-bpf") // quicker
	}
	r := &recording{root: root, start: readTree(t, root), claims: newClaims()}
	command := childCommand(job, dir, before, environment...)
	said, err := command.Output()
	var stderr []byte
	if exit, ok := err.(*exec.ExitError); ok {
		stderr = exit.Stderr
	}
	for line := range strings.Lines(string(said)) {
		require.NoError(t, r.claims.add(strings.TrimSuffix(line, "\n")))
	}
	require.True(t, r.claims.done, "the child ended: %v: %s", err, stderr)
	text, err := os.ReadFile(log)
	require.NoError(t, err)
	require.NoError(t, r.parse(text))
	return r
}

// readTree reads all files below a directory; a directory is a nil among them.
func readTree(t *testing.T, root string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	require.NoError(t, filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil || path == root {
			return err
		}
		files[path] = nil
		if !info.IsDir() {
			files[path], err = os.ReadFile(path)
			if files[path] == nil {
				files[path] = []byte{}
			}
		}
		return err
	}))
	return files
}

var resumed = regexp.MustCompile(`^<\.\.\. \S+ resumed>`)

// parse reads what strace wrote.
func (r *recording) parse(text []byte) error {
	begun := map[string]string{} // by thread: the call that is under way
	open := map[string]*systemCall{}
	for line := range bytes.Lines(text) {
		thread, rest, ok := strings.Cut(strings.TrimSpace(string(line)), " ")
		rest = strings.TrimLeft(rest, " ")
		if !ok || strings.HasPrefix(rest, "+++") || strings.HasPrefix(rest, "---") {
			continue
		}
		if head, unfinished := strings.CutSuffix(rest, "<unfinished ...>"); unfinished {
			call, err := parseCall(head)
			if err != nil {
				return err
			}
			begun[thread], open[thread] = head, call
			r.add(call, false)
			continue
		}
		if end := resumed.FindString(rest); end != "" {
			whole, err := parseCall(begun[thread] + rest[len(end):])
			if err != nil {
				return err
			}
			if call := open[thread]; call != nil && whole != nil {
				call.result, call.injected = whole.result, whole.injected
				r.add(call, true)
			}
			continue
		}
		call, err := parseCall(rest)
		if err != nil {
			return err
		}
		r.add(call, false)
		r.add(call, true)
	}
	return nil
}

// add keeps a call that is about a file below root, or tells something.
func (r *recording) add(call *systemCall, ended bool) {
	if call == nil || call.name == "tell" && ended {
		return
	}
	if call.name == "tell" || call.path == r.root || strings.HasPrefix(call.path, r.root+"/") {
		r.moments = append(r.moments, callMoment{call, ended})
	}
}

// parseCall reads a call; nil for one that is of no account.
func parseCall(text string) (*systemCall, error) {
	call := &systemCall{result: -1}
	name, args, ok := strings.Cut(text, "(")
	if !ok {
		return nil, nil
	}
	if end := strings.Index(args, ") "); end >= 0 { // -xx: no string has one in it
		if _, result, ok := strings.Cut(args[end:], "= "); ok {
			number, why, _ := strings.Cut(result, " ")
			number, _, _ = strings.Cut(number, "<") // of an open, with its path
			call.result, _ = strconv.ParseInt(number, 10, 64)
			call.injected = strings.Contains(why, "INJECTED")
		}
		args = args[:end]
	}
	files, texts, plain := splitArguments(args)
	call.name = name
	at := func(i int) int64 {
		if i >= len(plain) {
			return -1
		}
		n, err := strconv.ParseInt(plain[i], 10, 64)
		if err != nil {
			return -1
		}
		return n
	}
	switch name {
	case "openat", "open", "creat":
		call.name, call.path = "open", texts[0]
		call.create, call.cuts = strings.Contains(args, "O_CREAT"), strings.Contains(args, "O_TRUNC")
	case "unlink", "unlinkat":
		call.name, call.path = "unlink", texts[0]
	case "mkdir", "mkdirat":
		call.name, call.path = "mkdir", texts[0]
	case "rename", "renameat", "renameat2":
		call.name, call.path, call.to = "rename", texts[0], texts[1]
	case "fsync", "fdatasync":
		call.name, call.path = "sync", files[0]
	case "ftruncate":
		call.name, call.path, call.at = "truncate", files[0], at(0)
	case "pwrite64":
		call.path, call.data, call.at = files[0], []byte(texts[0]), at(1)
	case "write":
		call.path, call.data = files[0], []byte(texts[0])
		if strings.HasPrefix(args, "1<") {
			call.name = "tell"
		}
	case "lseek", "???": // the latter is of a thread that the end of the process took before it called anything
		return nil, nil
	default:
		return nil, fmt.Errorf("the model of a disk knows no %s", name)
	}
	return call, nil
}

// splitArguments takes arguments apart: files by their paths, strings, and all others.
func splitArguments(args string) (files, texts, plain []string) {
	for args = strings.TrimSpace(args); args != ""; args = strings.TrimLeft(args, ", ") {
		if text, ok := strings.CutPrefix(args, `"`); ok {
			text, args, _ = strings.Cut(text, `"`)
			texts = append(texts, unhex(text))
			continue
		}
		var one string
		one, args, _ = strings.Cut(args, ",")
		if _, path, ok := strings.Cut(one, "<"); ok {
			path, _, _ = strings.Cut(path, ">")
			files = append(files, unhex(path))
		} else {
			plain = append(plain, strings.TrimSpace(one))
		}
	}
	return files, texts, plain
}

// unhex reads what -xx prints.
func unhex(text string) string {
	out := make([]byte, 0, len(text)/4)
	for ; strings.HasPrefix(text, `\x`) && len(text) >= 4; text = text[4:] {
		b, err := strconv.ParseUint(text[2:4], 16, 8)
		if err != nil {
			break
		}
		out = append(out, byte(b))
	}
	return string(out)
}
