package inbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
)

// The headers of our messages.
const (
	headerFormat     = "Sidecar-Format"      // how a group is written; "1" is the only one; ZOOM_DEAD: it is a whole group
	headerEvents     = "Sidecar-Events"      // how many events a group holds
	headerTrace      = "Sidecar-Trace"       // the traceparent of each event, with blanks between; only if one is traced
	headerDue        = "Sidecar-Due"         // ZOOM_LATER: not before this time, RFC 3339
	headerReason     = "Sidecar-Reason"      // ZOOM_DEAD: why it was given up
	headerAcceptedAt = "Sidecar-Accepted-At" // ZOOM_DEAD: when it came, RFC 3339
	headerAttempt    = "Sidecar-Attempt"     // ZOOM_DEAD: which try was the last
)

const formatOne = "1"

// What one event adds to its body in a group at most, and with its trace in the header.
const (
	numbersOverhead = 3 * binary.MaxVarintLen64
	frameOverhead   = numbersOverhead + traceParentBytes + 1
)

var errFrame = errors.New("unreadable group")

// event is one body and what we know about it.
type event struct {
	body       []byte
	acceptedAt time.Time
	attempt    int    // from 1
	trace      string // traceparent of the span that kept it; empty without one
}

// newGroup writes events as one message. Format 1 is, for each event: accepted
// at (varint, microseconds since 1970), attempt (uvarint), length (uvarint),
// body.
func newGroup(subject string, events []event) *nats.Msg {
	size := 0
	for _, e := range events {
		size += len(e.body) + numbersOverhead
	}
	data := make([]byte, 0, size)
	for _, e := range events {
		data = binary.AppendVarint(data, e.acceptedAt.UnixMicro())
		data = binary.AppendUvarint(data, uint64(e.attempt))
		data = binary.AppendUvarint(data, uint64(len(e.body)))
		data = append(data, e.body...)
	}
	msg := nats.NewMsg(subject)
	msg.Data = data
	msg.Header.Set(headerFormat, formatOne)
	msg.Header.Set(headerEvents, strconv.Itoa(len(events)))
	if traces := writeTraces(events); traces != "" {
		msg.Header.Set(headerTrace, traces)
	}
	return msg
}

// readGroup reads what newGroup wrote. The bodies share the memory of data.
func readGroup(header nats.Header, data []byte) ([]event, error) {
	if f := header.Get(headerFormat); f != formatOne {
		return nil, fmt.Errorf("%w: format %q is not known", errFrame, f)
	}
	count, err := strconv.Atoi(header.Get(headerEvents))
	if err != nil || count < 1 || count > len(data) {
		return nil, fmt.Errorf("%w: %q events in %d bytes", errFrame, header.Get(headerEvents), len(data))
	}
	r := reader{rest: data}
	events := make([]event, 0, count)
	for range count {
		at, attempt := r.varint(), r.uvarint()
		events = append(events, event{
			acceptedAt: time.UnixMicro(at).UTC(),
			attempt:    int(attempt),
			body:       r.bytes(r.uvarint()),
		})
	}
	if r.short || len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: its length does not fit its %d events", errFrame, count)
	}
	readTraces(header.Get(headerTrace), events)
	return events, nil
}

// reader takes values off the front of rest; short says that it ran out.
type reader struct {
	rest  []byte
	short bool
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.skip(n)
	return v
}

func (r *reader) skip(n int) {
	if n <= 0 {
		r.short, n = true, 0
	}
	r.rest = r.rest[n:]
}

func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.short = true
		return nil
	}
	taken := r.rest[:n:n]
	r.rest = r.rest[n:]
	return taken
}
