package realtime_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
	"zoom-attendance/scripts/stack/stacktest"
)

// said is a line that testdata/subscribe.mjs printed.
type said struct {
	About     string
	Status    string
	Message   string
	Extension string
	Binding   string
	EventType string
	Table     string
	Now, Old  map[string]any
	Errors    []string
}

// node is supabase-js at work.
type node struct {
	*stacktest.Node
	t testing.TB
}

// subscribe runs the script with a key and, unless it is empty, a token.
func (w *world) subscribe(key, token string) *node {
	w.t.Helper()
	env := []string{"URL=" + w.url, "KEY=" + key, "TOKEN=" + token}
	return &node{stacktest.StartNode(w.t, env, "testdata/subscribe.mjs"), w.t}
}

func (n *node) next() said {
	n.t.Helper()
	var s said
	n.Hear(&s)
	return s
}

func (n *node) expect(want said) {
	n.t.Helper()
	require.Equal(n.t, want, n.next())
}

// expectListening waits until the subscription is in place. What comes before
// is the client's own account of its connection.
func (n *node) expectListening() {
	n.t.Helper()
	for {
		switch s := n.next(); s.About {
		case "system":
			require.Equal(n.t, said{About: "system", Extension: "postgres_changes", Status: "ok",
				Message: "Subscribed to PostgreSQL"}, s)
			return
		case "status":
		default:
			require.Fail(n.t, "unexpected", "%+v", s)
		}
	}
}

func (n *node) leave() {
	n.t.Helper()
	n.End()
	n.expect(said{About: "status", Status: "CLOSED"})
	n.expect(said{About: "left", Status: "ok"})
}

func TestSupabaseJSIsToldWhatItsUserMaySee(t *testing.T) {
	w := newWorld(t)
	js := w.subscribe(stack.PublishableKey, annToken())
	js.expect(said{About: "status", Status: "SUBSCRIBED"})
	js.expectListening()

	note := func(body string) map[string]any { return map[string]any{"id": 101.0, "owner": ann, "body": body} }
	key, none := map[string]any{"id": 101.0}, map[string]any{}
	change := said{About: "change", Table: "notes"}
	expect := func(binding, event string, now, old map[string]any) {
		t.Helper()
		change.Binding, change.EventType, change.Now, change.Old = binding, event, now, old
		js.expect(change)
	}
	w.exec("insert into public.notes values (1, $1, 'for bob')", bob)
	w.exec("insert into public.notes values (101, $1, 'for ann')", ann)
	expect("*", "INSERT", note("for ann"), none)
	expect("id=gt.100", "INSERT", note("for ann"), none)
	w.exec("update public.notes set body = 'for ann, too' where id = 101")
	expect("*", "UPDATE", note("for ann, too"), key)
	w.exec("delete from public.notes where id = 101")
	expect("*", "DELETE", none, key)
	expect("DELETE", "DELETE", none, key)
	js.leave()
}

func TestSupabaseJSConnectsAgainAfterARestart(t *testing.T) {
	w := newWorld(t)
	js := w.subscribe(stack.PublishableKey, annToken())
	js.expectListening()

	require.NoError(t, w.current().Close())
	w.exec("insert into public.notes values (1, $1, 'lost')", ann)
	w.start()
	js.expect(said{About: "status", Status: "CHANNEL_ERROR", Message: "socket closed: 1006"})
	js.expectListening()
	w.exec("insert into public.notes values (2, $1, 'told')", ann)
	require.Equal(t, "told", js.next().Now["body"])
	js.leave()
}

func TestSupabaseJSBringsANewToken(t *testing.T) {
	w := newWorld(t)
	js := w.subscribe(stack.PublishableKey, annToken())
	js.expectListening()

	js.Tell(bobToken())
	js.expectListening()
	w.exec("insert into public.notes values (1, $1, 'for ann'), (2, $2, 'for bob')", ann, bob)
	require.Equal(t, "for bob", js.next().Now["body"])
	js.leave()
}

func TestSupabaseJSMayUseTheSecretKey(t *testing.T) {
	w := newWorld(t)
	js := w.subscribe(stack.SecretKey, "")
	js.expectListening()
	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	require.Equal(t, "for ann", js.next().Now["body"])
	js.leave()
}
