package hook_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/hook"
)

func TestNewNamesAllFaultsAtOnce(t *testing.T) {
	_, err := hook.New(hook.Options{
		Secrets: secrets(newest, ""), Failures: hook.Failures{Burst: -1}, Window: -time.Second, AcceptTimeout: 3 * time.Second, TrustedProxies: []string{"everybody"},
	})
	require.Error(t, err)
	for _, word := range []string{"secrets", "keeper", "window", "accept timeout", "failures", "trusted proxies"} {
		require.ErrorContains(t, err, word)
	}
	require.NotContains(t, err.Error(), string(newest))
}

func TestServerSetsAllTimeouts(t *testing.T) {
	server := hook.Server("127.0.0.1:0", http.NotFoundHandler(), hook.ServerOptions{Log: slog.New(slog.DiscardHandler)})
	for name, timeout := range map[string]time.Duration{
		"ReadHeaderTimeout": server.ReadHeaderTimeout, "ReadTimeout": server.ReadTimeout,
		"WriteTimeout": server.WriteTimeout, "IdleTimeout": server.IdleTimeout,
	} {
		require.Positive(t, timeout, name)
	}
	require.Greater(t, server.WriteTimeout, server.ReadTimeout+3*time.Second, "the inbox's time comes after the body's")
	require.Positive(t, server.MaxHeaderBytes)
	server = hook.Server("", http.NotFoundHandler(), hook.ServerOptions{ReadTimeout: 4 * time.Second, IdleTimeout: time.Minute})
	require.Equal(t, []time.Duration{2 * time.Second, 4 * time.Second, 9 * time.Second, time.Minute},
		[]time.Duration{server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout, server.IdleTimeout})
}

// tired is a listener that has nothing to accept.
type tired struct{ errs chan error }

func (l tired) Accept() (net.Conn, error) { return nil, <-l.errs }
func (tired) Close() error                { return nil }
func (tired) Addr() net.Addr              { return &net.TCPAddr{} }

// temporary is an error after which net/http tries again.
type temporary struct{ error }

func (temporary) Timeout() bool   { return false }
func (temporary) Temporary() bool { return true }

func TestServerLogsAListenersTroubleAndNoClientsAddress(t *testing.T) {
	var log bytes.Buffer
	server := hook.Server("", http.NotFoundHandler(), hook.ServerOptions{Log: slog.New(slog.NewJSONHandler(&log, nil))})
	errs := make(chan error, 2)
	errs <- temporary{errors.New("too many open files")}
	errs <- net.ErrClosed
	require.ErrorIs(t, server.Serve(tired{errs}), net.ErrClosed)
	require.Contains(t, log.String(), "too many open files")

	server.ErrorLog.Print("http: panic serving 203.0.113.7:4711: oops")
	require.NotContains(t, log.String(), "203.0.113.7")
}
