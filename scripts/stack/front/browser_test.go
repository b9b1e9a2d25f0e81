package front_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/monitor"
	"zoom-attendance/scripts/stack/stacktest"
)

// screenshots is where to look at what the tests saw; git ignores it.
const screenshots = "../../../.local/screenshots"

// browser is browser.mjs at work.
type browser struct {
	*stacktest.Node
	t testing.TB
}

func openBrowser(t testing.TB) *browser {
	t.Helper()
	require.NoError(t, os.MkdirAll(screenshots, 0o755))
	return &browser{stacktest.StartNode(t, nil, "browser.mjs", stacktest.Chromium(t)), t}
}

// do gives a command and returns the value of the answer.
func (b *browser) do(command map[string]any) json.RawMessage {
	b.t.Helper()
	line, err := json.Marshal(command)
	require.NoError(b.t, err)
	b.Tell(string(line))
	var answer struct {
		Value json.RawMessage
		Error string
	}
	b.Hear(&answer)
	require.Empty(b.t, answer.Error, "%s", line)
	return answer.Value
}

// until waits until a JavaScript expression is true in a page.
func (b *browser) until(page, condition string) {
	b.t.Helper()
	b.do(map[string]any{"do": "until", "page": page, "condition": condition})
}

// read evaluates a JavaScript expression in a page.
func read[T any](b *browser, page, expression string) (value T) {
	b.t.Helper()
	require.NoError(b.t, json.Unmarshal(b.do(map[string]any{"do": "read", "page": page, "expression": expression}), &value))
	return value
}

func (b *browser) shoot(page, name string) {
	b.t.Helper()
	b.do(map[string]any{"do": "shoot", "page": page, "path": filepath.Join(screenshots, fmt.Sprintf("%s %s.png", name, page))})
}

// mountMonitor serves the class monitor at the project's address.
func (s *school) mountMonitor() {
	s.Gateway.HandlePage(monitor.Prefix, monitor.New(monitor.Config{
		People: monitor.PeopleOf(s.DB()), Token: stack.UserToken,
		SupabaseJS: "../../node_modules/@supabase/supabase-js/dist/umd/supabase.js", PublishableKey: stack.PublishableKey,
	}))
}

// watch opens the monitor as somebody, and returns when it is live.
func (s *school) watch(b *browser, page, email string, look map[string]any) {
	s.t.Helper()
	command := map[string]any{"do": "open", "page": page, "url": s.URL + monitor.Prefix + "/?as=" + email + "&meeting=" + lessonNumber}
	for key, value := range look {
		command[key] = value
	}
	b.do(command)
	b.until(page, live)
}

// live: what is shown was selected after Realtime had promised changes.
const live = `document.body.dataset.ready === 'true' && document.body.dataset.link === 'live'`
