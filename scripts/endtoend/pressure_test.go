package endtoend_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// By hand: ./scripts/test --go ./scripts/endtoend -run Pressure -v -connections 10000
var connections = flag.Int("connections", 2000, "how many strangers hold connections to the sidecar")

// Strangers hold all the connections they can get, in every way there is, and
// the process stays small and keeps events. The default limits hold on a
// machine with 512 MB.
func TestUnderPressureTheProcessStaysSmallAndKeepsEvents(t *testing.T) {
	const bound = 320 << 20
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	p := startSidecar(ctx, t, "http://127.0.0.1:1", "sb_secret_invented")
	address := strings.TrimPrefix(strings.TrimSuffix(p.url, "/api/zoom/webhook"), "http://")
	t.Logf("at rest: %d MiB", p.resident(ctx, t)>>20)

	const post = "POST /api/zoom/webhook HTTP/1.1\r\nHost: a\r\n"
	for _, stranger := range []struct {
		who, says string
		number    int
	}{
		{"say nothing", "", *connections},
		{"sent 15 KiB of headers and stay", post + "X-Long: " + strings.Repeat("x", 15<<10), *connections},
		{"sent 15 KiB of a body and stay", post + "Content-Length: 16384\r\n\r\n" + strings.Repeat(" ", 15<<10), *connections},
		{"sent 1 MiB of a body and stay", post + "Content-Length: 1048576\r\n\r\n" + strings.Repeat(" ", 1<<20-1), *connections / 4},
	} {
		conns := make([]net.Conn, 0, stranger.number)
		for range stranger.number {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			_, _ = io.WriteString(conn, stranger.says) // it may be closed already
			conns = append(conns, conn)
		}
		began := time.Now()
		status, err := p.post(ctx, []byte(started))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, status)
		took, resident := time.Since(began), p.resident(ctx, t)
		t.Logf("%d who %s: %d MiB, an event answered in %v", len(conns), stranger.who, resident>>20, took.Round(time.Millisecond))
		require.Less(t, resident, bound)
		require.Less(t, took, 3*time.Second, "Zoom waits no longer")
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
	p.stop(t)
}

const started = `{"event":"meeting.started","event_ts":1772441252345,"payload":{"object":{"id":"81234567890","uuid":"aB==","start_time":"2026-03-02T08:00:04Z"}}}`

// resident is the memory of the process, in bytes.
func (p *process) resident(ctx context.Context, t *testing.T) int {
	line := regexp.MustCompile(`(?m)^process_resident_memory_bytes (\S+)$`).FindStringSubmatch(p.metrics(ctx, t))
	require.NotNil(t, line)
	bytes, err := strconv.ParseFloat(line[1], 64)
	require.NoError(t, err)
	return int(bytes)
}

// metrics is what the process tells operators.
func (p *process) metrics(ctx context.Context, t *testing.T) string {
	address, _ := strings.CutPrefix(setting(p.env, "ADMIN_ADDR"), "ADMIN_ADDR=")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/metrics", address), nil)
	require.NoError(t, err)
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(text)
}
