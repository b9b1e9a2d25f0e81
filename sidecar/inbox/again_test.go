package inbox

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func anything([]byte) bool { return true }

// keepGroup writes a group of events that were accepted at a time, and
// settles them.
func keepGroup(t testing.TB, b *Inbox, at time.Time, bodies ...string) {
	t.Helper()
	var letters []*letter
	for _, body := range bodies {
		letters = append(letters, &letter{event: event{body: []byte(body), acceptedAt: at, attempt: 1}})
	}
	require.NoError(t, b.events.publish(testContext(t), letters))
	for _, d := range take(t, b, len(bodies)) {
		require.NoError(t, d.Done(testContext(t)))
	}
}

// replayAll replays and settles what comes, until the replay ends.
func replayAll(t testing.TB, b *Inbox, since time.Time, want func([]byte) bool) (Kept, []string) {
	t.Helper()
	ctx, stop := context.WithCancel(testContext(t))
	var kept Kept
	var came []string
	var work errgroup.Group
	work.Go(func() (err error) {
		defer stop()
		kept, err = b.Replay(ctx, since, want, func() {})
		return err
	})
	for {
		some, err := b.Next(ctx, 7)
		if err != nil {
			break
		}
		came = append(came, bodies(some)...)
		for _, d := range some {
			require.Equal(t, 2, d.Attempt())
			require.NoError(t, d.Done(testContext(t)))
		}
	}
	require.NoError(t, work.Wait())
	return kept, came
}

func TestAReplayBringsWhatWasAcceptedSince(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		since := time.Now().Truncate(time.Microsecond)
		keepGroup(t, b, since.Add(-time.Hour), "old one", "old two")
		keepGroup(t, b, since.Add(-time.Microsecond), "just before")
		keepGroup(t, b, since, "at it")
		keepGroup(t, b, since.Add(time.Second), "7b one", "8a two", "7b three")
		for range 2 {
			kept, came := replayAll(t, b, since, anything)
			require.Equal(t, []string{"at it", "7b one", "8a two", "7b three"}, came)
			require.Equal(t, Kept{Events: 4}, kept)
		}
		kept, came := replayAll(t, b, since, func(body []byte) bool { return strings.HasPrefix(string(body), "7b") })
		require.Equal(t, []string{"7b one", "7b three"}, came)
		require.Equal(t, 2, kept.Events)
		kept, err := b.CountSince(testContext(t), since.Add(-2*time.Hour), anything)
		require.NoError(t, err)
		require.Equal(t, Kept{Events: 7}, kept)
		kept, err = b.CountSince(testContext(t), since.Add(time.Hour), anything)
		require.NoError(t, err)
		require.Zero(t, kept)
		require.EqualValues(t, 10, testutil.ToFloat64(b.metrics.replayed.WithLabelValues(fromEvents)))
		shut(t, b)
		requireNothing(t, open(t, o))
	})
}

func TestAReplayOfAnInboxThatWasNeverUsedEndsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		kept, came := replayAll(t, open(t, o), time.Now().Add(-time.Hour), anything)
		require.Zero(t, kept)
		require.Empty(t, came)
	})
}

func TestAReplayGoesThroughManyGroups(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		var want []string
		for n := range 3*pageGroups + 1 {
			body := fmt.Sprint(n)
			keepGroup(t, b, time.Now(), body, body)
			want = append(want, body, body)
		}
		_, came := replayAll(t, b, time.Now().Add(-time.Hour), anything)
		require.Equal(t, want, came)
	})
}

func TestWhatWasNotHandedOutYetIsNotReplayed(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		keepGroup(t, b, time.Now(), "applied")
		shut(t, b)
		b = open(t, o) // which fetches only when it is asked
		accept(t, b, "waits")
		kept, err := b.CountSince(testContext(t), time.Now().Add(-time.Hour), anything)
		require.NoError(t, err)
		require.Equal(t, 1, kept.Events)
	})
}

