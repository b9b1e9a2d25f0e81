package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// stores are the two kinds of inbox. Every promise of the interface is tested on both.
var stores = map[string]func(testing.TB) Options{
	"sqlite":    func(t testing.TB) Options { return Options{Dir: t.TempDir()} },
	"jetstream": func(t testing.TB) Options { return Options{URL: startServer(t).url} },
}

func onBoth(t *testing.T, test func(*testing.T, Options)) {
	for name, store := range stores {
		t.Run(name, func(t *testing.T) { test(t, store(t)) })
	}
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func open(t testing.TB, o Options) Inbox {
	t.Helper()
	in, err := Open(testContext(t), o)
	require.NoError(t, err)
	t.Cleanup(func() { shut(t, in) })
	return in
}

func shut(t testing.TB, in Inbox) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, in.Close(ctx))
}

// run does the maintenance until the test ends.
func run(t testing.TB, in Inbox) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- in.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
}

// of is an event of a meeting.
func of(meeting, body string) Event {
	return Event{Body: []byte(body), Meeting: meeting, Kind: "meeting.started", Source: SourceWebhook}
}

func acceptAll(t testing.TB, in Inbox, events ...Event) {
	t.Helper()
	for _, e := range events {
		require.NoError(t, in.Accept(testContext(t), e))
	}
}

func accept(t testing.TB, in Inbox, bodies ...string) {
	t.Helper()
	for _, body := range bodies {
		acceptAll(t, in, of("81", body))
	}
}

// take waits for n deliveries.
func take(t testing.TB, in Inbox, n int) (taken []*Delivery) {
	t.Helper()
	for len(taken) < n {
		some, err := in.Next(testContext(t), n-len(taken))
		require.NoError(t, err)
		taken = append(taken, some...)
	}
	return taken
}

// settle takes n events and settles them with an outcome.
func settle(t testing.TB, in Inbox, n int, outcome string) {
	t.Helper()
	for _, d := range take(t, in, n) {
		require.NoError(t, d.Done(testContext(t), outcome))
	}
}

func bodies(deliveries []*Delivery) (texts []string) {
	for _, d := range deliveries {
		texts = append(texts, string(d.Body()))
	}
	return texts
}

// second is the error of what returns something beside it.
func second[T any](_ T, err error) error { return err }

func statsOf(t testing.TB, in Inbox) Stats {
	t.Helper()
	s, err := in.Stats(testContext(t))
	require.NoError(t, err)
	return s
}

// requireStats waits until the numbers are so. What is settled may be counted a moment
// later.
func requireStats(t testing.TB, in Inbox, holds func(Stats) bool) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := in.Stats(testContext(t))
		return err == nil && holds(s)
	}, patience, 10*time.Millisecond)
}

// requireNothing holds when the next event is one that is accepted only now, and then
// nothing waits.
func requireNothing(t testing.TB, in Inbox) { requireOthers(t, in, 0) }

// requireOthers holds when n other events wait, and none of them is handed out.
func requireOthers(t testing.TB, in Inbox, n int) {
	t.Helper()
	acceptAll(t, in, of("another", "a later event"))
	d := take(t, in, 1)[0]
	require.Equal(t, "a later event", string(d.Body()))
	require.NoError(t, d.Done(testContext(t), "applied"))
	requireStats(t, in, func(s Stats) bool { return s.Waiting == n })
}

func TestAnAcceptedEventIsHandedOutAsItCame(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		before := time.Now().Truncate(time.Microsecond)
		e := Event{Body: []byte(`{"event":"meeting.started"}`), Meeting: "81234567890", Kind: "meeting.started", Source: SourceWebhook}
		acceptAll(t, in, e)
		d := take(t, in, 1)[0]
		require.Equal(t, e, d.Event)
		require.Equal(t, uint64(1), d.Number())
		require.Equal(t, 1, d.Attempt())
		require.WithinRange(t, d.AcceptedAt(), before, time.Now())
		require.Equal(t, time.UTC, d.AcceptedAt().Location())
		require.Equal(t, d.AcceptedAt(), d.AcceptedAt().Truncate(time.Microsecond))
		require.NoError(t, d.Done(testContext(t), "applied"))
		require.NoError(t, d.Done(testContext(t), "applied"), "settling twice does nothing")
		require.NoError(t, in.Ready())
		requireNothing(t, in)
	})
}

