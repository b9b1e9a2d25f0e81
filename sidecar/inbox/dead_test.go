package inbox

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

// bury accepts events and gives each up.
func bury(t testing.TB, b *Inbox, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		accept(t, b, body)
		require.NoError(t, second(take(t, b, 1)[0].Bury(testContext(t), "because of "+body)))
	}
}

func deadLetters(t testing.TB, b *Inbox, after uint64) (texts []string) {
	t.Helper()
	for l, err := range b.DeadLetters(testContext(t), after) {
		require.NoError(t, err)
		texts = append(texts, fmt.Sprintf("%d %s", l.ID, l.Body))
	}
	return texts
}

func TestDeadLettersAreListedAndShown(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		require.Empty(t, deadLetters(t, b, 0))
		before := time.Now().Add(-time.Millisecond)
		bury(t, b, "one", "two", "three")
		require.Equal(t, []string{"1 one", "2 two", "3 three"}, deadLetters(t, b, 0))
		require.Equal(t, []string{"3 three"}, deadLetters(t, b, 2))

		l, err := b.DeadLetter(testContext(t), 2)
		require.NoError(t, err)
		require.Equal(t, "because of two", l.Reason)
		require.Equal(t, 1, l.Attempt)
		require.False(t, l.Group)
		require.WithinRange(t, l.AcceptedAt, before, l.BuriedAt.Add(time.Millisecond))
		require.WithinRange(t, l.BuriedAt, before, time.Now())
		_, err = b.DeadLetter(testContext(t), 4)
		require.ErrorIs(t, err, ErrNoLetter)
		count, err := b.CountDead(testContext(t))
		require.NoError(t, err)
		require.Equal(t, 3, count)
	})
}

func TestADroppedDeadLetterIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "one", "two", "three")
		require.NoError(t, b.Drop(testContext(t), 2))
		require.ErrorIs(t, b.Drop(testContext(t), 2), ErrNoLetter)
		require.Equal(t, []string{"1 one", "3 three"}, deadLetters(t, b, 0))
		require.EqualValues(t, 1, testutil.ToFloat64(b.metrics.dropDead))
		requireNothing(t, b)
	})
}

func TestDroppingTheLastDeadLettersIsNoDamage(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	bury(t, b, "one", "two")
	require.NoError(t, b.Drop(testContext(t), 2))
	require.NoError(t, b.Drop(testContext(t), 1))
	killed := Options{Dir: t.TempDir()}
	require.NoError(t, os.CopyFS(killed.Dir, os.DirFS(o.Dir)))
	shut(t, b)
	for _, o := range []Options{o, killed} {
		b = open(t, o)
		require.NoError(t, second(b.bury(testContext(t), event{body: []byte("three")}, "no")))
		require.Equal(t, []string{"3 three"}, deadLetters(t, b, 0), "an id is never given twice")
		shut(t, b)
	}
}

func TestADeadLetterPutBackIsTheEventThatItWas(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "one", "two")
		was, err := b.DeadLetter(testContext(t), 1)
		require.NoError(t, err)
		require.NoError(t, b.PutBack(testContext(t), 1))
		require.ErrorIs(t, b.PutBack(testContext(t), 1), ErrNoLetter)
		require.Equal(t, []string{"2 two"}, deadLetters(t, b, 0))
		shut(t, b)
		b = open(t, o)
		d := take(t, b, 1)[0]
		require.Equal(t, "one", string(d.Body()))
		require.Equal(t, was.Attempt+1, d.Attempt(), "so that its wait is nobody's delay")
		require.Equal(t, was.AcceptedAt, d.AcceptedAt(), "an event without a time of its own happened then")
		require.NoError(t, second(d.Bury(testContext(t), "still wrong")))
		require.Equal(t, []string{"2 two", "3 one"}, deadLetters(t, b, 0))
		kept, err := b.CountSince(testContext(t), was.AcceptedAt, func(body []byte) bool { return string(body) == "one" })
		require.NoError(t, err)
		require.Equal(t, 2, kept.Events, "a replay since then brings it, as it came and as it was put back")
	})
}

