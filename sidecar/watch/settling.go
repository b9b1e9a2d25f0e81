package watch

import (
	"fmt"
	"time"
)

// settling looks for events that wait while none is settled. One that is put off,
// because its meeting is not known yet, is settled for that while; and as long as
// many are worked off, something is.
type settling struct {
	patience time.Duration
	last     reading
	progress time.Time // the last time that something moved; at first the first look
}

func (s *settling) judge(r reading) (verdict, finding) {
	moved := s.moved(r)
	if moved || s.last.at.IsZero() {
		s.progress = r.at
	}
	s.last = r
	f := finding{
		key: notSettling, name: notSettling,
		says:   fmt.Sprintf("Events have waited for %s, and none was settled meanwhile.", spelt(r.oldest)),
		remedy: "They are safe and will be applied. The sidecar's log says what holds them up.",
	}
	if !r.destinationAnswers {
		f.says = fmt.Sprintf("Events have waited for %s, and none was settled meanwhile: the database does not answer as it should.", spelt(r.oldest))
		f.remedy = "They are safe and will be applied. Look at Supabase's status; the sidecar's log has what the database answered, and what to do where it is for us to mend."
	}
	switch {
	case moved || r.oldest < s.patience:
		return right, f
	case r.at.Sub(s.progress) >= s.patience:
		return wrong, f
	}
	return cannotTell, f
}

// moved says whether something was settled since the last look: by this process,
// or, where several share an inbox, by another one, so that the first in the
// queue is not the same.
func (s *settling) moved(r reading) bool {
	if s.last.at.IsZero() {
		return false
	}
	return r.settled > s.last.settled || r.oldest < s.last.oldest+r.at.Sub(s.last.at)/2
}
