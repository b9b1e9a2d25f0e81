package inbox

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestAServerOutOfReachIsRefusedAtOnceAndComesBack(t *testing.T) {
	s := startNats(t)
	b := open(t, Options{URL: s.url})
	accept(t, b, "before")
	s.kill()
	require.Eventually(t, func() bool { return b.Ready() != nil }, patience, 10*time.Millisecond)
	require.ErrorIs(t, b.Ready(), ErrUnavailable)
	require.ErrorIs(t, b.Accept(testContext(t), []byte("during")), ErrUnavailable)
	s.start(t, "4MB")
	require.Eventually(t, func() bool { return b.Ready() == nil }, patience, 10*time.Millisecond)
	accept(t, b, "after")
	require.ElementsMatch(t, []string{"before", "after"}, bodies(take(t, b, 2)))
}

func TestAServerThatCannotBeFoundIsNamedWithoutItsPassword(t *testing.T) {
	_, err := Open(testContext(t), Options{URL: "nats://user:secret@127.0.0.1:1"})
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.NotContains(t, err.Error(), "secret")
}

func TestAServerForSmallMessagesIsRefused(t *testing.T) {
	s := startNats(t)
	s.kill()
	s.start(t, "1MB")
	_, err := Open(testContext(t), Options{URL: s.url})
	require.ErrorContains(t, err, "max_payload")
}

func TestProcessesShareAServer(t *testing.T) {
	o := Options{URL: startNats(t).url, AckWait: time.Second}
	one, two := open(t, o), open(t, o)
	run(t, one)
	run(t, two)
	for range 10 {
		accept(t, one, "event")
		accept(t, two, "event")
	}
	done := 0
	for done < 20 {
		for _, b := range []*Inbox{one, two} {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			some, _ := b.Next(ctx, 3)
			cancel()
			for _, d := range some {
				require.NoError(t, d.Done(testContext(t)))
				done++
			}
		}
	}
	require.Equal(t, 20, done)
	ctx, cancel := context.WithTimeout(t.Context(), 2*o.AckWait)
	defer cancel()
	_, err := one.Next(ctx, 1)
	require.ErrorIs(t, err, context.DeadlineExceeded, "nothing comes twice")
}

func TestTheEventsOfADeadProcessGoToAnother(t *testing.T) {
	o := Options{URL: startNats(t).url, AckWait: time.Second}
	one := open(t, o)
	accept(t, one, "event")
	take(t, one, 1)
	one.nc.Close() // as when its machine is cut off: it gives nothing back
	require.Equal(t, []string{"event"}, bodies(take(t, open(t, o), 1)))
}

func TestAStreamEmptiedByHandIsDamage(t *testing.T) {
	o := Options{URL: startNats(t).url}
	b := open(t, o)
	accept(t, b, "one", "two", "three")
	b.keepHouse(testContext(t))
	stream, err := b.js.Stream(testContext(t), streamEvents)
	require.NoError(t, err)
	require.NoError(t, stream.Purge(testContext(t)))
	shut(t, b)
	_, err = Open(testContext(t), o)
	require.ErrorIs(t, err, ErrDamaged)
}
