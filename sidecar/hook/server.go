package hook

import (
	"bytes"
	"cmp"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"zoom-attendance/sidecar/zoom"
)

// ServerOptions are the limits of a server. The zero value of each field means
// its default.
type ServerOptions struct {
	// MaxConnections is how many connections there may be at once. One more
	// closes the one on which nothing happened for the longest time. Default 2,048.
	MaxConnections int

	// MaxHeaderBytes is how long a request's headers may be; net/http adds
	// 4 KiB of its own and answers longer ones 431. Zoom and proxies need
	// about 2 KiB. Default 16 KiB.
	MaxHeaderBytes int

	// ReadTimeout is how long a request may take to arrive; its headers have half
	// of that. Zoom gives up after 3 seconds, so whatever takes longer is not Zoom,
	// or is lost already. Default 10 seconds.
	ReadTimeout time.Duration

	// IdleTimeout is how long a connection is kept between two requests. Proxies
	// keep theirs for a minute; ours stays longer, so that it is not us who close
	// one just as it is used again. Default 75 seconds.
	IdleTimeout time.Duration

	Log     *slog.Logger          // Default: nothing is logged.
	Metrics prometheus.Registerer // Default: nothing is registered.
}

// answering is how long an answer may take once the request is there: at most 3 s
// for the inbox, and some time to write a hundred bytes.
const answering = 5 * time.Second

// Server returns an HTTP server for the door, not yet listening.
func Server(addr string, h http.Handler, o ServerOptions) *http.Server {
	o.MaxConnections = cmp.Or(o.MaxConnections, 2048)
	o.MaxHeaderBytes = cmp.Or(o.MaxHeaderBytes, 16<<10)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, 10*time.Second)
	o.IdleTimeout = cmp.Or(o.IdleTimeout, 75*time.Second)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &http.Server{
		Addr:                         addr,
		Handler:                      h,
		ReadHeaderTimeout:            o.ReadTimeout / 2,
		ReadTimeout:                  o.ReadTimeout,
		WriteTimeout:                 o.ReadTimeout + answering, // from the end of the headers
		IdleTimeout:                  o.IdleTimeout,
		MaxHeaderBytes:               o.MaxHeaderBytes,
		ConnState:                    newCrowd(o.MaxConnections, o.Metrics).changed,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a 404 like any other path
		ErrorLog:                     log.New(errorLog{o.Log}, "", 0),
	}
}

// errorLog passes on net/http's complaints about our listener ("too many open
// files") and drops those about connections, which name clients' addresses.
type errorLog struct{ log *slog.Logger }

func (l errorLog) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, []byte("http: Accept error")) {
		l.log.Error("listen", slog.String(zoom.LogError, string(bytes.TrimSpace(line))))
	}
	return len(line), nil
}
