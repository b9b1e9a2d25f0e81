package zoom

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted stands wherever a secret was about to be printed.
const redacted = "[secret]"

// Secret is text that must not be printed: a webhook secret token, an API key,
// a salt. fmt (every verb), log/slog, encoding/json and other encoders of text
// show a placeholder; string(s) gives the value to the code that needs it.
//
// Two places are beyond its reach, because no method is called there: an
// unexported field of a struct that is printed, and a key of a map that is
// encoded as JSON. Keep secrets out of both.
type Secret string

// String returns the placeholder.
func (Secret) String() string { return redacted }

// GoString returns the placeholder, for %#v.
func (Secret) GoString() string { return redacted }

// Format writes the placeholder whatever the verb, %x and %d included.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns the placeholder, for log/slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns the placeholder, for encoding/json and the like.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
