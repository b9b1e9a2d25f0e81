package watch

import (
	"fmt"
	"time"
)

// settling looks for an event that has waited too long, whether it was never settled
// or is put off because its meeting is held up. That others are settled meanwhile
// makes it no better.
type settling struct {
	patience time.Duration
	last     reading
	began    time.Time // the first look: what a start finds has not been tried yet
}

func (s *settling) judge(r reading) (verdict, finding) {
	if s.began.IsZero() {
		s.began = r.at
	}
	moved := !s.last.at.IsZero() && r.settled > s.last.settled
	s.last = r
	f := finding{
		key: notSettling, name: notSettling,
		says:   fmt.Sprintf("Events have waited for %s, and none was settled lately.", spelt(r.oldest)),
		remedy: "They are safe and will be applied. The sidecar's log says what holds them up.",
	}
	switch {
	case !r.destinationAnswers:
		f.says = fmt.Sprintf("Events have waited for %s: the database does not answer as it should.", spelt(r.oldest))
		f.remedy = "They are safe and will be applied. Look at Supabase's status; the sidecar's log has what the database answered, and what to do where it is for us to mend."
	case r.held >= r.oldest && r.held > 0:
		f.says = fmt.Sprintf("Events of one meeting or more have waited for %s, though the database takes others.", spelt(r.oldest))
		f.remedy = "They are safe and tried again. meeting_held_up, here and in the log, names the meetings and why."
	case moved:
		f.says = fmt.Sprintf("Events have waited for %s, though others are settled.", spelt(r.oldest))
	}
	switch {
	case r.oldest < s.patience:
		return right, f
	case r.at.Sub(s.began) >= s.patience:
		return wrong, f
	}
	return cannotTell, f
}
