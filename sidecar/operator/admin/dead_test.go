package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/inbox"
)

func TestDeadLettersAreListedWithoutAnythingPersonalAndShownWithAll(t *testing.T) {
	w := newWorld(t, nil)
	w.set(everything, nil)
	w.accept(joined("81234567890", 1), `{"event":"meeting.participant_left","payload":{"object":{"id":81234567891}}}`, private)

	out, err := w.sidecar("dead", "list")
	require.NoError(t, err)
	for _, words := range []string{"meeting.participant_joined", "81234567890", "meeting.participant_left", "81234567891", "webhook", "(unknown)", "refused by the database", "3 of 3"} {
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
	require.Equal(t, "meeting.participant_joined", page.Letters[0].Kind)
	require.Equal(t, "webhook", page.Letters[0].Source)
	require.Equal(t, uint64(1), page.Letters[0].Number)
	require.NotContains(t, out, private, "a list names nobody, whoever reads it")

	out, err = w.sidecar("dead", "show", "--json", "1")
	require.NoError(t, err)
	var letter letterView
	require.NoError(t, json.Unmarshal([]byte(out), &letter), out)
	require.Contains(t, string(letter.Body), "meeting.participant_joined")
}

func TestAShellIsOfferedTheNumbers(t *testing.T) {
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
	require.Equal(t, "1 put back\n2 put back\n3 is not there\n", out)
	require.ElementsMatch(t, []string{joined("81234567890", 1), joined("81234567890", 2)}, w.await(2))
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

// database says what it refused, or why it does not.
type database struct {
	answer string
	err    error
}

func (d database) RefusedRows(_ context.Context, most int) (json.RawMessage, error) {
	if most != listDefault {
		return nil, fmt.Errorf("asked for %d", most)
	}
	return json.RawMessage(d.answer), d.err
}

type paused struct{}

func (paused) Error() string   { return "540 at 198.51.100.7" }
func (paused) Meaning() string { return "the project is paused; resume it in the dashboard" }

func TestRowsThatTheSchoolsDatabaseRefusedAreListedApart(t *testing.T) {
	const rows = `{"of": 7, "rows": [{"table": "attendance_records", "student": "Pia\u001b[2J Pupil", "class": "7b", "meeting": null, "date": "2026-03-02",
		"wanted": "present", "reason": "only_on_weekdays", "code": "23514", "since": "2026-03-02T08:45:00+00:00", "tried_at": "2026-03-02T09:45:00+00:00"}]}`
	for sentence, c := range map[string]struct {
		school   School
		says     []string
		saysNone []string
	}{
		"some": {database{answer: rows}, []string{"0 of 0 dead letters", "Rows that the school's database refused", "attendance_records", "Pupil", "7b", "2026-03-02",
			"present", "23514", "only_on_weekdays", "1 of 7 refused rows"}, []string{"\x1b"}},
		"none":                            {database{answer: `{"of": 0, "rows": []}`}, []string{"0 of 0 dead letters"}, []string{"refused"}},
		"nobody tells":                    {nil, []string{"0 of 0 dead letters"}, []string{"refused"}},
		"the database does not answer":    {database{err: paused{}}, []string{"0 of 0 dead letters", "cannot be told: the project is paused; resume it"}, []string{"198.51"}},
		"it answers with something else":  {database{answer: `[]`}, []string{"cannot be told: the database did not answer as it should"}, nil},
		"it fails with what says nothing": {database{err: errors.New("odd, at 198.51.100.7")}, []string{"cannot be told: the database did not answer as it should"}, []string{"198.51"}},
	} {
		t.Run(sentence, func(t *testing.T) {
			w := newWorld(t, func(o *Options) { o.School = c.school })
			out, err := w.sidecar("dead", "list")
			require.NoError(t, err)
			for _, words := range c.says {
				require.Contains(t, out, words)
			}
			for _, words := range c.saysNone {
				require.NotContains(t, out, words)
			}
			require.NotContains(t, w.log.String(), "Pia", "a log names nobody")
		})
	}
	w := newWorld(t, func(o *Options) { o.School = database{answer: rows} })
	out, err := w.sidecar("dead", "list", "--json")
	require.NoError(t, err)
	var page listView
	require.NoError(t, json.Unmarshal([]byte(out), &page))
	require.Equal(t, 7, page.Refused.Of)
	require.Equal(t, "only_on_weekdays", page.Refused.Rows[0].Reason)
}

func TestUnknownMeetingsAreToldByNumber(t *testing.T) {
	w := newWorld(t, nil)
	status, body := w.ask("GET", "/unknown", "Bearer "+testToken)
	require.Equal(t, 200, status)
	require.JSONEq(t, `{"meetings": []}`, body)

	w.say("unknown_meeting")
	w.accept(joined("81234567890", 1), joined("81234567890", 2))
	status, body = w.ask("GET", "/unknown", "Bearer "+testToken)
	require.Equal(t, 200, status)
	var answer struct{ Meetings []inbox.UnknownMeeting }
	require.NoError(t, json.Unmarshal([]byte(body), &answer))
	require.Len(t, answer.Meetings, 1)
	require.Equal(t, "81234567890", answer.Meetings[0].Meeting)
	require.Equal(t, 2, answer.Meetings[0].Count)
	require.True(t, answer.Meetings[0].Last.After(answer.Meetings[0].First))
	status, _ = w.ask("GET", "/unknown", "")
	require.Equal(t, 401, status)
}
