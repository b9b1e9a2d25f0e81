package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

const patience = 30 * time.Second

// places are the two kinds of inbox; every promise is tested on both.
var places = map[string]func(testing.TB) Options{
	"embedded": func(t testing.TB) Options { return Options{Dir: t.TempDir()} },
	"external": func(t testing.TB) Options { return Options{URL: startNats(t).url} },
}

func onBoth(t *testing.T, test func(*testing.T, Options)) {
	for name, place := range places {
		t.Run(name, func(t *testing.T) { test(t, place(t)) })
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, o Options) *Inbox {
	t.Helper()
	b, err := Open(testContext(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { shut(t, b) })
	return b
}

func shut(t testing.TB, b *Inbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, b.Close(ctx))
}

// run keeps house until the test ends.
func run(t testing.TB, b *Inbox) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

func accept(t testing.TB, b *Inbox, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		require.NoError(t, b.Accept(testContext(t), []byte(body)))
	}
}

// take waits for n deliveries.
func take(t testing.TB, b *Inbox, n int) []*Delivery {
	t.Helper()
	var taken []*Delivery
	for len(taken) < n {
		some, err := b.Next(testContext(t), n-len(taken))
		require.NoError(t, err)
		taken = append(taken, some...)
	}
	return taken
}

func bodies(deliveries []*Delivery) []string {
	var texts []string
	for _, d := range deliveries {
		texts = append(texts, string(d.Body()))
	}
	return texts
}

// requireNothing holds when the next event is one accepted only now.
func requireNothing(t testing.TB, b *Inbox) {
	t.Helper()
	accept(t, b, "a later event")
	d := take(t, b, 1)[0]
	require.Equal(t, "a later event", string(d.Body()))
	require.NoError(t, d.Done(testContext(t)))
}

func TestAnAcceptedEventIsHandedOutAsItCame(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		before := time.Now().Add(-time.Millisecond)
		accept(t, b, `{"event":"meeting.started"}`)
		d := take(t, b, 1)[0]
		require.Equal(t, `{"event":"meeting.started"}`, string(d.Body()))
		require.Equal(t, 1, d.Attempt())
		require.WithinRange(t, d.AcceptedAt(), before, time.Now())
		require.NoError(t, d.Done(testContext(t)))
		require.NoError(t, d.Done(testContext(t)), "settling twice does nothing")
		require.NoError(t, b.Ready())
	})
}

func TestAnEventOfOneMebibyteFits(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		body := bytes.Repeat([]byte{'x'}, greatest)
		require.NoError(t, b.Accept(testContext(t), body))
		d := take(t, b, 1)[0]
		require.True(t, bytes.Equal(body, d.Body()))
		require.NoError(t, second(d.Bury(testContext(t), "too long to read")))
	})
}

func TestManySendersAtOnceLoseAndDoubleNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		b := open(t, o)
		const senders, each = 64, 20
		var work errgroup.Group
		for s := range senders {
			work.Go(func() error {
				for i := range each {
					if err := b.Accept(testContext(t), fmt.Appendf(nil, "%d of %d", i, s)); err != nil {
						return err
					}
				}
				return nil
			})
		}
		seen := map[string]int{}
		for len(seen) < senders*each {
			for _, d := range take(t, b, 1) {
				seen[string(d.Body())]++
				require.NoError(t, d.Done(testContext(t)))
			}
		}
		require.NoError(t, work.Wait())
		for body, times := range seen {
			require.Equal(t, 1, times, body)
		}
		requireNothing(t, b)
		require.Equal(t, float64(senders*each+1), testutil.ToFloat64(b.metrics.accepted))
		require.Equal(t, float64(senders*each+1), testutil.ToFloat64(b.metrics.settled.WithLabelValues(howDone)))
		require.Less(t, testutil.ToFloat64(b.metrics.groups), float64(senders*each), "groups share syncs")
	})
}

func TestNextTakesWhatIsReadyUpToTheMost(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "one", "two", "three", "four", "five")
		require.ElementsMatch(t, []string{"one", "two", "three"}, bodies(take(t, b, 3)))
		some, err := b.Next(testContext(t), 1)
		require.NoError(t, err)
		require.Len(t, some, 1)
	})
}

func TestWhatIsDoneStaysDoneAfterAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "one", "two")
		for _, d := range take(t, b, 2) {
			require.NoError(t, d.Done(testContext(t)))
		}
		shut(t, b)
		requireNothing(t, open(t, o))
	})
}

func TestWhatIsNotSettledComesAgainAfterAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.AckWait = time.Hour // it must not be this that brings it back
		b := open(t, o)
		accept(t, b, "one", "two", "three")
		for _, d := range take(t, b, 3) {
			if string(d.Body()) == "two" {
				require.NoError(t, d.Done(testContext(t)))
			}
		}
		shut(t, b)
		b = open(t, o)
		again := take(t, b, 2)
		require.ElementsMatch(t, []string{"one", "three"}, bodies(again))
		require.Equal(t, 1, again[0].Attempt())
	})
}

func TestAnEventInHandIsNotHandedOutAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.AckWait = 500 * time.Millisecond
		b := open(t, o)
		accept(t, b, "held")
		held := take(t, b, 1)[0]
		ctx, cancel := context.WithTimeout(t.Context(), 3*o.AckWait)
		defer cancel()
		_, err := b.Next(ctx, 10)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		info, err := b.events.consumer.Info(testContext(t))
		require.NoError(t, err)
		require.Zero(t, info.NumRedelivered, "the server knows that it is worked on")
		require.NoError(t, held.Done(testContext(t)))
		requireNothing(t, b)
	})
}

func TestAnEventThatTheServerSendsTwiceIsHandedOutOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "held")
		held := take(t, b, 1)[0]
		// $JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<of the consumer>.<time>.<pending>
		reply := fmt.Sprintf("$JS.ACK.%s.%s.1.1.1.0.0", streamEvents, consumerName)
		require.NoError(t, b.nc.Publish(reply, []byte("-NAK")))
		requireNothing(t, b) // it comes behind the one sent again
		require.NoError(t, held.Done(testContext(t)))
		shut(t, b)
		requireNothing(t, open(t, o))
	})
}

func TestAnEventPutOffComesLaterAndCountsItsAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "early")
		first := take(t, b, 1)[0]
		start := time.Now()
		require.NoError(t, first.Later(testContext(t), 300*time.Millisecond))
		second := take(t, b, 1)[0]
		require.GreaterOrEqual(t, time.Since(start), 300*time.Millisecond)
		require.Equal(t, "early", string(second.Body()))
		require.Equal(t, 2, second.Attempt())
		require.Equal(t, first.AcceptedAt(), second.AcceptedAt())
		require.NoError(t, second.Later(testContext(t), time.Millisecond))
		third := take(t, b, 1)[0]
		require.Equal(t, 3, third.Attempt())
		require.NoError(t, third.Done(testContext(t)))
		requireNothing(t, b)
	})
}

func TestAnEventPutOffSurvivesAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "early")
		due := time.Now().Add(time.Second)
		require.NoError(t, take(t, b, 1)[0].Later(testContext(t), time.Second))
		shut(t, b)
		b = open(t, o)
		d := take(t, b, 1)[0]
		require.False(t, time.Now().Before(due), "it came too soon")
		require.Equal(t, 2, d.Attempt())
	})
}

func TestThousandsPutOffDoNotHoldUpFreshEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		const waiting = 3000
		var senders, relays errgroup.Group
		senders.SetLimit(64)
		for i := range waiting {
			senders.Go(func() error { return b.Accept(testContext(t), fmt.Appendf(nil, "unknown %d", i)) })
		}
		relays.SetLimit(256)
		for put := 0; put < waiting; {
			some, err := b.Next(testContext(t), 500)
			require.NoError(t, err)
			put += len(some)
			for _, d := range some {
				relays.Go(func() error { return d.Later(testContext(t), time.Hour) })
			}
		}
		require.NoError(t, errors.Join(senders.Wait(), relays.Wait()))
		requireNothing(t, b)
		accept(t, b, "soon")
		require.NoError(t, take(t, b, 1)[0].Later(testContext(t), time.Millisecond))
		soon := take(t, b, 1)[0]
		require.Equal(t, "soon", string(soon.Body()), "nor do they hold up those due sooner")
		require.NoError(t, soon.Done(testContext(t)))
		shut(t, b)
		requireNothing(t, open(t, o))
	})
}

