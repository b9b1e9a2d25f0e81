package realtime_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
)

const secret = stack.JWTSecret

func claims(role string, valid time.Duration) jwt.MapClaims {
	return jwt.MapClaims{"role": role, "sub": ann, "exp": time.Now().Add(valid).Unix()}
}

func serviceToken() string { return stack.ServiceRoleKey }

func TestTheSecondVersionOfTheProtocol(t *testing.T) {
	w := newWorld(t)
	c := w.connect()

	ref := c.send(nil, "phoenix", "heartbeat", struct{}{})
	m := c.expect("phx_reply", `{"status": "ok", "response": {}}`)
	require.Equal(t, message{Ref: &ref, Topic: "phoenix", Event: "phx_reply", Payload: m.Payload}, m)

	asked := binding{"event": "INSERT", "schema": "public", "table": "notes", "filter": "id=eq.1", "more": 5}
	join := c.send(nil, "realtime:notes", "phx_join", joinPayload(annToken(), asked, allNotes))
	m = c.expect("phx_reply", `{"status": "ok", "response": {"postgres_changes": [
		{"id": 1, "event": "INSERT", "schema": "public", "table": "notes", "filter": "id=eq.1", "more": 5},
		{"id": 2, "event": "*", "schema": "public", "table": "notes"}]}}`)
	require.Equal(t, join, *m.Ref)
	require.Equal(t, join, *m.JoinRef)
	c.expectListening("realtime:notes")

	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	m = c.next()
	require.Equal(t, "postgres_changes", m.Event)
	require.Equal(t, join, *m.JoinRef)
	require.Nil(t, m.Ref)

	c.send(join, "realtime:notes", "broadcast", map[string]any{"event": "hello"})
	c.expect("phx_reply", `{"status": "ok", "response": {}}`)
	c.send(join, "realtime:notes", "phx_leave", struct{}{})
	c.expect("phx_reply", `{"status": "ok", "response": {}}`)
	m = c.expect("phx_close", `{}`)
	require.Equal(t, join, *m.Ref)

	c.send(join, "realtime:notes", "presence", struct{}{})
	c.expect("phx_reply", `{"status": "error", "response": {"reason": "unmatched topic"}}`)
}

func TestTheFirstVersionOfTheProtocol(t *testing.T) {
	w := newWorld(t)
	c := w.dial("1.0.0", http.DefaultClient)
	say := func(text string) {
		t.Helper()
		require.NoError(t, c.conn.Write(w.context(), websocket.MessageText, []byte(text)))
	}
	hear := func(want string) {
		t.Helper()
		_, data, err := c.conn.Read(w.context())
		require.NoError(t, err)
		require.JSONEq(t, want, string(data))
	}
	say(`{"topic": "phoenix", "event": "heartbeat", "payload": {}, "ref": "1"}`)
	hear(`{"topic": "phoenix", "event": "phx_reply", "ref": "1", "payload": {"status": "ok", "response": {}}}`)
	say(`{"topic": "realtime:signs", "event": "phx_join", "ref": "2", "join_ref": "2", "payload": {
		"access_token": "` + annToken() + `", "config": {"postgres_changes": [{"event": "*", "schema": "public", "table": "signs"}]}}}`)
	hear(`{"topic": "realtime:signs", "event": "phx_reply", "ref": "2", "payload": {"status": "ok", "response": {
		"postgres_changes": [{"id": 1, "event": "*", "schema": "public", "table": "signs"}]}}}`)
	hear(`{"topic": "realtime:signs", "event": "system", "ref": null, "payload": {"channel": "signs",
		"extension": "postgres_changes", "status": "ok", "message": "Subscribed to PostgreSQL"}}`)
	w.exec("insert into public.signs values (1, 'open')")
	_, data, err := c.conn.Read(w.context())
	require.NoError(t, err)
	require.Contains(t, string(data), `"event":"postgres_changes"`)
}

