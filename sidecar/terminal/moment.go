package terminal

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var daysAgo = regexp.MustCompile(`^([0-9]{1,5})d$`)

// Past reads a moment of the past that somebody typed: a date, which is its first
// instant in UTC, a time, or how long ago.
func Past(text string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.DateOnly, text); err == nil && at.Before(now) {
		return at, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil && at.Before(now) {
		return at.UTC(), nil
	}
	if days := daysAgo.FindStringSubmatch(text); days != nil {
		if n, _ := strconv.Atoi(days[1]); n > 0 {
			return now.AddDate(0, 0, -n).UTC().Truncate(time.Second), nil
		}
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago).UTC().Truncate(time.Second), nil
	}
	return time.Time{}, fmt.Errorf("must be a date or a time of the past such as 2026-03-02 or 2026-03-02T08:00:00Z, or how long ago, such as 36h or 7d; not %q", text)
}
