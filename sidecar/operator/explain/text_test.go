package explain

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write what is said now into testdata")

const rule = "\n--------\n"

// Each file of testdata is what the database answered and, under a line, what is
// said of it. Times are Berlin's.
func TestTheAnswerInWords(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			given, want, _ := strings.Cut(string(content), rule)
			var a answer
			require.NoError(t, json.Unmarshal([]byte(given), &a))
			got := a.text(berlin, false)
			if *update {
				require.NoError(t, os.WriteFile(file, []byte(strings.TrimSpace(given)+"\n"+rule[1:]+got), 0o644))
				return
			}
			require.Equal(t, want, got)
			require.NotContains(t, got, "\x1b")
			require.Equal(t, got, plain(a.text(berlin, true)), "colours change nothing else")
		})
	}
}

// What a page is given says the same as a terminal.
func TestThePiecesAreThoseOfTheText(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			content, err := os.ReadFile(file)
			require.NoError(t, err)
			given, text, _ := strings.Cut(string(content), rule)
			w, err := Describe(json.RawMessage(given), Question{}, "Europe/Berlin")
			require.NoError(t, err)
			said := append([]string{w.Answer, "Rule: " + w.Rule}, slices.Concat(w.Lesson, w.Others, w.Remarks, w.App, w.Notes)...)
			for _, told := range w.Told {
				said = append(said, told.At, told.They, told.Name, told.By)
			}
			for _, held := range w.Meetings {
				said = append(said, held.Title, held.Number, held.From, held.Counted, held.Verdict)
			}
			for _, words := range said {
				require.Contains(t, text, words)
			}
			if len(w.Told) == 0 {
				require.Contains(t, text, w.Untold)
			}
			require.Equal(t, strings.Contains(text, "What Zoom told"), len(w.Told) > 0)
			if !w.Forgotten {
				require.Equal(t, strings.Count(text, "░")+strings.Count(text, "█") > 0, w.To.After(w.From))
				if w.To.After(w.From) {
					require.Contains(t, text, w.Enough)
				}
			}
		})
	}
	_, err = Describe(json.RawMessage(`{"outcome":"unknown_student"}`), Question{Student: "nobody"}, "UTC")
	require.ErrorIs(t, err, ErrNothing)
	_, err = Describe(json.RawMessage(`[]`), Question{}, "UTC")
	require.Error(t, err)
}

// plain takes the colours off.
func plain(text string) string {
	for _, code := range []string{"0", "1", "2", "32"} {
		text = strings.ReplaceAll(text, "\x1b["+code+"m", "")
	}
	return text
}

func TestANameIsShownAndNeverObeyed(t *testing.T) {
	var a answer
	require.NoError(t, json.Unmarshal([]byte(`{"outcome":"ok","student":{"name":"Ben\u001b[2J\u202eLind\n"},"date":"2026-03-02",
		"meeting":{"title":"M\u0007"},"rule":"r","events":[{"at":"2026-03-02T08:00:00Z","kind":"joined","name":"\u009b31m"}]}`), &a))
	text := a.text(time.UTC, false)
	for _, bad := range []string{"\x1b", "\u202e", "\a", "\u009b"} {
		require.NotContains(t, text, bad)
	}
	require.Contains(t, text, `Ben\u001b[2J\u202eLind\u000a`)
}

func TestALengthIsSpeltAsTheDatabaseDoes(t *testing.T) {
	for seconds, words := range map[int]string{0: "0 seconds", 1: "1 second", 60: "1 minute", 61: "1 minute 1 second", 1390: "23 minutes 10 seconds", 7200: "120 minutes"} {
		require.Equal(t, words, spelt(seconds))
	}
}

// answering is a project that answers one thing.
type answering struct {
	body   string
	err    error
	asked  *Question
	closed *bool
}

func (p answering) Explain(_ context.Context, meeting, student, date string) (json.RawMessage, error) {
	*p.asked = Question{meeting, student, date}
	return json.RawMessage(p.body), p.err
}
func (p answering) Timezone() string { return "meeting" }
func (p answering) Close()           { *p.closed = true }

func TestTheCommand(t *testing.T) {
	down := errors.New("nobody answers")
	const lesson = `"meeting":{"number":"81234567890","title":"Mathematics 7b","timezone":"Asia/Tokyo"}`
	for _, test := range []struct {
		name, body string
		arguments  []string
		err        error
		says       []string // on standard output, or in the error
	}{
		{name: "explains", body: `{"outcome":"ok",` + lesson + `,"student":{"name":"Maria Oliveira"},"rule":"r","events":[{"at":"2026-03-02T08:00:00Z","kind":"joined"}]}`, says: []string{"Maria Oliveira", "17:00:00", "times in Asia/Tokyo"}},
		{name: "shows the object", arguments: []string{"--json"}, body: `{"outcome":"ok","new":1}`, says: []string{"{\n  \"outcome\": \"ok\",\n  \"new\": 1\n}\n"}},
		{name: "knows no meeting", body: `{"outcome":"unknown_meeting"}`, err: ErrNothing, says: []string{"81234567890"}},
		{name: "knows no student", body: `{"outcome":"unknown_student"}`, err: ErrNothing, says: []string{"maria@school.test"}},
		{name: "knows no lesson", body: `{"outcome":"no_lesson",` + lesson + `,"date":"2026-03-03","latest":"2026-03-02"}`, err: ErrNothing, says: []string{"2026-03-03", "the latest was on 2026-03-02"}},
		{name: "knows no lesson at all", body: `{"outcome":"no_lesson",` + lesson + `,"date":null,"latest":null}`, err: ErrNothing, says: []string{"nothing that Zoom told is known to be of Mathematics 7b"}},
		{name: "cannot ask", err: down, says: []string{"ask the project: nobody answers"}},
		{name: "does not know the outcome", body: `{"outcome":"maybe"}`, says: []string{"maybe"}, err: errAny},
		{name: "needs a date", arguments: []string{"--date", "yesterday"}, says: []string{"--date"}, err: errAny},
	} {
		t.Run(test.name, func(t *testing.T) {
			var asked Question
			var closed bool
			var out strings.Builder
			project := answering{body: test.body, asked: &asked, closed: &closed}
			if test.err == down {
				project.err = down
			}
			command := Command(func() (Project, error) { return project, nil })
			command.SilenceErrors = true
			command.SetArgs(append([]string{"--meeting", "812 3456-7890", "--student", " maria@school.test"}, test.arguments...))
			command.SetOut(&out)
			err := command.ExecuteContext(t.Context())
			said := out.String()
			switch {
			case test.err == nil:
				require.NoError(t, err)
			case test.err == errAny:
				require.Error(t, err)
				require.NotErrorIs(t, err, ErrNothing)
				said = err.Error()
			default:
				require.ErrorIs(t, err, test.err)
				said = err.Error()
			}
			for _, part := range test.says {
				require.Contains(t, said, part)
			}
			if len(test.arguments) == 0 {
				require.Equal(t, Question{Meeting: "81234567890", Student: "maria@school.test"}, asked)
				require.True(t, closed)
			}
		})
	}
}

// errAny stands for an error of no particular kind.
var errAny = errors.New("any")
