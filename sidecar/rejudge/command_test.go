package rejudge_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"zoom-attendance/sidecar/rejudge"
	"zoom-attendance/sidecar/zoom"
)

// rejudges runs the command on the school.
func (s school) rejudges(words ...string) (said, progress string, err error) {
	s.t.Helper()
	var out, bar bytes.Buffer
	c := rejudge.Command(func() (rejudge.School, error) { return s.client(slog.New(slog.DiscardHandler), nil), nil })
	c.SilenceErrors = true // as the root has it
	c.SetArgs(words)
	c.SetOut(&out)
	c.SetErr(&bar)
	err = c.ExecuteContext(s.t.Context())
	return out.String(), bar.String(), err
}

// applies has the database take events.
func (s school) applies(bodies [][]byte) {
	s.t.Helper()
	var facts []zoom.Fact
	for _, body := range bodies {
		fact, err := zoom.Decode(body, time.Now())
		require.NoError(s.t, err)
		facts = append(facts, fact)
	}
	_, err := s.client(slog.New(slog.DiscardHandler), nil).Apply(s.t.Context(), facts)
	require.NoError(s.t, err)
}

// heldThenAddressGiven holds a lesson with a student in it, and gives the address of
// that student to another one afterwards.
func (s school) heldThenAddressGiven() {
	s.enrols()
	s.meets("81234567890")
	s.applies(lesson("81234567890"))
	s.await("present")
	s.exec(`
		insert into users (id, email, name, role) values (md5('other')::uuid, 'other@school.test', 'Otto Other', 'student');
		insert into class_students (class_id, student_id) values (md5('c')::uuid, md5('other')::uuid);
		update users set email = 'pia-before@school.test' where id = md5('s')::uuid;
		update users set email = 'pia@school.test' where id = md5('other')::uuid`)
}

func TestLessonsAreJudgedAnewByHand(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.heldThenAddressGiven()
	s.exec(`
		insert into classes (name, grade, section, subject) values ('8a', '', '', ''), ('8a', '', '', ''), ('9c', '', '', '')`)
	present := func() (names []string) {
		rows, err := s.DB().Query(t.Context(), `select name from attendance_records join users on users.id = student_id where status = 'present' order by name`)
		require.NoError(t, err)
		for rows.Next() {
			var name string
			require.NoError(t, rows.Scan(&name))
			names = append(names, name)
		}
		require.NoError(t, rows.Err())
		return names
	}

	for _, words := range []string{"--meeting 81234567890", "--meeting 812-3456-7890", "--class 7B", "--date 2026-03-02", "--since 2026-03-01T08:00:00Z", "--since 2026-03-02 --class 7b"} {
		said, _, err := s.rejudges(append(strings.Fields(words), "--dry-run")...)
		require.NoError(t, err, words)
		require.Equal(t, "1 lesson, 1 run\n", said, words)
	}
	for _, words := range []string{"--class 9c", "--date 2026-03-01", "--since 2026-03-03", "--meeting 81234567890 --date 1d"} {
		said, progress, err := s.rejudges(strings.Fields(words)...)
		require.NoError(t, err, words)
		require.Equal(t, "0 lessons, 0 runs\n", said, words)
		require.Empty(t, progress)
	}
	require.Equal(t, []string{"Pia Pupil"}, present())

	said, progress, err := s.rejudges("--class", "7b")
	require.NoError(t, err)
	require.Equal(t, "1 lesson, 1 run\n1 run judged anew\n", said)
	require.Equal(t, "1 of 1\n", progress)
	require.Equal(t, []string{"Pia Pupil"}, present(), "whose address it was then")

	said, _, err = s.rejudges("--class", "7b", "--as-of", "now", "--json")
	require.NoError(t, err)
	require.JSONEq(t, `{"outcome": "ok", "lessons": 1, "runs": 1, "left": 0}`, said)
	require.Contains(t, present(), "Otto Other", "whose address it is now")

	for words, says := range map[string]string{
		"--meeting 81234567899": "no meeting of the school has the number 81234567899",
		"--class 6z":            "no class of the school has the name or id 6z",
		"--class 8a":            "several classes have the name 8a; say which by its id:\n  --class ",
	} {
		said, _, err := s.rejudges(strings.Fields(words)...)
		require.ErrorIs(t, err, rejudge.ErrNothing, words)
		require.ErrorContains(t, err, says)
		require.Empty(t, said)
	}
	said, _, err = s.rejudges("--class", "8a", "--json")
	require.ErrorIs(t, err, rejudge.ErrNothing)
	var answer struct{ Classes []struct{ ID, Name string } }
	require.NoError(t, json.Unmarshal([]byte(said), &answer))
	require.Len(t, answer.Classes, 2)
}

func TestAMeetingThatCannotBeJudgedIsNamedAndTheCommandEnds(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.heldThenAddressGiven()
	s.exec(`
		create function public.slow() returns trigger language plpgsql as $$ begin raise exception 'too slow' using errcode = '57014'; end $$;
		create trigger slow before insert or update or delete on attendance_records for each row execute function public.slow()`)
	said, _, err := s.rejudges("--meeting", "81234567890", "--as-of", "now")
	require.ErrorContains(t, err, "not all could be judged")
	require.Equal(t, "1 lesson, 1 run\n1 run could not be judged now; the sidecar tries again, at most an hour later\n  meeting 81234567890: 57014\n", said)
}

func TestWhatIsWrongWithTheQuestionIsSaid(t *testing.T) {
	t.Parallel()
	for words, says := range map[string]string{
		"":                             "at least one of the flags",
		"--meeting 7b":                 "--meeting must be a number of Zoom's",
		"--date tomorrow":              "--date must be a date or a time of the past",
		"--since tomorrow":             "--since must be a date or a time of the past",
		"--since 1h --as-of yesterday": "--as-of takes now alone",
		"--since 1h more":              "unknown command",
	} {
		c := rejudge.Command(func() (rejudge.School, error) { panic("nobody asks") })
		c.SilenceErrors = true
		c.SetArgs(strings.Fields(words))
		c.SetOut(&bytes.Buffer{})
		require.ErrorContains(t, c.ExecuteContext(t.Context()), says, words)
	}
}

func TestAProjectThatDoesNotAnswerIsSaid(t *testing.T) {
	t.Parallel()
	s := newSchool(t)
	s.StopPostgREST()
	_, _, err := s.rejudges("--since", "1h")
	require.ErrorContains(t, err, "ask the project")
}
