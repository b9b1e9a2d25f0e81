package oracle

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// run is one instance of a meeting: what Zoom told under one number and one uuid.
type run struct {
	number   string
	instance string
	begin    time.Time
	told     time.Time // the end that Zoom told; zero while it told none
	heard    time.Time // the last thing heard of it
	accepted time.Time // when the door first accepted something of it; zero: never

	isOver bool
	end    time.Time // the told one, else the last thing heard, or the begin if that is later

	hostID      string
	hostEmail   string
	connections []*connection

	meeting string // the row's id
	class   string
	lesson  *lesson // nil: it belongs to none
}

// connection is somebody in a run: one device, kept through moves to other rooms.
type connection struct {
	key      string
	in       *run
	segments []*segment

	userID  string // who it is; empty: nobody
	knownID string // who it is without regard to a name
	isStaff bool
}

// segment is one visit of a connection to one room. The marks of it pair up.
type segment struct {
	id         string // as Zoom told it; empty where it told none
	seat       string // what stands for it
	connection string
	key        string
	account    string
	ids        [2]string // what else may be the id of a registration
	email      string
	marks      []mark
}

// mark is an instant at which somebody came or went, and the name they showed.
type mark struct {
	at   time.Time
	kind zoom.Kind
	name string
}

// gatherRuns puts the facts of each run together. Kinds that tell of no coming,
// going, start or end count for nothing.
func gatherRuns(facts []zoom.Fact) []*run {
	byRun := map[[2]string][]zoom.Fact{}
	for _, fact := range completed(facts) {
		switch fact.Kind {
		case zoom.Started, zoom.Ended, zoom.Joined, zoom.Left:
			key := [2]string{fact.Meeting, fact.Instance}
			byRun[key] = append(byRun[key], fact)
		}
	}
	var runs []*run
	for key, facts := range byRun {
		runs = append(runs, newRun(key[0], key[1], facts))
	}
	joinTold(runs)
	slices.SortFunc(runs, olderRun)
	return runs
}

// completed makes up what a fact lacks: its time from the earliest acceptance of its
// body, its run from the stated start or else from the day, its seat from who sat there.
func completed(facts []zoom.Fact) []zoom.Fact {
	first := map[string]time.Time{} // by body
	for _, fact := range facts {
		if at, ok := first[fact.BodyHash]; !ok || fact.Accepted.Before(at) {
			first[fact.BodyHash] = fact.Accepted
		}
	}
	var all []zoom.Fact
	for _, fact := range facts {
		if fact.At.IsZero() {
			fact.At = first[fact.BodyHash]
		}
		if fact.Instance == "" && !fact.Start.IsZero() {
			fact.Instance = "start " + fact.Start.UTC().Format(time.RFC3339)
		}
		if fact.Instance == "" {
			fact.Instance = "day " + fact.At.UTC().Format(time.DateOnly)
		}
		all = append(all, fact)
	}
	return all
}

// seatOf is what a fact's visit goes by.
func seatOf(fact zoom.Fact) string {
	switch {
	case fact.Segment != "":
		return fact.Segment
	case fact.Email != "":
		return "email " + foldEmail(fact.Email)
	case fact.Name != "":
		return "name " + foldName(fact.Name)
	case fact.Connection != "":
		return "connection " + fact.Connection
	}
	return "account " + cmp.Or(fact.ZoomUserID, fact.ParticipantID)
}

func newRun(number, instance string, facts []zoom.Fact) *run {
	r := &run{number: number, instance: instance, begin: beginOf(facts)}
	bySeat := map[string][]zoom.Fact{}
	for _, fact := range facts {
		r.heard = later(r.heard, fact.At)
		if !fact.Accepted.IsZero() && (r.accepted.IsZero() || fact.Accepted.Before(r.accepted)) {
			r.accepted = fact.Accepted
		}
		r.hostID = max(r.hostID, fact.HostID)
		r.hostEmail = max(r.hostEmail, fact.HostEmail)
		switch fact.Kind {
		case zoom.Ended:
			r.told = later(r.told, fact.At)
		case zoom.Joined, zoom.Left:
			bySeat[seatOf(fact)] = append(bySeat[seatOf(fact)], fact)
		}
	}
	byKey := map[string]*connection{}
	for seat, facts := range bySeat {
		s := newSegment(seat, facts)
		key := cmp.Or(s.connection, "segment "+seat)
		if byKey[key] == nil {
			byKey[key] = &connection{key: key, in: r}
			r.connections = append(r.connections, byKey[key])
		}
		byKey[key].segments = append(byKey[key].segments, s)
	}
	return r
}

// beginOf is the least start that any fact states, a started fact's own instant among
// them; where none states one, the first event.
func beginOf(facts []zoom.Fact) time.Time {
	var stated, all []time.Time
	for _, fact := range facts {
		all = append(all, fact.At)
		if !fact.Start.IsZero() {
			stated = append(stated, fact.Start)
		}
		if fact.Kind == zoom.Started {
			stated = append(stated, fact.At)
		}
	}
	if len(stated) == 0 {
		stated = all
	}
	return slices.MinFunc(stated, time.Time.Compare)
}

// newSegment keeps the greatest of whatever the facts of one visit say differently.
func newSegment(seat string, facts []zoom.Fact) *segment {
	s := &segment{id: facts[0].Segment, seat: seat}
	for _, fact := range facts {
		s.connection = max(s.connection, fact.Connection)
		s.key = max(s.key, fact.CustomerKey)
		s.account = max(s.account, fact.ZoomUserID)
		s.ids = [2]string{max(s.ids[0], fact.RegistrantID), max(s.ids[1], fact.ParticipantID)}
		s.email = max(s.email, fact.Email)
		s.marks = append(s.marks, mark{fact.At, fact.Kind, fact.Name})
	}
	s.marks = orderedMarks(s.marks)
	return s
}

// orderedMarks puts marks in order, joined before left at one instant, and keeps each
// once, with the greatest of its names.
func orderedMarks(marks []mark) []mark {
	slices.SortFunc(marks, func(a, b mark) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(string(a.kind), string(b.kind)), -strings.Compare(a.name, b.name))
	})
	return slices.CompactFunc(marks, func(a, b mark) bool { return a.kind == b.kind && a.at.Equal(b.at) })
}

// olderRun orders runs; the last of them is the newest.
func olderRun(a, b *run) int {
	return cmp.Or(a.begin.Compare(b.begin), strings.Compare(a.instance, b.instance), strings.Compare(a.number, b.number))
}

// appendNew adds the texts that are told and not among them.
func appendNew(list []string, values ...string) []string {
	for _, value := range values {
		if value != "" && !slices.Contains(list, value) {
			list = append(list, value)
		}
	}
	return list
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// joinTold gives a run that goes by its day alone, since Zoom told neither uuid nor
// start, the end that Zoom told of a run of the same number and day that goes by its
// start, if that is no earlier than it began.
func joinTold(runs []*run) {
	for _, r := range runs {
		day, ok := strings.CutPrefix(r.instance, "day ")
		if !ok || !r.told.IsZero() {
			continue
		}
		for _, other := range runs {
			start, byStart := strings.CutPrefix(other.instance, "start ")
			if byStart && other.number == r.number && strings.HasPrefix(start, day) && !other.told.Before(r.begin) {
				r.told = later(r.told, other.told)
			}
		}
	}
}
