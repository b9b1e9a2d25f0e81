package unmatched

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/inbox"
)

// answering is a project that answers one thing.
type answering struct {
	body   string
	err    error
	asked  *int
	closed *bool
}

func (p answering) Unmatched(_ context.Context, most int) (json.RawMessage, error) {
	*p.asked = most
	return json.RawMessage(p.body), p.err
}
func (p answering) Close() { *p.closed = true }

const two = `{"of": 3, "items": [
	{"reason": "run_without_lesson", "id": "e01", "number": "81234567890", "title": "Algebra\u001b[2J", "host": "Tom Berg", "class": "7b", "since": "2026-03-02T16:00:00+00:00",
		"says": "It was held with people, and that counts for nothing: it was not planned for that time.", "remedy": "An admin plans it."},
	{"reason": "shared_address", "id": null, "number": null, "title": null, "host": null, "class": null, "since": null,
		"says": "Several users have one e-mail in other letters: Ana, Ben.", "remedy": "An admin gives each their own."}]}`

func TestTheList(t *testing.T) {
	down := errors.New("nobody answers")
	at := time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)
	numbers := []inbox.UnknownMeeting{
		{Meeting: "85550001111", Count: 14, First: at, Last: at.Add(time.Hour)},
		{Meeting: "85550002222", Count: 1, First: at, Last: at},
	}
	for _, test := range []struct {
		name, body   string
		err          error
		numbers      []inbox.UnknownMeeting
		numbersErr   error
		arguments    []string
		want         string // all of it
		says, faults []string
		fails        bool
	}{
		{name: "nothing", body: `{"of": 0, "items": []}`, want: "There is nothing that cannot be matched.\n"},
		{name: "two of three, and numbers", body: two, numbers: numbers, want: `Algebra\u001b[2J · class 7b · 81234567890 · 2026-03-02
  It was held with people, and that counts for nothing: it was not planned for that time.
  An admin plans it.

Users with one e-mail
  Several users have one e-mail in other letters: Ana, Ben.
  An admin gives each their own.

And 1 more: --most 3 shows them all.

Meeting 85550001111
  No row of the school has this number. 14 events came of it, the last at 2026-03-02 09:00:00 UTC.
  If it is a meeting of the school, an admin enters it with that number: what is kept of it is applied within seconds.

Meeting 85550002222
  No row of the school has this number. 1 event came of it, the last at 2026-03-02 08:00:00 UTC.
  If it is a meeting of the school, an admin enters it with that number: what is kept of it is applied within seconds.

`},
		{name: "no sidecar runs", body: two, numbersErr: down, says: []string{"Ana, Ben"}, faults: []string{"which numbers no row of the school has: nobody answers"}, fails: true},
		{name: "no project answers", err: down, numbers: numbers, says: []string{"85550001111"}, faults: []string{"what cannot be matched: ask the project: nobody answers"}, fails: true},
		{name: "something else answers", body: `[]`, faults: []string{"something else than items"}, fails: true},
		{name: "for programs", body: two, numbersErr: down, arguments: []string{"--json"}, says: []string{`"reason": "run_without_lesson"`, `"unknown_meetings_fault": "nobody answers"`}, fails: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked int
			var closed bool
			var at string
			command := Command(Places{
				Open: func() (Project, error) { return answering{test.body, test.err, &asked, &closed}, nil },
				Numbers: func(_ context.Context, admin string) ([]inbox.UnknownMeeting, error) {
					at = admin
					return test.numbers, test.numbersErr
				},
				Admin: "http://127.0.0.1:9090",
			})
			command.SilenceErrors = true
			var out, faults strings.Builder
			command.SetArgs(append([]string{"--most", "2"}, test.arguments...))
			command.SetOut(&out)
			command.SetErr(&faults)
			err := command.ExecuteContext(t.Context())
			require.Equal(t, test.fails, err != nil, err)
			require.Equal(t, []any{2, true, "http://127.0.0.1:9090"}, []any{asked, closed, at})
			if test.want != "" {
				require.Equal(t, test.want, out.String())
			}
			for _, part := range test.says {
				require.Contains(t, out.String(), part)
			}
			for _, part := range test.faults {
				require.Contains(t, faults.String(), part)
			}
			require.NotContains(t, out.String()+faults.String(), "\x1b")
		})
	}
}

func TestTheListForPrograms(t *testing.T) {
	var asked int
	var closed bool
	var out strings.Builder
	command := Command(Places{
		Open:    func() (Project, error) { return answering{two, nil, &asked, &closed}, nil },
		Numbers: func(context.Context, string) ([]inbox.UnknownMeeting, error) { return nil, nil },
	})
	command.SetArgs([]string{"--json"})
	command.SetOut(&out)
	require.NoError(t, command.ExecuteContext(t.Context()))
	require.Equal(t, listDefault, asked)
	var told struct {
		Of      int
		Items   []struct{ Reason, Says, Remedy string }
		Unknown []inbox.UnknownMeeting `json:"unknown_meetings"`
	}
	require.NoError(t, json.Unmarshal([]byte(out.String()), &told))
	require.Equal(t, 3, told.Of)
	require.Len(t, told.Items, 2)
	require.NotNil(t, told.Unknown, "an empty list is one")
}

func TestTheListNeedsSettingsAndANumber(t *testing.T) {
	missing := errors.New("SUPABASE_URL is missing")
	command := Command(Places{Open: func() (Project, error) { return nil, missing }})
	command.SilenceErrors = true
	command.SetArgs(nil)
	require.ErrorIs(t, command.ExecuteContext(t.Context()), missing)
	command.SetArgs([]string{"--most", "0"})
	require.ErrorContains(t, command.ExecuteContext(t.Context()), "--most")
}
