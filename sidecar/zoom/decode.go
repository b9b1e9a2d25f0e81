package zoom

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// Why a body can never become a fact. See [Decode].
var (
	ErrNotUsed   = errors.New("not an event we use")
	ErrNoMeeting = errors.New("no meeting number")
	ErrNobody    = errors.New("it names nobody: participant has no id, key, address or name")
	ErrNoTime    = errors.New("no usable time, and it was not accepted at the door")
)

// Decode turns a body into a fact. It fails with [ErrNotObject], [ErrNotUsed],
// [ErrNoMeeting], [ErrNobody] or [ErrNoTime], checked in that order; whatever else is
// missing stays empty in the fact, and nothing is made up in its place.
//
// Accepted is when the inbox accepted the body at the door, or the zero time if it
// came another way. When an event does not say when it happened (or says a time
// outside the years 2015 to 2099), event_ts stands in and the fact is Approximate. An
// event without either has no At: it has the hash of its body, so that the earliest
// acceptance of that body can stand in.
func Decode(body []byte, accepted time.Time) (Fact, error) {
	m, err := read[message](body)
	if err != nil {
		return Fact{}, err
	}
	kind, used := kinds[word(m.Event)]
	if !used {
		return Fact{}, ErrNotUsed
	}
	meeting := m.Payload.Object
	fact := Fact{
		Kind:      kind,
		Meeting:   meetingNumber(meeting.ID),
		Instance:  id(meeting.UUID),
		At:        instant(kind.when(meeting)),
		Start:     instant(meeting.StartTime),
		Accepted:  accepted.UTC().Truncate(time.Microsecond),
		HostID:    id(meeting.HostID),
		HostEmail: word(meeting.HostEmail),
	}
	if fact.At.IsZero() {
		fact.At = instantOfMillis(m.EventTS)
		fact.Approximate = !fact.At.IsZero()
	}
	if fact.At.IsZero() {
		fact.BodyHash = hashOf(body)
	}
	if kind.ofParticipant() {
		fact.describe(meeting.Participant)
	}
	if err := fact.check(); err != nil {
		return Fact{}, err
	}
	return fact, nil
}

// hashOf is the SHA-256 of a body. Zoom repeats an event with the same bytes.
func hashOf(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// when returns the field that says when such an event happened.
func (k Kind) when(m meeting) json.RawMessage {
	switch k {
	case Started:
		return m.StartTime
	case Ended:
		return m.EndTime
	case Joined:
		return m.Participant.JoinTime
	case Left:
		return m.Participant.LeaveTime
	case WaitingJoined, WaitingLeft:
		return m.Participant.DateTime
	}
	return nil
}

// ofParticipant says whether such a fact is about somebody in the meeting, or before
// it, rather than about the meeting.
func (k Kind) ofParticipant() bool { return k != Started && k != Ended }

// describe fills in who a participant event is about.
func (f *Fact) describe(p participant) {
	f.Segment = id(p.UserID)
	f.Connection = id(p.ParticipantUUID)
	f.ZoomUserID = cmp.Or(id(p.ParticipantUserID), id(p.ID))
	if other := id(p.ID); other != f.ZoomUserID {
		f.ParticipantID = other
	}
	f.RegistrantID = id(p.RegistrantID)
	f.CustomerKey = id(p.CustomerKey)
	f.Email = word(p.Email)
	f.Name = nameOf(p)
}

// check says what the fact lacks, if it lacks what every fact of its kind needs.
func (f *Fact) check() error {
	somebody := cmp.Or(f.Segment, f.Connection, f.Email, f.Name, f.ZoomUserID, f.RegistrantID, f.CustomerKey)
	switch {
	case f.Meeting == "":
		return ErrNoMeeting
	case somebody == "" && f.Kind.ofParticipant():
		return ErrNobody
	case f.At.IsZero() && f.Accepted.IsZero():
		return ErrNoTime
	}
	return nil
}
