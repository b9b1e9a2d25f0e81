package inbox

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rescueAt is when these tests set an inbox aside.
var rescueAt = time.Date(2026, 3, 2, 9, 30, 0, 0, time.FixedZone("", 3600))

func agree(Report) error { return nil }

func uncounted(int) {}

// inBlock counts the events in a block.
func inBlock(t *testing.T, path string) (n int) {
	t.Helper()
	blocks, err := blocksOf(filepath.Dir(filepath.Dir(path)), streamEvents, subjectEvents)
	require.NoError(t, err)
	for _, b := range blocks {
		if b.path == path {
			_, err := b.read(func(record) error { n++; return nil })
			require.NoError(t, err)
		}
	}
	return n
}

// tree is the sum of every file but the lock.
func tree(t *testing.T, dir string) map[string][32]byte {
	t.Helper()
	sums := map[string][32]byte{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || entry.Name() == "lock" {
			return err
		}
		text, err := os.ReadFile(path)
		sums[path[len(dir):]] = sha256.Sum256(text)
		return err
	}))
	return sums
}

func TestOfADamagedInboxOnlyWhatCannotBeReadIsLost(t *testing.T) {
	const all, settled = 30, 17
	last := func(blocks []string) string { return blocks[len(blocks)-1] }
	cases := map[string]struct {
		// spoil returns how many events are lost by it.
		spoil func(t *testing.T, o Options, blocks []string) int
		again bool // how far it was settled is lost, too: all are handed out again
	}{
		"the last block lost its end": {func(t *testing.T, _ Options, blocks []string) int { truncate(t, last(blocks), 100); return 1 }, false},
		"the last block is empty": {func(t *testing.T, _ Options, blocks []string) int {
			n := inBlock(t, last(blocks))
			require.NoError(t, os.Truncate(last(blocks), 0))
			return n
		}, false},
		"the last block is gone": {func(t *testing.T, _ Options, blocks []string) int {
			n := inBlock(t, last(blocks))
			remove(t, last(blocks))
			return n
		}, false},
		"a middle block lost its end": {func(t *testing.T, _ Options, blocks []string) int { truncate(t, blocks[2], 100); return 1 }, false},
		"a middle block is gone": {func(t *testing.T, _ Options, blocks []string) int {
			n := inBlock(t, blocks[2])
			remove(t, blocks[2])
			return n
		}, false},
		"an event in the middle is scrambled": {func(t *testing.T, _ Options, blocks []string) int { scramble(t, blocks[2], 1<<20); return 1 }, false},
		"the length of an event is scrambled": {func(t *testing.T, _ Options, blocks []string) int { scramble(t, blocks[2], 0); return 1 }, false},
		"an event at the end is scrambled":    {func(t *testing.T, _ Options, blocks []string) int { scramble(t, last(blocks), 1<<20); return 1 }, false},
		"a settled event is scrambled":        {func(t *testing.T, _ Options, blocks []string) int { scramble(t, blocks[0], 1<<20); return 1 }, false},
		"a block gives a disk error": {func(t *testing.T, _ Options, blocks []string) int {
			n := inBlock(t, blocks[2])
			remove(t, blocks[2])
			require.NoError(t, os.Mkdir(blocks[2], 0o700)) // which cannot be read either
			return n
		}, false},
		"the stream does not know itself": {func(t *testing.T, o Options, _ []string) int { remove(t, storeFiles(t, o, "meta.inf")[0]); return 0 }, false},
		"its description is spoilt": {func(t *testing.T, o Options, _ []string) int {
			scramble(t, storeFiles(t, o, "meta.inf")[0], 10)
			return 0
		}, false},
		"the note of the last group is spoilt": {func(t *testing.T, o Options, _ []string) int {
			scramble(t, watermarkFile(o.Dir, streamEvents), 0)
			return 0
		}, false},
		"how far it was settled is lost, and a block": {func(t *testing.T, o Options, blocks []string) int {
			n := inBlock(t, blocks[2])
			remove(t, blocks[2])
			remove(t, checkpointFile(o.Dir, streamEvents))
			remove(t, streamDir(o, "KV_"+bucketMarks))
			return n
		}, true},
		"the stream is gone": {func(t *testing.T, o Options, _ []string) int { remove(t, streamDir(o, streamEvents)); return all }, false},
		"everything the server wrote is gone": {func(t *testing.T, o Options, _ []string) int {
			remove(t, filepath.Join(o.Dir, "jetstream"))
			return all
		}, false},
	}
	store := writeStore(t)
	for name, c := range cases {
		for _, end := range []string{"after a clean end", "after a kill"} {
			t.Run(name+" "+end, func(t *testing.T) {
				t.Parallel()
				o, blocks := copyStore(t, store)
				o.Dir = filepath.Join(o.Dir, "..", filepath.Base(o.Dir)) // as an operator may write it
				if end == "after a kill" {
					remove(t, storeFiles(t, o, "msgs", "index.db")[0])
				}
				lost := c.spoil(t, o, blocks)
				if b, err := Open(testContext(t), o); err == nil { // damage among settled events does not keep it shut
					shut(t, b)
				} else {
					require.ErrorIs(t, err, ErrDamaged)
				}

				report, err := Inspect(testContext(t), o.Dir)
				require.NoError(t, err)
				require.True(t, report.Damaged(), "%+v", report)
				require.Equal(t, all-lost, report.Streams[0].Waiting+report.Streams[0].Settled, "%+v", report)
				before := tree(t, o.Dir)

				done, err := SetAside(testContext(t), o, rescueAt, agree, uncounted)
				require.NoError(t, err)
				require.Equal(t, filepath.Clean(o.Dir)+".damaged-20260302T083000Z", done.OldDir)
				require.Equal(t, before, tree(t, done.OldDir), "the old one is kept as it was")
				require.Equal(t, all-lost, done.Waiting+done.Settled)
				if c.again {
					require.Zero(t, done.Settled)
				} else {
					require.LessOrEqual(t, done.Settled, settled)
					require.LessOrEqual(t, done.Waiting, all-settled)
				}
				report, err = Inspect(testContext(t), o.Dir)
				require.NoError(t, err)
				require.False(t, report.Damaged(), "%+v", report)

				b := open(t, o)
				seen := map[byte]bool{}
				for _, d := range take(t, b, done.Waiting) {
					require.False(t, seen[d.Body()[0]], "it comes once")
					seen[d.Body()[0]] = true
					require.NoError(t, d.Done(testContext(t)))
				}
				requireNothing(t, b)
			})
		}
	}
}