func TestABroadcastOfSupabaseJSIsAcknowledged(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	c.send(nil, "realtime:room", "phx_join", joinPayload(annToken()))
	c.expect("phx_reply", `{"status": "ok", "response": {"postgres_changes": []}}`)

	header := []byte{3, 1, 1, byte(len("realtime:room")), 5, 0, 1}
	push := append(header, `17realtime:roomhello{"a": 1}`...)
	require.NoError(t, c.conn.Write(w.context(), websocket.MessageBinary, push))
	m := c.expect("phx_reply", `{"status": "ok", "response": {}}`)
	require.Equal(t, "7", *m.Ref)
}

func TestJoiningAgainEndsTheEarlierJoin(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	first := c.join("realtime:all", annToken(), allNotes)
	second := c.send(nil, "realtime:all", "phx_join", joinPayload(annToken(), allSigns))
	m := c.expect("phx_close", `{}`)
	require.Equal(t, first, *m.JoinRef)
	m = c.next()
	require.Equal(t, second, *m.Ref)
	c.expectListening("realtime:all")

	w.exec("insert into public.notes values (1, $1, 'for ann')", ann)
	w.exec("insert into public.signs values (1, 'open')")
	require.Equal(t, "signs", c.row().Data.Table)
}

func TestJoinsThatAreRefused(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	noExpiry := claims("authenticated", time.Hour)
	delete(noExpiry, "exp")
	noRole := claims("authenticated", time.Hour)
	delete(noRole, "role")
	unsigned, err := jwt.NewWithClaims(jwt.SigningMethodNone, claims("service_role", time.Hour)).
		SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)

	for name, test := range map[string]struct{ topic, token, reason string }{
		"a token of another project":  {"realtime:a", token(t, claims("authenticated", time.Hour), "other"), "JwtSignatureError: Failed to validate JWT signature"},
		"a token without a signature": {"realtime:a", unsigned, "JwtSignatureError: Failed to validate JWT signature"},
		"an expired token":            {"realtime:a", token(t, claims("authenticated", -time.Hour), secret), "InvalidJWTToken: Token has expired 3600 seconds ago"},
		"a token that never expires":  {"realtime:a", token(t, noExpiry, secret), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"},
		"a token without a role":      {"realtime:a", token(t, noRole, secret), "InvalidJWTToken: Fields `role` and `exp` are required in JWT"},
		"a role that is none of ours": {"realtime:a", token(t, claims("postgres", time.Hour), secret), `InvalidJWTToken: role "postgres" is none of this project`},
		"what is no token":            {"realtime:a", "nonsense", "MalformedJWT: The token provided is not a valid JWT"},
		"a topic without a name":      {"realtime:", annToken(), "TopicNameRequired: You must provide a topic name"},
		"a topic of something else":   {"other:a", annToken(), "unmatched topic"},
	} {
		t.Run(name, func(t *testing.T) {
			c.send(nil, test.topic, "phx_join", joinPayload(test.token, allNotes))
			reason, err := json.Marshal(test.reason)
			require.NoError(t, err)
			m := c.next()
			want := `{"status": "error", "response": {"reason": ` + string(reason) + `}}`
			got := strings.Replace(string(m.Payload), "3601 seconds", "3600 seconds", 1)
			require.JSONEq(t, want, got)
		})
	}
}

