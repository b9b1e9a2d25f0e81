package zoom

import (
	"encoding/json"
	"testing"
)

// FuzzAPlainTextStandsForItself: what is taken as it stands is what a JSON
// decoder makes of it.
func FuzzAPlainTextStandsForItself(f *testing.F) {
	for _, raw := range []string{`""`, `"a"`, `"a\"b"`, `"\u0041"`, `"`, `"a`, `"é"`, "\"\x7f\"", "\"\xff\"", "\"\n\"", `"a"b"`, `12`, `null`, `"\"`, `["a"]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !isPlain(raw) {
			return
		}
		var s string
		if err := json.Unmarshal(raw, &s); err != nil || s != text(raw) {
			t.Fatalf("%q is %q, %v", raw, s, err)
		}
	})
}