func TestWhatIsBroughtOverIsAsItWas(t *testing.T) {
	o := Options{Dir: filepath.Join(t.TempDir(), "inbox")}
	b := open(t, o)
	accept(t, b, "put off", "given up", "given up and dropped", "waits")
	due := time.Now().Add(time.Hour)
	var waits time.Time
	for _, d := range take(t, b, 4) {
		switch string(d.Body()) {
		case "put off":
			require.NoError(t, d.Later(testContext(t), time.Hour))
		case "waits":
			waits = d.AcceptedAt()
		default:
			require.NoError(t, second(d.Bury(testContext(t), "it is "+string(d.Body()))))
		}
	}
	for letter, err := range b.DeadLetters(testContext(t), 0) {
		require.NoError(t, err)
		if string(letter.Body) == "given up and dropped" {
			require.NoError(t, b.Drop(testContext(t), letter.ID))
		}
	}
	shut(t, b)

	moved := 0
	done, err := SetAside(testContext(t), o, rescueAt, agree, func(events int) { moved = events })
	require.NoError(t, err)
	require.Equal(t, Rescued{OldDir: done.OldDir, Waiting: 2, Settled: 3, Dead: 1}, done)
	require.Equal(t, 6, moved)
	_, all, err := inspect(testContext(t), o.Dir)
	require.NoError(t, err)
	putOff := 0
	_, err = storedOf(all, streamLater).each(testContext(t), func(r record) error {
		putOff++
		when, err := time.Parse(time.RFC3339Nano, r.header.Get(headerDue))
		require.NoError(t, err)
		require.WithinDuration(t, due, when, time.Minute)
		events, err := readGroup(r.header, r.data)
		require.NoError(t, err)
		require.Equal(t, "put off", string(events[0].body))
		require.Equal(t, 2, events[0].attempt)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 1, putOff)

	b = open(t, o)
	letters := 0
	for letter, err := range b.DeadLetters(testContext(t), 0) {
		require.NoError(t, err)
		require.Equal(t, "given up", string(letter.Body))
		require.Equal(t, "it is given up", letter.Reason)
		letters++
	}
	require.Equal(t, 1, letters)
	d := take(t, b, 1)[0]
	require.Equal(t, "waits", string(d.Body()))
	require.Equal(t, waits, d.AcceptedAt())
}

func TestTheNumbersOfUnknownMeetingsAreBroughtOver(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, o Options)
		lost  bool // which they were cannot be told: all events come again
	}{
		"as they were":             {func(*testing.T, Options) {}, false},
		"a number can not be read": {func(t *testing.T, o Options) { scramble(t, storedIn(t, o, "KV_"+bucketUnknown), 60) }, true},
		"a write that was cut off": {func(t *testing.T, o Options) { appendTo(t, storedIn(t, o, "KV_"+bucketUnknown), "torn") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{Dir: filepath.Join(t.TempDir(), "inbox")}
			b := open(t, o)
			accept(t, b, ofNumber("81", 0), ofNumber("82", 1), ofNumber("83", 2), ofNumber("81", 3), ofNumber("84", 4))
			for i, d := range take(t, b, 5) {
				if i == 4 {
					require.NoError(t, d.Done(testContext(t)), "its meeting was known")
					continue
				}
				require.NoError(t, d.Unknown(testContext(t), []string{"81", "82", "83", "81"}[i]))
			}
			recalled := make(chan error, 1)
			go func() { _, err := b.Recall(testContext(t), []string{"83"}); recalled <- err }()
			require.NoError(t, take(t, b, 1)[0].Done(testContext(t)))
			require.NoError(t, <-recalled)
			was := remembered(t, b)
			require.Len(t, was, 2)
			shut(t, b)
			c.spoil(t, o)

			done, err := SetAside(testContext(t), o, rescueAt, agree, uncounted)
			require.NoError(t, err)
			b = open(t, o)
			if c.lost {
				require.Equal(t, 5, done.Waiting)
				require.Len(t, take(t, b, 5), 5)
				return
			}
			require.Equal(t, was, remembered(t, b))
			requireNothing(t, b)
			events := make(chan int, 1)
			go func() {
				n, err := b.Recall(testContext(t), []string{"81", "83", "84"})
				recalled <- err
				events <- n
			}()
			for range 2 {
				d := take(t, b, 1)[0]
				require.Contains(t, string(d.Body()), `"81"`)
				require.NoError(t, d.Done(testContext(t)))
			}
			require.NoError(t, <-recalled)
			require.Equal(t, 2, <-events)
		})
	}
}

