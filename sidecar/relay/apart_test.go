package relay_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

// number is Zoom's number of a meeting of ofMeeting.
func number(n int) string { return fmt.Sprintf("8%010d", n) }

// refusesMeetings refuses every batch with an event of some meetings while it is to.
func refusesMeetings(why func() error, numbers ...string) database {
	return func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
		for _, f := range facts {
			if slices.Contains(numbers, f.Meeting) {
				if err := why(); err != nil {
					return nil, err
				}
			}
		}
		return all(zoom.Applied, facts), nil
	}
}

func TestOneMeetingThatFailsHoldsUpNoOther(t *testing.T) {
	for name, why := range map[string]error{
		"too slow":             refusal{cause: "57014", tooMuch: true},
		"not allowed":          refusal{cause: "42501", us: true},
		"locked":               refusal{cause: "55P03"},
		"it does not say what": fmt.Errorf("something odd"),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mended atomic.Bool
				var bodies [][]byte
				for i := range 110 {
					bodies = append(bodies, ofMeeting(i%11, fmt.Sprint(i)))
				}
				s := newShelf(bodies...)
				k := start(t, s, refusesMeetings(func() error {
					if mended.Load() {
						return nil
					}
					return why
				}, number(0)), relay.Options{})
				synctest.Wait()
				for i, h := range s.histories() {
					if i%11 > 0 {
						require.Equal(t, "applied", h, i)
						continue
					}
					require.True(t, strings.HasPrefix(h, "put off: "), "%d: %s", i, h)
				}
				require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
				require.Equal(t, 1.0, k.value(t, "sidecar_relay_held_meetings"))
				require.Empty(t, k.log.Lines("takes events again"))
				require.Len(t, k.log.Lines("of one meeting", "meeting="+number(0)), 1)
				held := k.Held()
				require.Len(t, held, 1)
				require.Equal(t, number(0), held[0].Meeting)
				require.Equal(t, s.all[0].accepted, held[0].Oldest)

				pass(30 * time.Minute)
				synctest.Wait()
				require.Len(t, k.log.Lines("of one meeting"), 1, "seldom after")
				require.Equal(t, 1800.0, k.value(t, "sidecar_relay_held_oldest_seconds"))
				tries := strings.Count(s.histories()[0], "put off")
				require.Greater(t, tries, 8)
				require.Less(t, tries, 30)

				mended.Store(true)
				require.NoError(t, s.settled(t.Context()))
				synctest.Wait()
				require.Len(t, k.log.Lines("events of this meeting again", "meeting="+number(0)), 1)
				require.Zero(t, k.value(t, "sidecar_relay_held_meetings"))
				require.Empty(t, k.Held())
			})
		})
	}
}

func TestAMeetingIsPutOffByOneCallHoweverManyEventsItHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		var bodies [][]byte
		for i := range 500 {
			bodies = append(bodies, ofMeeting(0, fmt.Sprint(i)))
		}
		s := newShelf(bodies...)
		k := start(t, s, refusesMeetings(func() error {
			if mended.Load() {
				return nil
			}
			return refusal{cause: "55P03"}
		}, number(0)), relay.Options{MinHeldWait: time.Minute})
		synctest.Wait()
		require.Equal(t, []string{number(0) + ": 55P03, meaning of 55P03"}, s.calls())
		require.Equal(t, 500.0, k.value(t, "sidecar_relay_events_total", "outcome", "put_off"))
		for _, h := range s.histories() {
			require.Equal(t, "put off: 55P03, meaning of 55P03", h)
		}
		s.change(func() { s.add(ofMeeting(0, "comes meanwhile")) })
		synctest.Wait()
		require.Len(t, s.calls(), 1)
		mended.Store(true)
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Len(t, s.calls(), 1, "what is over needs no call")
		require.Zero(t, k.value(t, "sidecar_relay_delay_seconds"), "none was applied at its first try")
		require.Empty(t, k.Held())
	})
}

// The relay has two batches of the meeting when it fails: those that lie behind it
// were in flight, and are taken back.
func TestEventsOfAPutOffMeetingThatLieInTheRelayComeAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies [][]byte
		for i := range 40 {
			bodies = append(bodies, ofMeeting(0, fmt.Sprint(i)))
		}
		s := newShelf(bodies...)
		began := time.Now()
		applied := map[string]int{}
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) > 0 && time.Since(began) < 10*time.Second {
				pass(time.Second)
				return nil, refusal{cause: "55P03"}
			}
			for _, f := range facts {
				applied[f.Segment]++
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Batch: 10, Workers: 1, ApartWorkers: 1})
		require.NoError(t, s.settled(t.Context()))
		require.Len(t, applied, 40)
		for _, h := range s.histories() {
			require.NotContains(t, h, errTwice.Error())
		}
	})
}

func TestAnInboxThatCannotPutOffAMeetingHasItsEventsPutOffOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(ofMeeting(0, "0"), ofMeeting(0, "1"), ofMeeting(1, "2"))
		s.refuses = fmt.Errorf("disk of glass")
		began := time.Now()
		k := start(t, s, refusesMeetings(func() error {
			if time.Since(began) > time.Minute {
				return nil
			}
			return refusal{cause: "55P03"}
		}, number(0)), relay.Options{})
		synctest.Wait()
		require.Equal(t, "applied", s.histories()[2])
		require.Contains(t, s.histories()[0], "later")
		require.Contains(t, s.histories()[1], "later")
		require.Len(t, k.log.Lines("did not put off a meeting", "meeting="+number(0), "disk of glass"), 1)
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_settle_errors_total", "verb", "put_off"))
		require.NoError(t, s.settled(t.Context()))
	})
}

