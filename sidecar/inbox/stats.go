package inbox

import "time"

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
