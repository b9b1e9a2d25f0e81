package relay_test

import (
	"context"
	"errors"
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

var errDown = refusal{cause: "connection"}

func TestEveryOutcomeSettlesItsEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(events(3)...)
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			outcomes := all(zoom.Applied, facts)
			for i, f := range facts {
				switch f.Segment {
				case "1":
					outcomes[i] = zoom.Duplicate
				case "2":
					outcomes[i] = zoom.UnknownMeeting
				}
			}
			return outcomes, nil
		}), relay.Options{})
		synctest.Wait()
		require.Equal(t, []string{"applied", "duplicate", "unknown_meeting"}, s.histories())
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_events_total", "outcome", "applied"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_events_total", "outcome", "duplicate"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_events_total", "outcome", "unknown_meeting"))
		require.Equal(t, 2.0, k.value(t, "sidecar_relay_delay_seconds"), "from the door to the rows, where there are rows")
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_batch_events"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_settle_seconds"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"))
	})
}

func TestABatchIsOneCallAndNoLargerThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		s := newShelf(events(250)...)
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			sizes = append(sizes, len(facts))
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 1, Batch: 100})
		require.NoError(t, s.settled(t.Context()))
		require.Equal(t, []int{100, 100, 50}, sizes)
	})
}

func TestAnUnknownMeetingIsSettledAtOnceAndKeptByItsNumber(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, calls := time.Now(), 0
		s := newShelf(event("0"))
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			calls++
			return all(zoom.UnknownMeeting, facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Equal(t, 1, calls)
		require.Equal(t, began, time.Now())
		require.Equal(t, []string{"unknown_meeting"}, s.histories())
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_events_total", "outcome", "unknown_meeting"))
		require.Equal(t, 0.0, k.value(t, "sidecar_relay_events_total", "outcome", "applied"))
		require.Empty(t, k.log.Lines("Pia"))
		require.Empty(t, k.log.Lines("school.test"))
	})
}

func TestAnOutcomeFromANewerDatabaseIsKeptByItsNumberAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"))
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all("ask_the_oracle", facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{"unknown_meeting"}, s.histories())
		require.Len(t, k.log.Lines("does not know", "ask_the_oracle"), 1)
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_events_total", "outcome", "unrecognised"))
	})
}

func TestABodyThatIsNoEventIsBuriedAndTheOthersGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"), []byte(`not even JSON from pupil@school.test`), event("2"))
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		h := s.histories()
		require.Equal(t, "applied", h[0])
		require.Contains(t, h[1], "bury cannot be read: ")
		require.NotContains(t, h[1], "school.test")
		require.Equal(t, "applied", h[2])
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_dead_letters_total", "code", "undecodable"))
		require.Len(t, k.log.Lines("dead letter", "letters=17"), 1)
	})
}

// Its meeting's number is what an operator searches the log for.
func TestAnEventThatNamesNobodyIsBuriedUnderTheNumberOfItsMeeting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf([]byte(`{"event":"meeting.participant_left","payload":{"object":{"id":"81234567890","participant":{"user_id":""}}}}`))
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Contains(t, s.histories()[0], "bury cannot be read: it names nobody")
		require.Len(t, k.log.Lines("dead letter", "meeting="+meeting), 1)
	})
}

func TestAFactSaysWhenTheDoorAcceptedIt(t *testing.T) {
	bare := []byte(`{"event":"meeting.ended","payload":{"object":{"id":"81234567890"}}}`)
	s := newShelf(event("0"), bare)
	var got []zoom.Fact
	start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
		got = append(got, facts...)
		return all(zoom.Applied, facts), nil
	}), relay.Options{Workers: 1})
	require.NoError(t, s.settled(t.Context()))
	require.Len(t, got, 2)
	for i, fact := range got {
		require.Equal(t, s.all[i].accepted.UTC().Truncate(time.Microsecond), fact.Accepted)
	}
	require.NotZero(t, got[0].At)
	require.Empty(t, got[0].BodyHash)
	require.Zero(t, got[1].At)
	require.NotEmpty(t, got[1].BodyHash)
}

