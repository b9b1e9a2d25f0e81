package inbox

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// natsServer is a NATS server in this process, on a port of the loopback that it keeps.
type natsServer struct {
	*server.Server
	options server.Options
	url     string
}

func startServer(t testing.TB, change ...func(*server.Options)) *natsServer {
	t.Helper()
	s := &natsServer{options: server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		MaxPayload: 2 << 20, NoLog: true, NoSigs: true,
	}}
	for _, c := range change {
		c(&s.options)
	}
	s.start(t)
	t.Cleanup(s.stop)
	return s
}

// startCluster starts three servers that know each other.
func startCluster(t testing.TB) (servers []*natsServer) {
	t.Helper()
	var ports []int
	var routes []*url.URL
	for range 3 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		require.NoError(t, l.Close())
	}
	for i, port := range ports {
		servers = append(servers, startServer(t, func(o *server.Options) {
			o.ServerName, o.Routes = fmt.Sprint("server-", i), routes
			o.Cluster = server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}
		}))
	}
	require.Eventually(t, func() bool {
		return slices.ContainsFunc(servers, func(s *natsServer) bool {
			return s.JetStreamIsLeader() && len(s.JetStreamClusterPeers()) == len(servers)
		})
	}, patience, 10*time.Millisecond)
	return servers
}

func (s *natsServer) start(t testing.TB) {
	t.Helper()
	o := s.options
	var err error
	s.Server, err = server.NewServer(&o)
	require.NoError(t, err)
	s.Start()
	require.True(t, s.ReadyForConnections(patience))
	s.url = s.ClientURL()
	s.options.Port = s.Addr().(*net.TCPAddr).Port
}

func (s *natsServer) stop() {
	s.Shutdown()
	s.WaitForShutdown()
}

// patience is how long a test waits for what comes in a moment.
const patience = 30 * time.Second
