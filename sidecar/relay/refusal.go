package relay

import (
	"errors"
	"time"
)

// Refusal is what a Destination's error may say about itself. An error that is
// no Refusal is weather: the same batch is tried again for as long as it takes,
// since nothing says that the facts are to blame.
type Refusal interface {
	error
	BlamesData() bool    // the same facts will never be taken
	BlamesUs() bool      // an operator must mend something first
	TooMuch() bool       // fewer facts at once may be taken
	OfAll() bool         // no facts are taken, although a call with none is answered
	Wait() time.Duration // how long the destination asked us to wait; 0: it did not
	Cause() string       // a short code, never personal
	Meaning() string     // the cause in plain words and what to do, never personal
}

// longestWait bounds what a destination may ask for.
const longestWait = 10 * time.Minute

func blamesData(err error) bool {
	e, ok := errors.AsType[Refusal](err)
	return ok && e.BlamesData()
}

func blamesUs(err error) bool {
	e, ok := errors.AsType[Refusal](err)
	return ok && e.BlamesUs()
}

func tooMuch(err error) bool {
	e, ok := errors.AsType[Refusal](err)
	return ok && e.TooMuch()
}

func ofAll(err error) bool {
	e, ok := errors.AsType[Refusal](err)
	return ok && e.OfAll()
}

func waitOf(err error) time.Duration {
	if e, ok := errors.AsType[Refusal](err); ok {
		return min(e.Wait(), longestWait)
	}
	return 0
}

func causeOf(err error) string {
	if e, ok := errors.AsType[Refusal](err); ok {
		return e.Cause()
	}
	return "unexplained"
}

func meaningOf(err error) string {
	if e, ok := errors.AsType[Refusal](err); ok {
		return e.Meaning()
	}
	return "the error says nothing about itself"
}
