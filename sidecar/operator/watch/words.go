package watch

import (
	"fmt"
	"time"
)

// spelt is a duration in words.
func spelt(d time.Duration) string {
	count := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case d < 2*time.Minute:
		return count(int(d.Round(time.Second)/time.Second), "second")
	case d < 2*time.Hour:
		return count(int(d/time.Minute), "minute")
	}
	return count(int(d/time.Hour), "hour")
}

// clockTime is an instant in words.
func clockTime(t time.Time) string { return t.UTC().Format("15:04 UTC on 2 January") }
