package hook

import (
	"bytes"
	"log"
	"log/slog"
	"net/http"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// Server returns an HTTP server for the door, not yet listening.
//
//   - ReadHeaderTimeout 5 s: Zoom's headers come in one packet; who drips them
//     only wants to hold a connection.
//   - ReadTimeout 10 s: headers and a body of up to 1 MiB. Zoom gives up after 3,
//     so whatever takes longer is not Zoom, or is lost already.
//   - WriteTimeout 15 s: ReadTimeout, the at most 3 s the inbox may take, and some
//     time to write a hundred bytes. It runs from the end of the headers.
//   - IdleTimeout 75 s: longer than the minute that proxies keep idle
//     connections, so that it is not us who close one just as it is used again.
//   - MaxHeaderBytes 16 KiB: Zoom and proxies need about 2.
func Server(addr string, h http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Addr:                         addr,
		Handler:                      h,
		ReadHeaderTimeout:            5 * time.Second,
		ReadTimeout:                  10 * time.Second,
		WriteTimeout:                 15 * time.Second,
		IdleTimeout:                  75 * time.Second,
		MaxHeaderBytes:               16 << 10,
		DisableGeneralOptionsHandler: true, // "OPTIONS *" is a 404 like any other path
		ErrorLog:                     log.New(errorLog{logger}, "", 0),
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
