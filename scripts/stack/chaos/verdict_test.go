package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/oracle"
	"zoom-attendance/sidecar/zoom"
)

// What the verdict counts, fact by fact.
func TestEachFactIsJudged(t *testing.T) {
	now := time.Now()
	joined := zoom.Fact{Kind: zoom.Joined, Instance: "run", Segment: "1", At: now}
	none, one := []mark{}, []mark{{at: now, committed: now.Add(time.Second)}}
	for _, c := range []struct {
		name                           string
		entry                          entry
		marks                          []mark
		answered, settled, lost, twice int
	}{
		{"answered 200 and there", entry{fact: joined, answered: now}, one, 1, 1, 0, 0},
		{"answered 200 and not there", entry{fact: joined, answered: now}, none, 1, 0, 1, 0},
		{"there with a second time", entry{fact: joined, answered: now}, append(one, mark{at: now.Add(time.Second)}), 1, 1, 0, 1},
		{"never answered and not there", entry{fact: joined}, none, 0, 0, 0, 0},
		{"kept without an answer", entry{fact: joined}, one, 0, 0, 0, 0},
		{"refused and not there", entry{fact: joined, refused: true}, none, 0, 0, 0, 0},
		{"refused and there", entry{fact: joined, refused: true}, one, 0, 0, 0, 1},
		{"poison that was set aside", entry{fact: joined, answered: now, poison: true}, none, 1, 1, 0, 0},
		{"poison that was taken", entry{fact: joined, answered: now, poison: true}, one, 1, 0, 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v verdict
			v.judge(c.entry, c.marks)
			require.Equal(t, c.answered, v.answered)
			require.Equal(t, c.settled, v.settled)
			require.Len(t, v.lost, c.lost)
			require.Len(t, v.twice, c.twice)
		})
	}
}

func TestADifferenceCountsHowOften(t *testing.T) {
	require.Empty(t, difference([]string{"a", "b", "b"}, []string{"b", "a", "b"}))
	require.Equal(t, []string{"is:        b"}, difference([]string{"a", "b"}, []string{"a", "b", "b"}))
	require.Equal(t, []string{"should be: a"}, difference([]string{"a"}, nil))
}

// Every event of a lesson is one of its facts, and poison is still signed JSON.
func TestALessonIsEntered(t *testing.T) {
	w := &world{ledger: newLedger()}
	var school oracle.School
	events, err := w.ledger.enter(w.lesson(&school))
	require.NoError(t, err)
	require.Greater(t, len(events), len(w.ledger.all()), "some come twice")
	copies, poisoned := w.poisonSome(events, 2), 0
	for _, e := range events {
		fact, err := zoom.Decode(e.body, time.Time{})
		require.NoError(t, err)
		k := w.ledger.all()[e.key]
		require.Equal(t, e.key, keyOf(fact))
		require.Equal(t, k.poison, fact.Name == "Poison even" || fact.Name == "Poison odd")
		if k.poison {
			poisoned++
		}
	}
	require.GreaterOrEqual(t, poisoned, 2)
	require.Equal(t, copies, poisoned)
}

func TestAFaultThatDidNotBiteIsAFailure(t *testing.T) {
	f := fault{proof: []string{kills}}
	w := &world{bites: newTally()}
	require.ErrorContains(t, f.bit(w), "did not bite")
	w.bites.add(kills)
	require.NoError(t, f.bit(w))
}

func TestFaultsAreChosenByName(t *testing.T) {
	chosen, err := choose(options{only: []string{"poison", "kill"}})
	require.NoError(t, err)
	require.Equal(t, []string{"kill", "poison"}, []string{chosen[0].name, chosen[1].name})
	_, err = choose(options{only: []string{"flood"}})
	require.ErrorContains(t, err, "no fault")
	short, err := choose(options{short: true})
	require.NoError(t, err)
	require.Less(t, len(short), len(faults))
}
