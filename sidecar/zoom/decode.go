package zoom

import (
	"cmp"
	"encoding/json"
	"errors"
)

// Why a body can never become a fact. See [Decode].
var (
	ErrNotUsed    = errors.New("not an event we use")
	ErrNoMeeting  = errors.New("no meeting number")
	ErrNoInstance = errors.New("no instance: object.uuid is missing")
	ErrNoSegment  = errors.New("no segment: participant has neither user_id nor participant_uuid")
	ErrNoTime     = errors.New("no usable time")
)

// Decode turns a body into a fact. It fails with [ErrNotObject], [ErrNotUsed],
// [ErrNoMeeting], [ErrNoInstance], [ErrNoSegment] or [ErrNoTime], checked in that
// order; whatever else is missing stays empty in the fact.
//
// When an event does not say when it happened (or says a time outside the years
// 2015 to 2099), event_ts stands in and the fact is Approximate. When a
// participant has no user_id, the connection is its segment.
func Decode(body []byte) (Fact, error) {
	m, err := read(body)
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
		HostEmail: word(meeting.HostEmail),
	}
	if fact.At.IsZero() {
		fact.At = instantOfMillis(m.EventTS)
		fact.Approximate = true
	}
	if kind.ofParticipant() {
		fact.describe(meeting.Participant)
	}
	if err := fact.check(); err != nil {
		return Fact{}, err
	}
	return fact, nil
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
	}
	return nil
}

// ofParticipant says whether such a fact is about somebody in the meeting rather
// than about the meeting.
func (k Kind) ofParticipant() bool { return k == Joined || k == Left }

// describe fills in who a participant event is about.
func (f *Fact) describe(p participant) {
	f.Connection = id(p.ParticipantUUID)
	f.Segment = cmp.Or(id(p.UserID), f.Connection)
	f.ZoomUserID = cmp.Or(id(p.ParticipantUserID), id(p.ID))
	f.RegistrantID = id(p.RegistrantID)
	f.CustomerKey = id(p.CustomerKey)
	f.Email = word(p.Email)
	f.Name = nameOf(p)
}

// check says what the fact lacks, if it lacks what every fact of its kind needs.
func (f *Fact) check() error {
	switch {
	case f.Meeting == "":
		return ErrNoMeeting
	case f.Instance == "":
		return ErrNoInstance
	case f.Segment == "" && f.Kind.ofParticipant():
		return ErrNoSegment
	case f.At.IsZero():
		return ErrNoTime
	}
	return nil
}
