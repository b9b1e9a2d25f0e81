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

	Log     *slog.Logger          // Default: nothing is logged.
	Metrics prometheus.Registerer // Default: nothing is registered.
}

// Server returns an HTTP server for the door, not yet listening. Its timeouts are
// no settings, since they follow from the 3 seconds that Zoom waits, and nothing
// of an operator's changes those:
//
//   - ReadHeaderTimeout 5 s: Zoom's headers come in one packet; who drips them
//     only wants to hold a connection.
//   - ReadTimeout 10 s: headers and a body of up to 1 MiB. Zoom gives up after 3,
//     so whatever takes longer is not Zoom, or is lost already.
//   - WriteTimeout 15 s: ReadTimeout, the at most 3 s the inbox may take, and some
//     time to write a hundred bytes. It runs from the end of the headers.
//   - IdleTimeout 75 s: longer than the minute that proxies keep idle
//     connections, so that it is not us who close one just as it is used again.
func Server(addr string, h http.Handler, o ServerOptions) *http.Server {
	o.MaxConnections = cmp.Or(o.MaxConnections, 2048)
	o.MaxHeaderBytes = cmp.Or(o.MaxHeaderBytes, 16<<10)
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	return &http.Server{
		Addr:                         addr,
		Handler:                      h,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 15 * time.Second,
		IdleTimeout:                  75 * time.Second,
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