// TestSubscriptionsThatAreNotPossible: each is refused as Supabase refuses it, in
// its words, unless they begin with a dot: those are in them.
func TestSubscriptionsThatAreNotPossible(t *testing.T) {
	w := newWorld(t)
	w.exec("create table public.unpublished (id int primary key)")
	c := w.connect()
	of := func(filter string) binding {
		return binding{"event": "*", "schema": "public", "table": "signs", "filter": filter}
	}
	with := func(b binding, name string, value any) binding {
		b = maps.Clone(b)
		b[name] = value
		return b
	}
	without := func(b binding, name string) binding {
		b = maps.Clone(b)
		delete(b, name)
		return b
	}
	const (
		check = "Unable to subscribe to changes with given parameters. Please check Realtime is enabled for the given connect parameters: "
		fails = "Unable to subscribe to changes with given parameters. An exception happened so please check your connect parameters: " +
			"[event: *, schema: public, table: signs, filters: "
		none  = "No subscription params provided. Please provide at least a `schema` or `table` to subscribe to: "
		parse = "Error parsing `filter` params: "
	)
	for name, test := range map[string]struct {
		asked   any
		message string
	}{
		"an unknown table": {binding{"event": "*", "schema": "public", "table": "nope"},
			check + "[event: *, schema: public, table: nope, filters: [], select: nil]"},
		"an unknown schema": {binding{"event": "*", "schema": "nope"},
			check + "[event: *, schema: nope, table: *, filters: [], select: nil]"},
		"a table out of the publication": {binding{"event": "INSERT", "schema": "public", "table": "unpublished"},
			check + "[event: INSERT, schema: public, table: unpublished, filters: [], select: nil]"},
		"neither schema nor table": {binding{"event": "*"}, none + `%{"event" => "*"}`},
		"nothing at all":           {binding{}, none + "%{}"},
		"what is no object":        {"signs", none + `"signs"`},
		"a filter without a schema": {without(of("id=eq.1"), "schema"),
			none + `%{"event" => "*", "filter" => "id=eq.1", "table" => "signs"}`},
		"a filter without a table": {without(of("id=eq.1"), "table"),
			none + `%{"event" => "*", "filter" => "id=eq.1", "schema" => "public"}`},
		"a schema that is null": {with(of("id=eq.1"), "schema", nil),
			none + `%{"event" => "*", "filter" => "id=eq.1", "schema" => nil, "table" => "signs"}`},
		"a schema that is null, of a table alone": {binding{"event": "*", "schema": nil, "table": "signs"},
			none + `%{"event" => "*", "schema" => nil, "table" => "signs"}`},
		"a table that is null": {binding{"event": "*", "schema": "public", "table": nil},
			none + `%{"event" => "*", "schema" => "public", "table" => nil}`},
		"a filter that is null": {with(of(""), "filter", nil),
			none + `%{"event" => "*", "filter" => nil, "schema" => "public", "table" => "signs"}`},
		"a filter that is an object": {with(of(""), "filter", map[string]any{"id": []any{1, true, "#{\"x\"}"}}),
			none + `%{"event" => "*", "filter" => %{"id" => [1, true, "\#{\"x\"}"]}, "schema" => "public", "table" => "signs"}`},
		"a token among the parameters": {binding{"user_token": "secret"}, none + "<redacted>"},

		"an unknown operator":              {of("id=foo.5"), parse + `["foo", "5"]`},
		"no operator":                      {of("undefined"), parse + `["undefined"]`},
		"no value":                         {of("id=5"), parse + `["5"]`},
		"a comma too many":                 {of("id=eq.1,"), parse + "filter must not contain empty segments (check for extra commas)"},
		"a list without parentheses":       {of("id=in.1,2"), parse + "`in` filter value must be wrapped by parentheses"},
		"an operator that is not imitated": {of("body=like.a%"), parse + "the local stack does not imitate like"},
		"an unknown column": {of("nope=eq.1"),
			fails + `[{"nope", "eq", "1", false}], select: nil]. Exception: ERROR P0001 (raise_exception) invalid column for filter nope`},
		"a value of another type": {of("id=eq.one"),
			fails + `[{"id", "eq", "one", false}], select: nil]. Exception: ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: "one"`},
		"a list of another type": {of("id=in.(1,one)"),
			fails + `[{"id", "in", "{1,one}", false}], select: nil]. Exception: ERROR 22P02 (invalid_text_representation) invalid input syntax for type integer: "one"`},
		"too long a list": {of("id=in.(1" + strings.Repeat(",1", 100) + ")"), fails + `[{"id", "in", "{1` + strings.Repeat(",1", 100) +
			"}\", false}], select: nil]. Exception: ERROR P0001 (raise_exception) too many values for `in` filter. Maximum 100"},
		"a choice of columns": {with(of(""), "select", []string{"id"}),
			"The local stack does not imitate `select`: leave it out to get all columns"},
		"a choice of columns in one string": {with(of(""), "select", "id,body"),
			"Error parsing `select` params: expected a list of column name strings, e.g. select: [\"col1\", \"col2\"]"},
	} {
		t.Run(name, func(t *testing.T) {
			c.send(nil, "realtime:x", "phx_join", map[string]any{"access_token": annToken(),
				"config": map[string]any{"postgres_changes": []any{test.asked}}})
			if m := c.next(); m.Event == "phx_close" {
				m = c.next() // the answer, after the end of the case before
				require.Contains(t, string(m.Payload), `"status":"ok"`)
			}
			var told map[string]string
			require.NoError(t, json.Unmarshal(c.next().Payload, &told))
			require.Equal(t, map[string]string{"channel": "x", "extension": "postgres_changes", "status": "error", "message": test.message}, told)
		})
	}
}