func TestWhatIsToldOfAnEventGoesWithItWhateverItIs(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		events := []Event{
			{Body: []byte{0, 255, '\n'}},
			{Body: []byte("b"), Meeting: "-", Kind: "-", Source: "-"},
			{Body: []byte("c"), Meeting: "8.1*>", Kind: "two words\r\nZoom-Attempt: 9", Source: "ä %2E"},
			{Body: []byte("d"), Meeting: strings.Repeat("9", 300), Kind: " blank ", Source: "\x00\x7f"},
		}
		acceptAll(t, in, events...)
		for i, d := range take(t, in, len(events)) {
			require.Equal(t, events[i], d.Event)
			require.NoError(t, d.Later(testContext(t), time.Millisecond))
		}
		seen := map[string]Event{}
		for _, d := range take(t, in, len(events)) {
			require.Equal(t, 2, d.Attempt())
			seen[string(d.Body())] = d.Event
			require.NoError(t, second(d.Bury(testContext(t), "ä reason")))
		}
		for _, e := range events {
			require.Equal(t, e, seen[string(e.Body)])
		}
		for l, err := range in.DeadLetters(testContext(t), 0) {
			require.NoError(t, err)
			require.Equal(t, seen[string(l.Body)], Event{Body: l.Body, Meeting: l.Meeting, Kind: l.Kind, Source: l.Source})
			require.Equal(t, "ä reason", l.Reason)
		}
		requireNothing(t, in)
	})
}

func TestAnEventOfOneMebibyteFits(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		body := bytes.Repeat([]byte{'x'}, 1<<20)
		require.NoError(t, in.Accept(testContext(t), Event{Body: body}))
		d := take(t, in, 1)[0]
		require.True(t, bytes.Equal(body, d.Body()))
		letter, err := d.Bury(testContext(t), "too long to read")
		require.NoError(t, err)
		l, err := in.DeadLetter(testContext(t), letter)
		require.NoError(t, err)
		require.True(t, bytes.Equal(body, l.Body))
	})
}

func TestManySendersAtOnceLoseAndDoubleNothing(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		const senders, each = 64, 20
		var work errgroup.Group
		for s := range senders {
			work.Go(func() error {
				for i := range each {
					if err := in.Accept(testContext(t), of("81", fmt.Sprintf("%d of %d", i, s))); err != nil {
						return err
					}
				}
				return nil
			})
		}
		seen, numbers := map[string]int{}, map[uint64]bool{}
		for len(seen) < senders*each {
			for _, d := range take(t, in, 1) {
				seen[string(d.Body())]++
				numbers[d.Number()] = true
				require.NoError(t, d.Done(testContext(t), "applied"))
			}
		}
		require.NoError(t, work.Wait())
		for body, times := range seen {
			require.Equal(t, 1, times, body)
		}
		require.Len(t, numbers, senders*each)
		requireNothing(t, in)
		requireStats(t, in, func(s Stats) bool { return s.Settled == senders*each+1 })
		requireMetric(t, reg, senders*each+1, "sidecar_inbox_accepted_total", "")
		requireMetric(t, reg, senders*each+1, "sidecar_inbox_settled_total", "done")
	})
}

// requireMetric compares a metric, of one label or none.
func requireMetric(t testing.TB, reg prometheus.Gatherer, want float64, name, label string) {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				require.InDelta(t, want, m.GetCounter().GetValue()+m.GetGauge().GetValue(), 0.001, name)
				return
			}
		}
	}
	require.Zero(t, want, name)
}

func TestNextTakesWhatIsReadyUpToTheMost(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "one", "two", "three", "four", "five")
		require.Equal(t, []string{"one", "two", "three"}, bodies(take(t, in, 3)))
		some, err := in.Next(testContext(t), 1)
		require.NoError(t, err)
		require.Equal(t, []string{"four"}, bodies(some))
	})
}

func TestWhatIsDoneStaysDoneAfterAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "one", "two")
		settle(t, in, 2, "applied")
		shut(t, in)
		requireNothing(t, open(t, o))
	})
}

func TestWhatIsNotSettledComesAgainAfterAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.AckWait = time.Hour // it must not be this that brings it back
		in := open(t, o)
		accept(t, in, "one", "two", "three")
		numbers := map[string]uint64{}
		for _, d := range take(t, in, 3) {
			numbers[string(d.Body())] = d.Number()
			if string(d.Body()) == "two" {
				require.NoError(t, d.Done(testContext(t), "applied"))
			}
		}
		shut(t, in)
		again := take(t, open(t, o), 2)
		require.ElementsMatch(t, []string{"one", "three"}, bodies(again))
		for _, d := range again {
			require.Equal(t, 1, d.Attempt())
			require.Equal(t, numbers[string(d.Body())], d.Number())
		}
	})
}

func TestAnEventInFlightIsNotHandedOutAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.AckWait = 500 * time.Millisecond
		in := open(t, o)
		accept(t, in, "held")
		held := take(t, in, 1)[0]
		ctx, cancel := context.WithTimeout(t.Context(), 3*o.AckWait)
		defer cancel()
		_, err := in.Next(ctx, 10)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.NoError(t, held.Done(testContext(t), "applied"))
		requireNothing(t, in)
	})
}

func TestAnEventPutOffComesLaterAndCountsItsAttempts(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "early")
		first := take(t, in, 1)[0]
		start := time.Now()
		require.NoError(t, first.Later(testContext(t), 300*time.Millisecond))
		again := take(t, in, 1)[0]
		require.GreaterOrEqual(t, time.Since(start), 300*time.Millisecond)
		require.Equal(t, first.Event, again.Event)
		require.Equal(t, 2, again.Attempt())
		require.Equal(t, first.Number(), again.Number())
		require.Equal(t, first.AcceptedAt(), again.AcceptedAt())
		require.NoError(t, again.Later(testContext(t), time.Millisecond))
		third := take(t, in, 1)[0]
		require.Equal(t, 3, third.Attempt())
		require.NoError(t, third.Done(testContext(t), "applied"))
		requireNothing(t, in)
	})
}

func TestAnEventPutOffSurvivesAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "early")
		due := time.Now().Add(time.Second)
		require.NoError(t, take(t, in, 1)[0].Later(testContext(t), time.Second))
		requireStats(t, in, func(s Stats) bool { return s.Waiting == 1 && s.Later == 1 })
		shut(t, in)
		d := take(t, open(t, o), 1)[0]
		require.False(t, time.Now().Before(due), "it came too soon")
		require.Equal(t, 2, d.Attempt())
	})
}

func TestThousandsPutOffDoNotHoldUpFreshEvents(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		const waiting = 2000
		var senders, relays errgroup.Group
		senders.SetLimit(64)
		for i := range waiting {
			senders.Go(func() error { return in.Accept(testContext(t), of("81", fmt.Sprint(i))) })
		}
		relays.SetLimit(256)
		for put := 0; put < waiting; {
			some, err := in.Next(testContext(t), 500)
			require.NoError(t, err)
			put += len(some)
			for _, d := range some {
				relays.Go(func() error { return d.Later(testContext(t), time.Hour) })
			}
		}
		require.NoError(t, errors.Join(senders.Wait(), relays.Wait()))
		requireOthers(t, in, waiting)
		accept(t, in, "soon")
		require.NoError(t, take(t, in, 1)[0].Later(testContext(t), time.Millisecond))
		soon := take(t, in, 1)[0]
		require.Equal(t, "soon", string(soon.Body()), "nor do they hold up those due sooner")
		require.NoError(t, soon.Done(testContext(t), "applied"))
		shut(t, in)
		requireOthers(t, open(t, o), waiting)
	})
}

