package relay_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/relay"
	"zoom-attendance/sidecar/zoom"
)

func TestShutdownWhileWaitingForEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := start(t, newShelf(), database(nil), relay.Options{})
		synctest.Wait()
		began := time.Now()
		k.end()
		require.Equal(t, began, time.Now())
	})
}

func TestShutdownDuringABackOffLeavesTheBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(3)...)
		k := start(t, s, database(func(context.Context, []zoom.Fact) ([]zoom.Outcome, error) {
			return nil, refusal{cause: "http_503", wait: time.Hour}
		}), relay.Options{})
		synctest.Wait()
		began := time.Now()
		k.end()
		require.Equal(t, began, time.Now(), "a wait ends at once")
		require.Equal(t, []string{"", "", ""}, s.histories(), "unsettled: they come again")
	})
}

func TestShutdownDuringACallWaitsForItsAnswerAndSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(3)...)
		k := start(t, s, database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			select {
			case <-time.After(5 * time.Second):
				return all(zoom.Applied, facts), nil
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}), relay.Options{})
		synctest.Wait()
		k.end()
		require.Equal(t, []string{"applied", "applied", "applied"}, s.histories())
	})
}

func TestShutdownDuringACallThatHangsEndsWithTheCallsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(3)...)
		k := start(t, s, database(func(ctx context.Context, _ []zoom.Fact) ([]zoom.Outcome, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}), relay.Options{CallTimeout: 7 * time.Second})
		synctest.Wait()
		began := time.Now()
		k.end()
		require.Equal(t, 7*time.Second, time.Since(began))
		require.Equal(t, []string{"", "", ""}, s.histories())
	})
}

func TestShutdownInTheMiddleOfASplitLeavesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(4)...)
		half := make(chan struct{})
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) > 2 {
				return nil, refusal{cause: "22023", data: true}
			}
			close(half)
			pass(time.Second)
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 1})
		<-half
		k.end()
		require.Equal(t, []string{"applied", "applied", "", ""}, s.histories())
	})
}

func TestARelayMayRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf()
		r := relay.New(s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		for range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- r.Run(ctx) }()
			synctest.Wait()
			require.NoError(t, r.Ready())
			cancel()
			require.NoError(t, <-ended)
			require.ErrorIs(t, r.Ready(), relay.ErrNotRunning)
		}
	})
}
