package inbox

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// writeStore makes a store of several block files: thirty events of 500 kB,
// of which the first seventeen are settled.
func writeStore(t *testing.T) Options {
	t.Helper()
	o := Options{Dir: t.TempDir(), MaxBytes: 20 << 20}
	b := open(t, o)
	for i := range 30 {
		require.NoError(t, b.Accept(testContext(t), bytes.Repeat([]byte{byte('a' + i)}, 500<<10)))
	}
	for _, d := range take(t, b, 17) {
		require.NoError(t, d.Done(testContext(t)))
	}
	b.keepHouse(testContext(t))
	shut(t, b)
	return o
}

// copyStore copies a store for one test and names the files of its events.
func copyStore(t *testing.T, from Options) (o Options, blocks []string) {
	t.Helper()
	o = from
	o.Dir = t.TempDir()
	require.NoError(t, os.CopyFS(o.Dir, os.DirFS(from.Dir)))
	blocks = storeFiles(t, o, "msgs", "*.blk")
	require.GreaterOrEqual(t, len(blocks), 4)
	return o, blocks
}

func streamDir(o Options, stream string) string {
	return filepath.Join(o.Dir, "jetstream", "$G", "streams", stream)
}

func storeFiles(t *testing.T, o Options, pattern ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(append([]string{streamDir(o, streamEvents)}, pattern...)...))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func truncate(t *testing.T, file string, by int64) {
	t.Helper()
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.NoError(t, os.Truncate(file, info.Size()-by))
}

func scramble(t *testing.T, file string, at int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	require.NoError(t, err)
	_, err = f.WriteAt([]byte("scrambled"), at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

func remove(t *testing.T, path string) {
	t.Helper()
	_, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, os.RemoveAll(path))
}

func TestDamageIsNoticedAndNothingIsMadeAnew(t *testing.T) {
	last := func(blocks []string) string { return blocks[len(blocks)-1] }
	spoils := map[string]func(t *testing.T, o Options, blocks []string){
		"the last block lost its end":          func(t *testing.T, o Options, blocks []string) { truncate(t, last(blocks), 100) },
		"the last block is empty":              func(t *testing.T, o Options, blocks []string) { require.NoError(t, os.Truncate(last(blocks), 0)) },
		"a middle block lost its end":          func(t *testing.T, o Options, blocks []string) { truncate(t, blocks[2], 100) },
		"the first block is gone":              func(t *testing.T, o Options, blocks []string) { remove(t, blocks[0]) },
		"a block of settled events is gone":    func(t *testing.T, o Options, blocks []string) { remove(t, blocks[1]) },
		"a middle block is gone":               func(t *testing.T, o Options, blocks []string) { remove(t, blocks[2]) },
		"the last block is gone":               func(t *testing.T, o Options, blocks []string) { remove(t, last(blocks)) },
		"an event in the middle is scrambled":  func(t *testing.T, o Options, blocks []string) { scramble(t, blocks[2], 1<<20) },
		"an event at the end is scrambled":     func(t *testing.T, o Options, blocks []string) { scramble(t, last(blocks), 1<<20) },
		"the stream does not know itself":      func(t *testing.T, o Options, _ []string) { remove(t, storeFiles(t, o, "meta.inf")[0]) },
		"the stream's description is spoiled":  func(t *testing.T, o Options, _ []string) { scramble(t, storeFiles(t, o, "meta.inf")[0], 10) },
		"the stream is gone":                   func(t *testing.T, o Options, _ []string) { remove(t, streamDir(o, streamEvents)) },
		"the stream of those put off is gone":  func(t *testing.T, o Options, _ []string) { remove(t, streamDir(o, streamLater)) },
		"the stream of dead letters is gone":   func(t *testing.T, o Options, _ []string) { remove(t, streamDir(o, streamDead)) },
		"everything the server wrote is gone":  func(t *testing.T, o Options, _ []string) { remove(t, filepath.Join(o.Dir, "jetstream")) },
		"the note of the last group is spoilt": func(t *testing.T, o Options, _ []string) { scramble(t, watermarkFile(o.Dir, streamEvents), 0) },
	}
	store := writeStore(t)
	for name, spoil := range spoils {
		for _, end := range []string{"after a clean end", "after a kill"} {
			t.Run(name+" "+end, func(t *testing.T) {
				o, blocks := copyStore(t, store)
				if end == "after a kill" { // the server writes its index when it ends
					remove(t, storeFiles(t, o, "msgs", "index.db")[0])
				}
				spoil(t, o, blocks)
				for range 2 { // it does not heal by being looked at
					_, err := Open(testContext(t), o)
					require.ErrorIs(t, err, ErrDamaged)
					require.ErrorContains(t, err, o.Dir)
				}
			})
		}
	}
}

func TestWhatLosesNoEventIsNoDamage(t *testing.T) {
	cases := map[string]struct {
		spoil func(t *testing.T, o Options, blocks []string)
		come  int // events handed out afterwards
	}{
		"a write was torn that nobody was answered for": {func(t *testing.T, o Options, blocks []string) {
			whole, err := os.ReadFile(blocks[0])
			require.NoError(t, err)
			f, err := os.OpenFile(blocks[len(blocks)-1], os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.Write(whole[:100<<10])
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}, 13},
		"the index of the stream is gone":     {func(t *testing.T, o Options, _ []string) { remove(t, storeFiles(t, o, "msgs", "index.db")[0]) }, 13},
		"how far it was settled is forgotten": {func(t *testing.T, o Options, _ []string) { remove(t, checkpointFile(o.Dir, streamEvents)) }, 13},
		"how far it was settled is spoilt":    {func(t *testing.T, o Options, _ []string) { scramble(t, checkpointFile(o.Dir, streamEvents), 0) }, 13},
		"and the marks of the retention are gone": {func(t *testing.T, o Options, _ []string) {
			remove(t, checkpointFile(o.Dir, streamEvents))
			remove(t, streamDir(o, "KV_"+bucketMarks))
		}, 30},
		"the note of the last group is gone":  {func(t *testing.T, o Options, _ []string) { remove(t, watermarkFile(o.Dir, streamEvents)) }, 13},
		"the marks of the retention are gone": {func(t *testing.T, o Options, _ []string) { remove(t, streamDir(o, "KV_"+bucketMarks)) }, 13},
		"nothing happened":                    {func(t *testing.T, o Options, _ []string) {}, 13},
	}
	store := writeStore(t)
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o, blocks := copyStore(t, store)
			c.spoil(t, o, blocks)
			b := open(t, o)
			for _, d := range take(t, b, c.come) {
				require.NoError(t, d.Done(testContext(t)))
			}
			requireNothing(t, b)
			shut(t, b)
			requireNothing(t, open(t, o))
		})
	}
}
