package inbox

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// keep accepts events, one after the other, settles each with an outcome, and returns
// when they were accepted.
func keep(t testing.TB, in Inbox, outcome string, events ...Event) (at []time.Time) {
	t.Helper()
	for _, e := range events {
		acceptAll(t, in, e)
		d := take(t, in, 1)[0]
		at = append(at, d.AcceptedAt())
		require.NoError(t, d.Done(testContext(t), outcome))
	}
	return at
}

// replayOf begins a replay. The channel gives what came of it.
func replayOf(ctx context.Context, in Inbox, q Replay) <-chan replayed {
	ended := make(chan replayed, 1)
	go func() {
		r := replayed{}
		r.Replayed, r.err = in.Replay(ctx, q, func() { r.told++ })
		ended <- r
	}()
	return ended
}

type replayed struct {
	Replayed
	told int
	err  error
}

// replayAll replays, settles what comes with an outcome, and returns its bodies.
func replayAll(t testing.TB, in Inbox, q Replay, outcome string) (came []string) {
	t.Helper()
	ctx, stop := context.WithCancel(testContext(t))
	defer stop()
	var r replayed
	ended := replayOf(ctx, in, q)
	relayed := make(chan error, 1)
	go func() { relayed <- relay(ctx, in, outcome, &came) }()
	r = <-ended
	require.NoError(t, r.err)
	stop()
	require.NoError(t, <-relayed)
	require.Len(t, came, r.Events)
	require.Equal(t, r.Events, r.told)
	require.Zero(t, r.From)
	return came
}

// relay settles what comes until ctx ends.
func relay(ctx context.Context, in Inbox, outcome string, came *[]string) error {
	for {
		some, err := in.Next(ctx, 7)
		if err != nil {
			return nil
		}
		for _, d := range some {
			*came = append(*came, string(d.Body()))
			if err := d.Done(context.WithoutCancel(ctx), outcome); err != nil {
				return err
			}
			if d.Attempt() < 2 {
				return fmt.Errorf("event %d came in a replay as attempt %d", d.Number(), d.Attempt())
			}
		}
	}
}

func TestAReplayBringsWhatItAsksFor(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		applied := keep(t, in, "applied", of("81", "a"), of("82", "b"), of("81", "c"))
		keep(t, in, "duplicate", of("81", "d"), of("", "e"))
		for sentence, tc := range map[string]struct {
			ask  Replay
			want []string
		}{
			"all":                    {Replay{}, []string{"a", "b", "c", "d", "e"}},
			"since one was accepted": {Replay{Since: applied[1]}, []string{"b", "c", "d", "e"}},
			"since just after it":    {Replay{Since: applied[1].Add(time.Microsecond)}, []string{"c", "d", "e"}},
			"of a meeting":           {Replay{Meeting: "81"}, []string{"a", "c", "d"}},
			"of an outcome":          {Replay{Outcome: "applied"}, []string{"a", "b", "c"}},
			"of all of these":        {Replay{Meeting: "81", Outcome: "applied", Since: applied[1]}, []string{"c"}},
			"of nobody's meeting":    {Replay{Meeting: "8"}, nil},
			"of the time to come":    {Replay{Since: time.Now().Add(time.Hour)}, nil},
		} {
			t.Run(sentence, func(t *testing.T) {
				dry := tc.ask
				dry.DryRun = true
				r := <-replayOf(testContext(t), in, dry)
				require.Equal(t, replayed{Replayed: Replayed{Events: len(tc.want)}}, r)
				r = <-replayOf(testContext(t), in, dry)
				require.Equal(t, len(tc.want), r.Events, "counting changes nothing")
				requireStats(t, in, func(s Stats) bool { return s.Settled == 5 })
			})
		}
		require.Equal(t, []string{"b", "c", "d", "e"}, replayAll(t, in, Replay{Since: applied[1]}, "applied"))
		require.Equal(t, []string{"a", "c", "d"}, replayAll(t, in, Replay{Meeting: "81"}, "applied"))
		shut(t, in)
		requireNothing(t, open(t, o))
	})
}

func TestAReplayMayBeDoneAgainAndAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		reg := prometheus.NewRegistry()
		o.Metrics = reg
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"), of("82", "two"))
		for range 3 {
			require.Equal(t, []string{"one", "two"}, replayAll(t, in, Replay{}, "applied"))
		}
		requireMetric(t, reg, 6, "sidecar_inbox_replayed_total", "settled")
		requireStats(t, in, func(s Stats) bool { return s.Settled == 2 && s.Waiting == 0 })
	})
}

