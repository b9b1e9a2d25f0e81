package web

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// refusalLineEvery is how often refusals of one kind of one client may be logged.
const refusalLineEvery = time.Minute

// Refusals keeps the log from growing with what strangers do: of the refusals of
// one kind that one client gets, the first has a line in the log, and then one a
// minute at most, which says how many had none.
type Refusals struct {
	mu    sync.Mutex
	lines *simplelru.LRU[refusal, *refusalLine]
}

type refusal struct{ client, kind string }

type refusalLine struct {
	at       time.Time
	unlogged int // since then
}

// NewRefusals remembers so many, at least 1; what was refused longest ago is
// forgotten.
func NewRefusals(most int) *Refusals {
	lines, err := simplelru.NewLRU[refusal, *refusalLine](most, nil)
	if err != nil {
		panic(err) // only for a size below 1
	}
	return &Refusals{lines: lines}
}

// Line says whether a refusal is to be logged, and then how many like it were not
// since the last line.
func (r *Refusals) Line(client, kind string, now time.Time) (write bool, unlogged int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, known := r.lines.Get(refusal{client, kind})
	if known && now.Sub(last.at) < refusalLineEvery {
		last.unlogged++
		return false, 0
	}
	if known {
		unlogged = last.unlogged
	}
	r.lines.Add(refusal{client, kind}, &refusalLine{at: now})
	return true, unlogged
}
