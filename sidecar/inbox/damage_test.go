package inbox

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Damage is refused by name or does no harm. These cannot be told from what the sidecar
// itself writes, and are left out:
//
//   - SQL that changes state, state_at, attempt, outcome or reason as the rules of the table
//     allow: it does what settling and putting off do;
//   - all files of the directory gone: so looks a first start. A log line and a metric say
//     that a new inbox was made.
//
// Harmless, and allowed: what was written after the last event was answered for may be
// undone with the end of the log. A settlement comes again; a dead letter that was put
// back, and an event that was replayed, may be dead or settled as before. Attempt, outcome
// and reason are not under the sum: a bit in them may change.

// damageSample is an inbox that a child left, and what is in it.
type damageSample struct {
	dir   string
	rows  map[uint64]row
	last  uint64
	older string // the same inbox, earlier
	other string // another inbox
}

// damageSamples are an inbox that was killed, with a log, and the same that was closed.
func damageSamples(t *testing.T) (all []damageSample) {
	t.Helper()
	killed, closed := damageSampleIn(t.TempDir()), damageSampleIn(t.TempDir())
	workIn(t, killed.dir, 1)
	require.NoError(t, os.CopyFS(killed.older, os.DirFS(killed.dir)))
	workIn(t, killed.other, 2001)
	for first := 3001; len(outcomesOf(killed.rows)) < 4; first += 1000 { // waiting, dead, settled with two outcomes: what the kill leaves of them
		require.Less(t, first, 20_000)
		workIn(t, killed.dir, first)
		closed.dir = filepath.Join(t.TempDir(), "inbox")
		require.NoError(t, os.CopyFS(closed.dir, os.DirFS(killed.dir)))
		killed.rows, killed.last = rowsOf(t, closed.dir)
	}
	closed.rows, closed.last = killed.rows, killed.last
	require.Greater(t, len(closed.rows), 120)
	for from, to := range map[string]string{killed.older: closed.older, killed.other: closed.other} {
		require.NoError(t, os.CopyFS(to, os.DirFS(from)))
		shut(t, open(t, Options{Dir: to}))
	}
	return []damageSample{killed, closed}
}

func outcomesOf(rows map[uint64]row) map[string]bool {
	states := map[string]bool{}
	for _, r := range rows {
		states[r.state+r.outcome.String] = true
	}
	return states
}

func damageSampleIn(base string) damageSample {
	return damageSample{dir: filepath.Join(base, "inbox"), older: filepath.Join(base, "older"), other: filepath.Join(base, "other")}
}

func workIn(t *testing.T, dir string, first int) {
	t.Helper()
	c := startChild(t, "work", dir, append(childEnvironment(first, 200), childMax+"=268435456")...) // so much that the log grows long
	c.until(t, func(line string) bool { return strings.HasPrefix(line, "done") })
	c.cut(t)
}

// rowsOf are the rows of an inbox that is whole, and its last number.
func rowsOf(t *testing.T, dir string) (rows map[uint64]row, last uint64) {
	t.Helper()
	in := open(t, Options{Dir: dir}).(*sqliteInbox)
	rows = map[uint64]row{}
	faults, err := checkRows(testContext(t), in.db().read, 0, in.db().last, func(r row) { rows[r.number] = r })
	require.NoError(t, err)
	require.Empty(t, faults)
	last = in.db().last
	shut(t, in)
	return rows, last
}

// damage spoils a copy of a sample. It returns the number of the only event that it
// touched, 0 for none, or anyEvent.
type damage struct {
	name string
	do   func(t *testing.T, dir string, s damageSample, random *rand.Rand) (touched uint64)
}

const (
	anyEvent     = ^uint64(0)
	columnDamage = "a column of an event"
	noteDamage   = "a bit of inbox.last"
)

