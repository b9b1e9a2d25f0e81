package hook

import (
	"net"
	"net/http"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestWhatIsToldLateOfAClosedConnectionClosesNoOther(t *testing.T) {
	c := newCrowd(2, prometheus.NewRegistry())
	conn := func() net.Conn {
		ours, theirs := net.Pipe()
		t.Cleanup(func() { _ = ours.Close(); _ = theirs.Close() })
		return ours
	}
	first, second, third := conn(), conn(), conn()
	for _, each := range []net.Conn{first, second, third} {
		c.changed(each, http.StateNew)
	}
	c.changed(first, http.StateIdle) // it was closed for the third
	require.Equal(t, []net.Conn{second, third}, c.quiet.Keys())
	require.InDelta(t, 1, testutil.ToFloat64(c.closed), 0)
}