func TestAReplayOfAnInboxThatWasNeverUsedEndsAtOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		require.Empty(t, replayAll(t, open(t, o), Replay{}, "applied"))
	})
}

func TestAnEventThatIsSettledOtherwiseInAReplayHasTheNewOutcome(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		at := keep(t, in, OutcomeUnknown, of("81", "one"))
		require.Equal(t, []string{"one"}, replayAll(t, in, Replay{Outcome: OutcomeUnknown}, "applied"))
		require.Empty(t, replayAll(t, in, Replay{Outcome: OutcomeUnknown}, "applied"))
		shut(t, in)
		in = open(t, o)
		done := replayOf(testContext(t), in, Replay{Outcome: "applied"})
		d := take(t, in, 1)[0]
		require.Equal(t, 3, d.Attempt())
		require.Equal(t, at[0], d.AcceptedAt())
		require.Equal(t, uint64(1), d.Number())
		require.NoError(t, d.Done(testContext(t), "applied"))
		require.Equal(t, 1, (<-done).Events)
		requireStats(t, in, func(s Stats) bool { return s.Settled == 1 && s.Waiting == 0 })
	})
}

// keepMany keeps n events at once.
func keepMany(t testing.TB, in Inbox, n int) {
	t.Helper()
	var work errgroup.Group
	work.SetLimit(64)
	for i := range n {
		work.Go(func() error { return in.Accept(testContext(t), of("81", fmt.Sprint(i))) })
	}
	require.NoError(t, work.Wait())
	for _, d := range take(t, in, n) {
		work.Go(func() error { return d.Done(testContext(t), "applied") })
	}
	require.NoError(t, work.Wait())
	requireStats(t, in, func(s Stats) bool { return s.Settled == n })
}

func TestAReplayOfManyBringsEachOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keepMany(t, in, 1100)
		seen := map[string]bool{}
		for _, body := range replayAll(t, in, Replay{}, "applied") {
			require.False(t, seen[body], body)
			seen[body] = true
		}
		require.Len(t, seen, 1100)
	})
}

func TestFreshEventsGoBeforeReplayedOnesWhichStayFew(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keepMany(t, in, 1000)
		ctx, stop := context.WithCancel(testContext(t))
		defer stop()
		ended := replayOf(ctx, in, Replay{})
		held := take(t, in, 1)
		accept(t, in, "fresh")
		for string(held[len(held)-1].Body()) != "fresh" {
			held = append(held, take(t, in, 1)...)
		}
		require.Less(t, len(held), 1000, "only a few hundred are in flight")
		stop()
		require.ErrorIs(t, (<-ended).err, context.Canceled)
		for _, d := range held {
			require.NoError(t, d.Done(testContext(t), "applied"), "what is in flight is settled all the same")
		}
	})
}

func TestEventsThatComeDuringAReplayAreNotReplayed(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"), of("81", "two"), of("81", "three"))
		ended := replayOf(testContext(t), in, Replay{})
		var came []string
		for len(came) < 6 {
			d := take(t, in, 1)[0]
			came = append(came, string(d.Body()))
			if d.Attempt() == 2 {
				accept(t, in, "fresh "+string(d.Body()))
			}
			require.NoError(t, d.Done(testContext(t), "applied"))
		}
		r := <-ended
		require.NoError(t, r.err)
		require.Equal(t, 3, r.Events)
		require.ElementsMatch(t, []string{"one", "fresh one", "two", "fresh two", "three", "fresh three"}, came)
		requireNothing(t, in)
	})
}

func TestWhatWaitsIsNotReplayed(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "applied"))
		accept(t, in, "waits")
		require.Equal(t, replayed{Replayed: Replayed{Events: 1}}, <-replayOf(testContext(t), in, Replay{DryRun: true}))
	})
}

func TestAReplayedEventMayBePutOffOrBuried(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"), of("81", "two"))
		ended := replayOf(testContext(t), in, Replay{})
		taken := take(t, in, 2)
		require.NoError(t, taken[0].Later(testContext(t), 0))
		require.NoError(t, second(taken[1].Bury(testContext(t), "no")))
		r := <-ended
		require.NoError(t, r.err)
		require.Equal(t, 2, r.Events)
		d := take(t, in, 1)[0]
		require.Equal(t, taken[0].Event, d.Event)
		require.Equal(t, 3, d.Attempt())
		requireStats(t, in, func(s Stats) bool { return s.Dead == 1 && s.Settled == 0 && s.Waiting == 1 })
		require.NoError(t, d.Done(testContext(t), "applied"))
		requireNothing(t, in)
	})
}

