package relay_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

// ofMeeting is an event of another meeting.
func ofMeeting(number int, segment string) []byte {
	return bytes.Replace(event(segment), []byte(meeting), fmt.Appendf(nil, "8%010d", number), 1)
}

func TestNoTwoCallsShareAMeeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies [][]byte
		for i := range 600 {
			bodies = append(bodies, ofMeeting(i%20, fmt.Sprint(i)))
		}
		s := newShelf(bodies...)
		var mu sync.Mutex
		written := map[string]int{}
		calls, most := 0, 0
		count := func(facts []zoom.Fact, by int) (shared bool) {
			mu.Lock()
			defer mu.Unlock()
			calls += by
			most = max(most, calls)
			meetings := map[string]bool{}
			for _, f := range facts {
				meetings[f.Meeting] = true
			}
			for m := range meetings {
				written[m] += by
				shared = shared || written[m] > 1
			}
			return shared
		}
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if count(facts, +1) {
				t.Error("two calls write one meeting")
			}
			pass(time.Second)
			count(facts, -1)
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 3, Batch: 50})
		require.NoError(t, s.settled(t.Context()))
		require.Equal(t, 3, most, "and all workers work")
	})
}

func TestWhatComesDuringACallIsTheNextBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("first"))
		var sizes []int
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			sizes = append(sizes, len(facts))
			pass(time.Second)
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		synctest.Wait()
		for i := range 30 {
			s.change(func() {
				s.add(event(fmt.Sprint(i)))
			})
			pass(10 * time.Millisecond)
		}
		require.NoError(t, s.settled(t.Context()))
		require.Equal(t, []int{1, 30}, sizes)
	})
}
