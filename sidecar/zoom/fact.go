package zoom

import "time"

// Kind says what a fact is about.
type Kind string

// The kinds of fact that apply_zoom_events understands.
const (
	Started Kind = "started" // an instance of a meeting began
	Ended   Kind = "ended"   // an instance of a meeting ended
	Joined  Kind = "joined"  // a segment began: somebody came in
	Left    Kind = "left"    // a segment ended: somebody went out

	// The waiting room's count for nothing: they can only be told.
	WaitingJoined Kind = "waiting_joined" // somebody came into the waiting room
	WaitingLeft   Kind = "waiting_left"   // and left it, let in or not

	// What the app saw, as our server recorded it. These have a User, an At by our
	// own clock (to the microsecond) and a Meeting, and nothing else.
	AppJoined Kind = "app_joined" // a signed-in user joined on the meeting's page
	AppLeft   Kind = "app_left"   // and left there
)

// Fact is one event, decoded, checked and cleaned: all that the database is
// told. It carries no IP address and no phone number.
//
// Texts are trimmed, valid UTF-8 without control characters, and at most 256
// bytes long (the name: characters); an empty text means that Zoom did not say.
// Times are UTC in whole seconds, Accepted in microseconds; the zero time means
// that nobody said. What stands in for an instance, a segment or a time that Zoom did
// not say is the database's to decide. The JSON of a Fact is the argument of
// public.apply_zoom_events.
type Fact struct {
	Kind          Kind      `json:"kind"`
	Meeting       string    `json:"meeting"`                  // Zoom's meeting number, decimal digits
	Instance      string    `json:"instance,omitempty"`       // object.uuid: one run of the meeting
	At            time.Time `json:"at,omitzero"`              // when it happened, by the event's own times
	Approximate   bool      `json:"approximate,omitempty"`    // At is event_ts, for want of a usable time
	Start         time.Time `json:"start,omitzero"`           // when this instance began, if the event says
	Accepted      time.Time `json:"accepted,omitzero"`        // when the inbox accepted it at the door; zero: it did not come that way
	BodyHash      string    `json:"body_hash,omitempty"`      // of an event without At: the SHA-256 of its body, in hex
	HostID        string    `json:"host_id,omitempty"`        // the Zoom account that owns the meeting
	HostEmail     string    `json:"host_email,omitempty"`     // and its address, if the event says
	Segment       string    `json:"segment,omitempty"`        // participant.user_id: one visit to one room; pairs joined with left
	Connection    string    `json:"connection,omitempty"`     // participant_uuid: one connection, kept through breakout moves
	ZoomUserID    string    `json:"zoom_user_id,omitempty"`   // participant_user_id, or else participant.id: the Zoom account, when signed in
	ParticipantID string    `json:"participant_id,omitempty"` // participant.id, where it is another than ZoomUserID
	RegistrantID  string    `json:"registrant_id,omitempty"`  // the registration, for meetings that ask for one
	CustomerKey   string    `json:"customer_key,omitempty"`   // what a Meeting SDK page passed at join
	Email         string    `json:"email,omitempty"`          // as Zoom shows it; often absent
	Name          string    `json:"name,omitempty"`           // free text, may change during a meeting
	User          string    `json:"user,omitempty"`           // of what the app saw: the user's id, a uuid
}

// Outcome says what became of one fact in the database.
type Outcome string

// The outcomes of apply_zoom_events, one per fact.
const (
	Applied        Outcome = "applied"         // it was new and is now in the rows
	Duplicate      Outcome = "duplicate"       // it was known already; nothing changed
	UnknownMeeting Outcome = "unknown_meeting" // no zoom_meetings row has this number (yet)
	UnknownKey     Outcome = "unknown_key"     // applied; its customer key is none that we issued for this meeting, and makes nobody of it
	SharedKey      Outcome = "shared_key"      // applied; another Zoom user shows its customer key at the same time
)
