package inbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// The streams. A message is one event; its subject ends with the meeting.
const (
	streamEvents = "ZOOM_EVENTS" // zoom.wait.<meeting>
	streamLater  = "ZOOM_LATER"  // zoom.later.<meeting>
	streamDone   = "ZOOM_DONE"   // zoom.done.<outcome>.<meeting>
	streamDead   = "ZOOM_DEAD"   // zoom.dead.<meeting>
)

const (
	subjectWait  = "zoom.wait."
	subjectLater = "zoom.later."
	subjectDone  = "zoom.done."
	subjectDead  = "zoom.dead."
)

// The headers of a message. What Zoom or a caller chose is escaped as in a URL.
const (
	headerNumber   = "Zoom-Number" // left out in ZOOM_EVENTS at first: there it is the sequence
	headerMeeting  = "Zoom-Meeting"
	headerKind     = "Zoom-Kind"
	headerSource   = "Zoom-Source"
	headerAccepted = "Zoom-Accepted-At"
	headerAttempt  = "Zoom-Attempt"
	headerDue      = "Zoom-Due"
	headerOutcome  = "Zoom-Outcome"
	headerReason   = "Zoom-Reason"
)

// place is where a message is kept.
type place struct {
	stream string
	seq    uint64
}

// replacedBy marks what is published in the place of a message, so that a server which
// is told twice keeps it once.
func (p place) replacedBy(m *nats.Msg) *nats.Msg {
	m.Header.Set(jetstream.MsgIDHeader, p.stream+"."+strconv.FormatUint(p.seq, 10))
	return m
}

// stored is an event as a message has it.
type stored struct {
	record
	place
	at      time.Time // when the stream took it
	due     time.Time
	outcome string
	reason  string
}

// readStored reads a message. What lacks a header, for it is not from here, is read as
// far as it goes: whoever decodes the body judges it.
func readStored(p place, at time.Time, h nats.Header, body []byte) stored {
	s := stored{
		record: record{
			Event: Event{
				Body:    body,
				Meeting: unescape(h.Get(headerMeeting)),
				Kind:    unescape(h.Get(headerKind)),
				Source:  unescape(h.Get(headerSource)),
				Trace:   readTrace(h.Get(traceParent)),
			},
			acceptedAt: at.UTC().Truncate(time.Microsecond),
			attempt:    1,
		},
		place:   p,
		at:      at.UTC(),
		outcome: unescape(h.Get(headerOutcome)),
		reason:  h.Get(headerReason),
	}
	if n, err := strconv.ParseUint(h.Get(headerNumber), 10, 64); err == nil {
		s.number = n
	} else if p.stream == streamEvents {
		s.number = p.seq
	}
	if n, err := strconv.Atoi(h.Get(headerAttempt)); err == nil && n > 0 {
		s.attempt = n
	}
	if t, err := time.Parse(time.RFC3339Nano, h.Get(headerAccepted)); err == nil {
		s.acceptedAt = t.UTC()
	}
	s.due, _ = time.Parse(time.RFC3339Nano, h.Get(headerDue))
	return s
}

func readRaw(stream string, m *jetstream.RawStreamMsg) stored {
	return readStored(place{stream, m.Sequence}, m.Time, m.Header, m.Data)
}

// message is the event as it is published.
func (r record) message(subject string) *nats.Msg {
	m := &nats.Msg{Subject: subject, Data: r.Body, Header: nats.Header{}}
	m.Header.Set(headerMeeting, url.PathEscape(r.Event.Meeting))
	m.Header.Set(headerKind, url.PathEscape(r.Event.Kind))
	m.Header.Set(headerSource, url.PathEscape(r.Event.Source))
	m.Header.Set(headerAccepted, r.acceptedAt.Format(time.RFC3339Nano))
	m.Header.Set(headerAttempt, strconv.Itoa(r.attempt))
	if r.number > 0 {
		m.Header.Set(headerNumber, strconv.FormatUint(r.number, 10))
	}
	if trace := writeTrace(r.Event.Trace); trace != "" {
		m.Header.Set(traceParent, trace)
	}
	return m
}

// asWaiting, asLater, asDone and asDead are the event as it is published to a stream.
func (r record) asWaiting() *nats.Msg { return r.message(subjectWait + token(r.Event.Meeting)) }

func (r record) asLater(until time.Time) *nats.Msg {
	m := r.message(subjectLater + token(r.Event.Meeting))
	m.Header.Set(headerDue, until.UTC().Format(time.RFC3339Nano))
	return m
}

func (r record) asDone(outcome string) *nats.Msg {
	m := r.message(subjectDone + token(outcome) + "." + token(r.Event.Meeting))
	m.Header.Set(headerOutcome, url.PathEscape(outcome))
	return m
}

func (r record) asDead(reason string) *nats.Msg {
	m := r.message(subjectDead + token(r.Event.Meeting))
	m.Header.Set(headerReason, reason)
	return m
}

// maxToken is the longest token of a subject in bytes; of longer text it is a sum.
const maxToken = 64

// token makes text fit for a token of a subject; digits and words stay as they are.
func token(text string) string {
	switch t := strings.ReplaceAll(url.PathEscape(text), ".", "%2E"); {
	case t == "":
		return "-"
	case t == "-":
		return "%2D"
	case len(t) > maxToken:
		sum := sha256.Sum256([]byte(text))
		return "%" + hex.EncodeToString(sum[:16])
	default:
		return t
	}
}

// tokenOrAny is a token of a filter; empty text filters nothing.
func tokenOrAny(text string) string {
	if text == "" {
		return "*"
	}
	return token(text)
}

func unescape(text string) string {
	if t, err := url.PathUnescape(text); err == nil {
		return t
	}
	return text
}

// fullCodes are the server's codes for a stream, an account or a disk without room.
var fullCodes = []jetstream.ErrorCode{10002, 10023, 10047, 10077}

// unavailable turns what NATS answered into ErrFull or ErrUnavailable.
func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) || errors.Is(err, ErrFull) {
		return err
	}
	if api, ok := errors.AsType[*jetstream.APIError](err); ok && slices.Contains(fullCodes, api.ErrorCode) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
