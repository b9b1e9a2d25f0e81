package watch

import (
	"fmt"
	"slices"
	"time"
)

const (
	clockSamples = 5 // of the latest this many
	clockEnough  = 3 // before anything is said
)

// clock compares ours with Zoom's. Only what Zoom signed counts, one request of
// each look, and of these the middle: one that was slow on its way says nothing, and
// a request that Zoom repeats has a new timestamp. If the clock is so far off that
// nothing gets through, the requests say it that were refused for that alone.
type clock struct {
	window, most time.Duration
	last         reading
	offsets      []time.Duration
	refused      float64 // since the last that got through
}

func (c *clock) judge(r reading) (verdict, finding) {
	verified := r.newest+r.older > c.last.newest+c.last.older
	if verified {
		if c.refused > 0 {
			c.offsets = nil
		}
		c.refused = 0
		c.offsets = append(c.offsets, r.offset)
		c.offsets = c.offsets[max(0, len(c.offsets)-clockSamples):]
	} else {
		c.refused += r.refused - c.last.refused
	}
	c.last = r
	f := finding{key: clockSkew, name: clockSkew, remedy: "Set this machine's clock (NTP)."}
	if c.refused >= clockEnough {
		f.says = fmt.Sprintf("The last %.0f requests that Zoom signed were refused, because our clock and their timestamps differ by more than %s.", c.refused, spelt(c.window))
		f.remedy = "Set this machine's clock (NTP). If it is right, somebody sends again what they recorded."
		return wrong, f
	}
	if len(c.offsets) < clockEnough || c.refused > 0 {
		return cannotTell, f
	}
	sorted := slices.Sorted(slices.Values(c.offsets))
	middle := sorted[len(sorted)/2]
	where := "ahead of"
	if middle < 0 {
		where = "behind"
	}
	f.says = fmt.Sprintf("Our clock is %s %s Zoom's; from %s on every event is refused.", spelt(middle.Abs()), where, spelt(c.window))
	switch {
	case middle.Abs() > c.most:
		return wrong, f
	case middle.Abs() <= c.most/2:
		return right, f
	}
	return cannotTell, f
}
