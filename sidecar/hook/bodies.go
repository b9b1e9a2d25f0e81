package hook

import (
	"errors"
	"io"
	"net/http"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"
)

// uncounted is how much of each body takes none of the room for bodies. It is
// more than any event that we use has, so strangers with large bodies crowd out
// one another and never an event. How many bodies there are at once is bounded by
// the connections.
const uncounted = 16 << 10

// portion is the body of one request on its way into memory. It takes room for
// what has arrived and not for what was announced, so that it costs its sender as
// much as us; it gives the room back when the request is answered.
type portion struct {
	from  io.Reader
	room  *semaphore.Weighted
	bytes int64 // read so far
	held  int64 // of the room
}

// Read reads on, and fails with errBusy when there is no room.
func (p *portion) Read(b []byte) (int, error) {
	n, err := p.from.Read(b)
	p.bytes += int64(n)
	if more := p.bytes - uncounted - p.held; more > 0 {
		if !p.room.TryAcquire(more) {
			return n, errBusy
		}
		p.held += more
	}
	return n, err
}

func (p *portion) giveBack() { p.room.Release(p.held) }

// readBody reads the raw bytes, which are what is signed. done gives back the
// room that they take; it must be called, on error too.
func (d *door) readBody(c *gin.Context) (body []byte, done func(), err error) {
	p := &portion{from: http.MaxBytesReader(c.Writer, c.Request.Body, d.MaxBody), room: d.room}
	if c.Request.ContentLength > d.MaxBody {
		err = errTooLarge
	} else {
		body, err = io.ReadAll(p)
	}
	err = whyUnread(err)
	if errors.Is(err, errTooLarge) || errors.Is(err, errBusy) {
		c.Header("Connection", "close") // rather than read the rest
	}
	return body, p.giveBack, err
}

// whyUnread makes an error of ours of what reading a body ended with, without
// the words of net's, which may name the client's address.
func whyUnread(err error) error {
	_, over := errors.AsType[*http.MaxBytesError](err)
	switch {
	case over:
		return errTooLarge
	case err == nil, errors.Is(err, errTooLarge), errors.Is(err, errBusy):
		return err
	}
	return errBrokenOff
}
