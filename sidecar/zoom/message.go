package zoom

import (
	"bytes"
	"encoding/json"
	"errors"
)

// ErrNotObject says that a body is not exactly one JSON object.
var ErrNotObject = errors.New("body is not one JSON object")

// message is a webhook's body as far as we read it. Leaves stay raw, so that one
// of an unexpected type spoils nothing but itself; see fields.go for what is made
// of them.
type message struct {
	Event   json.RawMessage `json:"event"`
	EventTS json.RawMessage `json:"event_ts"` // Unix milliseconds
	Payload struct {
		PlainToken json.RawMessage `json:"plainToken"` // of endpoint.url_validation
		Object     meeting         `json:"object"`
	} `json:"payload"`
}

// head is what the door reads of it: each leaf that is kept costs every event.
type head struct {
	Event   json.RawMessage `json:"event"`
	Payload struct {
		PlainToken json.RawMessage `json:"plainToken"`
		Object     struct {
			ID json.RawMessage `json:"id"`
		} `json:"object"`
	} `json:"payload"`
}

type meeting struct {
	ID          json.RawMessage `json:"id"`         // text in some events, a number in others
	UUID        json.RawMessage `json:"uuid"`       // one run of the meeting
	StartTime   json.RawMessage `json:"start_time"` // when this run began, in every event of it
	EndTime     json.RawMessage `json:"end_time"`   // only in meeting.ended
	HostID      json.RawMessage `json:"host_id"`    // who owns the meeting at Zoom, and not who started it
	HostEmail   json.RawMessage `json:"host_email"` // their address; undocumented, often absent
	Participant participant     `json:"participant"`
}

type participant struct {
	UserID            json.RawMessage `json:"user_id"`
	ParticipantUUID   json.RawMessage `json:"participant_uuid"`
	ParticipantUserID json.RawMessage `json:"participant_user_id"`
	ID                json.RawMessage `json:"id"` // the old name of participant_user_id; may be a registrant's
	RegistrantID      json.RawMessage `json:"registrant_id"`
	CustomerKey       json.RawMessage `json:"customer_key"`
	Email             json.RawMessage `json:"email"`
	UserName          json.RawMessage `json:"user_name"`
	PhoneNumber       json.RawMessage `json:"phone_number"` // read only to keep it out of the name
	JoinTime          json.RawMessage `json:"join_time"`    // only in joined
	LeaveTime         json.RawMessage `json:"leave_time"`   // only in left
	DateTime          json.RawMessage `json:"date_time"`    // only in the waiting room's
}

// read is the one way into a body. It takes one pass and memory in proportion to
// the body, whoever wrote it: the door reads before it knows who that was.
func read[T message | head](body []byte) (T, error) {
	var m, none T
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return none, ErrNotObject
	}
	err := json.Unmarshal(body, &m)
	var wrongType *json.UnmarshalTypeError // say, a list for payload: it stays empty, the rest is read
	if err != nil && !errors.As(err, &wrongType) {
		return none, ErrNotObject
	}
	return m, nil
}
