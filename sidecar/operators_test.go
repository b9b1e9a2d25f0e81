package main_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const operatorsToken = "an-invented-token-of-operators"

// What an operator does at a terminal, with the real binary, while the sidecar
// serves and its database is away.
func TestOperatorsAskTheRunningSidecar(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := buildSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	p.env = append(p.env, "ADMIN_TOKEN="+operatorsToken)
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
	out, err = p.operate(ctx, "replay", "--since", "1h", "--dry-run")
	require.NoError(t, err, out)
	require.Contains(t, out, "1 events")
	out, err = p.operate(ctx, "replay", "--since", "1h")
	require.Error(t, err)
	require.Contains(t, out, "no terminal")

	// A replay under way, which waits for the database, does not hold up the end.
	p.deliver(ctx, t, []byte(`{"event":"meeting.started","payload":{"object":{"id":"81234567890","uuid":"aB==","start_time":"2026-03-02T08:00:04Z"}}}`))
	require.Eventually(t, func() bool { return p.metric(ctx, t, "sidecar_relay_retries_total") > 0 }, time.Minute, 50*time.Millisecond)
	ended := make(chan string, 1)
	go func() {
		out, err := p.operate(ctx, "replay", "--since", "1h", "--yes")
		ended <- fmt.Sprint(out, err)
	}()
	require.Eventually(t, func() bool { return p.metric(ctx, t, "sidecar_inbox_replayed_total") > 0 }, time.Minute, 50*time.Millisecond)
	p.stop(t)
	require.Contains(t, <-ended, "the sidecar is stopping; do it again when it runs")
	require.NotContains(t, p.said(), operatorsToken)
}

func TestOperatorsNeedTheToken(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p := buildSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
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