func TestANewCauseOfAMeetingThatIsHeldUpIsANewLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var cause atomic.Value
		cause.Store("57014")
		s := newShelf(ofMeeting(0, "0"), ofMeeting(1, "1"))
		k := start(t, s, refusesMeetings(func() error { return refusal{cause: cause.Load().(string), us: cause.Load() == "42501"} }, number(0)), relay.Options{})
		pass(time.Minute)
		cause.Store("42501")
		pass(10 * time.Minute)
		require.Len(t, k.log.Lines("of one meeting", "level=WARN", "57014"), 1)
		require.Len(t, k.log.Lines("of one meeting", "level=ERROR", "meaning of 42501"), 1)
	})
}

func TestManyMeetingsThatFailAreCountedAndNotAllNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mended atomic.Bool
		var bodies [][]byte
		var bad []string
		for i := range 60 {
			bodies = append(bodies, ofMeeting(i, fmt.Sprint(i)))
			if i < 50 {
				bad = append(bad, number(i))
			}
		}
		s := newShelf(bodies...)
		k := start(t, s, refusesMeetings(func() error {
			if mended.Load() {
				return nil
			}
			return refusal{cause: "57014"}
		}, bad...), relay.Options{})
		synctest.Wait()
		require.Equal(t, 50.0, k.value(t, "sidecar_relay_held_meetings"))
		for _, h := range s.histories()[50:] {
			require.Equal(t, "applied", h)
		}
		pass(10 * time.Minute)
		require.Len(t, k.log.Lines("of one meeting"), 5)
		require.LessOrEqual(t, len(k.log.Lines("of 50 meetings")), 10)
		require.NotEmpty(t, k.log.Lines("of 50 meetings"))
		mended.Store(true)
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Len(t, k.log.Lines("events of this meeting again"), 5)
		require.Len(t, k.log.Lines("events of all meetings again"), 1)
	})
}

func TestAnOutageIsNotOverWhenOnlyAnEmptyCallIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newShelf(ofMeeting(0, "0"))
		d := refusesMeetings(func() error { return refusal{cause: "57014"} }, number(0))
		k := start(t, s, database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if time.Since(began) < time.Minute {
				return nil, errDown
			}
			return d(ctx, facts)
		}), relay.Options{})
		pass(10 * time.Minute)
		synctest.Wait()
		require.NotEmpty(t, k.log.Lines("does not take events"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
		require.Len(t, k.Held(), 1)
		require.Empty(t, k.log.Lines("again", "took="), "nothing was taken yet")

		s.change(func() {
			s.add(ofMeeting(1, "1"))
		})
		synctest.Wait()
		require.Equal(t, "applied", s.histories()[1])
		require.Len(t, k.log.Lines("takes events again"), 1)
	})
}

func TestADatabaseThatComesUpBeforeThereIsAnEventIsHeardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		k := start(t, newShelf(), downFor(time.Minute, errDown, &calls), relay.Options{AskFirst: true})
		pass(2 * time.Minute)
		synctest.Wait()
		require.NotEmpty(t, k.log.Lines("does not take events"))
		require.Len(t, k.log.Lines("the database answers"), 1)
		require.Empty(t, k.log.Lines("takes events again"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
	})
}

func TestABatchThatBringsTheDatabaseDownEachTimeIsTakenApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Int64
		s := newShelf(ofMeeting(0, "0"), ofMeeting(1, "1"))
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			for _, f := range facts {
				if f.Meeting == number(0) {
					down.Store(time.Now().Add(100 * time.Millisecond).UnixNano())
				}
			}
			if time.Now().UnixNano() < down.Load() {
				return nil, refusal{cause: "57P03"}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 1, ApartWorkers: 1})
		pass(time.Minute)
		synctest.Wait()
		require.Equal(t, "applied", s.histories()[1])
		require.Contains(t, s.histories()[0], "put off")
	})
}

func TestAMeetingWhoseEventsAnotherRelayTookIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(ofMeeting(0, "0"))
		k := start(t, s, refusesMeetings(func() error { return refusal{cause: "57014"} }, number(0)), relay.Options{})
		synctest.Wait()
		require.Len(t, k.Held(), 1)
		s.change(func() { s.broken = fmt.Errorf("they go elsewhere") })
		pass(time.Hour)
		require.Empty(t, k.Held())
	})
}

func TestShutdownWhileAMeetingIsHeldUpAndOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var bodies [][]byte
		for i := range 50 {
			bodies = append(bodies, ofMeeting(i%5, fmt.Sprint(i)))
		}
		s := newShelf(bodies...)
		under := make(chan struct{}, 100)
		k := start(t, s, database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) == 0 {
				return nil, nil
			}
			under <- struct{}{}
			<-ctx.Done()
			return nil, refusal{cause: "timeout", tooMuch: true}
		}), relay.Options{Workers: 1, CallTimeout: 7 * time.Second})
		for range 3 {
			<-under
		}
		began := time.Now()
		k.end()
		require.LessOrEqual(t, time.Since(began), 7*time.Second)
		for _, h := range s.histories() {
			require.NotContains(t, h, "applied")
		}
	})
}
