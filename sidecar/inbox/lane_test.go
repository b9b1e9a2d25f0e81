package inbox

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// heldLane is a lane whose publishes wait to be let go, one by one.
func heldLane() (l *lane, groups chan []*letter, letGo chan error) {
	groups, letGo = make(chan []*letter, 100), make(chan error)
	l = newLane(func(_ context.Context, group []*letter) error {
		groups <- group
		return <-letGo
	})
	return l, groups, letGo
}

// send puts an event in a goroutine of its own and waits until it is under
// way.
func send(t *testing.T, l *lane, body []byte, due time.Time) {
	go func() { _ = l.put(t.Context(), event{body: body}, due) }()
	synctest.Wait()
}

func TestEventsGatherWhileOthersAreOnTheirWay(t *testing.T) {
	now := time.Date(2025, 3, 4, 5, 6, 7, 0, time.UTC)
	big := bytes.Repeat([]byte{'x'}, groupBytes*2/3)
	for name, c := range map[string]struct {
		bodies [][]byte
		dues   []time.Time
		groups []int
	}{
		"small ones share a group":                {make([][]byte, 5), make([]time.Time, 5), []int{5}},
		"great ones do not":                       {[][]byte{big, big, nil}, make([]time.Time, 3), []int{1, 2}},
		"very many do not":                        {make([][]byte, groupEvents+1), make([]time.Time, groupEvents+1), []int{groupEvents, 1}},
		"those due in the same second do":         {make([][]byte, 2), []time.Time{now, now.Add(900 * time.Millisecond)}, []int{2}},
		"those due at different times do not":     {make([][]byte, 3), []time.Time{now, now.Add(time.Hour), now.Add(time.Hour)}, []int{1, 2}},
		"those due and those that are not do not": {make([][]byte, 2), []time.Time{{}, now}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, groups, letGo := heldLane()
				send(t, l, nil, time.Time{})
				require.Len(t, <-groups, 1, "a lone event goes at once")
				for i, body := range c.bodies {
					send(t, l, body, c.dues[i])
				}
				letGo <- nil
				for _, n := range c.groups {
					require.Len(t, <-groups, n)
					letGo <- nil
				}
				l.close()
				require.Empty(t, groups)
			})
		})
	}
}

func TestALaneEndsWhenTheLastEventHasLanded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, letGo := heldLane()
		send(t, l, nil, time.Time{})
		closed := make(chan struct{})
		go func() { l.close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("closed too soon")
		default:
		}
		require.ErrorIs(t, l.put(t.Context(), event{}, time.Time{}), ErrUnavailable)
		letGo <- nil
		<-closed
	})
}

func TestAPublishWithoutAnAnswerEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane(func(ctx context.Context, _ []*letter) error {
			<-ctx.Done()
			return ctx.Err()
		})
		err := l.put(t.Context(), event{}, time.Time{})
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, "no answer from the store in 8s")
		require.Equal(t, "unavailable", reason(err))
		l.close()
	})
}

func TestAnEventWaitsForRoomNoLongerThanItsSender(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, _, letGo := heldLane()
		for range waitingSize / greatest {
			send(t, l, make([]byte, greatest), time.Time{})
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, l.put(ctx, event{body: make([]byte, greatest)}, time.Time{}), ErrUnavailable)
		close(letGo)
		l.close()
	})
}
