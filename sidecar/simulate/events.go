package simulate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"
	"unicode/utf16"

	"zoom-attendance/sidecar/zoom"
)

// Event is one webhook: its body, and when Zoom would send it.
type Event struct {
	At   time.Time
	Body []byte

	comes int // 1 if it says that somebody came, -1 that somebody went
}

// Disorder says how far Zoom's delivery is from the tidy.
type Disorder struct {
	Duplicates float64 // share of the events that come twice
	Shuffle    bool    // in any order at all; else in that of their times
}

// Events writes the lesson as Zoom's webhooks, in the order of their sending.
// Each is sent about a second after it happened, as Zoom does.
func (l Lesson) Events(disorder Disorder) []Event {
	random := rand.New(rand.NewPCG(l.seed, 1))
	events := []Event{l.meetingEvent(zoom.EventMeetingStarted), l.meetingEvent(zoom.EventMeetingEnded)}
	for _, v := range l.Visits {
		events = append(events, l.participantEvent(zoom.EventParticipantJoined, v))
		if !v.Leave.IsZero() {
			events = append(events, l.participantEvent(zoom.EventParticipantLeft, v))
		}
	}
	for i := range events {
		events[i].At = events[i].At.Add(time.Duration(random.IntN(1000)) * time.Millisecond)
		if random.Float64() < disorder.Duplicates {
			again := events[i]
			again.comes = 0
			again.At = again.At.Add(time.Duration(random.IntN(5000)) * time.Millisecond)
			events = append(events, again)
		}
	}
	slices.SortStableFunc(events, func(a, b Event) int { return a.At.Compare(b.At) })
	if disorder.Shuffle {
		random.Shuffle(len(events), func(i, j int) {
			events[i].Body, events[j].Body = events[j].Body, events[i].Body
			events[i].comes, events[j].comes = events[j].comes, events[i].comes
		})
	}
	return events
}

// The bodies. Struct fields stand in the order in which Zoom writes the keys,
// which differs between the two families of events.

type meetingBody struct {
	Event   string         `json:"event"`
	Payload meetingPayload `json:"payload"`
	EventTS int64          `json:"event_ts"`
}

type meetingPayload struct {
	AccountID string        `json:"account_id"`
	Object    meetingObject `json:"object"`
}

type meetingObject struct {
	Duration  int    `json:"duration"`
	StartTime string `json:"start_time"`
	Timezone  string `json:"timezone"`
	EndTime   string `json:"end_time,omitempty"`
	Topic     string `json:"topic"`
	ID        string `json:"id"`
	Type      int    `json:"type"`
	UUID      string `json:"uuid"`
	HostID    string `json:"host_id"`
}

type participantBody struct {
	Payload participantPayload `json:"payload"`
	EventTS int64              `json:"event_ts"`
	Event   string             `json:"event"`
}

type participantPayload struct {
	AccountID string            `json:"account_id"`
	Object    participantObject `json:"object"`
}

type participantObject struct {
	UUID        string          `json:"uuid"`
	Participant participantSeat `json:"participant"`
	ID          string          `json:"id"`
	Type        int             `json:"type"`
	Topic       string          `json:"topic"`
	HostID      string          `json:"host_id"`
	Duration    int             `json:"duration"`
	StartTime   string          `json:"start_time"`
	Timezone    string          `json:"timezone"`
}

// participantSeat: a joined without a registration has no registrant_id, a left
// an empty one.
type participantSeat struct {
	LeaveTime         string  `json:"leave_time,omitempty"`
	UserID            string  `json:"user_id"`
	UserName          string  `json:"user_name"`
	RegistrantID      *string `json:"registrant_id,omitempty"`
	CustomerKey       string  `json:"customer_key,omitempty"`
	ParticipantUserID string  `json:"participant_user_id"`
	ID                string  `json:"id"`
	LeaveReason       string  `json:"leave_reason,omitempty"`
	JoinTime          string  `json:"join_time,omitempty"`
	Email             string  `json:"email"`
	ParticipantUUID   string  `json:"participant_uuid"`
	PublicIP          string  `json:"public_ip"`
	PrivateIP         string  `json:"private_ip,omitempty"`
}