func TestAReplayedEventWaitsForItsMeeting(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"), of("82", "two"))
		until := time.Now().Add(time.Second)
		require.NoError(t, in.PutOff(testContext(t), "81", until, "busy"))
		ended := replayOf(testContext(t), in, Replay{})
		settle(t, in, 1, "applied")
		d := take(t, in, 1)[0]
		require.Equal(t, "one", string(d.Body()))
		require.False(t, time.Now().Before(until), "it came too soon")
		require.NoError(t, d.Done(testContext(t), "applied"))
		require.NoError(t, (<-ended).err)
		requireNothing(t, in)
	})
}

func TestTwoReplaysOfAnEventHandItOutOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"), of("82", "two"))
		first := replayOf(testContext(t), in, Replay{})
		taken := take(t, in, 2)
		require.Equal(t, replayed{}, <-replayOf(testContext(t), in, Replay{Meeting: "81"}), "it waits already")
		for _, d := range taken {
			require.NoError(t, d.Done(testContext(t), "applied"))
		}
		require.Equal(t, replayed{Replayed: Replayed{Events: 2}, told: 2}, <-first)
		requireNothing(t, in)
	})
}

func TestAReplayEndsWhenTheInboxCloses(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		keep(t, in, "applied", of("81", "one"))
		ended := replayOf(testContext(t), in, Replay{})
		take(t, in, 1)
		shut(t, in)
		require.ErrorIs(t, (<-ended).err, ErrUnavailable)
		require.ErrorIs(t, second(in.Replay(testContext(t), Replay{}, func() {})), ErrUnavailable)
	})
}

func TestAReplaySaysWhatIsGone(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		o.Retention = 200 * time.Millisecond
		in := open(t, o)
		run(t, in)
		at := keep(t, in, "applied", of("81", "one"))
		requireStats(t, in, func(s Stats) bool { return s.Settled == 0 && s.Waiting == 0 })
		r := <-replayOf(testContext(t), in, Replay{DryRun: true})
		require.NoError(t, r.err)
		require.Zero(t, r.Events)
		require.False(t, r.From.Before(at[0]), "the event was accepted before it")
		r = <-replayOf(testContext(t), in, Replay{DryRun: true, Since: time.Now().Add(time.Minute)})
		require.NoError(t, r.err)
		require.Zero(t, r.From, "nothing of what was asked for is gone")
	})
}

func unknownOf(t testing.TB, in Inbox) (byNumber map[string]UnknownMeeting) {
	t.Helper()
	all, err := in.Unknown(testContext(t))
	require.NoError(t, err)
	byNumber = map[string]UnknownMeeting{}
	for i, m := range all {
		require.True(t, i == 0 || !m.Last.After(all[i-1].Last), "the latest first")
		byNumber[m.Meeting] = m
	}
	require.Len(t, byNumber, len(all))
	return byNumber
}

func TestUnknownMeetingsAreListedByNumber(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		in := open(t, o)
		require.Empty(t, unknownOf(t, in))
		at := keep(t, in, OutcomeUnknown, of("81", "a"), of("82", "b"), of("81", "c"), of("83", "d"), of("81", "e"))
		keep(t, in, "applied", of("84", "f"), of("81", "g"))
		want := map[string]UnknownMeeting{
			"81": {Meeting: "81", Count: 3, First: at[0], Last: at[4]},
			"82": {Meeting: "82", Count: 1, First: at[1], Last: at[1]},
			"83": {Meeting: "83", Count: 1, First: at[3], Last: at[3]},
		}
		require.Equal(t, want, unknownOf(t, in))
		shut(t, in)
		in = open(t, o)
		require.Equal(t, want, unknownOf(t, in))

		require.Equal(t, []string{"a", "c", "e"}, replayAll(t, in, Replay{Meeting: "81", Outcome: OutcomeUnknown}, "applied"))
		require.Equal(t, []string{"b"}, replayAll(t, in, Replay{Meeting: "82", Outcome: OutcomeUnknown}, OutcomeUnknown), "unknown still")
		delete(want, "81")
		require.Equal(t, want, unknownOf(t, in))
		keep(t, in, OutcomeUnknown, of("81", "h"))
		require.Equal(t, 1, unknownOf(t, in)["81"].Count, "it may be unknown anew")
		requireNothing(t, in)
	})
}