func TestFreshEventsGoBeforeReplayedOnesWhichStayFew(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		for range 10 {
			keepGroup(t, b, time.Now(), strings.Split(strings.Repeat("old ", againMost/5), " ")...)
		}
		var once sync.Once
		begun := make(chan struct{})
		ctx, stop := context.WithCancel(testContext(t))
		defer stop()
		var work errgroup.Group
		work.Go(func() error {
			_, err := b.Replay(ctx, time.Now().Add(-time.Hour), func([]byte) bool {
				once.Do(func() { close(begun) })
				return true
			}, func() {})
			return err
		})
		<-begun
		held := take(t, b, againMost)
		for range 3 {
			accept(t, b, "fresh")
		}
		require.Equal(t, []string{"fresh", "fresh", "fresh"}, bodies(take(t, b, 3)), "no more than these are in hand")
		require.NoError(t, held[0].Done(testContext(t)))
		require.Equal(t, []string{"old"}, bodies(take(t, b, 1)))
		stop()
		require.ErrorIs(t, work.Wait(), context.Canceled)
	})
}

func TestEventsThatComeDuringAReplayAreNotReplayed(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		keepGroup(t, b, time.Now(), "one", "two", "three")
		var work errgroup.Group
		work.Go(func() error {
			_, err := b.Replay(testContext(t), time.Now().Add(-time.Hour), anything, func() {})
			return err
		})
		var came []string
		for len(came) < 6 {
			d := take(t, b, 1)[0]
			came = append(came, string(d.Body()))
			if d.Attempt() == 2 {
				accept(t, b, "fresh "+string(d.Body()))
			}
			require.NoError(t, d.Done(testContext(t)))
		}
		require.NoError(t, work.Wait())
		require.ElementsMatch(t, []string{"one", "fresh one", "two", "fresh two", "three", "fresh three"}, came)
		requireNothing(t, b)
	})
}

func TestAReplayedEventMayBePutOffOrBuriedAndComesAgainWhenThatFails(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		keepGroup(t, b, time.Now(), "one", "two")
		var work errgroup.Group
		work.Go(func() error {
			_, err := b.Replay(testContext(t), time.Now().Add(-time.Hour), anything, func() {})
			return err
		})
		gone, leave := context.WithCancel(t.Context())
		leave()
		require.Error(t, second(take(t, b, 1)[0].Bury(gone, "too late")))
		two := take(t, b, 1)[0]
		require.NoError(t, two.Later(testContext(t), 0))
		one := take(t, b, 2)
		require.ElementsMatch(t, []string{"one", "two"}, bodies(one))
		for _, d := range one {
			require.NoError(t, second(d.Bury(testContext(t), "no")))
		}
		require.NoError(t, work.Wait())
		require.Len(t, deadLetters(t, b, 0), 2)
		requireNothing(t, b)
	})
}

func TestAReplayEndsWhenTheInboxCloses(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		keepGroup(t, b, time.Now(), "one")
		var work errgroup.Group
		work.Go(func() error {
			_, err := b.Replay(testContext(t), time.Now().Add(-time.Hour), anything, func() {})
			return err
		})
		take(t, b, 1)
		shut(t, b)
		require.ErrorIs(t, work.Wait(), ErrUnavailable)
		requireNothing(t, open(t, o))
	})
}

func TestAReplaySaysWhatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		since := time.Now().Add(-time.Hour)
		for n := range 3 {
			keepGroup(t, b, time.Now(), fmt.Sprint(n))
		}
		b.keepHouse(testContext(t))
		at := time.Now()
		b.now = func() time.Time { return at.Add(8 * 24 * time.Hour) }
		b.keepHouse(testContext(t))
		kept, err := b.CountSince(testContext(t), since, anything)
		require.NoError(t, err)
		require.Equal(t, 1, kept.Events)
		require.True(t, kept.From.After(since))
		require.WithinDuration(t, at, kept.From, patience)
		require.Zero(t, kept.Missing)
	})
}

func TestGroupsThatAreRemovedDuringAReplayAreCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		for n := range pageGroups + 3 {
			keepGroup(t, b, time.Now(), fmt.Sprint(n))
		}
		var once sync.Once
		kept, err := b.CountSince(testContext(t), time.Now().Add(-time.Hour), func([]byte) bool {
			once.Do(func() { // the first page is read already
				stream, err := b.js.Stream(testContext(t), streamEvents)
				require.NoError(t, err)
				now, err := b.events.look(testContext(t))
				require.NoError(t, err)
				require.NoError(t, b.events.remove(testContext(t), now, stream.CachedInfo().State.LastSeq-1))
			})
			return true
		})
		require.NoError(t, err)
		require.Equal(t, Kept{Events: pageGroups + 1, Missing: 2}, kept)
	})
}
