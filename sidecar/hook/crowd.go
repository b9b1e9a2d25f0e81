package hook

import (
	"net"
	"net/http"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// crowd bounds how many connections there are. When there is one too many, it
// closes the one on which no request has begun or ended for the longest time:
// an idle one, or one whose sender drips. Zoom's requests take milliseconds, so
// whoever wants to shut Zoom out has to open all of the connections anew in each
// of them. Letting the new one wait, or sending it away, would leave the door to
// whoever came first and stays.
type crowd struct {
	quiet  *lru.Cache[net.Conn, struct{}] // the longest quiet first
	closed prometheus.Counter
}

func newCrowd(most int, reg prometheus.Registerer) *crowd {
	quiet, err := lru.NewWithEvict(most, func(conn net.Conn, _ struct{}) { _ = conn.Close() })
	if err != nil {
		panic(err) // only for a number below 1
	}
	return &crowd{quiet: quiet, closed: promauto.With(reg).NewCounter(prometheus.CounterOpts{
		Name: "sidecar_hook_connections_crowded_out_total",
		Help: "Connections closed because there were too many: the longest quiet.",
	})}
}

// changed is told of every connection that comes, begins or ends a request, and
// goes. What one does that was closed a moment ago is told late, and is not to
// push out another.
func (c *crowd) changed(conn net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		if c.quiet.Add(conn, struct{}{}) {
			c.closed.Inc()
		}
	case http.StateActive, http.StateIdle:
		c.quiet.Get(conn)
	case http.StateClosed, http.StateHijacked:
		c.quiet.Remove(conn)
	}
}
