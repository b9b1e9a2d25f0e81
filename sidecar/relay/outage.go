package relay

import (
	"sync"
	"time"
)

// remindAfter is how long an outage that goes on is not mentioned again.
const remindAfter = time.Minute

// outage remembers that something the workers share does not work, so that
// they log it once and not with every try. The zero value is fair weather.
type outage struct {
	mu     sync.Mutex
	err    error     // the latest; nil: no outage
	cause  string    // of the latest
	since  time.Time // of the first
	logged time.Time // when it was last worth a line
}

// failed notes a failure and reports whether it is worth a log line: the
// first, a new cause, or another minute.
func (o *outage) failed(err error, cause string) (worthALine bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if o.err == nil {
		o.since = now
	}
	worthALine = o.err == nil || o.cause != cause || now.Sub(o.logged) >= remindAfter
	if worthALine {
		o.logged = now
	}
	o.err, o.cause = err, cause
	return worthALine
}

// over notes a success. It reports whether there was an outage and how long it
// lasted.
func (o *outage) over() (lasted time.Duration, was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		return 0, false
	}
	lasted = time.Since(o.since)
	o.err, o.cause = nil, ""
	return lasted, true
}

// current is the latest failure of an outage that goes on, or nil.
func (o *outage) current() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.err
}
