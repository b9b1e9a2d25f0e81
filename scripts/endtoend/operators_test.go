package endtoend_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const operatorsToken = "an-invented-token-of-operators"

// applyingOnce is a project that applies one event and then takes every call and
// answers none. It tells of each call that has the event in it.
func applyingOnce(t *testing.T) (url string, called <-chan struct{}) {
	var applied atomic.Bool
	return telling(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "81234567890") && applied.CompareAndSwap(false, true) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `["applied"]`)
			return
		}
		<-r.Context().Done()
	})
}

// What an operator does at a terminal, with the real binary, while the sidecar
// serves and its database is away.
func TestOperatorsAskTheRunningSidecar(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	url, called := applyingOnce(t)
	p := newSidecar(t, url, "sb_secret_invented")
	p.env = append(p.env, "ADMIN_TOKEN="+operatorsToken, "SHUTDOWN_TIMEOUT=4s")
	_, err := p.operate(ctx, "dead", "list")
	require.ErrorContains(t, err, "exit status 1", "it does not run yet")

	p.start(ctx, t)
	p.deliver(ctx, t, []byte(`{"event":"meeting.participant_left","payload":{"object":{"id":"81234567890"}}}`)) // of nobody: never applied
	require.Eventually(t, func() bool {
		out, err := p.operate(ctx, "dead", "list")
		return err == nil && strings.Contains(out, "1 of 1")
	}, time.Minute, 50*time.Millisecond)
	out, err := p.operate(ctx, "dead", "drop", "1")
	require.NoError(t, err, out)
	p.deliver(ctx, t, []byte(started))
	wait(ctx, t, called)
	require.Eventually(t, func() bool {
		out, err = p.operate(ctx, "replay", "--outcome", "applied", "--dry-run")
		return err == nil && strings.HasPrefix(out, "1 events")
	}, time.Minute, 50*time.Millisecond)
	out, err = p.operate(ctx, "replay", "--since", "1h")
	require.Error(t, err)
	require.Contains(t, out, "no terminal")

	// A replay under way, which waits for the database, does not hold up the end.
	ended := make(chan string, 1)
	go func() {
		out, err := p.operate(ctx, "replay", "--since", "1h", "--yes")
		ended <- fmt.Sprint(out, err)
	}()
	wait(ctx, t, called)
	p.stop(t)
	require.Contains(t, <-ended, "the sidecar is stopping; do it again when it runs")
	require.NotContains(t, p.said(), operatorsToken)
}

func TestOperatorsNeedTheToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := newSidecar(t, "http://127.0.0.1:1", "sb_secret_invented")
	p.start(ctx, t)
	require.Positive(t, p.metric(ctx, t, "go_goroutines"), "without one metrics are served, on this machine")
	out, err := p.operate(ctx, "dead", "list")
	require.Error(t, err)
	require.Contains(t, out, "ADMIN_TOKEN must be set")
	p.kill(t)

	p.env = append(p.env, "ADMIN_TOKEN="+operatorsToken)
	p.start(ctx, t)
	p.env = append(p.env, "ADMIN_TOKEN=another")
	out, err = p.operate(ctx, "dead", "list")
	require.Error(t, err)
	require.Contains(t, out, "another ADMIN_TOKEN")
	p.stop(t)
}

// metric is the sum of a metric over its labels.
func (p *process) metric(ctx context.Context, t *testing.T, name string) (sum float64) {
	t.Helper()
	_, addr, _ := strings.Cut(setting(p.env, "ADMIN_ADDR"), "=")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/metrics", nil)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+operatorsToken)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), name); ok {
			value, err := strconv.ParseFloat(rest[strings.LastIndex(rest, " ")+1:], 64)
			require.NoError(t, err)
			sum += value
		}
	}
	return sum
}

// operate runs the sidecar's binary with words, in the environment of the one
// that serves.
func (p *process) operate(ctx context.Context, words ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.binary, words...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}
