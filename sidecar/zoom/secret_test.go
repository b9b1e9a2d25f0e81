package zoom_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/zoom"
)

func TestSecretsAreNeverPrinted(t *testing.T) {
	type settings struct {
		Name   string
		Secret zoom.Secret
		List   []zoom.Secret
		Ptr    *zoom.Secret
	}
	for _, value := range []string{
		"plain-secret-value", "with space and \"quotes\"", "%s%v%d", "<script>&", "ä-emoji-📐", "nul\x00inside", "line\nbreak", "\xff\xfe-broken",
	} {
		secret := zoom.Secret(value)
		whole := settings{"school", secret, []zoom.Secret{secret}, &secret}
		for _, thing := range []any{
			secret, &secret, whole, &whole, []any{secret}, []zoom.Secret{secret},
			map[string]zoom.Secret{"k": secret}, map[zoom.Secret]bool{secret: true}, [1]zoom.Secret{secret},
			fmt.Errorf("with %w and %v", errors.New("cause"), secret), struct{ zoom.Secret }{secret},
		} {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%40s", "%T %[1]v"} {
				requireHidden(t, value, fmt.Sprintf(verb, thing))
			}
		}
		for _, thing := range []any{secret, &secret, whole, &whole, []any{secret}, map[string]zoom.Secret{"k": secret}} {
			encoded, err := json.Marshal(thing)
			require.NoError(t, err)
			requireHidden(t, value, string(encoded))
			var log bytes.Buffer
			slog.New(slog.NewTextHandler(&log, nil)).Info("m", "k", thing, slog.Group("g", "k", thing))
			slog.New(slog.NewJSONHandler(&log, nil)).With("k", thing).Info("m", slog.Any("l", thing))
			requireHidden(t, value, log.String())
		}
		require.Equal(t, slog.KindString, slog.AnyValue(secret).Resolve().Kind(), "a handler is not given the secret at all")
		requireHidden(t, value, secret.String()+secret.GoString()+fmt.Sprint(secret)+fmt.Sprintln(secret))
		require.Equal(t, value, string(secret), "the code that needs it can have it")
	}
}

// requireHidden fails if the value, or its hexadecimal or quoted form, is in the
// output. It says neither on failure beyond the output itself.
func requireHidden(t *testing.T, value, output string) {
	t.Helper()
	quoted := strings.Trim(fmt.Sprintf("%q", value), `"`)
	inJSON, err := json.Marshal(value)
	require.NoError(t, err)
	for _, form := range []string{value, quoted, strings.Trim(string(inJSON), `"`), fmt.Sprintf("%x", value), fmt.Sprintf("%X", value), fmt.Sprintf("% x", value), fmt.Sprintf("%d", []byte(value))} {
		require.NotContains(t, output, form)
	}
}
