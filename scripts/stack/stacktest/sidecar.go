package stacktest

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"zoom-attendance/scripts/stack"
)

// WebhookSecret is what signs the events for a [Sidecar].
const WebhookSecret = "secret-of-the-tests"

// Sidecar is the real program, running against a project.
type Sidecar struct {
	URL   string // where Zoom would post its events
	Base  string // the address alone, without a path
	Admin string // where operators are served

	token   string // ADMIN_TOKEN, or empty
	running *stack.Program
	log     *stack.Said
	t       testing.TB
}

// SidecarProgram is the path of the program that ./scripts/test has built.
func SidecarProgram(t testing.TB) string {
	t.Helper()
	return setting(t, EnvSidecar)
}

// StartSidecar runs the sidecar with an empty inbox until the test ends; env is
// added to its settings.
func (p *Project) StartSidecar(env ...string) *Sidecar {
	p.t.Helper()
	door, admin := localAddress(p.t), localAddress(p.t)
	log := new(stack.Said)
	cmd := exec.Command(SidecarProgram(p.t), "serve")
	cmd.Env = append(os.Environ(), "HOST=127.0.0.1", "PORT="+door[strings.LastIndex(door, ":")+1:], "ADMIN_ADDR="+admin, "LOG_FORMAT=text",
		"INBOX_DIR="+filepath.Join(p.t.TempDir(), "inbox"), "ZOOM_WEBHOOK_SECRET="+WebhookSecret,
		"SUPABASE_URL="+p.URL, "SUPABASE_SECRET_KEY="+p.SecretKey)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stdout, cmd.Stderr = log, log
	running, err := stack.Run(cmd, syscall.SIGTERM)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if err := running.Stop(patience); err != nil {
			p.t.Error(err)
		}
		if p.t.Failed() {
			p.t.Logf("the sidecar said:\n%s", log)
		}
	})
	s := &Sidecar{URL: "http://" + door + "/api/zoom/webhook", Base: "http://" + door, Admin: "http://" + admin, running: running, log: log, t: p.t}
	for _, setting := range env {
		if token, ok := strings.CutPrefix(setting, "ADMIN_TOKEN="); ok {
			s.token = token
		}
	}
	if err := running.Await(p.t.Context(), patience, func(ctx context.Context) error { return s.get(ctx, "http://"+door+"/readyz", nil) }); err != nil {
		p.t.Fatalf("%v\n%s", err, log)
	}
	return s
}

// AwaitSettled returns when every event that was answered 200 so far, put back or
// replayed has taken effect.
func (s *Sidecar) AwaitSettled() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	for {
		waited, settled := 0.0, 0.0
		err := s.get(ctx, s.Admin+"/metrics", func(line string) {
			waited += sample(line, "sidecar_inbox_accepted_total") + sample(line, "sidecar_inbox_replayed_total")
			settled += sample(line, "sidecar_inbox_settled_total") - sample(line, `sidecar_inbox_settled_total{how="later"}`)
		})
		if err == nil && settled == waited {
			return
		}
		select {
		case <-ctx.Done():
			s.t.Fatalf("%.0f of %.0f events have settled: %v", settled, waited, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Metrics is what the sidecar tells Prometheus.
func (s *Sidecar) Metrics() string {
	s.t.Helper()
	var text strings.Builder
	if err := s.get(s.t.Context(), s.Admin+"/metrics", func(line string) { text.WriteString(line + "\n") }); err != nil {
		s.t.Fatal(err)
	}
	return text.String()
}

// Stop stops it before the test ends.
func (s *Sidecar) Stop() {
	s.t.Helper()
	if err := s.running.Stop(patience); err != nil {
		s.t.Fatal(err)
	}
}

// Log is what the sidecar has said so far.
func (s *Sidecar) Log() string { return s.log.String() }

// sample is the value that a line of Prometheus text has for a metric, else 0.
func sample(line, metric string) float64 {
	if !strings.HasPrefix(line, metric) {
		return 0
	}
	value, _ := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
	return value
}

// get reads an address line by line; anything but 200 is an error.
func (s *Sidecar) get(ctx context.Context, url string, line func(string)) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	if s.token != "" && strings.HasPrefix(url, s.Admin) {
		request.Header.Set("Authorization", "Bearer "+s.token)
	}
	request.Close = true // nothing is kept for a sidecar that the test will stop
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	for lines := bufio.NewScanner(response.Body); line != nil && lines.Scan(); {
		line(lines.Text())
	}
	return nil
}

// localAddress is a free one of this machine.
func localAddress(t testing.TB) string {
	t.Helper()
	port, err := stack.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