// TestSubscriptionsThatSayLittle are possible: what is not there is not null.
func TestSubscriptionsThatSayLittle(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	for _, asked := range []any{
		binding{"table": "signs"},
		binding{"schema": "public"},
		binding{"schema": "public", "table": "signs", "filter": " "},
		binding{"schema": "public", "table": "signs", "event": 5, "select": nil},
		binding{"schema": "*", "table": "*"},
	} {
		join := c.send(nil, "realtime:x", "phx_join", map[string]any{"access_token": annToken(),
			"config": map[string]any{"postgres_changes": []any{nil, asked}}})
		require.Contains(t, string(c.next().Payload), `"status":"ok"`)
		c.expectListening("realtime:x")
		w.exec("insert into public.signs values (1, 'open')")
		require.Equal(t, "INSERT", c.row().Data.Type)
		w.exec("delete from public.signs")
		require.Equal(t, "DELETE", c.row().Data.Type)
		c.send(join, "realtime:x", "phx_leave", struct{}{})
		c.expect("phx_reply", `{"status": "ok", "response": {}}`)
		c.expect("phx_close", `{}`)
	}
}

func TestAJoinMayWaitForItsSubscription(t *testing.T) {
	w := newWorld(t)
	c := w.connect()
	waiting := func(b binding) map[string]any {
		return map[string]any{"access_token": annToken(), "config": map[string]any{
			"postgres_changes": []binding{b}, "postgres_changes_options": map[string]any{"wait": true}}}
	}
	c.send(nil, "realtime:a", "phx_join", waiting(allSigns))
	require.Contains(t, string(c.next().Payload), `"status":"ok"`)
	c.expectListening("realtime:a")

	c.send(nil, "realtime:b", "phx_join", waiting(binding{"event": "*", "schema": "public", "table": "nope"}))
	m := c.next()
	require.Contains(t, string(m.Payload), `"status":"error"`)
	require.Contains(t, string(m.Payload), `"reason":"RealtimeDisabledForConfiguration: Unable to subscribe`)
}

func TestWithoutATokenAClientIsAnon(t *testing.T) {
	w := newWorld(t)
	w.exec("grant select on public.notes to anon; create policy odd on public.notes for select to anon using (id % 2 = 1)")
	c := w.connect()
	c.join("realtime:notes", "", allNotes)
	c.join("realtime:keyed", stack.PublishableKey, allNotes)
	w.exec("insert into public.notes values (2, $1, 'for ann'), (3, $1, 'for all')", ann)
	require.Equal(t, "for all", c.row().Data.Record["body"])
	require.Equal(t, "for all", c.row().Data.Record["body"])
}