func TestAnEventThatCannotBeSettledComesAgainByItself(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.AckWait, o.MaxBytes = 500*time.Millisecond, 1<<20
		b := open(t, o)
		for { // until no more can be put off
			require.NoError(t, b.Accept(testContext(t), bytes.Repeat([]byte{'x'}, 100<<10)))
			d := take(t, b, 1)[0]
			if err := d.Later(testContext(t), time.Hour); err != nil {
				require.ErrorIs(t, err, ErrFull)
				break
			}
		}
		d := take(t, b, 1)[0]
		require.Equal(t, 1, d.Attempt())
		require.NoError(t, d.Done(testContext(t)))
		requireNothing(t, b)
	})
}

func TestABuriedEventIsADeadLetterWithItsReason(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		var logged bytes.Buffer
		o.Log = slog.New(slog.NewTextHandler(&logged, nil))
		b := open(t, o)
		accept(t, b, "secret")
		require.NoError(t, take(t, b, 1)[0].Later(testContext(t), 0))
		d := take(t, b, 1)[0]
		require.NoError(t, second(d.Bury(testContext(t), "no\nsuch\nthing")))
		requireNothing(t, b)

		stream, err := b.js.Stream(testContext(t), streamDead)
		require.NoError(t, err)
		letter, err := stream.GetMsg(testContext(t), 1)
		require.NoError(t, err)
		require.Equal(t, "secret", string(letter.Data))
		require.Equal(t, "no such thing", letter.Header.Get(headerReason))
		require.Equal(t, "2", letter.Header.Get(headerAttempt))
		require.Equal(t, d.AcceptedAt().Format(time.RFC3339Nano), letter.Header.Get(headerAcceptedAt))
		require.Equal(t, float64(1), testutil.ToFloat64(b.metrics.settled.WithLabelValues(howDead)))
		shut(t, b)
		require.NotContains(t, logged.String(), "secret")
	})
}

func TestAGroupWeCannotReadBecomesADeadLetterWhole(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		_, err := b.js.Publish(testContext(t), subjectEvents, []byte("from the future"))
		require.NoError(t, err)
		requireNothing(t, b)
		stream, err := b.js.Stream(testContext(t), streamDead)
		require.NoError(t, err)
		letter, err := stream.GetMsg(testContext(t), 1)
		require.NoError(t, err)
		require.Equal(t, "from the future", string(letter.Data))
	})
}

func TestAFullInboxRefusesAndRecoversWhenEventsAreSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.MaxBytes = 1 << 20
		b := open(t, o)
		body := bytes.Repeat([]byte{'x'}, 100<<10)
		kept := 0
		var err error
		for ; err == nil; kept++ {
			err = b.Accept(testContext(t), body)
		}
		kept--
		require.ErrorIs(t, err, ErrFull)
		require.Equal(t, float64(1), testutil.ToFloat64(b.metrics.refused.WithLabelValues("full")))
		require.ErrorIs(t, b.Accept(testContext(t), body), ErrFull, "what is not settled is never removed")
		for _, d := range take(t, b, kept) {
			require.NoError(t, d.Done(testContext(t)))
		}
		require.NoError(t, b.Accept(testContext(t), body))
		require.Positive(t, testutil.ToFloat64(b.metrics.dropped))
		require.Len(t, take(t, b, 1), 1)
		shut(t, b)
		open(t, o) // what was removed early is no damage
	})
}

func TestOnlySettledEventsAreRemovedAfterTheRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.Retention = 200 * time.Millisecond
		b := open(t, o)
		run(t, b)
		accept(t, b, "old", "unsettled", "new")
		taken := take(t, b, 3)
		for _, d := range taken {
			if string(d.Body()) == "old" {
				require.NoError(t, d.Done(testContext(t)))
			}
		}
		first := func() uint64 {
			s, err := b.state(testContext(t), streamEvents)
			require.NoError(t, err)
			return s.First
		}
		require.Eventually(t, func() bool { return first() == 2 }, patience, 10*time.Millisecond)
		require.Never(t, func() bool { return first() != 2 }, 3*o.Retention, 50*time.Millisecond)
		for _, d := range taken {
			require.NoError(t, d.Done(testContext(t)))
		}
		require.Eventually(t, func() bool { return first() == 3 }, patience, 10*time.Millisecond, "the last group stays")
		shut(t, b)
		requireNothing(t, open(t, o))
	})
}

