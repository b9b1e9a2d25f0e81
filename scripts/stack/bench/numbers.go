package main

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"
)

// percentile is the least of the ascending values that so many percent do not
// exceed.
func percentile(ascending []time.Duration, percent float64) time.Duration {
	if len(ascending) == 0 {
		return 0
	}
	rank := int(math.Ceil(float64(len(ascending)) * percent / 100))
	return ascending[max(rank, 1)-1]
}

// sample is what the rounds of one thing measured.
type sample []float64

// median is the middle, or the mean of the two middle ones.
func (s sample) median() float64 {
	if len(s) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

func (s sample) low() float64  { return slices.Min(s) }
func (s sample) high() float64 { return slices.Max(s) }

// over divides round by round by what another contestant did in that round.
func (s sample) over(other sample) sample {
	ratios := make(sample, min(len(s), len(other)))
	for i := range ratios {
		ratios[i] = s[i] / other[i]
	}
	return ratios
}

// times multiplies each.
func (s sample) times(factor float64) sample {
	product := make(sample, len(s))
	for i := range s {
		product[i] = s[i] * factor
	}
	return product
}

// unit says what a number counts, and so how it is written.
type unit string

const (
	perSecond unit = "/s"
	ratio     unit = "×"
	percent   unit = "%"
	millis    unit = "ms"
	seconds   unit = "s"
	mebibytes unit = "MiB"
	megabytes unit = "MB"
)

// exact writes a number that somebody chose.
func (u unit) exact(value float64) string {
	if u == perSecond {
		return u.write(value)
	}
	return u.behind(strconv.FormatFloat(value, 'f', -1, 64))
}

// write writes a number that was measured, as precisely as it deserves.
func (u unit) write(value float64) string {
	if math.IsNaN(value) {
		return "-"
	}
	if u == perSecond {
		return thousands(int(math.Round(value))) + "/s"
	}
	digits := 0
	switch size := math.Abs(value); {
	case size < 10 || u == megabytes:
		digits = 2
	case size < 100:
		digits = 1
	}
	return u.behind(strconv.FormatFloat(value, 'f', digits, 64))
}

// behind puts the unit behind a number.
func (u unit) behind(number string) string {
	if u == ratio {
		return number + string(u)
	}
	return number + " " + string(u)
}

// thousands writes 12345 as 12,345.
func thousands(n int) string {
	if n < 0 {
		return "-" + thousands(-n)
	}
	if n < 1000 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

// inMillis is a duration as a number of milliseconds.
func inMillis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// best is the key of the greatest value, the least of such keys.
func best(of map[int]float64) int {
	keys := make([]int, 0, len(of))
	for key := range of {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return slices.MaxFunc(keys, func(a, b int) int { return cmp.Compare(of[a], of[b]) })
}
