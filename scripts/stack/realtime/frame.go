package realtime

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/coder/websocket"
)

// The versions of the protocol: frames are objects in the first and arrays in
// the second.
const (
	version1 = "1.0.0"
	version2 = "2.0.0"
)

// The events that Phoenix itself uses.
const (
	eventJoin  = "phx_join"
	eventReply = "phx_reply"
	eventLeave = "phx_leave"
	eventClose = "phx_close"
)

// frame is a message of Phoenix channels.
type frame struct {
	joinRef string // the client's number of the join it belongs to; empty for none
	ref     string // the client's number of the message it answers; empty for none
	topic   string
	event   string
	payload json.RawMessage
}

// object is a frame of version 1.
type object struct {
	Topic   string          `json:"topic"`
	Event   string          `json:"event"`
	Payload json.RawMessage `json:"payload"`
	Ref     *string         `json:"ref"`
	JoinRef *string         `json:"join_ref,omitempty"`
}

// encode is what is sent to a client that speaks this version.
func (f frame) encode(version string) ([]byte, error) {
	if version == version1 {
		return json.Marshal(object{f.topic, f.event, f.payload, nullable(f.ref), nil})
	}
	return json.Marshal([]any{nullable(f.joinRef), nullable(f.ref), f.topic, f.event, f.payload})
}

// decodeFrame reads what a client sent.
func decodeFrame(version string, kind websocket.MessageType, data []byte) (frame, error) {
	var o object
	var err error
	switch {
	case kind == websocket.MessageBinary:
		return decodeBinary(data)
	case version == version1:
		err = json.Unmarshal(data, &o)
	default:
		err = o.fromArray(data)
	}
	if err != nil {
		return frame{}, fmt.Errorf("read a frame of the client: %w", err)
	}
	return frame{orEmpty(o.JoinRef), orEmpty(o.Ref), o.Topic, o.Event, o.Payload}, nil
}

// fromArray reads a frame of version 2.
func (o *object) fromArray(data []byte) error {
	var parts []json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		return err
	}
	if len(parts) != 5 {
		return fmt.Errorf("%d elements instead of five", len(parts))
	}
	o.Payload = parts[4]
	return errors.Join(
		json.Unmarshal(parts[0], &o.JoinRef),
		json.Unmarshal(parts[1], &o.Ref),
		json.Unmarshal(parts[2], &o.Topic),
		json.Unmarshal(parts[3], &o.Event),
	)
}

// decodeBinary reads a broadcast of version 2: a kind, the lengths of five
// texts, an encoding, the texts. What is broadcast is left out.
func decodeBinary(data []byte) (frame, error) {
	const broadcastPush, header = 3, 7
	if len(data) < header || data[0] != broadcastPush {
		return frame{}, errors.New("read a frame of the client: unknown binary frame")
	}
	var texts [3]string
	rest := data[header:]
	for i, length := range data[1:4] {
		if int(length) > len(rest) {
			return frame{}, errors.New("read a frame of the client: binary frame is too short")
		}
		texts[i], rest = string(rest[:length]), rest[length:]
	}
	return frame{joinRef: texts[0], ref: texts[1], topic: texts[2], event: "broadcast"}, nil
}

func nullable(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func orEmpty(text *string) string {
	if text == nil {
		return ""
	}
	return *text
}
