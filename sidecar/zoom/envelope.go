package zoom

// The events this project knows by name. Every other one is answered and let go.
const (
	EventURLValidation     = "endpoint.url_validation"
	EventMeetingStarted    = "meeting.started"
	EventMeetingEnded      = "meeting.ended"
	EventParticipantJoined = "meeting.participant_joined"
	EventParticipantLeft   = "meeting.participant_left"
	EventWaitingJoined     = "meeting.participant_joined_waiting_room"
	EventWaitingLeft       = "meeting.participant_left_waiting_room"
)

// kinds are the events that become facts.
var kinds = map[string]Kind{
	EventMeetingStarted:    Started,
	EventMeetingEnded:      Ended,
	EventParticipantJoined: Joined,
	EventParticipantLeft:   Left,
	EventWaitingJoined:     WaitingJoined,
	EventWaitingLeft:       WaitingLeft,
}

// Envelope is what the door must know of a body before it can answer.
type Envelope struct {
	Event      string // Zoom's event name; empty if it has none
	MeetingID  string // payload.object.id, decimal digits; empty if it has none
	PlainToken string // payload.plainToken as it came, neither trimmed nor cleaned
	HasToken   bool   // payload.plainToken is a text and not an empty one
}

// Open reads a body's envelope. It fails only with [ErrNotObject]: when the body
// is not JSON, is another value than an object, or goes on after it.
func Open(body []byte) (Envelope, error) {
	m, err := read[head](body)
	if err != nil {
		return Envelope{}, err
	}
	token := text(m.Payload.PlainToken)
	return Envelope{
		Event:      word(m.Event),
		MeetingID:  meetingNumber(m.Payload.Object.ID),
		PlainToken: token,
		HasToken:   token != "",
	}, nil
}

// Used says whether the event is one that becomes a fact.
func (e Envelope) Used() bool { return kinds[e.Event] != "" }
