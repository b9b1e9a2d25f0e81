package inbox

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack/stacktest"
)

// natsServer is a real nats-server process on a free port of the loopback.
type natsServer struct {
	url     string
	dir     string
	port    int
	process *exec.Cmd
}

func startNats(t testing.TB) *natsServer {
	t.Helper()
	s := &natsServer{dir: t.TempDir(), port: -1}
	s.start(t, "4MB")
	t.Cleanup(s.kill)
	return s
}

func (s *natsServer) start(t testing.TB, maxPayload string) {
	t.Helper()
	program := stacktest.NatsServer(t)
	ports := t.TempDir()
	config := filepath.Join(ports, "nats.conf")
	require.NoError(t, os.WriteFile(config, fmt.Appendf(nil,
		"listen: 127.0.0.1:%d\nmax_payload: %s\nports_file_dir: %q\njetstream {store_dir: %q, sync_interval: always}\n",
		s.port, maxPayload, ports, s.dir), 0o600))
	s.process = exec.Command(program, "-c", config)
	require.NoError(t, s.process.Start())
	file := filepath.Join(ports, fmt.Sprintf("%s_%d.ports", filepath.Base(program), s.process.Process.Pid))
	require.Eventually(t, func() bool { return s.readPort(file) }, 20*time.Second, 10*time.Millisecond, "nats-server does not start")
}

func (s *natsServer) readPort(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	var ports struct{ Nats []string }
	if json.Unmarshal(text, &ports) != nil || len(ports.Nats) == 0 {
		return false
	}
	s.url = ports.Nats[0]
	_, err = fmt.Sscanf(s.url, "nats://127.0.0.1:%d", &s.port)
	return err == nil
}

// kill is kill -9.
func (s *natsServer) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}
