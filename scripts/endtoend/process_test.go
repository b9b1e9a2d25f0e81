package endtoend_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
	"zoom-attendance/sidecar/zoom"
)

// process is a sidecar that can be killed and started again.
type process struct {
	binary, url string
	env         []string

	mu      sync.Mutex
	cmd     *exec.Cmd
	serving chan struct{} // closed while it serves
	log     bytes.Buffer
	news    chan struct{} // gets one when there is a new line
	reading sync.WaitGroup
}

// startSidecar starts the real program with an empty inbox.
func startSidecar(ctx context.Context, t *testing.T, supabaseURL, key string) *process {
	p := newSidecar(t, supabaseURL, key)
	p.start(ctx, t)
	return p
}

// newSidecar is the real program with an empty inbox, not yet started.
func newSidecar(t *testing.T, supabaseURL, key string) *process {
	return newProcess(t, filepath.Join(t.TempDir(), "inbox"), supabaseURL, key)
}

// newProcess is the real program with an inbox, not yet started.
func newProcess(t *testing.T, inbox, supabaseURL, key string) *process {
	port := freePort(t)
	p := &process{
		binary:  stacktest.SidecarProgram(t),
		url:     fmt.Sprintf("http://127.0.0.1:%d/api/zoom/webhook", port),
		serving: make(chan struct{}),
		news:    make(chan struct{}, 1),
		env: append(os.Environ(),
			"HOST=127.0.0.1", fmt.Sprintf("PORT=%d", port), fmt.Sprintf("ADMIN_ADDR=127.0.0.1:%d", freePort(t)), "LOG_FORMAT=text", "INBOX_DIR="+inbox,
			"ZOOM_WEBHOOK_SECRET="+string(flowSecret), "SUPABASE_URL="+supabaseURL, "SUPABASE_SECRET_KEY="+key),
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the sidecar said:\n%s", p.said())
		}
		p.kill(t)
	})
	return p
}

func freePort(t *testing.T) int {
	port, err := stack.FreePort()
	require.NoError(t, err)
	return port
}

// start returns when it serves.
func (p *process) start(ctx context.Context, t *testing.T) {
	cmd := exec.Command(p.binary)
	cmd.Env = p.env
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	serving := make(chan struct{})
	p.reading.Go(func() {
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.log, lines.Text())
			p.mu.Unlock()
			select {
			case p.news <- struct{}{}:
			default:
			}
			if strings.Contains(lines.Text(), "msg=serving") {
				close(serving)
			}
		}
	})
	select {
	case <-serving:
	case <-ctx.Done():
		t.Fatalf("the sidecar did not start:\n%s", p.said())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = cmd
	close(p.serving)
}

// kill is kill -9, wherever it is.
func (p *process) kill(t *testing.T) {
	p.mu.Lock()
	cmd := p.cmd
	p.cmd = nil
	if cmd != nil {
		p.serving = make(chan struct{})
	}
	p.mu.Unlock()
	if cmd == nil {
		return
	}
	require.NoError(t, cmd.Process.Kill())
	p.reading.Wait()
	_ = cmd.Wait() // it says that it was killed
}

// stop is what a deployment does; it must end by itself and well.
func (p *process) stop(t *testing.T) {
	p.mu.Lock()
	cmd := p.cmd
	p.cmd = nil
	p.mu.Unlock()
	require.NoError(t, cmd.Process.Signal(os.Interrupt))
	p.reading.Wait()
	require.NoError(t, cmd.Wait())
}

// signal sends a signal and goes on.
func (p *process) signal(t *testing.T, s os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	require.NoError(t, p.cmd.Process.Signal(s))
}

// ended waits for the process to end by itself and returns its exit code. It
// can be started again.
func (p *process) ended(t *testing.T) int {
	p.mu.Lock()
	cmd := p.cmd
	p.serving = make(chan struct{})
	p.mu.Unlock()
	p.reading.Wait()
	_ = cmd.Wait() // the code says it
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = nil
	return cmd.ProcessState.ExitCode()
}

// hears returns when the process has said the words so many times.
func (p *process) hears(ctx context.Context, t *testing.T, times int, words string) {
	p.says(ctx, t, words, func(said string) bool { return strings.Count(said, words) >= times })
}

// hearsOutageEnd returns when the process has said so many times that an outage of
// the database is over. Either its first call or an event finds that out.
func (p *process) hearsOutageEnd(ctx context.Context, t *testing.T, times int) {
	p.says(ctx, t, "that an outage is over", func(said string) bool { return outagesOver(said) >= times })
}

func outagesOver(said string) int {
	return strings.Count(said, "the database takes events again") + strings.Count(said, "the database answers")
}

func (p *process) says(ctx context.Context, t *testing.T, what string, enough func(said string) bool) {
	for !enough(p.said()) {
		select {
		case <-p.news:
		case <-ctx.Done():
			t.Fatalf("the sidecar did not say %q", what)
		}
	}
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

func (p *process) isServing() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.serving
}

// deliver posts the event until it is answered 200, as Zoom does, but sooner.
func (p *process) deliver(ctx context.Context, t *testing.T, body []byte) {
	for {
		select {
		case <-p.isServing():
		case <-ctx.Done():
			return
		}
		if status, err := p.post(ctx, body); err == nil && status == http.StatusOK {
			return
		} else if err == nil && status != http.StatusServiceUnavailable {
			t.Errorf("a signed event was answered %d", status)
			return
		}
	}
}

func (p *process) post(ctx context.Context, body []byte) (status int, err error) {
	timestamp := strconv.FormatInt(time.Now().Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set(zoom.HeaderTimestamp, timestamp)
	request.Header.Set(zoom.HeaderSignature, zoom.Sign(flowSecret, timestamp, body))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, err
}
