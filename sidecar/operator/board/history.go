package board

import (
	"math"
	"net/http"
	"time"
)

const (
	sampleEvery = time.Minute
	samplesKept = 24 * 60 // a day
)

// sample is a minute that is over. What nothing is known of is NaN.
type sample struct {
	at                    time.Time
	rate                  float64 // events a second
	answerHalf, answerTop float64 // seconds: half of the answers were as fast, and 99 of 100
	delayHalf, delayTop   float64 // from the answer until the rows say it
	waiting               float64 // events
}

// between is the sample of the time from one reading to the next.
func between(from, to reading) sample {
	return sample{
		at: to.at, rate: rate(from, to), waiting: to.waiting + to.later,
		answerHalf: quantile(from.answered, to.answered, .5), answerTop: quantile(from.answered, to.answered, .99),
		delayHalf: quantile(from.delay, to.delay, .5), delayTop: quantile(from.delay, to.delay, .99),
	}
}

// ring keeps the newest samples. Its size is taken as it fills.
type ring struct {
	samples []sample
	next    int     // where the oldest is, once it is full
	last    reading // that the newest sample ended with
}

func (r *ring) add(now reading) {
	one := between(r.last, now)
	r.last = now
	if len(r.samples) < samplesKept {
		r.samples = append(r.samples, one)
		return
	}
	r.samples[r.next] = one
	r.next = (r.next + 1) % samplesKept
}

// inOrder is the samples, the oldest first.
func (r *ring) inOrder() []sample {
	return append(append([]sample{}, r.samples[r.next:]...), r.samples[:r.next]...)
}

// column is numbers of the page's charts, null for what is not known.
type column []*float64

func (c *column) add(value float64) {
	if math.IsNaN(value) {
		*c = append(*c, nil)
		return
	}
	value = math.Round(value*1e5) / 1e5
	*c = append(*c, &value)
}

// historyView is what the charts are drawn from, column by column.
type historyView struct {
	Since      time.Time `json:"since"` // when the process began; nothing before is known
	At         []int64   `json:"at"`    // seconds since 1970
	Rate       column    `json:"rate"`
	AnswerHalf column    `json:"answer_half"`
	AnswerTop  column    `json:"answer_top"`
	DelayHalf  column    `json:"delay_half"`
	DelayTop   column    `json:"delay_top"`
	Waiting    column    `json:"waiting"`
}

// history is the samples, and the minute that is not over yet.
func (b *Board) history(w http.ResponseWriter, _ *http.Request) {
	now := take(b.Metrics, time.Now())
	b.mu.Lock()
	samples := b.past.inOrder()
	if !b.past.last.at.IsZero() && now.at.Sub(b.past.last.at) >= time.Second {
		samples = append(samples, between(b.past.last, now))
	}
	b.mu.Unlock()
	view := historyView{Since: b.began, At: []int64{}, Rate: column{}, AnswerHalf: column{}, AnswerTop: column{},
		DelayHalf: column{}, DelayTop: column{}, Waiting: column{}}
	for _, s := range samples {
		view.At = append(view.At, s.at.Unix())
		view.Rate.add(s.rate)
		view.AnswerHalf.add(s.answerHalf)
		view.AnswerTop.add(s.answerTop)
		view.DelayHalf.add(s.delayHalf)
		view.DelayTop.add(s.delayTop)
		view.Waiting.add(s.waiting)
	}
	send(w, http.StatusOK, view)
}
