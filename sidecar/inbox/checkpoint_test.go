package inbox

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressIsReadAsItWasWritten(t *testing.T) {
	for name, c := range map[string]struct {
		floor   uint64
		settled []uint64
		text    string
	}{
		"nothing":                  {0, nil, `{"floor":0}`},
		"in order":                 {0, []uint64{1, 2, 3}, `{"floor":3}`},
		"backwards":                {0, []uint64{3, 2, 1}, `{"floor":3}`},
		"one twice":                {0, []uint64{1, 1}, `{"floor":1}`},
		"below the floor":          {7, []uint64{3, 7}, `{"floor":7}`},
		"behind one that waits":    {4, []uint64{6}, `{"floor":4,"beyond":[[6,6]]}`},
		"behind several":           {0, []uint64{9, 3, 4, 2, 7, 8}, `{"floor":0,"beyond":[[2,4],[7,9]]}`},
		"when those are settled":   {0, []uint64{9, 3, 4, 2, 7, 8, 5, 6, 1}, `{"floor":9}`},
		"of a stream in its prime": {1<<63 + 1, []uint64{1<<63 + 2}, `{"floor":9223372036854775810}`},
	} {
		t.Run(name, func(t *testing.T) {
			p := progress{floor: c.floor}
			for _, seq := range c.settled {
				p.settle(seq)
			}
			text, err := p.encode()
			require.NoError(t, err)
			require.Contains(t, string(text), " "+c.text+"\n")
			read, err := decodeProgress(text)
			require.NoError(t, err)
			require.Equal(t, p.floor, read.floor)
			for seq := p.floor; seq < p.floor+12; seq++ {
				require.Equal(t, p.settled(seq), read.settled(seq), "%d", seq)
			}
		})
	}
}

func TestProgressRaisedOverWhatIsSettledBehind(t *testing.T) {
	var p progress
	for _, seq := range []uint64{2, 5, 6, 9} {
		p.settle(seq)
	}
	p.raise(4)
	require.Equal(t, uint64(6), p.floor)
	require.Equal(t, map[uint64]bool{9: true}, p.beyond)
	p.raise(3)
	require.Equal(t, uint64(6), p.floor)
}

func TestSpoiltProgressIsNeverBelieved(t *testing.T) {
	p := progress{floor: 41}
	for _, seq := range []uint64{44, 45, 60} {
		p.settle(seq)
	}
	text, err := p.encode()
	require.NoError(t, err)
	for at := range text[:len(text)-1] { // the end of the line says nothing
		for bit := range 8 {
			spoilt := append([]byte(nil), text...)
			spoilt[at] ^= 1 << bit
			_, err := decodeProgress(spoilt)
			require.Error(t, err, "%q", spoilt)
		}
		_, err := decodeProgress(text[:at])
		require.Error(t, err, "%q", text[:at])
	}
}

// A kill leaves the files as they are at that moment, and so does a copy.
func TestAfterAKillOnlyWhatWasNotSettledComesAgain(t *testing.T) {
	o := Options{Dir: t.TempDir(), MaxBytes: 20 << 20}
	b := open(t, o)
	accept(t, b, "held", "settled", "also settled", "waits")
	for _, d := range take(t, b, 3)[1:] {
		require.NoError(t, d.Done(testContext(t)))
	}
	want, err := b.events.checkpoint.now.encode()
	require.NoError(t, err)
	require.Contains(t, string(want), `"beyond":[[2,3]]`)
	require.Eventually(t, func() bool {
		text, err := os.ReadFile(checkpointFile(o.Dir, streamEvents))
		return err == nil && string(text) == string(want)
	}, 10*time.Second, time.Millisecond)

	killed := Options{Dir: t.TempDir(), MaxBytes: o.MaxBytes}
	require.NoError(t, os.CopyFS(killed.Dir, os.DirFS(o.Dir)))
	b = open(t, killed)
	require.Equal(t, []string{"held", "waits"}, bodies(take(t, b, 2)))
	requireNothing(t, b)
}

// The server's own file had none: scrambled, it passed over events in silence
// or kept the server from starting.
func TestTheServerKeepsNothingOfItsOwnAboutWhatIsSettled(t *testing.T) {
	o := Options{Dir: t.TempDir()}
	b := open(t, o)
	accept(t, b, "one")
	require.NoError(t, take(t, b, 1)[0].Done(testContext(t)))
	shut(t, b)
	found, err := filepath.Glob(filepath.Join(streamsIn(o.Dir), "*", "obs", "*", "*"))
	require.NoError(t, err)
	require.Empty(t, found)
}

func TestACheckpointThatCannotBeWrittenSaysSoOnceAndIsWrittenLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "unmounted")
		var said bytes.Buffer
		c := newCheckpoint(checkpointFile(dir, streamEvents), progress{}, slog.New(slog.NewTextHandler(&said, nil)))
		ctx, stop := context.WithCancel(t.Context())
		go c.keep(ctx)
		for range 3 {
			c.settle(1)
			time.Sleep(checkpointPause)
			synctest.Wait()
		}
		require.Equal(t, 1, bytes.Count(said.Bytes(), []byte("could not be noted")), said.String())
		require.NoError(t, os.Mkdir(dir, 0o700))
		c.settle(2)
		time.Sleep(checkpointPause)
		synctest.Wait()
		text, err := os.ReadFile(c.path)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("%s {\"floor\":2}\n", sumOf([]byte(`{"floor":2}`))), string(text))
		stop()
	})
}