const (
	accountID = "acctDEMO0000000000001A"
	hostID    = "hostDEMO000000000001AA"
)

func (l Lesson) meetingEvent(name string) Event {
	body := meetingBody{Event: name, Payload: meetingPayload{accountID, meetingObject{
		Duration: l.minutes(), StartTime: zoomTime(l.Start), Timezone: l.Timezone, Topic: l.Topic,
		ID: l.Number, Type: l.zoomType(), UUID: l.Instance, HostID: hostID,
	}}}
	at := l.Start
	if name == zoom.EventMeetingEnded {
		at = l.End
		body.Payload.Object.EndTime = zoomTime(l.End)
	}
	body.EventTS = eventTS(at)
	return Event{At: at, Body: zoomJSON(body)}
}

func (l Lesson) participantEvent(name string, v Visit) Event {
	seat := participantSeat{
		UserID: v.Segment, UserName: v.Name, Email: v.Email, CustomerKey: v.CustomerKey, ParticipantUUID: v.Connection,
		// Zoom tells who somebody is on Zoom only to those it tells the e-mail.
		ParticipantUserID: zoomUser(v.Email), ID: zoomUser(v.Email),
		PublicIP: fmt.Sprintf("198.51.100.%d", 1+hash(v.Connection)%254),
	}
	if v.RegistrantID != "" {
		seat.RegistrantID = &v.RegistrantID
	}
	at, comes := v.Join, 1
	if name == zoom.EventParticipantLeft {
		at, comes = v.Leave, -1
		seat.LeaveTime, seat.RegistrantID = zoomTime(at), &v.RegistrantID
		seat.LeaveReason = "left the meeting. Reason : " + v.Reason
		seat.PrivateIP = fmt.Sprintf("192.0.2.%d", 1+hash(v.Connection)%254)
	} else {
		seat.JoinTime = zoomTime(at)
	}
	return Event{At: at, comes: comes, Body: zoomJSON(participantBody{Event: name, EventTS: eventTS(at), Payload: participantPayload{accountID, participantObject{
		UUID: l.Instance, Participant: seat, ID: l.Number, Type: l.zoomType(), Topic: l.Topic,
		HostID: hostID, Duration: l.minutes(), StartTime: zoomTime(l.Start), Timezone: l.Timezone,
	}}})}
}

func (l Lesson) minutes() int { return int(l.End.Sub(l.Start) / time.Minute) }

func (l Lesson) zoomType() int {
	return map[string]int{"instant": 1, "scheduled": 2, "recurring": 8}[l.Type]
}

func zoomTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// eventTS is the milliseconds Zoom gives: a little after the event's own time.
func eventTS(at time.Time) int64 { return at.UnixMilli() + 612 }

// zoomUser makes up the id of a Zoom account.
func zoomUser(email string) string {
	if email == "" {
		return ""
	}
	return fmt.Sprintf("userDEMO%014x", hash(email))
}

func hash(text string) uint32 {
	h := fnv.New32a()
	h.Write([]byte(text))
	return h.Sum32()
}

// zoomJSON writes JSON as Zoom does: plain UTF-8, but characters beyond the
// basic plane, such as emoji, as two \u escapes.
func zoomJSON(body any) []byte {
	var plain bytes.Buffer
	encoder := json.NewEncoder(&plain)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // structs of texts and numbers always encode
	}
	var escaped bytes.Buffer
	for _, r := range string(bytes.TrimSpace(plain.Bytes())) {
		if high, low := utf16.EncodeRune(r); high != 0xFFFD {
			fmt.Fprintf(&escaped, `\u%04X\u%04X`, high, low)
			continue
		}
		escaped.WriteRune(r)
	}
	return escaped.Bytes()
}