var damages = []damage{
	{"a bit of inbox.db", func(t *testing.T, dir string, _ damageSample, random *rand.Rand) uint64 {
		flipBit(t, filepath.Join(dir, databaseName), random)
		return anyEvent
	}},
	{"a bit of the log", func(t *testing.T, dir string, _ damageSample, random *rand.Rand) uint64 {
		flipBit(t, filepath.Join(dir, databaseName+"-wal"), random)
		return anyEvent
	}},
	{noteDamage, func(t *testing.T, dir string, _ damageSample, random *rand.Rand) uint64 {
		flipBit(t, filepath.Join(dir, watermarkName), random)
		return 0
	}},
	{"a page is zero", func(t *testing.T, dir string, _ damageSample, random *rand.Rand) uint64 {
		rewrite(t, filepath.Join(dir, databaseName+someOf(random, "", "-wal")), func(content []byte) []byte {
			at := random.IntN(max(len(content)/pageSize, 1)) * pageSize
			return put(content, make([]byte, min(pageSize, len(content)-at)), at)
		})
		return anyEvent
	}},
	{"a tail is cut", func(t *testing.T, dir string, _ damageSample, random *rand.Rand) uint64 {
		name := someOf(random, databaseName, databaseName+"-wal", watermarkName)
		rewrite(t, filepath.Join(dir, name), func(content []byte) []byte { return content[:random.IntN(len(content)+1)] })
		return anyEvent
	}},
	{"the log is missing", func(t *testing.T, dir string, _ damageSample, _ *rand.Rand) uint64 {
		discard(t, filepath.Join(dir, databaseName+"-wal"))
		return anyEvent
	}},
	{"inbox.db is missing", func(t *testing.T, dir string, _ damageSample, _ *rand.Rand) uint64 {
		discard(t, filepath.Join(dir, databaseName))
		return anyEvent
	}},
	{"inbox.last is missing", func(t *testing.T, dir string, _ damageSample, _ *rand.Rand) uint64 {
		discard(t, filepath.Join(dir, watermarkName))
		return 0
	}},
	{"an older copy", func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		replace(t, dir, s.older, someOf(random, []string{databaseName}, []string{databaseName + "-wal"}, []string{databaseName, databaseName + "-wal"}))
		return anyEvent
	}},
	{"a file of another inbox", func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		replace(t, dir, s.other, someOf(random, []string{databaseName}, []string{databaseName + "-wal"}, []string{databaseName, databaseName + "-wal"}, []string{watermarkName}))
		return anyEvent
	}},
	{"an older page", func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		old := contentOf(t, filepath.Join(s.older, databaseName))
		rewrite(t, filepath.Join(dir, databaseName), func(content []byte) []byte {
			at := random.IntN(max(min(len(old), len(content))/pageSize, 1)) * pageSize
			return put(content, old[at:min(at+pageSize, len(old))], at)
		})
		return anyEvent
	}},
	{"an older root of the index", func(t *testing.T, dir string, s damageSample, _ *rand.Rand) uint64 {
		old := contentOf(t, filepath.Join(s.older, databaseName))
		at := (rootOf(t, dir, "events_by_state") - 1) * pageSize
		rewrite(t, filepath.Join(dir, databaseName), func(content []byte) []byte { return put(content, old[at:at+pageSize], at) })
		return anyEvent
	}},
	{columnDamage, func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		number := numberOf(s, random)
		tamper(t, dir, fmt.Sprintf(someOf(random, columnDamages...), number))
		return number
	}},
	{"a row", func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		number := numberOf(s, random)
		tamper(t, dir, fmt.Sprintf("delete from events where number = %d", number))
		return number
	}},
	{"the book", func(t *testing.T, dir string, s damageSample, random *rand.Rand) uint64 {
		tamper(t, dir, someOf(random, "update book set id = 'another'", "update book set removed = removed - 1", "delete from book"))
		return 0
	}},
}

var columnDamages = []string{
	"update events set meeting = meeting || '0' where number = %d",
	"update events set kind = 'meeting.nothing' where number = %d",
	"update events set source = '' where number = %d",
	"update events set trace = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' where number = %d",
	"update events set accepted_at = accepted_at + 1 where number = %d",
	"update events set sum = sum + 1 where number = %d",
	"update events set body = cast(body || x'20' as blob) where number = %d",
	"update events set number = number + 1000000 where number = %d",
	"update events set state = 'lost' where number = %d",
	"update events set state = 'dead', outcome = null where number = %d",
	"update events set attempt = 0 where number = %d",
	"update events set outcome = case when outcome is null then 'applied' end where number = %d",
	"update events set reason = case when reason is null then 'none' end where number = %d",
}

func flipBit(t *testing.T, path string, random *rand.Rand) {
	t.Helper()
	rewrite(t, path, func(content []byte) []byte {
		if len(content) > 0 {
			content[random.IntN(len(content))] ^= 1 << random.IntN(8)
		}
		return content
	})
}

// rewrite changes a file, if it is there.
func rewrite(t *testing.T, path string, how func([]byte) []byte) {
	t.Helper()
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, how(content), 0o600))
}

func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

func discard(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		require.NoError(t, err)
	}
}

func someOf[T any](random *rand.Rand, all ...T) T { return all[random.IntN(len(all))] }