// storedIn is the only block of a stream.
func storedIn(t *testing.T, o Options, stream string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(streamDir(o, stream), "msgs", "*.blk"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	return files[0]
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = f.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func TestALookAtASoundInboxFindsNothingAndChangesNothing(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, o Options){
		"after a clean end": func(*testing.T, Options) {},
		"after a kill":      func(t *testing.T, o Options) { remove(t, storeFiles(t, o, "msgs", "index.db")[0]) },
		"after a write that was cut short": func(t *testing.T, o Options) {
			blocks := storeFiles(t, o, "msgs", "*.blk")
			f, err := os.OpenFile(blocks[len(blocks)-1], os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(make([]byte, 1000))
			require.NoError(t, errors.Join(err, f.Close()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := writeStore(t)
			end(t, o)
			before := tree(t, o.Dir)
			report, err := Inspect(testContext(t), o.Dir)
			require.NoError(t, err)
			require.False(t, report.Damaged(), "%+v", report)
			require.Equal(t, StreamReport{Name: streamEvents, Groups: 30, Waiting: 13, Settled: 17}, report.Streams[0])
			require.Equal(t, before, tree(t, o.Dir))
		})
	}
}

func TestDroppedDeadLettersAreNoDamage(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	accept(t, b, "one", "two", "three")
	for _, d := range take(t, b, 3) {
		require.NoError(t, second(d.Bury(testContext(t), "why")))
	}
	for _, id := range []uint64{2, 3, 1} {
		require.NoError(t, b.Drop(testContext(t), id))
		shut(t, b)
		report, err := Inspect(testContext(t), o.Dir)
		require.NoError(t, err)
		require.False(t, report.Damaged(), "%+v", report)
		b = open(t, o)
	}
}

func TestRemovedOldEventsAreNoDamage(t *testing.T) {
	o := Options{Dir: t.TempDir(), Retention: time.Millisecond}
	b := open(t, o)
	for range 5 {
		accept(t, b, "one", "two", "three")
		for _, d := range take(t, b, 3) {
			require.NoError(t, d.Done(testContext(t)))
		}
		b.now = func() time.Time { return time.Now().Add(time.Hour) }
		b.keepHouse(testContext(t))
		b.keepHouse(testContext(t))
	}
	shut(t, b)
	report, err := Inspect(testContext(t), o.Dir)
	require.NoError(t, err)
	require.False(t, report.Damaged(), "%+v", report)
}

func TestWhatIsNotThereOrInUseIsNotLookedAt(t *testing.T) {
	empty := t.TempDir()
	for _, dir := range []string{empty, filepath.Join(empty, "none")} {
		_, err := Inspect(testContext(t), dir)
		require.ErrorIs(t, err, ErrNone)
		require.ErrorContains(t, err, dir)
	}
	entries, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, entries, "and nothing is made")

	o := Options{Dir: filepath.Join(empty, "inbox")}
	b := open(t, o)
	_, err = Inspect(testContext(t), o.Dir)
	require.ErrorIs(t, err, ErrLocked)
	_, err = SetAside(testContext(t), o, rescueAt, agree, uncounted)
	require.ErrorIs(t, err, ErrLocked)
	require.NoError(t, b.Ready(), "the sidecar is not disturbed")
}

func TestSettingAsideThatFailsLeavesAllAsItWas(t *testing.T) {
	no := errors.New("no")
	stopped, stop := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		ctx   context.Context
		agree func(Report) error
		err   error
	}{
		"when it is not agreed to":   {t.Context(), func(Report) error { return no }, no},
		"when it is stopped halfway": {stopped, func(Report) error { stop(); return nil }, context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			o, parent := writeStore(t), t.TempDir()
			require.NoError(t, os.Rename(o.Dir, filepath.Join(parent, "inbox")))
			o.Dir = filepath.Join(parent, "inbox")
			before := tree(t, o.Dir)
			_, err := SetAside(c.ctx, o, rescueAt, c.agree, uncounted)
			require.ErrorIs(t, err, c.err)
			require.Equal(t, before, tree(t, o.Dir))
			entries, err := os.ReadDir(parent)
			require.NoError(t, err)
			require.Len(t, entries, 1)
		})
	}
}

func TestANewInboxIsSaidToBeOne(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	require.True(t, b.dir.made)
	shut(t, b)
	require.False(t, open(t, o).dir.made)
}
