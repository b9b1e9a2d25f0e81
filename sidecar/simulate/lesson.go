package simulate

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/google/uuid"

	"zoom-attendance/sidecar/zoom"
)

// Options say what a lesson is like. Shares are of the people who come, from 0
// to 1; one person may be in several.
type Options struct {
	Size       int           // how many are expected; 0: the whole roster
	Duration   time.Duration // from the start to the end
	Absent     float64       // of those expected: never come
	Late       float64       // come when up to a quarter is over
	Guests     float64       // come without telling who they are
	Dropouts   float64       // lose the connection; one in three does not return
	Crashes    float64       // vanish and return before Zoom notices
	Breakouts  float64       // go to another room and back
	TwoDevices float64       // are there twice for a while
	Lost       float64       // never leave as far as Zoom tells: the end closes it
	Seed       uint64        // the same seed makes the same script
}

// Attendee is somebody as Zoom knows them. All but the name may be empty.
type Attendee struct {
	Name         string
	Email        string
	RegistrantID string
	CustomerKey  string // what the page that embeds the meeting passed
}

// Roster is who is expected in a meeting, and what the meeting is.
type Roster struct {
	Number    string // Zoom's meeting number
	Topic     string
	Type      string // scheduled, recurring or instant
	Timezone  string
	Host      Attendee // comes first; nobody if without a name
	Attendees []Attendee
}

// Lesson is the script of one run of a meeting.
type Lesson struct {
	Roster
	Instance   string // the uuid of this run
	Start, End time.Time
	Visits     []Visit

	seed uint64
}

// Visit is one segment: somebody in one room, on one device.
type Visit struct {
	Attendee
	Segment    string
	Connection string
	Join       time.Time
	Leave      time.Time // zero: Zoom never says
	Reason     string    // for leaving, in Zoom's words
}

// What Zoom gives as the reason of a left.
const (
	reasonEnded    = "Host ended the meeting."
	reasonLeft     = "left the meeting"
	reasonBreakout = "left the meeting to join breakout room"
	reasonBack     = "left the meeting leave breakout room to join main meeting"
	reasonCrash    = "left the meeting with Unknown Failover Reason"
)

// Script makes up a lesson. The instance is the caller's, so that a script can
// be played again as another run.
func Script(roster Roster, options Options, instance string, start time.Time) Lesson {
	w := &writer{
		Rand:    rand.New(rand.NewPCG(options.Seed, 0)),
		options: options,
		lesson: Lesson{Roster: roster, Instance: instance, seed: options.Seed,
			Start: start.Truncate(time.Second), End: start.Truncate(time.Second).Add(options.Duration)},
	}
	w.openRooms = w.between(0.45, 0.50)
	w.closeRooms = w.between(0.70, 0.75)
	if roster.Host.Name != "" {
		w.leave(w.join(roster.Host, w.connection(), w.lesson.Start), w.lesson.End, reasonEnded)
	}
	for _, who := range w.expected() {
		if !w.happens(options.Absent) {
			w.attend(who)
		}
	}
	return w.lesson
}

// NewInstance makes an instance uuid that looks like Zoom's.
func NewInstance() string {
	id := uuid.New()
	return base64.StdEncoding.EncodeToString(id[:])
}

// writer writes a lesson visit by visit.
type writer struct {
	*rand.Rand
	options               Options
	lesson                Lesson
	openRooms, closeRooms time.Time
}

// expected is the roster, cut or filled up with people nobody knows to the
// size that was asked for.
func (w *writer) expected() []Attendee {
	size := w.options.Size
	if size == 0 {
		size = len(w.lesson.Attendees)
	}
	var all []Attendee
	for i := range size {
		if i < len(w.lesson.Attendees) {
			all = append(all, w.lesson.Attendees[i])
			continue
		}
		all = append(all, Attendee{Name: fmt.Sprintf("Visitor %d", i+1), Email: fmt.Sprintf("visitor%d@elsewhere.test", i+1)})
	}
	return all
}