// replace puts files of another directory in place of some.
func replace(t *testing.T, dir, from string, names []string) {
	t.Helper()
	for _, name := range names {
		content, err := os.ReadFile(filepath.Join(from, name))
		if errors.Is(err, os.ErrNotExist) {
			discard(t, filepath.Join(dir, name))
			continue
		}
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
}

// connectTo is a connection as any program may have it.
func connectTo(t *testing.T, dir string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, databaseName)+"?_pragma=ignore_check_constraints(1)")
	require.NoError(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// tamper changes a file by SQL, past the rules of its tables.
func tamper(t *testing.T, dir string, statements ...string) {
	t.Helper()
	db := connectTo(t, dir)
	for _, statement := range statements {
		_, err := db.ExecContext(testContext(t), statement)
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
}

func rootOf(t *testing.T, dir, name string) (page int) {
	t.Helper()
	copied := filepath.Join(t.TempDir(), "copy")
	require.NoError(t, os.CopyFS(copied, os.DirFS(dir)))
	db := connectTo(t, copied)
	require.NoError(t, db.QueryRowContext(testContext(t), "select rootpage from sqlite_schema where name = ?", name).Scan(&page))
	require.NoError(t, db.Close())
	return page
}

func numberOf(s damageSample, random *rand.Rand) uint64 {
	return someOf(random, slices.Sorted(maps.Keys(s.rows))...)
}

func isRefusal(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrVersion) }

func setAsideNow(t *testing.T, dir string) Rescued {
	t.Helper()
	done, err := SetAside(testContext(t), Options{Dir: dir}, time.Now(), func(Report) error { return nil }, func(int) {})
	require.NoError(t, err)
	return done
}

func TestDamageIsRefusedByNameOrDoesNoHarm(t *testing.T) {
	rounds, random := roundsOf(t, "INBOX_ROUNDS", 200)
	samples, scratch := damageSamples(t), quickDirectory(t)
	refused := map[string]int{}
	for round := range rounds {
		s, d := someOf(random, samples...), damages[round%len(damages)]
		dir := filepath.Join(scratch, fmt.Sprint(round))
		require.NoError(t, os.CopyFS(dir, os.DirFS(s.dir)))
		touched := d.do(t, dir, s, random)
		t.Logf("round %d: %s, of %s, event %d", round, d.name, s.dir, touched)
		err := useDamaged(t, dir, s)
		if err != nil {
			require.True(t, isRefusal(err), "%v", err)
			require.ErrorContains(t, err, dir)
			if refused[d.name]++; d.name == columnDamage || refused[d.name]%3 == 1 { // to set all of them aside would take long
				requireRescue(t, dir, s, touched)
			}
		}
		require.NoError(t, os.RemoveAll(dir))
	}
	for _, d := range damages {
		if d.name != noteDamage { // its other slot says what it said
			require.NotZero(t, refused[d.name], d.name)
		}
	}
}

// useDamaged opens an inbox, looks through it and takes all that waits. It returns what
// refused that; otherwise nothing may be missing.
func useDamaged(t *testing.T, dir string, s damageSample) error {
	t.Helper()
	ctx := testContext(t)
	opened, err := Open(ctx, Options{Dir: dir})
	if err != nil {
		return err
	}
	in := opened.(*sqliteInbox)
	defer shut(t, in)
	if err := in.lookThrough(ctx, in.db().read); err != nil {
		if isCorrupt(err) {
			err = damaged(dir, err.Error())
		}
		return fmt.Errorf("%s: %w", dir, err)
	}
	found := map[uint64]row{}
	faults, err := checkRows(ctx, in.db().read, 0, in.db().last, func(r row) { found[r.number] = r })
	require.NoError(t, err)
	require.Empty(t, faults)
	for number, was := range s.rows {
		require.NotZero(t, found[number].number, "event %d is missing", number)
		requireSameEvent(t, was, found[number])
	}
	for number, r := range found {
		if r.state != "waiting" {
			delete(found, number)
		}
	}
	for len(found) > 0 {
		some, err := in.Next(ctx, 100)
		if err != nil {
			return err
		}
		for _, d := range some {
			require.Equal(t, found[d.Number()].Body, d.Body())
			delete(found, d.Number())
		}
	}
	return nil
}

// requireSameEvent holds if an event is as it was accepted, in a state that it has or had.
func requireSameEvent(t *testing.T, was, now row) {
	t.Helper()
	require.Equal(t, was.Event, now.Event)
	require.Equal(t, was.acceptedAt, now.acceptedAt)
	if was.state != now.state && now.state != "waiting" {
		require.Greater(t, was.attempt, 1, "event %d is %s, and was %s", was.number, now.state, was.state)
	}
}

// requireRescue sets a refused inbox aside. What can be read goes on in the new one.
func requireRescue(t *testing.T, dir string, s damageSample, touched uint64) {
	t.Helper()
	had := map[string]bool{}
	for _, name := range []string{databaseName, databaseName + "-wal"} {
		had[name], _ = exists(filepath.Join(dir, name))
	}
	done := setAsideNow(t, dir)
	for name, there := range had {
		if there {
			require.FileExists(t, filepath.Join(done.OldDir, name))
		}
	}
	in := open(t, Options{Dir: dir}).(*sqliteInbox)
	require.NoError(t, in.lookThrough(testContext(t), in.db().read))
	shut(t, in)
	rows, last := rowsOf(t, dir)
	require.Equal(t, done.Waiting+done.Settled+done.Dead, len(rows))
	for number, now := range rows {
		if was, ok := s.rows[number]; ok && bytesAreOf(was, now) {
			requireSameEvent(t, was, now)
		}
	}
	if touched == anyEvent {
		return
	}
	require.GreaterOrEqual(t, last, s.last)
	for number, was := range s.rows {
		if was.state == "waiting" {
			was.stateAt = 0 // what waits comes at once
		}
		if number != touched {
			require.Equal(t, was, rows[number])
		}
	}
}

// bytesAreOf reports whether a row is of this inbox: one of another has its own.
func bytesAreOf(was, now row) bool { return was.sum == now.sum }