func TestTheRetentionCountsFromTheSettling(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.Retention = time.Hour
		b := open(t, o)
		accept(t, b, "one", "two", "three")
		for _, d := range take(t, b, 3) {
			require.NoError(t, d.Done(testContext(t)))
		}
		at := time.Now()
		for _, step := range []struct {
			after time.Duration
			first uint64
		}{{0, 1}, {59 * time.Minute, 1}, {61 * time.Minute, 3}} {
			b.now = func() time.Time { return at.Add(step.after) }
			b.keepHouse(testContext(t))
			s, err := b.state(testContext(t), streamEvents)
			require.NoError(t, err)
			require.Equal(t, step.first, s.First, "after %v", step.after)
		}
	})
}

func TestTheGaugesTellWhatWaits(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "one", "two", "three")
		require.NoError(t, take(t, b, 3)[0].Later(testContext(t), time.Hour))
		b.keepHouse(testContext(t))
		require.Equal(t, float64(2), testutil.ToFloat64(b.metrics.backlog.WithLabelValues("events")))
		require.Equal(t, float64(1), testutil.ToFloat64(b.metrics.backlog.WithLabelValues("later")))
		require.Positive(t, testutil.ToFloat64(b.metrics.bytes.WithLabelValues("events")))
		require.Positive(t, testutil.ToFloat64(b.metrics.oldest))
		require.Zero(t, testutil.ToFloat64(b.metrics.deadInbox))
		require.Equal(t, b.dir != nil, testutil.ToFloat64(b.metrics.free) > 0, "of our own disk, and no other")
	})
}

func TestAnAcceptWhoseSenderLeftReturns(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		gone, leave := context.WithCancel(t.Context())
		leave()
		err := b.Accept(gone, []byte("nobody waits"))
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
		_, err = b.Next(gone, 1)
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestClosingWhileEventsComeKeepsWhatWasAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		var mu sync.Mutex
		answered := map[string]bool{}
		var senders sync.WaitGroup
		some := make(chan struct{}, 10_000)
		for s := range 32 {
			senders.Go(func() {
				for i := 0; ; i++ {
					body := fmt.Sprintf("%d of %d", i, s)
					if err := b.Accept(testContext(t), []byte(body)); err != nil {
						require.ErrorIs(t, err, ErrUnavailable)
						return
					}
					mu.Lock()
					answered[body] = true
					mu.Unlock()
					select {
					case some <- struct{}{}:
					default:
					}
				}
			})
		}
		for range 200 {
			<-some
		}
		shut(t, b)
		senders.Wait()
		require.ErrorIs(t, b.Accept(testContext(t), nil), ErrUnavailable)
		require.ErrorIs(t, b.Ready(), ErrUnavailable)
		_, err := b.Next(testContext(t), 1)
		require.ErrorIs(t, err, ErrUnavailable)
		require.NoError(t, b.Run(testContext(t)))

		b = open(t, o)
		for len(answered) > 0 {
			for _, d := range take(t, b, 1) {
				delete(answered, string(d.Body()))
				require.NoError(t, d.Done(testContext(t)))
			}
		}
	})
}

func TestItMayBeOpenedAndClosedManyTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		for range 20 {
			b := open(t, o)
			accept(t, b, "one")
			for _, d := range take(t, b, 1) {
				require.NoError(t, d.Done(testContext(t)))
			}
			shut(t, b)
			shut(t, b)
		}
	})
}

func TestTheConfigurationMayChange(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, "one")
		shut(t, b)
		o.MaxBytes, o.AckWait = 2<<20, 3*time.Second
		b = open(t, o)
		require.Equal(t, []string{"one"}, bodies(take(t, b, 1)))
		stream, err := b.js.Stream(testContext(t), streamEvents)
		require.NoError(t, err)
		require.Equal(t, jetstream.DiscardNew, stream.CachedInfo().Config.Discard)
		require.EqualValues(t, 2<<20, stream.CachedInfo().Config.MaxBytes)
	})
}
