package inbox

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// statesOf are the states of all rows, by the number of its event.
func statesOf(t *testing.T, in Inbox) map[int]string {
	t.Helper()
	states := map[int]string{}
	s := in.(*sqliteInbox)
	faults, err := checkRows(testContext(t), s.db().read, 0, s.db().last, func(r row) { states[childNumber(r.Body)] = r.state })
	require.NoError(t, err)
	require.Empty(t, faults)
	return states
}

func TestAKillInTheMiddleLosesNothingThatWasAnswered(t *testing.T) {
	for name, job := range map[string]string{
		"while a relay has some in flight": "accept",
		"while events are settled":         "settle",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			told := newClaims()
			for round := range 4 {
				c := startChild(t, job, dir, childEnvironment(round*100_000, 0)...)
				c.answers(t, 200)
				c.cut(t)
				told = told.with(c.claims)
				require.NoError(t, loss(t.Context(), dir, told))
			}
		})
	}
}

// A settlement is in the file when an event is answered that came after it. Those that
// are not may come again.
func TestAKillHandsNothingOutAgainWhoseSettlingWasWritten(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "settle", dir)
	c.answers(t, 400)
	c.cut(t)
	in := open(t, Options{Dir: dir})
	states, written := statesOf(t, in), 0
	for n, answers := range c.claims.settledAt {
		if len(c.claims.answered)-answers > childSenders { // and so one sender began and had an answer since
			require.NotEqual(t, "waiting", states[n], "event %d", n)
			written++
		}
	}
	require.Greater(t, written, 30)
}

func TestALockEndsWithItsProcess(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "accept", dir)
	c.answers(t, 1)
	_, err := Open(testContext(t), Options{Dir: dir})
	require.ErrorIs(t, err, ErrLocked)
	require.ErrorContains(t, err, dir)
	_, err = Inspect(testContext(t), dir)
	require.ErrorIs(t, err, ErrLocked)
	c.answers(t, 100) // it is not disturbed
	c.cut(t)
	require.NoError(t, loss(t.Context(), dir, c.claims))
}

func TestAReaderBesideItDisturbsNothing(t *testing.T) {
	dir := t.TempDir()
	c := startChild(t, "settle", dir)
	c.answers(t, 100)
	reader, counted := startChild(t, "read", dir), 0
	reader.until(t, func(line string) bool {
		c.answers(t, 50)
		n, err := strconv.Atoi(strings.TrimPrefix(line, "read "))
		require.NoError(t, err)
		require.Positive(t, n)
		counted++
		return counted == 4
	})
	c.cut(t)
	require.NoError(t, loss(t.Context(), dir, c.claims), "while the reader is there")
	reader.cut(t)
	require.NoError(t, loss(t.Context(), dir, c.claims))
}

func TestAKillOfAReaderLeavesTheInboxAsItWas(t *testing.T) {
	dir := t.TempDir()
	in := open(t, Options{Dir: dir})
	accept(t, in, "1 one")
	reader := startChild(t, "read", dir)
	reader.until(t, func(string) bool { return true })
	reader.cut(t)
	accept(t, in, "2 two")
	require.Equal(t, []string{"1 one", "2 two"}, bodies(take(t, in, 2)))
}
