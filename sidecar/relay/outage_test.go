package relay_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

// downFor is a database that refuses everything for a time; calls notes when
// it was asked, without the first call, which has the events.
func downFor(d time.Duration, why error, calls *[]time.Duration) database {
	began, first := time.Now(), true
	return func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
		if !first {
			*calls = append(*calls, time.Since(began))
		}
		first = false
		if time.Since(began) < d {
			return nil, why
		}
		return all(zoom.Applied, facts), nil
	}
}

func TestAnOutageOfADayIsWaitedFor(t *testing.T) {
	for name, why := range map[string]error{
		"weather":                         refusal{cause: "PGRST002"},
		"an error that says nothing":      errors.New("something odd"),
		"our fault":                       refusal{cause: "42501", us: true},
		"no answer in time, for everyone": refusal{cause: "timeout", tooMuch: true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []time.Duration
				s := newShelf(events(5)...)
				k := start(t, s, downFor(24*time.Hour, why, &calls), relay.Options{Workers: 1})
				pass(12 * time.Hour)
				synctest.Wait()
				require.Equal(t, 0.0, k.value(t, "sidecar_relay_destination_up"))
				require.NoError(t, k.Ready(), "the door stays open")

				require.NoError(t, s.settled(t.Context()))
				synctest.Wait()
				require.Equal(t, []string{"applied", "applied", "applied", "applied", "applied"}, s.histories())
				require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
				require.Less(t, calls[len(calls)-1], 24*time.Hour+time.Minute, "noticed within a minute")
				require.Len(t, k.log.Lines("takes events again", "took=24h0m"), 1)
				lines := len(k.log.Lines("tried again"))
				require.LessOrEqual(t, lines, 24*60+1, "at most a line a minute")
				require.Greater(t, lines, 24*60/2, "and one every other minute at least")
			})
		})
	}
}

func TestWaitsGrowToTheirBoundsWithJitter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		s := newShelf(event("0"))
		start(t, s, downFor(time.Hour, errDown, &calls), relay.Options{Workers: 1, MinWait: time.Second, MaxWait: 16 * time.Second})
		require.NoError(t, s.settled(t.Context()))
		different := map[time.Duration]bool{}
		want := time.Second
		for i := 1; i < len(calls)-1; i++ { // at the end the events come
			wait := calls[i] - calls[i-1]
			require.GreaterOrEqual(t, wait, want/2, "wait %d", i)
			require.LessOrEqual(t, wait, want*3/2+1, "wait %d", i)
			different[wait] = true
			want = min(2*want, 16*time.Second)
		}
		require.Greater(t, len(different), len(calls)/2, "jitter")
	})
}

func TestAWaitThatTheDatabaseAsksForIsKept(t *testing.T) {
	for name, c := range map[string]struct{ asked, least, most time.Duration }{
		"as asked":                         {90 * time.Second, 90 * time.Second, 90 * time.Second},
		"never less than the own back-off": {time.Nanosecond, time.Second / 8, time.Second},
		"never beyond reason":              {24 * time.Hour, 10 * time.Minute, 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var calls []time.Duration
				s := newShelf(event("0"))
				start(t, s, downFor(time.Nanosecond, refusal{cause: "http_429", wait: c.asked}, &calls), relay.Options{})
				require.NoError(t, s.settled(t.Context()))
				require.Len(t, calls, 2)
				require.GreaterOrEqual(t, calls[1], c.least)
				require.LessOrEqual(t, calls[1], c.most)
			})
		})
	}
}

func TestARefusalOfAllFactsIsAnOutageAlthoughAnEmptyCallIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s := newShelf(ofMeeting(0, "0"), ofMeeting(1, "1"))
		var calls atomic.Int32
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			calls.Add(1)
			if len(facts) > 0 && time.Since(began) < time.Hour {
				return nil, refusal{cause: "25006", us: true, ofAll: true}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 1})
		pass(30 * time.Minute)
		synctest.Wait()
		require.Equal(t, 0.0, k.value(t, "sidecar_relay_destination_up"))
		require.Empty(t, k.Held())
		require.Less(t, calls.Load(), int32(300))
		require.NotEmpty(t, k.log.Lines("level=ERROR", "meaning of 25006"))
		require.NoError(t, s.settled(t.Context()))
		require.Equal(t, []string{"applied", "applied"}, s.histories())
		synctest.Wait()
		require.Len(t, k.log.Lines("takes events again"), 1)
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
	})
}

func TestOurFaultIsShoutedWithWhatToDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls []time.Duration
		s := newShelf(event("0"))
		k := start(t, s, downFor(10*time.Second, refusal{cause: "PGRST202", us: true}, &calls), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Len(t, k.log.Lines("level=ERROR", "code=PGRST202", "meaning of PGRST202"), 1)
		require.Equal(t, float64(len(calls)-1), k.value(t, "sidecar_relay_retries_total", "code", "PGRST202"))
	})
}

func TestANewCauseIsANewLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		causes := []string{"connection", "connection", "PGRST002", "connection"}
		s := newShelf(event("0"))
		calls := 0
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if calls++; calls <= len(causes) {
				return nil, refusal{cause: causes[calls-1]}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{MaxWait: time.Second})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Len(t, k.log.Lines("level=WARN", "does not take"), 3)
	})
}