func TestABuriedEventIsADeadLetterAndNothingOfItIsLogged(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		var logged bytes.Buffer
		reg := prometheus.NewRegistry()
		o.Log, o.Metrics = slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})), reg
		in := open(t, o)
		accept(t, in, "secret")
		require.NoError(t, take(t, in, 1)[0].Later(testContext(t), 0))
		d := take(t, in, 1)[0]
		number, err := d.Bury(testContext(t), "no\nsuch\nthing")
		require.NoError(t, err)
		requireNothing(t, in)
		l, err := in.DeadLetter(testContext(t), number)
		require.NoError(t, err)
		require.Equal(t, DeadLetter{
			Number: number, Body: []byte("secret"), Meeting: "81", Kind: "meeting.started", Source: SourceWebhook,
			Reason: "no such thing", AcceptedAt: d.AcceptedAt(), BuriedAt: l.BuriedAt, Attempt: 2,
		}, l)
		require.WithinRange(t, l.BuriedAt, d.AcceptedAt(), time.Now())
		requireMetric(t, reg, 1, "sidecar_inbox_settled_total", "dead")
		shut(t, in)
		require.NotContains(t, logged.String(), "secret")
	})
}

func TestAFullInboxRefusesAndRecoversWhenEventsAreSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.MaxBytes, o.Metrics = 2<<20, reg
		in := open(t, o)
		e := Event{Body: bytes.Repeat([]byte{'x'}, 100<<10)}
		kept := 0
		err := in.Accept(testContext(t), e)
		for ; err == nil; err = in.Accept(testContext(t), e) {
			kept++
		}
		require.ErrorIs(t, err, ErrFull)
		require.Greater(t, kept, 5)
		requireMetric(t, reg, 1, "sidecar_inbox_refused_total", "full")
		require.ErrorIs(t, in.Accept(testContext(t), e), ErrFull, "what is not settled is never removed")
		settle(t, in, kept, "applied")
		require.Eventually(t, func() bool { return in.Accept(testContext(t), e) == nil }, patience, 10*time.Millisecond)
		require.Len(t, take(t, in, 1), 1)
		shut(t, in)
		o.Metrics = nil
		open(t, o) // what was removed early is no damage
	})
}

func TestOnlySettledEventsAreRemovedAfterTheRetention(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.Retention = 200 * time.Millisecond
		in := open(t, o)
		run(t, in)
		accept(t, in, "settled", "waits", "dead", "later")
		for _, d := range take(t, in, 4) {
			switch string(d.Body()) {
			case "settled":
				require.NoError(t, d.Done(testContext(t), "applied"))
			case "dead":
				require.NoError(t, second(d.Bury(testContext(t), "no")))
			case "later":
				require.NoError(t, d.Later(testContext(t), time.Hour))
			}
		}
		requireStats(t, in, func(s Stats) bool { return s.Settled == 0 && s.Waiting == 2 && s.Dead == 1 })
		require.Never(t, func() bool {
			s, err := in.Stats(testContext(t))
			return err != nil || s.Waiting != 2 || s.Dead != 1
		}, 3*o.Retention, 50*time.Millisecond)
		accept(t, in, "next")
		require.Equal(t, uint64(5), take(t, in, 1)[0].Number(), "a number is never given twice")
		shut(t, in)
		open(t, o)
	})
}

func TestTheStatsTellWhatIsWhere(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		empty := statsOf(t, in)
		require.Zero(t, empty.Waiting+empty.Later+empty.Dead+empty.Settled)
		require.Zero(t, empty.Oldest)
		require.Empty(t, empty.PutOff)
		acceptAll(t, in, of("81", "one"), of("82", "two"), of("83", "three"), of("84", "four"), of("85", "five"))
		taken := take(t, in, 4)
		require.NoError(t, taken[0].Done(testContext(t), "applied"))
		require.NoError(t, second(taken[1].Bury(testContext(t), "no")))
		require.NoError(t, taken[2].Later(testContext(t), time.Hour))
		requireStats(t, in, func(s Stats) bool { return s.Waiting == 3 && s.Later == 1 && s.Dead == 1 && s.Settled == 1 })
		s := statsOf(t, in)
		require.Equal(t, taken[3].AcceptedAt(), s.Oldest, "what is put off by itself is no sign of trouble")
		require.Positive(t, s.Bytes)
		require.Equal(t, o.URL == "", s.Free > 0, "of our own disk, and no other")
		run(t, in)
		require.Eventually(t, func() bool {
			n, err := testutil.GatherAndCount(reg, "sidecar_inbox_backlog_events")
			return err == nil && n == 2
		}, patience, 10*time.Millisecond)
		requireMetric(t, reg, 1, "sidecar_inbox_backlog_events", "later")
		requireMetric(t, reg, 2, "sidecar_inbox_backlog_events", "waiting")
		requireMetric(t, reg, 1, "sidecar_inbox_dead_letters", "")
		requireMetric(t, reg, 1, "sidecar_inbox_made_new", "")
	})
}