func TestADeadLetterThatCannotBeRemovedIsPutBackAllTheSame(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "one")
		stuck := streamConfig(b.options, streamDead, subjectDead)
		stuck.DenyDelete = true
		_, err := b.js.UpdateStream(testContext(t), stuck)
		require.NoError(t, err)
		require.ErrorIs(t, b.PutBack(testContext(t), 1), ErrUnavailable)
		require.Equal(t, []string{"1 one"}, deadLetters(t, b, 0))
		require.Equal(t, []string{"one"}, bodies(take(t, b, 1)))
		require.Error(t, b.Drop(testContext(t), 1))
	})
}

func TestADeadLetterStaysWhenTheInboxHasNoRoomForIt(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "one")
		full := streamConfig(b.options, streamEvents, subjectEvents)
		full.MaxBytes = 1
		_, err := b.js.UpdateStream(testContext(t), full)
		require.NoError(t, err)
		require.ErrorIs(t, b.PutBack(testContext(t), 1), ErrFull)
		require.ErrorIs(t, b.PutAllBack(testContext(t), func(uint64) {}), ErrFull)
		require.Equal(t, []string{"1 one"}, deadLetters(t, b, 0))
	})
}

func TestAllDeadLettersArePutBackOnceThoughSomeComeBack(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "one", "two", "three")
		require.NoError(t, b.Drop(testContext(t), 2))
		var back []uint64
		require.NoError(t, b.PutAllBack(testContext(t), func(id uint64) {
			back = append(back, id)
			require.NoError(t, second(take(t, b, 1)[0].Bury(testContext(t), "still wrong")))
		}))
		require.Equal(t, []uint64{1, 3}, back)
		require.Equal(t, []string{"4 one", "5 three"}, deadLetters(t, b, 0))
	})
}

func TestPuttingAllBackWaitsWhileManyEventsWait(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		bury(t, b, "dead")
		for range backlogMost { // each a group
			require.NoError(t, b.events.lane.publish(testContext(t), []*letter{{event: event{body: []byte("fresh"), attempt: 1}}}))
		}
		// The server counts what waits a moment after it has it.
		require.Eventually(t, func() bool {
			now, err := b.events.consumer.Info(testContext(t))
			return err == nil && now.NumPending+uint64(now.NumAckPending) >= backlogMost
		}, 10*time.Second, 10*time.Millisecond)
		ctx, cancel := context.WithTimeout(t.Context(), 2*backlogWait)
		defer cancel()
		require.ErrorIs(t, b.PutAllBack(ctx, func(uint64) {}), context.DeadlineExceeded)
		require.Equal(t, []string{"1 dead"}, deadLetters(t, b, 0))
		require.NoError(t, take(t, b, 1)[0].Done(testContext(t)))
		require.NoError(t, b.PutAllBack(testContext(t), func(uint64) {}))
		require.Empty(t, deadLetters(t, b, 0))
	})
}

func TestAGroupThatALaterVersionCanReadIsPutBackWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		msg := newGroup(subjectEvents, []event{{body: []byte("one"), attempt: 1}, {body: []byte("two"), attempt: 1}})
		msg.Header.Set(headerFormat, "from the future")
		_, err := b.js.PublishMsg(testContext(t), msg)
		require.NoError(t, err)
		requireNothing(t, b)
		l, err := b.DeadLetter(testContext(t), 1)
		require.NoError(t, err)
		require.True(t, l.Group)
		require.NoError(t, b.PutBack(testContext(t), 1))
		stream, err := b.js.Stream(testContext(t), streamEvents)
		require.NoError(t, err)
		back, err := stream.GetMsg(testContext(t), stream.CachedInfo().State.LastSeq)
		require.NoError(t, err)
		require.Equal(t, msg.Data, back.Data)
		require.Equal(t, "from the future", back.Header.Get(headerFormat))
		require.Equal(t, "2", back.Header.Get(headerEvents))
	})
}
