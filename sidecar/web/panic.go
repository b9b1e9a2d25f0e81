package web

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
)

// ErrPanicked says that a handler panicked; where, follows in the error's text.
var ErrPanicked = errors.New("panic")

// Recovered runs a handler and turns a panic into an error. Of what was thrown
// it keeps the type and where from, and the text only if it is the runtime's:
// any other text could be a piece of the request.
func Recovered(handle func() error) (err error) {
	defer func() {
		if thrown := recover(); thrown != nil {
			what := fmt.Sprintf("%T", thrown)
			if fault, ok := thrown.(runtime.Error); ok {
				what = fault.Error()
			}
			err = fmt.Errorf("%w: %s\n%s", ErrPanicked, what, strings.TrimSpace(string(debug.Stack())))
		}
	}()
	return handle()
}
