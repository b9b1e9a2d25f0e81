package inbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// ofNumber is an event of a meeting.
func ofNumber(number string, n int) string {
	return fmt.Sprintf(`{"event":"meeting.participant_joined","payload":{"object":{"id":%q,"participant":{"user_id":"%d"}}}}`, number, n)
}

// unknownTo settles what comes as of an unknown meeting.
func unknownTo(t *testing.T, b *Inbox, n int, number func(i int) string) {
	t.Helper()
	var all sync.WaitGroup
	for i, d := range take(t, b, n) {
		all.Go(func() {
			if err := d.Unknown(testContext(t), number(i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func remembered(t *testing.T, b *Inbox) map[string]UnknownMeeting {
	t.Helper()
	all, err := b.UnknownMeetings(testContext(t))
	require.NoError(t, err)
	byNumber := map[string]UnknownMeeting{}
	for i, m := range all {
		if i > 0 {
			require.False(t, m.Last.After(all[i-1].Last), "the latest first")
		}
		byNumber[m.Meeting] = m
	}
	require.Len(t, byNumber, len(all))
	return byNumber
}

func TestUnknownMeetingsAreRememberedByNumberAndSurviveARestart(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		require.Empty(t, remembered(t, b))
		for i := range 30 {
			accept(t, b, ofNumber([]string{"81", "82", "83"}[i%3], i))
		}
		var first, last time.Time
		for i, d := range take(t, b, 30) {
			if i == 0 {
				first = d.AcceptedAt()
			}
			last = d.AcceptedAt()
			if i == 29 {
				require.NoError(t, d.Done(testContext(t)), "of the last its meeting was known")
				continue
			}
			require.NoError(t, d.Unknown(testContext(t), []string{"81", "82", "83"}[i%3]))
		}
		shut(t, b)
		b = open(t, o)
		have := remembered(t, b)
		require.Len(t, have, 3)
		require.Equal(t, 10, have["81"].Count)
		require.Equal(t, 9, have["83"].Count)
		require.True(t, have["81"].First.Equal(first), have["81"])
		require.True(t, have["83"].Last.Before(last), have["83"])
		requireNothing(t, b)
	})
}

func TestManyAtOnceAreEachCounted(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		for i := range 200 {
			accept(t, b, ofNumber("81", i))
		}
		unknownTo(t, b, 200, func(i int) string { return fmt.Sprint(81 + i%4) })
		have := remembered(t, b)
		require.Len(t, have, 4)
		total := 0
		for _, m := range have {
			total += m.Count
		}
		require.Equal(t, 200, total)
	})
}

func TestWhatIsRecalledComesAgainOnceAndIsForgotten(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, ofNumber("81", 0), ofNumber("82", 1), ofNumber("84", 2), ofNumber("81", 3))
		for _, d := range take(t, b, 4) {
			if number := string(d.Body()); number == ofNumber("84", 2) {
				require.NoError(t, d.Done(testContext(t)))
				continue
			}
			require.NoError(t, d.Unknown(testContext(t), map[bool]string{true: "82", false: "81"}[string(d.Body()) == ofNumber("82", 1)]))
		}
		shut(t, b)
		b = open(t, o) // also after a restart

		type result struct {
			events int
			err    error
		}
		recall := func(numbers ...string) <-chan result {
			done := make(chan result, 1)
			go func() {
				n, err := b.Recall(testContext(t), numbers)
				done <- result{n, err}
			}()
			return done
		}
		require.Equal(t, result{0, nil}, <-recall("84", "99"), "what was never unknown does not come again")
		done := recall("81", "84")
		again := take(t, b, 2)
		require.ElementsMatch(t, []string{ofNumber("81", 0), ofNumber("81", 3)}, bodies(again))
		for _, d := range again {
			require.Equal(t, 2, d.Attempt())
			require.NoError(t, d.Done(testContext(t)))
		}
		require.Equal(t, result{2, nil}, <-done)
		have := remembered(t, b)
		require.Len(t, have, 1)
		require.Contains(t, have, "82")
		require.Equal(t, result{0, nil}, <-recall("81"))

		// Unknown still: it stays remembered, and is not counted twice.
		done = recall("82")
		require.NoError(t, take(t, b, 1)[0].Unknown(testContext(t), "82"))
		require.Equal(t, result{1, nil}, <-done)
		require.Equal(t, 1, remembered(t, b)["82"].Count)

		// And after it was forgotten it may be unknown anew.
		accept(t, b, ofNumber("81", 5))
		require.NoError(t, take(t, b, 1)[0].Unknown(testContext(t), "81"))
		require.Equal(t, 1, remembered(t, b)["81"].Count)
	})
}

func TestAnEventWhoseNumberCannotBeKeptIsNotSettled(t *testing.T) {
	onBoth(t, func(t *testing.T, o Options) {
		b := open(t, o)
		accept(t, b, ofNumber("81", 0))
		d := take(t, b, 1)[0]
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		b.unknown.writing.Lock() // somebody writes, and takes long
		ended := make(chan error, 1)
		go func() { ended <- d.Unknown(testContext(t), "81") }()
		for joined := false; !joined; {
			b.unknown.mu.Lock()
			joined = b.unknown.next != nil
			b.unknown.mu.Unlock()
		}
		require.ErrorIs(t, b.unknown.note(gone, "82", time.Now(), 1), ErrUnavailable, "who waits with it may leave")
		b.unknown.writing.Unlock()
		require.NoError(t, <-ended)
		require.Contains(t, remembered(t, b), "82", "and what was written with it stays")

		b.nc.Close()
		accepted := b.unknown.note(testContext(t), "83", time.Now(), 1)
		require.True(t, errors.Is(accepted, ErrUnavailable), accepted)
	})
}
