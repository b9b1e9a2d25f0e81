package web

import (
	"cmp"
	"math"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// Rate is how often each visitor may do something. What that is, and the
// defaults, are the room's to say.
type Rate struct {
	Burst   int           // at once
	Every   time.Duration // and then one in this time
	Clients int           // visitors that are remembered; who was seen longest ago is forgotten
}

// Or returns the rate with its zero fields taken from another.
func (r Rate) Or(other Rate) Rate {
	return Rate{cmp.Or(r.Burst, other.Burst), cmp.Or(r.Every, other.Every), cmp.Or(r.Clients, other.Clients)}
}

// Negative says whether there is a negative field.
func (r Rate) Negative() bool { return r.Burst < 0 || r.Every < 0 || r.Clients < 0 }

// RetryAfter is when one more may come, as the header has it: in whole seconds.
func (r Rate) RetryAfter() string {
	return strconv.Itoa(int(math.Ceil(r.Every.Seconds())))
}

// Limiter counts per visitor in token buckets. They fill up by themselves, so a
// bucket that was forgotten is no different from one left alone, and nothing has
// to clean up in the background.
type Limiter struct {
	Rate
	buckets *lru.Cache[string, *rate.Limiter]
}

// NewLimiter makes a limiter. No field of the rate may be below 1.
func NewLimiter(r Rate) *Limiter {
	buckets, err := lru.New[string, *rate.Limiter](r.Clients)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Limiter{r, buckets}
}

// Allow takes one out of the visitor's bucket and says whether there was one left.
func (l *Limiter) Allow(visitor string, now time.Time) bool {
	bucket, known := l.buckets.Get(visitor)
	if !known {
		bucket = rate.NewLimiter(rate.Every(l.Every), l.Burst)
		if earlier, known, _ := l.buckets.PeekOrAdd(visitor, bucket); known {
			bucket = earlier
		}
	}
	return bucket.AllowN(now, 1)
}

// Spent says whether the visitor's bucket is empty, and takes nothing from it.
func (l *Limiter) Spent(visitor string, now time.Time) bool {
	bucket, known := l.buckets.Get(visitor)
	return known && bucket.TokensAt(now) < 1
}
