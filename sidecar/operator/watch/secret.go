package watch

import (
	"fmt"
	"time"
)

// oldSecretEnough is how many requests it takes to say anything.
const oldSecretEnough = 20

// secrets looks for a rotation that is not finished: only an older secret matches.
// While the newest one does, all is well, whatever else matches.
type secrets struct {
	patience time.Duration
	last     reading
	older    float64   // requests since the newest matched
	since    time.Time // the first of them
}

func (s *secrets) judge(r reading) (verdict, finding) {
	newest, older := r.newest-s.last.newest, r.older-s.last.older
	s.last = r
	if newest > 0 {
		s.older, s.since = 0, time.Time{}
	} else if older > 0 {
		if s.older == 0 {
			s.since = r.at
		}
		s.older += older
	}
	f := finding{
		key: oldSecret, name: oldSecret,
		says:   fmt.Sprintf("Only an older webhook secret matches: the newest signed none of the last %.0f requests, in %s.", s.older, spelt(r.at.Sub(s.since))),
		remedy: "The first of ZOOM_WEBHOOK_SECRET is not the one that Zoom uses. Compare it with the secret token on the Zoom app's feature page before the older one is removed.",
	}
	switch {
	case newest > 0:
		return right, f
	case s.older >= oldSecretEnough && r.at.Sub(s.since) >= s.patience:
		return wrong, f
	}
	return cannotTell, f
}
