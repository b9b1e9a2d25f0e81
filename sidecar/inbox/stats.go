package inbox

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Stats are the numbers of an inbox at a moment.
type Stats struct {
	Waiting int       // events that are not settled, those in flight included
	Later   int       // of them, those that were put off by themselves
	Dead    int       // dead letters
	Settled int       // events that are settled and stay for the retention
	Oldest  time.Time // when the oldest was accepted that waits for its first turn (neither put off, nor replayed or put back); zero for none
	Bytes   int64     // what the store takes
	Free    int64     // what is left on its disk; 0 where events are kept by NATS
	PutOff  []PutOff  // the meetings that are put off, the longest first
}

// PutOff is a meeting whose events are not handed out.
type PutOff struct {
	Meeting string    // Zoom's number
	Since   time.Time // when it was first put off
	Until   time.Time
	Reason  string // one line, nothing private
}

// putOffs are the meetings that are put off, by their numbers.
type putOffs map[string]PutOff

// add puts a meeting off, and returns until when it is now.
func (all putOffs) add(meeting string, until time.Time, reason string) PutOff {
	now := time.Now().UTC()
	p := all[meeting]
	if !p.Until.After(now) {
		p = PutOff{Meeting: meeting, Since: now}
	}
	if until.After(p.Until) {
		p.Until, p.Reason = until.UTC(), reason
	}
	all[meeting] = p
	return p
}

// over removes those whose time is over.
func (all putOffs) over() {
	now := time.Now()
	maps.DeleteFunc(all, func(_ string, p PutOff) bool { return !p.Until.After(now) })
}

// list is those whose time is not over, the longest first.
func (all putOffs) list() []PutOff {
	now := time.Now()
	list := slices.DeleteFunc(slices.Collect(maps.Values(all)), func(p PutOff) bool { return !p.Until.After(now) })
	slices.SortFunc(list, func(a, b PutOff) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Meeting, b.Meeting))
	})
	return list
}