func TestAnAcceptWhoseSenderLeftReturns(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		gone, leave := context.WithCancel(t.Context())
		leave()
		err := in.Accept(gone, of("81", "nobody waits"))
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorIs(t, err, context.Canceled)
		requireMetric(t, reg, 1, "sidecar_inbox_refused_total", "gone")
	})
}

func TestNextEndsWithItsContext(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- second(in.Next(ctx, 1)) }()
		leave()
		require.ErrorIs(t, <-ended, context.Canceled)
		go func() { ended <- second(in.Next(testContext(t), 1)) }()
		shut(t, in)
		require.ErrorIs(t, <-ended, ErrUnavailable)
	})
}

func TestClosingWhileEventsComeKeepsWhatWasAnswered(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		var mu sync.Mutex
		answered := map[string]bool{}
		var senders errgroup.Group
		some := make(chan struct{}, 100_000)
		for s := range 32 {
			senders.Go(func() error {
				for i := 0; ; i++ {
					body := fmt.Sprintf("%d of %d", i, s)
					if err := in.Accept(testContext(t), of("81", body)); err != nil {
						return err
					}
					mu.Lock()
					answered[body] = true
					mu.Unlock()
					some <- struct{}{}
				}
			})
		}
		for range 200 {
			<-some
		}
		shut(t, in)
		require.ErrorIs(t, senders.Wait(), ErrUnavailable)
		require.ErrorIs(t, in.Accept(testContext(t), Event{}), ErrUnavailable)
		require.ErrorIs(t, in.Ready(), ErrUnavailable)
		require.ErrorIs(t, second(in.Next(testContext(t), 1)), ErrUnavailable)
		require.NoError(t, in.Run(testContext(t)))
		in = open(t, o)
		for len(answered) > 0 {
			some, err := in.Next(testContext(t), 100)
			require.NoError(t, err)
			for _, d := range some {
				delete(answered, string(d.Body()))
				require.NoError(t, d.Done(testContext(t), "applied"))
			}
		}
	})
}

func TestItMayBeOpenedAndClosedManyTimes(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		for n := range 10 {
			in := open(t, o)
			accept(t, in, "one")
			require.Equal(t, uint64(n+1), take(t, in, 1)[0].Number())
			shut(t, in)
			in = open(t, o)
			settle(t, in, 1, "applied")
			shut(t, in)
			shut(t, in)
		}
	})
}

func TestTheOptionsMayChange(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "one", "two")
		settle(t, in, 1, "applied")
		shut(t, in)
		o.MaxBytes, o.AckWait, o.Retention = 4<<20, 3*time.Second, time.Minute
		in = open(t, o)
		require.Equal(t, []string{"two"}, bodies(take(t, in, 1)))
		require.Equal(t, 1, statsOf(t, in).Settled)
	})
}

func TestAMeetingThatIsPutOffHandsOutNothingUntilItsTime(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		acceptAll(t, in, of("81", "in flight"), of("82", "other"))
		taken := take(t, in, 2)
		acceptAll(t, in, of("81", "waits"))
		until := time.Now().Add(time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", until, "the database\nrefuses it"))
		acceptAll(t, in, of("81", "fresh"), of("82", "goes on"))
		require.Equal(t, []string{"goes on"}, bodies(take(t, in, 1)))
		for _, d := range taken {
			require.NoError(t, d.Done(testContext(t), "applied"), "what is taken back is not settled by this")
		}
		s := statsOf(t, in)
		require.Len(t, s.PutOff, 1)
		require.Equal(t, "81", s.PutOff[0].Meeting)
		require.Equal(t, "the database refuses it", s.PutOff[0].Reason)
		require.WithinDuration(t, until, s.PutOff[0].Until, time.Microsecond)
		if o.URL == "" {
			require.Zero(t, s.Later, "not by themselves")
		}

		again := take(t, in, 3)
		require.False(t, time.Now().Before(until), "they came too soon")
		require.ElementsMatch(t, []string{"in flight", "waits", "fresh"}, bodies(again))
		for _, d := range again {
			require.Equal(t, 1, d.Attempt())
			require.NoError(t, d.Done(testContext(t), "applied"))
		}
		require.Empty(t, statsOf(t, in).PutOff)
		requireStats(t, in, func(s Stats) bool { return s.Waiting == 1 && s.Settled == 4 })
	})
}