// attend follows one person through the lesson.
func (w *writer) attend(who Attendee) {
	if w.happens(w.options.Guests) {
		who = Attendee{Name: cmp.Or(strings.Fields(who.Name)[0], "Guest")}
	}
	comes := w.between(0, 0.05)
	if w.happens(w.options.Late) {
		comes = w.between(0.08, 0.25)
	}
	if w.happens(w.options.TwoDevices) {
		w.leave(w.join(who, w.connection(), w.between(0.10, 0.30)), w.between(0.40, 0.90), reasonLeft)
	}
	visit := w.join(who, w.connection(), comes)
	switch gone := w.between(0.27, 0.40); {
	case w.happens(w.options.Dropouts):
		w.leave(visit, gone, reasonLeft)
		if w.IntN(3) == 0 {
			return
		}
		visit = w.join(who, w.connection(), gone.Add(w.pause(10*time.Second)))
	case w.happens(w.options.Crashes):
		visit = w.crash(visit, gone)
	}
	if w.happens(w.options.Breakouts) {
		visit = w.move(visit, w.openRooms, reasonBreakout)
		visit = w.move(visit, w.closeRooms, reasonBack)
	}
	if !w.happens(w.options.Lost) {
		w.leave(visit, w.lesson.End, reasonEnded)
	}
}

// crash: the person is back before Zoom has noticed that they were gone, and
// the time of the left is when it noticed.
func (w *writer) crash(visit int, gone time.Time) int {
	back := w.join(w.lesson.Visits[visit].Attendee, w.connection(), gone.Add(w.pause(20*time.Second)))
	w.leave(visit, gone.Add(w.pause(75*time.Second)), reasonCrash)
	return back
}

// move takes somebody to another room: a left and a joined of one instant and
// one connection.
func (w *writer) move(visit int, at time.Time, reason string) int {
	w.leave(visit, at, reason)
	from := w.lesson.Visits[visit]
	return w.join(from.Attendee, from.Connection, at)
}

func (w *writer) join(who Attendee, connection string, at time.Time) int {
	w.lesson.Visits = append(w.lesson.Visits, Visit{
		Attendee:   who,
		Segment:    fmt.Sprint(16778240 + 1024*len(w.lesson.Visits)),
		Connection: connection,
		Join:       at,
	})
	return len(w.lesson.Visits) - 1
}

func (w *writer) leave(visit int, at time.Time, reason string) {
	w.lesson.Visits[visit].Leave, w.lesson.Visits[visit].Reason = at, reason
}

func (w *writer) happens(share float64) bool { return w.Float64() < share }

// between is an instant between two parts of the lesson, in whole seconds.
func (w *writer) between(from, to float64) time.Time {
	part := from + w.Float64()*(to-from)
	return w.lesson.Start.Add(time.Duration(part * float64(w.options.Duration)).Truncate(time.Second))
}

// pause is how long something takes, less in a lesson too short for it.
func (w *writer) pause(usual time.Duration) time.Duration {
	return min(usual, w.options.Duration/40).Truncate(time.Second)
}

// connection makes up a participant_uuid: upper-case, dashed, hexadecimal.
func (w *writer) connection() string {
	var id uuid.UUID
	for i := range id {
		id[i] = byte(w.Uint32())
	}
	// The instance takes part, as no two runs share a connection.
	return strings.ToUpper(uuid.NewSHA1(id, []byte(w.lesson.Instance)).String())
}

// Facts is what the sidecar should understand of the lesson.
func (l Lesson) Facts() []zoom.Fact {
	meeting := zoom.Fact{Meeting: l.Number, Instance: l.Instance, Start: l.Start, HostID: hostID}
	started, ended := meeting, meeting
	started.Kind, started.At = zoom.Started, l.Start
	ended.Kind, ended.At = zoom.Ended, l.End
	facts := []zoom.Fact{started, ended}
	for _, v := range l.Visits {
		joined := meeting
		joined.Segment, joined.Connection = v.Segment, v.Connection
		joined.Name, joined.Email, joined.RegistrantID, joined.CustomerKey = v.Name, v.Email, v.RegistrantID, v.CustomerKey
		left := joined
		joined.Kind, joined.At = zoom.Joined, v.Join
		facts = append(facts, joined)
		if !v.Leave.IsZero() {
			left.Kind, left.At = zoom.Left, v.Leave
			facts = append(facts, left)
		}
	}
	return facts
}
