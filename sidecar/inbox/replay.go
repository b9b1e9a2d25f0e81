package inbox

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"zoom-attendance/sidecar/zoom"
)

// OutcomeUnknown is the outcome of an event whose meeting nobody knows.
const OutcomeUnknown = string(zoom.UnknownMeeting)

// Replay says which settled events are to be handed out again. Empty fields choose all.
type Replay struct {
	Since   time.Time // accepted then or later
	Meeting string    // of this number
	Outcome string    // settled with this outcome
	DryRun  bool      // count them only
}

// Replayed is what came of a replay.
type Replayed struct {
	Events int       // that were handed out again, or would be
	From   time.Time // what was accepted before may be gone; zero when nothing is
}

// UnknownMeeting is a meeting that nobody knew when events of it came.
type UnknownMeeting struct {
	Meeting string    `json:"meeting"` // Zoom's number
	Count   int       `json:"count"`   // events of it
	First   time.Time `json:"first"`   // when the first of them was accepted
	Last    time.Time `json:"last"`    // and the last
}

// DeadLetter is an event that was given up.
type DeadLetter struct {
	Number     uint64 // never given twice
	Body       []byte
	Meeting    string
	Kind       string
	Source     string
	Reason     string // one line, nothing private
	AcceptedAt time.Time
	BuriedAt   time.Time
	Attempt    int // which try was the last
}

const (
	maxReason = 512 // bytes of a reason that are kept

	maxWaitingForLetters = 1000                   // events that may wait while dead letters are put back
	waitingInterval      = 200 * time.Millisecond // between two looks at how many wait
)

// oneLine makes text fit for a reason.
func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	return strings.ToValidUTF8(text[:min(len(text), maxReason)], "")
}

// PutAllBack puts back every dead letter there is when it begins, the oldest first, and
// tells each as it is done. It keeps few waiting, so that fresh events find room.
// Stopped or failed, those left are dead letters still; doing it again goes on.
func PutAllBack(ctx context.Context, in Inbox, done func(number uint64)) error {
	now, err := in.Stats(ctx)
	if err != nil {
		return err
	}
	found := 0
	for letter, err := range in.DeadLetters(ctx, 0) {
		if found++; err != nil || found > now.Dead { // it died after we began
			return err
		}
		if err := untilFewWait(ctx, in); err != nil {
			return err
		}
		err := in.PutBack(ctx, letter.Number)
		if errors.Is(err, ErrNoLetter) {
			continue // somebody else did, or dropped it
		}
		if err != nil {
			return err
		}
		done(letter.Number)
	}
	return nil
}

// untilFewWait waits until there is room for fresh events.
func untilFewWait(ctx context.Context, in Inbox) error {
	for {
		now, err := in.Stats(ctx)
		if err != nil || now.Waiting < maxWaitingForLetters {
			return err
		}
		select {
		case <-time.After(waitingInterval):
		case <-ctx.Done():
			return fmt.Errorf("wait until fewer events wait: %w", ctx.Err())
		}
	}
}