func TestOnlyTheEventsToBlameAreBuried(t *testing.T) {
	for name, poisoned := range map[string][]string{
		"one among many":     {"61"},
		"the first":          {"0"},
		"the last":           {"99"},
		"two neighbours":     {"31", "32"},
		"two far apart":      {"3", "96"},
		"none of them alone": {},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				s := newShelf(events(100)...)
				k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
					calls++
					for _, f := range facts {
						if slices.Contains(poisoned, f.Segment) || len(poisoned) == 0 && len(facts) > 30 {
							return nil, fmt.Errorf("wrapped: %w", refusal{cause: "22P02", data: true})
						}
					}
					return all(zoom.Applied, facts), nil
				}), relay.Options{Workers: 1})
				began := time.Now()
				require.NoError(t, s.settled(t.Context()))
				synctest.Wait()
				require.Equal(t, began, time.Now(), "a refusal of the data is not waited for")
				require.LessOrEqual(t, calls, 1+2*7*max(1, len(poisoned)))
				for i, h := range s.histories() {
					want := "applied"
					if slices.Contains(poisoned, fmt.Sprint(i)) {
						want = "bury refused by the database: 22P02, meaning of 22P02"
					}
					require.Equal(t, want, h, i)
				}
				require.Equal(t, float64(len(poisoned)), k.value(t, "sidecar_relay_dead_letters_total", "code", "22P02"))
				require.Equal(t, 1.0, k.value(t, "sidecar_relay_destination_up"), "it answers")
			})
		})
	}
}

func TestTooMuchAtOnceIsTriedInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		s := newShelf(events(24)...)
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) > 0 {
				sizes = append(sizes, len(facts))
			}
			if len(facts) > 2 {
				return nil, refusal{cause: "57014", tooMuch: true}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{Workers: 1})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		for _, h := range s.histories() {
			require.Equal(t, "applied", h, "none was put off")
		}
		require.Equal(t, []int{24, 6, 1, 2, 4, 1, 2}, sizes[:7])
		require.Empty(t, k.log.Lines("one meeting"))
	})
}

func TestOneEventThatTakesTooLongIsNeverGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := newShelf(event("0"))
		start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if len(facts) > 0 {
				calls++
			}
			if len(facts) > 0 && calls <= 20 {
				return nil, refusal{cause: "timeout", tooMuch: true}
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		require.True(t, strings.HasSuffix(s.histories()[0], "; applied"), s.histories()[0])
		require.Equal(t, 19, strings.Count(s.histories()[0], "put off"))
	})
}

func TestADatabaseThatAnswersTheWrongNumberSettlesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		s := newShelf(events(2)...)
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			if calls++; calls == 1 {
				return all(zoom.Applied, facts[:1]), nil
			}
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		require.NoError(t, s.settled(t.Context()))
		require.Equal(t, 3, calls, "an empty one between them")
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_retries_total", "code", "unexplained"))
	})
}

func TestAnInboxThatDoesNotSettleIsToldOfAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"), []byte(`nothing`))
		s.stuck = errors.New("disk of glass")
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		synctest.Wait()
		require.Equal(t, []string{"", ""}, s.histories(), "both come again")
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_settle_errors_total", "verb", "done"))
		require.Equal(t, 1.0, k.value(t, "sidecar_relay_settle_errors_total", "verb", "bury"))
		require.Equal(t, 0.0, k.value(t, "sidecar_relay_events_total", "outcome", "applied"))
		require.Len(t, k.log.Lines("disk of glass"), 2)
	})
}

func TestAnInboxThatDoesNotHandOutMakesTheRelayUnready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(event("0"))
		s.broken = errors.New("cluster out of reach")
		k := start(t, s, database(func(_ context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			return all(zoom.Applied, facts), nil
		}), relay.Options{})
		pass(10 * time.Minute)
		synctest.Wait()
		require.ErrorContains(t, k.Ready(), "cluster out of reach")
		require.LessOrEqual(t, len(k.log.Lines("does not hand out")), 11, "once a minute")

		s.change(func() { s.broken = nil })
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.NoError(t, k.Ready())
		require.Len(t, k.log.Lines("hands out events again"), 1)
	})
}

func TestReadyWhileRunningAndWhateverTheDatabaseDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.ErrorIs(t, relay.New(newShelf(), database(nil), relay.Options{}).Ready(), relay.ErrNotRunning)
		k := start(t, newShelf(event("0")), database(func(context.Context, []zoom.Fact) ([]zoom.Outcome, error) {
			return nil, errDown
		}), relay.Options{})
		synctest.Wait()
		require.NoError(t, k.Ready())
		k.end()
		require.ErrorIs(t, k.Ready(), relay.ErrNotRunning)
	})
}

func TestTwoRelaysShareOneInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var applied atomic.Int64
		d := database(func(ctx context.Context, facts []zoom.Fact) ([]zoom.Outcome, error) {
			pass(time.Millisecond)
			applied.Add(int64(len(facts)))
			return all(zoom.Applied, facts), nil
		})
		s := newShelf(events(1000)...)
		one := start(t, s, d, relay.Options{Batch: 10})
		two := start(t, s, d, relay.Options{Batch: 10})
		require.NoError(t, s.settled(t.Context()))
		synctest.Wait()
		require.Equal(t, int64(1000), applied.Load())
		require.Positive(t, one.value(t, "sidecar_relay_batch_events"))
		require.Positive(t, two.value(t, "sidecar_relay_batch_events"))
	})
}
