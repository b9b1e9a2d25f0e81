package realtime_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"zoom-attendance/scripts/stack"
)

// client is a client of the stand-in that reads only when it is told to.
type client struct {
	w    *world
	conn *websocket.Conn
	ref  int
}

// message is a frame of version 2.
type message struct {
	JoinRef, Ref *string
	Topic, Event string
	Payload      json.RawMessage
}

// row is a change as a client is told it.
type row struct {
	IDs  []int
	Data struct {
		Schema, Table, Type string
		CommitTimestamp     string `json:"commit_timestamp"`
		Columns             []struct{ Name, Type string }
		Record              map[string]any
		OldRecord           map[string]any `json:"old_record"`
		Errors              []string
	}
}

// binding is what a client subscribes to.
type binding map[string]any

var (
	allNotes = binding{"event": "*", "schema": "public", "table": "notes"}
	allSigns = binding{"event": "*", "schema": "public", "table": "signs"}
)

func (w *world) connect() *client { return w.dial("2.0.0", http.DefaultClient) }

// connectNarrow connects with a receive buffer that is soon full.
func (w *world) connectNarrow() *client {
	dialer := net.Dialer{}
	transport := &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err == nil {
			err = conn.(*net.TCPConn).SetReadBuffer(4096)
		}
		return conn, err
	}}
	return w.dial("2.0.0", &http.Client{Transport: transport})
}

func (w *world) dial(version string, http *http.Client) *client {
	w.t.Helper()
	url := fmt.Sprintf("%s/realtime/v1/websocket?apikey=%s&vsn=%s", w.url, stack.PublishableKey, version)
	conn, _, err := websocket.Dial(w.context(), url, &websocket.DialOptions{HTTPClient: http})
	require.NoError(w.t, err)
	conn.SetReadLimit(-1)
	w.t.Cleanup(func() { _ = conn.CloseNow() })
	return &client{w: w, conn: conn}
}

// send sends an event of a topic and returns its number.
func (c *client) send(joinRef any, topic, event string, payload any) string {
	c.w.t.Helper()
	c.ref++
	ref := fmt.Sprint(c.ref)
	if event == "phx_join" {
		joinRef = ref
	}
	data, err := json.Marshal([]any{joinRef, ref, topic, event, payload})
	require.NoError(c.w.t, err)
	require.NoError(c.w.t, c.conn.Write(c.w.context(), websocket.MessageText, data))
	return ref
}

// next reads the next frame.
func (c *client) next() message {
	c.w.t.Helper()
	m, err := c.read()
	require.NoError(c.w.t, err)
	return m
}

func (c *client) read() (message, error) {
	_, data, err := c.conn.Read(c.w.context())
	if err != nil {
		return message{}, err
	}
	var m message
	err = json.Unmarshal(data, &[]any{&m.JoinRef, &m.Ref, &m.Topic, &m.Event, &m.Payload})
	return m, err
}

// expect reads the next frame, which must be this one.
func (c *client) expect(event, payload string) message {
	c.w.t.Helper()
	m := c.next()
	require.Equal(c.w.t, event, m.Event, "payload: %s", m.Payload)
	require.JSONEq(c.w.t, payload, string(m.Payload))
	return m
}

func joinPayload(token string, bindings ...binding) map[string]any {
	return map[string]any{"access_token": token, "config": map[string]any{"postgres_changes": bindings}}
}

// join subscribes and returns when that is in place.
func (c *client) join(topic, token string, bindings ...binding) (ref string) {
	c.w.t.Helper()
	ref = c.send(nil, topic, "phx_join", joinPayload(token, bindings...))
	m := c.next()
	require.Equal(c.w.t, "phx_reply", m.Event)
	require.Contains(c.w.t, string(m.Payload), `"status":"ok"`)
	c.expectListening(topic)
	return ref
}

func (c *client) expectListening(topic string) {
	c.w.t.Helper()
	c.expect("system", fmt.Sprintf(`{"channel": %q, "extension": "postgres_changes", "status": "ok",
		"message": "Subscribed to PostgreSQL"}`, strings.TrimPrefix(topic, "realtime:")))
}

// row reads the next frame, which must be a change.
func (c *client) row() row {
	c.w.t.Helper()
	m := c.next()
	require.Equal(c.w.t, "postgres_changes", m.Event, "payload: %s", m.Payload)
	var r row
	require.NoError(c.w.t, json.Unmarshal(m.Payload, &r))
	return r
}
