package admin

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDeadLettersAreListedWithoutAnythingPersonalAndShownWithAll(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), `{"event":"meeting.participant_left","payload":{"object":{"id":81234567891}}}`, private)

	out, err := w.sidecar("dead", "list")
	require.NoError(t, err)
	for _, words := range []string{"meeting.participant_joined", "81234567890", "meeting.participant_left (incomplete)", "81234567891", "(unknown)", "refused by the database", "3 of 3"} {
		require.Contains(t, out, words)
	}
	require.NotContains(t, out, private)
	require.NotContains(t, out, "ada@")
	_, answer := w.ask("GET", "/dead", "Bearer "+testToken)
	require.NotContains(t, answer, private)

	out, err = w.sidecar("dead", "show", "1")
	require.NoError(t, err)
	require.Contains(t, out, `  "event": "meeting.participant_joined",`)
	require.Contains(t, out, private)
	out, err = w.sidecar("dead", "show", "3")
	require.NoError(t, err)
	require.Contains(t, out, fmt.Sprintf("%q", private))
	_, err = w.sidecar("dead", "show", "4")
	require.ErrorContains(t, err, "no such dead letter")

	w.log.await(t, "show dead letter")
	require.NotContains(t, w.log.String(), private, "one line for each action, never a body")
}

func TestDeadLettersAreToldToProgramsToo(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), private)

	out, err := w.sidecar("dead", "list", "--json")
	require.NoError(t, err)
	var page listView
	require.NoError(t, json.Unmarshal([]byte(out), &page), out)
	require.Equal(t, 2, page.Total)
	require.Equal(t, "81234567890", page.Letters[0].Meeting)
	require.NotContains(t, out, private, "a list names nobody, whoever reads it")

	out, err = w.sidecar("dead", "show", "--json", "1")
	require.NoError(t, err)
	var letter letterView
	require.NoError(t, json.Unmarshal([]byte(out), &letter), out)
	require.Contains(t, string(letter.Body), "meeting.participant_joined")
}

func TestAShellIsOfferedTheIds(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), joined("81234567890", 2))
	out, err := w.sidecar("dead", "__complete", "drop", "1", "")
	require.NoError(t, err)
	require.Contains(t, out, "2\tmeeting.participant_joined, refused by the database")
	require.NotContains(t, out, "1\t", "it is there already")
	require.NotContains(t, out, private)
}

func TestALongListGoesOnFromPageToPage(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	for n := range 5 {
		w.accept(joined("81234567890", n))
	}
	out, err := w.sidecar("dead", "list", "--most", "2")
	require.NoError(t, err)
	require.Contains(t, out, "2 of 5 dead letters\nfor more: --after 2")
	out, err = w.sidecar("dead", "list", "--most", "2", "--after", "3")
	require.NoError(t, err)
	require.Contains(t, out, "2 of 5")
	require.NotContains(t, out, "for more")
}

func TestADeadLetterIsAppliedWhenTheCauseIsMended(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), joined("81234567890", 2))

	out, err := w.sidecar("dead", "replay", "1")
	require.NoError(t, err)
	require.Contains(t, out, "1 put back")
	w.await(1) // it is not mended yet
	out, err = w.sidecar("dead", "list")
	require.NoError(t, err)
	require.Contains(t, out, "2 of 2")

	w.set(nil, nil)
	out, err = w.sidecar("dead", "replay", "1", "2", "3")
	require.ErrorIs(t, err, errSome)
	require.Equal(t, "1 is not there\n2 put back\n3 put back\n", out)
	require.Equal(t, []string{joined("81234567890", 2), joined("81234567890", 1)}, w.await(2))
	out, err = w.sidecar("dead", "list")
	require.NoError(t, err)
	require.Equal(t, "0 of 0 dead letters\n", out)
}

func TestAllDeadLettersAreReplayed(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	for n := range 20 {
		w.accept(joined("81234567890", n))
	}
	w.set(nil, nil)
	out, err := w.sidecar("dead", "replay", "--all")
	require.NoError(t, err)
	require.Contains(t, out, "20 dead letters put back")
	w.await(20)
	w.log.await(t, `events=20 action="replay all dead letters"`)
	out, err = w.sidecar("dead", "list")
	require.NoError(t, err)
	require.Contains(t, out, "0 of 0")
}

func TestADeadLetterIsDropped(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), joined("81234567890", 2))
	out, err := w.sidecar("dead", "drop", "1", "7")
	require.ErrorIs(t, err, errSome)
	require.Equal(t, "1 dropped\n7 is not there\n", out)
	out, err = w.sidecar("dead", "list")
	require.NoError(t, err)
	require.Contains(t, out, "1 of 1")
	w.log.await(t, `letters=1 action="drop dead letter"`)
}

func TestASlipOnTheCommandLineDoesNothing(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1))
	for _, args := range [][]string{
		{"dead", "drop", "1", "x"}, {"dead", "drop"}, {"dead", "replay"}, {"dead", "replay", "--all", "1"}, {"dead", "show", "1", "2"}, {"dead", "list", "--most", "0"},
	} {
		_, err := w.sidecar(args...)
		require.Error(t, err, args)
	}
	out, err := w.sidecar("dead", "list")
	require.NoError(t, err)
	require.Contains(t, out, "1 of 1")
}

func TestATerminalObeysNoName(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept("{\"event\":\"meeting.ended\",\"name\":\"\u009b2J\u202eevil\"}")
	out, err := w.sidecar("dead", "show", "1")
	require.NoError(t, err)
	require.Contains(t, out, `\u009b2J\u202eevil`)
}
