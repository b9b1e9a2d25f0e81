package realtime

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// inspect writes a JSON value as Elixir prints it, which is how Realtime repeats
// to a client what it asked for.
func inspect(raw json.RawMessage) string {
	var object map[string]json.RawMessage
	var list []json.RawMessage
	var text string
	trimmed := strings.TrimSpace(string(raw))
	switch {
	case trimmed == "null":
		return "nil"
	case strings.HasPrefix(trimmed, "{") && json.Unmarshal(raw, &object) == nil:
		pairs := make([]string, 0, len(object))
		for _, key := range slices.Sorted(maps.Keys(object)) {
			pairs = append(pairs, quoted(key)+" => "+inspect(object[key]))
		}
		return "%{" + strings.Join(pairs, ", ") + "}"
	case strings.HasPrefix(trimmed, "[") && json.Unmarshal(raw, &list) == nil:
		values := make([]string, len(list))
		for i, value := range list {
			values[i] = inspect(value)
		}
		return "[" + strings.Join(values, ", ") + "]"
	case json.Unmarshal(raw, &text) == nil:
		return quoted(text)
	default:
		return trimmed // numbers and booleans
	}
}

// quoted is a string as Elixir prints it.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "#{", `\#{`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
}