func TestOfSeveralTimesTheLatestHolds(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		acceptAll(t, in, of("81", "one"), of("82", "two"), of("83", "three"))
		take(t, in, 3)
		soon := time.Now().Add(time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", time.Now().Add(time.Hour), "an hour"))
		require.NoError(t, in.PutOff(testContext(t), "82", time.Now().Add(time.Hour), "an hour"))
		require.NoError(t, in.PutOff(testContext(t), "83", soon, "a second"))
		since := statsOf(t, in).PutOff
		requireOthers(t, in, 3)

		require.NoError(t, in.PutOff(testContext(t), "81", soon, "a second"))
		require.NoError(t, in.PutOff(testContext(t), "82", time.Now().Add(2*time.Hour), "two hours"))
		require.Equal(t, []string{"three"}, bodies(take(t, in, 1)))
		require.False(t, time.Now().Before(soon), "it came too soon")
		requireOthers(t, in, 3)
		off := statsOf(t, in).PutOff
		require.Len(t, off, 2)
		for i, want := range []PutOff{{Meeting: "81", Reason: "an hour"}, {Meeting: "82", Reason: "two hours"}} {
			require.Equal(t, want.Meeting, off[i].Meeting)
			require.Equal(t, want.Reason, off[i].Reason)
			require.Equal(t, since[i].Since, off[i].Since, "it is put off since the first time")
		}
	})
}

func TestAnEventPutOffByItselfWaitsForItsMeetingToo(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		acceptAll(t, in, of("81", "one"))
		require.NoError(t, take(t, in, 1)[0].Later(testContext(t), 200*time.Millisecond))
		until := time.Now().Add(time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", until, "busy"))
		d := take(t, in, 1)[0]
		require.False(t, time.Now().Before(until), "it came too soon")
		require.Equal(t, 2, d.Attempt())
	})
}

func TestWhatWasPutOffWithItsMeetingIsNotLostByAReopening(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		acceptAll(t, in, of("81", "one"), of("81", "two"))
		take(t, in, 2)
		until := time.Now().Add(time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", until, "busy"))
		shut(t, in)
		again := take(t, open(t, o), 2)
		require.False(t, time.Now().Before(until), "they came too soon")
		require.ElementsMatch(t, []string{"one", "two"}, bodies(again))
	})
}

func TestAMeetingWithManyEventsIsPutOff(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		const many = 500
		var senders errgroup.Group
		senders.SetLimit(64)
		for i := range many {
			senders.Go(func() error { return in.Accept(testContext(t), of("81", fmt.Sprint(i))) })
		}
		require.NoError(t, senders.Wait())
		taken := take(t, in, many/2)
		until := time.Now().Add(2 * time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", until, "busy"))
		requireOthers(t, in, many)
		for _, d := range taken {
			require.NoError(t, d.Done(testContext(t), "applied"))
		}
		all := bodies(take(t, in, many))
		require.False(t, time.Now().Before(until), "they came too soon")
		slices.Sort(all)
		require.Len(t, slices.Compact(all), many)
		requireOthers(t, in, many)
	})
}

func TestAnEventThatCannotBeSettledComesAgainByItself(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		accept(t, in, "one")
		held := take(t, in, 1)[0]
		shut(t, in)
		require.ErrorIs(t, held.Done(testContext(t), "applied"), ErrUnavailable)
		in = open(t, o)
		settle(t, in, 1, "applied")
		requireNothing(t, in)
	})
}
